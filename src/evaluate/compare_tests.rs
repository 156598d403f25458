use super::*;
use crate::evaluate::numbers::Numbers;
use crate::evaluate::reference;

const RMSE: &str = "root_mean_squared_error";

fn against(other: &dyn Sample, candidate: &dyn Sample, metric: &str) -> Compared {
    compare((candidate, other), (Other::Champion, "0a1b"), metric, 1)
}

#[test]
fn a_better_model_is_better_whichever_way_the_metric_is_good() {
    let (actual, predicted) = reference::numbers();
    let good = Numbers::new(predicted.clone(), &actual);
    let bad = Numbers::new(vec![6.0; 40], &actual);
    for metric in [RMSE, "r2"] {
        let found = against(&bad, &good, metric);
        assert_eq!(found.verdict, Verdict::Better, "{}", found.words);
        assert!(found.low.unwrap() > 0.0 && found.low < found.difference && found.difference < found.high);
        assert!(found.words.starts_with("better than the champion 0a1b: "), "{}", found.words);
        let turned = against(&good, &bad, metric);
        assert_eq!((turned.verdict, turned.difference), (Verdict::Worse, found.difference.map(|value| -value)));
    }
}

/// Both models are wrong by about as much, on the same rows: what is common to both cancels out, so that the interval of the
/// difference is much narrower than that of either.
#[test]
fn what_both_find_hard_cancels_out() {
    let (actual, predicted) = reference::numbers();
    let shifted: Vec<f64> = predicted.iter().map(|value| value + 0.01).collect();
    let (one, other) = (Numbers::new(predicted, &actual), Numbers::new(shifted, &actual));
    let found = against(&other, &one, RMSE);
    let all: Vec<usize> = (0..40).collect();
    let alone = &crate::evaluate::sample::measure(&one, &[RMSE], &all, 1)[0];
    let width = found.high.unwrap() - found.low.unwrap();
    assert!(width < 0.1 * (alone.high.unwrap() - alone.low.unwrap()), "{found:?}");
    assert_eq!(found, against(&other, &one, RMSE), "the seed decides");
}

#[test]
fn the_same_model_is_not_told_apart_from_itself() {
    let (actual, predicted) = reference::numbers();
    let one = Numbers::new(predicted, &actual);
    let found = against(&one, &one, RMSE);
    assert_eq!((found.verdict, found.low, found.high), (Verdict::NotToldApart, Some(0.0), Some(0.0)));
    let wanted = "not told apart from the champion 0a1b: root_mean_squared_error is the same to four decimals (0 to 0)";
    assert_eq!(found.words, wanted);
    let unknown = against(&one, &one, "roc_auc");
    assert_eq!((unknown.verdict, unknown.difference), (Verdict::NotToldApart, None));
    assert!(unknown.words.ends_with("do not define a difference in roc_auc"), "{}", unknown.words);
}
