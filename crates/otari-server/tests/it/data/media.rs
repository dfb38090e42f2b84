//! What every call for pictures, sound, moderation and ranking has in common: how it fails, and who may make it.

mod faults;
mod permissions;
mod streams;
mod uploads;

use bytes::Bytes;
use http::Method;
use otari_testkit::{Response, Script, TestApp};
use serde_json::{Value, json};

const FORM: &str = "multipart/form-data; boundary=xyz";
const WAV: &str = "RIFF\0\0\0\0WAVEfmt ";
/// By its first bytes.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One way to ask for something, and an answer of a provider that speaks OpenAI's format.
#[derive(Clone, Copy, Debug)]
enum Door {
    Moderation,
    Rerank,
    /// By a chat model.
    Listwise,
    Image,
    ImageStream,
    Edit,
    Variation,
    Speech,
    Transcription,
    TranscriptionStream,
    Translation,
}

impl Door {
    const ALL: [Self; 11] = [
        Self::Moderation,
        Self::Rerank,
        Self::Listwise,
        Self::Image,
        Self::ImageStream,
        Self::Edit,
        Self::Variation,
        Self::Speech,
        Self::Transcription,
        Self::TranscriptionStream,
        Self::Translation,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Moderation => "/v1/moderations",
            Self::Rerank | Self::Listwise => "/v1/rerank",
            Self::Image | Self::ImageStream => "/v1/images/generations",
            Self::Edit => "/v1/images/edits",
            Self::Variation => "/v1/images/variations",
            Self::Speech => "/v1/audio/speech",
            Self::Transcription | Self::TranscriptionStream => "/v1/audio/transcriptions",
            Self::Translation => "/v1/audio/translations",
        }
    }

    /// Its content type, and what is asked.
    fn body(self, model: &str) -> (&'static str, Bytes) {
        let form = |fields: &[(&str, &str)], file: (&str, &[u8])| {
            let mut body = Vec::new();
            for (name, value) in [&[("model", model)], fields].concat() {
                let field = format!(
                    "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                );
                body.extend_from_slice(field.as_bytes());
            }
            let (name, content) = file;
            let head = format!(
                "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n--xyz--\r\n");
            (FORM, Bytes::from(body))
        };
        let sound = ("file", WAV.as_bytes());
        let documents = json!(["a", "b"]);
        let body = match self {
            Self::Moderation => json!({"model": model, "input": "hi"}),
            Self::Rerank => json!({"model": model, "query": "q", "documents": documents}),
            Self::Listwise => {
                json!({"model": model, "query": "q", "documents": documents, "ranker": "chat"})
            }
            Self::Image => json!({"model": model, "prompt": "a cat"}),
            Self::ImageStream => json!({"model": model, "prompt": "a cat", "stream": true}),
            Self::Speech => json!({"model": model, "input": "hi", "voice": "Kore"}),
            Self::Edit => return form(&[("prompt", "a hat")], ("image", PNG)),
            Self::Variation => return form(&[], ("image", PNG)),
            Self::TranscriptionStream => return form(&[("stream", "true")], sound),
            Self::Transcription | Self::Translation => return form(&[], sound),
        };
        ("application/json", body.to_string().into())
    }

    fn answer(self) -> Script {
        let image = json!({"created": 1, "data": [{"b64_json": "AAAA"}]});
        let scored = json!({"results": [{"index": 0, "relevance_score": 0.5}]});
        let scores = json!({"scores": [{"index": 0, "score": 0.5}, {"index": 1, "score": 0.25}]});
        let judged = json!({"id": "m", "model": "m", "results": [{"flagged": false}]});
        let body: Value = match self {
            Self::Moderation => judged,
            Self::Rerank => scored,
            Self::Listwise => return Script::chat(&scores.to_string()),
            Self::Image | Self::Edit | Self::Variation => image,
            Self::ImageStream => {
                return Script::stream([
                    "event: image_generation.completed\ndata: {\"b64_json\":\"AAAA\"}\n\n",
                ]);
            }
            Self::Speech => return Script::whole(200, "audio/mpeg", "ID3sound"),
            Self::TranscriptionStream => {
                return Script::stream([
                    "data: {\"type\":\"transcript.text.done\",\"text\":\"hello\"}\n\n",
                ]);
            }
            Self::Transcription | Self::Translation => json!({"text": "hello"}),
        };
        Script::json(200, &body)
    }

    /// Whether its answer is passed on as it comes, whatever its type.
    fn streams(self) -> bool {
        matches!(
            self,
            Self::ImageStream | Self::Speech | Self::TranscriptionStream
        )
    }

    /// Whether a model without a price is refused where prices are required.
    fn needs_price(self) -> bool {
        matches!(
            self,
            Self::Rerank
                | Self::Listwise
                | Self::Image
                | Self::ImageStream
                | Self::Edit
                | Self::Variation
        )
    }

    async fn ask(self, app: &TestApp, key: &str, model: &str) -> Response {
        let (kind, body) = self.body(model);
        let headers = [("content-type", kind)];
        app.client
            .send(Method::POST, self.path(), Some(key), &headers, body)
            .await
    }
}
