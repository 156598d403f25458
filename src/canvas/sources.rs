//! Block 2: where the data comes from, and what it costs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One source of data: an internal database, an API, an open data set, or the output of a program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Its name, unique in the canvas.
    pub name: String,
    /// How it is read.
    pub kind: SourceKind,
    /// A path relative to the canvas, a URL, or a connection; empty for a command. `${VAR}` is taken from the
    /// environment, so that no secret stands in the file.
    #[serde(default)]
    pub location: String,
    /// The SQL query, for `sqlite` and `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What is answered, for `http` and `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<SourceFormat>,
    /// Where in a JSON answer the list of records is, for example `data.items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// The headers of a request, by name. `${VAR}` is taken from the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The program and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// How long the source may take, in seconds; 600 when it is not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// How its columns are joined to the rows of the sources without a join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
    /// The licence, or `internal`.
    #[serde(default)]
    pub licence: Option<String>,
    /// Who answers questions about it.
    #[serde(default)]
    pub owner: Option<String>,
    /// How often it is read again, for example `1d`. What is older is stale.
    #[serde(default)]
    pub refresh: Option<String>,
    /// The unit prices.
    #[serde(default)]
    pub cost: SourceCost,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A CSV file with a header, or one in gzip.
    #[default]
    Csv,
    /// A Parquet file.
    Parquet,
    /// One JSON object per line.
    Jsonl,
    /// The rows of a query to an SQLite file.
    Sqlite,
    /// The rows of a query to a PostgreSQL server.
    Postgres,
    /// An API, or an open data set, over HTTP.
    Http,
    /// Synthetic rows from a seeded recipe.
    Recipe,
    /// What a program prints.
    Command,
}

impl SourceKind {
    /// The name that the canvas uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Http => "http",
            Self::Recipe => "recipe",
            Self::Command => "command",
        }
    }

    /// What it is, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Csv => "CSV file",
            Self::Parquet => "Parquet file",
            Self::Jsonl => "file of JSON lines",
            Self::Sqlite => "SQLite query",
            Self::Postgres => "PostgreSQL query",
            Self::Http => "HTTP data set",
            Self::Recipe => "synthetic, from a recipe",
            Self::Command => "output of a program",
        }
    }

    /// Whether it is a file of the project's disk.
    pub const fn is_file(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet | Self::Jsonl | Self::Sqlite | Self::Recipe)
    }
}

/// How the bytes of an answer are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceFormat {
    /// CSV with a header.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// One JSON document with a list of objects in it.
    Json,
    /// A Parquet file.
    Parquet,
}

/// How a source is joined to the rows of the sources without a join: by a column that both have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The column. Each of its values comes once in this source.
    pub key: String,
    /// What becomes of a row that finds no partner.
    #[serde(default)]
    pub kind: JoinKind,
}

/// What becomes of a row that finds no partner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    /// It stays, and the values of the joined source are missing.
    #[default]
    Left,
    /// It is left out.
    Inner,
}

/// What a source costs, in the currency of the canvas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceCost {
    /// For each row that is bought.
    pub per_row: f64,
    /// For a gigabyte that is kept for a month.
    pub per_gb_month: f64,
    /// For each request to an API, each query, and each run of a program.
    #[serde(skip_serializing_if = "is_zero")]
    pub per_call: f64,
}

fn is_zero(price: &f64) -> bool {
    *price == 0.0
}
