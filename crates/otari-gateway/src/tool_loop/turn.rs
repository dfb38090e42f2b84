//! One reply of a model, read as it comes.

use otari_providers::{UpstreamBody, UpstreamError};
use otari_translate::dialect::{self, Reading, ThinkTags};
use otari_translate::{Collector, Event, Reply, Wire};

use crate::relay::{ANSWER_BYTES_MAX, Meter, malformed, upstream_error};
use crate::settle::Produced;

#[derive(Debug)]
pub(crate) struct Turn {
    body: Option<UpstreamBody>,
    reader: Reader,
    collector: Collector,
    meter: Meter,
}

#[derive(Debug)]
enum Reader {
    Stream(dialect::Decoder),
    Whole {
        wire: Wire,
        seed: String,
        think_tags: ThinkTags,
    },
}

impl Turn {
    pub(crate) fn new(
        body: UpstreamBody,
        stream: bool,
        wire: Wire,
        seed: String,
        think_tags: ThinkTags,
        reasoning_outside: bool,
    ) -> Self {
        let reader = if stream {
            let reading = Reading {
                seed: &seed,
                choices: 1,
                think_tags,
            };
            Reader::Stream(dialect::Decoder::with(wire, &reading))
        } else {
            Reader::Whole {
                wire,
                seed,
                think_tags,
            }
        };
        Self {
            body: Some(body),
            reader,
            collector: Collector::default(),
            meter: Meter::new(reasoning_outside),
        }
    }

    /// What arrived next. Safe to cancel where it is a stream.
    pub(crate) async fn read(&mut self, events: &mut Vec<Event>) -> Result<(), UpstreamError> {
        let read = match &mut self.reader {
            Reader::Stream(decoder) => {
                let Some(body) = &mut self.body else {
                    return Ok(());
                };
                if let Some(chunk) = body.next_chunk().await? {
                    decoder.push(chunk, events)
                } else {
                    self.body = None;
                    decoder.finish(events)
                }
            }
            Reader::Whole {
                wire,
                seed,
                think_tags,
            } => {
                let Some(body) = self.body.take() else {
                    return Ok(());
                };
                let whole = body.collect(ANSWER_BYTES_MAX).await?;
                let reading = Reading {
                    seed,
                    choices: 1,
                    think_tags: *think_tags,
                };
                dialect::decode_reply_with(*wire, &whole, &reading).map(|read| *events = read)
            }
        };
        for event in events.iter() {
            self.meter.read(event);
            self.collector.push(event);
        }
        read.map_err(|error| upstream_error(&error))?;
        if self.body.is_none() && !self.meter.is_complete() {
            return Err(malformed("the answer ended before it was complete"));
        }
        Ok(())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.meter.is_complete()
    }

    pub(crate) fn report(&self, produced: &mut Produced) {
        self.meter.report(produced);
    }

    /// The reply, once it is complete.
    pub(crate) fn into_reply(self) -> Result<Reply, UpstreamError> {
        if let Some(body) = self.body {
            // Reads the end of the body, so that the connection is used again.
            tokio::spawn(body.drain());
        }
        let reply = self.collector.into_reply();
        reply.ok_or_else(|| malformed("the answer has no end"))
    }
}
