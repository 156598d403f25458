use super::*;
use crate::evaluate::reference;
use crate::evaluate::sample::measure;

fn sample() -> Ranks {
    let (predicted, grades, groups) = reference::ranking();
    Ranks::new(&predicted, &grades, &groups)
}

/// scikit-learn 1.9.1, group by group with ties: `ndcg_score` of the gains `2^grade − 1`, and `average_precision_score`. The
/// place of the first relevant row is the formula in numpy.
#[test]
fn the_numbers_are_those_of_scikit_learn() {
    let values = sample().metrics(&METRICS, &[1.0; 6]);
    let wanted = [0.8708378461131178, 0.7908573384442278, 0.851984126984127, 0.9666666666666667];
    for ((value, wanted), name) in values.into_iter().zip(wanted).zip(METRICS) {
        assert!((value.unwrap() - wanted).abs() < 1e-12, "{name}: {value:?} and {wanted}");
    }
    let first = sample().metrics(&["ndcg_at_10", "ndcg_at_5"], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert!((first[0].unwrap() - 0.9569423356080013).abs() < 1e-12, "{first:?}");
}

#[test]
fn an_order_by_hand() {
    // In the order of the predictions: grades 0, 2, 1. Gains 0, 3, 1 at 1, 0.6309…, 0.5.
    let sample = Ranks::new(&[1.0, 3.0, 2.0], &[1.0, 0.0, 2.0], &[4, 4, 4]);
    let second = 1.0 / 3.0_f64.log2();
    let values = sample.metrics(&METRICS, &[1.0]);
    let wanted = (3.0 * second + 0.5) / (3.0 + second);
    assert!((values[0].unwrap() - wanted).abs() < 1e-15 && values[0] == values[1], "{values:?}");
    assert_eq!(values[2..], [Some((0.5 + 2.0 / 3.0) / 2.0), Some(0.5)]);
}

#[test]
fn ties_stand_in_the_middle_and_nothing_relevant_counts_as_one() {
    let tied = Ranks::new(&[0.0; 4], &[0.0, 1.0, 0.0, 0.0], &[0; 4]);
    assert_eq!(tied.metrics(&["mean_reciprocal_rank", "mean_average_precision"], &[1.0]), [Some(0.4), Some(0.25)]);
    let nothing = Ranks::new(&[1.0, 2.0], &[0.0, 0.0], &[0, 0]);
    assert_eq!(nothing.metrics(&METRICS, &[1.0]), [Some(1.0); 4]);
    assert_eq!(nothing.metrics(&METRICS, &[0.0]), [None; 4]);
}

#[test]
fn groups_are_resampled_and_not_rows() {
    let sample = sample();
    assert_eq!(sample.units(), 6);
    for metric in measure(&sample, &METRICS, &[0, 1, 2, 3, 4, 5], 1) {
        assert!(metric.low < metric.value && metric.value < metric.high, "{metric:?}");
    }
    assert_eq!(places(&[7, 3, 7, 9, 3]), [0, 1, 0, 2, 1]);
}
