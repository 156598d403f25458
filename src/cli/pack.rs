//! `nearside pack`: the candidate that passed, as a folder of static files.

use crate::evaluate::Evaluated;
use crate::output;
use crate::project::{Project, ProjectArgs, Trained, json_bytes};
use clap::Args;
use nearside::bundle::{
    Baseline, BaselineFeature, Budgets, Explanation, FORMAT, FileEntry, Golden, GoldenPrediction, Manifest, TaskSchema,
    TelemetrySettings, sha256_hex, short_digest,
};
use nearside::canvas::{Canvas, to_json};
use nearside::evaluate::{HeldOut, card};
use nearside::features::{GroupSchema, Observation, Record, Value, encode};
use nearside::onnx::TractEngine;
use nearside::predict::Groups;
use nearside::rollout::write_atomically;
use nearside::sources::{Table, load_snapshot};
use nearside::train::{roles, split};
use nearside::{Engine, Error, ErrorKind, Predictor, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// How many training rows the explanation compares with.
const REFERENCE_ROWS: usize = 256;
/// How many held-out rows every engine and host must repeat.
const GOLDEN_ROWS: usize = 32;
/// How far a score may be off on another engine or host.
const TOLERANCE: f64 = 1e-5;

/// Pack the candidate that passed the gates, and make it the champion.
#[derive(Args)]
pub struct Pack {
    #[command(flatten)]
    project: ProjectArgs,
    /// Write the version, but leave the champion as it is.
    #[arg(long)]
    no_promote: bool,
}

/// What was packed.
#[derive(Serialize)]
pub struct Packed {
    /// The version.
    pub version: String,
    /// The candidate that it is.
    pub candidate: String,
    /// Whether it is the champion now.
    pub promoted: bool,
    /// What a page fetches before its first prediction, without the runtime, in bytes.
    pub page_bytes: usize,
    /// The median time of one prediction here, in milliseconds.
    pub latency_ms: f64,
}

/// Runs the command.
pub fn run(args: Pack, json: bool) -> Result<()> {
    let packed = step(&Project::open(&args.project)?, !args.no_promote)?;
    if json {
        return output::json(&packed);
    }
    packed.print();
    Ok(())
}

impl Packed {
    /// Says what was packed.
    pub fn print(&self) {
        let state = if self.promoted { "champion" } else { "not promoted" };
        let Self { version, candidate, page_bytes, latency_ms, .. } = self;
        println!("packed {version} ({candidate}, {state}): {page_bytes} bytes for the page, {latency_ms:.3} ms each");
    }
}

/// Packs the chosen candidate.
pub fn step(project: &Project, promote: bool) -> Result<Packed> {
    let trained: Trained = project.read_work_json("candidates.json", "train")?;
    let evaluated: Evaluated = project.read_work_json("evaluation.json", "evaluate")?;
    evaluated.passed()?;
    let (table, _) = load_snapshot(&project.folder)?;
    let chosen = evaluated.chosen.unwrap_or_default();
    let (Some(candidate), Some(judged)) = (trained.candidates.get(chosen), evaluated.candidates.get(chosen)) else {
        let error = Error::new(ErrorKind::InvalidData, "the evaluation is not of these candidates");
        return Err(error.help("run `nearside evaluate` again"));
    };
    let model = project.read_work(&candidate.model, "train")?;
    let training = split(&project.canvas, &table)?.train;

    let mut manifest = manifest(project, &trained, &model)?;
    let mut packer = Packer { project, table: &table, files: Vec::new() };
    manifest.explanation = Some(packer.explanation(&manifest, &model, &training)?);
    let (baseline, latency_ms) = packer.baseline(&manifest, &model, &training)?;
    let held_out = HeldOut::read(&project.canvas, &table)?;
    let golden = packer.golden(&manifest, &model, &held_out.rows)?;

    packer.add(&mut manifest, "model", "onnx", model);
    packer.add(&mut manifest, "baseline", "json", json_bytes(&baseline)?);
    packer.add(&mut manifest, "canvas", "json", to_json(&project.canvas).into_bytes());
    packer.add(&mut manifest, "golden", "json", json_bytes(&golden)?);
    packer.add(&mut manifest, "evaluation", "json", json_bytes(&judged.report)?);
    packer.add(&mut manifest, "card", "md", card(&project.canvas, &judged.report, &candidate.name).into_bytes());
    manifest.version = short_digest(&json_bytes(&manifest)?);

    let text = json_bytes(&manifest)?;
    let page_bytes = text.len() + manifest.files["model"].bytes;
    check_complexity(&project.canvas, candidate.parameters, page_bytes, latency_ms)?;
    packer.add_named(format!("manifest.{}.json", manifest.version), text);
    packer.write()?;
    if promote {
        project.registry().promote(&manifest.version)?;
    }
    let (version, candidate) = (manifest.version, candidate.name.clone());
    Ok(Packed { version, candidate, promoted: promote, page_bytes, latency_ms })
}

fn manifest(project: &Project, trained: &Trained, model: &[u8]) -> Result<Manifest> {
    let canvas = &project.canvas;
    let signature = TractEngine::new(model)?.signature().clone();
    let mut bands = canvas.decisions.bands.clone();
    bands.sort_by(|a, b| b.at_least.total_cmp(&a.at_least));
    let favourable = match canvas.decisions.favourable.as_slice() {
        [] => bands.first().map(|band| band.action.clone()).into_iter().collect(),
        stated => stated.to_vec(),
    };
    let groups = canvas.groups().map(|group| GroupSchema { name: group.name.clone(), values: group.values.clone() });
    Ok(Manifest {
        format: FORMAT,
        name: canvas.name.clone(),
        version: String::new(),
        canvas_digest: project.canvas_digest(),
        engine: "tract".into(),
        files: BTreeMap::new(),
        task: TaskSchema {
            kind: canvas.prediction_task.kind,
            target: canvas.prediction_task.target.clone(),
            classes: trained.classes.clone(),
            positive: canvas.prediction_task.positive.clone(),
        },
        inputs: signature.inputs,
        outputs: signature.outputs,
        roles: roles(),
        features: trained.schema.clone(),
        groups: groups.collect(),
        bands,
        favourable,
        fallback: canvas.making_predictions.fallback.clone(),
        explanation: None,
        telemetry: TelemetrySettings { consent: canvas.collecting_data.consent, ..TelemetrySettings::default() },
        budgets: Budgets {
            first_prediction_ms: canvas.making_predictions.first_prediction_ms,
            latency_p95_ms: canvas.making_predictions.latency_p95_ms,
        },
        business_metrics: canvas.value_proposition.business_metric.clone(),
    })
}

struct Packer<'a> {
    project: &'a Project,
    table: &'a Table,
    files: Vec<(String, Vec<u8>)>,
}

impl Packer<'_> {
    fn add(&mut self, manifest: &mut Manifest, role: &str, extension: &str, bytes: Vec<u8>) {
        let path = format!("{role}.{}.{extension}", short_digest(&bytes));
        let entry = FileEntry { path: path.clone(), sha256: sha256_hex(&bytes), bytes: bytes.len() };
        manifest.files.insert(role.to_owned(), entry);
        self.add_named(path, bytes);
    }

    fn add_named(&mut self, path: String, bytes: Vec<u8>) {
        self.files.push((path, bytes));
    }

    fn write(&self) -> Result<()> {
        let registry = self.project.registry();
        let folder = registry.folder();
        std::fs::create_dir_all(folder).map_err(|error| Error::from(error).place(folder.display()))?;
        self.files.iter().try_for_each(|(path, bytes)| write_atomically(&folder.join(path), bytes))
    }

    fn record(&self, row: usize) -> Result<Record> {
        let mut record = Record::new();
        for feature in self.project.canvas.inputs() {
            let value = self.table.column(feature.column())?.values.get(row).cloned().unwrap_or(Value::Missing);
            if value != Value::Missing {
                record.insert(feature.name.clone(), value);
            }
        }
        Ok(record)
    }

    /// Puts each feature to its usual value in turn, on training rows spread over the table.
    fn explanation(&self, manifest: &Manifest, model: &[u8], training: &[usize]) -> Result<Explanation> {
        let step = (training.len() / REFERENCE_ROWS).max(1);
        let rows = training.iter().step_by(step).take(REFERENCE_ROWS);
        let mut observed: Vec<Vec<Observation>> = Vec::new();
        for &row in rows {
            let record = self.record(row)?;
            observed.push(manifest.features.iter().map(|f| encode(f, record.get(&f.name))).collect());
        }
        let mut predictor = predictor(manifest, model)?;
        let mean = |margins: Vec<f64>| margins.iter().sum::<f64>() / margins.len().max(1) as f64;
        let base = mean(predictor.margins(&observed)?);
        let (mut reference, mut offsets) = (Vec::new(), Vec::new());
        for (index, feature) in manifest.features.iter().enumerate() {
            let usual = encode(feature, Some(&feature.example));
            let changed = observed.iter().map(|row| {
                let mut row = row.clone();
                row[index] = usual;
                row
            });
            let changed: Vec<_> = changed.collect();
            offsets.push(base - mean(predictor.margins(&changed)?));
            reference.push(match usual {
                Observation::Number(number) => number,
                Observation::Category(place) => place as f64,
                _ => 0.0,
            });
        }
        Ok(Explanation { method: "linear".into(), base, reference, offsets })
    }

    /// What the training rows look like to the very code that will count live traffic, and how long one takes.
    fn baseline(&self, manifest: &Manifest, model: &[u8], training: &[usize]) -> Result<(Baseline, f64)> {
        let mut predictor = predictor(manifest, model)?;
        let start = Instant::now();
        let mut clock = || start.elapsed().as_secs_f64() * 1e3;
        let mut times = Vec::with_capacity(training.len());
        for &row in training {
            let prediction = predictor.predict(&self.record(row)?, &Groups::new(), &mut clock);
            times.push(prediction.map_err(|error| error.row(row + 1))?.timing.total);
        }
        times.sort_by(f64::total_cmp);
        let (layout, window) = (predictor.layout(), predictor.window());
        let features = (0..layout.features()).map(|index| {
            let moments = &window.moments[index];
            let numeric = moments.count > 0;
            BaselineFeature {
                counts: window.counts[layout.feature(index)].to_vec(),
                mean: numeric.then_some(moments.mean),
                standard_deviation: moments.standard_deviation().filter(|_| numeric),
            }
        });
        let baseline = Baseline {
            rows: training.len() as u64,
            features: features.collect(),
            scores: window.counts[layout.scores()].to_vec(),
            actions: window.counts[layout.actions()].to_vec(),
        };
        Ok((baseline, times.get(times.len() / 2).copied().unwrap_or_default()))
    }

    fn golden(&self, manifest: &Manifest, model: &[u8], rows: &[usize]) -> Result<Golden> {
        let mut predictor = predictor(manifest, model)?;
        let mut golden = Golden { records: Vec::new(), predictions: Vec::new(), tolerance: TOLERANCE };
        for &row in rows.iter().take(GOLDEN_ROWS) {
            let record = self.record(row)?;
            let prediction = predictor.predict(&record, &Groups::new(), &mut || 0.0)?;
            golden.records.push(record);
            golden.predictions.push(GoldenPrediction {
                label: prediction.label,
                score: prediction.score,
                probabilities: prediction.probabilities.unwrap_or_default(),
                action: prediction.action,
            });
        }
        Ok(golden)
    }
}

fn predictor(manifest: &Manifest, model: &[u8]) -> Result<Predictor> {
    Predictor::new(manifest.clone(), Some(Box::new(TractEngine::new(model)?)), 0)
}

fn check_complexity(canvas: &Canvas, parameters: usize, page_bytes: usize, latency_ms: f64) -> Result<()> {
    let limits = &canvas.prediction_task.complexity;
    let over = |what: &str, value: f64, limit: f64| {
        let message = format!("the model has {value} {what}, the canvas allows {limit}");
        let error = Error::new(ErrorKind::GateFailed, message).item("prediction_task.complexity");
        Err(error.help("take a smaller model, or allow more"))
    };
    if let Some(limit) = limits.max_parameters.filter(|&limit| parameters > limit) {
        return over("parameters", parameters as f64, limit as f64);
    }
    let kilobytes = page_bytes as f64 / 1e3;
    if let Some(limit) = limits.max_bundle_kb.filter(|&limit| kilobytes > limit) {
        return over("kilobytes", kilobytes, limit);
    }
    if let Some(limit) = limits.max_latency_ms.filter(|&limit| latency_ms > limit) {
        return over("milliseconds per prediction", latency_ms, limit);
    }
    Ok(())
}
