//! Takes the bytes of a plan, which `lower` wrote; gives an engine that runs it. A plan is a model whose every question was
//! answered before it shipped: which kernels, in which order, on buffers of which sizes.
//! Next: `predict` runs it as it runs any engine. It knows no ONNX and no tract, plans nothing, and never reads beyond a
//! buffer that a broken plan asks for.

mod engine;
mod format;
mod kernels;
mod read;
#[cfg(not(target_arch = "wasm32"))]
mod write;

pub use engine::PlanEngine;
pub use format::{
    Activation, Binary, Constant, Kind, Op, Plan, PlanPort, Pool, Reduce, Size, Spot, Step, Unary, Values, Window,
};
pub use read::{half, is_plan};
#[cfg(not(target_arch = "wasm32"))]
pub use write::{Weights, write};
