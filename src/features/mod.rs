//! Takes a raw record and the schema; gives what was observed in each feature and the tensors to feed.
//! Next: `guard` judges the observations, `predict` feeds the tensors. It never changes a value beyond its encoding:
//! imputation and scaling are part of the model's own graph.

mod encode;
mod schema;
mod value;

pub use encode::{Observation, encode, read_timestamps};
pub use schema::{FeatureSchema, Feeds, GroupSchema};
pub use value::{Record, Value};
