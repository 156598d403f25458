//! All integration tests in one binary, a module per step of the data path.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod adopt;
mod architecture;
mod cli;
mod collect;
mod features;
mod onnx;
mod predict;
mod sources;
mod train;
