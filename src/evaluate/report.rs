//! The whole evaluation of one model.

use super::calibration::{CalibrationBin, calibration_curve, expected_calibration_error};
use super::cases::Cases;
use super::decision::{Answer, DecisionRule};
use super::fairness::{self, GroupFairness, GroupRates};
use super::gates::{GateReport, judge};
use super::held_out::HeldOut;
use super::interval::{Statistic, bootstrap, delong};
use super::metrics::{Confusion, average_precision, brier, log_loss, roc_auc};
use super::money::{Money, money};
use super::slices::{Slice, slices};
use crate::canvas::{Canvas, SplitKind};
use crate::error::{Error, ErrorKind, Result};
use crate::stats::{Interval, wilson};
use serde::{Deserialize, Serialize};

/// The level of every interval.
pub(super) const LEVEL: f64 = 0.95;

/// What was measured on the held-out rows, and whether it is good enough. Intervals are at 95 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// The name of the service.
    pub model: String,
    /// How many rows were held out.
    pub rows: usize,
    /// How the rows were held out.
    pub split: SplitReport,
    /// The positive class.
    pub positive: String,
    /// The share of the held-out rows that belongs to it.
    pub positive_share: f64,
    /// How many of the held-out rows are out of bounds: the action for those is the fallback, where the canvas names one.
    #[serde(default)]
    pub outside: usize,
    /// How a score becomes a decision, in words.
    pub decision: String,
    /// The metrics over all held-out rows.
    pub metrics: Vec<Measured>,
    /// The decisions against the labels.
    pub confusion: Confusion,
    /// The decisions by sensitive feature and value.
    pub groups: Vec<GroupRates>,
    /// The fairness metrics by sensitive feature.
    pub fairness: Vec<GroupFairness>,
    /// The metrics by value of the features that the canvas names.
    pub slices: Vec<Slice>,
    /// Scores against what came true.
    pub calibration: Vec<CalibrationBin>,
    /// What errors cost; nothing where the canvas does not say.
    pub money: Option<Money>,
    /// The gates of the canvas.
    pub gates: Vec<GateReport>,
    /// Whether every gate passed.
    pub passed: bool,
}

/// How the rows were held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitReport {
    /// By what.
    pub kind: SplitKind,
    /// The column of a split by time or group.
    pub column: Option<String>,
    /// The share that the canvas asks for.
    pub test: f64,
    /// How many rows the model learned from.
    pub training_rows: usize,
}

/// One metric with its interval. Nothing where the rows do not define it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The name of the metric.
    pub metric: String,
    /// Its value over the rows.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
}

impl Measured {
    pub(super) fn new(metric: &str, value: Option<f64>, interval: Option<Interval>) -> Self {
        let interval = interval.filter(|_| value.is_some());
        Self {
            metric: metric.to_owned(),
            value,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        }
    }
}

/// A share with its Wilson interval.
pub(super) fn share(metric: &str, (part, whole): (f64, f64)) -> Measured {
    Measured::new(metric, (whole > 0.0).then(|| part / whole), wilson(part, whole, LEVEL))
}

impl EvaluationReport {
    /// A metric by its name.
    pub fn metric(&self, name: &str) -> Option<&Measured> {
        self.metrics.iter().find(|measured| measured.metric == name)
    }

    /// A fairness metric by its name and its sensitive feature.
    pub fn fairness(&self, metric: &str, group: &str) -> Option<&GroupFairness> {
        self.fairness.iter().find(|fairness| fairness.metric == metric && fairness.group == group)
    }
}

/// Judges what a model answers to the held-out rows: `answers` holds one answer for each of `rows.rows`, in that order.
/// Resampling is seeded by block 9, so the same answers give the same report.
///
/// # Errors
/// `internal` when there are more or fewer answers than rows; `engine-failed` when a score is not a probability.
pub fn evaluate(canvas: &Canvas, answers: &[Answer], rows: &HeldOut) -> Result<EvaluationReport> {
    check(answers, rows)?;
    let rule = DecisionRule::of(canvas);
    let labels = &rows.labels();
    let cases_of = |wanted: &dyn Fn(&Answer) -> bool| {
        let chosen = answers.iter().zip(labels).filter(|(answer, _)| wanted(answer));
        Cases::new(chosen.map(|(answer, &label)| (answer.score, label, rule.positive(answer))))
    };
    let cases = cases_of(&|_| true);
    let confusion = Confusion::of(&cases);
    let groups: Vec<Vec<GroupRates>> =
        rows.groups.iter().map(|group| fairness::rates(group, &rule, answers, labels)).collect();
    let fairness: Vec<GroupFairness> = groups.iter().flat_map(|groups| fairness::fairness(groups)).collect();
    let selected = answers.iter().filter(|answer| rule.favours(answer)).count() as f64;
    let metrics = metrics(&cases, confusion, selected, canvas.building_models.seed);
    let stated = &canvas.offline_evaluation;
    let gates: Vec<GateReport> = stated.gates.iter().map(|gate| judge(gate, &metrics, &fairness)).collect();
    Ok(EvaluationReport {
        model: canvas.name.clone(),
        rows: labels.len(),
        split: SplitReport {
            kind: stated.split.kind,
            column: stated.split.column.clone().filter(|_| stated.split.kind != SplitKind::Random),
            test: stated.split.test,
            training_rows: rows.training_rows,
        },
        positive: rows.positive().to_owned(),
        positive_share: cases.classes().0 / labels.len() as f64,
        outside: answers.iter().filter(|answer| !answer.inside).count(),
        decision: rule.words(),
        metrics,
        confusion,
        groups: groups.into_iter().flatten().collect(),
        fairness,
        slices: rows.slices.iter().flat_map(|slice| slices(slice, &rule, answers, labels)).collect(),
        calibration: calibration_curve(&cases),
        money: money(
            canvas,
            &cases_of(&|answer| rule.by_score(answer)),
            Confusion::of(&cases_of(&|answer| !rule.by_score(answer))),
        ),
        passed: gates.iter().all(|gate| gate.passed),
        gates,
    })
}

fn check(answers: &[Answer], rows: &HeldOut) -> Result<()> {
    if answers.len() != rows.rows.len() || answers.is_empty() {
        let message = format!("{} answers for {} held-out rows", answers.len(), rows.rows.len());
        return Err(
            Error::new(ErrorKind::Internal, message).help("run the model on every held-out row, in their order")
        );
    }
    match answers.iter().position(|answer| !(0.0..=1.0).contains(&answer.score)) {
        None => Ok(()),
        Some(place) => {
            let message = format!("the model scores {}, which is not a probability", answers[place].score);
            let error = Error::new(ErrorKind::EngineFailed, message).row(rows.rows.get(place).map_or(0, |row| row + 1));
            Err(error.help("train the model again, and check the values of the row"))
        }
    }
}

fn metrics(cases: &Cases, confusion: Confusion, selected: f64, seed: u64) -> Vec<Measured> {
    let f1 = |cases: &Cases| Confusion::of(cases).f1();
    let resampled: [(&str, Statistic<'_>); 5] = [
        ("average_precision", &average_precision),
        ("f1", &f1),
        ("log_loss", &log_loss),
        ("brier", &brier),
        ("expected_calibration_error", &expected_calibration_error),
    ];
    let intervals = bootstrap(cases, seed, &resampled.map(|(_, statistic)| statistic));
    let mut metrics = vec![
        Measured::new("roc_auc", roc_auc(cases), delong(cases)),
        share("accuracy", confusion.accuracy()),
        share("precision", confusion.precision()),
        share("recall", confusion.recall()),
        share("selection_rate", (selected, confusion.total())),
    ];
    for ((name, statistic), interval) in resampled.into_iter().zip(intervals) {
        // All but the logarithmic loss end at 1.
        let ceiling = if name == "log_loss" { f64::INFINITY } else { 1.0 };
        let interval = interval.map(|interval| Interval { high: interval.high.min(ceiling), ..interval });
        metrics.push(Measured::new(name, statistic(cases), interval));
    }
    let place = |metric: &Measured| crate::canvas::OFFLINE_METRICS.iter().position(|name| *name == metric.metric);
    metrics.sort_by_key(place);
    metrics
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
