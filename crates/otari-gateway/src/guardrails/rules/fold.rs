//! One spelling for texts that look alike, so that a phrase is found however it is written.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What was done to hide a text says something by itself.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Lower case, compatibility forms and accents resolved, single spaces.
    pub(super) text: String,
    /// Characters that are never shown held text.
    pub(super) smuggled: bool,
}

const TAGS: std::ops::RangeInclusive<u32> = 0xE_0020..=0xE_007E;

pub(super) fn fold(text: &str) -> Folded {
    let mut folded = Folded::default();
    let out = &mut folded.text;
    out.reserve(text.len());
    if text.is_ascii() {
        squeeze(text.chars().map(|c| c.to_ascii_lowercase()), out);
        return folded;
    }
    let mut smuggled = 0;
    let shown = text.chars().filter_map(|c| {
        let code = u32::from(c);
        if TAGS.contains(&code) {
            smuggled += 1;
            // A tag stands for the ASCII character of the same low bits.
            return char::from_u32(code & 0x7F);
        }
        (!is_invisible(c)).then_some(c)
    });
    let plain = marks_off(shown).flat_map(char::to_lowercase);
    let mut joined = String::with_capacity(text.len());
    squeeze(plain, &mut joined);
    for (index, word) in joined.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        if mixes_scripts(word) {
            out.extend(word.chars().map(latin));
        } else {
            out.push_str(word);
        }
    }
    // A flag emoji holds a few; a sentence is more.
    folded.smuggled = smuggled > 12;
    folded
}

/// Compatibility forms resolved and accents dropped. The phrases to look for are treated alike.
pub(super) fn marks_off(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.nfkd().filter(|c| !is_combining_mark(*c))
}

/// Soft hyphen, zero-width and direction characters, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0001}' | '\u{E007F}')
}

/// Runs of white space become one space, or one line end where they hold one.
fn squeeze(text: impl Iterator<Item = char>, out: &mut String) {
    let mut space = false;
    let mut line = false;
    for c in text {
        if c.is_whitespace() {
            space = true;
            line |= c == '\n';
            continue;
        }
        if space {
            if line {
                out.push('\n');
            }
            out.push(' ');
        }
        (space, line) = (false, false);
        out.push(c);
    }
}

fn mixes_scripts(word: &str) -> bool {
    let latin = word.bytes().any(|b| b.is_ascii_lowercase());
    latin
        && word
            .chars()
            .any(|c| matches!(c, '\u{370}'..='\u{3FF}' | '\u{400}'..='\u{4FF}'))
}

/// The Latin letter a Greek or Cyrillic one looks like.
fn latin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' => 'c',
        'ԁ' => 'd',
        'е' | 'є' | 'ε' => 'e',
        'һ' | 'н' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'у' | 'υ' => 'y',
        'ν' => 'v',
        'ѡ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        other => other,
    }
}

/// How words begin that no attack does without.
const TELLING: &[&str] = &[
    "ignor", "disreg", "forget", "overri", "bypas", "previ", "instr", "promp", "system", "revea",
    "rule", "restric", "unrestr", "jailb", "guidel", "filter", "secret",
];

/// Digits and signs read as the letters they stand for, where that makes a telling word; `None` where it does not.
pub(super) fn unleet(folded: &str) -> Option<String> {
    let mut telling = false;
    let mut out = String::new();
    // Up to where `folded` is in `out`: most texts have nothing to read otherwise, and are not copied.
    let mut from = 0;
    let mut at = 0;
    for word in folded.split(' ') {
        let letters = word.bytes().filter(u8::is_ascii_lowercase).count();
        let signs = word.bytes().filter(|b| is_leet(*b)).count();
        // Part numbers and versions have more digits than letters.
        if letters > 1 && signs > 0 && signs <= letters {
            let plain: String = word.chars().map(leet).collect();
            telling |= TELLING.iter().any(|stem| plain.starts_with(stem));
            out.push_str(folded.get(from..at)?);
            out.push_str(&plain);
            from = at + word.len();
        }
        at += word.len() + 1;
    }
    out.push_str(folded.get(from..)?);
    telling.then_some(out)
}

fn is_leet(b: u8) -> bool {
    matches!(b, b'0' | b'1' | b'3' | b'4' | b'5' | b'7' | b'@' | b'$')
}

fn leet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Single letters set apart, read as the words they make; `None` where there are none. Wider gaps, now lost, parted
/// the words: the result is for phrases with optional gaps.
pub(super) fn unspaced(folded: &str) -> Option<String> {
    const RUN_MIN: usize = 8;
    let words: Vec<&str> = folded
        .split([' ', '.', '-', '_', '*', '\n'])
        .filter(|word| !word.is_empty())
        .collect();
    let mut out = String::new();
    let mut run = String::new();
    for word in words.iter().chain([&""]) {
        if word.chars().nth(1).is_none() && !word.is_empty() {
            run.push_str(word);
            continue;
        }
        if run.chars().count() >= RUN_MIN {
            out.push_str(&run);
            out.push(' ');
        }
        run.clear();
    }
    (!out.is_empty()).then_some(out)
}

/// The texts that long runs of base64 hold.
pub(super) fn decoded(text: &str) -> Vec<String> {
    const RUN_MIN: usize = 24;
    const RUNS_MAX: usize = 8;
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&STANDARD, lenient.with_decode_allow_trailing_bits(true));
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    text.split(|c| !is_base64(c))
        .filter(|run| run.len() >= RUN_MIN)
        .take(RUNS_MAX)
        .filter_map(|run| {
            let text = String::from_utf8(engine.decode(run).ok()?).ok()?;
            let printable = text.chars().all(|c| !c.is_control() || c.is_whitespace());
            printable.then_some(text)
        })
        .collect()
}
