//! What errors cost, and the threshold at which they would cost least.

use super::cases::Cases;
use super::metrics::Confusion;
use crate::canvas::Canvas;
use serde::{Deserialize, Serialize};

/// The money lost to errors on the held-out cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// The currency of the canvas.
    pub currency: Option<String>,
    /// What one negative case that is treated as positive costs.
    pub false_positive: f64,
    /// What one positive case that is treated as negative costs.
    pub false_negative: f64,
    /// What the errors of the canvas's own decisions cost.
    pub lost: f64,
    /// The same per thousand cases.
    pub lost_per_thousand: f64,
    /// The score from which on cases would be treated as positive at the lowest cost; nothing when it is best to treat
    /// none so. It is the best for these cases, and a little worse for others.
    pub best_threshold: Option<f64>,
    /// What errors would cost there, per thousand cases.
    pub best_per_thousand: f64,
}

/// `cases` are those that the score decides about, `fixed` the others: no threshold changes what is done with them.
/// Nothing where the canvas states no costs, or there is no case.
pub(super) fn money(canvas: &Canvas, cases: &Cases, fixed: Confusion) -> Option<Money> {
    let cost = canvas.offline_evaluation.error_cost?;
    let confusion = Confusion::of(cases).plus(fixed);
    let total = confusion.total();
    if total <= 0.0 {
        return None;
    }
    let price = |false_positive: f64, false_negative: f64| {
        cost.false_positive * false_positive + cost.false_negative * false_negative
    };
    // From the highest score down: what is below the threshold is treated as negative.
    let (positives, _) = cases.classes();
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut best = (None, price(fixed.false_positive, fixed.false_negative + positives));
    for (score, positive, negative) in cases.ties().into_iter().rev() {
        found += positive;
        wrong += negative;
        let price = price(fixed.false_positive + wrong, fixed.false_negative + positives - found);
        if price < best.1 {
            best = (Some(score), price);
        }
    }
    let lost = price(confusion.false_positive, confusion.false_negative);
    let per_thousand = |money: f64| money / total * 1000.0;
    Some(Money {
        currency: canvas.building_models.currency.clone(),
        false_positive: cost.false_positive,
        false_negative: cost.false_negative,
        lost,
        lost_per_thousand: per_thousand(lost),
        best_threshold: best.0,
        best_per_thousand: per_thousand(best.1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::ErrorCost;

    fn lost(false_positive: f64, false_negative: f64) -> Money {
        let mut canvas = Canvas::default();
        canvas.offline_evaluation.error_cost = Some(ErrorCost { false_positive, false_negative });
        let cases = [(0.9, true), (0.8, false), (0.7, true), (0.4, true), (0.2, false)];
        let cases = Cases::new(cases.map(|(score, label)| (score, label, score >= 0.75)));
        money(&canvas, &cases, Confusion::default()).unwrap()
    }

    #[test]
    fn the_cheapest_threshold_is_found() {
        let even = lost(10.0, 10.0);
        assert_eq!((even.lost, even.lost_per_thousand), (30.0, 6000.0));
        assert_eq!((even.best_threshold, even.best_per_thousand), (Some(0.4), 2000.0));
        assert_eq!(lost(100.0, 1.0).best_threshold, Some(0.9));
        let none = Cases::new([(0.9, false, true), (0.1, true, false)]);
        let mut canvas = Canvas::default();
        assert_eq!(money(&canvas, &none, Confusion::default()), None);
        canvas.offline_evaluation.error_cost = Some(ErrorCost { false_positive: 9.0, false_negative: 1.0 });
        assert_eq!(money(&canvas, &none, Confusion::default()).unwrap().best_threshold, None);
    }

    #[test]
    fn what_the_fallback_costs_is_counted_and_no_threshold_saves_it() {
        let mut canvas = Canvas::default();
        canvas.offline_evaluation.error_cost = Some(ErrorCost { false_positive: 10.0, false_negative: 10.0 });
        let cases = Cases::new([(0.9, true, true), (0.2, false, false)]);
        let fixed = Confusion { false_negative: 3.0, true_negative: 5.0, ..Confusion::default() };
        let money = money(&canvas, &cases, fixed).unwrap();
        assert_eq!((money.lost, money.lost_per_thousand), (30.0, 3000.0));
        assert_eq!((money.best_threshold, money.best_per_thousand), (Some(0.9), 3000.0));
    }
}
