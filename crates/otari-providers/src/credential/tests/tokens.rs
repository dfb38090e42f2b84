//! What each token service is asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use super::*;

const KEY: &str = include_str!("service_account.pem");

fn any_token() -> Answer {
    Answer::json(
        200,
        &json!({"access_token": "t-1", "expires_in": "3599", "token_type": "Bearer"}),
    )
    .header("metadata-flavor", "Google")
}

/// Calls once, and returns what was asked for the token.
async fn exchanged(lab: Lab, endpoint: &Endpoint) -> Seen {
    let instance = lab.make().unwrap();
    send(&transport(), &instance).await.unwrap();
    let all = endpoint.seen("");
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[1].headers["authorization"], "Bearer t-1");
    assert!(!all[1].headers.contains_key("api-key"));
    all[0].clone()
}

fn claims(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_google_service_account_signs_for_its_token() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let file = json!({
        "type": "service_account", "project_id": "lab-1", "client_email": "bot@lab-1.example",
        "private_key_id": "kid-1", "token_uri": format!("{}/token", endpoint.url),
        // As it comes out of an environment variable.
        "private_key": KEY.replace('\n', "\\n"),
    });
    let lab = Lab::new("vertexai")
        .at(&endpoint)
        .values(json!({"credentials": file}));
    let asked = exchanged(lab, &endpoint).await;
    assert_eq!(asked.line, "POST /token");
    assert_eq!(
        asked.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert!(
        endpoint.seen("")[1]
            .line
            .contains("/v1/projects/lab-1/locations/global/")
    );
    let form = asked.form();
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    assert_eq!(
        claims(head),
        json!({"typ": "JWT", "alg": "RS256", "kid": "kid-1"})
    );
    let issued = noon().as_secs();
    assert_eq!(
        claims(body),
        json!({
            "iat": issued, "exp": issued + 3600, "iss": "bot@lab-1.example",
            "aud": "https://oauth2.googleapis.com/token",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
        })
    );
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let pair = ring::signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        pair.public().as_ref(),
    );
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(signed.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn a_google_login_is_refreshed_and_charged_to_its_project() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adc.json");
    let file = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r&1",
        "quota_project_id": "lab-2", "token_uri": format!("{}/token", endpoint.url),
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let lab = Lab::new("vertexai")
        .at(&endpoint)
        .env("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap());
    let form = exchanged(lab, &endpoint).await.form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "r&1");
    assert_eq!(endpoint.seen("")[1].headers["x-goog-user-project"], "lab-2");
}

#[tokio::test]
async fn a_federated_identity_may_act_as_a_service_account() {
    let endpoint = Endpoint::start(|seen| match seen.line.as_str() {
        "GET /subject" => Answer::json(200, &json!({"value": "jwt-1"})),
        "POST /sts" => Answer::json(200, &json!({"access_token": "sts-1", "expires_in": 3600})),
        "POST /bot:generateAccessToken" => Answer::json(
            200,
            &json!({"accessToken": "bot-1", "expireTime": "2026-01-02T13:00:00Z"}),
        ),
        _ => Answer::text(200, "{}"),
    })
    .await;
    let url = &endpoint.url;
    let file = json!({
        "type": "external_account", "audience": "//iam/pool", "subject_token_type": "urn:jwt",
        "token_url": format!("{url}/sts"),
        "service_account_impersonation_url": format!("{url}/bot:generateAccessToken"),
        "credential_source": {
            "url": format!("{url}/subject"), "headers": {"Metadata": "yes"},
            "format": {"type": "json", "subject_token_field_name": "value"},
        },
    });
    let lab = Lab::new("vertexai")
        .at(&endpoint)
        .values(json!({"project": "p", "credentials": file.to_string()}));
    send(&transport(), &lab.make().unwrap()).await.unwrap();
    let all = endpoint.seen("");
    assert_eq!(all[0].headers["metadata"], "yes");
    let form = all[1].form();
    assert_eq!(form["subject_token"], "jwt-1");
    assert_eq!(form["audience"], "//iam/pool");
    assert_eq!(all[2].headers["authorization"], "Bearer sts-1");
    let body: Value = serde_json::from_str(&all[2].body).unwrap();
    assert_eq!(
        body["scope"][0],
        "https://www.googleapis.com/auth/cloud-platform"
    );
    assert_eq!(all[3].headers["authorization"], "Bearer bot-1");
}

#[tokio::test]
async fn a_login_may_act_as_a_service_account() {
    let endpoint = Endpoint::start(|seen| match seen.line.as_str() {
        "POST /token" => any_token(),
        "POST /bot:generateAccessToken" => Answer::json(
            200,
            &json!({"accessToken": "bot-1", "expireTime": "2026-01-02T13:00:00Z"}),
        ),
        _ => Answer::text(200, "{}"),
    })
    .await;
    let url = &endpoint.url;
    let file = json!({
        "type": "impersonated_service_account", "delegates": ["d-1"],
        "service_account_impersonation_url": format!("{url}/bot:generateAccessToken"),
        "source_credentials": {
            "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
            "token_uri": format!("{url}/token"),
        },
    });
    let lab = Lab::new("vertexai")
        .at(&endpoint)
        .values(json!({"project": "p", "credentials": file}));
    send(&transport(), &lab.make().unwrap()).await.unwrap();
    let all = endpoint.seen("");
    assert_eq!(all[1].headers["authorization"], "Bearer t-1");
    let body: Value = serde_json::from_str(&all[1].body).unwrap();
    assert_eq!(body["delegates"], json!(["d-1"]));
    assert_eq!(all[2].headers["authorization"], "Bearer bot-1");
}

#[tokio::test]
async fn googles_metadata_server_must_say_who_it_is() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let host = endpoint.url.trim_start_matches("http://").to_owned();
    let lab = |endpoint: &Endpoint| {
        Lab::new("vertexaianthropic")
            .at(endpoint)
            .values(json!({"project": "p"}))
            .env("GCE_METADATA_HOST", &host)
    };
    let asked = exchanged(lab(&endpoint), &endpoint).await;
    assert_eq!(
        asked.line,
        "GET /computeMetadata/v1/instance/service-accounts/default/token"
    );
    assert_eq!(asked.headers["metadata-flavor"], "Google");

    let portal = Endpoint::start(|_| Answer::json(200, &json!({"access_token": "t"}))).await;
    let host = portal.url.trim_start_matches("http://").to_owned();
    let instance = lab(&portal)
        .env("GCE_METADATA_HOST", "")
        .values(json!({"project": "p"}));
    let mut instance = instance;
    instance.env = vec![("GCE_METADATA_HOST".to_owned(), host)];
    let error = send(&transport(), &instance.make().unwrap())
        .await
        .unwrap_err();
    assert!(error.message.unwrap().contains("is not Google's"));
}

#[tokio::test]
async fn entra_gives_tokens_for_a_clients_secret() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let lab = Lab::new("azureopenai")
        .at(&endpoint)
        .values(json!({"client_id": "c-1"}))
        .env("AZURE_TENANT_ID", "tenant-1")
        .env("AZURE_CLIENT_ID", "other")
        .env("AZURE_CLIENT_SECRET", "s+1")
        .env("AZURE_AUTHORITY_HOST", &format!("{}/", endpoint.url));
    let asked = exchanged(lab, &endpoint).await;
    assert_eq!(asked.line, "POST /tenant-1/oauth2/v2.0/token");
    let form = asked.form();
    assert_eq!(form["client_id"], "c-1");
    assert_eq!(form["client_secret"], "s+1");
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(
        form["scope"],
        "https://cognitiveservices.azure.com/.default"
    );
}

#[tokio::test]
async fn entra_takes_the_clusters_token_as_proof() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "jwt-1\n").unwrap();
    let lab = Lab::new("azureanthropic")
        .at(&endpoint)
        .env("AZURE_TENANT_ID", "tenant-1")
        .env("AZURE_CLIENT_ID", "c-1")
        .env("AZURE_FEDERATED_TOKEN_FILE", file.path().to_str().unwrap())
        .env("AZURE_AUTHORITY_HOST", &endpoint.url);
    let form = exchanged(lab, &endpoint).await.form();
    assert_eq!(form["client_assertion"], "jwt-1");
    assert!(form["client_assertion_type"].ends_with("jwt-bearer"));
    assert!(!form.contains_key("client_secret"));
}

#[tokio::test]
async fn azure_machines_and_app_services_have_an_identity() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let lab = Lab::new("azure")
        .at(&endpoint)
        .env("AZURE_CLIENT_ID", "c-1")
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", &endpoint.url);
    let asked = exchanged(lab, &endpoint).await;
    assert_eq!(
        asked.line,
        "GET /metadata/identity/oauth2/token?resource=https%3A%2F%2Fcognitiveservices.azure.com%2F&client_id=c-1&api-version=2018-02-01"
    );
    assert_eq!(asked.headers["metadata"], "true");

    let endpoint = Endpoint::start(|_| any_token()).await;
    let lab = Lab::new("azureopenai")
        .at(&endpoint)
        .env("IDENTITY_ENDPOINT", &format!("{}/msi", endpoint.url))
        .env("IDENTITY_HEADER", "proof-1");
    let asked = exchanged(lab, &endpoint).await;
    assert!(
        asked.line.starts_with("GET /msi?resource="),
        "{}",
        asked.line
    );
    assert_eq!(asked.headers["x-identity-header"], "proof-1");
}

#[tokio::test]
async fn ibm_and_databricks_give_tokens_for_keys() {
    let endpoint = Endpoint::start(|_| any_token()).await;
    let lab = Lab::new("watsonx")
        .at(&endpoint)
        .key("k+1")
        .env("WATSONX_IAM_URL", &format!("{}/iam", endpoint.url));
    let form = exchanged(lab, &endpoint).await.form();
    assert_eq!(form["grant_type"], "urn:ibm:params:oauth:grant-type:apikey");
    assert_eq!(form["apikey"], "k+1");

    let endpoint = Endpoint::start(|_| any_token()).await;
    let lab = Lab::new("databricks")
        .at(&endpoint)
        .env("DATABRICKS_CLIENT_ID", "id")
        .env("DATABRICKS_CLIENT_SECRET", "s");
    let asked = exchanged(lab, &endpoint).await;
    assert_eq!(asked.line, "POST /oidc/v1/token");
    assert_eq!(asked.headers["authorization"], "Basic aWQ6cw==");
    assert_eq!(asked.form()["scope"], "all-apis");
}

#[tokio::test]
async fn an_answer_without_a_token_is_said() {
    let endpoint = Endpoint::start(|_| Answer::text(200, "<html>")).await;
    let lab = Lab::new("watsonx")
        .at(&endpoint)
        .key("k")
        .values(json!({"iam_url": endpoint.url}));
    let error = send(&transport(), &lab.make().unwrap()).await.unwrap_err();
    assert_eq!(
        error.message.unwrap(),
        "no credential for the provider: the answer of IBM Cloud IAM holds no token"
    );
    assert_eq!(endpoint.seen("").len(), 1);
}
