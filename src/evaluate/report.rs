//! The whole evaluation of one model.

use super::calibration::{CalibrationBin, calibration_curve};
use super::cases::Cases;
use super::compare::{Compared, compare};
use super::conformal::{COVERAGE, Conformal, conformal};
use super::decision::{Answer, DecisionRule};
use super::errors::{CostlyRow, WorstSlice, costly_rows, worst_slices};
use super::fairness::{self, GroupFairness, GroupRates};
use super::gates::{GateReport, Known, is_of_run, judge};
use super::held_out::HeldOut;
use super::isotonic::{self, Isotonic};
use super::judged::{Judged, Measures, by_unit};
use super::many::ClassReport;
use super::metrics::Confusion;
use super::money::{Money, money};
use super::numbers::FitBin;
use super::sample::{Sample, measure};
use super::slices::{Slice, slices};
use crate::canvas::{Canvas, Other, SplitKind, TaskKind};
use crate::error::Result;
use crate::stats::{Interval, of_sorted};
use crate::train::{Target, shuffled};
use serde::{Deserialize, Serialize};

/// The level of every interval.
pub(super) const LEVEL: f64 = 0.95;

/// With more classes than this a table of all pairs of them is left out.
const MOST_IN_TABLE: usize = 50;

/// The points that a ROC curve is drawn through, at most.
const MOST_POINTS: usize = 60;

/// What was measured on the held-out rows, and whether it is good enough. Intervals are at 95 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// The name of the service.
    pub model: String,
    /// How many rows were held out.
    pub rows: usize,
    /// How the rows were held out.
    pub split: SplitReport,
    /// The task.
    #[serde(default)]
    pub task: TaskKind,
    /// The metric that candidates are chosen by and compared in; nothing where no outcome is known.
    #[serde(default = "roc_auc")]
    pub main_metric: Option<String>,
    /// How many groups the rows of a ranking are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranked_groups: Option<usize>,
    /// The positive class; empty where there is none.
    pub positive: String,
    /// The share of the held-out rows that belongs to it.
    pub positive_share: f64,
    /// How many of the held-out rows are out of bounds: the action for those is the fallback, where the canvas names one.
    #[serde(default)]
    pub outside: usize,
    /// How a score becomes a decision, in words; empty where there is no score.
    pub decision: String,
    /// The metrics over all held-out rows.
    pub metrics: Vec<Measured>,
    /// The decisions against the labels, for a score with known outcomes.
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
    /// The candidate against what can be said without a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Compared>,
    /// More than two classes: how each was recognised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassReport>,
    /// More than two classes: how often each (by row) was answered with each (by column), in the order of `classes`. Empty
    /// with more than 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<Vec<usize>>,
    /// Regression: predictions against what came true, from the lowest predictions to the highest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fit: Vec<FitBin>,
    /// Quantiles, as share and value: of the absolute error of a regression, of the score of an anomaly detector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<[f64; 2]>,
    /// The ROC curve: the share of negatives and the share of positives above falling scores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<[f64; 2]>,
    /// The table that would calibrate the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isotonic: Option<Isotonic>,
    /// How unsure a prediction may be for a stated coverage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conformal: Vec<Conformal>,
    /// What a row, or a group of a ranking, loses, in words; empty where no outcome is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub loss: String,
    /// The slices of all features that lose more than the other rows, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst_slices: Vec<WorstSlice>,
    /// The costliest rows, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costliest: Vec<CostlyRow>,
    /// The gates of the canvas, but for those on the champion and on latency: see [`RunReport`](super::RunReport).
    pub gates: Vec<GateReport>,
    /// Whether every gate passed.
    pub passed: bool,
}

/// The main metric of the reports of older versions.
fn roc_auc() -> Option<String> {
    Some("roc_auc".to_owned())
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

impl EvaluationReport {
    /// A metric by its name.
    pub fn metric(&self, name: &str) -> Option<&Measured> {
        self.metrics.iter().find(|measured| measured.metric == name)
    }

    /// The metric that candidates are chosen by.
    pub fn main(&self) -> Option<&Measured> {
        self.metric(self.main_metric.as_deref()?)
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
/// `internal` when there are more or fewer answers than rows; `engine-failed` when an answer is not of the task, or a score
/// is not a probability.
pub fn evaluate(canvas: &Canvas, answers: &[Answer], rows: &HeldOut) -> Result<EvaluationReport> {
    let rule = DecisionRule::of(canvas);
    let judged = Judged::new(canvas, &rule, answers, rows)?;
    let (sample, measures) = (judged.sample(), Measures::of(&rows.target));
    let (stated, seed) = (&canvas.offline_evaluation, canvas.building_models.seed);
    let all: Vec<usize> = (0..sample.units()).collect();
    let (slices_by, features) = (by_unit(&rows.slices, &rows.target), by_unit(&rows.features, &rows.target));
    let labels = rows.labels();
    let order = shuffled(answers.len(), seed);
    let coverage = canvas.decisions.abstain.map_or(COVERAGE, |abstain| abstain.coverage);

    let mut report = EvaluationReport {
        model: canvas.name.clone(),
        rows: answers.len(),
        split: SplitReport {
            kind: stated.split.kind,
            column: stated.split.column.clone().filter(|_| stated.split.kind != SplitKind::Random),
            test: stated.split.test,
            training_rows: rows.training_rows,
        },
        task: canvas.prediction_task.kind,
        main_metric: measures.main.map(str::to_owned),
        ranked_groups: matches!(rows.target, Target::Ranks(_)).then(|| sample.units()),
        positive: rows.positive().to_owned(),
        positive_share: 0.0,
        outside: answers.iter().filter(|answer| !answer.inside).count(),
        decision: String::new(),
        metrics: measure(sample, &measures.all, &all, seed),
        confusion: Confusion::default(),
        groups: Vec::new(),
        fairness: Vec::new(),
        slices: slices_by.iter().flat_map(|by| slices(by, sample, &measures.slices, &labels, seed)).collect(),
        calibration: Vec::new(),
        money: None,
        compared: against_baseline(canvas, &rule, sample, &measures, rows)?,
        classes: Vec::new(),
        matrix: Vec::new(),
        fit: Vec::new(),
        quantiles: Vec::new(),
        roc: Vec::new(),
        isotonic: None,
        conformal: conformal(&rows.target, answers, &order, coverage),
        loss: String::new(),
        worst_slices: Vec::new(),
        costliest: Vec::new(),
        gates: Vec::new(),
        passed: false,
    };
    match (&judged, &rows.target) {
        (Judged::Two(_), _) => add_scores(&mut report, canvas, &rule, answers, rows, &order),
        (Judged::Many(many), Target::Classes(labels)) => {
            report.classes = many.classes(&labels.classes);
            if labels.classes.len() <= MOST_IN_TABLE {
                report.matrix = many.matrix();
            }
        }
        (Judged::Numbers(numbers), _) => {
            report.fit = numbers.fit();
            report.quantiles = numbers.error_quantiles();
        }
        _ => {}
    }
    if measures.main.is_some() {
        let losses = sample.losses();
        report.loss = loss_words(canvas, &rows.target);
        report.worst_slices = worst_slices(&features, &losses);
        report.costliest = costly_rows(answers, rows, &losses);
    }

    let partitions: Vec<_> = slices_by.into_iter().chain(features).collect();
    let known = Known {
        metrics: &report.metrics,
        fairness: &report.fairness,
        compared: &report.compared,
        sample,
        partitions: &partitions,
        seed,
    };
    let gates = stated.gates.iter().filter(|gate| !is_of_run(gate));
    let gates: Vec<GateReport> = gates.map(|gate| judge(gate, &known)).collect();
    report.passed = gates.iter().all(|gate| gate.passed);
    report.gates = gates;
    Ok(report)
}

/// What can be said without a model, in the main metric and in those that gates compare.
fn against_baseline(
    canvas: &Canvas,
    rule: &DecisionRule,
    sample: &dyn Sample,
    measures: &Measures,
    rows: &HeldOut,
) -> Result<Vec<Compared>> {
    let Some(naive) = &rows.naive else { return Ok(Vec::new()) };
    let answers = naive.predicted.iter().map(|predicted| rule.answer_to(predicted.clone(), true));
    let other = Judged::new(canvas, rule, &answers.collect::<Vec<_>>(), rows)?;
    let (seed, against) = (canvas.building_models.seed, (Other::Baseline, naive.words.as_str()));
    let metrics = compared_metrics(canvas, measures, Other::Baseline).into_iter();
    Ok(metrics.map(|metric| compare((sample, other.sample()), against, &metric, seed)).collect())
}

/// The main metric, and those of the gates that compare with this model.
pub(super) fn compared_metrics(canvas: &Canvas, measures: &Measures, other: Other) -> Vec<String> {
    let mut metrics: Vec<String> = measures.main.iter().map(|&name| name.to_owned()).collect();
    for gate in canvas.offline_evaluation.gates.iter().filter(|gate| gate.better_than == Some(other)) {
        if !metrics.contains(&gate.metric) && measures.all.contains(&gate.metric.as_str()) {
            metrics.push(gate.metric.clone());
        }
    }
    metrics
}

/// What only a score has: decisions, groups, calibration, money.
fn add_scores(
    report: &mut EvaluationReport,
    canvas: &Canvas,
    rule: &DecisionRule,
    answers: &[Answer],
    rows: &HeldOut,
    order: &[usize],
) {
    let labelled = rows.target.labels().is_some();
    let labels = if labelled { rows.labels() } else { vec![false; answers.len()] };
    let cases_of = |wanted: &dyn Fn(&Answer) -> bool| {
        let chosen = answers.iter().zip(&labels).filter(|(answer, _)| wanted(answer));
        Cases::new(chosen.map(|(answer, &label)| (answer.score().unwrap_or(f64::NAN), label, rule.positive(answer))))
    };
    let cases = cases_of(&|_| true);
    report.decision = rule.words();
    let groups: Vec<Vec<GroupRates>> =
        rows.groups.iter().map(|group| fairness::rates(group, rule, answers, &labels)).collect();
    report.fairness = groups.iter().flat_map(|groups| fairness::fairness(groups)).collect();
    report.fairness.retain(|fair| labelled || fair.metric.starts_with("demographic_parity"));
    report.groups = groups.into_iter().flatten().collect();
    if report.task == TaskKind::AnomalyDetection {
        let shares = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0];
        report.quantiles = shares.into_iter().filter_map(|q| Some([q, of_sorted(&cases.scores, q)?])).collect();
    }
    if !labelled {
        return;
    }
    report.positive_share = cases.classes().0 / labels.len() as f64;
    report.confusion = Confusion::of(&cases);
    report.roc = roc(&cases);
    report.money = money(
        canvas,
        &cases_of(&|answer| rule.by_score(answer)),
        Confusion::of(&cases_of(&|answer| !rule.by_score(answer))),
    );
    // The score of an anomaly detector is no probability: without learning from outcomes there is nothing to calibrate.
    if report.task == TaskKind::Classification {
        report.calibration = calibration_curve(&cases);
        let scores: Vec<f64> = answers.iter().map(|answer| answer.score().unwrap_or(f64::NAN)).collect();
        report.isotonic = isotonic::table(&scores, &labels, order);
    }
}

/// The curve from (0, 0) to (1, 1), thinned.
fn roc(cases: &Cases) -> Vec<[f64; 2]> {
    let (positives, negatives) = cases.classes();
    if positives <= 0.0 || negatives <= 0.0 {
        return Vec::new();
    }
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut points = vec![[0.0, 0.0]];
    for (_, positive, negative) in cases.ties().into_iter().rev() {
        found += positive;
        wrong += negative;
        points.push([wrong / negatives, found / positives]);
    }
    let last = points.len() - 1;
    if last < MOST_POINTS {
        return points;
    }
    (0..MOST_POINTS).map(|place| points[place * last / (MOST_POINTS - 1)]).collect()
}

/// What a row, or a group of a ranking, loses.
fn loss_words(canvas: &Canvas, target: &Target) -> String {
    match (target, canvas.offline_evaluation.error_cost, &canvas.building_models.currency) {
        (Target::Numbers(_), ..) => "its absolute error".to_owned(),
        (Target::Ranks(_), ..) => "1 minus the NDCG of its first ten".to_owned(),
        (_, Some(_), Some(currency)) => format!("the cost of its error, in {currency}"),
        (_, Some(_), None) => "the cost of its error".to_owned(),
        (Target::Anomalies(_), ..) => "1 for a row that is flagged wrongly".to_owned(),
        (Target::Classes(_), ..) => "its logarithmic loss".to_owned(),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
