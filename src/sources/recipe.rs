//! The recipe of synthetic rows: its file, and what makes one sound.

use super::Table;
use super::file::read_text;
use super::recipe_check::check;
use crate::canvas::read_checked;
use crate::error::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The largest number of rows that one recipe makes.
pub const MOST_ROWS: u64 = 100_000_000;

/// How synthetic rows are made: columns drawn one after the other, a label by a logistic formula over them, and three
/// knobs. The rows are invented; a recipe says so wherever it is shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How many rows are made when nobody asks for another number.
    pub rows: u64,
    /// The seed when nobody names another.
    pub seed: u64,
    /// What can be turned up.
    #[serde(default)]
    pub knobs: Knobs,
    /// The group that the knob `group_bias` turns against.
    #[serde(default)]
    pub group: Option<GroupRecipe>,
    /// The columns, in order; each may depend on those before it.
    pub columns: Vec<ColumnRecipe>,
    /// The label.
    pub target: TargetRecipe,
}

/// What can be turned up, each from 0 (not at all) to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    /// Records the columns with a `bias` wrongly for one group, and flips positive labels of that group to negative.
    /// What is true of the group, and so what its labels would be, stays as it is: the bias is in the data alone.
    pub group_bias: f64,
    /// Shifts the columns with a `drift`, for everybody.
    pub feature_drift: f64,
    /// Moves the label's weights towards their `drifted` values.
    pub concept_drift: f64,
}

/// The group that the knob `group_bias` turns against.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRecipe {
    /// The column that holds the group: one of kind `choice`.
    pub column: String,
    /// Its value that is treated worse.
    pub against: String,
    /// The probability that a positive label of this group is flipped to negative, at `group_bias` = 1.
    pub flip: f64,
}

/// How one column is drawn. Which keys belong to it depends on its kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRecipe {
    /// The name of the column.
    pub name: String,
    /// The distribution.
    pub kind: Distribution,
    /// `normal`: the mean.
    pub mean: Option<f64>,
    /// `normal`: the standard deviation.
    pub sd: Option<f64>,
    /// `lognormal`: the median.
    pub median: Option<f64>,
    /// `lognormal`: the standard deviation of the logarithm.
    pub sigma: Option<f64>,
    /// `uniform`: the lowest value.
    pub low: Option<f64>,
    /// `uniform`: the highest value.
    pub high: Option<f64>,
    /// `boolean`: the share of true.
    pub share: Option<f64>,
    /// `choice`: the values.
    pub values: Option<Vec<String>>,
    /// `choice`: the weight of each value. `integer`: the weights of 0, 1, 2, …
    pub weights: Option<Vec<f64>>,
    /// `date`: the first day, as `2024-01-31`.
    pub start: Option<String>,
    /// `sequence`: how many rows share a value.
    pub size: Option<u64>,
    /// `date`: over how many days the rows are spread, in their order.
    pub days: Option<u64>,
    /// Numbers: the lowest and highest value that is left.
    pub clip: Option<[f64; 2]>,
    /// Numbers: how many decimals are kept.
    pub decimals: Option<u32>,
    /// The share of the values that are then left out, 0…1. The label knows them all the same.
    pub missing: Option<f64>,
    /// `normal`, `lognormal`: the correlation with an earlier column of these kinds, before shifts.
    pub correlate: Option<CorrelateRecipe>,
    /// Numbers: never more than an earlier column, less a distance.
    pub at_most: Option<AtMost>,
    /// The shift for the group of `group.against`, always. Like every shift: of the mean (normal, uniform), of the
    /// logarithm (lognormal), of the share (boolean).
    pub shift: Option<f64>,
    /// The shift of what is recorded of that group at `group_bias` = 1.
    pub bias: Option<f64>,
    /// `choice`, `integer`: the weights of what is recorded of that group at `group_bias` = 1.
    pub bias_weights: Option<Vec<f64>>,
    /// The shift for everybody at `feature_drift` = 1.
    pub drift: Option<f64>,
    /// `choice`, `integer`: the weights for everybody at `feature_drift` = 1.
    pub drift_weights: Option<Vec<f64>>,
}

/// The distributions of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Normal, by `mean` and `sd`.
    Normal,
    /// Log-normal, by `median` and `sigma`.
    Lognormal,
    /// Uniform from `low` to `high`.
    Uniform,
    /// 0, 1, 2, … with `weights`.
    Integer,
    /// True with probability `share`.
    Boolean,
    /// One of `values`, with `weights`.
    Choice,
    /// Days in ascending order, from `start` on.
    Date,
    /// A text that `size` rows after each other share, and no others: the groups of a ranking.
    Sequence,
}

/// The correlation of a column with an earlier one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelateRecipe {
    /// The earlier column.
    pub column: String,
    /// The correlation of the normal scores, −1…1.
    pub weight: f64,
}

/// A limit by an earlier column.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtMost {
    /// The earlier column.
    pub column: String,
    /// What is taken off it.
    #[serde(default)]
    pub minus: f64,
}

/// How the target is drawn from s, which is the intercept, the terms and normal noise together. With a positive and a
/// negative label it is positive with the probability 1 / (1 + e^−s); without them it is s itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecipe {
    /// The name of the column.
    pub name: String,
    /// The label of a positive case.
    pub positive: Option<String>,
    /// The label of a negative case.
    pub negative: Option<String>,
    /// A number: the lowest and highest value that is left.
    pub clip: Option<[f64; 2]>,
    /// A number: how many decimals are kept.
    pub decimals: Option<u32>,
    /// Where s starts.
    pub intercept: f64,
    /// The standard deviation of the noise in s: what no model can know.
    #[serde(default)]
    pub noise: f64,
    /// What the columns add to s.
    pub terms: Vec<Term>,
}

/// What one column adds to s: weight × (x − center) / spread, or weight × the level of its value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The column.
    pub column: String,
    /// Its weight.
    pub weight: f64,
    /// Its weight at `concept_drift` = 1; the same when it is not stated.
    pub drifted: Option<f64>,
    /// Numbers: x is the logarithm of 1 + the value, and `center` is taken the same way.
    #[serde(default)]
    pub log: bool,
    /// Numbers: the value that adds nothing.
    pub center: Option<f64>,
    /// Numbers: the distance that adds one weight.
    pub spread: Option<f64>,
    /// Categories and booleans: what each value adds; 0 when it is not named.
    pub levels: Option<BTreeMap<String, f64>>,
}

/// Reads and checks a recipe.
///
/// # Errors
/// `io` when the file cannot be read; `invalid-canvas` with every finding by file, line and key.
pub fn read_recipe(path: &Path) -> Result<Recipe> {
    let text = read_text(path, "correct `location` in the canvas; it is relative to the canvas file")?;
    parse_recipe(&text, &path.display().to_string())
}

/// Reads and checks a recipe from its text; `place` is the file name that errors show.
///
/// # Errors
/// As [`read_recipe`].
pub fn parse_recipe(text: &str, place: &str) -> Result<Recipe> {
    read_checked(text, place, check)
}

/// Makes `rows` synthetic rows: the columns in the recipe's order, then the label. The same recipe, number of rows and
/// seed give the same values on every machine.
///
/// # Errors
/// `invalid-data` for 0 rows, and for more than [`MOST_ROWS`].
pub fn generate(recipe: &Recipe, rows: u64, seed: u64) -> Result<Table> {
    super::generate::generate(recipe, rows, seed)
}
