//! The text editor, on every backend.

use otari_sandbox::{EditorCommand, Program};

use crate::support::{Session, backends, small};

async fn edit(session: &Session, path: &str, edit: EditorCommand) -> (i64, String) {
    let path = path.to_owned();
    let ran = session.program(Program::Editor { path, edit }).await;
    let ran = ran.expect("every backend edits");
    (ran.return_code, ran.stdout + &ran.stderr)
}

fn replace(old: &str, new: &str) -> EditorCommand {
    EditorCommand::StrReplace {
        old_str: old.to_owned(),
        new_str: new.to_owned(),
    }
}

#[tokio::test]
async fn files_are_made_shown_changed_and_changed_back() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let text = "one\ntwo\nthree\n".to_owned();
        let create = EditorCommand::Create { file_text: text };
        let made = session
            .program(Program::Editor {
                path: "notes/a.txt".to_owned(),
                edit: create,
            })
            .await
            .expect("an outcome");
        assert_eq!(made.return_code, 0, "{}: {}", tried.name, made.stderr);
        let view = |view_range| EditorCommand::View { view_range };
        let (_, shown) = edit(&session, "/workspace/notes/a.txt", view(None)).await;
        assert_eq!(shown, "     1\tone\n     2\ttwo\n     3\tthree\n");
        let (_, shown) = edit(&session, "notes/a.txt", view(Some((2, -1)))).await;
        assert_eq!(shown, "     2\ttwo\n     3\tthree\n");
        assert_eq!(edit(&session, "notes/a.txt", view(Some((3, 9)))).await.0, 1);
        assert_eq!(edit(&session, "notes", view(None)).await.1, "notes/a.txt\n");
        assert_eq!(
            edit(&session, "notes/a.txt", replace("two", "zwei"))
                .await
                .0,
            0
        );
        let insert = EditorCommand::Insert {
            insert_line: 1,
            new_str: "and a half".to_owned(),
        };
        assert_eq!(edit(&session, "notes/a.txt", insert).await.0, 0);
        let whole = "open('notes/a.txt').read()";
        assert_eq!(
            session.printed(whole).await,
            "'one\\nand a half\\nzwei\\nthree\\n'\n"
        );
        edit(&session, "notes/a.txt", EditorCommand::UndoEdit).await;
        edit(&session, "notes/a.txt", EditorCommand::UndoEdit).await;
        assert_eq!(
            session.printed(whole).await,
            "'one\\ntwo\\nthree\\n'\n",
            "{}",
            tried.name
        );
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        session
            .printed("open('a.txt', 'w').write('x y x') and None")
            .await;
        for (path, command, said) in [
            ("a.txt", replace("x", "z"), "2 times"),
            ("a.txt", replace("nothing", "z"), "is not in a.txt"),
            ("b.txt", replace("x", "z"), "no file `b.txt`"),
            ("a.txt", EditorCommand::UndoEdit, "nothing to undo"),
            ("../a.txt", replace("x", "z"), "outside the workspace"),
        ] {
            let (status, text) = edit(&session, path, command).await;
            assert_eq!(status, 1, "{} {text}", tried.name);
            assert!(text.contains(said), "{} {text}", tried.name);
        }
    }
}
