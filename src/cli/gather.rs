//! `nearside gather`: the data sources of a canvas into a snapshot, or into a file.

use crate::output::{self, Progress};
use crate::project::{Project, ProjectArgs};
use clap::Args;
use nearside::canvas::Canvas;
use nearside::features::Value;
use nearside::sources::{
    Column, GatherOptions, Lineage, MOST_ROWS, SourceLineage, Table, gather_batches, gather_with, load_lineage,
    write_csv,
};
use nearside::{Error, ErrorKind, Millis, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Gather the data sources of a canvas into a checked, hashed snapshot.
///
/// With --output the rows go into that file instead, and the project's snapshot stays as it is: .csv with the columns
/// of the source, or .json with one record per row, by feature name.
#[derive(Args)]
pub struct Gather {
    #[command(flatten)]
    project: ProjectArgs,
    /// How many rows a recipe makes; how many of another source are read at most.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MOST_ROWS))]
    rows: Option<u64>,
    /// The seed of every recipe.
    #[arg(long)]
    seed: Option<u64>,
    /// Write the rows to this .csv or .json file, without making a snapshot.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Gather, json: bool) -> Result<()> {
    let project = Project::open(&args.project)?;
    let (canvas, folder) = (&project.canvas, &project.folder);
    let options = GatherOptions { rows: args.rows, seed: args.seed };
    if let Some(path) = &args.output {
        let form = Form::of(path)?;
        let progress = Progress::new("gathering", None);
        let rows = write_rows(canvas, folder, options, (path, form), &mut |done, total| progress.set(done, total))?;
        drop(progress);
        if json {
            return output::json(&serde_json::json!({ "output": path, "rows": rows }));
        }
        return output::line(format_args!("wrote {rows} rows to {}", path.display()));
    }
    let _turn = project.turn("gather")?;
    let progress = Progress::new("gathering", None);
    let snapshot = gather_with(canvas, folder, options, &mut |done, total| progress.set(done, total));
    drop(progress);
    let snapshot = snapshot.inspect_err(|_| {
        if let Ok(Lineage { snapshot, rows, .. }) = load_lineage(folder) {
            output::note(format_args!("note: the last good snapshot stays in use: {snapshot} with {rows} rows"));
        }
    })?;
    if json {
        return output::json(&snapshot.lineage);
    }
    print_lineage(&snapshot.path, &snapshot.lineage, canvas.building_models.currency.as_deref())
}

/// How rows are written to a file.
#[derive(Clone, Copy)]
enum Form {
    Csv,
    Json,
}

impl Form {
    /// By the end of the file's name.
    fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            _ => Err(Error::new(ErrorKind::Usage, "rows are written as .csv or .json")
                .place(path.display())
                .help("give --output a name that ends in .csv or .json")),
        }
    }
}

/// Writes the rows as they come; the file gets its name when all of them are there. Gives their number.
fn write_rows(
    canvas: &Canvas,
    folder: &Path,
    options: GatherOptions,
    (path, form): (&Path, Form),
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<u64> {
    let failed = |error: std::io::Error| {
        Error::from(error).place(path.display()).help("make sure that the folder can be written")
    };
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut rows = 0;
    let mut write = || {
        let mut file = BufWriter::new(File::create(&part).map_err(failed)?);
        let mut emit = |table: Table| {
            match form {
                Form::Csv => write_csv(&table, rows == 0, &mut file)?,
                Form::Json => write_records(canvas, &table, rows == 0, &mut file)?,
            }
            rows += table.rows() as u64;
            Ok(())
        };
        gather_batches(canvas, folder, options, &mut emit, progress)?;
        if matches!(form, Form::Json) {
            file.write_all(b"\n]\n").map_err(failed)?;
        }
        file.flush().and_then(|()| std::fs::rename(&part, path)).map_err(failed)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })?;
    Ok(rows)
}

/// One JSON object per row: features by their own names, other columns by theirs.
fn write_records(canvas: &Canvas, table: &Table, first: bool, output: &mut dyn Write) -> Result<()> {
    let mut columns: Vec<(&str, &Column)> = Vec::new();
    for feature in canvas.features.iter().filter(|feature| feature.derived().is_none()) {
        columns.push((&feature.name, table.column(feature.column())?));
    }
    for column in &table.columns {
        if !canvas.features.iter().any(|feature| feature.column() == column.name) {
            columns.push((&column.name, column));
        }
    }
    for row in 0..table.rows() {
        let entries = columns.iter().map(|(name, column)| ((*name).to_owned(), value(&column.value(row))));
        let record = serde_json::Value::Object(entries.collect());
        // One record a line: large files stay readable, and diffs small.
        let before = if first && row == 0 { "[\n" } else { ",\n" };
        write!(output, "{before}{record}")?;
    }
    Ok(())
}

fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(flag) => (*flag).into(),
        // Whole numbers without a decimal point, as people write them.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => (*number as i64).into(),
        Value::Number(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Missing => serde_json::Value::Null,
    }
}

fn print_lineage(path: &Path, lineage: &Lineage, currency: Option<&str>) -> Result<()> {
    output::line(format_args!("{}  {} rows, {} bytes", path.display(), lineage.rows, lineage.bytes))?;
    for source in &lineage.sources {
        output::line(format_args!("  from {}", source_words(source, lineage.gathered_at)))?;
        if let Some(join) = &source.join {
            output::line(format_args!(
                "    joined by {}: {} rows found a partner, {} did not; {} keys were not asked for",
                join.key, join.matched, join.unmatched, join.unused
            ))?;
        }
    }
    for column in lineage.columns.iter().filter(|column| column.missing_share > 0.0) {
        output::line(format_args!("  {}: {:.1} % missing", column.name, 100.0 * column.missing_share))?;
    }
    let (cost, currency) = (lineage.cost, currency.unwrap_or_default());
    if cost.rows + cost.storage_per_month + cost.calls > 0.0 {
        output::line(format_args!(
            "  cost: {:.2} {currency} for the rows, {:.2} {currency} for the calls, {:.6} {currency} a month to keep them",
            cost.rows, cost.calls, cost.storage_per_month
        ))?;
    }
    Ok(())
}

/// A source in words: what it is, how many rows it gave, and how old they are.
fn source_words(source: &SourceLineage, now: Millis) -> String {
    let mut words = format!("{} ({}", source.name, source.location);
    if source.synthetic {
        words.push_str(", synthetic");
    }
    words.push_str(&format!("): {} rows", source.rows));
    if source.calls > 1 {
        words.push_str(&format!(", {} calls", source.calls));
    }
    let age = now.before(source.as_of).0;
    if !source.synthetic && age >= Millis::MINUTE.0 {
        let (count, unit) = match age {
            age if age >= Millis::DAY.0 => (age / Millis::DAY.0, "d"),
            age if age >= Millis::HOUR.0 => (age / Millis::HOUR.0, "h"),
            age => (age / Millis::MINUTE.0, "min"),
        };
        words.push_str(&format!(", {count} {unit} old"));
    }
    if source.stale {
        words.push_str(": stale by its `refresh`");
    }
    words
}
