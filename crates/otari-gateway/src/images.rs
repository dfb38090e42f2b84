//! The walk of an image call: billed by the image, those that came where the answer says how many.

mod native;

use otari_providers::{Operation, UpstreamError};
use otari_translate::images::Kind;
use serde_json::value::RawValue;

use crate::Gateway;
use crate::error::{FieldProblem, GatewayError};
use crate::form::Form;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{
    At, Errand, Raw, Reading, Task, Whole, answer_members, forwarded, speaks_openai,
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
    pub async fn edit_images(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let form = Form::of(inbound)?;
        let mut problems = Vec::new();
        form.required_text("prompt", &mut problems);
        let sent = Sent::read(&form, problems)?;
        let drawn = |at: &At<'_>, raws: Vec<Raw>| native::decode(at, inbound, &raws);
        let encode = |at: &At<'_>| {
            if let Some(wire) = native::wire_of_edits(at)? {
                let request = native::request_of_form(&form, Kind::Change, sent.count)?;
                return native::encode(at, wire, &request, &drawn);
            }
            speaks_openai(at.instance, Operation::ImageEdits, "image editing")?;
            Ok(Task::one(form.message(at.model), reading(sent.stream)))
        };
        let errand = sent.errand(inbound, Operation::ImageEdits);
        self.pass(&errand, &encode).await
    }

    /// Answers one request for variations of an image.
    pub async fn vary_image(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let form = Form::of(inbound)?;
        let sent = Sent::read(&form, Vec::new())?;
        let drawn = |at: &At<'_>, raws: Vec<Raw>| native::decode(at, inbound, &raws);
        let encode = |at: &At<'_>| {
            if let Some(wire) = native::wire_of_variations(at)? {
                let request = native::request_of_form(&form, Kind::Vary, sent.count)?;
                return native::encode(at, wire, &request, &drawn);
            }
            speaks_openai(at.instance, Operation::ImageVariations, "image variations")?;
            Ok(Task::one(form.message(at.model), reading(false)))
        };
        let errand = sent.errand(inbound, Operation::ImageVariations);
        self.pass(&errand, &encode).await
    }
}

/// What every form with images in it says.
struct Sent<'a> {
    model: &'a str,
    user: Option<&'a str>,
    stream: bool,
    count: i64,
}

impl<'a> Sent<'a> {
    fn read(form: &Form<'a>, mut problems: Vec<FieldProblem>) -> Result<Self, GatewayError> {
        let model = form.required_text("model", &mut problems);
        let user = form.text("user", &mut problems);
        let stream = form.flag("stream", &mut problems);
        let count = match form.text("n", &mut problems).filter(|n| !n.is_empty()) {
            None => Some(1),
            Some(text) => text.parse().ok().filter(|count: &i64| *count >= 0),
        };
        if count.is_none() {
            let message = "Input should be a valid integer, not below 0";
            problems.push(problem(&["n"], "int_parsing", message));
        }
        if form.files("image").next().is_none() {
            problems.push(problem(&["image"], "missing", "Field required"));
        }
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        Ok(Self {
            model,
            user: user.filter(|user| !user.is_empty()),
            stream,
            count: count.unwrap_or(1),
        })
    }

    fn errand<'b>(&'b self, inbound: &'b Inbound, operation: Operation) -> Errand<'b> {
        Errand {
            inbound,
            operation,
            model: self.model,
            user: self.user,
            demand: images(self.count),
        }
    }
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
