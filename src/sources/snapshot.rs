//! Gathering: every source of the canvas into one checked snapshot, and reading the last one back.

use super::csv::{MISSING, read, to_csv};
use super::lineage::{ColumnLineage, LINEAGE_FORMAT, Lineage, SnapshotCost, SourceLineage};
use super::schema::{ColumnKind, Needed, check_columns, check_target, needed};
use super::{Column, Table, generate, recipe};
use crate::bundle::{sha256_hex, short_digest};
use crate::canvas::{Canvas, DataSource, SourceKind, to_json};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a project keeps its snapshots.
const FOLDER: &str = ".nearside/snapshots";

/// The file that points to the snapshot in use.
const LATEST: &str = "latest.json";

/// A snapshot that was just written.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// Its rows.
    pub table: Table,
    /// Where they come from.
    pub lineage: Lineage,
}

/// What a gathering may do otherwise than the canvas states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GatherOptions {
    /// How many rows a recipe makes, and how many of a CSV file are read at most.
    pub rows: Option<u64>,
    /// The seed of every recipe.
    pub seed: Option<u64>,
}

/// Which snapshot is in use.
#[derive(Debug, Serialize, Deserialize)]
struct Latest {
    snapshot: String,
    lineage: String,
}

/// Gathers every source of the canvas into a snapshot: `<project>/.nearside/snapshots/<digest>.csv` with
/// `<digest>.lineage.json` beside it, and `latest.json` that points to them. The pointer moves last, so that a source
/// that is not as the canvas says leaves the last good snapshot in use. `progress` is told rows done, and their
/// number where it is known.
///
/// # Errors
/// `io` for a source that cannot be read or a snapshot that cannot be written; `invalid-data` for rows that are not as
/// the canvas says, by source, row and column; `invalid-canvas` for a recipe that is not sound.
pub fn gather(canvas: &Canvas, project: &Path, progress: &mut dyn FnMut(u64, Option<u64>)) -> Result<Snapshot> {
    gather_with(canvas, project, GatherOptions::default(), progress)
}

/// As [`gather`], with another number of rows or another seed.
///
/// # Errors
/// As [`gather`].
pub fn gather_with(
    canvas: &Canvas,
    project: &Path,
    options: GatherOptions,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Snapshot> {
    let (table, mut sources) = gather_rows(canvas, project, options, progress)?;
    let bytes = to_csv(&table)?;
    let digest = short_digest(&bytes);
    price_storage(canvas, &mut sources, bytes.len());
    let columns = needed(canvas).into_iter().zip(&table.columns).map(|(needed, column)| ColumnLineage {
        name: column.name.clone(),
        kind: needed.kind,
        missing_share: column.missing_share(),
    });
    let lineage = Lineage {
        format: LINEAGE_FORMAT,
        name: canvas.name.clone(),
        canvas_digest: short_digest(to_json(canvas).as_bytes()),
        gathered_at: now(),
        snapshot: format!("{digest}.csv"),
        sha256: sha256_hex(&bytes),
        bytes: bytes.len() as u64,
        rows: table.rows() as u64,
        columns: columns.collect(),
        cost: SnapshotCost {
            rows: sources.iter().map(|source| source.cost.rows).sum(),
            storage_per_month: sources.iter().map(|source| source.cost.storage_per_month).sum(),
        },
        sources,
    };
    let folder = project.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::from(error).place(folder.display()).help("make sure that the project's folder can be written")
    })?;
    let path = folder.join(&lineage.snapshot);
    let latest = Latest { snapshot: lineage.snapshot.clone(), lineage: format!("{digest}.lineage.json") };
    write_whole(&path, &bytes)?;
    write_whole(&folder.join(&latest.lineage), &json(&lineage)?)?;
    write_whole(&folder.join(LATEST), &json(&latest)?)?;
    Ok(Snapshot { path, table, lineage })
}

/// The checked rows of every source, one after the other, without making a snapshot of them.
///
/// # Errors
/// As [`gather`].
pub fn gather_rows(
    canvas: &Canvas,
    project: &Path,
    options: GatherOptions,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(Table, Vec<SourceLineage>)> {
    let needed = needed(canvas);
    let mut whole: Option<Table> = None;
    let mut lineage = Vec::new();
    for source in &canvas.data_sources {
        let done = whole.as_ref().map_or(0, Table::rows) as u64;
        let mut of_all = |rows, total: Option<u64>| progress(done + rows, total.map(|total| done + total));
        let (table, from) = read_source(source, project, &needed, options, &mut of_all)?;
        check_columns(canvas, &table)?;
        lineage.push(from);
        match &mut whole {
            None => whole = Some(table),
            Some(whole) => append(whole, table),
        }
    }
    let table = whole.ok_or_else(|| {
        Error::new(ErrorKind::InvalidCanvas, "the canvas states no data source")
            .item("data_sources")
            .help("add [[data_sources]] with name, kind and location")
    })?;
    check_target(canvas, &table)?;
    Ok((table, lineage))
}

fn read_source(
    source: &DataSource,
    project: &Path,
    needed: &[Needed<'_>],
    options: GatherOptions,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(Table, SourceLineage)> {
    let path = project.join(&source.location);
    let place = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        };
        Error::new(ErrorKind::Io, message)
            .place(&place)
            .item(format!("source \"{}\"", source.name))
            .help("correct `location` in the canvas; it is relative to the canvas file")
    })?;
    let (table, seed) = match source.kind {
        SourceKind::Csv => (read(&bytes, &place, needed, &MISSING, options.rows, progress)?, None),
        SourceKind::Recipe => {
            let recipe = recipe::parse_recipe(&String::from_utf8_lossy(&bytes), &place)?;
            let seed = options.seed.unwrap_or(recipe.seed);
            let mut table = generate::generate(&recipe, options.rows.unwrap_or(recipe.rows), seed, progress)?;
            table.source = place;
            let columns: Result<Vec<Column>> = needed.iter().map(|needed| table.column(needed.name).cloned()).collect();
            (Table::new(table.source.clone(), columns?)?, Some(seed))
        }
    };
    let rows = table.rows() as u64;
    let lineage = SourceLineage {
        name: source.name.clone(),
        kind: source.kind,
        synthetic: source.kind == SourceKind::Recipe,
        location: source.location.clone(),
        licence: source.licence.clone(),
        owner: source.owner.clone(),
        sha256: sha256_hex(&bytes),
        bytes: bytes.len() as u64,
        rows,
        seed,
        cost: SnapshotCost { rows: rows as f64 * source.cost.per_row, storage_per_month: 0.0 },
    };
    Ok((table, lineage))
}

fn append(whole: &mut Table, more: Table) {
    for (column, more) in whole.columns.iter_mut().zip(more.columns) {
        column.extend(more);
    }
    whole.source = format!("{}, {}", whole.source, more.source);
}

/// Each source pays for the part of the snapshot that its rows are.
fn price_storage(canvas: &Canvas, sources: &mut [SourceLineage], bytes: usize) {
    let rows: u64 = sources.iter().map(|source| source.rows).sum();
    for (lineage, source) in sources.iter_mut().zip(&canvas.data_sources) {
        let gigabytes = bytes as f64 / 1e9 * lineage.rows as f64 / rows as f64;
        lineage.cost.storage_per_month = gigabytes * source.cost.per_gb_month;
    }
}

/// The snapshot in use: its rows, and where they come from.
///
/// # Errors
/// `io` when nothing was gathered yet; `invalid-data` when the snapshot is not the one that was written.
pub fn load_snapshot(project: &Path) -> Result<(Table, Lineage)> {
    let folder = project.join(FOLDER);
    let latest: Latest = read_json(&folder.join(LATEST), "gather the data first: `nearside gather`")?;
    let again = "gather the data again: `nearside gather`";
    let lineage: Lineage = read_json(&folder.join(&latest.lineage), again)?;
    let path = folder.join(&latest.snapshot);
    let place = path.display().to_string();
    if lineage.format != LINEAGE_FORMAT {
        let message = format!("the snapshot has format {} and this version reads {LINEAGE_FORMAT}", lineage.format);
        return Err(Error::new(ErrorKind::InvalidData, message).place(place).help(again));
    }
    let bytes = std::fs::read(&path).map_err(|error| Error::from(error).place(&place).help(again))?;
    if sha256_hex(&bytes) != lineage.sha256 {
        let message = "the snapshot was changed since it was gathered: its hash does not match its lineage";
        return Err(Error::new(ErrorKind::InvalidData, message).place(place).help(again));
    }
    let column = |column: &ColumnLineage| (column.name.clone(), column.kind);
    let kinds: Vec<(String, ColumnKind)> = lineage.columns.iter().map(column).collect();
    let needed: Vec<Needed<'_>> =
        kinds.iter().map(|(name, kind)| Needed { name, kind: *kind, feature: None }).collect();
    let table = read(&bytes, &place, &needed, &[], None, &mut |_, _| {})?;
    Ok((table, lineage))
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

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec_pretty(value);
    bytes.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}

/// Writes a file so that a reader sees the old one or the new one, whole.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let write = || {
        let mut file = std::fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(|error| {
        // What is left of it is of no use; that it cannot be removed either changes nothing.
        let _ = std::fs::remove_file(&part);
        Error::from(error).place(path.display()).help("make sure that the folder can be written and has room")
    })
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
