//! Takes values; gives their bytes, one field behind the other, and reads them again. Frames, plans and the page's form of a
//! manifest are made of them.
//! Next: `telemetry`, `plan` and `bundle` say which fields, in which order. It knows no names and no versions (whoever writes
//! puts a magic number in front), and never makes a list for a length that the bytes do not hold.

mod fields;

pub use fields::Wire;
pub(crate) use fields::wire;

use crate::error::{Error, ErrorKind, Result};

/// Appends `value` as unsigned LEB128.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads bytes from the front; every read fails with `frame-invalid` when the bytes end too early.
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.position.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.error("it ends too early"));
        };
        let taken = &self.bytes[self.position..end];
        self.position = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// The next number, unsigned LEB128.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error("a number does not fit into 64 bits"))
    }

    /// The next float64. NaN and infinity are refused.
    pub fn float(&mut self) -> Result<f64> {
        let value = f64::from_le_bytes(self.array()?);
        if value.is_finite() { Ok(value) } else { Err(self.error("a number is not finite")) }
    }

    /// Fails when bytes are left over.
    pub fn end(&self) -> Result<()> {
        if self.position == self.bytes.len() { Ok(()) } else { Err(self.error("bytes are left over")) }
    }

    /// An error that names the position.
    pub fn error(&self, message: &str) -> Error {
        let help = "send it as the kit made it, byte for byte";
        Error::new(ErrorKind::FrameInvalid, message).item(format!("byte {}", self.position)).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = vec![];
            put_varint(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.end().is_ok());
        }
        assert!(Reader::new(&[0xff; 10]).varint().is_err());
        assert!(Reader::new(&[0x80]).varint().is_err());
    }
}
