//! The walk of an image call: billed by the image, those that came where the answer says how many.

mod native;

use otari_providers::{Operation, UpstreamError};
use otari_translate::images::{ImageWire, Kind};
use serde_json::value::RawValue;

use crate::Gateway;
use crate::error::{FieldProblem, GatewayError};
use crate::form::{Form, UploadForm};
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{
    At, DecodeAll, Errand, FormTask, Raw, Reading, Task, Whole, answer_members, forwarded,
    speaks_openai,
};
use crate::relay::malformed;
use crate::request::{
    bool_member, int_member, parse_members, problem, required_string, string_member,
};
use crate::reserve::Demand;
use crate::unit::Unit;

impl Gateway {
    /// Answers one request for images; streamed where it says so.
    pub async fn generate_images(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let mut problems = Vec::new();
        let model = required_string(&members, "model", &mut problems);
        let user = string_member(&members, "user", &mut problems);
        required_string(&members, "prompt", &mut problems);
        let stream = bool_member(&members, "stream", &mut problems).unwrap_or(false);
        let count = int_member(&members, "n", &mut problems).unwrap_or(1);
        if count < 0 {
            let message = "Input should be greater than or equal to 0";
            problems.push(problem(&["n"], "greater_than_equal", message));
        }
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let errand = Errand {
            inbound,
            operation: Operation::Images,
            model: &model,
            user: user.as_deref(),
            demand: images(count),
        };
        let drawn = |at: &At<'_>, raws: Vec<Raw>| native::decode(at, inbound, &raws);
        let encode = |at: &At<'_>| {
            if let Some(wire) = native::wire(at)? {
                let request = native::request(&inbound.body)?;
                return native::encode(at, wire, &request, &drawn);
            }
            speaks_openai(at.instance, Operation::Images, "image generation")?;
            let message = forwarded(&members, at.model);
            Ok(Task::one(message, reading(stream)))
        };
        self.pass(&errand, &encode).await
    }

    /// Answers one request to change images, a form with the images in it; streamed where it says so.
    pub async fn edit_images(
        &self,
        inbound: &Inbound,
        upload: &mut UploadForm<'_>,
    ) -> Result<Reply, GatewayError> {
        let drawn = |at: &At<'_>, raws: Vec<Raw>| native::decode(at, inbound, &raws);
        let edits = Pictures {
            operation: Operation::ImageEdits,
            drawn: &drawn,
        };
        self.pass_form(inbound, &edits, upload).await
    }

    /// Answers one request for variations of an image.
    pub async fn vary_image(
        &self,
        inbound: &Inbound,
        upload: &mut UploadForm<'_>,
    ) -> Result<Reply, GatewayError> {
        let drawn = |at: &At<'_>, raws: Vec<Raw>| native::decode(at, inbound, &raws);
        let variations = Pictures {
            operation: Operation::ImageVariations,
            drawn: &drawn,
        };
        self.pass_form(inbound, &variations, upload).await
    }
}

/// Asks for images made of images.
struct Pictures<'a> {
    operation: Operation,
    /// Of a provider's own format.
    drawn: &'a DecodeAll<'a>,
}

impl Pictures<'_> {
    fn is_edit(&self) -> bool {
        self.operation == Operation::ImageEdits
    }

    /// The provider's own format.
    fn wire(&self, at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
        if self.is_edit() {
            native::wire_of_edits(at)
        } else {
            native::wire_of_variations(at)
        }
    }
}

impl FormTask for Pictures<'_> {
    fn operation(&self) -> Operation {
        self.operation
    }

    fn check(&self, form: &Form) -> Result<Demand, GatewayError> {
        let mut problems = Vec::new();
        if self.is_edit() {
            form.required_text("prompt", &mut problems);
        }
        form.required_text("model", &mut problems);
        form.text("user", &mut problems);
        form.flag("stream", &mut problems);
        let count = count(form, &mut problems);
        if form.is_complete() && !form.has_files("image") {
            problems.push(problem(&["image"], "missing", "Field required"));
        }
        if problems.is_empty() {
            Ok(images(count))
        } else {
            Err(GatewayError::InvalidBody(problems))
        }
    }

    fn passes(&self, at: &At<'_>) -> Result<bool, GatewayError> {
        if self.wire(at)?.is_some() {
            return Ok(false);
        }
        let what = if self.is_edit() {
            "image editing"
        } else {
            "image variations"
        };
        speaks_openai(at.instance, self.operation, what)?;
        Ok(true)
    }

    async fn encode(&self, at: &At<'_>, form: &Form) -> Result<Task<'_>, GatewayError> {
        let Some(wire) = self.wire(at)? else {
            return Ok(Task::one(form.message(at.model), self.reading(form)));
        };
        let kind = if self.is_edit() {
            Kind::Change
        } else {
            Kind::Vary
        };
        let request = native::request_of_form(form, kind, count(form, &mut Vec::new()))?;
        native::encode_images(at, wire, request, self.drawn).await
    }

    fn reading(&self, form: &Form) -> Reading<'_> {
        reading(self.is_edit() && form.flag("stream", &mut Vec::new()))
    }
}

/// How many images are asked for.
fn count(form: &Form, problems: &mut Vec<FieldProblem>) -> i64 {
    let count = match form.text("n", problems).filter(|n| !n.is_empty()) {
        None => Some(1),
        Some(text) => text.parse().ok().filter(|count: &i64| *count >= 0),
    };
    if count.is_none() {
        let message = "Input should be a valid integer, not below 0";
        problems.push(problem(&["n"], "int_parsing", message));
    }
    count.unwrap_or(1)
}

fn images(count: i64) -> Demand {
    Demand {
        choices: count,
        unit: Unit::Images,
        ..Demand::default()
    }
}

fn reading(stream: bool) -> Reading<'static> {
    if stream {
        Reading::Events(&counted)
    } else {
        Reading::Whole(&counted)
    }
}

fn counted(_: &At<'_>, raw: Raw) -> Result<Whole, UpstreamError> {
    let data = answer_members(&raw.body)?.get("data");
    let made = data.and_then(|data| serde_json::from_str::<Vec<&RawValue>>(data.get()).ok());
    let made = made.ok_or_else(|| malformed("the answer has no list of images"))?;
    let pieces = i64::try_from(made.len()).ok();
    Ok(Whole {
        pieces,
        ..Whole::of(ReplyBody::Json(raw.body))
    })
}
