//! Takes the canvas and the gathered table; gives fitted candidates, and the rows that were held out from them.
//! Next: `onnx` writes each candidate as a graph, `evaluate` judges it on the held-out rows.
//! It never looks at a held-out row while it learns, and draws nothing by chance but with the seed of the canvas.

mod candidates;
mod export;
mod fit;
mod labels;
mod logistic;
mod manifest;
mod prepare;
mod reweigh;
mod schema;
mod split;

pub use candidates::{Candidate, train};
pub use export::{export, roles};
pub use fit::{Expansion, Fitted, FittedFeature, Step};
pub use labels::{Labels, text};
pub use logistic::{Problem, Solution, fit, sigmoid};
pub use manifest::manifest;
pub use prepare::{design, feature_schema, prepare, raw};
pub use reweigh::reweigh;
pub use schema::{edges as deciles, schema};
pub use split::{RowSplit, split};
