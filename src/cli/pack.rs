//! `nearside pack`: the candidate that passed, as a folder of static files.

use crate::evaluate::{Evaluated, predictor};
use crate::golden::{self, Planned};
use crate::output::{self, Progress};
use crate::project::{KIT, Project, ProjectArgs, Trained, TrainedCandidate, json_bytes};
use crate::weights::{self, AtRest, Known};
use clap::Args;
use nearside::bundle::{
    Baseline, Build, BuildColumn, BuildData, BuildSource, BuildStep, BuildWeights, COMPILED, Explanation, FileEntry,
    Golden, GoldenPrediction, Manifest, PageFile, sha256_hex, short_digest,
};
use nearside::canvas::{Canvas, to_json};
use nearside::evaluate::{Page, card, card_json, html};
use nearside::features::{Observation, Record, Value, encode};
use nearside::predict::Groups;
use nearside::rollout::write_atomically;
use nearside::sources::{Lineage, Table, load_snapshot, record};
use nearside::train::split;
use nearside::{Error, ErrorKind, Millis, Predictor, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};

/// How many training rows the explanation compares with.
const REFERENCE_ROWS: usize = 256;
/// How many training rows the reference profile counts at most: beyond, they are spread over them all.
const BASELINE_ROWS: usize = 50_000;
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
    /// How the weights of the plan are kept.
    #[arg(long, value_enum, default_value = "auto")]
    weights: AtRest,
}

/// What was packed.
#[derive(Serialize, Deserialize)]
pub struct Packed {
    /// From what it was packed: see [`Packed::key`].
    #[serde(default)]
    pub key: String,
    /// The version.
    pub version: String,
    /// The candidate that it is.
    pub candidate: String,
    /// What runs it in pages: `compiled` or `tract`.
    pub engine: String,
    /// Why there is no plan, where there is none.
    pub no_plan: Option<String>,
    /// How the weights of the plan are kept, and how else they could be, each measured on held-out rows.
    pub weights: Vec<BuildWeights>,
    /// Whether the bundle did not have this version yet: the same rows and canvas make the same version again.
    pub new: bool,
    /// Whether it is the champion now.
    pub promoted: bool,
    /// What a page fetches before its first prediction, without the runtime, in bytes.
    pub page_bytes: usize,
    /// The median time of one prediction here, in milliseconds.
    pub latency_ms: f64,
}

/// Runs the command.
pub fn run(args: Pack, json: bool) -> Result<()> {
    let project = Project::open(&args.project)?;
    let _turn = project.turn("pack")?;
    let packed = step(&project, !args.no_promote, args.weights, &[])?;
    if json { output::json(&packed) } else { packed.print() }
}

impl Packed {
    /// What a version is made from: the kit, the canvas, the rows, the candidate and its report.
    fn key(project: &Project, trained: &Trained, evaluated: &Evaluated) -> Option<String> {
        let candidate = trained.candidates.get(evaluated.chosen?)?;
        let parts = [KIT, &project.canvas_digest(), &trained.snapshot, &candidate.sha256];
        Some(short_digest(parts.join(" ").as_bytes()))
    }

    /// The version that was packed from the same, if it is still there, whole, and the champion where that is wanted.
    pub fn kept(project: &Project, trained: &Trained, evaluated: &Evaluated, promote: bool) -> Option<Self> {
        let kept: Self = project.read_work_json("packed.json", "pack").ok()?;
        let registry = project.registry();
        let current = Some(&kept.key) == Self::key(project, trained, evaluated).as_ref();
        let champion = || registry.channel().is_ok_and(|channel| channel.champion.version == kept.version);
        let whole = || registry.verify(&kept.version).is_ok();
        (current && (!promote || champion()) && whole()).then_some(Self { new: false, promoted: promote, ..kept })
    }

    /// Says what was packed.
    pub fn print(&self) -> Result<()> {
        let state = if self.promoted { "champion" } else { "not promoted" };
        let again = if self.new { "" } else { ", as it was built before" };
        let Self { version, candidate, engine, page_bytes, latency_ms, .. } = self;
        output::line(format_args!(
            "packed {version} ({candidate}, engine {engine}, {state}{again}): {page_bytes} bytes for the page, {latency_ms:.3} ms each"
        ))?;
        weights::lines(&self.weights).iter().try_for_each(|line| output::line(format_args!("  {line}")))?;
        match &self.no_plan {
            Some(why) => output::line(format_args!("  there is no plan: {why}")),
            None => Ok(()),
        }
    }
}

/// Packs the chosen candidate. `steps` are those that this run took before, where it is a whole build.
///
/// # Errors
/// `gate-failed` when no candidate passed, or the chosen one is over the allowed complexity; `invalid-data` when canvas,
/// rows, candidates and evaluation are not of one and the same build.
pub fn step(project: &Project, promote: bool, weights: AtRest, steps: &[BuildStep]) -> Result<Packed> {
    let start = Instant::now();
    let trained: Trained = project.read_work_json("candidates.json", "train")?;
    let evaluated: Evaluated = project.read_work_json("evaluation.json", "evaluate")?;
    let (table, lineage) = load_snapshot(&project.folder)?;
    trained.check(project, &lineage)?;
    let chosen = evaluated.ships(project, &trained, &lineage)?;
    let (candidate, report) = (&trained.candidates[chosen], &evaluated.candidates[chosen].report);
    let model = trained.model(project, candidate)?;
    let rows = split(&project.canvas, &table)?;

    let mut manifest = predictor(project, &trained, &model)?.manifest().clone();
    let progress = Progress::new("packing", Some(rows.train.len() as u64));
    let mut packer = Packer { project, trained: &trained, model: &model, table: &table, progress, files: Vec::new() };
    manifest.explanation = match candidate.explained_by.as_deref() {
        Some("linear") => Some(packer.explanation(&manifest, &rows.train)?),
        Some(method) => Some(packer.reference(&manifest, method)?),
        None => None,
    };
    let (baseline, latency_ms) = packer.baseline(&rows.train)?;
    let mut golden_rows = packer.golden(&rows.test)?;
    packer.add(&mut manifest, "model", "onnx", model.clone());
    let (plan, no_plan) = match golden::plan(&manifest, &model, &mut golden_rows, &packer.rows(&rows.test)?, weights)? {
        Ok(Planned { plan, ways }) => {
            manifest.engine = COMPILED.to_owned();
            manifest.plan_sha256 = Some(sha256_hex(&plan));
            (Some((plan, ways)), None)
        }
        Err(why) => (None, Some(why)),
    };
    let (plan, ways) = plan.unzip();
    let ways: Vec<BuildWeights> = ways.unwrap_or_default();
    packer.add(&mut manifest, "baseline", "json", json_bytes(&baseline)?);
    packer.add(&mut manifest, "canvas", "json", to_json(&project.canvas).into_bytes());
    packer.add(&mut manifest, "golden", "json", json_bytes(&golden_rows)?);
    packer.add(&mut manifest, "evaluation", "json", json_bytes(report)?);
    packer.add(&mut manifest, "card", "md", card(&project.canvas, report, &candidate.name).into_bytes());
    packer.add(&mut manifest, "card_data", "json", json_bytes(&card_json(&project.canvas, report, &candidate.name))?);
    let page = Page { candidate: &candidate.name, ..Page::default() };
    packer.add(&mut manifest, "report", "html", html(report, &page).into_bytes());
    manifest.version = short_digest(&json_bytes(&manifest)?);
    if let Some(plan) = plan {
        let file = PageFile::write(&manifest, &plan)?;
        packer.add(&mut manifest, "plan", "plan", file);
    }

    // What follows is about this build and not about the version: one that was built before keeps its manifest.
    let registry = project.registry();
    let version = manifest.version.clone();
    let path = registry.folder().join(format!("manifest.{version}.json"));
    let new = !path.exists();
    let page_bytes = if new {
        let pack = (!steps.is_empty()).then(|| build_step("pack", start));
        let steps = steps.iter().cloned().chain(pack);
        packer.add_build(
            &mut manifest,
            Build { weights: ways.clone(), ..build(candidate, &lineage, latency_ms, steps.collect()) },
        )?
    } else {
        let text = std::fs::read(&path).map_err(|error| Error::from(error).place(path.display()))?;
        page_bytes(text.len(), &manifest)
    };
    check_complexity(&project.canvas, candidate.parameters, page_bytes, latency_ms)?;
    packer.write()?;
    if !new {
        registry.verify(&version).map_err(|error| cannot_be_made_again(&error, registry.folder()))?;
    }
    if promote {
        registry.promote(&version)?;
    }
    let (engine, candidate) = (manifest.engine, candidate.name.clone());
    let key = Packed::key(project, &trained, &evaluated).unwrap_or_default();
    let packed = Packed {
        key,
        version,
        candidate,
        engine,
        no_plan,
        weights: ways,
        new,
        promoted: promote,
        page_bytes,
        latency_ms,
    };
    project.write_work("packed.json", &json_bytes(&packed)?)?;
    Ok(packed)
}

/// A step of a build that began at `start` and has just ended.
pub fn build_step(step: &str, start: Instant) -> BuildStep {
    BuildStep { step: step.to_owned(), seconds: start.elapsed().as_secs_f64() }
}

fn build(candidate: &TrainedCandidate, lineage: &Lineage, latency_ms: f64, steps: Vec<BuildStep>) -> Build {
    let columns = lineage.columns.iter();
    let missing: f64 = columns.clone().map(|column| column.missing_share).sum();
    let sources = lineage.sources.iter().map(|source| BuildSource {
        name: source.name.clone(),
        synthetic: source.synthetic,
        rows: source.rows,
        cost: source.cost.rows,
        storage_per_month: source.cost.storage_per_month,
    });
    Build {
        at: Millis(UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_millis() as u64)),
        candidate: candidate.name.clone(),
        parameters: candidate.parameters as u64,
        page_bytes: 0,
        latency_ms,
        steps,
        weights: Vec::new(),
        data: BuildData {
            snapshot: lineage.sha256.clone(),
            gathered_at: lineage.gathered_at,
            rows: lineage.rows,
            bytes: lineage.bytes,
            missing_share: missing / lineage.columns.len().max(1) as f64,
            columns: columns
                .map(|column| BuildColumn { name: column.name.clone(), missing_share: column.missing_share })
                .collect(),
            sources: sources.collect(),
        },
    }
}

/// All files of a version are made again by its rows, but for the manifest and the build file: they tell of another moment.
fn cannot_be_made_again(error: &Error, folder: &Path) -> Error {
    let same = Error::new(error.kind(), error.message()).place(error.context().place.as_deref().unwrap_or("bundle"));
    same.help(format!("bring this file back from a copy, or remove {} and run this again", folder.display()))
}

/// What a page fetches before its first prediction, without the runtime: the file that carries manifest and plan, or the
/// manifest and the model.
fn page_bytes(manifest_bytes: usize, manifest: &Manifest) -> usize {
    let alone = if manifest.engine == COMPILED { 0 } else { manifest_bytes };
    alone + manifest.model_file().map_or(0, |model| model.bytes)
}

struct Packer<'a> {
    project: &'a Project,
    trained: &'a Trained,
    model: &'a [u8],
    table: &'a Table,
    progress: Progress,
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

    /// Adds the build file and then the manifest, which names it. The build file says how large the manifest is, and the
    /// manifest how large the build file: the number grows from 0 until both are right.
    fn add_build(&mut self, manifest: &mut Manifest, mut build: Build) -> Result<usize> {
        loop {
            let files = self.files.len();
            self.add(manifest, "build", "json", json_bytes(&build)?);
            let text = json_bytes(manifest)?;
            let bytes = page_bytes(text.len(), manifest);
            if build.page_bytes == bytes as u64 {
                self.add_named(format!("manifest.{}.json", manifest.version), text);
                return Ok(bytes);
            }
            build.page_bytes = bytes as u64;
            self.files.truncate(files);
        }
    }

    fn write(&self) -> Result<()> {
        let registry = self.project.registry();
        let folder = registry.folder();
        std::fs::create_dir_all(folder).map_err(|error| Error::from(error).place(folder.display()))?;
        self.files.iter().try_for_each(|(path, bytes)| write_atomically(&folder.join(path), bytes))
    }

    /// Held-out rows, spread over them all, with what became of them.
    fn rows(&self, rows: &[usize]) -> Result<Known> {
        let rows: Vec<usize> = rows.iter().copied().step_by(rows.len().div_ceil(weights::ROWS).max(1)).collect();
        let target = self.table.column(&self.project.canvas.prediction_task.target)?;
        let records = rows.iter().map(|&row| self.record(row)).collect::<Result<_>>()?;
        let known = |&row: &usize| match target.value(row) {
            Value::Text(text) => text,
            Value::Missing => String::new(),
            value => value.to_string(),
        };
        Ok(Known { records, known: rows.iter().map(known).collect() })
    }

    fn record(&self, row: usize) -> Result<Record> {
        record(&self.project.canvas, self.table, row)
    }

    fn predictor(&self) -> Result<Predictor> {
        predictor(self.project, self.trained, self.model)
    }

    /// Puts each feature to its usual value in turn, on training rows spread over the table.
    fn explanation(&self, manifest: &Manifest, training: &[usize]) -> Result<Explanation> {
        let step = (training.len() / REFERENCE_ROWS).max(1);
        let rows = training.iter().step_by(step).take(REFERENCE_ROWS);
        let mut observed: Vec<Vec<Observation>> = Vec::new();
        for &row in rows {
            let record = self.record(row)?;
            observed.push(manifest.features.iter().map(|f| encode(f, record.get(&f.name))).collect());
        }
        let mut predictor = self.predictor()?;
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
            reference.push(fed(usual));
        }
        Ok(Explanation { method: "linear".into(), base, reference, offsets })
    }

    /// Puts every feature to its usual value: the record that others are compared with.
    fn reference(&self, manifest: &Manifest, method: &str) -> Result<Explanation> {
        let usual: Vec<Observation> =
            manifest.features.iter().map(|feature| encode(feature, Some(&feature.example))).collect();
        let base = self.predictor()?.margins(std::slice::from_ref(&usual))?.first().copied().unwrap_or_default();
        let reference = usual.into_iter().map(fed).collect();
        Ok(Explanation { method: method.to_owned(), base, reference, offsets: Vec::new() })
    }

    /// What the training rows look like to the very code that will count live traffic, and how long one takes.
    fn baseline(&self, training: &[usize]) -> Result<(Baseline, f64)> {
        let mut predictor = self.predictor()?;
        let start = Instant::now();
        let mut clock = || start.elapsed().as_secs_f64() * 1e3;
        let rows = training.iter().step_by(training.len().div_ceil(BASELINE_ROWS).max(1));
        let mut times = Vec::with_capacity(rows.len());
        for (done, &row) in rows.enumerate() {
            self.progress.set(done as u64, None);
            let prediction = predictor.predict(&self.record(row)?, &Groups::new(), &mut clock);
            times.push(prediction.map_err(|error| error.row(row + 1))?.timing.total);
        }
        times.sort_by(f64::total_cmp);
        Ok((predictor.baseline(), times.get(times.len() / 2).copied().unwrap_or_default()))
    }

    fn golden(&self, rows: &[usize]) -> Result<Golden> {
        let mut predictor = self.predictor()?;
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
                value: prediction.value,
            });
        }
        Ok(golden)
    }
}

/// What a model is fed for a usual value.
fn fed(usual: Observation) -> f64 {
    match usual {
        Observation::Number(number) => number,
        Observation::Category(place) => place as f64,
        _ => 0.0,
    }
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
