//! One source, of whatever kind: opened, and its rows read in batches.

use super::batch::{BATCH_ROWS, Batches, Cell, Progress};
use super::cells::Cells;
use super::command::Program;
use super::digest::{Hashing, hex, of_file};
use super::file::not_found;
use super::generate::Generator;
use super::schema::Needed;
use super::secrets::fill;
use super::snapshot::GatherOptions;
use super::{Table, csv, http, json, parquet, postgres, recipe, sqlite};
use crate::canvas::{DataSource, SourceFormat, SourceKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::time::Millis;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// How long a source may take when the canvas does not say, in seconds.
const LIMIT_S: f64 = 600.0;

/// What tells cheaply whether a file is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was changed last, in nanoseconds since 1970.
    pub modified_ns: u64,
}

/// What reading a source found out about it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) rows: u64,
    /// The SHA-256 of the bytes that were read; empty for the rows of a query.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) stamp: Option<FileStamp>,
    /// The moment that the rows are of, where the source tells it.
    pub(super) as_of: Option<Millis>,
    pub(super) calls: u64,
    pub(super) seed: Option<u64>,
}

/// What is wanted of a source.
pub(super) struct Wanted<'w, 'n> {
    pub(super) columns: &'w [Needed<'n>],
    /// Whether another source may have a column that this one has not.
    pub(super) lenient: bool,
    pub(super) options: GatherOptions,
}

/// The path of a file source, filled in.
pub(super) fn path(source: &DataSource, project: &Path) -> Result<PathBuf> {
    Ok(project.join(fill(&source.location).map_err(|error| error.place(place(source, project)))?.text))
}

/// Where a source is, as errors name it: a path, the address as the canvas states it, or the name of the source.
pub(super) fn place(source: &DataSource, project: &Path) -> String {
    match source.kind {
        kind if kind.is_file() => project.join(&source.location).display().to_string(),
        SourceKind::Http => source.location.clone(),
        _ => format!("source \"{}\"", source.name),
    }
}

/// The stamp of a file source. What an SQLite file has not taken in yet counts, too.
pub(super) fn stamp(source: &DataSource, path: &Path) -> std::io::Result<FileStamp> {
    let of = |path: &Path| {
        let file = path.metadata()?;
        let since = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        std::io::Result::Ok(FileStamp { bytes: file.len(), modified_ns })
    };
    let mut stamp = of(path)?;
    if source.kind == SourceKind::Sqlite {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        if let Ok(log) = of(Path::new(&name))
            && log.bytes > 0
        {
            stamp.bytes += log.bytes;
            stamp.modified_ns = stamp.modified_ns.max(log.modified_ns);
        }
    }
    Ok(stamp)
}

/// Reads a source to its end, or to the number of rows that is wanted.
pub(super) fn read(
    source: &DataSource,
    project: &Path,
    wanted: &Wanted<'_, '_>,
    emit: &mut dyn FnMut(Table) -> Result<()>,
    progress: Progress<'_>,
) -> Result<Reading> {
    let most = if source.kind == SourceKind::Recipe { None } else { wanted.options.rows };
    let place = place(source, project);
    let mut rows = Batches::new(&place, wanted.columns, wanted.lenient, most, emit, progress);
    let named = |error: Error| error.place(&place);
    let mut reading = match source.kind {
        SourceKind::Csv | SourceKind::Jsonl | SourceKind::Parquet | SourceKind::Sqlite | SourceKind::Recipe => {
            read_file(source, &path(source, project)?, wanted.options, &mut rows)
                .map_err(|error| missing_file(error, source, &place))?
        }
        SourceKind::Http => {
            let fetched = http::fetch(source, project, limit(source))?;
            let format = source.answer().unwrap_or(SourceFormat::Csv);
            let (file, list) = (File::open(&fetched.path)?, source.records.as_deref().unwrap_or_default());
            let read = match format {
                SourceFormat::Parquet => parquet::read(file, &mut rows),
                format => read_text(file, format, list, &mut rows),
            };
            read.map_err(named)?;
            let as_of = fetched.modified.map(Millis);
            let (sha256, bytes, calls) = (fetched.sha256, fetched.bytes, fetched.calls);
            Reading { sha256, bytes, as_of, calls, ..Reading::default() }
        }
        SourceKind::Postgres => {
            let location = fill(&source.location).map_err(named)?;
            let query = source.query.as_deref().unwrap_or_default();
            postgres::read(&location, query, limit(source), &mut rows)?;
            Reading { calls: 1, ..Reading::default() }
        }
        SourceKind::Command => read_output(source, project, &mut rows).map_err(named)?,
    };
    reading.rows = rows.finish()?;
    Ok(reading)
}

/// How long a source may take.
pub(super) fn limit(source: &DataSource) -> Duration {
    Duration::try_from_secs_f64(source.timeout_s.unwrap_or(LIMIT_S)).unwrap_or(Duration::from_secs(u32::MAX.into()))
}

fn missing_file(error: Error, source: &DataSource, place: &str) -> Error {
    if error.kind() != ErrorKind::Io {
        return error.place(place);
    }
    let error = error.place(place).item(format!("source \"{}\"", source.name));
    error.help("correct `location` in the canvas; it is relative to the canvas file")
}

fn read_file(source: &DataSource, path: &Path, options: GatherOptions, rows: &mut Batches<'_>) -> Result<Reading> {
    let stamp = stamp(source, path).map_err(|error| not_found(&error))?;
    let file = File::open(path).map_err(|error| not_found(&error))?;
    let mut seed = None;
    let (sha256, bytes) = match source.kind {
        SourceKind::Csv => read_hashed(file, SourceFormat::Csv, rows)?,
        SourceKind::Jsonl => read_hashed(file, SourceFormat::Jsonl, rows)?,
        SourceKind::Parquet => {
            parquet::read(file, rows)?;
            of_file(path)?
        }
        SourceKind::Sqlite => {
            sqlite::read(path, source.query.as_deref().unwrap_or_default(), rows)?;
            of_file(path)?
        }
        _ => {
            seed = Some(draw(path, options, rows)?);
            of_file(path)?
        }
    };
    let as_of = Some(Millis(stamp.modified_ns / 1_000_000));
    Ok(Reading { sha256, bytes, stamp: Some(stamp), as_of, seed, ..Reading::default() })
}

/// Reads a text; gives its hash and size.
fn read_hashed(file: File, format: SourceFormat, rows: &mut Batches<'_>) -> Result<(String, u64)> {
    let mut input = Hashing::new(file);
    read_text(&mut input, format, "", rows)?;
    // Where no more rows were wanted, the hash is still that of the whole file.
    std::io::copy(&mut BufReader::with_capacity(1 << 16, &mut input), &mut std::io::sink())?;
    let (_, hash, bytes) = input.finish();
    Ok((hex(hash), bytes))
}

/// Reads a text in one of the formats. It may be in gzip; `list` is where a JSON document has its records.
fn read_text(mut input: impl Read, format: SourceFormat, list: &str, rows: &mut Batches<'_>) -> Result<()> {
    let mut head = Vec::new();
    Read::take(&mut input, 2).read_to_end(&mut head)?;
    let zipped = head == [0x1f, 0x8b];
    let input = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(input));
    let mut input: Box<dyn Read + '_> = if zipped { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    match format {
        SourceFormat::Jsonl => json::read_lines(&mut input, rows),
        SourceFormat::Json => json::read_document(&mut input, list, rows),
        _ => csv::read(&mut input, rows),
    }
}

fn read_output(source: &DataSource, project: &Path, rows: &mut Batches<'_>) -> Result<Reading> {
    let mut program = Program::start(&source.command, project, &[], limit(source))?;
    let mut output = Hashing::new(program.output()?);
    let format = source.answer().unwrap_or(SourceFormat::Csv);
    let read = read_text(&mut output, format, "", rows);
    let (output, hash, bytes) = output.finish();
    drop(output);
    program.end(read, rows.room() == 0)?;
    Ok(Reading { sha256: hex(hash), bytes, calls: 1, ..Reading::default() })
}

/// Draws the rows of a recipe; gives the seed.
fn draw(path: &Path, options: GatherOptions, rows: &mut Batches<'_>) -> Result<u64> {
    let recipe = recipe::read_recipe(path)?;
    let seed = options.seed.unwrap_or(recipe.seed);
    let count = options.rows.unwrap_or(recipe.rows);
    let mut generator = Generator::new(&recipe, count, seed)?;
    rows.expect(count);
    let names = recipe.columns.iter().map(|column| column.name.as_str()).chain([recipe.target.name.as_str()]);
    let at = rows.place.clone();
    let places = rows.header(names, &at)?;
    while let Some(columns) = generator.block(BATCH_ROWS) {
        let count = columns.first().map_or(0, super::Column::len);
        for (column, &at) in places.iter().enumerate() {
            let name = rows.wanted[column].name;
            push_cells(columns[at].cells(), column, rows).map_err(|error| error.place(&rows.place).item(name))?;
        }
        rows.end_batch(count)?;
    }
    Ok(seed)
}

fn push_cells(cells: &Cells, column: usize, rows: &mut Batches<'_>) -> Result<()> {
    for row in 0..cells.len() {
        match cells {
            Cells::Numbers(numbers) => rows.push_at(column, row, Cell::Number(numbers[row]))?,
            Cells::Flags(flags) => rows.push_at(column, row, flags[row].map_or(Cell::Missing, Cell::Flag))?,
            Cells::Texts { codes, words } => {
                let word = words.get(codes[row] as usize);
                rows.push_at(column, row, word.map_or(Cell::Missing, |word| Cell::Text(word)))?;
            }
            Cells::Mixed(values) => match &values[row] {
                Value::Bool(flag) => rows.push_at(column, row, Cell::Flag(*flag))?,
                Value::Number(number) => rows.push_at(column, row, Cell::Number(*number))?,
                Value::Text(text) => rows.push_at(column, row, Cell::Text(text))?,
                Value::Missing => rows.push_at(column, row, Cell::Missing)?,
            },
        }
    }
    Ok(())
}
