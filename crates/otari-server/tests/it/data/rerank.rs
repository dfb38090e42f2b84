//! `POST /v1/rerank`

mod chat;

use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

async fn start() -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let root = base.strip_suffix("/v1").unwrap().to_owned();
    let price = json!({"input_price_per_million": 10.0, "output_price_per_million": 0.0});
    let in_and_out = json!({"input_price_per_million": 10.0, "output_price_per_million": 100.0});
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "cohere": {"api_key": "k", "api_base": root},
                "voyage": {"api_key": "k", "api_base": base},
                "deepinfra": {"api_key": "k", "api_base": format!("{root}/v1/openai")},
                "bedrock": {"api_base": root, "region": "us-east-1", "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "s"},
                "claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": root},
                "lab": {"provider_type": "lmstudio", "api_base": base},
                "echo": {},
            }),
        )
        .set("aliases", json!({"ranker": "mock:r"}))
        .set("require_pricing", json!(false))
        .set("pricing", json!({"mock:r": price, "lab:m": in_and_out, "claude:opus": in_and_out}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn asked(model: &str) -> Value {
    json!({"model": model, "query": "q", "documents": ["a", "b", "c"], "top_n": 2})
}

#[tokio::test]
async fn scores_come_in_one_shape_and_tokens_are_billed() {
    let (app, upstream, key) = start().await;
    let answered = json!({"id": "r1", "model": "r", "usage": {"total_tokens": 40}, "results": [
        {"index": 2, "relevance_score": 0.1, "document": {"text": "c"}}, {"index": 0, "relevance_score": 0.75},
    ]});
    upstream.always(Script::json(200, &answered));
    let mut body = asked("ranker");
    body["user"] = json!("alice");
    body["truncation"] = json!(true);
    let answer = app.client.post("/v1/rerank", &key, &body).await.expect(200);
    assert_eq!(
        answer,
        json!({"id": "r1", "model": "ranker", "usage": {"total_tokens": 40}, "results": [
            {"index": 0, "relevance_score": 0.75}, {"index": 2, "relevance_score": 0.1},
        ]})
    );
    let mut expected = asked("r");
    expected["truncation"] = json!(true);
    assert_eq!(upstream.last().json(), expected);
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["cost"], &row["prompt_tokens"], &row["endpoint"]),
        (&json!(0.0004), &json!(40), &json!("/v1/rerank"))
    );
    body["return_documents"] = json!(true);
    let answer = app.client.post("/v1/rerank", &key, &body).await.expect(200);
    assert_eq!(answer["results"][0]["document"], json!({"text": "a"}));
}

#[tokio::test]
async fn each_provider_is_asked_in_its_own_words() {
    let (app, upstream, key) = start().await;
    let cohere = json!({"id": "x", "results": [{"index": 1, "relevance_score": 0.5}], "meta": {"billed_units": {"search_units": 1}}});
    let voyage = json!({"object": "list", "data": [{"index": 1, "relevance_score": 0.5}], "usage": {"total_tokens": 3}});
    let scores = json!({"scores": [0.1, 0.5, 0.0], "input_tokens": 3});
    let bedrock = json!({"results": [{"index": 1, "relevanceScore": 0.5}]});
    for (model, answered, path, sent) in [
        (
            "cohere:rerank-v3.5",
            cohere,
            "/v2/rerank",
            json!({"model": "rerank-v3.5", "query": "q", "documents": ["a", "b", "c"], "top_n": 2}),
        ),
        (
            "voyage:rerank-2",
            voyage,
            "/rerank",
            json!({"model": "rerank-2", "query": "q", "documents": ["a", "b", "c"], "top_k": 2}),
        ),
        (
            "deepinfra:Qwen/R",
            scores,
            "/inference/Qwen/R",
            json!({"queries": ["q"], "documents": ["a", "b", "c"]}),
        ),
        (
            "bedrock:amazon.rerank-v1:0",
            bedrock,
            "/rerank",
            Value::Null,
        ),
    ] {
        upstream.enqueue(Script::json(200, &answered));
        let answer = app.client.post("/v1/rerank", &key, &asked(model)).await;
        let answer = answer.expect(200);
        assert_eq!(
            answer["results"][0],
            json!({"index": 1, "relevance_score": 0.5}),
            "{model}"
        );
        assert!(answer["results"].as_array().unwrap().len() <= 2, "{model}");
        let last = upstream.last();
        assert!(last.path.ends_with(path), "{model}: {}", last.path);
        if !sent.is_null() {
            assert_eq!(last.json(), sent, "{model}");
        }
    }
    let sent = upstream.last().json();
    let bedrock = &sent["rerankingConfiguration"]["bedrockRerankingConfiguration"];
    assert_eq!(
        bedrock["modelConfiguration"]["modelArn"],
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0"
    );
    assert_eq!(bedrock["numberOfResults"], 2);
    assert_eq!(
        sent["sources"][2]["inlineDocumentSource"]["textDocument"]["text"],
        "c"
    );
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let (app, upstream, key) = start().await;
    let with = |name: &str, value: Value| {
        let mut body = asked("mock:r");
        body[name] = value;
        body
    };
    let mut limited = asked("voyage:rerank-2");
    limited["max_tokens_per_doc"] = json!(9);
    for (body, status, says) in [
        (json!({"model": "mock:r"}), 422, "query"),
        (with("documents", json!([])), 422, "documents"),
        (with("documents", json!(["a", 1])), 422, "documents.1"),
        (with("documents", json!("a")), 422, "documents"),
        (with("top_n", json!(0)), 422, "top_n"),
        (with("top_n", json!("two")), 422, "top_n"),
        (
            with("max_tokens_per_doc", json!(-1)),
            422,
            "max_tokens_per_doc",
        ),
        (limited, 400, "max_tokens_per_doc"),
        (with("ranker", json!("dice")), 422, "ranker"),
        (asked("echo:echo"), 400, "cannot judge"),
    ] {
        let answer = app.client.post("/v1/rerank", &key, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{body}: {}", answer.text());
    }
    // A document that there is not is no answer, and nobody pays for it.
    let answered =
        json!({"results": [{"index": 3, "relevance_score": 1.0}], "usage": {"total_tokens": 9}});
    upstream.enqueue(Script::json(200, &answered));
    let answer = app.client.post("/v1/rerank", &key, &asked("mock:r")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(app.user("alice").await["spend"], 0.0);
}
