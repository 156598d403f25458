//! Which candidate is shipped.

use super::gates::GateReport;
use super::report::EvaluationReport;
use super::run::RunReport;
use super::words::estimate;
use crate::canvas::lower_is_better;

/// The candidate that is shipped, if any is good enough, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the candidates; nothing when none passes its gates.
    pub chosen: Option<usize>,
    /// The reason in words.
    pub words: String,
}

/// A candidate with what is said of it.
#[derive(Debug, Clone, Copy)]
pub struct Contender<'a> {
    /// `plain`, or the mitigation.
    pub name: &'a str,
    /// What was measured.
    pub report: &'a EvaluationReport,
    /// What this run says beside it: the champion and the latency.
    pub run: Option<&'a RunReport>,
}

impl Contender<'_> {
    /// Whether every gate passed.
    pub fn passed(&self) -> bool {
        self.report.passed && self.run.is_none_or(|run| run.passed)
    }

    fn gates(&self) -> impl Iterator<Item = &GateReport> {
        self.report.gates.iter().chain(self.run.into_iter().flat_map(|run| &run.gates))
    }

    /// The main metric, turned so that higher is better.
    fn rank(&self) -> f64 {
        let Some(metric) = self.report.main() else { return f64::NEG_INFINITY };
        let sign = if lower_is_better(&metric.metric) { -1.0 } else { 1.0 };
        metric.value.map_or(f64::NEG_INFINITY, |value| sign * value)
    }
}

/// [`choose_among`] candidates of which this run says nothing beside their reports.
pub fn choose(candidates: &[(&str, &EvaluationReport)]) -> Choice {
    let contender = |&(name, report): &(_, _)| Contender { name, report, run: None };
    choose_among(&candidates.iter().map(contender).collect::<Vec<_>>())
}

/// Chooses among candidates that were judged on the same rows: those that pass every gate come first, and among them the
/// best main metric of the task; of two equal ones the first. So a mitigated candidate is taken where only it passes, and
/// the plain one where both do and it is better. When none passes, none is taken: to train again on the same data gives the
/// same models, and the gates that failed say what the data or the canvas lack.
pub fn choose_among(candidates: &[Contender<'_>]) -> Choice {
    let mut chosen: Option<usize> = None;
    for (place, contender) in candidates.iter().enumerate() {
        if contender.passed() && chosen.is_none_or(|best| contender.rank() > candidates[best].rank()) {
            chosen = Some(place);
        }
    }
    let failed = |contender: &Contender<'_>| {
        let gates = contender.gates().filter(|gate| !gate.passed);
        gates.map(|gate| gate.words.as_str()).collect::<Vec<_>>().join("; ")
    };
    let failures = candidates.iter().filter(|contender| !contender.passed());
    let failures: Vec<String> =
        failures.map(|contender| format!("{}: {}", contender.name, failed(contender))).collect();
    let words = match chosen.and_then(|place| candidates.get(place)) {
        Some(contender) => {
            let metric = contender.report.main().map_or_else(String::new, |metric| {
                let article = if metric.metric.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
                let value = estimate(metric.value, metric.low, metric.high);
                format!(", with {article} {} of {value}", metric.metric)
            });
            let none = contender.gates().next().is_none();
            let gates = if none { "the canvas states no gates" } else { "it passes every gate" };
            let others = match (failures.is_empty(), candidates.len()) {
                (_, 1) => String::new(),
                (true, _) => ", and no other that passes is better".into(),
                (false, _) => format!(". Not passed: {}", failures.join(". ")),
            };
            format!("{} is chosen: {gates}{metric}{others}", contender.name)
        }
        None if candidates.is_empty() => "there is no candidate".into(),
        None => format!(
            "no candidate passes its gates, and retraining cannot fix this: the same data gives the same models. {}. \
             Gather other data, change the features or decisions, or settle on other limits",
            failures.join(". ")
        ),
    };
    Choice { chosen, words }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
