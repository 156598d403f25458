//! Counters that cannot be read are moved aside as they are, so that one damaged window stops neither what is written
//! to it nor a report over it.

use super::batch::{Slot, db, int};
use super::blob;
use crate::error::Result;
use crate::time::Millis;
use rusqlite::types::Value;
use rusqlite::{Transaction, params};

/// A window that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged {
    /// Which one.
    pub slot: Slot,
    /// A minute or an hour.
    pub step: Millis,
    /// What was found in its place.
    pub profile: Value,
    /// Why it could not be read.
    pub reason: String,
}

/// Moves a window into the table `damaged`, where it still is as it was found. Gives whether it was.
pub fn set_aside(transaction: &Transaction<'_>, damaged: &Damaged) -> Result<bool> {
    let Damaged { slot, step, profile, reason } = damaged;
    let (step, at) = (int(step.0), int(slot.minute.0));
    let sql = "DELETE FROM rollups WHERE model = ?1 AND version = ?2 AND step = ?3 AND at = ?4 AND profile IS ?5";
    let gone = transaction.execute(sql, params![slot.model, slot.version, step, at, profile]).map_err(db)?;
    if gone == 0 {
        return Ok(false);
    }
    let sql = "INSERT INTO damaged (model, version, step, at, profile, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    transaction.execute(sql, params![slot.model, slot.version, step, at, profile, reason]).map_err(db)?;
    tracing::error!("a window of {} {} was moved aside: {reason}", slot.model, slot.version);
    Ok(true)
}

/// Moves the windows of a version aside whose counters are of another layout than this one, as when another version of
/// the kit counted them: a place would be read as what it never counted. Gives how many there were.
pub fn set_other_layouts_aside(transaction: &Transaction<'_>, model: &str, version: &str, layout: u64) -> Result<u64> {
    let reason = "its counters are not of the layout that this version of nearside gives to the model";
    let head = blob::head(layout);
    let others = "FROM rollups WHERE model = ?1 AND version = ?2 AND substr(profile, 1, ?4) IS NOT ?3";
    let sql = format!("INSERT INTO damaged SELECT model, version, step, at, profile, ?5 {others}");
    let length = head.len() as i64;
    let moved = transaction.execute(&sql, params![model, version, head, length, reason]).map_err(db)?;
    if moved > 0 {
        transaction.execute(&format!("DELETE {others}"), params![model, version, head, length]).map_err(db)?;
        tracing::error!("{moved} windows of {model} {version} were moved aside, to the table `damaged`: {reason}");
    }
    Ok(moved as u64)
}
