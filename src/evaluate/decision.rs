//! The decision that the canvas makes of a score: the policy that runs in the page, asked about held-out rows.

use crate::bundle::Manifest;
use crate::canvas::Canvas;
use crate::guard;
use crate::predict::Signature;
use crate::train::manifest;

/// What a model says of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicted {
    /// The probability of the positive class, or how unusual a record is: 0…1.
    Score(f64),
    /// A classification into more than two.
    Classes {
        /// The probability of each class, in the order of the target's classes.
        probabilities: Vec<f64>,
        /// The place of the class that is answered.
        label: usize,
    },
    /// A number, or what a ranking is ordered by: the higher, the further in front.
    Value(f64),
}

impl Predicted {
    /// The classes by their probabilities; the first of the most likely ones is answered.
    pub fn classes(probabilities: Vec<f64>) -> Self {
        let most = |best: usize, place: usize| if probabilities[place] > probabilities[best] { place } else { best };
        let label = (0..probabilities.len()).reduce(most).unwrap_or(0);
        Self::Classes { probabilities, label }
    }

    /// The score, where that is what is predicted.
    pub fn score(&self) -> Option<f64> {
        match self {
            Self::Score(score) => Some(*score),
            Self::Classes { .. } | Self::Value(_) => None,
        }
    }

    /// Whether every number can be judged: scores and probabilities within 0…1, values finite.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Score(score) => (0.0..=1.0).contains(score),
            Self::Classes { probabilities, label } => {
                // A graph in float32 may round a probability past 1.
                let sound = |probability: &f64| (-1e-6..=1.0 + 1e-6).contains(probability);
                *label < probabilities.len() && probabilities.iter().all(sound)
            }
            Self::Value(value) => value.is_finite(),
        }
    }
}

/// What the bundle answers to one held-out row.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the model says.
    pub predicted: Predicted,
    /// Whether the record is inside its boundaries.
    pub inside: bool,
    /// What is done; nothing where the canvas states no bands.
    pub action: Option<String>,
}

impl Answer {
    /// The score, where that is what is predicted.
    pub fn score(&self) -> Option<f64> {
        self.predicted.score()
    }
}

/// From a score to an answer, and to whether it favours the person or treats the case as positive.
///
/// ```
/// # #[cfg(feature = "cli")] {
/// use nearside::canvas::{Band, Canvas};
/// use nearside::evaluate::DecisionRule;
/// let mut canvas = Canvas::default();
/// canvas.decisions.bands = vec![
///     Band { at_least: 0.7, action: "accept".into() },
///     Band { at_least: 0.0, action: "review".into() },
/// ];
/// canvas.making_predictions.fallback = Some("review".into());
/// let rule = DecisionRule::of(&canvas);
/// assert!(rule.favours(&rule.answer(0.9, true)));
/// assert!(!rule.favours(&rule.answer(0.9, false)), "out of bounds, whatever the score");
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRule {
    /// Its bands, favourable actions and fallback are those of the bundle; the rest is of no interest here.
    manifest: Manifest,
}

impl DecisionRule {
    /// The rule of blocks 6 and 7. Where no action is named favourable, that of the highest band is.
    pub fn of(canvas: &Canvas) -> Self {
        Self { manifest: manifest(canvas, &[], &[], &Signature::default()) }
    }

    /// The answer to a record with this score.
    pub fn answer(&self, score: f64, inside: bool) -> Answer {
        self.answer_to(Predicted::Score(score), inside)
    }

    /// The answer to a record of which this is predicted.
    pub fn answer_to(&self, predicted: Predicted, inside: bool) -> Answer {
        let action = guard::decide(&self.manifest, predicted.score(), inside).map(str::to_owned);
        Answer { predicted, inside, action }
    }

    /// Whether the score decided: not where a record is out of bounds and the canvas names a fallback.
    pub fn by_score(&self, answer: &Answer) -> bool {
        answer.inside || self.manifest.fallback.is_none()
    }

    /// Whether the action favours the person concerned. Without bands: whether the score is at least 0.5.
    pub fn favours(&self, answer: &Answer) -> bool {
        let place = |action: &String| self.manifest.actions().iter().position(|known| known == action);
        guard::favours(&self.manifest, answer.action.as_ref().and_then(place), answer.score())
    }

    /// Whether the favourable actions are those of high scores, so that being positive is what a person hopes for: a
    /// loan that is repaid, and not a fraud that is found.
    pub fn positive_is_favourable(&self) -> bool {
        guard::positive_is_favourable(&self.manifest)
    }

    /// Whether the case is treated as positive: with a favourable action where [`Self::positive_is_favourable`],
    /// otherwise with one that is not.
    pub fn positive(&self, answer: &Answer) -> bool {
        self.favours(answer) == self.positive_is_favourable()
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        let Some(highest) = self.manifest.bands.first() else {
            return "treated as positive from a score of 0.5 on (the canvas states no bands)".to_owned();
        };
        let favourable = self.manifest.favourable.join(", ");
        let mut words = if self.positive_is_favourable() {
            format!("treated as positive where the action is {favourable}")
        } else {
            format!("treated as positive where the action is not {favourable} (the highest band is {})", highest.action)
        };
        if let Some(fallback) = &self.manifest.fallback {
            words.push_str(&format!("; the action for a record that is out of bounds is {fallback}"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Band;

    fn canvas(favourable: &[&str], fallback: Option<&str>) -> Canvas {
        let mut canvas = Canvas::default();
        let band = |(at_least, action): (f64, &str)| Band { at_least, action: action.into() };
        canvas.decisions.bands = [(0.0, "decline"), (0.75, "accept"), (0.45, "review")].map(band).to_vec();
        canvas.decisions.favourable = favourable.iter().map(|&action| action.into()).collect();
        canvas.making_predictions.fallback = fallback.map(Into::into);
        canvas
    }

    /// Whether each of these scores, inside the boundaries, is favoured and treated as positive.
    fn judged<const N: usize>(canvas: &Canvas, scores: [f64; N]) -> [(bool, bool); N] {
        let rule = DecisionRule::of(canvas);
        scores.map(|score| rule.answer(score, true)).map(|answer| (rule.favours(&answer), rule.positive(&answer)))
    }

    #[test]
    fn the_highest_band_is_favourable_unless_said_otherwise() {
        let plain = judged(&canvas(&[], None), [0.8, 0.75, 0.5, 0.1]);
        assert_eq!(plain, [(true, true), (true, true), (false, false), (false, false)]);
        let generous = canvas(&["accept", "review"], None);
        assert_eq!(judged(&generous, [0.5, 0.4]), [(true, true), (false, false)]);
        assert_eq!(DecisionRule::of(&generous).answer(0.5, true).action.as_deref(), Some("review"));
    }

    #[test]
    fn where_low_scores_are_favourable_high_ones_are_still_positive() {
        let canvas = canvas(&["decline"], None);
        assert!(!DecisionRule::of(&canvas).positive_is_favourable());
        assert_eq!(judged(&canvas, [0.1, 0.9]), [(true, false), (false, true)]);
    }

    #[test]
    fn without_bands_a_half_decides() {
        assert_eq!(judged(&Canvas::default(), [0.5, 0.499]), [(true, true), (false, false)]);
        assert_eq!(DecisionRule::of(&Canvas::default()).answer(0.9, true).action, None);
    }

    #[test]
    fn out_of_bounds_the_fallback_decides_as_it_does_in_the_page() {
        let (with, without) = (canvas(&[], Some("review")), canvas(&[], None));
        let favours = |canvas: &Canvas, inside| {
            let rule = DecisionRule::of(canvas);
            let answer = rule.answer(0.9, inside);
            (rule.favours(&answer), rule.by_score(&answer), answer.action)
        };
        assert_eq!(favours(&with, true), (true, true, Some("accept".into())));
        assert_eq!(favours(&with, false), (false, false, Some("review".into())));
        assert_eq!(favours(&without, false), (true, true, Some("accept".into())), "no fallback, no other action");
        assert!(DecisionRule::of(&with).words().ends_with("out of bounds is review"));
    }
}
