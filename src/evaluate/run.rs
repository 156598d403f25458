//! What is true of one run only: how a candidate compares with the champion of the moment, and how long it takes here.
//!
//! It stands beside the report that ships and not in it, so that the same rows and canvas make the same version again.

use super::compare::{Compared, compare};
use super::decision::{Answer, DecisionRule};
use super::gates::{GateReport, is_of_run, judge_latency, judge_other};
use super::held_out::HeldOut;
use super::judged::{Judged, Measures};
use super::report::compared_metrics;
use crate::canvas::{Canvas, LATENCY_METRIC, Other};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// The champion of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Champion<'a> {
    /// There is no version yet.
    None,
    /// There is one, and it cannot answer these rows; why.
    Unknown(&'a str, &'a str),
    /// Its version, and what it answers to the held-out rows, in their order.
    Answers(&'a str, &'a [Answer]),
}

/// What this run says of a candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of the champion.
    pub champion: Option<String>,
    /// The median time of one prediction here, in milliseconds.
    pub latency_ms: Option<f64>,
    /// The candidate against the champion.
    pub compared: Vec<Compared>,
    /// The gates on the champion and on latency.
    pub gates: Vec<GateReport>,
    /// Whether every one of them passed.
    pub passed: bool,
    /// Better, worse or not told apart, in words.
    pub words: String,
}

/// Compares a candidate with the champion on the held-out rows, and judges the gates that are about this run.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate), for the candidate's answers. A champion whose answers cannot be judged is one
/// that cannot answer.
pub fn judge_run(
    canvas: &Canvas,
    answers: &[Answer],
    rows: &HeldOut,
    champion: Champion<'_>,
    latency_ms: Option<f64>,
) -> Result<RunReport> {
    let rule = DecisionRule::of(canvas);
    let candidate = Judged::new(canvas, &rule, answers, rows)?;
    let measures = Measures::of(&rows.target);
    let unknown = |version: &str, why: &str| format!("the champion {version} cannot answer these rows: {why}");
    let (version, compared, words) = match champion {
        Champion::None => (None, Vec::new(), "there is no champion yet".to_owned()),
        Champion::Unknown(version, why) => (Some(version.to_owned()), Vec::new(), unknown(version, why)),
        Champion::Answers(version, its) => match Judged::new(canvas, &rule, its, rows) {
            Err(error) => (Some(version.to_owned()), Vec::new(), unknown(version, &error.to_string())),
            Ok(its) => {
                let metrics = compared_metrics(canvas, &measures, Other::Champion).into_iter();
                let seed = canvas.building_models.seed;
                let pair = (candidate.sample(), its.sample());
                let compared: Vec<Compared> =
                    metrics.map(|metric| compare(pair, (Other::Champion, version), &metric, seed)).collect();
                let nothing = || format!("the champion {version} is not compared: no outcome is known");
                let words = compared.first().map_or_else(nothing, |compared| compared.words.clone());
                (Some(version.to_owned()), compared, words)
            }
        },
    };
    let gate = |gate: &crate::canvas::Gate| {
        if gate.metric == LATENCY_METRIC {
            return judge_latency(gate, latency_ms);
        }
        let mut report = judge_other(gate, compared.iter().find(|compared| compared.metric == gate.metric));
        if compared.is_empty() {
            report.words = format!("{}: {words}", gate.metric);
            report.passed = champion == Champion::None;
        }
        report
    };
    let gates: Vec<GateReport> =
        canvas.offline_evaluation.gates.iter().filter(|gate| is_of_run(gate)).map(gate).collect();
    let passed = gates.iter().all(|gate| gate.passed);
    Ok(RunReport { champion: version, latency_ms, compared, gates, passed, words })
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
