//! Takes the files of a project: its canvas, and the CSV files and seeded recipes that it names; gives the canvas, and a
//! checked, hashed snapshot of the rows with its lineage.
//! Next: `train` fits on a snapshot, `evaluate` holds some of its rows out, `monitor` shows its freshness and cost.
//! It never lets a bad source replace the last good snapshot.

mod cells;
mod csv;
mod exact;
mod file;
mod generate;
mod lineage;
mod recipe;
mod recipe_check;
mod record;
mod schema;
mod snapshot;
mod table;

pub use cells::{Cells, NO_WORD};
pub use csv::{cell, to_csv};
pub use file::read_canvas;
pub use lineage::{ColumnLineage, LINEAGE_FORMAT, Lineage, SnapshotCost, SourceLineage};
pub use recipe::{
    AtMost, ColumnRecipe, CorrelateRecipe, Distribution, GroupRecipe, Knobs, MOST_ROWS, Recipe, TargetRecipe, Term,
    generate, parse_recipe, read_recipe,
};
pub use record::record;
pub use schema::{ColumnKind, check_schema, classes};
pub use snapshot::{GatherOptions, Snapshot, gather, gather_rows, gather_with, load_snapshot};
pub use table::{Column, Table};
