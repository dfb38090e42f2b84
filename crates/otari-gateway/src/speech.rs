//! The walk of a speech call: a flat price, the sound passed on as it comes.

use otari_providers::Operation;

use crate::Gateway;
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply};
use crate::pass::{At, Errand, Reading, forwarded, speaks_openai};
use crate::request::{parse_members, present, problem, required_string, string_member};
use crate::reserve::Demand;
use crate::unit::Unit;

impl Gateway {
    /// Answers one request for speech.
    pub async fn speak(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let mut problems = Vec::new();
        let model = required_string(&members, "model", &mut problems);
        let user = string_member(&members, "user", &mut problems);
        required_string(&members, "input", &mut problems);
        // OpenAI's own voices have names, a customer's an id in an object.
        if !present(&members, "voice").is_some_and(|voice| voice.starts_with('{')) {
            required_string(&members, "voice", &mut problems);
        }
        let format = string_member(&members, "response_format", &mut problems);
        let framing = string_member(&members, "stream_format", &mut problems);
        let speed = present(&members, "speed");
        if speed.is_some_and(|speed| serde_json::from_str::<f64>(speed).is_err()) {
            let message = "Input should be a valid number";
            problems.push(problem(&["speed"], "float_type", message));
        }
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let errand = Errand {
            inbound,
            operation: Operation::Speech,
            model: &model,
            user: user.as_deref(),
            demand: Demand {
                choices: 1,
                unit: Unit::Calls,
                ..Demand::default()
            },
        };
        let encode = |at: &At<'_>| {
            speaks_openai(at.instance, Operation::Speech, "speech")?;
            Ok(forwarded(&members, at.model))
        };
        let usual = if framing.as_deref() == Some("sse") {
            "text/event-stream"
        } else {
            content_type(format.as_deref())
        };
        self.pass(&errand, &encode, &Reading::AsItComes(usual))
            .await
    }
}

fn content_type(format: Option<&str>) -> &'static str {
    match format {
        None | Some("mp3") => "audio/mpeg",
        Some("opus") => "audio/opus",
        Some("aac") => "audio/aac",
        Some("flac") => "audio/flac",
        Some("wav") => "audio/wav",
        Some("pcm") => "audio/L16",
        Some(_) => "application/octet-stream",
    }
}
