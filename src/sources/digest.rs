//! Hashes and sizes of what passes by, without holding it.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// A reader or a writer that hashes and counts what passes through it.
pub(super) struct Hashing<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// What it was made of, the hash and the number of bytes.
    pub(super) fn finish(self) -> (T, Sha256, u64) {
        (self.inner, self.hash, self.bytes)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(into)?;
        self.count(&into[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.count(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// A finished hash in hexadecimal digits.
pub(super) fn hex(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The SHA-256 of a file in hexadecimal digits, and its size, read a piece at a time.
pub(super) fn of_file(path: &Path) -> Result<(String, u64)> {
    let read = || {
        let mut file = Hashing::new(File::open(path)?);
        let mut piece = vec![0; 1 << 20];
        while file.read(&mut piece)? > 0 {}
        let (_, hash, bytes) = file.finish();
        Ok((hex(hash), bytes))
    };
    read().map_err(|error: std::io::Error| Error::from(error).place(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_hashed_and_counted() {
        let mut writer = Hashing::new(Vec::new());
        writer.write_all(b"ab").unwrap();
        writer.write_all(b"c").unwrap();
        let (kept, hash, bytes) = writer.finish();
        assert_eq!((kept.as_slice(), bytes), (b"abc".as_slice(), 3));
        assert_eq!(hex(hash), crate::bundle::sha256_hex(b"abc"));
    }
}
