use http::Method;
use otari_types::Timestamp;

use super::*;

const CHAT: &str = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
const RUNTIME: &str = "https://bedrock-runtime.us-east-1.amazonaws.com";

fn signed(
    address: &str,
    body: &'static str,
    session: Option<&str>,
    region: &str,
    service: &str,
) -> HeaderMap {
    let keys = Keys {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: session.map(Secret::new),
    };
    let body = Bytes::from_static(body.as_bytes());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(address)
        .header("content-type", "application/json")
        // Not covered: proxies change them.
        .header("accept", "*/*")
        .header("traceparent", "00-1-2-01")
        .body(Full::new(body.clone()))
        .unwrap();
    let now = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
    sign::sign(&mut request, &body, &keys, region, service, now).unwrap();
    request.headers().clone()
}

fn authorization(headers: &HeaderMap) -> &str {
    headers[header::AUTHORIZATION].to_str().unwrap()
}

/// Made with botocore 1.43.11.
#[test]
fn signatures_are_those_of_amazons_own_client() {
    let plain = "content-type;host;x-amz-date";
    for (address, body, session, scope, covered, signature) in [
        (
            format!("{RUNTIME}/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"),
            CHAT,
            None,
            ("us-east-1", "bedrock"),
            plain,
            "6ad99c0cfcfea3857eb2998ce4df766725157ab11583c455a2ad31fff137fdb7",
        ),
        (
            format!("{RUNTIME}/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse-stream"),
            CHAT,
            Some("SESSIONTOKEN"),
            ("us-east-1", "bedrock"),
            "content-type;host;x-amz-date;x-amz-security-token",
            "3c2bd55b90375ed60a2e285dcb3f1b47358ea133eb977abdf9d84c7db8375a74",
        ),
        (
            format!(
                "{RUNTIME}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-20250514-v1%3A0/converse"
            ),
            CHAT,
            None,
            ("us-east-1", "bedrock"),
            plain,
            "e59ec1c91b918e6d6817825926b255da7ba6be8ecc00f8e25e33ef9f4d6a6a2a",
        ),
        (
            "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/my-ep/invocations"
                .to_owned(),
            r#"{"inputs":"hi"}"#,
            None,
            ("eu-west-1", "sagemaker"),
            plain,
            "2f72a886bf457a2324df019562a7619cfb3b5fbc4da0860a8560362ab5e9a1a5",
        ),
    ] {
        let (region, service) = scope;
        let headers = signed(&address, body, session, region, service);
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/{region}/{service}/aws4_request, SignedHeaders={covered}, Signature={signature}"
        );
        assert_eq!(authorization(&headers), expected, "{address}");
        assert_eq!(headers["x-amz-date"], "20260102T030405Z");
        assert_eq!(
            headers.contains_key("x-amz-security-token"),
            session.is_some()
        );
    }
}
