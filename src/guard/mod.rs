//! Takes what was observed in a record, and a score; gives the boundaries that were crossed and the action to take.
//! Next: `profile` counts both. It never runs the model, and never lets a crossed boundary pass without a word.

mod boundary;
mod policy;

pub use boundary::{Boundary, Violation, ViolationRule, check};
pub use policy::{decide, favours, positive_is_favourable, treated_as_positive};
