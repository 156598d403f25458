//! Small objects by serde-wasm-bindgen, and errors as JavaScript has them.

use crate::error::{Error, ErrorKind};
use js_sys::Reflect;
use serde::Serialize;
#[cfg(any(feature = "canvas", feature = "tract"))]
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

/// A JavaScript `Error` with the kind of the error as its `code`.
pub fn throw(error: Error) -> JsValue {
    let thrown = js_sys::Error::new(&error.to_string());
    // Setting a property of a fresh, extensible object cannot fail.
    let _ = Reflect::set(&thrown, &"code".into(), &error.kind().code().into());
    thrown.into()
}

/// A plain object: maps become objects, and nothing becomes `null`.
pub fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let serializer = Serializer::new().serialize_maps_as_objects(true).serialize_missing_as_null(true);
    value.serialize(&serializer).map_err(|error| throw(Error::new(ErrorKind::Internal, error.to_string())))
}

/// Reads a plain object by serde. `what` names it in the error, which is of the given kind.
#[cfg(any(feature = "canvas", feature = "tract"))]
pub fn from_js<T: DeserializeOwned>(value: JsValue, kind: ErrorKind, what: &str) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|error| throw(Error::new(kind, error.to_string()).item(what)))
}
