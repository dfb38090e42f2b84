use super::*;

fn read(wire: ImageWire, body: &str) -> std::result::Result<Vec<(String, Option<String>)>, String> {
    let made = decode(wire, body.as_bytes()).map_err(|error| match error {
        DecodeError::Upstream { code, .. } => code,
        other => other.to_string(),
    })?;
    let shown = made.into_iter().map(|made| match made.image {
        Image::Data(text) | Image::Url(text) => (text, made.mime),
    });
    Ok(shown.collect())
}

#[test]
fn pictures_come_in_one_shape() {
    for (wire, body, mime) in [
        (
            ImageWire::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"Here:"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3}}"#,
            Some("image/png"),
        ),
        (
            ImageWire::Imagen,
            r#"{"predictions":[{"mimeType":"image/png","bytesBase64Encoded":"AA==","prompt":"a big cat"},{"raiFilteredReason":"no"}]}"#,
            Some("image/png"),
        ),
        (
            ImageWire::Canvas,
            r#"{"images":["AA=="],"error":null}"#,
            Some("image/png"),
        ),
        (
            ImageWire::Stability,
            r#"{"seeds":[1],"finish_reasons":[null],"images":["AA=="]}"#,
            None,
        ),
        (
            ImageWire::StabilityXl,
            r#"{"result":"success","artifacts":[{"base64":"AA==","finishReason":"SUCCESS"}]}"#,
            Some("image/png"),
        ),
        (
            ImageWire::Fireworks,
            r#"{"base64":["data:image/png;base64,AA=="],"finishReason":"SUCCESS","seed":1}"#,
            Some("image/png"),
        ),
        (
            ImageWire::DashScope,
            r#"{"output":{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":[{"image":"AA=="}]}}]},"usage":{"image_count":1}}"#,
            None,
        ),
        (
            ImageWire::Xai,
            r#"{"data":[{"b64_json":"AA==","mime_type":"image/jpeg","revised_prompt":""}]}"#,
            Some("image/jpeg"),
        ),
        (
            ImageWire::DashScopeTask,
            r#"{"output":{"task_status":"SUCCEEDED","results":[{"code":"InternalError","message":"no"},{"url":"AA==","actual_prompt":"a big cat"}]}}"#,
            None,
        ),
        (
            ImageWire::MiniMax,
            r#"{"id":"1","data":{"image_base64":["AA=="]},"base_resp":{"status_code":0,"status_msg":"success"}}"#,
            Some("image/jpeg"),
        ),
    ] {
        let expected = vec![("AA==".to_owned(), mime.map(str::to_owned))];
        assert_eq!(read(wire, body), Ok(expected), "{wire:?}");
    }
}

#[test]
fn no_picture_is_no_answer() {
    let filtered = "content_filter";
    for (wire, body, code) in [
        (
            ImageWire::Gemini,
            r#"{"candidates":[{"finishReason":"IMAGE_SAFETY"}]}"#,
            filtered,
        ),
        (
            ImageWire::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"I will not draw this."}]},"finishReason":"STOP"}]}"#,
            filtered,
        ),
        (
            ImageWire::Gemini,
            r#"{"candidates":[{"finishReason":"NO_IMAGE"}]}"#,
            "NO_IMAGE",
        ),
        (ImageWire::Imagen, "{}", filtered),
        (
            ImageWire::Canvas,
            r#"{"images":[],"error":"blocked"}"#,
            filtered,
        ),
        (
            ImageWire::Stability,
            r#"{"seeds":[],"finish_reasons":["Filter reason: prompt"],"images":[]}"#,
            filtered,
        ),
        (
            ImageWire::Stability,
            r#"{"finish_reasons":["Inference error"]}"#,
            "inference_error",
        ),
        (
            ImageWire::StabilityXl,
            r#"{"artifacts":[{"base64":"AA==","finishReason":"CONTENT_FILTERED"}]}"#,
            filtered,
        ),
        (
            ImageWire::MiniMax,
            r#"{"data":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            "1008",
        ),
        (
            ImageWire::DashScope,
            r#"{"code":"DataInspectionFailed","message":"no","request_id":"1"}"#,
            "DataInspectionFailed",
        ),
        (
            ImageWire::DashScope,
            r#"{"output":{"choices":[{"message":{"content":[{"text":"no"}]}}]}}"#,
            "malformed answer without a picture from the provider",
        ),
        (
            ImageWire::DashScopeTask,
            r#"{"output":{"task_status":"SUCCEEDED","results":[{"code":"DataInspectionFailed","message":"no"}]}}"#,
            "DataInspectionFailed",
        ),
        (
            ImageWire::Canvas,
            r#"{"images":[]}"#,
            "malformed answer without a picture from the provider",
        ),
        (
            ImageWire::Fireworks,
            "<html>",
            "malformed image answer from the provider",
        ),
    ] {
        assert_eq!(read(wire, body), Err(code.to_owned()), "{body}");
    }
}
