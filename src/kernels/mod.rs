//! Takes slices of numbers; gives numbers, into slices that are there. The loops that decide how fast a plan runs, and
//! nothing else: no tensors, no shapes that could be wrong. Lengths are the caller's business; a wrong one is a panic, and
//! never a read beyond a slice.
//! Next: `plan/kernels` checks shapes and calls these.

mod convolution;
mod elementwise;
mod forest;
mod histogram;
mod lanes;
mod math;
mod product;
mod rows;

pub use convolution::{Image, Pool, Window, depthwise, patches, pool};
pub use elementwise::{Activation, Binary, Unary, apply, binary, shift};
pub use forest::{BRANCH, INDEX, LANES, MISSING, Node, SET, Sets, Walk, leaves_f32, leaves_f64};
pub use histogram::{BinSums, Slope, histogram};
pub use math::{sigmoid, tanh};
pub use product::Panels;
pub use rows::{normalise, softmax, squares, sum};
