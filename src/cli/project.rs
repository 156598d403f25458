//! The folder of a project: its canvas, its bundle, and what the steps between them leave behind.

use crate::lock::Turn;
use clap::Args;
use nearside::bundle::{Roles, sha256_hex, short_digest};
use nearside::canvas::{BuildingModels, Canvas, Complexity, OfflineEvaluation, PredictionTask, to_json};
use nearside::features::FeatureSchema;
use nearside::rollout::{Registry, write_atomically};
use nearside::sources::{Lineage, read_canvas};
use nearside::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The version of the kit.
pub const KIT: &str = env!("CARGO_PKG_VERSION");

/// Which project a command works on.
#[derive(Args, Clone)]
pub struct ProjectArgs {
    /// The folder with canvas.toml.
    #[arg(long, default_value = ".")]
    project: PathBuf,
}

/// A project whose canvas was read and checked.
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// Its canvas.
    pub canvas: Canvas,
}

/// What `train` leaves for `evaluate`: `.nearside/candidates.json`.
#[derive(Serialize, Deserialize)]
pub struct Trained {
    /// The version of the kit that trained.
    #[serde(default)]
    pub kit: String,
    /// The short digest of what the canvas says about training.
    pub canvas_digest: String,
    /// The SHA-256 of the snapshot it was trained on.
    pub snapshot: String,
    /// What records look like: one entry per input of the models.
    pub schema: Vec<FeatureSchema>,
    /// The classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// Which output means what, for a model that a program of the project trained; nothing for those of the kit.
    #[serde(default)]
    pub roles: Option<Roles>,
    /// What such a program measured itself.
    #[serde(default)]
    pub metrics: Option<serde_json::Value>,
    /// The candidates, the plain one first.
    pub candidates: Vec<TrainedCandidate>,
}

/// One candidate of [`Trained`].
#[derive(Serialize, Deserialize)]
pub struct TrainedCandidate {
    /// `plain`, or the mitigation.
    pub name: String,
    /// The file name of its ONNX model in `.nearside`.
    pub model: String,
    /// The SHA-256 of that file.
    pub sha256: String,
    /// How its predictions can be explained: `linear` or `exact`; nothing where they cannot.
    pub explained_by: Option<String>,
    /// The number of learned parameters.
    pub parameters: usize,
    /// How many rows it learned from.
    pub rows: usize,
}

impl Trained {
    /// Fails with `invalid-data` when the candidates are not those of this canvas and these rows.
    pub fn check(&self, project: &Project, lineage: &Lineage) -> Result<()> {
        let same = self.canvas_digest == project.training_digest();
        check_current(same, self.snapshot == lineage.sha256, "trained", "train")
    }

    /// What was trained by this version of the kit, this canvas and these rows, if it is still there.
    pub fn kept(project: &Project, lineage: &Lineage) -> Option<Self> {
        let kept: Self = project.read_work_json("candidates.json", "train").ok()?;
        let current = kept.kit == KIT && kept.check(project, lineage).is_ok();
        let whole = || kept.candidates.iter().all(|candidate| kept.model(project, candidate).is_ok());
        (current && whole()).then_some(kept)
    }

    /// The model of a candidate, as it was trained.
    pub fn model(&self, project: &Project, candidate: &TrainedCandidate) -> Result<Vec<u8>> {
        let bytes = project.read_work(&candidate.model, "train")?;
        if sha256_hex(&bytes) == candidate.sha256 {
            return Ok(bytes);
        }
        let message = "this model is not the one that was trained: its SHA-256 is not the one in candidates.json";
        let error = Error::new(ErrorKind::InvalidData, message).place(project.work_file(&candidate.model).display());
        Err(error.help("run `nearside train` again"))
    }
}

/// Fails when something was `done` by `step` with another canvas, or on other rows, than those of the project now.
pub fn check_current(same_canvas: bool, same_rows: bool, done: &str, step: &str) -> Result<()> {
    let message = match (same_canvas, same_rows) {
        (false, _) => format!("the canvas has changed since the candidates were {done}"),
        (true, false) => format!("other rows have been gathered since the candidates were {done}"),
        (true, true) => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidData, message).help(format!("run `nearside {step}` again")))
}

impl Project {
    /// Reads the canvas of a project. Every fault of the canvas is in the error, with its line.
    pub fn open(args: &ProjectArgs) -> Result<Self> {
        let canvas = read_canvas(&args.project.join("canvas.toml"))?;
        Ok(Self { folder: args.project.clone(), canvas })
    }

    /// The short digest of the canvas.
    pub fn canvas_digest(&self) -> String {
        short_digest(to_json(&self.canvas).as_bytes())
    }

    /// The short digest of what the canvas says about training: what is predicted and from what, which rows are held out,
    /// and how models are fitted. Limits, prices and words may change without another model.
    pub fn training_digest(&self) -> String {
        let whole = self.canvas.clone();
        let training = Canvas {
            name: whole.name,
            prediction_task: PredictionTask { complexity: Complexity::default(), ..whole.prediction_task },
            features: whole.features,
            offline_evaluation: OfflineEvaluation {
                split: whole.offline_evaluation.split,
                ..OfflineEvaluation::default()
            },
            building_models: BuildingModels {
                trainer: whole.building_models.trainer,
                seed: whole.building_models.seed,
                fairness: whole.building_models.fairness,
                ..BuildingModels::default()
            },
            ..Canvas::default()
        };
        short_digest(to_json(&training).as_bytes())
    }

    /// Takes the turn of a command that changes what the steps leave for each other, until it is dropped.
    pub fn turn(&self, command: &str) -> Result<Turn> {
        Turn::take(&self.work_file(""), command)
    }

    /// The bundle.
    pub fn registry(&self) -> Registry {
        Registry::new(self.folder.join("bundle"))
    }

    /// A file that a step leaves for the next.
    pub fn work_file(&self, name: &str) -> PathBuf {
        self.folder.join(".nearside").join(name)
    }

    /// Writes a file for the next step.
    pub fn write_work(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.work_file(name);
        std::fs::create_dir_all(self.work_file("")).map_err(|error| Error::from(error).place(path.display()))?;
        write_atomically(&path, bytes)
    }

    /// Reads what an earlier step left. `step` is the command that makes it.
    pub fn read_work(&self, name: &str, step: &str) -> Result<Vec<u8>> {
        let path = self.work_file(name);
        std::fs::read(&path)
            .map_err(|error| Error::from(error).place(path.display()).help(format!("run `nearside {step}` first")))
    }

    /// Reads a JSON file that an earlier step left.
    pub fn read_work_json<T: DeserializeOwned>(&self, name: &str, step: &str) -> Result<T> {
        let bytes = self.read_work(name, step)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let error = Error::new(ErrorKind::InvalidData, error.to_string()).place(self.work_file(name).display());
            error.help(format!("run `nearside {step}` again"))
        })
    }
}

/// A value as the bytes of a JSON file.
pub fn json_bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}
