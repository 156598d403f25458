//! The live canvas: a module of its own, which no page needs for a prediction, and a part of the full runtime.

use super::values::{from_js, to_js};
use crate::canvas::Canvas;
use crate::error::ErrorKind;
use crate::monitor::{self, Live, Report};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The ten blocks of the canvas, with what a page's `report` says as their live values.
#[wasm_bindgen]
pub fn canvas_view(canvas: JsValue, report: JsValue) -> Result<JsValue, JsValue> {
    let canvas: Canvas = from_js(canvas, ErrorKind::BundleFormat, "canvas")?;
    let report: Report = from_js(report, ErrorKind::Internal, "report")?;
    to_js(&monitor::canvas_view(&canvas, Some(&report), &Live::default()))
}
