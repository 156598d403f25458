//! Block 2: where the data comes from, and what it costs.

use serde::{Deserialize, Serialize};

/// One source of data: an internal database, an API, or an open data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Its name, unique in the canvas.
    pub name: String,
    /// How it is read.
    pub kind: SourceKind,
    /// A path relative to the canvas.
    pub location: String,
    /// The licence, or `internal`.
    #[serde(default)]
    pub licence: Option<String>,
    /// Who answers questions about it.
    #[serde(default)]
    pub owner: Option<String>,
    /// How often it is read again, for example `1d`.
    #[serde(default)]
    pub refresh: Option<String>,
    /// The unit prices.
    #[serde(default)]
    pub cost: SourceCost,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A CSV file with a header.
    Csv,
    /// Synthetic rows from a seeded recipe.
    Recipe,
}

/// What a source costs, in the currency of the canvas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceCost {
    /// For each row that is bought.
    pub per_row: f64,
    /// For a gigabyte that is kept for a month.
    pub per_gb_month: f64,
}
