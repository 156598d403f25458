//! The canvas with its live values: ten blocks, each with what is stated, what is measured, and what it costs.

use super::Report;
use super::canvas_blocks as blocks;
use crate::bundle::BuildSource;
use crate::canvas::Canvas;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The canvas as the dashboard shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanvasView {
    /// The name of the service.
    pub name: String,
    /// "For X who Y, our Z is a C that B", where all of it is stated.
    pub sentence: Option<String>,
    /// Whose idea the ten blocks are.
    pub credit: String,
    /// The costs of all blocks per thousand predictions of the report, where both are known.
    pub cost_per_thousand: Option<f64>,
    /// The currency of every cost; empty where the canvas states none.
    pub currency: String,
    /// The ten blocks, in order.
    pub blocks: Vec<Block>,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Its number, 1…10.
    pub number: u8,
    /// Its key in `canvas.toml`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The question that it answers.
    pub question: String,
    /// The worst of its live values; grey when nothing is behind it.
    pub state: BlockState,
    /// What the canvas states.
    pub stated: Vec<Stated>,
    /// What is measured.
    pub live: Vec<Shown>,
    /// The moment up to which it was measured; nothing where that is not known.
    pub live_at: Option<Millis>,
    /// What it cost in the time that the report is about; nothing without a price or a count.
    pub cost: Option<f64>,
}

/// One thing that the canvas states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// What.
    pub label: String,
    /// Its value with its unit.
    pub value: String,
}

/// One live value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What.
    pub label: String,
    /// Its value with its unit.
    pub value: String,
    /// How that is.
    pub state: BlockState,
}

/// How a live value is, or the worst of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockState {
    /// Nothing is known.
    #[default]
    Grey,
    /// Known, and within what is stated.
    Good,
    /// To be looked at.
    Warn,
    /// Something must be done.
    Bad,
}

/// What only a host knows, beside the counters. A page passes the default: everything unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    /// The moment of asking.
    pub now: Option<Millis>,
    /// How many rows the last snapshot of the data has.
    pub dataset_rows: Option<u64>,
    /// How many bytes it takes.
    pub dataset_bytes: Option<u64>,
    /// When it was taken.
    pub snapshot_at: Option<Millis>,
    /// The share of missing values in it.
    pub missing_share: Option<f64>,
    /// What each source gave of it, and what that cost.
    pub sources: Vec<BuildSource>,
    /// All files of the bundle that a page needs before its first prediction, in bytes.
    pub bundle_bytes: Option<u64>,
    /// How many parameters the model has learned.
    pub parameters: Option<u64>,
    /// The gates that the champion went through.
    pub gates: Vec<GateResult>,
    /// The build that made the champion.
    pub build: Option<Build>,
    /// How versions are shared out, as the channel file says it.
    pub mode: Option<String>,
    /// Labels that have come back so far, of all versions.
    pub labels: Option<u64>,
    /// Alerts that are firing.
    pub alerts_open: Option<u64>,
    /// The words of the last alert.
    pub last_alert: Option<String>,
}

/// What a gate came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// The metric.
    pub metric: String,
    /// For a fairness metric: the sensitive feature.
    #[serde(default)]
    pub by: Option<String>,
    /// Its value in the evaluation.
    pub value: Option<f64>,
    /// The lowest value that passes.
    #[serde(default)]
    pub min: Option<f64>,
    /// The highest value that passes.
    #[serde(default)]
    pub max: Option<f64>,
    /// Whether it passed.
    pub passed: bool,
}

/// One build of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The version that it made.
    pub version: String,
    /// When it ended; a build of which that is not known is shown grey.
    pub at: Option<Millis>,
    /// Why it was started.
    pub reason: Option<String>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// The version that was champion before.
    pub previous: Option<String>,
}

const CREDIT: &str = "The ten blocks are after the Machine Learning Canvas by Louis Dorard (ownml.co), CC BY-SA 4.0.";

/// Joins what the canvas states with what was measured. Without a report, and with an empty `live`, every block is
/// grey and shows only what is stated.
pub fn canvas_view(canvas: &Canvas, report: Option<&Report>, live: &Live) -> CanvasView {
    // A report that has counted nothing is as good as none.
    let report = report.filter(|report| report.predictions + report.refused + report.loads.total > 0);
    let facts = blocks::Facts { canvas, report, live, currency: canvas.building_models.currency.as_deref() };
    let blocks = blocks::all(&facts);
    let mut costs = blocks.iter().filter_map(|block| block.cost).peekable();
    let predictions = report.map_or(0, |report| report.predictions);
    let known = costs.peek().is_some() && predictions > 0;
    let cost_per_thousand = known.then(|| costs.sum::<f64>() / predictions as f64 * 1000.0);
    CanvasView {
        name: canvas.name.clone(),
        sentence: canvas.value_proposition.sentence(),
        credit: CREDIT.to_owned(),
        cost_per_thousand,
        currency: facts.currency.unwrap_or_default().to_owned(),
        blocks,
    }
}
