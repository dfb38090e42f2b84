//! Personal data: by form, and by check digit wherever the kind has one.

use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use super::digits::{
    is_aadhaar, is_card, is_cpf, is_dni, is_iban, is_nir, is_public_ip, is_ssn, is_steuer_id,
};
use super::{Finding, Kinds};

/// A kind: its form (the first group, if there is one, is what is found), a check, and how sure that makes it.
struct Kind {
    name: &'static str,
    form: &'static str,
    check: fn(&str) -> bool,
    score: f64,
}

const fn kind(name: &'static str, form: &'static str, check: fn(&str) -> bool, score: f64) -> Kind {
    Kind {
        name,
        form,
        check,
        score,
    }
}

fn always(_: &str) -> bool {
    true
}

const KINDS: &[Kind] = &[
    kind(
        "email",
        r"(?i)\b[a-z0-9][a-z0-9._%+'-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}\b",
        is_email,
        0.99,
    ),
    kind(
        "iban",
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        is_iban,
        0.99,
    ),
    kind("card", r"\b[2-6](?:[ -]?[0-9]){12,18}\b", is_card, 0.95),
    kind("us_ssn", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", is_ssn, 0.9),
    kind(
        "us_ssn",
        r"(?i)\b(?:ssn|social security)[^0-9\n]{0,30}([0-9]{3} ?[0-9]{2} ?[0-9]{4})\b",
        always,
        0.9,
    ),
    kind(
        "phone",
        r"(?:\+|\b00)[1-9][0-9]{0,2}[ ./()-]{0,2}(?:[0-9]{1,5}[ ./()-]{0,2}){2,6}[0-9]\b",
        is_phone,
        0.9,
    ),
    kind(
        "phone",
        r"(?:\(|\b)[2-9][0-9]{2}(?:\) ?|[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\b",
        always,
        0.8,
    ),
    kind(
        "phone",
        r"(?i)\b(?:phone|tel|telephone|telefon|telefono|teléfono|téléphone|mobile|cell|handy|whatsapp|call me|reach me|ring me|text me|fax)\b[^0-9+\n]{0,24}(\(?[0-9](?:[ ./()-]{0,2}[0-9]){6,13})\b",
        is_phone,
        0.85,
    ),
    kind(
        "uk_nino",
        r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b",
        is_nino,
        0.9,
    ),
    kind(
        "es_dni",
        r"\b(?:[0-9]{8}|[XYZ][0-9]{7})[ -]?[A-Z]\b",
        is_dni,
        0.95,
    ),
    kind(
        "br_cpf",
        r"\b[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b",
        is_cpf,
        0.98,
    ),
    kind(
        "de_steuer_id",
        r"(?i)\b(?:steuer-?id(?:entifikationsnummer|nr\.?|nummer)?|tax id|idnr\.?|tin)\b[^0-9\n]{0,24}([0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3})\b",
        is_steuer_id,
        0.95,
    ),
    kind(
        "fr_nir",
        r"\b[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b",
        is_nir,
        0.95,
    ),
    kind(
        "it_codice_fiscale",
        r"\b[A-Z]{6}[0-9]{2}[A-EHLMPRST](?:[04][1-9]|[1256][0-9]|[37][01])[A-Z][0-9]{3}[A-Z]\b",
        always,
        0.9,
    ),
    kind(
        "in_aadhaar",
        r"\b[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}\b",
        is_aadhaar,
        0.9,
    ),
    kind(
        "passport",
        r"(?i)\b(?:passport|reisepass|passeport|pasaporte)\b[^0-9\n]{0,24}?\b([A-Z]{0,2}[0-9]{6,9})\b",
        always,
        0.8,
    ),
    kind(
        "date_of_birth",
        r"(?i)\b(?:born(?: on)?|date of birth|dob|birth ?date|birthday|geboren(?: am)?|geburtsdatum|née? le|date de naissance|fecha de nacimiento|nacid[oa] el)\b[^0-9\n]{0,16}([0-9]{1,4}[./ -](?:[0-9]{1,2}|[A-Za-zäéû]{3,9})[.,]?[./ -][0-9]{2,4})\b",
        always,
        0.8,
    ),
    kind(
        "ip_address",
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b",
        is_public_ip,
        0.7,
    ),
];

// Borders of words in ASCII: other alphabets would cost an automaton ten times as large.
static COMPILED: LazyLock<Option<Compiled>> = LazyLock::new(compile);

struct Compiled {
    /// Which of them are in a text at all, in one pass.
    any: RegexSet,
    each: Vec<(&'static Kind, Regex)>,
}

/// That every form compiles is tested.
fn compile() -> Option<Compiled> {
    let forms: Vec<String> = KINDS
        .iter()
        .map(|kind| kind.form.replace(r"\b", r"(?-u:\b)"))
        .collect();
    let any = RegexSet::new(&forms).ok()?;
    let each = KINDS
        .iter()
        .zip(&forms)
        .map(|(kind, form)| Some((kind, Regex::new(form).ok()?)));
    Some(Compiled {
        any,
        each: each.collect::<Option<_>>()?,
    })
}

pub(super) fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

pub(super) fn find(text: &str, wanted: &Kinds) -> Vec<Finding> {
    // Every kind but e-mail addresses has digits.
    // Every kind but addresses is made of digits.
    let digits = text.bytes().filter(u8::is_ascii_digit).take(4).count();
    if digits < 4 && !text.contains('@') {
        return Vec::new();
    }
    let is_wanted = |name: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.iter().any(|kind| kind == name))
    };
    let Some(compiled) = &*COMPILED else {
        return Vec::new();
    };
    compiled
        .any
        .matches(text)
        .into_iter()
        .filter_map(|index| compiled.each.get(index))
        .filter(|(kind, _)| is_wanted(kind.name))
        .flat_map(|(kind, form)| {
            form.captures_iter(text)
                .filter_map(|captures| found(kind, &captures, text))
        })
        .collect()
}

fn found(kind: &Kind, captures: &Captures<'_>, text: &str) -> Option<Finding> {
    let at = captures.get(1).or_else(|| captures.get(0))?;
    let apart = !is_inside_number(text, at.start(), at.end());
    (apart && (kind.check)(at.as_str())).then(|| Finding {
        kind: kind.name,
        span: at.range(),
        score: kind.score,
    })
}

/// A part of a longer number, an identifier or a version is no number of its own.
fn is_inside_number(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let at = |index: Option<usize>| {
        index
            .and_then(|index| bytes.get(index))
            .copied()
            .unwrap_or(b' ')
    };
    let (before, second) = (at(start.checked_sub(1)), at(start.checked_sub(2)));
    let (after, next) = (at(Some(end)), at(Some(end + 1)));
    let joins =
        |sign: u8, beyond: u8| matches!(sign, b'.' | b'-' | b'_' | b'/') && beyond.is_ascii_digit();
    before.is_ascii_alphanumeric()
        || after.is_ascii_alphanumeric()
        || joins(before, second)
        || joins(after, next)
        || before == b'_'
        || after == b'_'
}

/// Placeholders and the gateway's own documentation are nobody's address.
fn is_email(text: &str) -> bool {
    let domain = text
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let reserved = ["example.com", "example.org", "example.net"];
    let tail = |end: &str| domain.ends_with(end);
    !(reserved.contains(&domain.as_str())
        || tail(".example")
        || tail(".invalid")
        || tail(".test")
        || tail(".local")
        || tail(".png")
        || tail(".js"))
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
}

fn is_nino(text: &str) -> bool {
    !["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"]
        .iter()
        .any(|never| text.starts_with(never))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles() {
        assert!(COMPILED.is_some());
    }
}
