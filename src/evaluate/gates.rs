//! The gates of the canvas: each passes or fails, and says why.

use super::fairness::GroupFairness;
use super::report::Measured;
use super::words::{estimate, number};
use crate::canvas::{Gate, is_fairness_metric};
use serde::{Deserialize, Serialize};

/// What one gate comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The metric.
    pub metric: String,
    /// For a fairness metric: the sensitive feature.
    pub by: Option<String>,
    /// The lowest value that passes.
    pub min: Option<f64>,
    /// The highest value that passes.
    pub max: Option<f64>,
    /// What was measured.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// Whether the value keeps to the limit. The interval is shown beside it and does not decide.
    pub passed: bool,
    /// Why, in words.
    pub words: String,
}

/// A gate passes when its metric is known, there is enough data for it, and it keeps to the limits.
pub(super) fn judge(gate: &Gate, metrics: &[Measured], fairness: &[GroupFairness]) -> GateReport {
    let mut report = GateReport {
        metric: gate.metric.clone(),
        by: gate.by.clone(),
        min: gate.min,
        max: gate.max,
        value: None,
        low: None,
        high: None,
        passed: false,
        words: String::new(),
    };
    let name = match &gate.by {
        Some(group) => format!("{} by {group}", gate.metric),
        None => gate.metric.clone(),
    };
    let mut details = None;
    let mut too_little = None;
    if is_fairness_metric(&gate.metric) {
        let found = fairness.iter().find(|fair| fair.metric == gate.metric && Some(&fair.group) == gate.by.as_ref());
        let Some(found) = found else {
            report.words = match &gate.by {
                Some(group) => format!("{name} is not known: {group} is not a sensitive feature"),
                None => format!("{name} is not known: the gate does not say by which sensitive feature"),
            };
            return report;
        };
        (report.value, report.low, report.high) = (found.value, found.low, found.high);
        details = Some(found.words.as_str());
        too_little = found.too_little.as_deref();
    } else {
        let found = metrics.iter().find(|found| found.metric == gate.metric).filter(|_| gate.by.is_none());
        let Some(found) = found else {
            report.words = format!("{name} is not known: it is not measured");
            return report;
        };
        (report.value, report.low, report.high) = (found.value, found.low, found.high);
    }
    let Some(value) = report.value else {
        let why = too_little.or(details).unwrap_or("the held-out rows do not define it");
        report.words = format!("{name} is not known: {why}");
        return report;
    };
    let measured = format!("{name} is {}", estimate(report.value, report.low, report.high));
    let keeps = |value: f64| gate.min.is_none_or(|min| value >= min) && gate.max.is_none_or(|max| value <= max);
    let limit = match (gate.min, gate.max) {
        (Some(min), _) if value < min => format!("below the limit of {}", number(min)),
        (_, Some(max)) if value > max => format!("above the limit of {}", number(max)),
        (Some(min), None) => format!("not below the limit of {}", number(min)),
        (None, Some(max)) => format!("not above the limit of {}", number(max)),
        (Some(min), Some(max)) => format!("within {} and {}", number(min), number(max)),
        (None, None) => "and the gate states no limit".into(),
    };
    if let Some(too_little) = too_little {
        report.words = format!("{measured}, but there is too little data to rely on it: {too_little}");
        return report;
    }
    report.passed = keeps(value) && (gate.min.is_some() || gate.max.is_some());
    report.words = format!("{measured}, {limit}");
    // An interval with an open end reaches beyond every limit on that side.
    let sure = keeps(report.low.unwrap_or(f64::NEG_INFINITY)) && keeps(report.high.unwrap_or(f64::INFINITY));
    if report.passed && !sure {
        report.words.push_str("; its interval reaches beyond the limit, so other rows could say otherwise");
    }
    if let Some(details) = details.filter(|_| !report.passed) {
        report.words.push_str(&format!(" ({details})"));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    fn gate(metric: &str, by: Option<&str>, min: Option<f64>, max: Option<f64>) -> Gate {
        Gate { metric: metric.into(), by: by.map(Into::into), min, max }
    }

    fn measured() -> Vec<Measured> {
        let interval = |low, high| Some(Interval { low, high });
        vec![Measured::new("roc_auc", Some(0.73), interval(0.7, 0.76)), Measured::new("precision", None, None)]
    }

    fn fair(too_little: Option<&str>) -> GroupFairness {
        GroupFairness {
            group: "sex".into(),
            metric: "demographic_parity_ratio".into(),
            value: Some(0.6),
            low: Some(0.5),
            high: Some(0.72),
            too_little: too_little.map(Into::into),
            words: "favourable: 30 of 100 female (30.0 %) against 50 of 100 male (50.0 %)".into(),
        }
    }

    #[test]
    fn the_value_decides_and_the_interval_is_said() {
        let judged = |min, max| judge(&gate("roc_auc", None, min, max), &measured(), &[]);
        let sure = judged(Some(0.7), None);
        assert!(sure.passed);
        assert_eq!(sure.words, "roc_auc is 0.7300 (0.7000 to 0.7600), not below the limit of 0.7");
        let unsure = judged(Some(0.72), None);
        assert!(unsure.passed && unsure.words.contains("reaches beyond the limit"), "{}", unsure.words);
        let failed = judged(Some(0.8), None);
        assert!(!failed.passed && failed.words.ends_with("below the limit of 0.8"), "{}", failed.words);
        assert!(!judged(None, Some(0.5)).passed && !judged(None, None).passed);
        assert!(judged(Some(0.7), Some(0.76)).passed);
    }

    #[test]
    fn what_is_not_known_fails() {
        let cases = [
            (gate("precision", None, Some(0.1), None), "precision is not known: the held-out rows do not define it"),
            (gate("rmse", None, None, Some(1.0)), "rmse is not known: it is not measured"),
            (gate("demographic_parity_ratio", None, Some(0.8), None), "does not say by which"),
            (gate("demographic_parity_ratio", Some("age"), Some(0.8), None), "age is not a sensitive feature"),
        ];
        for (gate, wanted) in cases {
            let report = judge(&gate, &measured(), &[fair(None)]);
            assert!(!report.passed && report.words.contains(wanted), "{}", report.words);
        }
    }

    #[test]
    fn fairness_needs_enough_data() {
        let gate = gate("demographic_parity_ratio", Some("sex"), Some(0.5), None);
        assert!(judge(&gate, &[], &[fair(None)]).passed);
        let report = judge(&gate, &[], &[fair(Some("female has 8 cases, and 30 are needed"))]);
        assert!(!report.passed && report.words.contains("too little data to rely on it: female has 8"));
        assert_eq!(report.value, Some(0.6));
        let failed = judge(&Gate { min: Some(0.8), ..gate }, &[], &[fair(None)]);
        assert!(failed.words.ends_with("(favourable: 30 of 100 female (30.0 %) against 50 of 100 male (50.0 %))"));
    }
}
