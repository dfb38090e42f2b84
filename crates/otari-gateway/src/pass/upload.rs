//! A call with a form, made while the form arrives.
//!
//! It begins as soon as the fields before the first file are there, if `model` is among them, and for the operator's key
//! `user`, which says who pays; otherwise when those have come. Fields that come after the call has begun are judged
//! before the form's end is sent: until then a provider has nothing it could answer. If they are refused, the request is
//! broken off.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use otari_providers::{
    Answered, Feed, Operation, Outbound, Turns, UpstreamError, UpstreamErrorKind,
};
use tokio::time::{Instant, timeout_at};

use super::task::{At, Reading, Task};
use super::{Attempts, Read, Room, Undertaken, read, replied};
use crate::Gateway;
use crate::admit::{Admitted, is_billed_by_name};
use crate::call::Begun;
use crate::dispatch::{Post, address};
use crate::error::GatewayError;
use crate::form::{Form, UploadForm};
use crate::inbound::{Inbound, Reply};
use crate::reserve::Demand;

/// What is asked for with a form.
pub(crate) trait FormTask: Sync {
    fn operation(&self) -> Operation;

    /// Judges the fields that are known, and once the form is complete what is missing. Says what the call may cost.
    fn check(&self, form: &Form) -> Result<Demand, GatewayError>;

    /// Judges how long its files are so far.
    fn check_files(&self, _: &Form) -> Result<(), GatewayError> {
        Ok(())
    }

    /// Whether the provider gets the form itself.
    fn passes(&self, at: &At<'_>) -> Result<bool, GatewayError>;

    /// What another provider gets; its files were gathered.
    fn encode(
        &self,
        at: &At<'_>,
        form: &Form,
    ) -> impl Future<Output = Result<Task<'_>, GatewayError>> + Send;

    /// How the answer to the form itself is read.
    fn reading(&self, form: &Form) -> Reading<'_>;
}

impl Gateway {
    /// Makes the call at the first candidate that answers, and settles it.
    pub(crate) async fn pass_form(
        &self,
        inbound: &Inbound,
        task: &impl FormTask,
        upload: &mut UploadForm<'_>,
    ) -> Result<Reply, GatewayError> {
        let demand = self.read_who_asks(inbound, task, upload).await?;
        let form = upload.form();
        let is_judged = form.is_complete();
        let model = text(form, "model").unwrap_or_default().to_owned();
        let user = text(form, "user").map(str::to_owned);
        let mut begun = self.begin(inbound, user.as_deref(), &model, demand).await?;
        let Begun {
            admitted,
            plan,
            settlement,
        } = &mut begun;
        let attempts = FormAttempts {
            inbound,
            task,
            upload,
            admitted,
            demand,
            is_judged,
        };
        let undertaken = Undertaken {
            plan,
            billed: &admitted.billed,
            settlement,
        };
        let passed = self.attempts(attempts, undertaken, &inbound.underway);
        let passed = passed.await;
        replied(passed, admitted, settlement).await
    }

    /// Waits for the fields that a call cannot begin without.
    async fn read_who_asks(
        &self,
        inbound: &Inbound,
        task: &impl FormTask,
        upload: &mut UploadForm<'_>,
    ) -> Result<Demand, GatewayError> {
        let mut demand = task.check(upload.form())?;
        task.check_files(upload.form())?;
        let names_user = upload.form().value("user").is_some();
        let needs_user = !names_user && is_billed_by_name(self, inbound).await;
        loop {
            let form = upload.form();
            let has_user = !needs_user || form.value("user").is_some();
            if form.is_complete() || form.value("model").is_some() && has_user {
                return Ok(demand);
            }
            if upload.read(None).await? {
                demand = task.check(upload.form())?;
            }
            task.check_files(upload.form())?;
        }
    }
}

struct FormAttempts<'a, 'b, T> {
    inbound: &'a Inbound,
    task: &'a T,
    upload: &'a mut UploadForm<'b>,
    admitted: &'a Admitted,
    demand: Demand,
    /// Every field was there when the call began, or was judged since.
    is_judged: bool,
}

impl<T: FormTask> Attempts for FormAttempts<'_, '_, T> {
    fn demand(&self) -> Demand {
        self.demand
    }

    async fn attempt(&mut self, at: &At<'_>, room: &mut Room<'_>) -> Result<Read, GatewayError> {
        let passes = self.task.passes(at)?;
        if passes && at.instance.takes_uploads() {
            let answered = self.send(at, room).await?;
            let reading = self.task.reading(self.upload.form());
            let read = read(at, answered, reading).await;
            return read.map_err(|error| GatewayError::upstream(&at.instance.name, error));
        }
        if !self.upload.is_over() {
            while !self.upload.is_over() {
                self.read_on(at, room, None).await?;
            }
            room.settlement.asked_now();
        }
        let form = self.upload.gathered();
        let task = if passes {
            Task::one(form.message(at.model), self.task.reading(form))
        } else {
            self.task.encode(at, form).await?
        };
        let origin = &self.inbound.origin;
        room.carry_out(task, self.task.operation(), origin, at)
            .await
    }
}

impl<T: FormTask> FormAttempts<'_, '_, T> {
    /// Sends the form from its beginning, as far as it is there, and goes on with it as it arrives.
    async fn send(&mut self, at: &At<'_>, room: &mut Room<'_>) -> Result<Answered, GatewayError> {
        let post = Post {
            uri: address(at.instance, self.task.operation(), at.model, false)?,
            accept: self.task.reading(self.upload.form()).accept(),
            headers: HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                self.upload.form().content_type(),
            )]),
            body: Bytes::new(),
        };
        let outbound = post.outbound(&self.inbound.origin);
        let mut turns = room.gateway.transport.upload(at.instance);
        loop {
            let sent = self.send_once(outbound.clone(), &mut turns, at, room);
            match sent.await {
                Err(GatewayError::Upstream(failure)) if turns.go_on(&failure.error) => {}
                done => return done,
            }
        }
    }

    async fn send_once(
        &mut self,
        outbound: Outbound,
        turns: &mut Turns<'_>,
        at: &At<'_>,
        room: &mut Room<'_>,
    ) -> Result<Answered, GatewayError> {
        let keep = room.may_go_on || turns.may_go_on();
        let (feed, body) = self.upload.live(at.model, keep);
        let patience = Patience {
            instance: &at.instance.name,
            first_byte: at.instance.timeouts.first_byte,
            deadline: turns.deadline(),
        };
        let told = |error| GatewayError::upstream(&at.instance.name, error);
        let mut sending = pin!(turns.send(outbound, body));
        let mut feeding = pin!(self.feed(feed, &patience, at, room));
        tokio::select! {
            biased;
            fed = &mut feeding => {
                fed?;
                patience.with(sending).await?.map_err(told)
            }
            answer = &mut sending => {
                let answered = answer.map_err(told)?;
                // It answers while it still listens. Nothing of that is shown before the whole form was judged.
                feeding.await?;
                Ok(answered)
            }
        }
    }

    /// Hands on what is there and what comes, to the end of the form.
    async fn feed(
        &mut self,
        feed: Feed,
        patience: &Patience<'_>,
        at: &At<'_>,
        room: &mut Room<'_>,
    ) -> Result<(), GatewayError> {
        let mut listens = true;
        let arrives = !self.upload.is_over();
        loop {
            while let Some(bytes) = self.upload.next(at.model) {
                let length = bytes.len();
                listens = listens && patience.with(feed.send(bytes)).await?;
                self.upload.sent(length);
            }
            if self.upload.is_over() {
                break;
            }
            self.read_on(at, room, Some(patience.deadline)).await?;
        }
        let padding = self.upload.padding();
        if listens && !padding.is_empty() {
            listens = patience.with(feed.send(padding)).await?;
        }
        if listens {
            patience.with(feed.finish()).await?;
        }
        if arrives {
            room.settlement.asked_now();
        }
        Ok(())
    }

    /// Reads what comes next. When that completes the form, all of its fields are judged, and the hold becomes what they
    /// ask for, before any of it goes out.
    async fn read_on(
        &mut self,
        at: &At<'_>,
        room: &mut Room<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), GatewayError> {
        let is_news = self.upload.read(deadline).await?;
        let form = self.upload.form();
        self.task.check_files(form)?;
        if !is_news {
            return Ok(());
        }
        let demand = self.task.check(form)?;
        if self.is_judged || !form.is_complete() {
            return Ok(());
        }
        if let Some(user) = text(form, "user") {
            self.admitted.check_named(room.gateway, user)?;
        }
        self.is_judged = true;
        self.demand = demand;
        room.make(demand, at).await
    }
}

/// How long a provider is waited for. Time that passes while the client sends nothing is not the provider's.
struct Patience<'a> {
    instance: &'a str,
    /// To take the next piece, and after the last one to answer.
    first_byte: Duration,
    deadline: Instant,
}

impl Patience<'_> {
    async fn with<R>(&self, waited: impl Future<Output = R>) -> Result<R, GatewayError> {
        let until = (Instant::now() + self.first_byte).min(self.deadline);
        timeout_at(until, waited).await.map_err(|_| {
            let message = "the provider did not take the upload, or answer it, in time";
            let error = UpstreamError::new(UpstreamErrorKind::Timeout, message);
            GatewayError::upstream(self.instance, error)
        })
    }
}

/// A field that says something.
fn text<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(form.value(name)?).ok()?;
    Some(text).filter(|text| !text.is_empty())
}
