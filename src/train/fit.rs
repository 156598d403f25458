//! What a fit gives: an additive model over prepared features, from which the ONNX graph is written.

use crate::canvas::FeatureKind;
use std::ops::Range;

/// A fitted additive model over prepared features: the margin is `intercept + Σ weight · column`, and the probability
/// of the positive class is the logistic function of the margin.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model's inputs, in the order of the canvas.
    pub features: Vec<FittedFeature>,
    /// One weight per prepared column, in log-odds of the positive class per unit of the column.
    pub weights: Vec<f64>,
    /// The margin where every column is 0, in log-odds.
    pub intercept: f64,
    /// The two classes, in the order of their names.
    pub classes: Vec<String>,
    /// The place of the positive class in `classes`.
    pub positive: usize,
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
    /// What is taken when there is no value: the raw number, 0 or 1 of a boolean, or the index of a category. A
    /// category that is not in `values` counts as no value, too. `None`: a missing value is refused, and a category
    /// that is not in `values` makes every column 0.
    pub impute: Option<f64>,
    /// What is done to the number, in order. Empty for categories and booleans.
    pub steps: Vec<Step>,
    /// How the number becomes columns.
    pub expansion: Expansion,
    /// Where its columns are in [`Fitted::weights`].
    pub columns: Range<usize>,
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
            Self::Identity => 1,
            Self::OneHot { values } => *values,
            Self::Bins { edges } => edges.len() + 1,
        }
    }
}

impl FittedFeature {
    /// Writes the columns of one raw value: a number, 0 or 1 of a boolean, the index of a category, or nothing.
    /// `columns` holds [`Expansion::width`] numbers. Nothing that cannot be imputed leaves every column 0.
    pub fn write(&self, raw: Option<f64>, columns: &mut [f64]) {
        columns.fill(0.0);
        let Some(value) = raw.or(self.impute) else { return };
        let value = self.steps.iter().fold(value, |value, step| step.apply(value));
        let (place, value) = match &self.expansion {
            Expansion::Identity => (0, value),
            Expansion::OneHot { .. } => (value as usize, 1.0),
            Expansion::Bins { edges } => (edges.partition_point(|&edge| edge <= value), 1.0),
        };
        if let Some(column) = columns.get_mut(place) {
            *column = value;
        }
    }
}

impl Fitted {
    /// The margin of one row of prepared columns, in log-odds.
    pub fn margin(&self, columns: &[f64]) -> f64 {
        self.weights.iter().zip(columns).fold(self.intercept, |sum, (weight, column)| sum + weight * column)
    }

    /// The probability of the positive class for one row of prepared columns, 0…1.
    pub fn score(&self, columns: &[f64]) -> f64 {
        super::logistic::sigmoid(self.margin(columns))
    }

    /// The name of the class that is not the positive one.
    pub fn negative(&self) -> &str {
        self.classes.get(1 - self.positive.min(1)).map_or("", String::as_str)
    }

    /// The number of learned parameters: the weights and the intercept.
    pub fn parameters(&self) -> usize {
        self.weights.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(expansion: Expansion, steps: Vec<Step>, impute: Option<f64>) -> FittedFeature {
        let columns = 0..expansion.width();
        FittedFeature { name: "x".into(), kind: FeatureKind::Number, values: vec![], impute, steps, expansion, columns }
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
