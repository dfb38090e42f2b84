//! `otari check-config`.

use std::fs;

use crate::{otari, outcome};

#[test]
fn every_problem_is_told_with_its_hint() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "port: x\nprot: 1\nproviders:\n  lab: {api_base: nope}\nmaster_key: ${MISSING}\n";
    fs::write(folder.path().join("config.yml"), yaml).unwrap();
    let (code, told, _) = outcome(&mut otari(
        folder.path(),
        &["check-config", "-c", "config.yml"],
    ));
    assert_eq!(code, 1);
    insta::assert_snapshot!(told, @r"
    warning: prot: unknown key, ignored
        hint: did you mean `port`?
    problem: master_key: `${MISSING}` refers to an environment variable that is not set
        hint: set MISSING, or give a default: `${MISSING:-…}`
    problem: port: expected a whole number, found text
    problem: providers.lab: `lab` is not a known provider
        hint: name the kind with `provider_type`, as `openai-compatible`
    problem: providers.lab.api_base: is not an http(s) address
        hint: start it with https:// or http://
    4 problems
    ");
}

#[test]
fn what_would_end_a_start_is_told_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "providers:\n  openai: {}\n  own: {provider_type: openai-compatible}\n";
    fs::write(folder.path().join("config.yml"), yaml).unwrap();
    let (code, told, _) = outcome(&mut otari(
        folder.path(),
        &["check-config", "-c", "config.yml"],
    ));
    assert_eq!(code, 1, "{told}");
    insta::assert_snapshot!(told, @r"
    problem: providers.openai: needs `api_key`, or one of the environment variables OPENAI_API_KEY
    problem: providers.own: needs `api_base`: openai_compatible has no address of its own
    2 problems
    ");
}

#[test]
fn a_good_configuration_is_shown_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("config.yml"),
        "port: 9\nproviders:\n  echo: {api_key: HUSH}\n",
    )
    .unwrap();
    let mut run = otari(
        folder.path(),
        &["check-config", "--config", "config.yml", "--show"],
    );
    let (code, told, _) = outcome(run.env("OTARI_MASTER_KEY", "HUSH"));
    assert_eq!(code, 0, "{told}");
    assert!(told.ends_with("the configuration is good\n"), "{told}");
    assert!(told.contains("env OTARI_MASTER_KEY"), "{told}");
    assert!(!told.contains("HUSH"), "{told}");
}

#[test]
fn a_named_file_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told, _) = outcome(&mut otari(
        folder.path(),
        &["check-config", "-c", "gone.yml"],
    ));
    assert_eq!(code, 1);
    assert!(
        told.starts_with("problem: gone.yml: cannot be read"),
        "{told}"
    );
}
