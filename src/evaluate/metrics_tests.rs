use super::*;
use crate::evaluate::calibration::{calibration_curve, expected_calibration_error};
use crate::evaluate::reference;

fn near(found: Option<f64>, wanted: f64) {
    let found = found.unwrap();
    assert!((found - wanted).abs() < 1e-12, "{found} and {wanted}");
}

/// scikit-learn 1.9.1 on the same cases, with many ties; the calibration error from its `calibration_curve`.
#[test]
fn the_numbers_are_those_of_scikit_learn() {
    let cases = reference::cases();
    near(roc_auc(&cases), 0.8327922077922078);
    near(average_precision(&cases), 0.7669691210488536);
    near(log_loss(&cases), 0.526393989225221);
    near(brier(&cases), 0.170636);
    near(expected_calibration_error(&cases), 0.08706666666666667);
    let confusion = Confusion::of(&cases);
    let share = |(part, whole): (f64, f64)| Some(part / whole);
    near(share(confusion.accuracy()), 0.78);
    near(share(confusion.precision()), 0.7578125);
    near(share(confusion.recall()), 0.7348484848484849);
    near(confusion.f1(), 0.7461538461538462);
    near(confusion.macro_f1(), 0.7760180995475113);
    near(precision_at_k(&cases), 0.751082251082251);
    assert_eq!(confusion.total(), 300.0);
}

#[test]
fn the_calibration_curve_holds_every_case_once() {
    let curve = calibration_curve(&reference::cases());
    assert_eq!(curve.iter().map(|bin| bin.count).sum::<f64>(), 300.0);
    for bin in &curve {
        assert!(bin.from <= bin.mean_score && bin.mean_score < bin.to, "{bin:?}");
        assert!(bin.low.unwrap() <= bin.positive_share && bin.positive_share <= bin.high.unwrap(), "{bin:?}");
    }
    let ends = calibration_curve(&Cases::new([(0.0, false, false), (1.0, true, true)]));
    assert_eq!((ends[0].from, ends[1].to), (0.0, 1.0));
}

#[test]
fn ties_count_half() {
    let cases = Cases::new([(0.5, true, true), (0.5, false, true)]);
    assert_eq!((roc_auc(&cases), average_precision(&cases)), (Some(0.5), Some(0.5)));
}

#[test]
fn what_is_not_defined_is_nothing() {
    let one_class = Cases::new([(0.2, false, false), (0.7, false, false)]);
    assert_eq!((roc_auc(&one_class), average_precision(&one_class)), (None, None));
    assert_eq!(Confusion::of(&one_class).f1(), None);
    let none = Cases::new([]);
    assert_eq!((log_loss(&none), brier(&none), expected_calibration_error(&none)), (None, None, None));
    assert!(log_loss(&Cases::new([(0.0, true, false)])).unwrap().is_finite());
}

#[test]
fn a_case_that_counts_twice_is_two_cases() {
    let twice = Cases::new([(0.3, false, false), (0.6, true, true), (0.6, true, true), (0.8, false, true)]);
    let mut counted = Cases::new([(0.3, false, false), (0.6, true, true), (0.8, false, true)]);
    counted.counts[1] = 2.0;
    for metric in [roc_auc, average_precision, log_loss, brier, expected_calibration_error] {
        assert_eq!(metric(&counted), metric(&twice));
    }
    assert_eq!(Confusion::of(&counted), Confusion::of(&twice));
}
