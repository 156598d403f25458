//! The frame: one closed window of counters, or one page that was left before its first prediction.
//!
//! ```text
//! "NSF"  format u8 = 1  kind u8 (1 window, 2 page)  session u64 LE  sequence varint  age varint (ms)
//! name: length u8, UTF-8   version: 6 bytes (0 when the page does not know it yet)
//! window: duration varint (ms)
//!         places varint, then per counter that is not 0: distance to the place before varint, count varint
//!         features varint, then per feature with moments: index varint, count varint, mean m2 f64 LE
//!         business metrics the same way: none in a frame of a page
//! page:   stage u8   elapsed varint (ms)
//! CRC-32 of everything before, u32 LE
//! ```
//!
//! A frame leaves out what would tell of one person, and never is larger than 8 KiB: see `withhold`.

use super::checksum::crc32;
use super::withhold::{Part, for_privacy};
use crate::error::Result;
use crate::profile::{Layout, LossReason, Moments, PageStage, Profile};
use crate::wire::{Reader, put_varint};

/// The largest frame that is made and taken, in bytes.
pub const MAX_FRAME_BYTES: usize = 8 * 1024;

const MAGIC: &[u8; 3] = b"NSF";
const FORMAT: u8 = 1;
const KIND_WINDOW: u8 = 1;
const KIND_PAGE: u8 = 2;

/// What both kinds of frame begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The page session: random, and kept in memory only.
    pub session: u64,
    /// The number of the frame within the session, from 0.
    pub sequence: u64,
    /// How old the window was when the frame was made, in milliseconds.
    pub age_ms: u64,
    /// The name of the bundle.
    pub name: String,
    /// The version of the model, 12 hexadecimal digits; empty when the page does not know it yet.
    pub version: String,
}

/// A frame as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// One closed window of counters.
    Window(Header, Window),
    /// A page that was left before its first prediction.
    Page(Header, Page),
}

/// Counters without their layout: [`Window::profile`] puts them into one.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// How long the window was, in milliseconds.
    pub duration_ms: u64,
    /// The counters that are not 0, by place, ascending.
    pub counts: Vec<(usize, u64)>,
    /// Moments by feature.
    pub moments: Vec<(usize, Moments)>,
    /// Moments by business metric.
    pub business: Vec<(usize, Moments)>,
}

/// How far a page came that was left before its first prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The stage that it reached.
    pub stage: PageStage,
    /// The time since navigation, in milliseconds.
    pub elapsed_ms: u64,
}

impl Frame {
    /// What the frame begins with.
    pub fn header(&self) -> &Header {
        match self {
            Self::Window(header, _) | Self::Page(header, _) => header,
        }
    }
}

impl Header {
    /// The bytes of a window with this header, at most [`MAX_FRAME_BYTES`]. The profile must have the layout.
    ///
    /// What would tell of one person is left out: see the description of the module. Of a window that is still too
    /// large, parts are left out until it fits: the moments, then whole features, each in an order that is another one
    /// in each frame; then group counters, then times. The frame then counts itself as [`LossReason::Dropped`].
    pub fn encode_window(&self, layout: &Layout, profile: &Profile, duration_ms: u64) -> Vec<u8> {
        let mut profile = profile.clone();
        for_privacy(&mut profile, layout, self.session, self.sequence);
        let bytes = self.window_bytes(&profile, duration_ms);
        if bytes.len() <= MAX_FRAME_BYTES {
            return bytes;
        }
        profile.count(layout.loss(LossReason::Dropped));
        let parts = Part::in_order(layout, self.session, self.sequence);
        let without = |parts: &[Part]| {
            let mut rest = profile.clone();
            parts.iter().for_each(|part| part.remove(&mut rest, layout));
            self.window_bytes(&rest, duration_ms)
        };
        // More parts less never make a larger frame, so the fewest are found by halving.
        let (mut too_few, mut enough) = (0, parts.len());
        while enough - too_few > 1 {
            let middle = (too_few + enough) / 2;
            let fits = without(&parts[..middle]).len() <= MAX_FRAME_BYTES;
            if fits { enough = middle } else { too_few = middle }
        }
        without(&parts[..enough])
    }

    fn window_bytes(&self, profile: &Profile, duration_ms: u64) -> Vec<u8> {
        let mut bytes = self.start(KIND_WINDOW);
        put_varint(&mut bytes, duration_ms);
        let counters = || profile.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        put_varint(&mut bytes, counters().count() as u64);
        let mut before = 0;
        for (place, &count) in counters() {
            put_varint(&mut bytes, (place - before) as u64);
            put_varint(&mut bytes, count);
            before = place;
        }
        put_moments(&mut bytes, &profile.moments);
        put_moments(&mut bytes, &profile.business);
        seal(bytes)
    }

    /// The bytes of a page with this header.
    pub fn encode_page(&self, page: Page) -> Vec<u8> {
        let mut bytes = self.start(KIND_PAGE);
        bytes.push(page.stage as u8);
        put_varint(&mut bytes, page.elapsed_ms);
        seal(bytes)
    }

    fn start(&self, kind: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([FORMAT, kind]);
        bytes.extend(self.session.to_le_bytes());
        put_varint(&mut bytes, self.sequence);
        put_varint(&mut bytes, self.age_ms);
        let name = self.name.get(..self.name.floor_char_boundary(255)).unwrap_or_default();
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.extend(version_bytes(&self.version));
        bytes
    }
}

/// Reads a frame. Fails with `frame-invalid` for anything that the kit would not have made.
pub fn decode(bytes: &[u8]) -> Result<Frame> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(reader.error("the frame is larger than 8 KiB"));
    }
    if reader.array::<3>()? != *MAGIC {
        return Err(reader.error("this is not a frame"));
    }
    let format = reader.byte()?;
    if format != FORMAT {
        return Err(reader.error("the frame has a format that this version does not read"));
    }
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(reader.error("the frame ends too early"));
    };
    if crc32(body) != u32::from_le_bytes(*checksum) {
        return Err(reader.error("the checksum does not match"));
    }
    let mut reader = Reader::new(body);
    reader.take(4)?;
    let kind = reader.byte()?;
    let session = u64::from_le_bytes(reader.array()?);
    let (sequence, age_ms) = (reader.varint()?, reader.varint()?);
    let length = usize::from(reader.byte()?);
    let name = match std::str::from_utf8(reader.take(length)?) {
        Ok(name) => name.to_owned(),
        Err(_) => return Err(reader.error("the name is not UTF-8")),
    };
    let version = version_text(reader.array()?);
    let header = Header { session, sequence, age_ms, name, version };
    let frame = match kind {
        KIND_WINDOW => Frame::Window(header, read_window(&mut reader)?),
        KIND_PAGE => {
            let Some(&stage) = PageStage::ALL.get(usize::from(reader.byte()?)) else {
                return Err(reader.error("there is no such stage"));
            };
            Frame::Page(header, Page { stage, elapsed_ms: reader.varint()? })
        }
        _ => return Err(reader.error("there is no such kind of frame")),
    };
    reader.end()?;
    Ok(frame)
}

impl Window {
    /// The counters in their layout. Fails when a place is outside of it: the frame is not from this version.
    pub fn profile(&self, layout: &Layout) -> Result<Profile> {
        let mut profile = Profile::new(layout);
        let outside = || Reader::new(&[]).error("a counter is not in the layout of this model version");
        for &(place, count) in &self.counts {
            *profile.counts.get_mut(place).ok_or_else(outside)? = count;
        }
        for &(feature, moments) in &self.moments {
            *profile.moments.get_mut(feature).ok_or_else(outside)? = moments;
        }
        for &(metric, moments) in &self.business {
            *profile.business.get_mut(metric).ok_or_else(outside)? = moments;
        }
        Ok(profile)
    }
}

fn read_window(reader: &mut Reader<'_>) -> Result<Window> {
    let duration_ms = reader.varint()?;
    let count = reader.varint()?;
    let mut counts = Vec::new();
    let mut place = 0u64;
    for index in 0..count {
        let distance = reader.varint()?;
        if index > 0 && distance == 0 {
            return Err(reader.error("a counter stands twice"));
        }
        place = place.saturating_add(distance);
        counts.push((usize::try_from(place).unwrap_or(usize::MAX), reader.varint()?));
    }
    Ok(Window { duration_ms, counts, moments: read_moments(reader)?, business: read_moments(reader)? })
}

fn put_moments(bytes: &mut Vec<u8>, all: &[Moments]) {
    let some = || all.iter().enumerate().filter(|(_, moments)| moments.count > 0);
    put_varint(bytes, some().count() as u64);
    for (index, moments) in some() {
        put_varint(bytes, index as u64);
        put_varint(bytes, moments.count);
        bytes.extend(moments.mean.to_le_bytes());
        bytes.extend(moments.m2.to_le_bytes());
    }
}

fn read_moments(reader: &mut Reader<'_>) -> Result<Vec<(usize, Moments)>> {
    let mut all = Vec::new();
    for _ in 0..reader.varint()? {
        let index = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        let count = reader.varint()?;
        let (mean, m2) = (reader.float()?, reader.float()?);
        if count == 0 || m2 < 0.0 {
            return Err(reader.error("moments that no numbers have"));
        }
        all.push((index, Moments::bounded(count, mean, m2)));
    }
    Ok(all)
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// The 6 bytes of a version, all 0 where the text is not one.
pub(super) fn version_bytes(version: &str) -> [u8; 6] {
    let mut bytes = [0; 6];
    if version.len() != 12 || !version.is_ascii() {
        return bytes;
    }
    for (byte, digits) in bytes.iter_mut().zip(version.as_bytes().as_chunks::<2>().0) {
        match digits.map(|digit| char::from(digit).to_digit(16)) {
            [Some(high), Some(low)] => *byte = (high << 4 | low) as u8,
            _ => return [0; 6],
        }
    }
    bytes
}

/// The 12 hexadecimal digits of a version; empty for one that is all 0.
pub(super) fn version_text(bytes: [u8; 6]) -> String {
    if bytes == [0; 6] {
        return String::new();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let (name, version) = ("loan-approval".to_owned(), "0a1b2c3d4e5f".to_owned());
        Header { session: 0x0102_0304_0506_0708, sequence: 3, age_ms: 30_000, name, version }
    }

    #[test]
    fn a_page_comes_back_and_has_the_documented_bytes() {
        let page = Page { stage: PageStage::Runtime, elapsed_ms: 1_500 };
        let bytes = header().encode_page(page);
        assert_eq!(&bytes[..13], b"NSF\x01\x02\x08\x07\x06\x05\x04\x03\x02\x01");
        assert_eq!(decode(&bytes), Ok(Frame::Page(header(), page)));
    }

    #[test]
    fn a_changed_byte_or_a_cut_is_refused() {
        let bytes = header().encode_page(Page { stage: PageStage::Model, elapsed_ms: 9 });
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x10;
            assert!(decode(&changed).is_err(), "byte {index}");
            assert!(decode(&bytes[..index]).is_err(), "cut at {index}");
        }
    }
}
