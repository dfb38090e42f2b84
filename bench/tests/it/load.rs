use std::net::SocketAddr;
use std::time::Duration;

use otari_bench::load::{self, Call, Outcome, Plan};
use otari_bench::shape::Shape;
use otari_bench::upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn mock() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(upstream::serve(listener));
    address
}

/// Answers every request with the same bytes, then closes.
async fn canned(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                if socket.read(&mut request).await.unwrap_or(0) > 0 {
                    let _ = socket.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    address
}

fn stream(events: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"
    )
}

fn call(model: &str, stream: bool) -> Call {
    Call {
        path: "/v1/chat/completions".to_owned(),
        key: None,
        model: model.to_owned(),
        stream,
    }
}

fn plan(address: SocketAddr, call: Call, rate: Option<f64>) -> Plan {
    Plan {
        address,
        call,
        connections: 2,
        rate,
        duration: Duration::from_millis(200),
    }
}

async fn outcome(plan: Plan) -> Outcome {
    load::run(&plan).await.unwrap()
}

/// The first error of streamed calls that are answered with `events`.
async fn complaint(model: &str, events: &str) -> String {
    let address = canned(stream(events)).await;
    let outcome = outcome(plan(address, call(model, true), None)).await;
    assert_eq!(outcome.calls, 0);
    outcome.first_error.unwrap()
}

#[tokio::test]
async fn whole_answers_are_counted_and_checked() {
    let outcome = outcome(plan(mock().await, call("mock", false), None)).await;
    assert!(outcome.calls > 0);
    assert_eq!((outcome.errors, outcome.first_error.as_deref()), (0, None));
    assert_eq!(u64::try_from(outcome.latency.len()).unwrap(), outcome.calls);
}

#[tokio::test]
async fn a_rate_sends_exactly_the_calls_it_promises() {
    let outcome = outcome(plan(mock().await, call("mock", false), Some(100.0))).await;
    assert_eq!((outcome.calls, outcome.errors), (20, 0));
}

#[tokio::test]
async fn streams_show_a_delay_for_every_chunk_and_a_gap_between_each_two() {
    let outcome = outcome(plan(mock().await, call("any:mock-s5-g2", true), None)).await;
    assert_eq!((outcome.errors, outcome.first_error.as_deref()), (0, None));
    let calls = usize::try_from(outcome.calls).unwrap();
    assert!(calls > 0);
    assert_eq!(outcome.first_token.len(), calls);
    assert_eq!(outcome.delay.len(), 5 * calls);
    assert_eq!(outcome.gap.len(), 4 * calls);
}

#[tokio::test]
async fn chunks_that_were_sent_apart_and_arrive_together_are_merged() {
    let chunk = |stamp: u64| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{stamp} \"}}}}]}}\n\n")
    };
    let rest = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let events = format!(
        "{}{}{}{rest}",
        chunk(1_000_000),
        chunk(11_000_000),
        chunk(11_000_001)
    );
    let address = canned(stream(&events)).await;
    let outcome = outcome(plan(address, call("mock-s3-g10", true), None)).await;
    assert!(outcome.calls > 0);
    assert_eq!(
        outcome.merged, outcome.calls,
        "the third was sent together with the second"
    );
}

#[tokio::test]
async fn a_stream_that_is_not_whole_is_an_error() {
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"1 \"}}]}\n\n";
    let finish = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(
        complaint("mock-s2-g1", chunk).await,
        "1 of 2 chunks arrived"
    );
    assert_eq!(
        complaint("mock-s1-g1", &format!("{chunk}{finish}")).await,
        "the stream ended without [DONE]"
    );
    let done = format!("{chunk}data: [DONE]\n\n");
    assert_eq!(
        complaint("mock-s1-g1", &done).await,
        "the stream ended without a finish reason"
    );
}

#[tokio::test]
async fn refusals_and_cut_answers_are_errors_that_say_why() {
    let refused = "HTTP/1.1 402 Payment Required\r\ncontent-length: 9\r\n\r\nno budget";
    let outcome_of = async |answer: &str| {
        let address = canned(answer.to_owned()).await;
        outcome(plan(address, call("mock", false), None)).await
    };
    let outcome = outcome_of(refused).await;
    assert_eq!(outcome.calls, 0);
    assert_eq!(
        outcome.first_error.unwrap(),
        "402 Payment Required: no budget"
    );
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"finish_reason\":\"stop\",\"total_tokens\":1}";
    assert!(
        outcome_of(cut)
            .await
            .first_error
            .unwrap()
            .contains("did not arrive whole")
    );
    let foreign = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    assert!(
        outcome_of(foreign)
            .await
            .first_error
            .unwrap()
            .contains("lacks")
    );
}

#[tokio::test]
async fn other_machines_are_never_loaded() {
    let elsewhere = "192.0.2.1:80".parse().unwrap();
    let error = load::run(&plan(elsewhere, call("mock", false), None))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("loopback"));
}

#[test]
fn a_shape_survives_its_name() {
    let shape = Shape {
        chunks: 100,
        gap: Duration::from_millis(20),
    };
    assert_eq!(Shape::of_model(&format!("mock:{}", shape.model())), shape);
    assert_eq!(Shape::of_model("mock"), Shape::DEFAULT);
}
