//! The manifest: what a bundle holds, what the model takes and gives, and what the canvas promises about it.

use crate::canvas::{Band, BusinessMetric, Consent, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FeatureSchema, GroupSchema, Record};
use crate::tensor::Port;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format that this version of the kit writes and reads.
pub const FORMAT: u32 = 1;

/// The engine that runs plans.
pub const COMPILED: &str = "compiled";
/// The engine that runs any ONNX file.
pub const TRACT: &str = "tract";

/// `manifest.json`: everything that a page needs beside the model itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The name of the service, from the canvas.
    pub name: String,
    /// The first 12 hexadecimal digits of the SHA-256 of the manifest with this field empty.
    pub version: String,
    /// The short digest of the canvas that it was built from.
    pub canvas_digest: String,
    /// The engine that answers: [`COMPILED`], where there is a plan, or [`TRACT`].
    pub engine: String,
    /// The files by role: `model`, `plan`, `baseline`, `canvas`, `golden`, `evaluation`, `card`.
    pub files: BTreeMap<String, FileEntry>,
    /// The SHA-256 of the plan alone, where there is one: the file that carries it carries this manifest, too, and with it
    /// the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_sha256: Option<String>,
    /// What is predicted.
    pub task: TaskSchema,
    /// What the model takes.
    pub inputs: Vec<Port>,
    /// What the model gives.
    pub outputs: Vec<Port>,
    /// Which output means what.
    pub roles: Roles,
    /// The raw features: one per input of the model and in that order, or wherever each says that it feeds.
    pub features: Vec<FeatureSchema>,
    /// The sensitive features: never inputs, only declared as groups.
    pub groups: Vec<GroupSchema>,
    /// The bands of the score, highest first.
    pub bands: Vec<Band>,
    /// The actions that favour the person concerned.
    pub favourable: Vec<String>,
    /// The action taken when a record is out of bounds.
    pub fallback: Option<String>,
    /// How predictions are explained.
    pub explanation: Option<Explanation>,
    /// What may leave the page, and when.
    pub telemetry: TelemetrySettings,
    /// The time budgets.
    pub budgets: Budgets,
    /// The numbers of the business that outcomes may carry.
    pub business_metrics: Vec<BusinessMetric>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The file name; it carries the start of the hash.
    pub path: String,
    /// The SHA-256 in hexadecimal.
    pub sha256: String,
    /// The size in bytes.
    pub bytes: usize,
}

/// What is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSchema {
    /// The kind of task.
    pub kind: TaskKind,
    /// The column that is predicted.
    pub target: String,
    /// The classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// The positive class of a classification into two.
    pub positive: Option<String>,
}

/// Which output of the model means what, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// The index of the predicted class, `[N]`.
    pub label: Option<String>,
    /// The probability of each class, `[N, classes]`.
    pub probabilities: Option<String>,
    /// The log-odds of the positive class, `[N, 1]`.
    pub margin: Option<String>,
    /// The predicted class itself, `[N]`: a string, or an integer that is a class when written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The probability of the positive class, `[N]` or `[N, 1]`, where there are no `probabilities`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// The predicted number of a regression, `[N]` or `[N, 1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// How predictions are explained: raw features are put to their reference values.
///
/// `linear`, for an additive model: the contribution of feature *j* to record *x* is
/// `margin(x) − margin(x with x_j = reference_j) − offset_j`, with `offset_j` the mean of the same difference over the
/// reference rows. This is its exact Shapley value against those rows (Lundberg and Lee, 2017, corollary 1).
///
/// `exact`, for any other: the Shapley value against the one reference record, from every set of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// `linear` or `exact`.
    pub method: String,
    /// The mean margin of the reference rows, or that of the reference record.
    pub base: f64,
    /// The value that each feature is put to, as the model is fed it.
    pub reference: Vec<f64>,
    /// The mean difference that this makes over the reference rows; empty for `exact`.
    pub offsets: Vec<f64>,
}

/// What may leave the page, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TelemetrySettings {
    /// From the first prediction to the first frame, in milliseconds.
    pub first_flush_ms: u64,
    /// Between frames, in milliseconds.
    pub flush_ms: u64,
    /// Whether anything may leave before the visitor has agreed.
    pub consent: Consent,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { first_flush_ms: 5_000, flush_ms: 30_000, consent: Consent::Required }
    }
}

/// The time budgets of block 7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budgets {
    /// From the click to the first prediction, in milliseconds.
    pub first_prediction_ms: f64,
    /// The 95th percentile of one prediction, in milliseconds.
    pub latency_p95_ms: Option<f64>,
}

/// `baseline.*.json`: what the reference rows looked like, in the bins that live traffic is counted in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// How many rows.
    pub rows: u64,
    /// One entry per feature of the manifest, in that order.
    pub features: Vec<BaselineFeature>,
    /// The scores in 256 equal bins of 0…1.
    pub scores: Vec<u64>,
    /// How often each action was taken, in the order of [`Manifest::actions`].
    pub actions: Vec<u64>,
}

/// What the reference rows looked like in one feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineFeature {
    /// The counts, in the bins of the profile's layout.
    pub counts: Vec<u64>,
    /// The mean of a number.
    pub mean: Option<f64>,
    /// The standard deviation of a number.
    pub standard_deviation: Option<f64>,
}

/// `golden.*.json`: predictions that every engine and every host must repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// The records, as a page would send them.
    pub records: Vec<Record>,
    /// The answers.
    pub predictions: Vec<GoldenPrediction>,
    /// How far a score may be off.
    pub tolerance: f64,
}

/// One answer of [`Golden`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoldenPrediction {
    /// The predicted class.
    pub label: Option<String>,
    /// The probability of the positive class.
    pub score: Option<f64>,
    /// The probability of each class.
    pub probabilities: BTreeMap<String, f64>,
    /// What is done.
    pub action: Option<String>,
    /// The predicted number, for a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Manifest {
    /// The file that the engine runs, which is what pages fetch: the plan, or the model itself.
    pub fn model_file(&self) -> Option<&FileEntry> {
        self.files.get(if self.engine == COMPILED { "plan" } else { "model" })
    }

    /// Fails when this version of the kit cannot read the bundle.
    pub fn check(&self) -> Result<()> {
        let wrong = |message: String, help: &str| {
            Err(Error::new(ErrorKind::BundleFormat, message).model(&self.name).help(help))
        };
        if self.format != FORMAT {
            let message = format!("the manifest has format {}, this version reads format {FORMAT}", self.format);
            return wrong(message, "use the version of nearside that packed it, or pack it again");
        }
        let mut fed: Vec<Vec<bool>> = self.inputs.iter().map(|input| vec![false; input.width()]).collect();
        for place in 0..self.features.len() {
            let column = self.fed(place).and_then(|(input, column)| fed.get_mut(input)?.get_mut(column));
            match column {
                Some(taken) if !*taken => *taken = true,
                _ => {
                    let message = format!("the feature {} has no input of its own", self.features[place].name);
                    return wrong(message, "pack the bundle again");
                }
            }
        }
        if let Some(unfed) = fed.iter().position(|columns| columns.contains(&false)) {
            let message = format!("{} features do not fill the input {}", self.features.len(), self.inputs[unfed].name);
            return wrong(message, "pack the bundle again");
        }
        Ok(())
    }

    /// The input and the column in it that the feature at this place feeds.
    pub fn fed(&self, feature: usize) -> Option<(usize, usize)> {
        match &self.features.get(feature)?.feeds {
            None => Some((feature, 0)),
            Some(feeds) => Some((self.inputs.iter().position(|input| input.name == feeds.input)?, feeds.column)),
        }
    }

    /// The shapes of the inputs for this many rows.
    pub fn input_shapes(&self, rows: usize) -> Vec<Vec<usize>> {
        let shape = |input: &Port| if input.shape.len() == 1 { vec![rows] } else { vec![rows, input.width()] };
        self.inputs.iter().map(shape).collect()
    }

    /// Whether predictions have a score: not those of a regression, of more than two classes, or of a classifier that
    /// only names a class.
    pub fn has_score(&self) -> bool {
        self.positive_index().is_some() && (self.roles.probabilities.is_some() || self.roles.score.is_some())
    }

    /// The actions that a prediction can end in: those of the bands, and the fallback where it is another one.
    pub fn actions(&self) -> Vec<&str> {
        let mut actions: Vec<&str> = Vec::new();
        for action in self.bands.iter().map(|band| band.action.as_str()).chain(self.fallback.as_deref()) {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        actions
    }

    /// Whether the action at this place of [`Manifest::actions`] favours the person concerned.
    pub fn is_favourable(&self, action: usize) -> bool {
        self.actions().get(action).is_some_and(|action| self.favourable.iter().any(|known| known == action))
    }

    /// The place of the positive class among the classes, for a classification into two.
    pub fn positive_index(&self) -> Option<usize> {
        let positive = self.task.positive.as_ref()?;
        self.task.classes.iter().position(|class| class == positive)
    }
}
