//! One transaction of the writer: what is written, whether it was known already, and the merge into the rollups.

use super::damaged::{self, Damaged};
use super::{blob, compact, receipts};
use crate::alerts::{Alert, AlertState};
use crate::error::{Error, ErrorKind, Result};
use crate::profile::Profile;
use crate::time::Millis;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// How many sequence numbers, back from the highest, are told apart.
const DEDUP_WINDOW: u64 = 64;

/// The part of an outcome that is its label.
pub const LABEL: &str = "label";

/// Something to write.
#[derive(Debug, Clone)]
pub enum Write {
    /// The counters of one frame.
    Frame {
        /// The page session.
        session: u64,
        /// The number of the frame in it.
        sequence: u64,
        /// Where it counts.
        slot: Slot,
        /// When it arrived.
        now: Millis,
        /// The digest of their layout.
        layout: u64,
        /// The counters.
        profile: Box<Profile>,
        /// The predictions among them.
        predictions: u64,
    },
    /// Answers to receipts.
    Outcomes(Vec<Answer>),
    /// A version whose counters may come. Those that it has in another layout are moved aside.
    Version {
        /// The model.
        model: String,
        /// The version.
        version: String,
        /// When it was first seen.
        since: Millis,
        /// The digest of its layout.
        layout: u64,
        /// `manifest.json`.
        manifest: String,
        /// `baseline.*.json`.
        baseline: Option<String>,
        /// `canvas.*.json`.
        canvas: Option<String>,
    },
    /// New alerts, or new states of them: all or none.
    Alerts(Vec<Alert>),
    /// A setting.
    Meta {
        /// Its name.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// Merge old minutes into hours, and forget what is past keeping.
    Compact {
        /// The moment.
        now: Millis,
        /// For how long each model's counters are kept.
        retention: Vec<(String, Millis)>,
    },
    /// Forget a version that is gone and has no counters left, and the receipts that were given for it.
    Forget {
        /// The model.
        model: String,
        /// The version.
        version: String,
    },
    /// Move counters aside that a reader could not read.
    SetAside(Vec<Damaged>),
}

/// The window that something counts in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// The start of the minute.
    pub minute: Millis,
}

/// One part of the answer to a receipt: the label, or one business metric.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The outcome it belongs to, by its place in the request.
    pub index: usize,
    /// The receipt.
    pub receipt: String,
    /// `label`, or `business:` and the name.
    pub part: String,
    /// Where it counts.
    pub slot: Slot,
    /// The digest of the layout of what it adds.
    pub layout: u64,
    /// What it adds.
    pub profile: Profile,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is on the disk.
    Written,
    /// It was there already, and was not counted again.
    Duplicate,
    /// Which outcomes, by their place, had at least one part that is new.
    Counted(Vec<usize>),
    /// Hours are left to be merged.
    More,
}

/// What one transaction adds up.
#[derive(Default)]
pub struct Batch {
    /// By window and layout, so that nothing is added to what it does not fit.
    profiles: BTreeMap<(Slot, u64), Profile>,
    totals: BTreeMap<(String, String), Totals>,
    damaged: u64,
}

#[derive(Default)]
struct Totals {
    predictions: u64,
    labels: u64,
    seen: Millis,
}

impl Batch {
    /// The predictions that were counted, by model and version.
    pub fn predictions(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.totals.iter().map(|((model, version), totals)| (model.as_str(), version.as_str(), totals.predictions))
    }

    /// Windows that could not be read, and were moved aside.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Takes one write into the transaction. Counters are added up here, and written by [`Batch::flush`].
    pub fn apply(&mut self, transaction: &Transaction<'_>, write: &Write) -> Result<Done> {
        match write {
            Write::Frame { session, sequence, slot, now, layout, profile, predictions } => {
                if !take(transaction, &slot.model, *session, *sequence, *now).map_err(db)? {
                    return Ok(Done::Duplicate);
                }
                self.add(slot, *layout, profile);
                let totals = self.totals_of(slot);
                totals.predictions += predictions;
                totals.seen = totals.seen.max(*now);
                Ok(Done::Written)
            }
            Write::Outcomes(answers) => {
                let mut counted = Vec::new();
                for answer in answers {
                    if receipts::answer(transaction, &answer.slot.version, &answer.receipt, &answer.part)? {
                        self.add(&answer.slot, answer.layout, &answer.profile);
                        self.totals_of(&answer.slot).labels += u64::from(answer.part == LABEL);
                        if counted.last() != Some(&answer.index) {
                            counted.push(answer.index);
                        }
                    }
                }
                Ok(Done::Counted(counted))
            }
            Write::Version { model, version, since, layout, manifest, baseline, canvas } => {
                let sql = "INSERT OR IGNORE INTO versions (model, version, since, manifest, baseline, canvas)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let values = params![model, version, int(since.0), manifest, baseline, canvas];
                transaction.execute(sql, values).map_err(db)?;
                self.damaged += damaged::set_other_layouts_aside(transaction, model, version, *layout)?;
                Ok(Done::Written)
            }
            Write::Alerts(alerts) => {
                alerts.iter().try_for_each(|alert| keep_alert(transaction, alert))?;
                Ok(Done::Written)
            }
            Write::Meta { key, value } => {
                let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
                transaction.execute(sql, params![key, value]).map_err(db)?;
                Ok(Done::Written)
            }
            Write::Compact { now, retention } => {
                compact::forget(transaction, *now, retention).map_err(db)?;
                compact::compact(transaction, *now, &mut self.damaged)
            }
            Write::Forget { model, version } => {
                receipts::forget(transaction, version).map_err(db)?;
                let sql = "DELETE FROM versions WHERE model = ?1 AND version = ?2";
                transaction.execute(sql, params![model, version]).map_err(db)?;
                Ok(Done::Written)
            }
            Write::SetAside(found) => {
                for damaged in found {
                    self.damaged += u64::from(damaged::set_aside(transaction, damaged)?);
                }
                Ok(Done::Written)
            }
        }
    }

    /// Writes what was added up: each window is read and written once, however many frames went into it.
    pub fn flush(&mut self, transaction: &Transaction<'_>) -> Result<()> {
        for ((slot, layout), profile) in &mut self.profiles {
            self.damaged += merge_row(transaction, slot, Millis::MINUTE, *layout, profile)?;
        }
        let sql = "UPDATE versions SET predictions = predictions + ?3, labels = labels + ?4,
                          last_seen = nullif(max(coalesce(last_seen, 0), ?5), 0)
                   WHERE model = ?1 AND version = ?2";
        for ((model, version), Totals { predictions, labels, seen }) in &self.totals {
            let mut update = transaction.prepare_cached(sql).map_err(db)?;
            update.execute(params![model, version, int(*predictions), int(*labels), int(seen.0)]).map_err(db)?;
        }
        Ok(())
    }

    fn totals_of(&mut self, slot: &Slot) -> &mut Totals {
        self.totals.entry((slot.model.clone(), slot.version.clone())).or_default()
    }

    fn add(&mut self, slot: &Slot, layout: u64, profile: &Profile) {
        match self.profiles.entry((slot.clone(), layout)) {
            Entry::Occupied(mut sum) => sum.get_mut().merge(profile),
            Entry::Vacant(place) => drop(place.insert(profile.clone())),
        }
    }
}

/// An SQLite error where the file is not known; the writer adds it.
pub fn db(error: rusqlite::Error) -> Error {
    let help = "see that the disk has space and that the file is whole; a collector takes up where it stopped";
    Error::new(ErrorKind::Io, format!("the collector's file: {error}")).help(help)
}

/// A number as SQLite keeps it: 64 bits with a sign.
pub fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that was kept by [`int`].
pub fn uint(value: i64) -> u64 {
    value.max(0) as u64
}

/// Whether a frame is new. Remembers it.
fn take(
    transaction: &Transaction<'_>,
    model: &str,
    session: u64,
    sequence: u64,
    now: Millis,
) -> rusqlite::Result<bool> {
    let sql = "SELECT last, taken FROM sessions WHERE session = ?1 AND model = ?2";
    let known = transaction.prepare_cached(sql)?.query_row(params![session as i64, model], |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
    });
    let Some((last, taken)) = next_window(known.optional()?, sequence) else { return Ok(false) };
    let sql = "INSERT OR REPLACE INTO sessions (session, model, last, taken, seen) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![session as i64, model, last as i64, taken as i64, int(now.0)];
    transaction.prepare_cached(sql)?.execute(values)?;
    Ok(true)
}

/// The highest sequence number taken and the bits of the 64 up to it, after `sequence` was taken; nothing when it was
/// taken before. One that is too far back to tell counts as taken: a lost window is better than one counted twice.
fn next_window(known: Option<(u64, u64)>, sequence: u64) -> Option<(u64, u64)> {
    let Some((last, taken)) = known else { return Some((sequence, 1)) };
    if sequence > last {
        let ahead = sequence - last;
        let shifted = if ahead < DEDUP_WINDOW { taken << ahead } else { 0 };
        return Some((sequence, shifted | 1));
    }
    let back = last - sequence;
    let is_new = back < DEDUP_WINDOW && taken >> back & 1 == 0;
    is_new.then(|| (last, taken | 1 << back))
}

fn keep_alert(transaction: &Transaction<'_>, alert: &Alert) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO alerts (id, model, at, firing, acted, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let body = serde_json::to_string(alert).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    let (firing, acted) = (alert.state == AlertState::Firing, alert.acted_at.map(|at| int(at.0)));
    let values = params![int(alert.id), alert.model, int(alert.at.0), firing, acted, body];
    transaction.execute(sql, values).map_err(db)?;
    Ok(())
}

/// Adds what the row holds to `profile`, and writes the sum back. A row that cannot be read is moved aside: what is new
/// is kept all the same. Gives how many were.
fn merge_row(
    transaction: &Transaction<'_>,
    slot: &Slot,
    step: Millis,
    layout: u64,
    profile: &mut Profile,
) -> Result<u64> {
    let sql = "SELECT profile FROM rollups WHERE model = ?1 AND version = ?2 AND step = ?3 AND at = ?4";
    let key = params![slot.model, slot.version, int(step.0), int(slot.minute.0)];
    let mut select = transaction.prepare_cached(sql).map_err(db)?;
    let kept = select.query_row(key, |row| row.get::<_, Value>(0)).optional().map_err(db)?;
    let mut moved = 0;
    if let Some(kept) = kept
        && let Err(error) = blob::merge_into(profile, layout, blob::bytes_of(&kept))
    {
        let found = Damaged { slot: slot.clone(), step, profile: kept, reason: error.to_string() };
        moved += u64::from(damaged::set_aside(transaction, &found)?);
    }
    let sql = "INSERT INTO rollups (model, version, step, at, profile) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (model, version, step, at) DO UPDATE SET profile = excluded.profile";
    let values = params![slot.model, slot.version, int(step.0), int(slot.minute.0), blob::encode(profile, layout)];
    transaction.prepare_cached(sql).and_then(|mut insert| insert.execute(values)).map_err(db)?;
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_sequence_number_is_taken_once() {
        let first = next_window(None, 5);
        assert_eq!(first, Some((5, 1)));
        assert_eq!(next_window(first, 5), None);
        assert_eq!(next_window(first, 3), Some((5, 0b101)));
        assert_eq!(next_window(Some((5, 0b101)), 6), Some((6, 0b1011)));
        assert_eq!(next_window(Some((5, 0b101)), 500), Some((500, 1)));
        assert_eq!(next_window(Some((500, 1)), 436), None);
        assert_eq!(next_window(Some((500, 1)), 437), Some((500, 1 | 1 << 63)));
    }

    proptest! {
        #[test]
        fn within_the_window_each_is_new_exactly_once(sequence in prop::collection::vec(0u64..60, 1..200)) {
            let (mut known, mut taken) = (None, HashSet::new());
            for number in sequence {
                let next = next_window(known, number);
                prop_assert_eq!(next.is_some(), taken.insert(number));
                known = next.or(known);
            }
        }
    }
}
