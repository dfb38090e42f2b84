use base64::Engine as _;
use otari_types::Secret;

use super::{BASE64, SealError, Sealer};

/// Bytes 0 to 31.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Made with [`KEY`] by the Python `cryptography` package: `sk-secret`.
const TOKEN: &str = "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD05DdKNwGVm-SZWoTsLRP7cWGSb0sh2f7ZZizLBzSu-YatDp_0pm6TuSR6AjN5h9Ug==";

fn other_key() -> String {
    BASE64.encode([7; 32])
}

#[test]
fn a_secret_opens_for_its_row_only() {
    let sealer = Sealer::from_keys(KEY).unwrap();
    let secret = Secret::new("sk-\u{1f980}");
    let sealed = sealer
        .seal("provider_credentials", "openai", &secret)
        .unwrap();
    assert!(!sealed.contains("sk-"));
    assert_eq!(
        sealer.open("provider_credentials", "openai", &sealed),
        Ok(secret.clone())
    );
    for (table, row) in [
        ("provider_credentials", "groq"),
        ("search_tool_credentials", "openai"),
        ("provider_credentialso", "penai"),
    ] {
        assert_eq!(
            sealer.open(table, row, &sealed),
            Err(SealError::CannotOpen),
            "{table} {row}"
        );
    }
    assert_ne!(
        sealer.seal("t", "r", &secret),
        sealer.seal("t", "r", &secret),
        "a fresh nonce each time"
    );
}

#[test]
fn what_was_changed_or_cut_does_not_open() {
    let sealer = Sealer::from_keys(KEY).unwrap();
    let sealed = sealer.seal("t", "r", &Secret::new("sk-secret")).unwrap();
    for text in [sealed.as_str(), TOKEN] {
        let (prefix, body) = text.split_at(if text == TOKEN { 0 } else { "otari1.".len() });
        let bytes = BASE64.decode(body).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = format!("{prefix}{}", BASE64.encode(changed));
            assert!(sealer.open("t", "r", &changed).is_err(), "byte {index}");
            let cut = format!("{prefix}{}", BASE64.encode(&bytes[..index]));
            assert!(sealer.open("t", "r", &cut).is_err(), "cut at {index}");
        }
    }
}

#[test]
fn keys_rotate_and_fernet_tokens_are_read() {
    let old = Sealer::from_keys(KEY).unwrap();
    let both = Sealer::from_keys(&format!("{}, {KEY}", other_key())).unwrap();
    let new = Sealer::from_keys(other_key().trim_end_matches('=')).unwrap();
    let sealed = old.seal("t", "r", &Secret::new("a")).unwrap();
    assert!(both.open("t", "r", &sealed).is_ok() && new.open("t", "r", &sealed).is_err());
    assert!(old.is_current("t", "r", &sealed) && !both.is_current("t", "r", &sealed));
    let resealed = both.seal("t", "r", &Secret::new("a")).unwrap();
    assert!(new.open("t", "r", &resealed).is_ok() && both.is_current("t", "r", &resealed));
    assert_eq!(
        both.open("t", "any row", TOKEN),
        Ok(Secret::new("sk-secret"))
    );
    assert_eq!(new.open("t", "r", TOKEN), Err(SealError::CannotOpen));
    assert!(!old.is_current("t", "r", TOKEN));
}

#[test]
fn keys_that_cannot_be_used_are_named_by_position_and_never_shown() {
    assert_eq!(Sealer::from_keys(" , ").unwrap_err(), SealError::NoKey);
    let short = format!("{KEY} hunter2");
    let error = Sealer::from_keys(&short).unwrap_err();
    assert_eq!(error, SealError::BadKey { position: 2 });
    assert!(!error.to_string().contains("hunter2"));
    assert_eq!(
        format!("{:?}", Sealer::from_keys(KEY).unwrap()),
        "Sealer { keys: 1 }"
    );
}
