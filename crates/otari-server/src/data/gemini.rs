//! `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`, and the same under `/v1`

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::HeaderValue;
use otari_gateway::{Named, Surface};

use crate::data::inference::{answer, for_surface, inbound};
use crate::error::ApiError;
use crate::state::App;

/// Generate content
///
/// Gemini's own API on every chat provider. The address names the model and the method: `generateContent`, or
/// `streamGenerateContent` with `?alt=sse`. The key goes in `x-goog-api-key` or in any header the other routes take.
#[utoipa::path(
    post, path = "/v1beta/models/{call}", tag = "gemini", operation_id = "generate_content",
    params(("call" = String, Path, description = "`{model}:generateContent` or `{model}:streamGenerateContent`")),
    request_body(content = Object, description = "A Gemini generateContent request"),
    responses(
        (status = 200, description = "Candidates, or server-sent events of them"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 404, description = "Another method"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn generate_content(
    State(app): State<App>,
    Path(call): Path<String>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let (named, endpoint) = called(&call).ok_or_else(|| ApiError::no_such_route().for_gemini())?;
    if named.stream && query(&request, "alt").as_deref() != Some("sse") {
        let text = "Streams are server-sent events: add ?alt=sse to the address";
        return Err(ApiError::bad_request(text).for_gemini());
    }
    take_key_from_query(&mut request);
    for_surface(Surface::Gemini, request, async |request| {
        let mut inbound = inbound(&app, request, endpoint).await?;
        inbound.named = Some(named);
        let answered = app.gateway.generate(Surface::Gemini, &inbound).await;
        answer(answered, inbound.underway)
    })
    .await
}

/// The last colon parts model and method: selectors and model ids have colons of their own.
fn called(call: &str) -> Option<(Named, &'static str)> {
    let (model, method) = call.rsplit_once(':')?;
    let (stream, endpoint) = match method {
        "generateContent" => (false, "/v1beta/models/{model}:generateContent"),
        "streamGenerateContent" => (true, "/v1beta/models/{model}:streamGenerateContent"),
        _ => return None,
    };
    let named = Named {
        model: model.to_owned(),
        stream,
    };
    Some((named, endpoint))
}

/// `?key=…`, as older clients send it.
fn take_key_from_query(request: &mut Request) {
    const KEY: &str = "x-goog-api-key";
    if request.headers().contains_key(KEY) {
        return;
    }
    let key = query(request, "key").and_then(|key| HeaderValue::from_str(&key).ok());
    if let Some(key) = key {
        request.headers_mut().insert(KEY, key);
    }
}

fn query(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
