//! Which candidate is shipped.

use super::report::EvaluationReport;
use super::words::estimate;

/// The candidate that is shipped, if any is good enough, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the candidates; nothing when none passes its gates.
    pub chosen: Option<usize>,
    /// The reason in words.
    pub words: String,
}

/// Chooses among candidates that were judged on the same rows: those that pass every gate come first, and among them
/// the highest `roc_auc`; of two equal ones the first. So a mitigated candidate is taken where only it passes, and the
/// plain one where both do and it ranks better. When none passes, none is taken: to train again on the same data gives
/// the same models, and the gates that failed say what the data or the canvas lack.
pub fn choose(candidates: &[(&str, &EvaluationReport)]) -> Choice {
    let auc = |report: &EvaluationReport| report.metric("roc_auc").and_then(|metric| metric.value);
    let rank = |report: &EvaluationReport| auc(report).unwrap_or(f64::NEG_INFINITY);
    let mut chosen: Option<usize> = None;
    for (place, (_, report)) in candidates.iter().enumerate() {
        if report.passed && chosen.is_none_or(|best| rank(report) > rank(candidates[best].1)) {
            chosen = Some(place);
        }
    }
    let failed = |report: &EvaluationReport| {
        let gates = report.gates.iter().filter(|gate| !gate.passed);
        gates.map(|gate| gate.words.as_str()).collect::<Vec<_>>().join("; ")
    };
    let failures = candidates.iter().filter(|(_, report)| !report.passed);
    let failures: Vec<String> = failures.map(|(name, report)| format!("{name}: {}", failed(report))).collect();
    let words = match chosen.and_then(|place| candidates.get(place)) {
        Some((name, report)) => {
            let metric = report.metric("roc_auc");
            let auc = estimate(
                metric.and_then(|metric| metric.value),
                metric.and_then(|metric| metric.low),
                metric.and_then(|metric| metric.high),
            );
            let gates = if report.gates.is_empty() { "the canvas states no gates" } else { "it passes every gate" };
            let others = match (failures.is_empty(), candidates.len()) {
                (_, 1) => String::new(),
                (true, _) => ", and no other that passes ranks better".into(),
                (false, _) => format!(". Not passed: {}", failures.join(". ")),
            };
            format!("{name} is chosen: {gates}, with a roc_auc of {auc}{others}")
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
