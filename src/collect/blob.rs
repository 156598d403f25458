//! Profiles as the store keeps them: sparse, mergeable without being taken apart first, and with the digest of their
//! layout before them, so that counters are never read as others than they were.

use crate::error::{Error, ErrorKind, Result};
use crate::profile::{Moments, Profile};
use crate::wire::{Reader, put_varint};
use rusqlite::types::Value;

/// Format 1 had no digest. Nobody can say what its counters are, so it is not read.
const FORMAT: u8 = 2;
/// No layout has as many places.
const LARGEST: usize = 1 << 20;

/// What the bytes of every profile of a layout begin with, and of no other.
pub fn head(layout: u64) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend(layout.to_le_bytes());
    bytes
}

/// The bytes of a profile: the digest of its layout, the counters that are not 0 and the moments that saw something.
pub fn encode(profile: &Profile, layout: u64) -> Vec<u8> {
    let mut bytes = head(layout);
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
    bytes
}

/// Adds a kept profile to one of the same layout. Fails with `internal` when the bytes are not of this layout; nothing
/// of them was added then.
pub fn merge_into(profile: &mut Profile, layout: u64, bytes: &[u8]) -> Result<()> {
    merge(profile, &mut Some(layout), bytes, [profile.counts.len(), profile.moments.len(), profile.business.len()])
}

/// Adds a kept profile to one that grows as needed: where what the counters are does not matter, so long as all of them
/// are of one layout. The first one that can be read says which.
pub fn merge_growing(profile: &mut Profile, layout: &mut Option<u64>, bytes: &[u8]) -> Result<()> {
    merge(profile, layout, bytes, [LARGEST; 3])
}

/// The bytes of a value that a column holds; none where it holds something else.
pub fn bytes_of(value: &Value) -> &[u8] {
    match value {
        Value::Blob(bytes) => bytes,
        _ => &[],
    }
}

fn merge(profile: &mut Profile, layout: &mut Option<u64>, bytes: &[u8], limits: [usize; 3]) -> Result<()> {
    // All of it is read before any of it is added.
    let kept = decode(bytes, *layout, limits)?;
    *layout = Some(kept.layout);
    for (place, count) in kept.counts {
        let counter = at(&mut profile.counts, place);
        *counter = counter.saturating_add(count);
    }
    for (index, moments) in kept.moments {
        at(&mut profile.moments, index).merge(&moments);
    }
    for (index, moments) in kept.business {
        at(&mut profile.business, index).merge(&moments);
    }
    Ok(())
}

/// What the bytes hold, by place.
struct Kept {
    layout: u64,
    counts: Vec<(usize, u64)>,
    moments: Vec<(usize, Moments)>,
    business: Vec<(usize, Moments)>,
}

fn decode(bytes: &[u8], wanted: Option<u64>, [counts, moments, business]: [usize; 3]) -> Result<Kept> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != FORMAT {
        return Err(damaged("it has a format that this version does not read"));
    }
    let layout = u64::from_le_bytes(reader.array()?);
    if wanted.is_some_and(|wanted| wanted != layout) {
        return Err(damaged("it was counted in another layout"));
    }
    let mut kept = Kept { layout, counts: Vec::new(), moments: Vec::new(), business: Vec::new() };
    let mut place = 0usize;
    for _ in 0..reader.varint()? {
        place = within(place.saturating_add(reader.varint()? as usize), counts)?;
        kept.counts.push((place, reader.varint()?));
    }
    kept.moments = decode_moments(&mut reader, moments)?;
    kept.business = decode_moments(&mut reader, business)?;
    reader.end()?;
    Ok(kept)
}

fn within(place: usize, limit: usize) -> Result<usize> {
    if place < limit { Ok(place) } else { Err(damaged("a counter is outside of the layout")) }
}

fn at<T: Clone + Default>(all: &mut Vec<T>, index: usize) -> &mut T {
    if index >= all.len() {
        all.resize(index + 1, T::default());
    }
    &mut all[index]
}

fn put_moments(bytes: &mut Vec<u8>, all: &[Moments]) {
    let some = || all.iter().enumerate().filter(|(_, moments)| moments.count > 0);
    put_varint(bytes, some().count() as u64);
    for (index, moments) in some() {
        put_varint(bytes, index as u64);
        put_varint(bytes, moments.count);
        for value in [moments.mean, moments.m2, moments.min, moments.max] {
            bytes.extend(value.to_le_bytes());
        }
    }
}

fn decode_moments(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<(usize, Moments)>> {
    let mut all = Vec::new();
    for _ in 0..reader.varint()? {
        let index = within(reader.varint()? as usize, limit)?;
        let count = reader.varint()?;
        let [mean, m2, min, max] = [reader.float()?, reader.float()?, reader.float()?, reader.float()?];
        all.push((index, Moments { count, mean, m2, min, max }));
    }
    Ok(all)
}

fn damaged(message: &str) -> Error {
    let help = "the collector's file may be damaged: see its table `damaged`, or restore the file from a copy";
    Error::new(ErrorKind::Internal, format!("a kept window cannot be read: {message}")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_merges_like_what_was_seen() {
        let moments = Moments { count: 3, mean: 2.0, m2: 2.0, min: 1.0, max: 3.0 };
        let profile = Profile {
            counts: vec![0, 3, 0, 700, u64::MAX],
            moments: vec![Moments::default(), moments],
            business: vec![moments],
        };
        let mut merged = profile.clone();
        merge_into(&mut merged, 7, &encode(&profile, 7)).unwrap();
        let mut wanted = profile.clone();
        wanted.merge(&profile);
        assert_eq!(merged, wanted);
        assert_eq!(merged.counts, [0, 6, 0, 1400, u64::MAX]);
    }

    #[test]
    fn without_a_layout_it_grows() {
        let profile = Profile { counts: vec![0, 3], moments: vec![], business: vec![] };
        let (mut grown, mut layout) = (Profile { counts: vec![], moments: vec![], business: vec![] }, None);
        merge_growing(&mut grown, &mut layout, &encode(&profile, 7)).unwrap();
        assert_eq!((&grown, layout), (&profile, Some(7)));
        assert!(merge_growing(&mut grown, &mut layout, &encode(&profile, 8)).is_err());
        assert_eq!((&grown, layout), (&profile, Some(7)));
    }

    #[test]
    fn bytes_of_another_layout_are_refused() {
        let profile = Profile { counts: vec![1; 4], moments: vec![], business: vec![] };
        let mut smaller = Profile { counts: vec![0; 3], moments: vec![], business: vec![] };
        assert_eq!(merge_into(&mut smaller, 7, &encode(&profile, 7)).unwrap_err().kind(), ErrorKind::Internal);
        // As many counters, which mean something else.
        let other = encode(&Profile { counts: vec![1; 3], ..profile }, 8);
        assert!(merge_into(&mut smaller, 7, &other).unwrap_err().to_string().contains("another layout"));
        // An older kit wrote no digest.
        for bytes in [&[][..], &[9], &[1, 1, 0, 5, 0, 0], &head(7)] {
            assert!(merge_into(&mut smaller, 7, bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(smaller.counts, [0; 3], "nothing of what cannot be read is counted");
    }
}
