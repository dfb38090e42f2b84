//! A conversation with tools, in the words of the surface.

use std::sync::Arc;

use bytes::Bytes;
use otari_translate::surface::{Envelope, Failure, Renderer, render_reply};
use otari_translate::{Call, Collector, Event, Surface};

use crate::error::GatewayError;
use crate::reasoning::Watch;
use crate::relay::passage::BrokenOff;
use crate::relay::source::Read;
use crate::settle::Settlement;
use crate::tool_loop::Conversation;

/// What renders the events of a conversation.
#[derive(Debug)]
pub(crate) struct Spoken {
    conversation: Conversation,
    /// As the caller made it.
    asked: Arc<Call>,
    envelope: Envelope,
    renderer: Renderer,
    watch: Option<Watch>,
}

impl Spoken {
    pub(crate) fn new(
        conversation: Conversation,
        asked: Arc<Call>,
        envelope: Envelope,
        watch: Option<Watch>,
    ) -> Self {
        Self {
            renderer: Renderer::new(&asked, envelope.clone()),
            conversation,
            asked,
            envelope,
            watch,
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.asked.surface
    }

    /// Whether another candidate is out of the question.
    pub(crate) fn is_locked_in(&self) -> bool {
        self.conversation.is_locked_in()
    }

    pub(super) fn is_over(&self) -> bool {
        self.conversation.is_over()
    }

    /// One step on. Safe to cancel while it waits.
    pub(super) async fn step(&mut self, settlement: &mut Settlement) -> Read {
        let mut events = Vec::new();
        let stepped = self.conversation.step(settlement, &mut events).await;
        let mut out = Vec::new();
        for event in &events {
            self.see(event);
            self.renderer.event(event, &mut out);
        }
        Read {
            bytes: out.into(),
            done: self.is_over() && stepped.is_ok(),
            broken: stepped.err(),
        }
    }

    /// All of it, as one answer.
    pub(crate) async fn whole(
        &mut self,
        settlement: &mut Settlement,
    ) -> Result<Bytes, GatewayError> {
        let mut collector = Collector::default();
        while !self.is_over() {
            let mut events = Vec::new();
            self.conversation.step(settlement, &mut events).await?;
            for event in &events {
                self.see(event);
                collector.push(event);
            }
        }
        let reply = collector.into_reply().ok_or(GatewayError::ToolLoopBroke)?;
        Ok(render_reply(&self.asked, &self.envelope, &reply).into())
    }

    pub(super) fn fail(&mut self, why: BrokenOff) -> Bytes {
        let mut out = Vec::new();
        let failure = Failure {
            kind: why.kind(self.surface()),
            code: why.code,
            message: why.message,
        };
        self.renderer.fail(failure, &mut out);
        out.into()
    }

    fn see(&mut self, event: &Event) {
        if let Some(watch) = &mut self.watch {
            watch.read(event);
        }
    }
}
