//! The learned router through the public door.

use http::Method;
use otari_testkit::{MASTER_KEY, Script, TestApp};
use serde_json::{Value, json};

const EASY: [&str; 3] = [
    "Translate this sentence to French: good morning",
    "Translate this sentence to French: good night",
    "Translate this sentence to French: see you soon",
];
const HARD: [&str; 3] = [
    "Prove that the square root of two is irrational",
    "Prove that the square root of three is irrational",
    "Prove that the square root of five is irrational",
];

struct Lab {
    app: TestApp,
    key: String,
}

impl Lab {
    async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// Two models, one ten times as dear, and a third that answers where the router declines.
    async fn with(settings: Value) -> Self {
        let price = |dollars: f64| json!({"input_price_per_million": dollars, "output_price_per_million": dollars});
        let policy = json!({"select": [
            {"router": "knn", "candidates": ["mock:small", "mock:big"]},
            {"default": "mock:plain"},
        ]});
        let mut builder = TestApp::builder()
            .set("routing", json!({"policies": {"clever": policy}}))
            .set(
                "pricing",
                json!({"mock:small": price(1.0), "mock:big": price(10.0), "mock:plain": price(1.0), "mock:embed": price(1.0)}),
            )
            .set("router_seed_count", json!(6))
            .set("router_k", json!(3));
        for (name, value) in settings.as_object().unwrap() {
            builder = builder.set(name, value.clone());
        }
        let app = builder.start().await;
        let key = app.key("alice", json!({})).await;
        Self { app, key }
    }

    async fn teach(&self, examples: Value, status: u16) -> Value {
        let body = json!({"user_id": "alice", "examples": examples});
        let path = "/v1/routing/preferences/rank";
        let answer = self.app.client.post(path, MASTER_KEY, &body).await;
        answer.expect(status)
    }

    async fn teach_all(&self) -> Value {
        self.teach(examples(None), 200).await
    }

    async fn ask(&self, messages: Value) -> String {
        self.ask_with(&[], json!({"messages": messages})).await
    }

    /// The model that was reached.
    async fn ask_with(&self, headers: &[(&str, &str)], mut body: Value) -> String {
        let members = body.as_object_mut().unwrap();
        members.insert("model".to_owned(), json!("clever"));
        let client = &self.app.client;
        let path = "/v1/chat/completions";
        let body = body.to_string().into();
        let answer = client
            .send(Method::POST, path, Some(&self.key), headers, body)
            .await;
        answer.expect(200);
        let sent = self.app.upstream.last().json();
        sent.get("model").unwrap().as_str().unwrap().to_owned()
    }
}

/// The small model is as good at what is easy, and fails at what is hard.
fn examples(task: Option<&str>) -> Value {
    let example = |prompt: &&str, small: f64| json!({"prompt": prompt, "scores": {"mock:small": small, "mock:big": 0.95}, "task_id": task});
    let easy = EASY.iter().map(|prompt| example(prompt, 0.9));
    let hard = HARD.iter().map(|prompt| example(prompt, 0.1));
    easy.chain(hard).collect()
}

fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

const EASY_ASKED: &str = "Translate this sentence to German: good evening";
const HARD_ASKED: &str = "Prove that the square root of seven is irrational";

#[tokio::test]
async fn requests_go_to_the_cheapest_model_that_did_well_at_the_like() {
    let lab = Lab::start().await;
    assert_eq!(
        lab.ask(user(EASY_ASKED)).await,
        "plain",
        "it knows nothing yet"
    );
    let taught = lab.teach_all().await;
    let pool = json!({"task_id": null, "records": 6, "warm": true});
    assert_eq!(
        taught,
        json!({"recorded": 6, "seed_count": 6, "pools": [pool]})
    );
    assert_eq!(lab.ask(user(EASY_ASKED)).await, "small");
    assert_eq!(lab.ask(user(HARD_ASKED)).await, "big");
    let row = &lab.app.usage().await[0];
    assert_eq!(row["selection_reason"], "router:knn");
    assert_eq!(row["policy_name"], "clever");

    // The rest of the ranking is the way out.
    let down = json!({"error": {"message": "down"}});
    lab.app.upstream.enqueue(Script::json(503, &down));
    assert_eq!(
        lab.ask(user("Prove that the square root of six is irrational"))
            .await,
        "small"
    );
}

#[tokio::test]
async fn a_conversation_keeps_its_model_and_other_users_know_nothing() {
    let lab = Lab::start().await;
    lab.teach_all().await;
    let turns = json!([
        {"role": "user", "content": EASY_ASKED},
        {"role": "assistant", "content": "Guten Abend"},
        {"role": "user", "content": HARD_ASKED},
    ]);
    assert_eq!(lab.ask(turns.clone()).await, "small");
    // By name too, whatever is said.
    let named = [("otari-conversation-id", "c-1")];
    let say = |text: &str| json!({"messages": user(text)});
    assert_eq!(lab.ask_with(&named, say(HARD_ASKED)).await, "big");
    assert_eq!(lab.ask_with(&named, say(EASY_ASKED)).await, "big");

    let bob = Lab {
        key: lab.app.key("bob", json!({})).await,
        app: lab.app,
    };
    assert_eq!(bob.ask(user(EASY_ASKED)).await, "plain");

    let lab = Lab::with(json!({"router_granularity": "step"})).await;
    lab.teach_all().await;
    assert_eq!(lab.ask(turns).await, "big", "each call by its own words");
}

#[tokio::test]
async fn tasks_are_decided_by_examples_of_their_own() {
    let lab = Lab::start().await;
    let taught = lab.teach(examples(Some("school")), 200).await;
    assert_eq!(
        taught["pools"][1],
        json!({"task_id": "school", "records": 6, "warm": true})
    );
    let say = || json!({"messages": user(EASY_ASKED)});
    assert_eq!(
        lab.ask_with(&[("otari-router-task", "school")], say())
            .await,
        "small"
    );
    assert_eq!(
        lab.ask_with(&[("otari-router-task", "work")], say()).await,
        "plain"
    );
    // Without a task, everything counts.
    assert_eq!(lab.ask_with(&[], say()).await, "small");
}

#[tokio::test]
async fn it_declines_rather_than_fail() {
    let lab = Lab::start().await;
    lab.teach_all().await;
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let with_tools = json!({"messages": user(EASY_ASKED), "tools": tool});
    assert_eq!(lab.ask_with(&[], with_tools).await, "plain");
    let say = || json!({"messages": user(EASY_ASKED)});
    assert_eq!(
        lab.ask_with(&[("otari-router", "off")], say()).await,
        "plain"
    );

    // A key that may use one of the two only has nothing to choose from.
    let narrow = json!({"allowed_models": ["mock:big", "mock:plain"]});
    let narrow = Lab {
        key: lab.app.key("alice", narrow).await,
        app: lab.app,
    };
    assert_eq!(narrow.ask(user(EASY_ASKED)).await, "plain");
}

#[tokio::test]
async fn a_provider_embeds_where_that_is_configured_and_is_paid_for_it() {
    let lab = Lab::with(
        json!({"router_embedding_model": "mock:embed", "router_seed_count": 2, "router_k": 1}),
    )
    .await;
    let vectors = |vectors: &[[f64; 2]]| {
        let data: Vec<Value> = vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}))
            .collect();
        let body = json!({"object": "list", "model": "embed", "data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}});
        Script::json(200, &body)
    };
    lab.app.upstream.enqueue(vectors(&[[1.0, 0.0], [0.0, 1.0]]));
    let scores = |small: f64| json!({"mock:small": small, "mock:big": 0.95});
    let taught =
        json!([{"prompt": "one", "scores": scores(0.9)}, {"prompt": "two", "scores": scores(0.1)}]);
    lab.teach(taught, 200).await;
    assert_eq!(
        lab.app.upstream.last().json()["input"],
        json!(["one", "two"])
    );

    lab.app.upstream.enqueue(vectors(&[[0.1, 2.0]]));
    assert_eq!(lab.ask(user("three")).await, "big");
    let rows = lab.app.usage().await;
    let embedding = rows
        .iter()
        .filter(|row| row["endpoint"] == "router/embedding");
    let billed: Vec<_> = embedding
        .map(|row| (row["user_id"].clone(), row["prompt_tokens"].clone()))
        .collect();
    assert_eq!(billed, vec![(json!("alice"), json!(7)); 2]);

    // A provider that is down costs the decision, not the call.
    lab.app
        .upstream
        .enqueue(Script::json(500, &json!({"error": {"message": "down"}})));
    assert_eq!(lab.ask(user("four")).await, "plain");
    lab.app
        .upstream
        .enqueue(Script::json(500, &json!({"error": {"message": "down"}})));
    let failed = lab
        .teach(json!([{"prompt": "x", "scores": scores(0.5)}]), 502)
        .await;
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("mock:embed") && message.contains("None of the examples"),
        "{message}"
    );
}

/// The embedder's answer would come after the test's end: the call does not wait for it.
#[tokio::test]
async fn an_embedder_that_does_not_answer_holds_no_call() {
    let lab = Lab::with(json!({
        "router_embedding_model": "mock:embed", "router_seed_count": 1, "router_k": 1, "router_decision_timeout_ms": 50,
    }))
    .await;
    let vector = json!([{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]);
    let usage = json!({"prompt_tokens": 7, "total_tokens": 7});
    let body = json!({"object": "list", "model": "embed", "data": vector, "usage": usage});
    lab.app.upstream.enqueue(Script::json(200, &body));
    let scores = json!({"mock:small": 0.9, "mock:big": 0.95});
    lab.teach(json!([{"prompt": "one", "scores": scores}]), 200)
        .await;
    lab.app.upstream.enqueue(Script::hang());
    assert_eq!(lab.ask(user("two")).await, "plain");
    lab.app.upstream.abandoned().await;
    let asked = lab.app.upstream.captured();
    let waited_for = &asked[asked.len() - 2];
    assert!(
        waited_for.path.ends_with("/embeddings"),
        "{}",
        waited_for.path
    );
    while lab.app.user("alice").await["reserved"] != 0.0 {
        tokio::task::yield_now().await;
    }
    // What was given up is not kept as a decision: the next call asks again.
    lab.app.upstream.enqueue(Script::json(200, &body));
    assert_ne!(lab.ask(user("two")).await, "plain");
}

#[tokio::test]
async fn what_cannot_be_learned_is_told() {
    let lab = Lab::start().await;
    let with = |scores: Value| json!([{"prompt": "p", "scores": scores}]);
    for (examples, status, told) in [
        (json!([]), 422, "at least 1"),
        (with(json!({})), 422, "at least 1"),
        (with(json!({"mock:small": 1.5})), 422, "from 0 to 1"),
        (
            json!([{"prompt": " ", "scores": {"mock:small": 1}}]),
            422,
            "at least 1",
        ),
        (with(json!({"nobody:small": 1})), 400, "nobody:small"),
        (
            with(json!({"mock:small": 1, "mock/small": 0.5})),
            400,
            "the same model",
        ),
    ] {
        let refused = lab.teach(examples, status).await;
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
    let body = json!({"user_id": "nobody", "examples": with(json!({"mock:small": 1}))});
    let path = "/v1/routing/preferences/rank";
    lab.app
        .client
        .post(path, MASTER_KEY, &body)
        .await
        .expect(404);
    lab.app.client.post(path, &lab.key, &body).await.expect(401);

    let body = json!({"user_id": "alice", "workspace_id": "other", "examples": with(json!({"mock:small": 1}))});
    let elsewhere = lab.app.client.post(path, MASTER_KEY, &body).await;
    elsewhere.expect(404);

    let spec = json!({"select": [{"router": "knn", "candidates": ["mock:small", "mock:unpriced"]}, {"default": "mock:plain"}]});
    let body = json!({"name": "blind", "spec": spec});
    let refused = lab
        .app
        .client
        .post("/v1/routing/policies", MASTER_KEY, &body)
        .await;
    let refused = refused.expect(400);
    assert_eq!(
        refused["detail"]["errors"][0]["path"],
        "select.0.candidates.1"
    );
}

#[tokio::test]
async fn what_it_knows_can_be_looked_up() {
    let lab = Lab::start().await;
    lab.teach(examples(Some("school")), 200).await;
    let client = &lab.app.client;
    let status = client
        .get("/v1/routing/status?user_id=alice", MASTER_KEY)
        .await;
    let status = status.expect(200);
    assert_eq!(status["default_pool"], json!({"records": 6, "warm": true}));
    assert_eq!(
        status["tasks"],
        json!([{"task_id": "school", "records": 6, "warm": true}])
    );
    assert_eq!(status["embedding_model"], "otari:words");
    assert_eq!(
        status["policies"],
        json!([{"name": "clever", "backend": "knn", "candidates": ["mock:small", "mock:big"], "default_target": "mock:plain"}])
    );
    client
        .get("/v1/routing/status?user_id=nobody", MASTER_KEY)
        .await
        .expect(404);
    client
        .get("/v1/routing/status", MASTER_KEY)
        .await
        .expect(422);

    // A draft is explained without a request: all that the router might choose.
    let body = json!({"name": "clever"});
    let explained = client
        .post("/v1/routing/policies/explain", MASTER_KEY, &body)
        .await;
    let explained = explained.expect(200);
    assert_eq!(explained["router_backend"], "knn");
    assert_eq!(explained["candidates"].as_array().unwrap().len(), 2);
}
