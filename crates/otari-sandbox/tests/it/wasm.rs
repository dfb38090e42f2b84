use otari_sandbox::{Backend, Limits};

use crate::support::{Session, sandbox};

#[tokio::test]
async fn a_session_keeps_its_names_and_prints_the_last_expression() {
    let session = Session::open(&sandbox(Backend::Wasm, Limits::default())).await;
    assert_eq!(session.printed("x = 41").await, "");
    assert_eq!(session.printed("print('a')\nx + 1").await, "a\n42\n");
}
