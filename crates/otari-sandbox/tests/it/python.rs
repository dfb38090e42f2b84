//! What running Python is like.

use std::time::Duration;

use crate::support::{Session, backends, small, wasm};

#[tokio::test]
async fn names_are_kept_and_the_last_expression_is_printed() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        assert_eq!(session.printed("x = 41").await, "", "{}", tried.name);
        assert_eq!(session.printed("print('a')\nx + 1").await, "a\n42\n");
        assert_eq!(session.printed("None").await, "");
        assert_eq!(session.printed("'text'").await, "'text'\n");
        assert_eq!(session.printed("_").await, "'text'\n");
    }
}

#[tokio::test]
async fn an_error_is_an_outcome_with_a_traceback_of_the_cell_alone() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let ran = session
            .run("def f():\n    return 1 / 0\nprint('before')\nf()")
            .await;
        assert_eq!(
            (ran.return_code, ran.stdout.as_str()),
            (1, "before\n"),
            "{}",
            tried.name
        );
        assert!(ran.stderr.contains("ZeroDivisionError"), "{}", ran.stderr);
        assert!(ran.stderr.contains("return 1 / 0"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("cells.py"), "{}", ran.stderr);
        let ran = session.run("this is not: python").await;
        assert!(ran.stderr.contains("SyntaxError"), "{}", ran.stderr);
        assert_eq!(session.run("import sys; sys.exit(3)").await.return_code, 3);
        assert_eq!(session.printed("'still here'").await, "'still here'\n");
    }
}

#[tokio::test]
async fn what_programs_expect_of_a_main_module_holds() {
    let code = "import dataclasses, pickle, typing\n@dataclasses.dataclass\nclass Point:\n    x: int\n    \
                y: int = 2\np = pickle.loads(pickle.dumps(Point(1)))\n(p.x, p.y, __name__)";
    let awaiting = "import asyncio\nasync def five():\n    await asyncio.sleep(0.01)\n    return 5\n\
                    print(asyncio.run(five()))\nawait five()";
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        assert_eq!(
            session.printed(code).await,
            "(1, 2, '__main__')\n",
            "{}",
            tried.name
        );
        assert_eq!(session.printed(awaiting).await, "5\n5\n", "{}", tried.name);
    }
}

#[tokio::test]
async fn output_streams_are_apart_and_odd_bytes_do_no_harm() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let ran = session
            .run("import sys\nprint('out'); print('err', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff\\x1e\\n')\nprint('ü')")
            .await;
        assert_eq!(ran.stderr, "err\n", "{}", tried.name);
        assert!(
            ran.stdout.starts_with("out\n") && ran.stdout.contains("ü\n"),
            "{:?}",
            ran.stdout
        );
        // A program that closes or redirects its streams takes them from itself only.
        session
            .run("import os, sys\nos.close(1)\nsys.stdout = None")
            .await;
        let ran = session
            .run("import sys; print('err', file=sys.stderr)")
            .await;
        assert_eq!(ran.return_code, 0, "{}: {}", tried.name, ran.stderr);
    }
}

#[tokio::test]
async fn sessions_have_their_own_names_and_chance() {
    for tried in backends(&small()).await {
        let (one, other) = (
            Session::open(&tried.sandbox).await,
            Session::open(&tried.sandbox).await,
        );
        one.printed("secret = 1").await;
        assert_eq!(other.run("secret").await.return_code, 1, "{}", tried.name);
        let chance = "import random, uuid; (random.random(), uuid.uuid4())";
        assert_ne!(one.printed(chance).await, other.printed(chance).await);
    }
}

#[tokio::test]
async fn a_missing_module_says_what_to_do() {
    let session = Session::open(&wasm(small())).await;
    let ran = session.run("import numpy").await;
    assert!(
        ran.stderr.contains("Rewrite the code without numpy"),
        "{}",
        ran.stderr
    );
    let ran = session.run("import notthere.atall").await;
    assert!(ran.stderr.contains("without notthere"), "{}", ran.stderr);
}

#[tokio::test]
async fn the_clock_and_sleep_work() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let code = "import time, datetime\nb = time.monotonic(); time.sleep(0.02)\n\
                    (time.monotonic() - b >= 0.02, datetime.datetime.now().year > 2024)";
        assert_eq!(
            session.printed(code).await,
            "(True, True)\n",
            "{}",
            tried.name
        );
        let ran = session
            .run_for("import time; time.sleep(100)", Duration::from_millis(200))
            .await;
        assert_eq!(ran.return_code, 124, "{}: {}", tried.name, ran.stderr);
    }
}
