use super::*;
use crate::evaluate::reference;

/// scikit-learn 1.9.1: `root_mean_squared_error`, `mean_absolute_error`, `median_absolute_error`,
/// `mean_absolute_percentage_error` and `r2_score`; the second time of rows that are repeated 0, 1 or 2 times.
#[test]
fn the_numbers_are_those_of_scikit_learn() {
    let (actual, predicted) = reference::numbers();
    let sample = Numbers::new(predicted, &actual);
    let repeated: Vec<f64> = (0..40).map(|row| f64::from(row * 7 % 3)).collect();
    let cases = [
        (vec![1.0; 40], [1.6224210304356883, 1.3225, 1.25, 0.5771489906057841, 0.933879636950287]),
        (repeated, [1.4499336854862337, 1.166666666666667, 1.0, 0.6847924486439426, 0.9537231100357842]),
    ];
    for (counts, wanted) in cases {
        for ((value, wanted), name) in sample.metrics(&METRICS, &counts).into_iter().zip(wanted).zip(METRICS) {
            assert!((value.unwrap() - wanted).abs() < 1e-12, "{name}: {value:?} and {wanted}");
        }
    }
}

#[test]
fn what_is_not_defined_is_nothing() {
    let sample = Numbers::new(vec![1.0, 2.0], &[0.0, 2.0]);
    let metrics = |counts: &[f64]| sample.metrics(&["mean_absolute_percentage_error", "r2"], counts);
    assert_eq!(metrics(&[1.0, 1.0]), [None, Some(0.5)], "no share of 0");
    assert_eq!(metrics(&[0.0, 1.0]), [Some(0.0), None], "one value has no spread");
    assert_eq!(sample.metrics(&["root_mean_squared_error", "median_absolute_error"], &[0.0; 2]), [None, None]);
}

#[test]
fn the_fit_holds_every_row_once_and_rises() {
    let (actual, predicted) = reference::numbers();
    let sample = Numbers::new(predicted, &actual);
    let fit = sample.fit();
    assert_eq!((fit.len(), fit.iter().map(|bin| bin.count).sum::<usize>()), (10, 40));
    assert!(fit.windows(2).all(|pair| pair[0].predicted <= pair[1].predicted));
    assert!(fit.iter().all(|bin| bin.low.unwrap() <= bin.actual && bin.actual <= bin.high.unwrap()));
    let quantiles = sample.error_quantiles();
    assert_eq!(quantiles[0], [0.5, 1.25]);
}
