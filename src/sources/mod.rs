//! Takes the files of a project: its canvas, and the sources that it names; gives the canvas, and a checked, hashed
//! snapshot of the rows with its lineage.
//! Next: `train` fits on a snapshot, `evaluate` holds some of its rows out, `monitor` shows its freshness and cost.
//! It never lets a bad source replace the last good snapshot, and never holds a source in memory, but for one that is joined.
//!
//! # The kinds of sources
//!
//! | kind | location | what it needs beside it |
//! |---|---|---|
//! | `csv` | a path; the file may be in gzip | |
//! | `parquet` | a path; Snappy, Zstandard or not compressed | |
//! | `jsonl` | a path; one JSON object per line, keys with dots for what lies inside of others; gzip too | |
//! | `sqlite` | a path | `query`; the file is opened to be read only |
//! | `postgres` | a URL, or `key=value` pairs | `query`, which runs in a read-only transaction; `timeout_s` |
//! | `http` | a URL | `format` (csv, jsonl, json, parquet) unless the URL ends in one; `records` for the list in a JSON document; `headers`; `timeout_s` |
//! | `recipe` | a path | synthetic rows, seeded |
//! | `command` | none | `command`, whose standard output is CSV or JSON lines by `format`; `timeout_s` |
//!
//! `${VAR}` in a location or a header comes from the environment: no secret stands in the canvas, in a message or in a
//! lineage. An unchanged answer over HTTP is not fetched again: it stays in `.nearside/cache`, with its `ETag`. A server
//! that is busy or away is asked five times, with growing pauses, or as `Retry-After` says.
//!
//! The rows of sources follow each other. A source with `join = { key = "id", kind = "left" }` gives columns instead:
//! it is held in memory by its key, which must come once, and the rows of the sources without a join find their partners
//! in it. A column that several sources have is that of the earliest.
//!
//! A snapshot is a Parquet file: numbers as 64-bit floats that read back to the last bit, categories and texts as
//! dictionaries. [`is_current`] tells in milliseconds whether it is still that of its sources.

mod batch;
mod cells;
mod checks;
mod command;
mod csv;
mod digest;
mod exact;
mod file;
mod generate;
mod http;
mod join;
mod json;
mod lineage;
mod load;
mod moment;
mod parquet;
mod postgres;
mod recipe;
mod recipe_check;
mod record;
mod schema;
mod secrets;
mod snapshot;
mod source;
mod sqlite;
mod stream;
mod table;
mod tls;

pub use cells::{Cells, NO_WORD};
pub use checks::check_schema;
pub use command::run_program;
pub use csv::{cell, to_csv, write_csv};
pub use file::read_canvas;
pub use join::JoinLineage;
pub use lineage::{ColumnLineage, LINEAGE_FORMAT, Lineage, SnapshotCost, SourceLineage};
pub use load::{is_current, load_lineage, load_snapshot};
pub use recipe::{
    AtMost, ColumnRecipe, CorrelateRecipe, Distribution, GroupRecipe, Knobs, MOST_ROWS, Recipe, TargetRecipe, Term,
    generate, parse_recipe, read_recipe,
};
pub use record::record;
pub use schema::{ColumnKind, classes};
pub use snapshot::{GatherOptions, Snapshot, gather, gather_batches, gather_rows, gather_with};
pub use source::FileStamp;
pub use table::{Column, Table};
