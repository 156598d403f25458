//! How good the predictions were, for those whose label is known by now.

use super::evidence::{Estimate, LEVEL};
use super::report::Counts;
use crate::bundle::Manifest;
use crate::guard::treated_as_positive;
use crate::profile::Layout;
use crate::stats::{ByLabel, Confusion, Interval};
use serde::{Deserialize, Serialize};

/// The metrics of the predictions that came back with a label.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// How many predictions have a label.
    pub labelled: u64,
    /// The metrics that these labels allow. For `precision`, `recall`, `f1` and `accuracy` the action of the score's band
    /// decides what is treated as positive, as in the evaluation: see [`treated_as_positive`]. A bin of the score counts
    /// where its middle lies.
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
    /// How many labels it stands on: for precision those treated as positive, for recall the positive ones.
    pub count: u64,
}

/// Bins of equal width of the calibration error.
const CALIBRATION_BINS: usize = 10;

pub(super) fn labelled(manifest: &Manifest, layout: &Layout, counts: Counts<'_>) -> Performance {
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
    // Without a score an outcome says nothing that the bins of the score could hold.
    if labelled > 0 && manifest.has_score() {
        let confusion = confusion(manifest, scores);
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

/// The decisions about labelled predictions. An outcome knows its score, not its action, so a fallback that was taken
/// for a record out of bounds is not seen here.
fn confusion(manifest: &Manifest, scores: ByLabel<'_>) -> Confusion {
    let mut confusion = Confusion::default();
    let bins = scores.negative.len() as f64;
    for (bin, (&negative, &positive)) in scores.negative.iter().zip(scores.positive).enumerate() {
        if treated_as_positive(manifest, (bin as f64 + 0.5) / bins) {
            confusion.true_positive += positive;
            confusion.false_positive += negative;
        } else {
            confusion.false_negative += positive;
            confusion.true_negative += negative;
        }
    }
    confusion
}
