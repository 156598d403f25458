//! Where a snapshot's rows come from, what is in them, and what they cost.

use super::join::JoinLineage;
use super::schema::ColumnKind;
use super::source::FileStamp;
use crate::canvas::SourceKind;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The format of the lineage file that this version writes and reads.
pub const LINEAGE_FORMAT: u32 = 2;

/// Where a snapshot's rows come from, what is in them, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// [`LINEAGE_FORMAT`].
    pub format: u32,
    /// The name of the service, from the canvas.
    pub name: String,
    /// The short digest of the canvas that the rows were checked against.
    pub canvas_digest: String,
    /// The short digest of what the canvas says of sources and columns alone.
    #[serde(default)]
    pub inputs_digest: String,
    /// Whether another number of rows or another seed was asked for than the canvas states.
    #[serde(default)]
    pub limited: bool,
    /// When they were gathered.
    pub gathered_at: Millis,
    /// The file name of the snapshot: the short digest of its bytes, and `.parquet`.
    pub snapshot: String,
    /// The SHA-256 of the snapshot, in hexadecimal digits.
    pub sha256: String,
    /// The size of the snapshot in bytes.
    pub bytes: u64,
    /// The number of rows.
    pub rows: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnLineage>,
    /// The sources, in the order of the canvas. The rows of those without a join follow each other.
    pub sources: Vec<SourceLineage>,
    /// What all of it costs.
    pub cost: SnapshotCost,
}

/// One column of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnLineage {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// The share of its values that are missing, 0…1.
    pub missing_share: f64,
}

/// One source of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceLineage {
    /// Its name in the canvas.
    pub name: String,
    /// How it was read.
    pub kind: SourceKind,
    /// Whether its rows are invented: a recipe's always are.
    pub synthetic: bool,
    /// Where it is, as the canvas states it.
    pub location: String,
    /// The licence, as the canvas states it.
    pub licence: Option<String>,
    /// Who answers questions about it, as the canvas states it.
    pub owner: Option<String>,
    /// The SHA-256 of the bytes that were read; empty for the rows of a query.
    pub sha256: String,
    /// The number of those bytes.
    pub bytes: u64,
    /// What tells cheaply whether the file is still the same, for a source that is one.
    #[serde(default)]
    pub stamp: Option<FileStamp>,
    /// The moment that the rows are of: when the file, or the data set of a server, was changed last; otherwise when they
    /// were read.
    #[serde(default)]
    pub as_of: Millis,
    /// Whether they were older than the canvas's `refresh` then.
    #[serde(default)]
    pub stale: bool,
    /// How many requests, queries or runs it took.
    #[serde(default)]
    pub calls: u64,
    /// How it was joined to the rows of the sources without a join.
    #[serde(default)]
    pub join: Option<JoinLineage>,
    /// The rows that it gave.
    pub rows: u64,
    /// The seed, for a recipe.
    pub seed: Option<u64>,
    /// What it costs.
    pub cost: SnapshotCost,
}

/// What rows cost by the unit prices of the canvas, in its currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SnapshotCost {
    /// For buying the rows, once.
    pub rows: f64,
    /// For keeping them, each month.
    pub storage_per_month: f64,
    /// For the requests, queries and runs that they took.
    #[serde(default)]
    pub calls: f64,
}
