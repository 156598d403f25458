//! The receipt: the id of a prediction, which a site keeps with its order and answers with the outcome.

use super::frame::{version_bytes, version_text};
use crate::error::{Error, ErrorKind, Result};
use crate::profile::SCORE_BINS;

const FORMAT: u8 = 1;
const UNKNOWN: u8 = u8::MAX;

/// What a receipt says: enough to count an outcome without any stored row, and nothing about the person.
///
/// 18 bytes, 24 characters: format, version (6), score bin, action, group value, nonce (8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The version of the model, 12 hexadecimal digits.
    pub version: String,
    /// The bin of the score.
    pub score_bin: u8,
    /// The action, by its place in [`crate::bundle::Manifest::actions`].
    pub action: Option<u8>,
    /// The value of the first group, by its place, where one was declared.
    pub group: Option<u8>,
    /// What tells this prediction from all others.
    pub nonce: u64,
}

impl Receipt {
    /// The text that a page sees, in the base64 alphabet of URLs.
    pub fn text(&self) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend(version_bytes(&self.version));
        bytes.push(self.score_bin);
        bytes.push(self.action.unwrap_or(UNKNOWN));
        bytes.push(self.group.unwrap_or(UNKNOWN));
        bytes.extend(self.nonce.to_le_bytes());
        encode(&bytes)
    }

    /// Reads the text of a receipt.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            let help = "send the `id` of a prediction as it was given";
            Error::new(ErrorKind::FrameInvalid, "this is not a receipt").help(help)
        };
        let bytes: [u8; 18] = decode(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)?;
        let [format, v0, v1, v2, v3, v4, v5, score_bin, action, group, nonce @ ..] = bytes;
        if format != FORMAT {
            return Err(wrong());
        }
        let known = |byte: u8| (byte != UNKNOWN).then_some(byte);
        Ok(Self {
            version: version_text([v0, v1, v2, v3, v4, v5]),
            score_bin,
            action: known(action),
            group: known(group),
            nonce: u64::from_le_bytes(nonce),
        })
    }

    /// The middle of the score's bin.
    pub fn score(&self) -> f64 {
        (f64::from(self.score_bin) + 0.5) / SCORE_BINS as f64
    }
}

/// The base64 alphabet of URLs (RFC 4648, section 5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Three bytes as four characters each. A receipt is 18 bytes, so nothing is ever filled up.
fn encode(bytes: &[u8]) -> String {
    let (threes, _) = bytes.as_chunks::<3>();
    let six = |number: u32, place: u32| char::from(ALPHABET[(number >> (18 - 6 * place) & 63) as usize]);
    let number = |&[a, b, c]: &[u8; 3]| u32::from_be_bytes([0, a, b, c]);
    threes.iter().map(number).flat_map(|number| (0..4).map(move |place| six(number, place))).collect()
}

/// The bytes of whole fours of characters; nothing where one of them is not of the alphabet.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (fours, rest) = text.as_bytes().as_chunks::<4>();
    let mut bytes = Vec::with_capacity(3 * fours.len());
    for four in fours {
        let mut number = 0u32;
        for character in four {
            number = number << 6 | ALPHABET.iter().position(|known| known == character)? as u32;
        }
        bytes.extend(&number.to_be_bytes()[1..]);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_comes_back_and_is_short() {
        let receipt = Receipt {
            version: "0a1b2c3d4e5f".into(),
            score_bin: 200,
            action: Some(1),
            group: None,
            nonce: u64::MAX - 1,
        };
        let text = receipt.text();
        assert_eq!(text.len(), 24);
        assert_eq!(Receipt::parse(&text), Ok(receipt));
        for wrong in ["", "abc", "not a receipt at all....", &text[1..]] {
            assert_eq!(Receipt::parse(wrong).unwrap_err().kind(), ErrorKind::FrameInvalid);
        }
    }
}
