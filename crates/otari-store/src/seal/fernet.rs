//! Opening Fernet tokens (github.com/fernet/spec): what the Python gateway stored.

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Version, time stamp.
const VERSION: u8 = 0x80;
const IV_AT: usize = 9;
const IV_BYTES: usize = 16;
const MAC_BYTES: usize = 32;

/// The plain text, if the token was made with this key and is whole.
pub(super) fn open(key: &[u8; 32], token: &[u8]) -> Option<Vec<u8>> {
    let (sign, encrypt) = key.split_first_chunk::<16>()?;
    let (signed, tag) = token.split_last_chunk::<MAC_BYTES>()?;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(sign).ok()?;
    mac.update(signed);
    // Constant time, and before anything is decrypted.
    mac.verify_slice(tag).ok()?;
    if signed.first() != Some(&VERSION) {
        return None;
    }
    let iv = signed.get(IV_AT..IV_AT + IV_BYTES)?;
    let cipher_text = signed.get(IV_AT + IV_BYTES..)?;
    let cipher = cbc::Decryptor::<Aes128>::new_from_slices(encrypt, iv).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(cipher_text).ok()
}
