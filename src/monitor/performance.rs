//! How good the predictions were, for those whose label is known by now.

use super::evidence::{Estimate, LEVEL};
use super::report::Counts;
use crate::profile::Layout;
use crate::stats::{ByLabel, Interval};
use serde::{Deserialize, Serialize};

/// The metrics of the predictions that came back with a label.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// How many predictions have a label.
    pub labelled: u64,
    /// The metrics that these labels allow; `precision`, `recall`, `f1` and `accuracy` take a score of at least 0.5 as
    /// the positive class.
    pub metrics: Vec<MetricValue>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricValue {
    /// Its name, as in the gates of the canvas.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// The lower end of its interval, where a standard one exists.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// How many labels it stands on: for precision those scored positive, for recall the positive ones.
    pub count: u64,
}

/// Bins of equal width of the calibration error.
const CALIBRATION_BINS: usize = 10;

pub(super) fn labelled(layout: &Layout, counts: Counts<'_>) -> Performance {
    let (negative, positive) = (counts.all(layout.outcomes(false)), counts.all(layout.outcomes(true)));
    let scores = ByLabel { negative, positive };
    let labelled = scores.count();
    let mut metrics = Vec::new();
    let mut add = |metric: &str, value: Option<f64>, interval: Option<Interval>, count: u64| {
        if let Some(value) = value {
            let (low, high) = (interval.map(|interval| interval.low), interval.map(|interval| interval.high));
            metrics.push(MetricValue { metric: metric.to_owned(), value, low, high, count });
        }
    };
    if labelled > 0 {
        let confusion = scores.confusion(0.5);
        let shares =
            [("accuracy", confusion.accuracy()), ("precision", confusion.precision()), ("recall", confusion.recall())];
        for (metric, (part, all)) in shares {
            let estimate = Estimate::share(part, all, 1.0);
            let interval = estimate.map(|Estimate { low, high, .. }| Interval { low, high });
            add(metric, estimate.map(|estimate| estimate.value), interval, all);
        }
        add("f1", confusion.f1(), None, labelled);
        add("roc_auc", scores.roc_auc(), scores.roc_auc_interval(LEVEL), labelled);
        add("average_precision", scores.average_precision(), None, labelled);
        let brier = scores.brier(LEVEL);
        add("brier", brier.map(|(value, _)| value), brier.and_then(|(_, interval)| interval), labelled);
        add("log_loss", scores.log_loss(), None, labelled);
        let calibration = scores.expected_calibration_error(CALIBRATION_BINS);
        add("expected_calibration_error", calibration, None, labelled);
    }
    Performance { labelled, metrics }
}
