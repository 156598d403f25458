//! Old minutes become hours, and what is past keeping is deleted.

use super::batch::{Done, Slot, db, int, uint};
use super::blob;
use super::damaged::{self, Damaged};
use crate::error::Result;
use crate::profile::Profile;
use crate::time::Millis;
use rusqlite::types::Value;
use rusqlite::{Transaction, params};

/// How long a page session that is silent is remembered.
const SESSION_LIFE: Millis = Millis(7 * Millis::DAY.0);
/// From this age on, minutes are merged into hours. Frames may be a day late.
const MINUTES_KEPT: Millis = Millis(Millis::DAY.0 + 2 * Millis::HOUR.0);
/// The most hours that one compaction merges, so that it never holds up what waits for long.
const COMPACTED_AT_ONCE: usize = 24;

/// Deletes sessions that were silent for long, and counters that are past the retention of their model. Receipts stay
/// as long as their version: see [`super::receipts`].
pub fn forget(transaction: &Transaction<'_>, now: Millis, retention: &[(String, Millis)]) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM sessions WHERE seen < ?1", [int(now.before(SESSION_LIFE).0)])?;
    for (model, kept) in retention {
        let sql = "DELETE FROM rollups WHERE model = ?1 AND at < ?2";
        transaction.execute(sql, params![model, int(now.before(*kept).0)])?;
    }
    Ok(())
}

/// Merges minutes that are older than a day into hours, so that a read over a long range stays short. Adds to `moved`
/// the windows that could not be read.
pub fn compact(transaction: &Transaction<'_>, now: Millis, moved: &mut u64) -> Result<Done> {
    let (step, cutoff) = (int(Millis::MINUTE.0), int(now.before(MINUTES_KEPT).floor(Millis::HOUR).0));
    let sql = "SELECT DISTINCT model, version, at - at % 3600000 FROM rollups WHERE step = ?1 AND at < ?2 LIMIT ?3";
    let mut select = transaction.prepare_cached(sql).map_err(db)?;
    let slots = select.query_map(params![step, cutoff, COMPACTED_AT_ONCE as i64], |row| {
        Ok(Slot { model: row.get(0)?, version: row.get(1)?, minute: Millis(uint(row.get(2)?)) })
    });
    let slots: Vec<Slot> = slots.and_then(Iterator::collect).map_err(db)?;
    for slot in &slots {
        let (mut hour, mut layout) = (Profile { counts: vec![], moments: vec![], business: vec![] }, None);
        for (step, at, profile) in windows(transaction, slot)? {
            if let Err(error) = blob::merge_growing(&mut hour, &mut layout, blob::bytes_of(&profile)) {
                let slot = Slot { minute: at, ..slot.clone() };
                let found = Damaged { slot, step, profile, reason: error.to_string() };
                *moved += u64::from(damaged::set_aside(transaction, &found)?);
            }
        }
        let (start, end) = (int(slot.minute.0), int(slot.minute.0 + Millis::HOUR.0));
        let sql = "DELETE FROM rollups WHERE model = ?1 AND version = ?2 AND step = ?3 AND at >= ?4 AND at < ?5";
        transaction.execute(sql, params![slot.model, slot.version, step, start, end]).map_err(db)?;
        // Where none could be read there is nothing to keep.
        let Some(layout) = layout else { continue };
        let sql = "INSERT OR REPLACE INTO rollups (model, version, step, at, profile) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![slot.model, slot.version, int(Millis::HOUR.0), start, blob::encode(&hour, layout)];
        transaction.execute(sql, values).map_err(db)?;
    }
    Ok(if slots.len() == COMPACTED_AT_ONCE { Done::More } else { Done::Written })
}

/// The minutes of an hour, and the hour itself where a part of it was merged before.
fn windows(transaction: &Transaction<'_>, hour: &Slot) -> Result<Vec<(Millis, Millis, Value)>> {
    let sql = "SELECT step, at, profile FROM rollups WHERE model = ?1 AND version = ?2
               AND (step = ?3 AND at >= ?4 AND at < ?5 OR step = ?6 AND at = ?4)";
    let (start, end) = (int(hour.minute.0), int(hour.minute.0 + Millis::HOUR.0));
    let range = params![hour.model, hour.version, int(Millis::MINUTE.0), start, end, int(Millis::HOUR.0)];
    let mut select = transaction.prepare_cached(sql).map_err(db)?;
    let rows = select.query_map(range, |row| Ok((Millis(uint(row.get(0)?)), Millis(uint(row.get(1)?)), row.get(2)?)));
    rows.and_then(Iterator::collect).map_err(db)
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Answer, Batch, LABEL, Write};
    use super::super::schema::migrate;
    use super::*;
    use crate::telemetry::Receipt;
    use rusqlite::Connection;
    use std::path::Path;

    const VERSION: &str = "0a1b2c3d4e5f";
    const LAYOUT: u64 = 0x1112_1314_1516_1718;
    const NOW: Millis = Millis(500 * Millis::DAY.0);

    fn connection() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        connection
    }

    fn write(connection: &mut Connection, write: &Write) -> (Done, u64) {
        let transaction = connection.transaction().unwrap();
        let mut batch = Batch::default();
        let done = batch.apply(&transaction, write).unwrap();
        batch.flush(&transaction).unwrap();
        transaction.commit().unwrap();
        (done, batch.damaged())
    }

    fn outcome(nonce: u64, minute: Millis) -> Write {
        let receipt = Receipt { version: VERSION.into(), score_bin: 1, action: None, group: None, nonce }.text();
        let slot = Slot { model: "m".into(), version: VERSION.into(), minute };
        let profile = Profile { counts: vec![0, 1], moments: vec![], business: vec![] };
        Write::Outcomes(vec![Answer { index: 0, receipt, part: LABEL.into(), slot, layout: LAYOUT, profile }])
    }

    fn total(connection: &Connection) -> u64 {
        let (mut sum, mut layout) = (Profile { counts: vec![], moments: vec![], business: vec![] }, Some(LAYOUT));
        let mut select = connection.prepare("SELECT profile FROM rollups").unwrap();
        let rows = select.query_map([], |row| row.get::<_, Value>(0)).unwrap();
        for row in rows {
            let _ = blob::merge_growing(&mut sum, &mut layout, blob::bytes_of(&row.unwrap()));
        }
        sum.counts.iter().sum()
    }

    #[test]
    fn an_old_outcome_does_not_count_again_after_the_retention() {
        let mut connection = connection();
        let then = NOW.before(Millis(400 * Millis::DAY.0));
        assert_eq!(write(&mut connection, &outcome(1, then)).0, Done::Counted(vec![0]));
        let retention = vec![("m".to_owned(), Millis(90 * Millis::DAY.0))];
        write(&mut connection, &Write::Compact { now: NOW, retention });
        assert_eq!(total(&connection), 0, "the counters are past their retention");
        assert_eq!(write(&mut connection, &outcome(1, NOW)).0, Done::Counted(vec![]));
        assert_eq!(total(&connection), 0);

        write(&mut connection, &Write::Forget { model: "m".into(), version: VERSION.into() });
        assert_eq!(write(&mut connection, &outcome(1, NOW)).0, Done::Counted(vec![0]));
    }

    #[test]
    fn a_damaged_minute_does_not_keep_the_others_from_becoming_an_hour() {
        let mut connection = connection();
        let hour = NOW.before(Millis(3 * Millis::DAY.0)).floor(Millis::HOUR);
        for minute in 0..3 {
            write(&mut connection, &outcome(minute, Millis(hour.0 + minute * Millis::MINUTE.0)));
        }
        let sql = "UPDATE rollups SET profile = x'0907' WHERE at = ?1";
        assert_eq!(connection.execute(sql, [int(hour.0 + Millis::MINUTE.0)]).unwrap(), 1);
        let (done, damaged) = write(&mut connection, &Write::Compact { now: NOW, retention: vec![] });
        assert_eq!((done, damaged, total(&connection)), (Done::Written, 1, 2));
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM rollups"), 1);
        assert_eq!(count("SELECT count(*) FROM damaged WHERE profile = x'0907' AND reason <> ''"), 1);
    }

    #[test]
    fn what_is_new_is_kept_in_place_of_a_damaged_window() {
        let mut connection = connection();
        write(&mut connection, &outcome(1, NOW));
        connection.execute("UPDATE rollups SET profile = 'not even bytes'", []).unwrap();
        let (done, damaged) = write(&mut connection, &outcome(2, NOW));
        assert_eq!((done, damaged, total(&connection)), (Done::Counted(vec![0]), 1, 1));
    }
}
