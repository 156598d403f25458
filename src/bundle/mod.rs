//! Takes what `train` and `evaluate` made; gives a folder of static files: manifest, model, reference profile, hashes.
//! Next: `predict` runs it in the page, `rollout` points pages at it. It never trusts a file whose hash differs.

mod build;
mod channel;
mod digest;
mod manifest;
mod page;

pub use build::{Build, BuildColumn, BuildData, BuildSource, BuildStep, BuildWeights};
pub use channel::{Channel, Mode, Pointer};
pub use digest::{sha256_hex, short_digest};
pub use manifest::{
    Baseline, BaselineFeature, Budgets, COMPILED, Explanation, FORMAT, FileEntry, Golden, GoldenPrediction, Manifest,
    Roles, TRACT, TaskSchema, TelemetrySettings,
};
pub use page::{PageFile, read_fields};
