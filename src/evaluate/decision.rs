//! The decision that the canvas makes of a score.

use crate::canvas::{Band, Canvas};

/// The score that tells positive from negative where the canvas states no bands.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// From a score to an action, and whether that favours the person or treats the case as positive.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRule {
    /// The bands, the highest first.
    bands: Vec<Band>,
    favourable: Vec<String>,
}

impl DecisionRule {
    /// The rule of block 6. Where no action is named favourable, that of the highest band is.
    pub fn of(canvas: &Canvas) -> Self {
        let mut bands = canvas.decisions.bands.clone();
        bands.sort_by(|a, b| b.at_least.total_cmp(&a.at_least));
        let mut favourable = canvas.decisions.favourable.clone();
        if favourable.is_empty() {
            favourable.extend(bands.first().map(|band| band.action.clone()));
        }
        Self { bands, favourable }
    }

    /// The action of the highest band that the score reaches, otherwise of the lowest. Nothing without bands.
    pub fn action(&self, score: f64) -> Option<&str> {
        let band = self.bands.iter().find(|band| score >= band.at_least).or(self.bands.last());
        band.map(|band| band.action.as_str())
    }

    /// Whether the action favours the person concerned. Without bands: whether the score is at least 0.5.
    pub fn favours(&self, score: f64) -> bool {
        match self.action(score) {
            Some(action) => self.favourable.iter().any(|favourable| favourable == action),
            None => score >= DEFAULT_THRESHOLD,
        }
    }

    /// Whether the favourable actions are those of high scores, so that being positive is what a person hopes for: a
    /// loan that is repaid, and not a fraud that is found.
    pub fn positive_is_favourable(&self) -> bool {
        self.bands.first().is_none_or(|highest| self.favourable.contains(&highest.action))
    }

    /// Whether the case is treated as positive: with a favourable action where [`Self::positive_is_favourable`],
    /// otherwise with one that is not.
    pub fn positive(&self, score: f64) -> bool {
        self.favours(score) == self.positive_is_favourable()
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        let Some(highest) = self.bands.first() else {
            return format!("treated as positive from a score of {DEFAULT_THRESHOLD} on (the canvas states no bands)");
        };
        let favourable = self.favourable.join(", ");
        if self.positive_is_favourable() {
            format!("treated as positive where the action is {favourable}")
        } else {
            format!("treated as positive where the action is not {favourable} (the highest band is {})", highest.action)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(favourable: &[&str]) -> DecisionRule {
        let mut canvas = Canvas::default();
        let band = |(at_least, action): (f64, &str)| Band { at_least, action: action.into() };
        canvas.decisions.bands = [(0.0, "decline"), (0.75, "accept"), (0.45, "review")].map(band).to_vec();
        canvas.decisions.favourable = favourable.iter().map(|&action| action.into()).collect();
        DecisionRule::of(&canvas)
    }

    #[test]
    fn the_highest_band_is_favourable_unless_said_otherwise() {
        let rule = rule(&[]);
        assert_eq!([0.8, 0.75, 0.5, 0.1].map(|score| rule.positive(score)), [true, true, false, false]);
        assert_eq!(rule.action(0.5), Some("review"));
        let generous = super::tests::rule(&["accept", "review"]);
        assert!(generous.favours(0.5) && generous.positive(0.5) && !generous.favours(0.4));
    }

    #[test]
    fn where_low_scores_are_favourable_high_ones_are_still_positive() {
        let rule = rule(&["decline"]);
        assert!(!rule.positive_is_favourable());
        assert!(rule.favours(0.1) && !rule.positive(0.1) && rule.positive(0.9));
    }

    #[test]
    fn without_bands_a_half_decides() {
        let rule = DecisionRule::of(&Canvas::default());
        assert!(rule.positive(0.5) && !rule.positive(0.499) && rule.action(0.9).is_none());
    }
}
