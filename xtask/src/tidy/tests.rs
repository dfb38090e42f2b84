use super::*;

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// How many faults a rule finds in `text`, as if it stood in the gateway.
fn faults(rule: fn(&Source) -> Vec<String>, text: &str) -> usize {
    rule(&source("crates/otari-gateway/src/x.rs", text)).len()
}

#[test]
fn sql_outside_the_store_is_found() {
    assert_eq!(
        faults(sql_in_the_store, "let q = \"SELECT id FROM users\";"),
        1
    );
    assert_eq!(
        faults(sql_in_the_store, "let q = \"DELETE FROM users\";"),
        1
    );
    assert_eq!(faults(sql_in_the_store, "// SELECT id FROM users"), 0);
    assert_eq!(faults(sql_in_the_store, "let text = \"SELECT a seat\";"), 0);
    let stored = source("crates/otari-store/src/x.rs", "\"INSERT INTO t\"");
    assert_eq!(sql_in_the_store(&stored), Vec::<String>::new());
}

#[test]
fn a_provider_id_outside_the_catalogue_is_found() {
    for text in [
        "if provider.id == \"anthropic\" {",
        "if id != \"openai\" {",
        "    \"groq\" => 1,",
        "    Some(\"groq\") => 1,",
    ] {
        assert_eq!(faults(provider_ids_in_the_catalogue, text), 1, "{text}");
    }
    assert_eq!(
        faults(provider_ids_in_the_catalogue, "let owner = \"openai\";"),
        0
    );
    assert_eq!(
        faults(
            provider_ids_in_the_catalogue,
            "#[cfg(test)]\nx == \"openai\""
        ),
        0
    );
}

#[test]
fn leftovers_and_mod_rs_are_found() {
    assert_eq!(faults(no_leftovers, concat!("// TO", "DO: later")), 1);
    assert_eq!(
        no_mod_rs(&source("crates/otari/src/command/mod.rs", "")).len(),
        1
    );
}

#[test]
fn a_crate_without_a_first_sentence_is_found() {
    let roots = [
        source("crates/a/src/lib.rs", "mod x;"),
        source("crates/b/src/main.rs", "//! What it is."),
    ];
    assert_eq!(crate_docs(&roots).len(), 1);
}

#[test]
fn unsafe_code_outside_its_one_file_is_found() {
    let text = concat!("#[expect(", "unsafe_code, reason = \"…\")]");
    assert_eq!(faults(unsafe_in_one_file, text), 1);
    let mapped = source("crates/otari-sandbox/src/wasm/compiled.rs", text);
    assert_eq!(unsafe_in_one_file(&mapped), Vec::<String>::new());
}
