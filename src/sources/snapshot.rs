//! Gathering: every source of the canvas into one checked snapshot, a batch at a time.

use super::Table;
use super::batch::Progress;
use super::checks::{RowChecks, TargetCheck};
use super::digest::{Hashing, hex};
use super::file::{unwritable, write_whole};
use super::join::{Joined, join};
use super::lineage::{ColumnLineage, LINEAGE_FORMAT, Lineage, SnapshotCost, SourceLineage};
use super::load::{FOLDER, LATEST, Latest, inputs_digest, now};
use super::parquet::Writer;
use super::schema::{ColumnKind, Needed, needed};
use super::source::{Reading, Wanted, place, read};
use crate::bundle::short_digest;
use crate::canvas::{Canvas, DataSource, SourceKind, to_json};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Millis;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A snapshot that was just written.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// Where its rows come from.
    pub lineage: Lineage,
}

/// What a gathering may do otherwise than the canvas states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GatherOptions {
    /// How many rows a recipe makes, and how many of another source are read at most.
    pub rows: Option<u64>,
    /// The seed of every recipe.
    pub seed: Option<u64>,
}

/// Gathers every source of the canvas into a snapshot: `<project>/.nearside/snapshots/<digest>.parquet` with
/// `<digest>.lineage.json` beside it, and `latest.json` that points to them. The pointer moves last, so that a source
/// that is not as the canvas says leaves the last good snapshot in use. `progress` is told rows done, and their
/// number where it is known. Sources that are joined are held in memory, no other rows are.
///
/// # Errors
/// `io` for a source that cannot be read or a snapshot that cannot be written; `network` for a server that cannot be
/// reached; `invalid-data` for rows that are not as the canvas says, by source, row and column; `invalid-canvas` for a
/// recipe that is not sound.
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
    let folder = project.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::from(error).place(folder.display()).help("make sure that the project's folder can be written")
    })?;
    let part = folder.join(format!("gathering.{}.part", std::process::id()));
    let written = write(canvas, project, options, &part, progress);
    let lineage = written.inspect_err(|_| {
        // What is left of it is of no use; that it cannot be removed either changes nothing.
        let _ = std::fs::remove_file(&part);
    })?;
    let path = folder.join(&lineage.snapshot);
    std::fs::rename(&part, &path).map_err(|error| unwritable(error, &path))?;
    let name = lineage.snapshot.replace(".parquet", ".lineage.json");
    let latest = Latest { snapshot: lineage.snapshot.clone(), lineage: name };
    write_whole(&folder.join(&latest.lineage), &json(&lineage)?)?;
    write_whole(&folder.join(LATEST), &json(&latest)?)?;
    Ok(Snapshot { path, lineage })
}

/// Writes the rows to `path`; gives their lineage.
fn write(
    canvas: &Canvas,
    project: &Path,
    options: GatherOptions,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Lineage> {
    let needed = needed(canvas);
    let file = File::create(path).map_err(|error| unwritable(error, path))?;
    let kinds = needed.iter().map(|needed| (needed.name, needed.kind));
    let mut writer = Writer::new(Hashing::new(file), kinds)?;
    let (mut rows, mut missing) = (0, vec![0_usize; needed.len()]);
    let mut emit = |table: Table| {
        rows += table.rows();
        missing.iter_mut().zip(&table.columns).for_each(|(sum, column)| *sum += column.cells().missing());
        writer.write(&table)
    };
    let mut sources = gather_batches(canvas, project, options, &mut emit, progress)?;
    let (file, hash, bytes) = writer.finish()?.finish();
    file.sync_all().map_err(|error| unwritable(error, path))?;
    let sha256 = hex(hash);
    price_storage(canvas, &mut sources, bytes);
    let columns = needed.iter().zip(missing).map(|(needed, missing)| ColumnLineage {
        name: needed.name.to_owned(),
        kind: needed.kind,
        missing_share: missing as f64 / rows.max(1) as f64,
    });
    let sum = |of: fn(&SnapshotCost) -> f64| sources.iter().map(|source| of(&source.cost)).sum();
    Ok(Lineage {
        format: LINEAGE_FORMAT,
        name: canvas.name.clone(),
        canvas_digest: short_digest(to_json(canvas).as_bytes()),
        inputs_digest: inputs_digest(canvas),
        limited: options != GatherOptions::default(),
        gathered_at: now(),
        snapshot: format!("{}.parquet", &sha256[..12]),
        sha256,
        bytes,
        rows: rows as u64,
        columns: columns.collect(),
        cost: SnapshotCost {
            rows: sum(|cost| cost.rows),
            storage_per_month: sum(|cost| cost.storage_per_month),
            calls: sum(|cost| cost.calls),
        },
        sources,
    })
}

/// The checked rows of every source as one table, without making a snapshot of them.
///
/// # Errors
/// As [`gather`].
pub fn gather_rows(
    canvas: &Canvas,
    project: &Path,
    options: GatherOptions,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(Table, Vec<SourceLineage>)> {
    let mut whole: Option<Table> = None;
    let mut emit = |table: Table| {
        match &mut whole {
            None => whole = Some(table),
            Some(whole) => whole.columns.iter_mut().zip(table.columns).for_each(|(column, more)| column.extend(more)),
        }
        Ok(())
    };
    let lineage = gather_batches(canvas, project, options, &mut emit, progress)?;
    let table = whole.ok_or_else(|| Error::new(ErrorKind::InvalidData, "there are no rows"))?;
    Ok((table, lineage))
}

/// The checked rows of every source, a batch of some ten thousand at a time, in the columns that the canvas needs. What
/// only all rows together show is an error after the last batch.
///
/// # Errors
/// As [`gather`], and those of `emit`.
pub fn gather_batches(
    canvas: &Canvas,
    project: &Path,
    options: GatherOptions,
    emit: &mut dyn FnMut(Table) -> Result<()>,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Vec<SourceLineage>> {
    if canvas.data_sources.is_empty() {
        return Err(Error::new(ErrorKind::InvalidCanvas, "the canvas states no data source")
            .item("data_sources")
            .help("add [[data_sources]] with name, kind and location"));
    }
    let needed = needed(canvas);
    let keys = canvas.data_sources.iter().filter_map(|source| Some(source.join.as_ref()?.key.as_str()));
    let columns = with_keys(&needed, keys);
    let mut readings: Vec<Option<Reading>> = canvas.data_sources.iter().map(|_| None).collect();
    let mut joined = Vec::new();
    for (source, reading) in canvas.data_sources.iter().zip(&mut readings) {
        let Some(stated) = &source.join else { continue };
        let mut right = Joined::new(stated, place(source, project));
        let own = with_keys(&needed, [stated.key.as_str()].into_iter());
        let wanted = Wanted { columns: &own, lenient: true, options: GatherOptions { rows: None, ..options } };
        let mut checks = RowChecks::new(canvas, &place(source, project));
        let mut take = |table: Table| {
            checks.batch(&table)?;
            right.add(table)
        };
        *reading = Some(read(source, project, &wanted, &mut take, &mut |_, _| {})?);
        checks.end(true)?;
        right.seal()?;
        joined.push(right);
    }
    let mut target = TargetCheck::new(canvas);
    let mut done = 0;
    for (source, reading) in canvas.data_sources.iter().zip(&mut readings).filter(|(source, _)| source.join.is_none()) {
        let wanted = Wanted { columns: &columns, lenient: !joined.is_empty(), options };
        let mut checks = RowChecks::new(canvas, &place(source, project));
        let mut first = 0;
        let mut take = |table: Table| {
            checks.batch(&table)?;
            let rows = table.rows() as u64;
            let whole = if joined.is_empty() { table } else { join(canvas, &needed, &mut joined, &table, first)? };
            first += rows;
            target.batch(&whole)?;
            if whole.rows() == 0 { Ok(()) } else { emit(whole) }
        };
        let mut of_all = |rows, total: Option<u64>| progress(done + rows, total.map(|total| done + total));
        let read = read(source, project, &wanted, &mut take, &mut of_all)?;
        checks.end(false)?;
        done += read.rows;
        *reading = Some(read);
    }
    let places: Vec<String> = canvas.data_sources.iter().map(|source| place(source, project)).collect();
    target.end(&places.join(", "))?;
    let mut joined = joined.into_iter();
    let sources = canvas.data_sources.iter().zip(readings);
    Ok(sources
        .map(|(source, reading)| {
            let mut lineage = lineage(source, reading.unwrap_or_default());
            lineage.join = source.join.as_ref().and_then(|_| joined.next()).map(|joined| joined.lineage());
            lineage
        })
        .collect())
}

/// The needed columns, and the keys that are not among them.
fn with_keys<'a>(needed: &[Needed<'a>], keys: impl Iterator<Item = &'a str>) -> Vec<Needed<'a>> {
    let mut columns = needed.to_vec();
    for name in keys {
        if !columns.iter().any(|column| column.name == name) {
            columns.push(Needed { name, kind: ColumnKind::Text, feature: None });
        }
    }
    columns
}

fn lineage(source: &DataSource, reading: Reading) -> SourceLineage {
    let Reading { rows, sha256, bytes, stamp, as_of, calls, seed } = reading;
    let now = now();
    let as_of = as_of.unwrap_or(now);
    let refresh = source.refresh.as_deref().and_then(Millis::parse);
    let synthetic = source.kind == SourceKind::Recipe;
    SourceLineage {
        name: source.name.clone(),
        kind: source.kind,
        synthetic,
        location: if source.location.is_empty() { source.command.join(" ") } else { source.location.clone() },
        licence: source.licence.clone(),
        owner: source.owner.clone(),
        sha256,
        bytes,
        stamp,
        as_of,
        stale: !synthetic && refresh.is_some_and(|refresh| now.before(as_of) > refresh),
        calls,
        join: None,
        rows,
        seed,
        cost: SnapshotCost {
            rows: rows as f64 * source.cost.per_row,
            storage_per_month: 0.0,
            calls: calls as f64 * source.cost.per_call,
        },
    }
}

/// Each source pays for the part of the snapshot that its rows are.
fn price_storage(canvas: &Canvas, sources: &mut [SourceLineage], bytes: u64) {
    let rows: u64 = sources.iter().map(|source| source.rows).sum();
    for (lineage, source) in sources.iter_mut().zip(&canvas.data_sources) {
        let gigabytes = bytes as f64 / 1e9 * lineage.rows as f64 / rows.max(1) as f64;
        lineage.cost.storage_per_month = gigabytes * source.cost.per_gb_month;
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec_pretty(value);
    bytes.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}
