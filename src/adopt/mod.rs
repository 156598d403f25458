//! Takes a model that exists already, and rows of what it is fed; gives its task, its schema, its classes, its reference
//! profile and golden predictions, and a canvas with the rest left open.
//! Next: `cli` writes them as a bundle, `collect` serves it. It never changes the model, and never guesses in silence.

mod inputs;
mod outputs;
mod quality;
mod rows;
mod schema;
mod write;

pub use quality::measure;
pub use rows::Rows;

use crate::bundle::{Baseline, Golden, GoldenPrediction, Manifest, Roles};
use crate::canvas::{TaskKind, parse_canvas};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{Record, encode};
use crate::onnx::{TractEngine, class_labels};
use crate::predict::{Engine, Groups, Predictor, Row, feed};
use crate::tensor::Tensor;
use crate::train::manifest;
use serde::Serialize;
use std::time::Instant;

/// How many rows tell the roles of the outputs.
const LOOKED_AT: usize = 256;
/// How many predictions every engine and host must repeat.
const GOLDEN_ROWS: usize = 32;
/// How far a score may be off on another engine or host.
const TOLERANCE: f64 = 1e-5;

/// What a person says about the model; everything else is inferred.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name of the service.
    pub name: String,
    /// The column that the model predicts, where the rows have it.
    pub target: Option<String>,
    /// The task, where it is not as inferred.
    pub task: Option<TaskKind>,
    /// The classes in the order of the probabilities, where neither the model nor the rows name them.
    pub classes: Vec<String>,
    /// The class that the score stands for.
    pub positive: Option<String>,
    /// The columns that feed a matrix, in its order, where they are not the columns of the file in theirs.
    pub columns: Vec<String>,
}

/// A model with what was learned about it.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// The text of `canvas.toml`.
    pub canvas: String,
    /// The manifest; its version and files are still empty.
    pub manifest: Manifest,
    /// What the rows looked like.
    pub baseline: Baseline,
    /// The predictions to repeat.
    pub golden: Golden,
    /// What was inferred, and what was left out, in words.
    pub notes: Vec<String>,
    /// The rows as records.
    pub records: Vec<Record>,
    /// What the target says of each, where there is one.
    pub known: Vec<String>,
    /// How good the predictions are, where there is a target.
    pub quality: Vec<Metric>,
    /// The median time of one prediction here, in milliseconds.
    pub latency_ms: f64,
}

/// One number about the predictions on the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// `accuracy`, `roc_auc`, `rmse` or `mae`.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// How many rows it stands on.
    pub rows: usize,
}

/// Infers everything that a bundle needs, and runs the model on every row. `progress` is told how many rows are done.
///
/// # Errors
/// `invalid-model` and `unsupported-operator` for a model that cannot be run; `invalid-data` when the rows are not what
/// it takes, or its outputs cannot be understood, with what to do.
pub fn adopt(model: &[u8], rows: &Rows, options: &Options, progress: &mut dyn FnMut(usize)) -> Result<Adopted> {
    let mut engine = TractEngine::new(model)?;
    let target = options.target.as_deref().map(|target| rows.column(target)).transpose()?;
    let mut notes = Vec::new();
    let wired = inputs::wire(engine.signature(), rows, target, &options.columns, &mut notes)?;
    let features = wired.iter().map(|wired| schema::feature(rows, wired)).collect::<Result<Vec<_>>>()?;
    let columns: Vec<usize> = wired.iter().map(|wired| wired.column).collect();
    let records: Vec<Record> = (0..rows.len()).map(|row| schema::record(rows, row, &columns, &features)).collect();

    // What the outputs are is known only when the model has run.
    let mut manifest = {
        let bare = write::bare(&options.name);
        let mut manifest = manifest(&bare, &features, &[], engine.signature());
        manifest.roles = Roles::default();
        manifest
    };
    manifest.check()?;
    let mut looked_at = Vec::new();
    for (row, record) in records.iter().enumerate().take(LOOKED_AT) {
        looked_at.push(outputs_of(&mut engine, &manifest, record).map_err(|error| refused(error, rows, row))?);
    }
    let known = target.map(|target| rows.cells(target).map(str::trim).collect::<Vec<_>>());
    let lists = class_labels(model)?;
    let learned = outputs::learn(&manifest.outputs, &looked_at, known.as_deref(), &lists, options, &mut notes)
        .map_err(|error| match error.context().row {
            Some(row) => error.place(rows.line(row - 1)),
            None => error.place(&rows.place),
        })?;

    let canvas = write::canvas(options, &learned, &features, rows);
    let stated = parse_canvas(&canvas, "canvas.toml")?;
    manifest = crate::train::manifest(&stated, &features, &learned.classes, engine.signature());
    manifest.roles = learned.roles.clone();
    if manifest.task.target.is_empty() {
        manifest.task.target.clone_from(&learned.output);
    }

    let mut predictor = Predictor::new(manifest.clone(), Some(Box::new(engine)), 0)?;
    let (start, mut times, mut predictions) = (Instant::now(), Vec::new(), Vec::new());
    let mut clock = || start.elapsed().as_secs_f64() * 1e3;
    for (row, record) in records.iter().enumerate() {
        progress(row);
        let prediction = predictor.predict(record, &Groups::new(), &mut clock);
        let prediction = prediction.map_err(|error| refused(error, rows, row))?;
        times.push(prediction.timing.total);
        predictions.push(prediction);
    }
    times.sort_by(f64::total_cmp);
    let step = records.len().div_ceil(GOLDEN_ROWS).max(1);
    let mut golden = Golden { records: Vec::new(), predictions: Vec::new(), tolerance: TOLERANCE };
    for (record, prediction) in records.iter().zip(&predictions).step_by(step) {
        golden.records.push(record.clone());
        golden.predictions.push(GoldenPrediction {
            label: prediction.label.clone(),
            score: prediction.score,
            probabilities: prediction.probabilities.clone().unwrap_or_default(),
            action: prediction.action.clone(),
            value: prediction.value,
        });
    }
    notes.push(format!(
        "{} of the rows are in the bundle, as golden predictions: whoever loads it can read them",
        golden.records.len()
    ));
    let quality = match &known {
        Some(known) => quality::measure(&manifest, &predictions, known).map_err(|error| error.place(&rows.place))?,
        None => Vec::new(),
    };
    let latency_ms = times.get(times.len() / 2).copied().unwrap_or_default();
    let known = known.unwrap_or_default().into_iter().map(str::to_owned).collect();
    Ok(Adopted { canvas, baseline: predictor.baseline(), manifest, golden, notes, records, known, quality, latency_ms })
}

/// What the model itself gives for a record.
fn outputs_of(engine: &mut TractEngine, manifest: &Manifest, record: &Record) -> Result<Vec<Tensor>> {
    let observations: Vec<_> =
        manifest.features.iter().map(|feature| encode(feature, record.get(&feature.name))).collect();
    engine.run(feed(manifest, &[Row { observations: &observations, record: Some(record) }])?)
}

fn refused(error: Error, rows: &Rows, row: usize) -> Error {
    let gaps = rows.cells_of(row).any(schema::is_missing);
    let message = format!("the model does not predict this row: {}", error.message());
    let kind = if error.kind() == ErrorKind::BundleFormat { ErrorKind::InvalidData } else { error.kind() };
    let mut better = Error::new(kind, message).place(rows.line(row)).row(row + 1);
    if let Some(item) = &error.context().item {
        better = better.item(item);
    }
    better.help(match gaps {
        true => {
            "the row lacks values, and the model may not know what to do about that: fill them, or leave the row out"
        }
        false => "compare the row with what the model was trained on, and check `nearside run MODEL --describe`",
    })
}
