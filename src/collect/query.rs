//! Reading the store: sums over a stretch of time, series, totals, alerts. Each read is bounded: minutes of the last day
//! and hours before it, whatever the traffic.

use super::batch::{Slot, db, int, uint};
use super::blob;
use super::damaged::Damaged;
use super::models::Version;
use crate::alerts::Alert;
use crate::error::Result;
use crate::profile::Profile;
use crate::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

/// What the store says about a version over all time.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// When it was first seen.
    pub since: Millis,
    /// Predictions so far.
    pub predictions: u64,
    /// Labels that came back so far.
    pub labels: u64,
    /// When the last frame came.
    pub last_seen: Option<Millis>,
}

/// A version as the store keeps it: manifest, baseline, canvas.
pub type KeptVersion = (String, Option<String>, Option<String>);

/// What was read, and the windows that could not be: they are left out of it, and should be moved aside.
pub struct Found<T> {
    /// What was read.
    pub sum: T,
    /// What could not be.
    pub damaged: Vec<Damaged>,
}

/// The sum of all windows of a version that start in `from..to`. A window belongs to the range that it starts in, whole,
/// so that ranges that follow each other count nothing twice.
pub fn merged(connection: &Connection, version: &Version, from: Millis, to: Millis) -> Result<Found<Profile>> {
    let mut sum = Profile::new(&version.layout);
    let damaged = each(connection, version, from, to, |_, kept| blob::merge_into(&mut sum, version.digest, kept))?;
    Ok(Found { sum, damaged })
}

/// The sums of steps: those that have something, with the moment they start at, ascending.
pub fn series(
    connection: &Connection,
    version: &Version,
    from: Millis,
    to: Millis,
    step: Millis,
) -> Result<Found<Vec<(Millis, Profile)>>> {
    let mut points: std::collections::BTreeMap<Millis, Profile> = std::collections::BTreeMap::new();
    let damaged = each(connection, version, from, to, |at, kept| {
        let point = points.entry(at.floor(step)).or_insert_with(|| Profile::new(&version.layout));
        blob::merge_into(point, version.digest, kept)
    })?;
    Ok(Found { sum: points.into_iter().collect(), damaged })
}

fn each(
    connection: &Connection,
    version: &Version,
    from: Millis,
    to: Millis,
    mut take: impl FnMut(Millis, &[u8]) -> Result<()>,
) -> Result<Vec<Damaged>> {
    let sql = "SELECT at, profile FROM rollups
               WHERE model = ?1 AND version = ?2 AND step = ?3 AND at >= ?4 AND at < ?5 ORDER BY at";
    let mut select = connection.prepare_cached(sql).map_err(db)?;
    let (model, number) = (&version.manifest.name, &version.manifest.version);
    let mut damaged = Vec::new();
    for step in [Millis::HOUR, Millis::MINUTE] {
        let mut rows = select.query(params![model, number, int(step.0), int(from.0), int(to.0)]).map_err(db)?;
        while let Some(row) = rows.next().map_err(db)? {
            let at = Millis(uint(row.get(0).map_err(db)?));
            let kept = row.get_ref(1).map_err(db)?;
            if let Err(error) = take(at, kept.as_blob().unwrap_or(&[])) {
                let slot = Slot { model: model.clone(), version: number.clone(), minute: at };
                let profile = row.get(1).map_err(db)?;
                damaged.push(Damaged { slot, step, profile, reason: error.to_string() });
            }
        }
    }
    Ok(damaged)
}

/// Whether a version has counters.
pub fn has_windows(connection: &Connection, model: &str, version: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM rollups WHERE model = ?1 AND version = ?2)";
    connection.query_row(sql, [model, version], |row| row.get(0)).map_err(db)
}

/// All versions that were ever seen, oldest first.
pub fn totals(connection: &Connection) -> Result<Vec<Total>> {
    let sql = "SELECT model, version, since, predictions, labels, last_seen FROM versions ORDER BY since, version";
    let mut select = connection.prepare_cached(sql).map_err(db)?;
    let rows = select.query_map([], |row| {
        Ok(Total {
            model: row.get(0)?,
            version: row.get(1)?,
            since: Millis(uint(row.get(2)?)),
            predictions: uint(row.get(3)?),
            labels: uint(row.get(4)?),
            last_seen: row.get::<_, Option<i64>>(5)?.map(|at| Millis(uint(at))),
        })
    });
    rows.and_then(Iterator::collect).map_err(db)
}

/// The texts of all versions of a model.
pub fn kept_versions(connection: &Connection, model: &str) -> Result<Vec<KeptVersion>> {
    let sql = "SELECT manifest, baseline, canvas FROM versions WHERE model = ?1";
    let mut select = connection.prepare_cached(sql).map_err(db)?;
    let rows = select.query_map([model], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.and_then(Iterator::collect).map_err(db)
}

/// The last alerts of a model, newest first; of all models without a name.
pub fn alerts(connection: &Connection, model: Option<&str>, limit: usize) -> Result<Vec<Alert>> {
    let sql = "SELECT body FROM alerts WHERE ?1 IS NULL OR model = ?1 ORDER BY id DESC LIMIT ?2";
    let mut select = connection.prepare_cached(sql).map_err(db)?;
    let rows = select.query_map(params![model, limit as i64], |row| row.get::<_, String>(0));
    let bodies: Vec<String> = rows.and_then(Iterator::collect).map_err(db)?;
    // An alert that this version cannot read is history, not a reason to stop.
    Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
}

/// One alert by its number.
pub fn alert(connection: &Connection, id: u64) -> Result<Option<Alert>> {
    let sql = "SELECT body FROM alerts WHERE id = ?1";
    let body = connection.query_row(sql, [int(id)], |row| row.get::<_, String>(0)).optional().map_err(db)?;
    Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
}

/// A setting.
pub fn meta(connection: &Connection, key: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    connection.query_row(sql, [key], |row| row.get(0)).optional().map_err(db)
}
