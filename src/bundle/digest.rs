//! SHA-256, the hash of every file that a bundle names.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The first 12 hexadecimal digits of the SHA-256, as used in file names and for versions.
pub fn short_digest(bytes: &[u8]) -> String {
    let mut text = sha256_hex(bytes);
    text.truncate(12);
    text
}
