//! The snapshot in use: read back, and asked whether it is still that of its sources.

use super::Table;
use super::digest::of_file;
use super::lineage::{LINEAGE_FORMAT, Lineage, SourceLineage};
use super::parquet::read_snapshot;
use super::schema::{ColumnKind, needed};
use super::source::{path, stamp};
use crate::bundle::short_digest;
use crate::canvas::{Canvas, DataSource, Missing, SourceCost};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a project keeps its snapshots.
pub(super) const FOLDER: &str = ".nearside/snapshots";

/// The file that points to the snapshot in use.
pub(super) const LATEST: &str = "latest.json";

/// What helps against a snapshot that cannot be used.
const AGAIN: &str = "gather the data again: `nearside gather`";

/// Which snapshot is in use.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Latest {
    pub(super) snapshot: String,
    pub(super) lineage: String,
}

/// The snapshot in use: its rows, and where they come from.
///
/// # Errors
/// `io` when nothing was gathered yet; `invalid-data` when the snapshot is not the one that was written.
pub fn load_snapshot(project: &Path) -> Result<(Table, Lineage)> {
    let lineage = load_lineage(project)?;
    let path = project.join(FOLDER).join(&lineage.snapshot);
    let place = path.display().to_string();
    let (sha256, _) = of_file(&path).map_err(|error| error.help(AGAIN))?;
    if sha256 != lineage.sha256 {
        let message = "the snapshot was changed since it was gathered: its hash does not match its lineage";
        return Err(Error::new(ErrorKind::InvalidData, message).place(place).help(AGAIN));
    }
    let file = File::open(&path).map_err(|error| Error::from(error).place(&place).help(AGAIN))?;
    Ok((read_snapshot(file, &place)?, lineage))
}

/// Where the rows of the snapshot in use come from. The rows themselves are not looked at.
///
/// # Errors
/// `io` when nothing was gathered yet; `invalid-data` when an older version gathered it.
pub fn load_lineage(project: &Path) -> Result<Lineage> {
    let folder = project.join(FOLDER);
    let latest: Latest = read_json(&folder.join(LATEST), "gather the data first: `nearside gather`")?;
    let path = folder.join(&latest.lineage);
    let lineage: Lineage = read_json(&path, AGAIN)?;
    if lineage.format != LINEAGE_FORMAT {
        let message = format!("the snapshot has format {} and this version reads {LINEAGE_FORMAT}", lineage.format);
        return Err(Error::new(ErrorKind::InvalidData, message).place(path.display()).help(AGAIN));
    }
    Ok(lineage)
}

/// The lineage of the snapshot in use where gathering again would give the same rows, as far as milliseconds can tell:
/// files by size and time of change (by hash where only the time differs), recipes by file and seed, servers and
/// programs within the `refresh` of the canvas. Nothing where something changed, or where there is no snapshot.
///
/// # Errors
/// `io` for a file that is there and cannot be read.
pub fn is_current(canvas: &Canvas, project: &Path) -> Result<Option<Lineage>> {
    let Ok(lineage) = load_lineage(project) else { return Ok(None) };
    let snapshot = project.join(FOLDER).join(&lineage.snapshot);
    let whole = snapshot.metadata().is_ok_and(|file| file.len() == lineage.bytes);
    if !whole || lineage.limited || lineage.inputs_digest != inputs_digest(canvas) {
        return Ok(None);
    }
    for (source, known) in canvas.data_sources.iter().zip(&lineage.sources) {
        if !is_same(source, known, lineage.gathered_at, project)? {
            return Ok(None);
        }
    }
    Ok(Some(lineage))
}

fn is_same(source: &DataSource, known: &SourceLineage, gathered: Millis, project: &Path) -> Result<bool> {
    if !source.kind.is_file() {
        let refresh = source.refresh.as_deref().and_then(Millis::parse);
        return Ok(refresh.is_some_and(|refresh| now().before(gathered) <= refresh));
    }
    let Ok(path) = path(source, project) else { return Ok(false) };
    let (Ok(found), Some(stamp)) = (stamp(source, &path), known.stamp) else { return Ok(false) };
    if found == stamp {
        return Ok(true);
    }
    Ok(found.bytes == stamp.bytes && found.bytes == known.bytes && of_file(&path)?.0 == known.sha256)
}

/// What the canvas says of sources and columns, as far as it decides about the rows.
pub(super) fn inputs_digest(canvas: &Canvas) -> String {
    #[derive(Serialize)]
    struct Inputs<'a> {
        sources: Vec<DataSource>,
        columns: Vec<(&'a str, ColumnKind, &'a [String], Option<Missing>)>,
    }
    let free = |source: &DataSource| DataSource { cost: SourceCost::default(), ..source.clone() };
    let inputs = Inputs {
        sources: canvas.data_sources.iter().map(free).collect(),
        columns: needed(canvas)
            .into_iter()
            .map(|column| {
                let feature = column.feature;
                let values = feature.map_or(&[][..], |feature| &feature.values);
                (column.name, column.kind, values, feature.map(|feature| feature.missing))
            })
            .collect(),
    };
    short_digest(serde_json::to_string(&inputs).unwrap_or_default().as_bytes())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path, help: &str) -> Result<T> {
    let bytes = std::fs::read(path).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no snapshot".to_owned(),
            _ => error.to_string(),
        };
        Error::new(ErrorKind::Io, message).place(path.display()).help(help)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()).place(path.display()).help(help))
}

pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
