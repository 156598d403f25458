//! Takes a record and an engine; gives a prediction with its boundaries, its action and its receipt.
//! Next: `explain` says why, `profile` counts it. It never fetches anything, and never reads a clock of its own.

mod decode;
mod engine;
mod feed;
mod prediction;
mod predictor;

pub use engine::{Engine, Signature};
pub use feed::{Row, feed};
pub use prediction::{Prediction, Timing};
pub use predictor::{Groups, Predictor};
