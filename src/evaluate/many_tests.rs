use super::*;
use crate::evaluate::reference;
use crate::evaluate::sample::measure;

fn sample() -> Many {
    let (probabilities, labels) = reference::three_classes();
    let most = |row: &[f64]| (0..3).reduce(|best, class| if row[class] > row[best] { class } else { best }).unwrap();
    let rows = probabilities.iter().map(|row| (&row[..], most(row))).collect();
    Many::new(rows, &labels, 3)
}

/// scikit-learn 1.9.1: `log_loss`, `accuracy_score`, `f1_score` and `roc_auc_score(multi_class="ovr")` with macro averages;
/// the calibration error by its definition in numpy.
#[test]
fn the_numbers_are_those_of_scikit_learn() {
    let values = sample().metrics(&METRICS, &[1.0; 60]);
    let wanted = [1.03183601229165, 0.4, 0.37304317304317297, 0.6609934235343413, 0.11];
    for ((value, wanted), name) in values.into_iter().zip(wanted).zip(METRICS) {
        assert!((value.unwrap() - wanted).abs() < 1e-12, "{name}: {value:?} and {wanted}");
    }
    assert_eq!(sample().matrix(), [[6, 5, 10], [4, 4, 11], [6, 0, 14]]);
    let classes = sample().classes(&["a", "b", "c"].map(String::from));
    assert_eq!((classes[0].precision, classes[2].recall), (Some(0.375), Some(0.7)));
}

#[test]
fn every_metric_lies_within_its_interval_and_a_part_has_its_own() {
    let sample = sample();
    let all: Vec<usize> = (0..60).collect();
    for metric in measure(&sample, &METRICS, &all, 1) {
        let (low, value, high) = (metric.low.unwrap(), metric.value.unwrap(), metric.high.unwrap());
        assert!(low <= value && value <= high && high - low > 0.05, "{metric:?}");
    }
    let part = measure(&sample, &["accuracy", "brier"], &[0, 1, 2], 1);
    assert!(part[0].high.unwrap() - part[0].low.unwrap() > 0.4, "three rows say little: {part:?}");
    assert_eq!(part[1].value, None, "no such metric");
}

#[test]
fn a_class_that_no_row_has_is_left_out_of_the_mean_area() {
    let rows = vec![(&[0.8, 0.1, 0.1][..], 0), (&[0.2, 0.7, 0.1][..], 1), (&[0.6, 0.3, 0.1][..], 0)];
    let sample = Many::new(rows, &[0, 1, 0], 3);
    assert_eq!(sample.metrics(&["roc_auc", "macro_f1"], &[1.0; 3]), [Some(1.0), Some(1.0)]);
    assert_eq!(sample.metrics(&["roc_auc", "log_loss"], &[0.0; 3]), [None, None]);
}
