//! What `--help` says.

use crate::{otari, outcome};

fn help(arguments: &[&str]) -> String {
    let folder = std::env::temp_dir();
    outcome(&mut otari(&folder, arguments)).1
}

#[test]
fn the_overview_lists_the_commands_and_examples() {
    insta::assert_snapshot!(help(&["--help"]), @"");
}

#[test]
fn serve_lists_its_flags_and_examples() {
    insta::assert_snapshot!(help(&["serve", "--help"]), @"");
}
