//! What each way to fail does to each of these calls: what the client sees, who serves, what is charged.

use otari_testkit::{Script, Step};
use serde_json::json;

use super::super::fault_lab::{Lab, of};
use super::Door;

impl Lab {
    /// An error by name, no charge; in a policy the next candidate's turn.
    async fn check(&self, fault: &str, script: Option<&Script>, row: Option<u16>, status: u16) {
        for door in Door::ALL {
            self.check_door(door, fault, script, row, status).await;
        }
    }

    async fn check_door(
        &self,
        door: Door,
        fault: &str,
        script: Option<&Script>,
        row: Option<u16>,
        status: u16,
    ) {
        let place = format!("{fault}, {door:?}");
        let before = self.spend().await;
        self.fail(script);
        let answer = door.ask(&self.app, &self.key, "faulty:m").await;
        assert_eq!(answer.status, status, "{place}: {}", answer.text());
        let error = of(&answer.json(), "error");
        assert!(of(&error, "message").is_string(), "{place}: {error}");
        let told = row.unwrap_or(status);
        assert_eq!(
            self.newest(1).await,
            [(json!("error"), json!(told), json!("faulty"))],
            "{place}"
        );
        assert!(
            (self.spend().await - before).abs() < f64::EPSILON,
            "{place}"
        );

        self.fail(script);
        self.spare.enqueue(door.answer());
        let answer = door.ask(&self.app, &self.key, "safe").await;
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
        let newest = self.newest(2).await;
        let who = newest.iter().map(|(status, _, who)| (status, who));
        assert_eq!(
            who.collect::<Vec<_>>(),
            [
                (&json!("success"), &json!("spare")),
                (&json!("absorbed"), &json!("faulty")),
            ],
            "{place}"
        );
    }
}

#[tokio::test]
async fn answers_that_are_errors() {
    let lab = Lab::start(None).await;
    for (sent, seen) in [
        (400, 400),
        (401, 502),
        (402, 502),
        (403, 502),
        (404, 404),
        (408, 504),
        (413, 400),
        (422, 400),
        (429, 429),
        (500, 502),
        (502, 502),
        (503, 502),
        (504, 504),
        (529, 502),
    ] {
        let script = Script::json(sent, &json!({"error": {"message": "no"}}));
        lab.check(&sent.to_string(), Some(&script), Some(sent), seen)
            .await;
    }
    for door in Door::ALL {
        let limited = Script::json(429, &json!({"error": {"message": "no"}}));
        lab.faulty.enqueue(limited.header("retry-after", "7"));
        let answer = door.ask(&lab.app, &lab.key, "faulty:m").await;
        let told = (answer.status.as_u16(), answer.header("retry-after"));
        assert_eq!(told, (429, Some("7")), "{door:?}");
        let filtered = json!({"error": {"message": "no", "code": "content_policy_violation"}});
        lab.faulty.enqueue(Script::json(400, &filtered));
        let answer = door.ask(&lab.app, &lab.key, "faulty:m").await;
        assert_eq!(answer.status, 400, "{door:?}");
        assert_eq!(
            answer.json()["error"]["code"],
            "content_filter",
            "{door:?}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn providers_that_cannot_be_reached() {
    let lab = Lab::start(Some("http://127.0.0.1:9/v1")).await;
    lab.check("refused", None, None, 502).await;
    let lab = Lab::start(Some("http://no-such-host.invalid/v1")).await;
    lab.check("no such name", None, None, 502).await;
}

#[tokio::test]
async fn answers_that_are_none() {
    let lab = Lab::start(None).await;
    lab.check("no headers", Some(&Script::hang()), None, 504)
        .await;
    lab.check("connection closed", Some(&Script::refuse()), None, 502)
        .await;
    let page = Script::whole(200, "text/html", "<html>");
    lab.check("HTML", Some(&page), None, 502).await;
    let error = json!({"error": {"message": "boom", "type": "server_error"}});
    let error = Script::json(200, &error);
    lab.check("an error for an answer", Some(&error), None, 502)
        .await;
    for door in Door::ALL {
        let kind = match door {
            Door::Speech => "audio/mpeg",
            _ if door.streams() => "text/event-stream",
            _ => "application/json",
        };
        let empty = Script::whole(200, kind, "");
        lab.check_door(door, "empty", Some(&empty), None, 502).await;
        let silent = Script::steps(200, kind, vec![Step::Hang]);
        lab.check_door(door, "silence", Some(&silent), None, 504)
            .await;
        let cut = Script::steps(200, kind, vec![Step::Cut]);
        lab.check_door(door, "cut", Some(&cut), None, 502).await;
    }
}
