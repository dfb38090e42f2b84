//! The guardrail service: `POST {url}/validate` with `{profile, input_text, validate_kwargs?}`.

use std::time::Duration;

use http::HeaderMap;
use otari_tools::{GuardedClient, HttpError, HttpLimits};
use serde_json::{Value, json};

use super::entry::Entry;
use super::verdict::{Unavailable, Verdict};
use crate::error::GatewayError;

const LIMITS: HttpLimits = HttpLimits {
    first_byte: Duration::from_secs(30),
    idle: Duration::from_secs(30),
    total: Duration::from_secs(30),
    body_bytes: 1024 * 1024,
    redirects: 0,
};

/// Asks the service. An address that turns out to lead where it may not is the caller's error, not the service's.
pub(super) async fn validate(
    client: &GuardedClient,
    url: &str,
    entry: &Entry,
    text: &str,
) -> Result<Result<Verdict, Unavailable>, GatewayError> {
    let mut body = json!({"profile": entry.profile, "input_text": text});
    if let (Some(kwargs), Value::Object(body)) = (&entry.kwargs, &mut body) {
        body.insert("validate_kwargs".to_owned(), Value::Object(kwargs.clone()));
    }
    let address = format!("{}/validate", url.trim_end_matches('/'));
    let sent = client
        .post_json(&address, HeaderMap::new(), body.to_string(), LIMITS)
        .await;
    let received = match sent {
        Ok(received) => received,
        Err(HttpError::Refused(refusal)) => return Err(super::refused(entry, &refusal)),
        Err(error) => return Ok(Err(unavailable(&error))),
    };
    if !received.status.is_success() {
        return Ok(Err(Unavailable(format!(
            "the service answered {}",
            received.status
        ))));
    }
    Ok(match received.body.collect().await {
        Ok(body) => read(&body),
        Err(error) => Err(unavailable(&error)),
    })
}

fn unavailable(error: &HttpError) -> Unavailable {
    match error {
        HttpError::Unreachable { cause, .. } => Unavailable(format!("{error}: {cause}")),
        error => Unavailable(error.to_string()),
    }
}

/// `{"result": {"valid", "explanation", "score"}}`; of a list the first. Without a `valid` of true, false or null
/// nothing was said.
fn read(body: &[u8]) -> Result<Verdict, Unavailable> {
    let malformed = || Unavailable("the service's answer has no result".to_owned());
    let answer: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    let result = answer.get("result").ok_or_else(malformed)?;
    let result = match result {
        Value::Array(list) => list.first().ok_or_else(malformed)?,
        result => result,
    };
    let valid = match result.get("valid") {
        Some(Value::Bool(valid)) => Some(*valid),
        Some(Value::Null) => None,
        _ => return Err(malformed()),
    };
    let member = |name: &str| result.get(name).cloned().unwrap_or(Value::Null);
    Ok(Verdict {
        valid,
        score: member("score"),
        explanation: member("explanation"),
        redacted: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_no_boolean_is_no_verdict_and_null_is_undecided() {
        for (body, valid) in [
            (r#"{"result":{"valid":true}}"#, Ok(Some(true))),
            (
                r#"{"result":[{"valid":false,"score":1},{"valid":true}]}"#,
                Ok(Some(false)),
            ),
            (r#"{"result":{"valid":null}}"#, Ok(None)),
            (r#"{"result":{}}"#, Err(())),
            (r#"{"result":{"valid":"yes"}}"#, Err(())),
            (r#"{"result":[]}"#, Err(())),
            (r#"{"valid":true}"#, Err(())),
            ("nonsense", Err(())),
        ] {
            let read = read(body.as_bytes())
                .map(|verdict| verdict.valid)
                .map_err(|_| ());
            assert_eq!(read, valid, "{body}");
        }
    }
}
