//! The walk of a transcription or translation: a flat price, the form passed on with the model's own name in it, or
//! its recording shown to a model that hears.

mod native;

use http::{HeaderValue, header};
use otari_providers::{Operation, UpstreamError};

use crate::Gateway;
use crate::error::{FieldProblem, GatewayError};
use crate::form::{Form, UploadForm};
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{
    At, Decode, FormTask, Raw, Reading, Task, Whole, answer_members, error_in, speaks_openai,
};
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
        upload: &mut UploadForm<'_>,
        operation: Operation,
    ) -> Result<Reply, GatewayError> {
        self.pass_form(inbound, &Transcribing { operation }, upload)
            .await
    }
}

/// Asks what was said in a recording.
struct Transcribing {
    operation: Operation,
}

/// What its form says of the answer.
struct Wanted {
    is_json: bool,
    stream: bool,
}

impl Transcribing {
    fn what(&self) -> &'static str {
        match self.operation {
            Operation::Translations => "audio translation",
            _ => "transcription",
        }
    }
}

impl FormTask for Transcribing {
    fn operation(&self) -> Operation {
        self.operation
    }

    fn check(&self, form: &Form) -> Result<Demand, GatewayError> {
        let mut problems = Vec::new();
        form.required_text("model", &mut problems);
        form.text("user", &mut problems);
        Wanted::read(form, &mut problems);
        if form.is_complete() && form.file_length("file").is_none() {
            problems.push(problem(&["file"], "missing", "Field required"));
        }
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        Ok(Demand {
            choices: 1,
            unit: Unit::Calls,
            ..Demand::default()
        })
    }

    fn check_files(&self, form: &Form) -> Result<(), GatewayError> {
        match form.file_length("file") {
            Some(length) if length > FILE_BYTES_MAX => Err(GatewayError::FileTooLarge {
                max: FILE_BYTES_MAX,
            }),
            _ => Ok(()),
        }
    }

    fn passes(&self, at: &At<'_>) -> Result<bool, GatewayError> {
        if native::ear(at, self.operation, self.what())?.is_some() {
            return Ok(false);
        }
        speaks_openai(at.instance, self.operation, self.what())?;
        Ok(true)
    }

    async fn encode(&self, at: &At<'_>, form: &Form) -> Result<Task<'_>, GatewayError> {
        let Some(ear) = native::ear(at, self.operation, self.what())? else {
            return Ok(Task::one(form.message(at.model), self.reading(form)));
        };
        let wanted = Wanted::read(form, &mut Vec::new());
        native::task(at, ear, form, self.operation, wanted.stream)
    }

    fn reading(&self, form: &Form) -> Reading<'_> {
        let wanted = Wanted::read(form, &mut Vec::new());
        let answer: &Decode<'_> = if wanted.is_json {
            &|_, raw| answer(raw, true)
        } else {
            &|_, raw| answer(raw, false)
        };
        if wanted.stream {
            Reading::Events(answer)
        } else {
            Reading::Whole(answer)
        }
    }
}

impl Wanted {
    fn read(form: &Form, problems: &mut Vec<FieldProblem>) -> Self {
        let format = form.text("response_format", problems);
        Self {
            is_json: matches!(
                format,
                None | Some("" | "json" | "verbose_json" | "diarized_json")
            ),
            stream: form.flag("stream", problems),
        }
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
