//! Takes the canvas and the gathered table; gives fitted candidates, and the rows that were held out from them.
//! Next: `onnx` writes each candidate as a graph, `evaluate` judges it on the held-out rows.
//! It never looks at a held-out row while it learns, and draws nothing by chance but with the seed of the canvas.

mod candidates;
mod dates;
mod export;
mod fit;
mod linear;
mod manifest;
mod prepare;
mod reweigh;
mod schema;
mod softmax;
mod split;
mod target;
mod terms;
mod trainer;
pub mod trees;

pub use candidates::{Candidate, train};
pub use dates::{DateColumn, DateForm};
pub use export::{export, roles};
pub use fit::{Derived, Expansion, Fitted, FittedFeature, Head, Model, Step};
pub use linear::{Loss, Problem, Solution, fit, sigmoid};
pub use manifest::manifest;
pub use prepare::{ANY_TEXT, Preparation, binned, design, feature_schema, prepare, raw};
pub use reweigh::reweigh;
pub use schema::{edges as deciles, schema};
pub use softmax::{SoftmaxProblem, fit_softmax};
pub(crate) use split::shuffled;
pub use split::{RowSplit, split};
pub use target::{Labels, Ranks, Target, text};
pub use trainer::{Trainer, TrainingSet, Variant, trainer_of};
