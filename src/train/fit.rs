//! What a fit gives: a model over prepared features, from which the ONNX graph is written.

use super::dates::DateColumn;
use super::linear::sigmoid;
use super::terms::tokens;
use crate::canvas::{Derivation, FeatureKind};
use crate::error::Result;
use crate::explain::MOST_FEATURES;
use crate::tensor::trees::{Aggregate, Forest, Listing};
use std::ops::Range;

/// The milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// A fitted model over prepared features: sums of weighted columns or of leaves, and what they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model's inputs in the order of the canvas, and behind them what is derived from them.
    pub features: Vec<FittedFeature>,
    /// From prepared columns to sums.
    pub model: Model,
    /// From sums to a prediction.
    pub head: Head,
}

/// From the prepared columns of a row to one sum, or to one per class.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// `intercept + Σ weight · column` for each sum.
    Linear {
        /// One weight per prepared column, sum by sum.
        weights: Vec<f64>,
        /// One intercept per sum.
        intercepts: Vec<f64>,
    },
    /// The leaves that a row falls into.
    Trees {
        /// The trees; thresholds and votes are float32 values.
        listing: Listing,
        /// What is added to each sum.
        base: Vec<f64>,
    },
}

/// What the sums of a row mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// The one sum is the log-odds of the positive one of two classes.
    Two {
        /// The classes, in the order of their names.
        classes: Vec<String>,
        /// The place of the positive class.
        positive: usize,
    },
    /// The softmax of the sums are the probabilities of the classes.
    Many {
        /// The classes, in the order of their names.
        classes: Vec<String>,
    },
    /// The one sum is the prediction: a number, or what a ranking is ordered by.
    Value,
    /// The one sum is over the depths at which trees set a row apart; the probability of the positive one of two
    /// classes, the anomalies, is `2^(−sum / scale)`.
    Depths {
        /// The classes: what is usual, and what is not, in the order of their names.
        classes: Vec<String>,
        /// The place of the class of anomalies.
        positive: usize,
        /// The number of trees times the depth at which they usually set a row apart.
        scale: f64,
    },
}

/// One raw feature with everything that was learned about it from the training rows.
///
/// A value goes through it in this order: imputation, steps, expansion. Every number that was learned here is a
/// float32 value, and so is the raw number it is applied to: a graph that computes in float32 starts from the same numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedFeature {
    /// The name that records use.
    pub name: String,
    /// What its values are.
    pub kind: FeatureKind,
    /// The values of a category, in the order of their indices; `["false", "true"]` of a boolean; empty for a number.
    pub values: Vec<String>,
    /// What it is derived from. Nothing for an input.
    pub derived: Option<Derived>,
    /// What is taken when there is no value: the raw number, 0 or 1 of a boolean, or the index of a category. A
    /// category that is not in `values` counts as no value, too. `None`: a missing value is refused or left to the model,
    /// which sees NaN for a number; a category that is not in `values` makes every column 0.
    pub impute: Option<f64>,
    /// What is done to the number, in order. Empty for categories and booleans.
    pub steps: Vec<Step>,
    /// How the number becomes columns.
    pub expansion: Expansion,
    /// Where its columns are in [`Fitted::weights`].
    pub columns: Range<usize>,
}

/// How a feature is computed from two inputs, after their imputation and before their steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// What is done with the two.
    pub derivation: Derivation,
    /// The places of the two in [`Fitted::features`].
    pub of: [usize; 2],
    /// Whether the two are timestamps, whose difference is in days.
    pub moments: bool,
}

impl Derived {
    /// The derived number, computed in float32 as the graph does.
    pub fn apply(self, left: f64, right: f64) -> f64 {
        let (a, b) = (left as f32, right as f32);
        f64::from(match self.derivation {
            Derivation::Difference if self.moments => (left - right) as f32 / DAY_MS as f32,
            Derivation::Difference => a - b,
            Derivation::Ratio if b == 0.0 => 0.0,
            Derivation::Ratio => a / b,
        })
    }
}

/// One step from a raw number to a prepared one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// `min(max(x, low), high)`.
    Clip {
        /// The lowest value that is let through.
        low: f64,
        /// The highest value that is let through.
        high: f64,
    },
    /// `ln(1 + max(x, 0))`.
    Log1p,
    /// `(x − shift) · scale`.
    Affine {
        /// What is taken away.
        shift: f64,
        /// What the rest is multiplied by: above 0.
        scale: f64,
    },
}

impl Step {
    /// The value after this step.
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Clip { low, high } => value.max(low).min(high),
            Self::Log1p => value.max(0.0).ln_1p(),
            Self::Affine { shift, scale } => (value - shift) * scale,
        }
    }
}

/// How one prepared number becomes columns of the design matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Expansion {
    /// One column: the number itself (0 or 1 of a boolean).
    Identity,
    /// One column per category: 1 in that of the value, 0 in the others.
    OneHot {
        /// The number of categories.
        values: usize,
    },
    /// One column: the rank of the category, and 0 for none.
    Ranks {
        /// The rank of each category, a float32 value.
        ranks: Vec<f64>,
    },
    /// The parts of a moment.
    Dates {
        /// What `days_since` counts from, as a number of days since 1970-01-01.
        since: i64,
        /// What becomes of each part.
        columns: Vec<DateColumn>,
    },
    /// One column per term of a text: its count times its weight; then the row is divided by its length, unless it is 0.
    Terms {
        /// The terms, in the order of their bytes.
        terms: Vec<String>,
        /// The weight of each term: `ln((1 + texts) / (1 + texts with it)) + 1`, a float32 value.
        weights: Vec<f64>,
    },
    /// `edges.len() + 1` columns: 1 in that of the bin, 0 in the others. The bin is the number of edges that are ≤ x.
    Bins {
        /// The inner edges, ascending.
        edges: Vec<f64>,
    },
}

impl Expansion {
    /// The number of columns.
    pub fn width(&self) -> usize {
        match self {
            Self::Identity | Self::Ranks { .. } => 1,
            Self::OneHot { values } => *values,
            Self::Bins { edges } => edges.len() + 1,
            Self::Dates { columns, .. } => columns.iter().map(|column| column.width()).sum(),
            Self::Terms { terms, .. } => terms.len(),
        }
    }
}

impl FittedFeature {
    /// Writes the columns of one raw value: a number, 0 or 1 of a boolean, the index of a category, the milliseconds of a
    /// timestamp, or nothing. Texts have [`Self::write_text`].
    /// `columns` holds [`Expansion::width`] numbers. Nothing that cannot be
    /// imputed is NaN for a number, and leaves every column of a category 0.
    pub fn write(&self, raw: Option<f64>, columns: &mut [f64]) {
        columns.fill(0.0);
        let Some(value) = raw.or(self.impute) else {
            if self.expansion == Expansion::Identity {
                columns.fill(f64::NAN);
            }
            return;
        };
        if let Expansion::Dates { since, columns: forms } = &self.expansion {
            let mut place = 0;
            for form in forms {
                form.write(value as i64, *since, &mut columns[place..][..form.width()]);
                place += form.width();
            }
            return;
        }
        let value = self.steps.iter().fold(value, |value, step| step.apply(value));
        let (place, value) = match &self.expansion {
            Expansion::Identity => (0, value),
            Expansion::OneHot { .. } => (value as usize, 1.0),
            Expansion::Ranks { ranks } => (0, ranks.get(value as usize).copied().unwrap_or(0.0)),
            Expansion::Bins { edges } => (edges.partition_point(|&edge| edge <= value), 1.0),
            Expansion::Dates { .. } | Expansion::Terms { .. } => return,
        };
        if let Some(column) = columns.get_mut(place) {
            *column = value;
        }
    }
}

impl FittedFeature {
    /// Writes the columns of one text; one that is missing is empty.
    pub fn write_text(&self, text: &str, columns: &mut [f64]) {
        columns.fill(0.0);
        let Expansion::Terms { terms, weights } = &self.expansion else { return };
        for token in tokens(text) {
            if let Ok(place) = terms.binary_search(&token) {
                columns[place] += 1.0;
            }
        }
        columns.iter_mut().zip(weights).for_each(|(column, weight)| *column *= weight);
        // A row with any term in it is longer than 1, because no weight is below 1.
        let length = columns.iter().map(|column| column * column).sum::<f64>().sqrt().max(1.0);
        columns.iter_mut().for_each(|column| *column /= length);
    }
}

impl Fitted {
    /// The sums of rows of prepared columns, row by row: as many per row as there are.
    ///
    /// # Errors
    /// `internal` when the trees are not sound, or the columns are not whole rows.
    pub fn sums(&self, columns: &[f64]) -> Result<Vec<f64>> {
        let width = self.features.last().map_or(0, |feature| feature.columns.end).max(1);
        match &self.model {
            Model::Linear { weights, intercepts } => {
                let of = |row: &[f64], (weights, intercept): (&[f64], &f64)| {
                    weights.iter().zip(row).fold(*intercept, |sum, (weight, column)| sum + weight * column)
                };
                let outputs = || weights.chunks_exact(width).zip(intercepts);
                Ok(columns.chunks_exact(width).flat_map(|row| outputs().map(move |output| of(row, output))).collect())
            }
            Model::Trees { listing, base } => {
                let forest = Forest::<f32>::new(listing, Aggregate::Sum)?;
                let columns: Vec<f32> = columns.iter().map(|&column| column as f32).collect();
                let sums = forest.sums(&columns, columns.len() / width, width)?;
                Ok(sums.values.iter().zip(base.iter().cycle()).map(|(sum, base)| f64::from(*sum) + base).collect())
            }
        }
    }

    /// The probability of the positive class from the one sum of a row, for heads that have one.
    pub fn score(&self, sum: f64) -> Option<f64> {
        match &self.head {
            Head::Two { .. } => Some(sigmoid(sum)),
            Head::Depths { scale, .. } => Some((-sum / scale).exp2()),
            Head::Many { .. } | Head::Value => None,
        }
    }

    /// The classes, where there are any.
    pub fn classes(&self) -> &[String] {
        match &self.head {
            Head::Two { classes, .. } | Head::Many { classes } | Head::Depths { classes, .. } => classes,
            Head::Value => &[],
        }
    }

    /// How predictions can be explained exactly: `linear` where the one sum adds up a term per raw feature, `exact` from
    /// every set of features, or not at all.
    pub fn explained_by(&self) -> Option<&'static str> {
        let raw = self.features.iter().filter(|feature| feature.derived.is_none());
        let exact = (raw.clone().count() <= MOST_FEATURES).then_some("exact");
        // What is derived from two features moves with both, and a text has no usual value.
        let additive = raw.clone().count() == self.features.len();
        match (&self.model, &self.head) {
            (_, Head::Many { .. } | Head::Depths { .. }) => None,
            _ if raw.clone().any(|feature| feature.kind == FeatureKind::Text) => None,
            (Model::Linear { .. }, _) if additive => Some("linear"),
            _ => exact,
        }
    }

    /// The number of learned parameters: weights and intercepts, or the nodes of the trees.
    pub fn parameters(&self) -> usize {
        match &self.model {
            Model::Linear { weights, intercepts } => weights.len() + intercepts.len(),
            Model::Trees { listing, .. } => listing.nodes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(expansion: Expansion, steps: Vec<Step>, impute: Option<f64>) -> FittedFeature {
        let columns = 0..expansion.width();
        let (name, kind) = ("x".into(), FeatureKind::Number);
        FittedFeature { name, kind, values: vec![], derived: None, impute, steps, expansion, columns }
    }

    fn columns(feature: &FittedFeature, raw: Option<f64>) -> Vec<f64> {
        let mut columns = vec![9.0; feature.columns.len()];
        feature.write(raw, &mut columns);
        columns
    }

    #[test]
    fn steps_are_taken_in_order_after_the_imputation() {
        let steps = vec![Step::Clip { low: 0.0, high: 10.0 }, Step::Log1p, Step::Affine { shift: 1.0, scale: 2.0 }];
        let feature = feature(Expansion::Identity, steps, Some(99.0));
        assert_eq!(columns(&feature, Some(-5.0)), [-2.0]);
        assert_eq!(columns(&feature, Some(3.0)), [(4.0_f64.ln() - 1.0) * 2.0]);
        assert_eq!(columns(&feature, None), [(11.0_f64.ln() - 1.0) * 2.0]);
    }

    #[test]
    fn a_value_on_an_edge_belongs_to_the_bin_above_it() {
        let feature = feature(Expansion::Bins { edges: vec![1.0, 2.0] }, vec![], None);
        assert_eq!(columns(&feature, Some(0.9)), [1.0, 0.0, 0.0]);
        assert_eq!(columns(&feature, Some(1.0)), [0.0, 1.0, 0.0]);
        assert_eq!(columns(&feature, Some(7.0)), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_category_that_cannot_be_imputed_is_in_no_column() {
        let refused = feature(Expansion::OneHot { values: 2 }, vec![], None);
        assert_eq!(columns(&refused, Some(1.0)), [0.0, 1.0]);
        assert_eq!(columns(&refused, None), [0.0, 0.0]);
        let imputed = feature(Expansion::OneHot { values: 2 }, vec![], Some(0.0));
        assert_eq!(columns(&imputed, None), [1.0, 0.0]);
    }
}
