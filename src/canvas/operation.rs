//! Blocks 7, 8 and 9: making predictions, collecting data, building models.

use super::TaskKind;
use serde::{Deserialize, Serialize};

/// Block 7: where, when and how fast predictions are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MakingPredictions {
    /// Where the model runs.
    #[serde(rename = "where")]
    pub place: Vec<Where>,
    /// When it runs.
    pub when: When,
    /// From the click to the first prediction, in milliseconds.
    pub first_prediction_ms: f64,
    /// The 95th percentile of one prediction, in milliseconds.
    pub latency_p95_ms: Option<f64>,
    /// The action taken when the model cannot answer, or when a record is out of bounds.
    pub fallback: Option<String>,
}

impl Default for MakingPredictions {
    fn default() -> Self {
        Self {
            place: vec![Where::Browser],
            when: When::OnDemand,
            first_prediction_ms: 3000.0,
            latency_p95_ms: None,
            fallback: None,
        }
    }
}

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// In the visitor's page.
    Browser,
    /// On an edge worker.
    Edge,
    /// On a server.
    Server,
}

/// When a model runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// When somebody asks.
    #[default]
    OnDemand,
    /// Over many rows at a time.
    Batch,
    /// As the page loads.
    OnLoad,
}

/// Block 8: what is collected from live use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectingData {
    /// Whether anything may leave a page before the visitor has agreed.
    pub consent: Consent,
    /// How long counters and outcomes are kept, in days.
    pub retention_days: f64,
    /// Where labels come from.
    pub label_source: Option<String>,
    /// What one label costs, in the currency of the canvas.
    pub label_cost: f64,
}

impl Default for CollectingData {
    fn default() -> Self {
        Self { consent: Consent::Required, retention_days: 90.0, label_source: None, label_cost: 0.0 }
    }
}

/// Whether counters need the visitor's consent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nothing leaves the page before consent.
    #[default]
    Required,
    /// The site has another ground for it.
    NotRequired,
}

/// Block 9: how models are built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BuildingModels {
    /// How a model is fitted.
    pub trainer: Trainer,
    /// The seed of everything that is drawn by chance.
    pub seed: u64,
    /// How often a model is built, in words.
    pub schedule: Option<String>,
    /// What an hour of building costs, in the currency of the canvas.
    pub cost_per_hour: f64,
    /// What is done about unfairness while training.
    pub fairness: Option<Fairness>,
    /// What the bundle was planned for.
    pub stack: Option<Stack>,
    /// How much traffic is planned for.
    pub scale: Option<Scale>,
    /// The steps from a candidate to the champion. Not stated, it is the one step `full`.
    pub rollout: Vec<RolloutStep>,
    /// The currency of every cost in the canvas.
    pub currency: Option<String>,
}

/// How a model is fitted: by a trainer of the kit, or by a program of the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trainer {
    /// The kind of model; not stated, the task's own: see [`TrainerKind::of`].
    pub kind: Option<TrainerKind>,
    /// A linear model: the strength of the L2 penalty on the weights (not on the intercept), per row.
    pub l2: f64,
    /// Gradient boosting, isolation forest: the number of trees (for more than two classes, of rounds of one tree per class).
    pub trees: usize,
    /// Gradient boosting: the number of questions from the root to a leaf at most, 1…16.
    pub depth: usize,
    /// Gradient boosting: what each tree's leaves are multiplied by, 0…1.
    pub learning_rate: f64,
    /// Gradient boosting: the fewest training rows in a leaf.
    pub min_rows: usize,
    /// Gradient boosting: stop when this many trees in a row have not lowered the loss on a tenth of the training rows,
    /// which is held back for that. Not stated, every tree is grown.
    pub early_stopping: Option<usize>,
    /// The program that trains instead, and its arguments. It is told by its environment where snapshot and canvas are,
    /// and where to write `model.onnx`.
    pub command: Vec<String>,
    /// How long the program may take, in seconds.
    pub timeout_s: f64,
}

impl Default for Trainer {
    fn default() -> Self {
        Self {
            kind: None,
            l2: 1e-4,
            trees: 100,
            depth: 4,
            learning_rate: 0.1,
            min_rows: 20,
            early_stopping: None,
            command: Vec::new(),
            timeout_s: 3600.0,
        }
    }
}

/// The kinds of model that the kit fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainerKind {
    /// Linear regression with an L2 penalty (ridge).
    Linear,
    /// Logistic regression with an L2 penalty; softmax regression for more than two classes.
    Logistic,
    /// Trees that each correct those before.
    GradientBoosting,
    /// Trees that cut at random: what is cut off early is unusual.
    IsolationForest,
}

impl TrainerKind {
    /// What fits a task where the canvas names no trainer.
    pub const fn of(task: TaskKind) -> Self {
        match task {
            TaskKind::Classification => Self::Logistic,
            TaskKind::Regression => Self::Linear,
            TaskKind::Ranking => Self::GradientBoosting,
            TaskKind::AnomalyDetection => Self::IsolationForest,
        }
    }

    /// Whether it can fit this task.
    pub const fn fits(self, task: TaskKind) -> bool {
        match self {
            Self::Linear => matches!(task, TaskKind::Regression),
            Self::Logistic => matches!(task, TaskKind::Classification),
            Self::GradientBoosting => !matches!(task, TaskKind::AnomalyDetection),
            Self::IsolationForest => matches!(task, TaskKind::AnomalyDetection),
        }
    }

    /// The name that the canvas uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Logistic => "logistic",
            Self::GradientBoosting => "gradient_boosting",
            Self::IsolationForest => "isolation_forest",
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Linear, Self::Logistic, Self::GradientBoosting, Self::IsolationForest];
}

/// What is done about unfairness while training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fairness {
    /// The sensitive feature.
    pub group: String,
    /// The metric that the mitigated candidates are meant to improve: it is shown beside them. What a candidate must
    /// reach is a gate of block 5, and of those that pass every gate the one with the highest `roc_auc` is taken.
    pub metric: String,
    /// The candidates that are trained beside the plain one.
    pub mitigate: Vec<Mitigation>,
}

/// A way to train a fairer candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mitigation {
    /// Weights that make group and label independent (Kamiran and Calders, 2012).
    Reweighing,
    /// A penalty on what the groups' mean predictions are apart, in several strengths, each a candidate.
    Constraint,
}

/// What a bundle was planned for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// The version of the kit, `major.minor`.
    pub kit: String,
    /// The ONNX operator set.
    pub opset: u32,
}

/// How much traffic is planned for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Predictions on a usual day.
    pub predictions_per_day: f64,
}

/// One step from a candidate to the champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutStep {
    /// Who sees the candidate.
    pub mode: RolloutMode,
}

/// Who sees a candidate. There is one way so far: the version that passed the gates is promoted for everybody at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutMode {
    /// Everybody.
    Full,
}
