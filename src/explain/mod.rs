//! Takes a predictor and a record; gives what each raw feature contributed to the prediction.
//! Next: the page shows it. It never explains encoded columns, and always says whether the parts sum up.

mod linear;

pub use linear::{Contribution, Explanation, MOST_FEATURES, explain};
