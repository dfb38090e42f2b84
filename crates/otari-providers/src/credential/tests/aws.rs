//! Where AWS keys come from, and what is signed with them.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::*;
use crate::credential::Http;

const STS_REPLY: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
    <AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>s/1+</SecretAccessKey><SessionToken>st-1</SessionToken>\
    <Expiration>2026-01-02T13:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

fn served(id: &str) -> Answer {
    Answer::json(
        200,
        &json!({
            "AccessKeyId": id, "SecretAccessKey": "s", "Token": "st-2", "Expiration": "2026-01-02T18:00:00Z",
        }),
    )
}

fn bedrock(endpoint: &Endpoint) -> Lab {
    Lab::new("bedrock")
        .at(endpoint)
        .env("AWS_REGION", "eu-west-1")
}

/// The access key that the model was called with.
async fn signer(lab: Lab, endpoint: &Endpoint) -> String {
    let instance = lab.make().unwrap();
    send(&transport(), &instance).await.unwrap();
    let call = endpoint.seen("POST /model/").pop().unwrap();
    assert!(call.headers.contains_key("x-amz-date"));
    let authorization = &call.headers["authorization"];
    let rest = authorization
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .unwrap_or_else(|| panic!("{authorization}"));
    let (id, scope) = rest.split_once('/').unwrap();
    assert!(
        scope.starts_with("20260102/eu-west-1/bedrock/aws4_request"),
        "{scope}"
    );
    id.to_owned()
}

fn files(config: &str, credentials: &str) -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let path = home.path().to_str().unwrap().to_owned();
    (home, path)
}

#[tokio::test]
async fn keys_are_found_in_amazons_order() {
    let endpoint = Endpoint::start(|seen| match seen.line.as_str() {
        line if line.starts_with("GET /container") => served("AKCONTAINER"),
        "PUT /latest/api/token" => Answer::text(200, "imds-1"),
        "GET /latest/meta-data/iam/security-credentials/" => Answer::text(200, "role-1\n"),
        "GET /latest/meta-data/iam/security-credentials/role-1" => served("AKMACHINE"),
        "POST /sts/" => Answer::text(200, STS_REPLY),
        _ => Answer::text(200, "{}"),
    })
    .await;
    let (_home, home) = files(
        "",
        "[default]\naws_access_key_id = AKPROFILE\naws_secret_access_key=s\n",
    );
    let machine = || bedrock(&endpoint).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint.url);
    let container = || {
        machine()
            .env(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                &format!("{}/container", endpoint.url),
            )
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "proof-1")
    };
    let profile = || container().env("HOME", &home);
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "jwt-1\n").unwrap();
    let web = || {
        profile()
            .env(
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                token.path().to_str().unwrap(),
            )
            .env("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
            .env("AWS_ENDPOINT_URL_STS", &format!("{}/sts", endpoint.url))
    };
    let environment = || {
        web()
            .env("AWS_ACCESS_KEY_ID", "AKENV")
            .env("AWS_SECRET_ACCESS_KEY", "s")
    };
    let options = environment()
        .values(json!({"aws_access_key_id": "AKOPTION", "aws_secret_access_key": "s"}));
    assert_eq!(signer(machine(), &endpoint).await, "AKMACHINE");
    assert_eq!(
        endpoint.seen("GET /latest")[0].headers["x-aws-ec2-metadata-token"],
        "imds-1"
    );
    assert_eq!(signer(container(), &endpoint).await, "AKCONTAINER");
    assert_eq!(
        endpoint.seen("GET /container")[0].headers["authorization"],
        "proof-1"
    );
    assert_eq!(signer(profile(), &endpoint).await, "AKPROFILE");
    assert_eq!(signer(web(), &endpoint).await, "AKROLE");
    let form = endpoint.seen("POST /sts/")[0].form();
    assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!(form["WebIdentityToken"], "jwt-1");
    assert_eq!(signer(environment(), &endpoint).await, "AKENV");
    assert_eq!(signer(options, &endpoint).await, "AKOPTION");
}

#[tokio::test]
async fn a_profile_may_take_a_role_with_anothers_keys() {
    let endpoint = Endpoint::start(|seen| match seen.line.as_str() {
        "POST /" => Answer::text(200, STS_REPLY),
        _ => Answer::text(200, "{}"),
    })
    .await;
    let (_home, home) = files(
        "# mine\n[profile lab]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/lab\nexternal_id = x-1\n\
         source_profile = base\ns3 =\n  role_arn = nested\n",
        "[base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n",
    );
    let lab = Lab::new("bedrock")
        .at(&endpoint)
        .env("HOME", &home)
        .env("AWS_PROFILE", "lab")
        .env("AWS_ENDPOINT_URL_STS", &endpoint.url);
    assert_eq!(signer(lab, &endpoint).await, "AKROLE");
    let asked = &endpoint.seen("POST /")[0];
    assert!(asked.headers["authorization"].contains("Credential=AKBASE/20260102/eu-west-1/sts/"));
    let form = asked.form();
    assert_eq!(form["Action"], "AssumeRole");
    assert_eq!(form["RoleArn"], "arn:aws:iam::1:role/lab");
    assert_eq!(form["ExternalId"], "x-1");
    let call = endpoint.seen("POST /model/").pop().unwrap();
    assert_eq!(call.headers["x-amz-security-token"], "st-1");
}

#[tokio::test]
async fn what_is_wrong_with_a_profile_is_said() {
    let endpoint = Endpoint::start(|_| Answer::text(200, "{}")).await;
    let (_home, home) = files(
        "[profile sso]\nsso_session = corp\n[profile loop]\nrole_arn = r\nsource_profile = pool\n\
         [profile pool]\nrole_arn = r\nsource_profile = loop\n[profile process]\ncredential_process = /bin/x\n",
        "",
    );
    for (name, says) in [
        ("sso", "signs in with SSO"),
        ("process", "runs a credential process"),
        ("loop", "leads through too many others"),
        ("missing", "there is no AWS profile `missing`"),
    ] {
        let lab = bedrock(&endpoint)
            .env("HOME", &home)
            .values(json!({"aws_profile": name}));
        let error = send(&transport(), &lab.make().unwrap()).await.unwrap_err();
        assert_eq!(error.kind, crate::UpstreamErrorKind::Credentials);
        let message = error.message.unwrap();
        assert!(message.contains(says), "{message}");
    }
    let lab = bedrock(&endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
    let error = send(&transport(), &lab.make().unwrap()).await.unwrap_err();
    assert!(
        error
            .message
            .unwrap()
            .ends_with("no AWS credentials are configured")
    );
    assert!(endpoint.seen("").is_empty());
}

#[tokio::test]
async fn a_bedrock_key_is_a_bearer_unless_keys_are_configured() {
    let endpoint = Endpoint::start(|_| Answer::text(200, "{}")).await;
    let lab = || {
        bedrock(&endpoint)
            .key("ABSK-1")
            .env("AWS_BEARER_TOKEN_BEDROCK", "ABSK-1")
            .env("AWS_ACCESS_KEY_ID", "AKENV")
            .env("AWS_SECRET_ACCESS_KEY", "s")
    };
    send(&transport(), &lab().make().unwrap()).await.unwrap();
    let call = &endpoint.seen("")[0];
    assert_eq!(call.headers["authorization"], "Bearer ABSK-1");
    assert!(!call.headers.contains_key("x-amz-date"));
    let configured =
        lab().values(json!({"aws_access_key_id": "AKOPTION", "aws_secret_access_key": "s"}));
    assert_eq!(signer(configured, &endpoint).await, "AKOPTION");
}

#[tokio::test]
async fn expired_keys_are_fetched_anew_and_a_wrong_clock_is_corrected() {
    let given = AtomicU32::new(0);
    let endpoint = Endpoint::start(move |seen| {
        if seen.line.starts_with("GET /container") {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            return served(&format!("AK{number}"));
        }
        if seen.headers["authorization"].contains("Credential=AK1/") {
            return Answer::text(403, "{}")
                .header("x-amzn-errortype", "ExpiredTokenException:http://x");
        }
        if seen.headers["x-amz-date"].starts_with("20260102T12") {
            return Answer::text(403, "{}")
                .header("x-amzn-errortype", "InvalidSignatureException")
                .header("date", "Fri, 02 Jan 2026 13:30:00 GMT");
        }
        Answer::text(200, "{}")
    })
    .await;
    let lab = bedrock(&endpoint).env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        &format!("{}/container", endpoint.url),
    );
    let clock = lab.clock.clone();
    let instance = lab.make().unwrap();
    let transport = transport();
    let error = send(&transport, &instance).await.unwrap_err();
    assert_eq!(error.status, Some(403));
    clock.advance_secs(120);
    // One reason at a time: new keys now, their time with the next call.
    let error = send(&transport, &instance).await.unwrap_err();
    assert_eq!(error.status, Some(403));
    send(&transport, &instance).await.unwrap();
    let last = endpoint.seen("POST /model/").pop().unwrap();
    assert!(last.headers["authorization"].contains("Credential=AK2/"));
    assert_eq!(last.headers["x-amz-date"], "20260102T133000Z");
}

#[tokio::test]
async fn what_takes_no_bearer_is_signed() {
    let instance = Lab::new("bedrock")
        .key("ABSK-1")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .make()
        .unwrap();
    let http = Http(transport().pool().clone());
    for (operation, model, begins) in [
        (Operation::Chat, "m", "Bearer ABSK-1"),
        (Operation::Models, "", "Bearer ABSK-1"),
        (
            Operation::Rerank,
            "m",
            "AWS4-HMAC-SHA256 Credential=AKENV/20260102/eu-west-1/bedrock/",
        ),
    ] {
        let mut request = http::Request::new(http_body_util::Full::default());
        *request.uri_mut() = instance.address(operation, model, false).unwrap();
        *request.headers_mut() = instance.keys().headers().clone();
        instance
            .keys()
            .first()
            .credential
            .put_on(&http, &mut request, &Bytes::new())
            .await
            .unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(
            authorization.starts_with(begins),
            "{operation:?}: {authorization}"
        );
    }
}

#[tokio::test]
async fn a_signature_is_for_the_region_that_is_called() {
    let instance = Lab::new("bedrock")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .make()
        .unwrap();
    let http = Http(transport().pool().clone());
    let arn = "arn:aws:bedrock:us-east-2:1:inference-profile/us.m";
    let mut request = http::Request::new(http_body_util::Full::default());
    *request.uri_mut() = instance.address(Operation::Chat, arn, true).unwrap();
    instance
        .keys()
        .first()
        .credential
        .put_on(&http, &mut request, &Bytes::new())
        .await
        .unwrap();
    let authorization = request.headers()["authorization"].to_str().unwrap();
    assert!(
        authorization.contains("/us-east-2/bedrock/"),
        "{authorization}"
    );
}
