use super::*;
use crate::evaluate::metrics::{brier, log_loss};
use crate::evaluate::{expected_calibration_error, reference};

/// The structural components computed pair by pair with numpy 2 and scipy's normal quantile, on the same cases.
#[test]
fn delong_is_that_of_all_pairs() {
    let interval = delong(&reference::cases()).unwrap();
    assert!((interval.low - 0.7858790000083201).abs() < 1e-8, "{interval:?}");
    assert!((interval.high - 0.8797054155760954).abs() < 1e-8, "{interval:?}");
}

#[test]
fn a_perfect_ranking_of_few_cases_is_not_sure() {
    let cases = |count: usize| Cases::new((0..count).map(|case| (case as f64 / count as f64, case * 2 >= count, true)));
    let few = delong(&cases(10)).unwrap();
    assert!(few.high == 1.0 && few.low < 0.6, "{few:?}");
    assert!(delong(&cases(1000)).unwrap().low > 0.99);
    assert_eq!(delong(&cases(2)), None);
}

/// The mean of a loss has the normal interval `mean ± 1.96 · sd / √n`; the bootstrap must come near to it.
#[test]
fn the_bootstrap_of_a_mean_is_near_its_normal_interval() {
    let cases = reference::cases();
    let mean = brier(&cases).unwrap();
    let squares: f64 =
        cases.iter().map(|(score, label, _)| ((score - f64::from(u8::from(label))).powi(2) - mean).powi(2)).sum();
    let half = 1.96 * (squares / 299.0 / 300.0).sqrt();
    let interval = bootstrap(&cases, 1, &[&brier])[0].unwrap();
    assert!((interval.low - (mean - half)).abs() < 0.2 * half, "{interval:?} and {mean} ± {half}");
    assert!((interval.high - (mean + half)).abs() < 0.2 * half, "{interval:?} and {mean} ± {half}");
}

#[test]
fn the_seed_decides_and_the_value_lies_within() {
    let cases = reference::cases();
    let statistics: [Statistic<'_>; 2] = [&log_loss, &expected_calibration_error];
    let first = bootstrap(&cases, 1, &statistics);
    assert_eq!(first, bootstrap(&cases, 1, &statistics));
    assert_ne!(first, bootstrap(&cases, 2, &statistics));
    for (interval, statistic) in first.iter().zip(statistics) {
        let (interval, value) = (interval.unwrap(), statistic(&cases).unwrap());
        assert!(interval.low < value && value < interval.high, "{value} in {interval:?}");
    }
    assert_eq!(bootstrap(&cases, 1, &[&|_: &Cases| None]), [None]);
    assert_eq!(bootstrap(&Cases::new([(0.5, true, true)]), 1, &[&log_loss]), [None]);
}
