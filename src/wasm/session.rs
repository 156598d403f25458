//! `Session`: any ONNX file, tensors in and tensors out.

use super::tensors;
use super::values::{throw, to_js};
use crate::onnx::TractEngine;
use crate::predict::Engine;
use js_sys::Object;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// A model that runs.
#[wasm_bindgen]
pub struct Session {
    engine: TractEngine,
}

#[wasm_bindgen]
impl Session {
    /// Reads the bytes of an ONNX file.
    #[wasm_bindgen(constructor)]
    pub fn new(onnx: &[u8]) -> Result<Session, JsValue> {
        Ok(Self { engine: TractEngine::new(onnx).map_err(throw)? })
    }

    /// What the model takes: `{ name, type, shape }[]`.
    pub fn inputs(&self) -> Result<JsValue, JsValue> {
        to_js(&self.engine.signature().inputs)
    }

    /// What the model gives: `{ name, type, shape }[]`.
    pub fn outputs(&self) -> Result<JsValue, JsValue> {
        to_js(&self.engine.signature().outputs)
    }

    /// What the file says of itself: `{ producer, opset, classes, metadata }`.
    pub fn description(&self) -> Result<JsValue, JsValue> {
        to_js(self.engine.description())
    }

    /// Runs the model on `{ name: { type, shape, data } }`, and gives the outputs the same way.
    pub fn run(&mut self, inputs: &JsValue) -> Result<JsValue, JsValue> {
        let mut named = Vec::new();
        if let Some(object) = inputs.dyn_ref::<Object>() {
            for name in Object::keys(object).iter().filter_map(|name| name.as_string()) {
                let value = js_sys::Reflect::get(object, &name.as_str().into())?;
                let tensor = tensors::from_js(&name, &value).map_err(throw)?;
                named.push((name, tensor));
            }
        }
        let arranged = self.engine.signature().arrange(named).map_err(throw)?;
        let outputs = self.engine.run(arranged).map_err(throw)?;
        let ports = &self.engine.signature().outputs;
        let named: Vec<(&str, JsValue)> =
            ports.iter().zip(&outputs).map(|(port, tensor)| (port.name.as_str(), tensors::to_js(tensor))).collect();
        Ok(tensors::object(&named).into())
    }
}
