//! `Session`: any model, tensors in and tensors out. Both runtimes run plans; the full one any ONNX file, too.

use super::tensors;
#[cfg(not(feature = "tract"))]
use crate::error::{Error, ErrorKind};
#[cfg(feature = "tract")]
use crate::onnx::TractEngine;
use crate::plan::{self, PlanEngine};
use crate::predict::Engine;
use crate::wasm::values::{throw, to_js};
use js_sys::{Array, Float64Array, Object};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// A model that runs.
#[wasm_bindgen]
pub struct Session {
    engine: Box<dyn Engine>,
    /// What the ONNX file says of itself.
    description: JsValue,
}

#[wasm_bindgen]
impl Session {
    /// Reads the bytes of a plan or of an ONNX file.
    #[wasm_bindgen(constructor)]
    pub fn new(model: &[u8]) -> Result<Session, JsValue> {
        if plan::is_plan(model) {
            let engine = Box::new(PlanEngine::new(model).map_err(throw)?);
            return Ok(Self { engine, description: JsValue::NULL });
        }
        onnx(model)
    }

    /// What the model takes: `{ name, type, shape }[]`.
    pub fn inputs(&self) -> Result<JsValue, JsValue> {
        to_js(&self.engine.signature().inputs)
    }

    /// What the model gives: `{ name, type, shape }[]`.
    pub fn outputs(&self) -> Result<JsValue, JsValue> {
        to_js(&self.engine.signature().outputs)
    }

    /// What an ONNX file says of itself: `{ producer, opset, classes, metadata }`. `null` for a plan.
    pub fn description(&self) -> JsValue {
        self.description.clone()
    }

    /// Runs the model on the values of its inputs in their order, each in the typed array of its type, with their shapes: of each
    /// its rank and its sizes. Gives the values of the outputs, and last their shapes. No name crosses the border, and no object.
    pub fn run(&mut self, data: &Array, shapes: &[f64]) -> Result<Array, JsValue> {
        let mut sizes = shapes.iter().map(|&size| size as usize);
        let mut inputs = Vec::with_capacity(self.engine.signature().inputs.len());
        for (place, port) in self.engine.signature().inputs.iter().enumerate() {
            let rank = sizes.next().unwrap_or_default();
            let shape = sizes.by_ref().take(rank).collect();
            let tensor = tensors::of_type(&port.name, port.element_type, shape, &data.get(place as u32));
            inputs.push(tensor.map_err(throw)?);
        }
        let outputs = self.engine.run(inputs).map_err(throw)?;
        let (results, mut shapes) = (Array::new(), Vec::new());
        for tensor in &outputs {
            results.push(&tensors::values(tensor));
            shapes.push(tensor.shape().len() as f64);
            shapes.extend(tensor.shape().iter().map(|&size| size as f64));
        }
        results.push(&Float64Array::from(shapes.as_slice()));
        Ok(results)
    }

    /// Runs the model on `{ name: { type, shape, data } }`, and gives the outputs the same way.
    pub fn run_named(&mut self, inputs: &JsValue) -> Result<JsValue, JsValue> {
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

#[cfg(feature = "tract")]
fn onnx(model: &[u8]) -> Result<Session, JsValue> {
    let engine = TractEngine::new(model).map_err(throw)?;
    let description = to_js(engine.description())?;
    Ok(Session { engine: Box::new(engine), description })
}

#[cfg(not(feature = "tract"))]
fn onnx(_: &[u8]) -> Result<Session, JsValue> {
    let error = Error::new(ErrorKind::InvalidModel, "the small runtime runs plans, and this is none");
    Err(throw(error.help("load the full runtime, or make a plan with `nearside compile`")))
}
