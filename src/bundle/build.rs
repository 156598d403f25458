//! The build file: how a version came to be, for the collector that shows it.

use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// `build.*.json`, of role `build`: when a version was built, from which rows, how long that took and what it weighs.
///
/// The same rows and the same canvas make the same version, whenever it is built. So the version, which is a hash of the
/// manifest, is taken before the entry of this file is in it; the hash of the file is in the manifest all the same, and
/// is verified like that of any other. A version that is built again keeps the manifest and the build file that it has:
/// this is the build that made the version, and what a manifest's name stands for never changes.
///
/// ```
/// use nearside::bundle::{Build, BuildStep};
/// let step = |step: &str, seconds| BuildStep { step: step.into(), seconds };
/// let mut build = Build::default();
/// assert_eq!(build.seconds(), None);
/// build.steps = vec![step("gather", 1.5), step("train", 2.0)];
/// assert_eq!(build.seconds(), Some(3.5));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// When the build that made the version ended, UTC.
    pub at: Millis,
    /// The candidate that was packed: `plain`, or the mitigation.
    pub candidate: String,
    /// The number of learned parameters.
    pub parameters: u64,
    /// What a page fetches of the bundle before its first prediction, in bytes: the manifest and the model.
    pub page_bytes: u64,
    /// The median time of one prediction on the machine that packed it, in milliseconds.
    pub latency_ms: f64,
    /// How long each step took, in their order: `gather`, `train`, `evaluate`, `pack`. Empty when the steps were run by
    /// hand, one command each.
    pub steps: Vec<BuildStep>,
    /// How the weights of the plan are kept, and how else they could be, each tried on held-out rows. Empty without a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<BuildWeights>,
    /// The rows that the version was built from.
    pub data: BuildData,
}

/// One way to keep the weights of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildWeights {
    /// `float32`, `float16` or `int8`.
    pub weights: String,
    /// The bytes of the plan on their way to a page: brotli, quality 11.
    pub bytes: u64,
    /// How far a probability is from tract's at most, or a value as a part of itself where that is above 1.
    pub error: f64,
    /// The share of rows that get another label or action.
    pub changed: f64,
    /// A metric on the rows, and its value, where their outcome is known.
    pub metric: Option<(String, f64)>,
    /// Whether it ships.
    pub chosen: bool,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildStep {
    /// The command: `gather`, `train`, `evaluate` or `pack`.
    pub step: String,
    /// How long it took, in seconds; for `pack` until this file was written.
    pub seconds: f64,
}

/// The rows that a version was built from: training and held-out ones together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildData {
    /// The SHA-256 of the snapshot.
    pub snapshot: String,
    /// When the snapshot was taken, UTC.
    pub gathered_at: Millis,
    /// The number of rows.
    pub rows: u64,
    /// The size of the snapshot in bytes.
    pub bytes: u64,
    /// The share of all its values that are missing, 0…1.
    pub missing_share: f64,
    /// The columns, in order.
    pub columns: Vec<BuildColumn>,
    /// The sources, in the order of the canvas.
    pub sources: Vec<BuildSource>,
}

/// One column of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildColumn {
    /// Its name.
    pub name: String,
    /// The share of its values that are missing, 0…1.
    pub missing_share: f64,
}

/// One source of the rows. Costs are by the unit prices of the canvas, in its currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildSource {
    /// Its name in the canvas.
    pub name: String,
    /// Whether its rows are invented by a recipe.
    pub synthetic: bool,
    /// The rows that it gave.
    pub rows: u64,
    /// What these rows cost, once.
    pub cost: f64,
    /// What it costs to keep them, each month.
    pub storage_per_month: f64,
}

impl Build {
    /// How long all steps took together, in seconds; nothing where that is not known.
    pub fn seconds(&self) -> Option<f64> {
        (!self.steps.is_empty()).then(|| self.steps.iter().map(|step| step.seconds).sum())
    }

    /// What the rows cost, once: those of every source, each at its own price.
    pub fn rows_cost(&self) -> f64 {
        self.data.sources.iter().map(|source| source.cost).sum()
    }

    /// What it costs to keep the rows, each month.
    pub fn storage_per_month(&self) -> f64 {
        self.data.sources.iter().map(|source| source.storage_per_month).sum()
    }
}
