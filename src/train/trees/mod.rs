//! Trees: columns in bins, one tree at a time, what each corrects, and forests that cut at random.

mod bins;
mod boost;
mod grow;
mod isolation;
mod objective;
mod rank;

pub use bins::Binned;
pub use boost::{Boosting, boost};
pub use isolation::{isolate, rows_of_a_tree, usual_depth};
pub use objective::{Objective, SoftmaxLoss, Squares, TwoClasses};
pub use rank::LambdaRank;
