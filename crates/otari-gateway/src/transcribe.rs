//! The walk of a transcription or translation: a flat price, the form passed on with the model's own name in it, or
//! its recording shown to a model that hears.

mod native;

use http::{HeaderValue, header};
use otari_providers::{Operation, UpstreamError};

use crate::Gateway;
use crate::error::GatewayError;
use crate::form::Form;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{At, Errand, Raw, Reading, Task, Whole, answer_members, error_in, speaks_openai};
use crate::relay::malformed;
use crate::request::problem;
use crate::reserve::Demand;
use crate::unit::Unit;

/// OpenAI's own limit.
const FILE_BYTES_MAX: usize = 25 * 1024 * 1024;

impl Gateway {
    /// Answers one upload of sound with its text; streamed where it says so.
    pub async fn transcribe(
        &self,
        inbound: &Inbound,
        operation: Operation,
    ) -> Result<Reply, GatewayError> {
        let form = Form::of(inbound)?;
        let mut problems = Vec::new();
        let model = form.required_text("model", &mut problems);
        let user = form.text("user", &mut problems);
        let format = form.text("response_format", &mut problems);
        let stream = form.flag("stream", &mut problems);
        let file = form.file("file");
        if file.is_none() {
            problems.push(problem(&["file"], "missing", "Field required"));
        }
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        if file.is_some_and(|file| file.len() > FILE_BYTES_MAX) {
            return Err(GatewayError::FileTooLarge {
                max: FILE_BYTES_MAX,
            });
        }
        let what = match operation {
            Operation::Translations => "audio translation",
            _ => "transcription",
        };
        let errand = Errand {
            inbound,
            operation,
            model,
            user: user.filter(|user| !user.is_empty()),
            demand: Demand {
                choices: 1,
                unit: Unit::Calls,
                ..Demand::default()
            },
        };
        let is_json = matches!(
            format,
            None | Some("" | "json" | "verbose_json" | "diarized_json")
        );
        let decode = |_: &At<'_>, raw: Raw| answer(raw, is_json);
        let encode = |at: &At<'_>| {
            if let Some(ear) = native::ear(at, operation, what)? {
                return native::task(at, ear, &form, operation, stream);
            }
            speaks_openai(at.instance, operation, what)?;
            let reading = if stream {
                Reading::Events(&decode)
            } else {
                Reading::Whole(&decode)
            };
            Ok(Task::one(form.message(at.model), reading))
        };
        self.pass(&errand, &encode).await
    }
}

fn plain() -> HeaderValue {
    HeaderValue::from_static("text/plain; charset=utf-8")
}

fn answer(raw: Raw, is_json: bool) -> Result<Whole, UpstreamError> {
    let given = raw.headers.get(header::CONTENT_TYPE);
    let kind = given
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let body = if is_json {
        answer_members(&raw.body)?;
        ReplyBody::Json(raw.body)
    } else if kind.starts_with("application/json") {
        // Some answer JSON whatever was asked for.
        error_in(&raw.body)?;
        ReplyBody::Json(raw.body)
    } else if kind.starts_with("text/html") {
        return Err(malformed("the answer is a page, not a transcript"));
    } else {
        ReplyBody::Typed(plain(), raw.body)
    };
    Ok(Whole::of(body))
}
