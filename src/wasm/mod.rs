//! Takes JavaScript values; gives JavaScript values. Thin wrappers around the core, one per class of the SDK.
//! Next: `www/sdk`. It never decides anything: what is counted, sent or answered is decided in the core.

#[cfg(any(feature = "canvas", feature = "tract"))]
mod canvas;
#[cfg(not(feature = "canvas"))]
mod model;
mod values;

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes panics readable in the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The version of the kit.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Whether this is the full runtime, which runs any ONNX file.
#[wasm_bindgen]
pub fn has_tract() -> bool {
    cfg!(feature = "tract")
}

/// A mark by which the SDK tells the full runtime before it runs: only that one exports it.
#[cfg(feature = "tract")]
#[wasm_bindgen]
pub fn full_runtime() {}
