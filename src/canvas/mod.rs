//! Takes the text of `canvas.toml`; gives the ten blocks as types, checked, with the sentence and the unit prices in them.
//! Next: `sources`, `train`, `bundle` and `alerts` execute what the blocks state.
//! It never opens a file, and never measures anything: live values come from `monitor`.

mod check;
mod check_evaluation;
mod check_features;
mod check_sources;
mod evaluation;
mod features;
mod finding;
mod metrics;
mod monitoring;
mod nearest;
mod operation;
mod sources;
mod task;
mod value;

#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
mod de;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
mod read;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
mod tree;

pub use check::check;
pub use evaluation::{Abstain, Band, Decisions, ErrorCost, Gate, OfflineEvaluation, Other, Review, Split, SplitKind};
pub use features::{
    DatePart, Derivation, Feature, FeatureKind, MAX_TERMS, MODEL_OUTPUTS, Missing, Monotonic, Transform,
};
pub use finding::Finding;
pub use metrics::{LATENCY_METRIC, LIVE_METRICS, is_fairness_metric, lower_is_better, metric_range, offline_metrics};
pub use monitoring::{Correlation, LiveMonitoring, Rule, RuleAction};
pub use nearest::nearest;
pub use operation::{
    BuildingModels, CollectingData, Consent, Fairness, MakingPredictions, Mitigation, RolloutMode, RolloutStep, Scale,
    Stack, Trainer, TrainerKind, When, Where,
};
pub use sources::{DataSource, Join, JoinKind, SourceCost, SourceFormat, SourceKind};
pub use task::{Complexity, PredictionTask, TaskKind};
pub use value::{BusinessMetric, Direction, ValueProposition};

#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub(crate) use read::read_checked;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub use read::{parse_canvas, to_json};

use serde::{Deserialize, Serialize};

/// The machine-learning canvas of one prediction service, as `canvas.toml` states it.
///
/// Three things are required: `name`, the kind of the task, and its target (or, for a model that was adopted, its
/// output). A block that is not stated stays empty and is shown grey.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canvas {
    /// The name of the service: lower-case letters, digits and hyphens. It is the name of its folder on a server, too.
    pub name: String,
    /// Block 1: for whom the predictions are worth what.
    #[serde(default)]
    pub value_proposition: ValueProposition,
    /// Block 2: where the data comes from and what it costs.
    #[serde(default)]
    pub data_sources: Vec<DataSource>,
    /// Block 3: what is predicted.
    pub prediction_task: PredictionTask,
    /// Block 4: what it is predicted from.
    #[serde(default)]
    pub features: Vec<Feature>,
    /// Block 5: how good a model must be before it ships.
    #[serde(default)]
    pub offline_evaluation: OfflineEvaluation,
    /// Block 6: how a prediction becomes a decision.
    #[serde(default)]
    pub decisions: Decisions,
    /// Block 7: where, when and how fast predictions are made.
    #[serde(default)]
    pub making_predictions: MakingPredictions,
    /// Block 8: what is collected from live use, and with whose consent.
    #[serde(default)]
    pub collecting_data: CollectingData,
    /// Block 9: how models are built and rolled out.
    #[serde(default)]
    pub building_models: BuildingModels,
    /// Block 10: what is watched, and what happens when it goes wrong.
    #[serde(default)]
    pub live_monitoring: LiveMonitoring,
}

impl Canvas {
    /// The features that the model takes, in the order of the file: every one that is not sensitive, and not derived from
    /// others.
    pub fn inputs(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| !feature.sensitive && feature.derived().is_none())
    }

    /// The features that the model's graph computes from its inputs, in the order of the file.
    pub fn derived(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| feature.derived().is_some())
    }

    /// The sensitive features: never given to the model, only declared as fairness groups.
    pub fn groups(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| feature.sensitive)
    }
}
