//! Who asks, and how their budget stands: what the conditions of a policy compare.

use otari_config::{Condition, PolicySpec};
use otari_store::accounts;
use otari_types::Amounts;

use crate::Gateway;
use crate::admit::Billed;
use crate::error::GatewayError;

/// One caller at one moment, real or simulated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Situation<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    /// `None` without a limit.
    pub(super) figures: Option<Figures>,
    /// The caller leaves the choice to routers.
    pub(super) routers_on: bool,
    /// How the learned router ranks the models of its entry; empty: as the policy names them. `None`: it declines.
    pub(super) ranking: Option<&'a [String]>,
    /// Of the conversation, where calls of one keep to one model.
    pub(super) conversation: Option<u64>,
}

/// What budget conditions compare. A figure that is not known matches nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) used_pct: Option<f64>,
    pub(super) remaining_usd: Option<f64>,
}

impl Situation<'_> {
    pub(super) fn meets(&self, when: &Condition) -> bool {
        let used = self.figures.and_then(|figures| figures.used_pct);
        let remaining = self.figures.and_then(|figures| figures.remaining_usd);
        when.budget_used_pct
            .is_none_or(|bound| used.is_some_and(|used| bound.holds(used)))
            && when
                .budget_remaining_usd
                .is_none_or(|bound| remaining.is_some_and(|left| bound.holds(left)))
            && when
                .user_id
                .as_ref()
                .is_none_or(|users| self.user.is_some_and(|user| users.contains(user)))
            && when
                .key_id
                .as_ref()
                .is_none_or(|keys| self.key.is_some_and(|key| keys.contains(key)))
    }
}

/// How the budget of the caller stands. Read only where a condition asks; `None` without a limit.
pub(super) async fn figures(
    gateway: &Gateway,
    spec: &PolicySpec,
    billed: &Billed,
) -> Result<Option<Figures>, GatewayError> {
    let asks =
        |when: &Condition| when.budget_used_pct.is_some() || when.budget_remaining_usd.is_some();
    let conditions = spec.select.iter().filter_map(|entry| entry.when.as_ref());
    if !conditions.into_iter().any(asks) {
        return Ok(None);
    }
    let rows = accounts::load(&gateway.store, billed.accounts()).await?;
    let standings = rows.iter().filter_map(|row| {
        let limit = row.limits.cost?;
        let held: Amounts = gateway.ledger.held(&row.id);
        let used = row.settled.cost + held.cost;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share in percent needs no exactness"
        )]
        let (limit, used) = (limit.0 as f64, used.0 as f64);
        let pct = if limit > 0.0 {
            used / limit * 100.0
        } else {
            100.0
        };
        Some((pct, (limit - used) / 1e9))
    });
    // The tightest decides.
    let tightest = standings.max_by(|a, b| a.0.total_cmp(&b.0));
    Ok(tightest.map(|(used_pct, remaining_usd)| Figures {
        used_pct: Some(used_pct),
        remaining_usd: Some(remaining_usd),
    }))
}
