//! Uploads that break off, or turn out to be none.

use serde_json::json;

use super::{EDITS, END, Lab, SOUND, field, file, late, text};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn what_is_wrong_later_breaks_it_off() {
    let lab = Lab::start().await;
    let sound = field("model", "one:m") + &file("file", "FIRST");
    let image = field("model", "one:m") + &file("image", "FIRST");
    let large = "x".repeat(25 * MIB);
    for (path, begin, rest, status, row, says) in [
        (
            SOUND,
            &sound,
            late("model", "two:other") + END,
            422,
            400,
            "appears twice",
        ),
        (
            SOUND,
            &sound,
            late("file", "x") + END,
            422,
            400,
            "appears twice",
        ),
        (
            SOUND,
            &sound,
            late("stream", "perhaps") + END,
            422,
            400,
            "stream",
        ),
        (
            SOUND,
            &sound,
            "\r\n--xyz\r\nX: y\r\n\r\nv".to_owned() + END,
            422,
            400,
            "malformed",
        ),
        (
            SOUND,
            &sound,
            late("mod%65l", "x") + END,
            422,
            400,
            "malformed",
        ),
        (
            SOUND,
            &sound,
            "and no more".to_owned(),
            422,
            400,
            "ends early",
        ),
        (SOUND, &sound, large + END, 413, 413, "26214400"),
        (EDITS, &image, END.to_owned(), 422, 400, "prompt"),
        (
            EDITS,
            &image,
            late("prompt", "p") + &late("n", "-1") + END,
            422,
            400,
            "n:",
        ),
        (SOUND, &sound, late("user", "bob") + END, 403, 403, "user"),
    ] {
        let shown: String = rest.chars().take(80).collect();
        for is_told in [true, false] {
            let length = is_told.then_some(begin.len() + rest.len());
            let mut sending = lab.begin(path, length).await;
            sending.send(begin).await;
            let mut arriving = lab.one.accept().await;
            arriving.until("FIRST").await;
            let (sent, seen) = tokio::join!(
                async {
                    sending.send(&rest).await;
                    sending.end().await;
                },
                arriving.whole()
            );
            let () = sent;
            seen.unwrap_err();
            assert!(!arriving.body().ends_with(END.as_bytes()), "{shown}");
            let told = sending.expect(status).await.to_string();
            assert!(told.contains(says), "{shown}: {told}");
            assert_eq!(lab.newest().await, (json!("error"), json!(row)), "{shown}");
            assert_eq!(lab.books("alice").await, (0.0, 0.0), "{shown}");
        }
    }
}

#[tokio::test]
async fn who_leaves_takes_the_request_with_him() {
    let lab = Lab::start().await;
    let begin = field("model", "one:m") + &file("file", "FIRST");
    for (count, length) in [(1, Some(begin.len() + 1000)), (2, None)] {
        let mut sending = lab.begin(SOUND, length).await;
        sending.send(&begin).await;
        let mut arriving = lab.one.accept().await;
        arriving.until("FIRST").await;
        drop(sending);
        arriving.whole().await.unwrap_err();
        lab.rows(count).await;
        assert_eq!(lab.newest().await, (json!("error"), json!(499)));
        assert_eq!(lab.books("alice").await, (0.0, 0.0));
    }
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_rest() {
    let lab = Lab::start().await;
    let begin = field("model", "one:m") + &file("file", "FIRST");
    let rest = "x".repeat(3 * MIB) + END;
    let length = begin.len() + rest.len();
    for (sent, seen) in [(401, 502), (413, 400), (429, 429)] {
        let mut sending = lab.begin(SOUND, Some(length)).await;
        sending.send(&begin).await;
        let mut arriving = lab.one.accept().await;
        arriving.until("FIRST").await;
        let refusal = json!({"error": {"message": "no"}});
        let _refused = arriving.answer(sent, &refusal).await;
        sending.expect(seen).await;
        assert_eq!(lab.newest().await, (json!("error"), json!(sent)));
        // Who sends all before reading gets through with it, and the connection is good for more.
        sending.send(&rest).await;
        assert_eq!(sending.get("/health/liveness").await, 200);
    }
    for (key, model, status) in [
        ("sk-nobody", "one:m", 401),
        (lab.key.as_str(), "claude:x", 400),
    ] {
        let begin = begin.replace("one:m", model);
        let length = begin.len() + rest.len();
        let mut sending = lab.begin_as(key, SOUND, Some(length)).await;
        sending.send(begin).await;
        sending.expect(status).await;
        sending.send(&rest).await;
        assert_eq!(sending.get("/health/liveness").await, 200);
    }
}

#[tokio::test]
async fn an_answer_before_the_end_is_shown_after_it() {
    let lab = Lab::start().await;
    let begin = field("model", "one:m") + &file("file", "FIRST");
    for (rest, status) in [
        (END.to_owned(), 200),
        (late("model", "two:other") + END, 422),
    ] {
        let mut sending = lab.begin(SOUND, None).await;
        sending.send(&begin).await;
        let mut arriving = lab.one.accept().await;
        arriving.until("FIRST").await;
        let mut answered = arriving.answer(200, &text()).await;
        sending.send(&rest).await;
        sending.end().await;
        let answer = sending.expect(status).await;
        assert_eq!(answer == text(), status == 200, "{answer}");
        assert_eq!(answered.whole().await.is_ok(), status == 200);
    }
    assert_eq!(lab.books("alice").await, (0.0, 1.0));
}

#[tokio::test]
async fn a_provider_that_stops_reading_is_given_up() {
    let limits = json!({"client_args": {"first_byte_timeout_ms": 500}});
    let lab = Lab::start_with(json!("k"), limits).await;
    let form = field("model", "one:m") + &file("file", &"x".repeat(24 * MIB)) + END;
    let mut sending = lab.begin(SOUND, Some(form.len())).await;
    let (arriving, ()) = tokio::join!(lab.one.accept(), sending.send(&form));
    sending.expect(504).await;
    drop(arriving);
    assert_eq!(lab.books("alice").await, (0.0, 0.0));
}

#[tokio::test]
async fn a_client_that_is_slow_does_not_use_up_the_providers_time() {
    let limits = json!({"client_args": {"first_byte_timeout_ms": 700}});
    let lab = Lab::start_with(json!("k"), limits).await;
    let begin = field("model", "one:m") + &file("file", "FIRST");
    let mut slow = lab.begin(SOUND, None).await;
    slow.send(&begin).await;
    let mut arriving = lab.one.accept().await;
    arriving.until("FIRST").await;
    // Meanwhile another call waits as long as the provider has, and is given up.
    let mut unheard = lab.begin(SOUND, None).await;
    unheard.send(begin + END).await;
    unheard.end().await;
    unheard.expect(504).await;
    slow.send(END).await;
    slow.end().await;
    arriving.whole().await.unwrap();
    arriving.answer(200, &text()).await;
    assert_eq!(slow.expect(200).await, text());
}
