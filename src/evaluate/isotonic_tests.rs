use super::*;
use crate::evaluate::reference;
use crate::train::shuffled;

/// `IsotonicRegression(out_of_bounds="clip")` of scikit-learn 1.9.1, with weights and two points at the same place.
#[test]
fn the_table_is_that_of_scikit_learn() {
    let x = [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let y = [0.1, 0.4, 0.2, 0.3, 0.25, 0.6, 0.5, 0.9, 0.8, 1.0];
    let weights = [1.0, 2.0, 1.0, 1.0, 3.0, 1.0, 1.0, 2.0, 1.0, 1.0];
    let points: Vec<(f64, f64, f64)> = (0..10).map(|at| (x[at], y[at], weights[at])).collect();
    let knots = isotonic(&points);
    let wanted = [
        [1.0, 0.1],
        [2.0, 0.2928571428571428],
        [4.0, 0.2928571428571428],
        [5.0, 0.55],
        [6.0, 0.55],
        [7.0, 0.8666666666666667],
        [8.0, 0.8666666666666667],
        [9.0, 1.0],
    ];
    assert_eq!(knots.len(), wanted.len());
    for (knot, wanted) in knots.iter().zip(wanted) {
        assert!(knot[0] == wanted[0] && (knot[1] - wanted[1]).abs() < 1e-12, "{knot:?} and {wanted:?}");
    }
    for (score, wanted) in [(0.0, 0.1), (2.5, 0.2928571428571428), (6.5, 0.7083333333333334), (20.0, 1.0)] {
        assert!((calibrated(&knots, score) - wanted).abs() < 1e-12, "{score}");
    }
}

/// The same on the reference cases, whose scores come in steps of 0.02.
#[test]
fn the_table_of_many_ties_is_that_of_scikit_learn() {
    let (scores, labels, _) = reference::rows();
    let found = table(&scores, &labels, &shuffled(300, 1)).unwrap();
    assert_eq!(found.knots.len(), 19);
    let wanted = [0.07317073170731707, 0.2702702702702703, 0.5454545454545454, 0.8461538461538461];
    for (score, wanted) in [0.05, 0.33, 0.61, 0.97].into_iter().zip(wanted) {
        assert!((calibrated(&found.knots, score) - wanted).abs() < 1e-12, "{score}");
    }
    assert!(found.error_before.is_some() && found.error_after.is_some());
}

/// Scores that are squared are far from the share that comes true; the table takes that back on rows it has not seen.
#[test]
fn a_table_mends_what_is_not_calibrated() {
    let mut next = reference::evenly(4);
    let rows: Vec<(f64, bool)> = (0..4000).map(|_| (next(), next())).map(|(p, drawn)| (p * p, drawn < p)).collect();
    let (scores, labels): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
    let found = table(&scores, &labels, &shuffled(4000, 2)).unwrap();
    assert!(found.error_before.unwrap() > 0.1 && found.error_after.unwrap() < 0.04, "{found:?}");
    assert!(table(&scores[..50], &labels[..50], &shuffled(50, 2)).is_none(), "too few rows to say");
}

#[test]
fn many_knots_are_thinned_and_still_rise() {
    let points: Vec<(f64, f64, f64)> = (0..1000).map(|at| (f64::from(at), f64::from(at * at), 1.0)).collect();
    let knots = isotonic(&points);
    assert_eq!((knots.len(), knots[0], knots[255]), (256, [0.0, 0.0], [999.0, 998_001.0]));
    assert!(knots.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] <= pair[1][1]));
    assert!(isotonic(&[(1.0, 2.0, 0.0)]).is_empty());
}
