//! Takes the bytes of an ONNX file; gives an engine that runs it, and writes ONNX graphs the other way round.
//! Next: `predict` runs the engine, `train` writes through [`GraphBuilder`]. The only module that names tract; it never
//! trusts what a file declares about the tensors in its middle and at its end.

mod check;
mod convert;
mod engine;
#[cfg(not(target_arch = "wasm32"))]
mod external;
mod graph;
mod interpret;
mod labels;
#[cfg(not(target_arch = "wasm32"))]
pub mod lower;
mod operators;
mod read;
mod rewrite;
mod runner;
#[cfg(not(target_arch = "wasm32"))]
mod tensor_file;
mod tensor_proto;

#[cfg(not(target_arch = "wasm32"))]
pub use check::{KnownOperator, known_operators};
pub use engine::TractEngine;
#[cfg(not(target_arch = "wasm32"))]
pub use external::read_file;
pub use graph::{Attribute, GraphBuilder, MICROSOFT_DOMAIN, ML_DOMAIN, OPSET};
pub use labels::class_labels;
pub use read::{Description, OnnxModel, read};
#[cfg(not(target_arch = "wasm32"))]
pub use tensor_file::{read_tensor_proto, write_tensor_proto};
