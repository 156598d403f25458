//! `nearside adopt`: a model that exists already, as a project with a bundle.

use crate::golden::{self, Planned};
use crate::output::{self, Progress};
use crate::project::json_bytes;
use crate::weights::{self, AtRest, Known};
use clap::Args;
use nearside::adopt::{Adopted, Metric, Options, Rows, adopt};
use nearside::bundle::{BuildWeights, COMPILED, FileEntry, Manifest, PageFile, sha256_hex, short_digest};
use nearside::canvas::{TaskKind, parse_canvas, to_json};
use nearside::rollout::{Registry, write_atomically};
use nearside::{Error, ErrorKind, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Take in a model that exists already.
///
/// From rows of what the model is fed, it infers the task, which column feeds which input, types, ranges and classes,
/// runs the model on every row, and writes a project: a canvas to fill in, and a bundle that runs and is watched like any
/// other.
#[derive(Args)]
pub struct Adopt {
    /// The .onnx file.
    model: PathBuf,
    /// Rows of what the model is fed: a .csv with a header.
    #[arg(long)]
    data: PathBuf,
    /// The column that the model predicts, where the rows have it: it feeds nothing, and the predictions are compared
    /// with it.
    #[arg(long)]
    target: Option<String>,
    /// The folder of the project [default: the name of the model file]
    #[arg(long)]
    output: Option<PathBuf>,
    /// What is predicted, where it is not as inferred.
    #[arg(long, value_parser = ["classification", "regression"])]
    task: Option<String>,
    /// The classes in the order of the probabilities, where neither the model nor the rows name them.
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// The class that the score stands for, of two.
    #[arg(long)]
    positive: Option<String>,
    /// The columns that fill a matrix, in its order, where they are not those of the file in theirs.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// How the weights of the plan are kept.
    #[arg(long, value_enum, default_value = "auto")]
    weights: AtRest,
}

/// What was adopted.
#[derive(Serialize)]
struct Report {
    name: String,
    folder: String,
    version: String,
    task: TaskKind,
    target: String,
    classes: Vec<String>,
    positive: Option<String>,
    features: usize,
    rows: u64,
    latency_ms: f64,
    quality: Vec<Metric>,
    weights: Vec<BuildWeights>,
    notes: Vec<String>,
}

/// Runs the command.
pub fn run(args: Adopt, json: bool) -> Result<()> {
    let stem = args.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = args.output.clone().unwrap_or_else(|| PathBuf::from(&stem));
    // A folder that a person names is what the service is called, too; `.` has no name.
    let named = folder.file_name().map_or(stem.clone(), |name| name.to_string_lossy().into_owned());
    let taken = [folder.join("canvas.toml"), folder.join("bundle")].into_iter().find(|path| path.exists());
    if let Some(path) = taken {
        let error =
            Error::new(ErrorKind::Usage, "the project exists already; nothing was written").place(path.display());
        return Err(error.help("name another folder: --output DIR"));
    }
    let model = nearside::onnx::read_file(&args.model).map_err(|error| error.help("give an .onnx file"))?;
    let rows = read(&args.data, "give a .csv file with a header")?;
    let rows = Rows::read(&rows, &args.data.display().to_string())?;
    let task = match args.task.as_deref() {
        Some("regression") => Some(TaskKind::Regression),
        Some(_) => Some(TaskKind::Classification),
        None => None,
    };
    let options = Options {
        name: service_name(&named),
        target: args.target,
        task,
        classes: args.classes,
        positive: args.positive,
        columns: args.columns,
    };
    let progress = Progress::new("running the model on every row", Some(rows.len() as u64));
    let adopted = adopt(&model, &rows, &options, &mut |row| progress.set(row as u64, None));
    drop(progress);
    let adopted = adopted.map_err(|error| error.model(args.model.display()))?;
    let (version, planned) = write(&folder, &model, &adopted, args.weights)?;
    let mut notes = adopted.notes;
    let weights = match planned {
        Err(why) => {
            notes.push(format!("pages load the full runtime for it, since there is no plan: {why}"));
            Vec::new()
        }
        Ok(ways) => {
            notes.push("pages run its plan, which gives the same predictions on the small runtime".to_owned());
            notes.extend(weights::lines(&ways));
            ways
        }
    };
    let Manifest { name, task, features, .. } = adopted.manifest;
    let report = Report {
        name,
        folder: folder.display().to_string(),
        version,
        task: task.kind,
        target: task.target,
        classes: task.classes,
        positive: task.positive,
        features: features.len(),
        rows: adopted.baseline.rows,
        latency_ms: adopted.latency_ms,
        quality: adopted.quality,
        weights,
        notes,
    };
    if json { output::json(&report) } else { report.print() }
}

impl Report {
    fn print(&self) -> Result<()> {
        let Self { name, folder, version, target, features, rows, latency_ms, .. } = self;
        let task = match self.task {
            kind @ (TaskKind::Regression | TaskKind::Ranking | TaskKind::AnomalyDetection) => {
                format!("a {} of {target}", kind.name().replace('_', " "))
            }
            TaskKind::Classification => format!("a classification of {target} into {}", self.classes.join(", ")),
        };
        output::line(format_args!("adopted {name} {version}: {task}, from {features} features"))?;
        self.notes.iter().try_for_each(|note| output::line(format_args!("  {note}")))?;
        output::line(format_args!("  every one of {rows} rows was predicted, in {latency_ms:.3} ms each"))?;
        output::line("  ranges are what the rows hold, widened by 5 % on either side")?;
        for Metric { metric, value, rows } in &self.quality {
            output::line(format_args!("  {metric} {value:.4} on {rows} rows"))?;
        }
        output::line(format_args!("next: fill in {folder}/canvas.toml, then `nearside serve --project {folder}`"))
    }
}

fn read(path: &Path, help: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::from(error).place(path.display()).help(help))
}

/// A name for a service that is as near as can be to the name of a file.
fn service_name(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(63);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "model".to_owned() } else { slug.to_owned() }
}

/// Writes the project; gives the version, and how the weights of its plan are kept, or why there is none. The channel file comes last:
/// a folder without one is no bundle.
fn write(
    folder: &Path,
    model: &[u8],
    adopted: &Adopted,
    wanted: AtRest,
) -> Result<(String, std::result::Result<Vec<BuildWeights>, String>)> {
    let canvas = parse_canvas(&adopted.canvas, "canvas.toml")?;
    let mut manifest = adopted.manifest.clone();
    let mut golden_rows = adopted.golden.clone();
    let step = adopted.records.len().div_ceil(weights::ROWS).max(1);
    let rows = Known {
        records: adopted.records.iter().step_by(step).cloned().collect(),
        known: adopted.known.iter().step_by(step).cloned().collect(),
    };
    let plan = golden::plan(&manifest, model, &mut golden_rows, &rows, wanted)?;
    if let Ok(Planned { plan, .. }) = &plan {
        manifest.engine = COMPILED.to_owned();
        manifest.plan_sha256 = Some(sha256_hex(plan));
    }
    let files = [
        ("model", "onnx", model.to_vec()),
        ("baseline", "json", json_bytes(&adopted.baseline)?),
        ("canvas", "json", to_json(&canvas).into_bytes()),
        ("golden", "json", json_bytes(&golden_rows)?),
    ];
    let registry = Registry::new(folder.join("bundle"));
    let failed =
        |error: std::io::Error| Error::from(error).place(folder.display()).help("name another folder: --output DIR");
    std::fs::create_dir_all(registry.folder()).map_err(failed)?;
    let add = |manifest: &mut Manifest, (role, extension, bytes): (&str, &str, Vec<u8>)| {
        let path = format!("{role}.{}.{extension}", short_digest(&bytes));
        write_atomically(&registry.folder().join(&path), &bytes)?;
        manifest.files.insert(role.to_owned(), FileEntry { path, sha256: sha256_hex(&bytes), bytes: bytes.len() });
        Ok::<(), Error>(())
    };
    files.into_iter().try_for_each(|file| add(&mut manifest, file))?;
    manifest.version = short_digest(&json_bytes(&manifest)?);
    if let Ok(Planned { plan, .. }) = &plan {
        let file = PageFile::write(&manifest, plan)?;
        add(&mut manifest, ("plan", "plan", file))?;
    }
    let name = format!("manifest.{}.json", manifest.version);
    write_atomically(&registry.folder().join(name), &json_bytes(&manifest)?)?;
    write_atomically(&folder.join("canvas.toml"), adopted.canvas.as_bytes())?;
    registry.promote(&manifest.version)?;
    Ok((manifest.version, plan.map(|planned| planned.ways)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_becomes_the_name_of_a_service() {
        let cases = [("Loan_Model v2", "loan-model-v2"), ("__x__", "x"), ("日本", "model"), ("a", "a")];
        for (file, name) in cases {
            assert_eq!(service_name(file), name);
        }
    }
}
