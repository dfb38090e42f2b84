//! A line of the file of answers, as each provider writes it.

use bytes::Bytes;
use otari_providers::UpstreamError;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A provider's answer to one line: the body of the call, or why there is none.
pub(super) type Answer = Result<Bytes, UpstreamError>;

/// The line's name in the provider's batch, and its answer.
pub(super) fn read(line: &[u8]) -> Option<(String, Answer)> {
    #[derive(Deserialize)]
    struct Line<'a> {
        custom_id: String,
        #[serde(borrow)]
        response: Option<Response<'a>>,
        #[serde(borrow)]
        result: Option<Outcome<'a>>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Response<'a> {
        status_code: u16,
        #[serde(borrow)]
        body: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Outcome<'a> {
        r#type: &'a str,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let bytes = |raw: &RawValue| Bytes::copy_from_slice(raw.get().as_bytes());
    let refused = |raw: Option<&RawValue>| {
        let text = raw.map_or("{}", RawValue::get);
        UpstreamError::from_answer(400, None, text.as_bytes())
    };
    let answer = match (line.response, line.result) {
        (Some(response), _) if response.status_code == 200 => Ok(bytes(response.body)),
        (Some(response), _) => {
            let body = response.body.get().as_bytes();
            Err(UpstreamError::from_answer(response.status_code, None, body))
        }
        (
            None,
            Some(Outcome {
                r#type: "succeeded",
                message: Some(message),
                ..
            }),
        ) => Ok(bytes(message)),
        (
            None,
            Some(Outcome {
                r#type: "errored",
                error,
                ..
            }),
        ) => Err(refused(error)),
        // Cancelled or expired: as if it were not there.
        (None, Some(_)) => return Some((String::new(), Err(refused(None)))),
        (None, None) => Err(refused(line.error)),
    };
    Some((line.custom_id, answer))
}
