//! `nearside gather`: the data sources of a canvas into a snapshot, or into a file.

use crate::output::{self, Progress};
use crate::project::{Project, ProjectArgs};
use clap::Args;
use nearside::canvas::Canvas;
use nearside::features::Value;
use nearside::sources::{
    Column, GatherOptions, Lineage, MOST_ROWS, Table, gather_rows, gather_with, load_snapshot, to_csv,
};
use nearside::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Gather the data sources of a canvas into a checked, hashed snapshot.
///
/// With --output the rows go into that file instead, and the project's snapshot stays as it is: .csv with the columns
/// of the source, or .json with one record per row, by feature name.
#[derive(Args)]
pub struct Gather {
    #[command(flatten)]
    project: ProjectArgs,
    /// How many rows a recipe makes; how many of a CSV file are read at most.
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
        let write = writer(path)?;
        let progress = Progress::new("gathering", None);
        let (table, _) = gather_rows(canvas, folder, options, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        let bytes = write(canvas, &table)?;
        std::fs::write(path, bytes).map_err(|error| {
            Error::from(error).place(path.display()).help("make sure that the folder can be written")
        })?;
        if json {
            return output::json(&serde_json::json!({ "output": path, "rows": table.rows() }));
        }
        return output::line(format_args!("wrote {} rows to {}", table.rows(), path.display()));
    }
    let _turn = project.turn("gather")?;
    let progress = Progress::new("gathering", None);
    let snapshot = gather_with(canvas, folder, options, &mut |done, total| progress.set(done, total));
    drop(progress);
    let snapshot = snapshot.inspect_err(|_| {
        if let Ok((_, Lineage { snapshot, rows, .. })) = load_snapshot(folder) {
            output::note(format_args!("note: the last good snapshot stays in use: {snapshot} with {rows} rows"));
        }
    })?;
    if json {
        return output::json(&snapshot.lineage);
    }
    print_lineage(&snapshot.path, &snapshot.lineage, canvas.building_models.currency.as_deref())
}

type Writer = fn(&Canvas, &Table) -> Result<Vec<u8>>;

/// How rows are written to a file of this name.
fn writer(path: &Path) -> Result<Writer> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(|_, table| to_csv(table)),
        Some("json") => Ok(records),
        _ => Err(Error::new(ErrorKind::Usage, "rows are written as .csv or .json")
            .place(path.display())
            .help("give --output a name that ends in .csv or .json")),
    }
}

/// One JSON object per row: features by their own names, other columns by theirs.
fn records(canvas: &Canvas, table: &Table) -> Result<Vec<u8>> {
    let mut columns: Vec<(&str, &Column)> = Vec::new();
    for feature in canvas.features.iter().filter(|feature| feature.derived().is_none()) {
        columns.push((&feature.name, table.column(feature.column())?));
    }
    for column in &table.columns {
        if !canvas.features.iter().any(|feature| feature.column() == column.name) {
            columns.push((&column.name, column));
        }
    }
    let record = |row: usize| {
        let entries = columns.iter().map(|(name, column)| ((*name).to_owned(), value(&column.value(row))));
        serde_json::Value::Object(entries.collect())
    };
    // One record a line: large files stay readable, and diffs small.
    let lines: Vec<String> = (0..table.rows()).map(|row| record(row).to_string()).collect();
    Ok(format!("[\n{}\n]\n", lines.join(",\n")).into_bytes())
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
        let what = if source.synthetic { ", synthetic" } else { "" };
        output::line(format_args!("  from {} ({}{what}): {} rows", source.name, source.location, source.rows))?;
    }
    for column in lineage.columns.iter().filter(|column| column.missing_share > 0.0) {
        output::line(format_args!("  {}: {:.1} % missing", column.name, 100.0 * column.missing_share))?;
    }
    let (rows, month, currency) = (lineage.cost.rows, lineage.cost.storage_per_month, currency.unwrap_or_default());
    if rows + month > 0.0 {
        output::line(format_args!(
            "  cost: {rows:.2} {currency} for the rows, {month:.6} {currency} a month to keep them"
        ))?;
    }
    Ok(())
}
