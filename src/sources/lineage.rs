//! Where a snapshot's rows come from, what is in them, and what they cost.

use super::schema::ColumnKind;
use crate::canvas::SourceKind;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The format of the lineage file that this version writes and reads.
pub const LINEAGE_FORMAT: u32 = 1;

/// Where a snapshot's rows come from, what is in them, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// [`LINEAGE_FORMAT`].
    pub format: u32,
    /// The name of the service, from the canvas.
    pub name: String,
    /// The short digest of the canvas that the rows were checked against.
    pub canvas_digest: String,
    /// When they were gathered.
    pub gathered_at: Millis,
    /// The file name of the snapshot: the short digest of its bytes, and `.csv`.
    pub snapshot: String,
    /// The SHA-256 of the snapshot, in hexadecimal digits.
    pub sha256: String,
    /// The size of the snapshot in bytes.
    pub bytes: u64,
    /// The number of rows.
    pub rows: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnLineage>,
    /// The sources, in the order of the canvas; their rows follow each other.
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
    /// The SHA-256 of the file that was read.
    pub sha256: String,
    /// The size of that file in bytes.
    pub bytes: u64,
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
}
