use super::*;
use crate::evaluate::reference;
use crate::train::{Labels, shuffled};

/// `⌈(n + 1) · coverage⌉`-th of n: of 9 the 9th for 0.9, of 19 the 18th, of 8 none.
#[test]
fn the_rank_is_rounded_up() {
    let measures = |count: usize| (1..=count).rev().map(|at| at as f64).collect::<Vec<_>>();
    assert_eq!(conformal_quantile(&measures(9), 0.9), Some(9.0));
    assert_eq!(conformal_quantile(&measures(19), 0.9), Some(18.0));
    assert_eq!(conformal_quantile(&measures(8), 0.9), None);
    assert_eq!(conformal_quantile(&measures(99), 0.95), Some(95.0));
    assert_eq!(conformal_quantile(&[], 0.5), None);
}

/// Thresholds by hand: of four rows, two give the threshold.
#[test]
fn sets_by_hand() {
    let probabilities = [0.5, 0.3, 0.2];
    let lac = [0, 1, 2].map(|class| measure(&probabilities, class, ConformalMethod::Lac));
    assert_eq!(lac, [0.5, 0.7, 0.8]);
    let aps = [0, 1, 2].map(|class| measure(&probabilities, class, ConformalMethod::Aps));
    assert_eq!(aps, [0.5, 0.8, 1.0]);
    let rows = vec![(vec![0.7, 0.3], 0), (vec![0.6, 0.4], 1), (vec![0.9, 0.1], 0), (vec![0.35, 0.65], 0)];
    let found = sets(&rows, &[0, 1, 2, 3], 0.6, ConformalMethod::Lac).unwrap();
    assert!((found.quantile - 0.6).abs() < 1e-12);
    assert_eq!((found.measured, found.mean_size, found.single), (0.5, Some(1.0), Some(1.0)));
}

/// Over many ways to halve the rows, the mean coverage is the one that is asked for: exactly for least ambiguous sets and
/// for intervals, and at least that for adaptive sets, of which none is left empty.
#[test]
fn the_coverage_is_kept_on_rows_that_gave_no_threshold() {
    let mut next = reference::evenly(8);
    let (mut answers, mut of, mut actual, mut values) = (vec![], vec![], vec![], vec![]);
    let answer = |predicted| Answer { predicted, inside: true, action: None };
    for _ in 0..1000 {
        let (a, b, c) = (next(), next(), next());
        answers.push(answer(Predicted::classes(vec![a * 0.7, 1.0 - a * 0.7 - 0.2 * b, 0.2 * b])));
        of.push(usize::from(c >= a * 0.7) + usize::from(c >= 1.0 - 0.2 * b));
        values.push(answer(Predicted::Value(10.0 * a)));
        actual.push(10.0 * a + (b + c - 1.0) * 4.0);
    }
    let labels = Labels { classes: ["a", "b", "c"].map(String::from).to_vec(), positive: None, of };
    let (classes, numbers) = (Target::Classes(labels), Target::Numbers(actual));
    let mut sums = [0.0; 3];
    for seed in 0..100 {
        let order = shuffled(1000, seed);
        let sets = conformal(&classes, &answers, &order, 0.8);
        let lines = conformal(&numbers, &values, &order, 0.8);
        assert_eq!((sets.len(), lines.len()), (2, 1));
        for (sum, found) in sums.iter_mut().zip(sets.iter().chain(&lines)) {
            *sum += found.measured / 100.0;
            assert!(found.low < found.measured && found.measured < found.high, "{found:?}");
            assert_eq!((found.calibration_rows, found.rows), (500, 500));
        }
        assert!(sets[0].mean_size.unwrap() <= sets[1].mean_size.unwrap(), "least ambiguous sets are the smallest");
        assert!(lines[0].mean_size.is_none() && lines[0].quantile > 1.0);
    }
    // The standard error of such a mean is 0.0025.
    let [lac, aps, residual] = sums;
    assert!((lac - 0.8).abs() < 0.008 && (residual - 0.8).abs() < 0.008 && aps > 0.792, "{sums:?}");
}
