#![doc = include_str!("README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod decimal;
mod error;
mod time;

pub mod alerts;
pub mod bundle;
pub mod canvas;
pub mod explain;
pub mod features;
pub mod guard;
pub mod monitor;
#[cfg(feature = "tract")]
pub mod onnx;
pub mod plan;
pub mod predict;
pub mod profile;
pub mod rollout;
pub mod stats;
pub mod telemetry;
mod tensor;
pub mod wire;

#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub mod adopt;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub mod collect;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub mod evaluate;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub mod sources;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub mod train;

#[cfg(target_arch = "wasm32")]
mod wasm;

pub use error::{Context, Error, ErrorKind, Result};
pub use predict::{Engine, Prediction, Predictor, Signature};
pub use tensor::{Data, Dimension, ElementType, Port, Tensor};
pub use time::{Millis, parse_timestamp};
