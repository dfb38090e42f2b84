//! Files in, files out.

use bytes::Bytes;
use otari_sandbox::{SandboxError, WorkspaceFile};

use crate::support::{Session, backends, small};

fn paths(files: &[WorkspaceFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

#[tokio::test]
async fn a_file_put_in_is_there_and_what_a_program_writes_is_told() {
    for tried in backends(&small()).await {
        let name = tried.name;
        let session = Session::open(&tried.sandbox).await;
        let (sandbox, id) = (&tried.sandbox, &session.id);
        let put = sandbox
            .put_file(id, "data/in.csv", Bytes::from_static(b"a,b\n1,2\n"))
            .await;
        let put = put.expect("stored");
        assert_eq!(
            (put.path.as_str(), put.size_bytes),
            ("data/in.csv", 8),
            "{name}"
        );
        let ran = session.run("print(open('data/in.csv').read())").await;
        assert_eq!(ran.stdout, "a,b\n1,2\n\n", "{name}");
        assert!(
            ran.files.is_empty(),
            "{name}: what we put is no news: {:?}",
            ran.files
        );
        let ran = session
            .run("import os\nos.makedirs('out/deep')\nopen('out/deep/r.txt', 'w').write('r')\nopen('b.png', 'wb').write(b'1234')")
            .await;
        assert_eq!(paths(&ran.files), ["b.png", "out/deep/r.txt"], "{name}");
        let png = ran.files.first().expect("a file");
        assert_eq!(
            (png.size_bytes, png.mime_type.as_deref()),
            (4, Some("image/png")),
            "{name}"
        );
        assert!(png.modified_at.is_some(), "{name}");
        let ran = session
            .run("open('b.png', 'ab').write(b'5')\nopen('/tmp/scratch', 'w').write('x')")
            .await;
        assert_eq!(
            paths(&ran.files),
            ["b.png"],
            "{name}: changed, and scratch is not told"
        );
        assert!(session.run("1").await.files.is_empty(), "{name}");
        assert_eq!(
            sandbox.get_file(id, "b.png").await.expect("content"),
            "12345"
        );
        assert_eq!(
            sandbox
                .get_file(id, "/workspace/b.png")
                .await
                .expect("content"),
            "12345"
        );
        let all = sandbox.list_files(id, ".").await.expect("a list");
        assert_eq!(
            paths(&all),
            ["b.png", "data/in.csv", "out/deep/r.txt"],
            "{name}"
        );
        let some = sandbox.list_files(id, "out").await.expect("a list");
        assert_eq!(paths(&some), ["out/deep/r.txt"], "{name}");
    }
}

#[tokio::test]
async fn refusals_say_which() {
    for tried in backends(&small()).await {
        let name = tried.name;
        let session = Session::open(&tried.sandbox).await;
        let (sandbox, id) = (&tried.sandbox, &session.id);
        let got = sandbox.get_file(id, "not/there").await;
        assert_eq!(
            got,
            Err(SandboxError::UnknownFile("not/there".to_owned())),
            "{name}"
        );
        let listed = sandbox.list_files(id, "not/there").await;
        assert_eq!(
            listed,
            Err(SandboxError::UnknownFile("not/there".to_owned())),
            "{name}"
        );
        for path in ["../x", "/etc/passwd", "a/../../x"] {
            let escapes = Err(SandboxError::PathEscapes(path.to_owned()));
            assert_eq!(sandbox.get_file(id, path).await, escapes, "{name}");
            let put = sandbox.put_file(id, path, Bytes::from_static(b"x")).await;
            assert!(
                matches!(put, Err(SandboxError::PathEscapes(_))),
                "{name} {put:?}"
            );
            let listed = sandbox.list_files(id, path).await;
            assert!(
                matches!(listed, Err(SandboxError::PathEscapes(_))),
                "{name} {listed:?}"
            );
        }
        let large = Bytes::from(vec![0; 17 << 20]);
        let put = sandbox.put_file(id, "large", large).await;
        assert!(
            matches!(put, Err(SandboxError::TooLarge { .. })),
            "{name} {put:?}"
        );
        // Together over the limit, though each is below it.
        let half = Bytes::from(vec![0; 9 << 20]);
        sandbox
            .put_file(id, "one", half.clone())
            .await
            .expect("stored");
        let put = sandbox.put_file(id, "two", half.clone()).await;
        assert!(
            matches!(put, Err(SandboxError::TooLarge { .. })),
            "{name} {put:?}"
        );
        sandbox.put_file(id, "one", half).await.expect("replaced");
        let put = sandbox.put_file(id, "", Bytes::from_static(b"x")).await;
        assert!(
            matches!(put, Err(SandboxError::BadRequest(_))),
            "{name} {put:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_served() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        session.run("import os\nos.mkdir('folder')\ntry: os.mkfifo('pipe')\nexcept (OSError, AttributeError): pass").await;
        for path in ["folder", "pipe", "."] {
            let got = tried.sandbox.get_file(&session.id, path).await;
            let refused = matches!(
                got,
                Err(SandboxError::UnknownFile(_) | SandboxError::BadRequest(_))
            );
            assert!(refused, "{} {path}: {got:?}", tried.name);
        }
        let listed = tried
            .sandbox
            .list_files(&session.id, ".")
            .await
            .expect("a list");
        assert!(listed.is_empty(), "{} {listed:?}", tried.name);
    }
}
