//! Words and parts of words, as the model was taught to read: BERT's uncased word pieces.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use crate::Window;

/// Tokens of a window, without the two that frame it. The model takes 510; in shorter windows an attack within a long
/// text stays visible.
const WINDOW: usize = 126;
/// How far after a window the next begins.
const STRIDE: usize = 96;
const BEGIN: usize = 101;
const END: usize = 102;
const UNKNOWN: usize = 100;
/// Longer ones are unknown.
const WORD_CHARS_MAX: usize = 100;

#[expect(clippy::unwrap_used, reason = "it is a constant; a test compiles it")]
static MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{Mn}").unwrap());
#[expect(clippy::unwrap_used, reason = "it is a constant; a test compiles it")]
static PUNCTUATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{P}").unwrap());
#[expect(clippy::unwrap_used, reason = "it is a constant; a test compiles it")]
static CONTROL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{C}").unwrap());

/// The words that the model knows, with their numbers.
pub(crate) struct Vocabulary(HashMap<String, usize>);

impl Vocabulary {
    /// A word a line.
    pub(crate) fn parse(file: &[u8]) -> Self {
        let text = String::from_utf8_lossy(file);
        let words = text.lines().enumerate();
        Self(
            words
                .map(|(number, word)| (word.to_owned(), number))
                .collect(),
        )
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn windows(&self, text: &str, most: usize) -> Vec<Window> {
        let enough = WINDOW + STRIDE * most.saturating_sub(1);
        let tokens = self.tokens(text, enough);
        let framed = |tokens: &[usize]| {
            let begin = std::iter::once(BEGIN);
            let tokens = begin.chain(tokens.iter().copied());
            Window(tokens.chain([END]).collect())
        };
        let mut windows = Vec::new();
        let mut rest = tokens.as_slice();
        loop {
            windows.push(framed(rest.get(..WINDOW).unwrap_or(rest)));
            match rest.get(STRIDE..) {
                Some(later) if rest.len() > WINDOW && windows.len() < most => rest = later,
                _ => return windows,
            }
        }
    }

    /// The first tokens of a text, without what frames them.
    fn tokens(&self, text: &str, most: usize) -> Vec<usize> {
        let mut tokens = Vec::new();
        let mut word = String::new();
        for c in text.chars().flat_map(char::to_lowercase).nfd() {
            let kind = kind(c);
            if kind == Kind::Letter {
                word.push(c);
                continue;
            }
            if kind == Kind::Nothing {
                continue;
            }
            self.pieces(&word, &mut tokens);
            word.clear();
            if kind == Kind::Alone {
                self.pieces(c.encode_utf8(&mut [0; 4]), &mut tokens);
            }
            if tokens.len() >= most {
                break;
            }
        }
        self.pieces(&word, &mut tokens);
        tokens.truncate(most);
        tokens
    }

    /// The longest pieces that are known, from the left. A word that is not made of such is unknown as a whole.
    fn pieces(&self, word: &str, tokens: &mut Vec<usize>) {
        let before = tokens.len();
        if word.chars().count() > WORD_CHARS_MAX {
            tokens.push(UNKNOWN);
            return;
        }
        let mut rest = word;
        let mut piece = String::new();
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                let (head, tail) = rest.split_at_checked(end)?;
                piece.clear();
                if rest.len() < word.len() {
                    piece.push_str("##");
                }
                piece.push_str(head);
                Some((*self.0.get(&piece)?, tail))
            });
            let Some((token, tail)) = found else {
                tokens.truncate(before);
                tokens.push(UNKNOWN);
                return;
            };
            tokens.push(token);
            rest = tail;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Space,
    /// A word by itself.
    Alone,
    /// Passed over.
    Nothing,
}

fn kind(c: char) -> Kind {
    if c.is_ascii_alphanumeric() {
        return Kind::Letter;
    }
    if c.is_whitespace() {
        return Kind::Space;
    }
    if c.is_ascii() {
        return if c.is_ascii_punctuation() {
            Kind::Alone
        } else {
            Kind::Nothing
        };
    }
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    if c == '\u{fffd}' || MARK.is_match(text) || CONTROL.is_match(text) {
        Kind::Nothing
    } else if is_ideograph(c) || PUNCTUATION.is_match(text) {
        Kind::Alone
    } else {
        Kind::Letter
    }
}

/// Chinese characters are words each; kana and hangul are not.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let mut words: Vec<String> = (0..200).map(|number| format!("[{number}]")).collect();
        for word in ["ignore", "##d", "all", "cafe", "!", "中"] {
            words.push(word.to_owned());
        }
        Vocabulary::parse(words.join("\n").as_bytes())
    }

    #[test]
    fn words_are_lowered_stripped_and_pieced() {
        let vocabulary = vocabulary();
        let tokens = |text: &str| vocabulary.tokens(text, 50);
        assert_eq!(tokens("IGNORED all!"), [200, 201, 202, 204]);
        assert_eq!(tokens("Caf\u{e9}"), [203]);
        assert_eq!(
            tokens("al\u{200b}l"),
            [202],
            "hidden characters are nothing"
        );
        assert_eq!(tokens("中中all"), [205, 205, 202]);
        assert_eq!(tokens("ignorex all"), [UNKNOWN, 202]);
        assert_eq!(tokens(&"a".repeat(101)), [UNKNOWN]);
    }

    #[test]
    fn windows_overlap_and_end_with_the_text() {
        let vocabulary = vocabulary();
        let text = "all ".repeat(200);
        let lengths = |text: &str, most| -> Vec<usize> {
            let windows = vocabulary.windows(text, most);
            windows.iter().map(|window| window.0.len()).collect()
        };
        assert_eq!(lengths("", 3), [2]);
        assert_eq!(lengths(&text, 3), [128, 106]);
        assert_eq!(lengths(&text, 1), [128]);
        assert_eq!(lengths(&"all ".repeat(126), 3), [128]);
    }
}
