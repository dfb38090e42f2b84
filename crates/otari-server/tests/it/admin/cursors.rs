//! Lists walked by cursor

use otari_store::testing;
use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::json;

/// Every page of a list, by a member of its rows.
async fn walk(app: &TestApp, path: &str, member: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = String::new();
    loop {
        let answer = app.client.get(&format!("{path}{next}"), MASTER_KEY).await;
        let cursor = answer.header("x-next-cursor").map(str::to_owned);
        let rows = answer.expect(200);
        let rows = rows.as_array().unwrap().iter();
        pages.push(
            rows.map(|row| row[member].as_str().unwrap().to_owned())
                .collect(),
        );
        match cursor {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn every_row_is_on_one_page_also_when_the_clock_stands_still() {
    for database in testing::databases().await {
        let app = TestApp::builder()
            .clock(&TestApp::noon())
            .database(&database.url)
            .set("bootstrap_api_key", json!(false))
            .start()
            .await;
        let users = ["a", "b_c", "d e", "z", "é"];
        for user in users {
            let key = app.budgeted_key(user, json!({"name": user})).await;
            let body =
                json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]});
            app.client
                .post("/v1/chat/completions", &key, &body)
                .await
                .expect(200);
        }
        for (list, member) in [
            ("keys", "user_id"),
            ("users", "user_id"),
            ("budgets", "name"),
            ("usage", "user_id"),
        ] {
            let pages = walk(&app, &format!("/v1/{list}?limit=2"), member).await;
            let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
            assert_eq!(lengths, [2, 2, 1], "{list}");
            let mut seen = pages.concat();
            seen.sort();
            assert_eq!(seen, users, "{list}");
        }
        let own = walk(&app, "/v1/users/a/usage?limit=1", "user_id").await;
        assert_eq!(own, [vec!["a".to_owned()], Vec::new()]);
        drop(app);
        database.finish().await;
    }
}

#[tokio::test]
async fn rows_that_come_and_go_do_not_shift_the_next_page() {
    let clock = TestApp::noon();
    let app = TestApp::builder().clock(&clock).start().await;
    for user in ["one", "two", "three"] {
        clock.advance_secs(1);
        app.client
            .post("/v1/users", MASTER_KEY, &json!({"user_id": user}))
            .await
            .expect(200);
    }
    let first = app.client.get("/v1/users?limit=3", MASTER_KEY).await;
    let cursor = first.header("x-next-cursor").unwrap().to_owned();
    let seen = first.expect(200);
    app.client
        .delete(
            &format!("/v1/users/{}", seen[0]["user_id"].as_str().unwrap()),
            MASTER_KEY,
        )
        .await
        .expect(204);
    let rest = app
        .client
        .get(&format!("/v1/users?limit=3&cursor={cursor}"), MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(rest[0]["user_id"], "three");
}

#[tokio::test]
async fn a_cursor_of_our_own_making_is_required() {
    let app = TestApp::start().await;
    for query in ["cursor=x", "cursor=%00", "cursor=YWJj"] {
        let answer = app
            .client
            .get(&format!("/v1/users?{query}"), MASTER_KEY)
            .await;
        assert_eq!(
            answer.expect(422)["detail"][0]["loc"],
            json!(["query", "cursor"])
        );
    }
    let answer = app.client.get("/v1/users?limit=1", MASTER_KEY).await;
    let cursor = answer.header("x-next-cursor").unwrap().to_owned();
    let both = app
        .client
        .get(&format!("/v1/users?cursor={cursor}&skip=1"), MASTER_KEY)
        .await;
    assert_eq!(
        both.expect(422)["detail"][0]["loc"],
        json!(["query", "skip"])
    );
}
