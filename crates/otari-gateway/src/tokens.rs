//! Counting tokens locally, with OpenAI's current vocabulary. Exact for its models; for others, whose tokenizers
//! are not public, the nearest there is.

use otari_translate::count_tokens::Countable;
use tiktoken_rs::{CoreBPE, o200k_base_singleton};

/// What the framing of one message costs in OpenAI's chat format.
const TOKENS_PER_TURN: usize = 3;
/// An answer is primed with these.
const TOKENS_PRIMING: usize = 3;
/// An image of 1024 pixels square at normal detail.
const TOKENS_PER_IMAGE: usize = 765;
/// A page or two: what a document adds cannot be known from its bytes.
const TOKENS_PER_FILE: usize = 1500;
/// Texts beyond this are counted by this much of them: hostile input takes long.
const COUNTED_BYTES_MAX: usize = 1024 * 1024;

pub(crate) async fn count(countable: &Countable) -> i64 {
    let fixed = countable.turns * TOKENS_PER_TURN
        + TOKENS_PRIMING
        + countable.images * TOKENS_PER_IMAGE
        + countable.files * TOKENS_PER_FILE;
    let texts = countable.texts.clone();
    // The vocabulary takes a tenth of a second to load, and a long text some time to count.
    let counted = tokio::task::spawn_blocking(move || {
        let vocabulary = o200k_base_singleton();
        texts
            .iter()
            .map(|text| count_text(vocabulary, text))
            .sum::<usize>()
    });
    let text_tokens = counted.await.unwrap_or_default();
    i64::try_from(text_tokens + fixed).unwrap_or(i64::MAX)
}

fn count_text(vocabulary: &CoreBPE, text: &str) -> usize {
    if text.len() <= COUNTED_BYTES_MAX {
        return vocabulary.count_ordinary(text);
    }
    let end = text.floor_char_boundary(COUNTED_BYTES_MAX);
    let head = text.get(..end).unwrap_or_default();
    let counted = vocabulary.count_ordinary(head);
    // Both are far below the bounds of a usize.
    counted.saturating_mul(text.len()) / head.len().max(1)
}
