//! Hedging: where nothing came for a while, the next candidate is asked as well. The first to begin an answer is used,
//! the other is cancelled.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::Gateway;
use crate::dispatch::Outgoing;
use crate::error::GatewayError;
use crate::plan::Attempt;
use crate::reserve::find_room;
use crate::settle::{Settlement, Twin};
use crate::walk::{Answer, Failed, Walk};

/// Tries the current candidate, and the next one beside it where the plan says so. Afterwards `settlement` and `walk`
/// stand at the one whose outcome this is.
pub(super) async fn race(
    gateway: &Arc<Gateway>,
    walk: &mut Walk<'_>,
    outgoing: &Outgoing<'_>,
    settlement: &mut Settlement,
) -> Result<Answer, Failed> {
    let hedge = Hedge::of(walk, outgoing, settlement);
    let Some(hedge) = hedge else {
        return gateway
            .attempt(walk.tried(outgoing), outgoing, settlement)
            .await;
    };
    let mut second = None;
    let run = Run {
        gateway,
        walk,
        outgoing,
    };
    // Rare, and large: other calls do not carry its room.
    let outcome = Box::pin(run.run(hedge, settlement, &mut second)).await;
    let Outcome {
        attempted,
        lost,
        by,
    } = outcome;
    let Some(mut second) = second else {
        return attempted;
    };
    match by {
        // It was tried: it is not tried again.
        By::First => walk.rest = walk.rest.get(1..).unwrap_or_default(),
        By::Second => {
            std::mem::swap(settlement, &mut second);
            walk.go_on();
        }
    }
    second.outrun(lost.as_ref());
    attempted
}

/// The second attempt of a race, before it is begun.
struct Hedge<'a> {
    after: Duration,
    next: &'a Attempt,
    twin: Twin,
}

impl<'a> Hedge<'a> {
    /// A line of a batch is charged under one id: it is never raced.
    fn of(walk: &Walk<'a>, outgoing: &Outgoing<'_>, settlement: &Settlement) -> Option<Self> {
        let after = walk.plan.resilience.hedge_after?;
        let next = walk.rest.first()?;
        let twin = settlement
            .twin()
            .filter(|_| outgoing.inbound.behalf.is_none())?;
        Some(Self { after, next, twin })
    }
}

/// What came of a race.
struct Outcome {
    attempted: Result<Answer, Failed>,
    by: By,
    /// What the other one failed of, where it did before it was cancelled.
    lost: Option<GatewayError>,
}

#[derive(Clone, Copy)]
enum By {
    First,
    Second,
}

impl Outcome {
    fn first(attempted: Result<Answer, Failed>, lost: Option<GatewayError>) -> Self {
        Self {
            attempted,
            by: By::First,
            lost,
        }
    }

    fn second(attempted: Result<Answer, Failed>, lost: Option<GatewayError>) -> Self {
        Self {
            attempted,
            by: By::Second,
            lost,
        }
    }

    /// Both are over, and the second failed.
    fn after_second(first: Result<Answer, Failed>, second: Failed) -> Self {
        match first {
            Err(failed) if !failed.is_last => Self::second(Err(second), Some(failed.error)),
            attempted => Self::first(attempted, Some(second.error)),
        }
    }
}

struct Run<'a> {
    gateway: &'a Arc<Gateway>,
    walk: &'a Walk<'a>,
    outgoing: &'a Outgoing<'a>,
}

impl Run<'_> {
    /// `second` is filled once the second attempt is begun.
    async fn run(
        &self,
        hedge: Hedge<'_>,
        settlement: &mut Settlement,
        second: &mut Option<Settlement>,
    ) -> Outcome {
        let Self {
            gateway,
            walk,
            outgoing,
        } = *self;
        let Hedge { after, next, twin } = hedge;
        let first = gateway.attempt(walk.tried(outgoing), outgoing, settlement);
        let mut first = pin!(first);
        tokio::select! {
            biased;
            attempted = &mut first => return Outcome::first(attempted, None),
            () = sleep(after) => {}
        }
        // Only where there is room for both.
        let demand = outgoing.demand();
        let Ok(reserved) = find_room(gateway, walk.billed, demand, &next.target).await else {
            return Outcome::first(first.await, None);
        };
        let settlement = second.insert(twin.open(reserved, next));
        let other = gateway.attempt(walk.tried_next(next, outgoing), outgoing, settlement);
        let mut other = pin!(other);
        tokio::select! {
            biased;
            attempted = &mut first => match attempted {
                Err(failed) if !failed.is_last => Outcome::second(other.await, Some(failed.error)),
                attempted => Outcome::first(attempted, None),
            },
            attempted = &mut other => match attempted {
                Err(failed) => Outcome::after_second(first.await, failed),
                answered => Outcome::second(answered, None),
            },
        }
    }
}
