//! Tool call ids as single providers insist on them. The same id always becomes the same one, so calls and their
//! results stay together.

/// Ids of at most 64 letters, digits and `allowed`; other characters become `_`, and a longer id its digest.
pub(super) fn clean(id: &str, allowed: &[char]) -> String {
    const MAX: usize = 64;
    if id.len() > MAX {
        return digest(id, 32);
    }
    id.chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || allowed.contains(&letter) {
                letter
            } else {
                '_'
            }
        })
        .collect()
}

/// Mistral's models want exactly nine letters and digits.
pub(super) fn nine(id: &str) -> String {
    const LEN: usize = 9;
    if id.len() == LEN && id.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    digest(id, LEN)
}

/// Letters and digits that depend on every byte of `id` (FNV-1a, then SplitMix64): stable between processes, because
/// a conversation outlives them.
fn digest(id: &str, len: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..len)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            let at = usize::try_from(mixed % 62).unwrap_or_default();
            char::from(DIGITS.get(at).copied().unwrap_or(b'0'))
        })
        .collect()
}
