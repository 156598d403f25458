//! What a page hands in: records, groups, the reference profile. Read by hand, which is a fraction of the code of serde.

use crate::bundle::{Baseline, BaselineFeature};
use crate::error::{Error, ErrorKind, Result as CoreResult};
use crate::features::{Record, Value};
use crate::predict::Groups;
use crate::wasm::values::throw;
use js_sys::{Array, Object, Reflect};
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, JsValue};

/// The own properties of a plain object, in its order. Fails where it is none, or one of them throws.
fn properties(value: &JsValue, expected: &str) -> Result<Vec<(String, JsValue)>, JsValue> {
    let object = value.dyn_ref::<Object>().filter(|_| !Array::is_array(value));
    let object =
        object.ok_or_else(|| throw(Error::new(ErrorKind::InvalidRecord, "this is no object").help(expected)))?;
    let names = Object::keys(object).into_iter().filter_map(|name| name.as_string());
    names.map(|name| Reflect::get(object, &name.as_str().into()).map(|value| (name, value))).collect()
}

/// Reads a record.
pub fn read_record(record: &JsValue) -> Result<Record, JsValue> {
    let expected = "a record is an object of numbers, strings and booleans by feature name";
    let read = |(name, value): (String, JsValue)| {
        let read = match (value.as_f64(), value.as_string(), value.as_bool()) {
            (Some(number), ..) => Value::Number(number),
            (_, Some(text), _) => Value::Text(text),
            (.., Some(truth)) => Value::Bool(truth),
            _ if value.is_null() || value.is_undefined() => Value::Missing,
            _ => {
                let error = Error::new(ErrorKind::InvalidRecord, "this is no number, string or boolean");
                return Err(throw(error.item(name).help(expected)));
            }
        };
        Ok((name, read))
    };
    map(properties(record, expected)?, read)
}

/// Reads the groups that a page declares; none where there is nothing.
pub fn read_groups(groups: &JsValue) -> Result<Groups, JsValue> {
    let expected = "groups are an object of strings by the name of the sensitive feature";
    if groups.is_null() || groups.is_undefined() {
        return Ok(Groups::new());
    }
    let read = |(name, value): (String, JsValue)| match value.as_string() {
        Some(text) => Ok((name, text)),
        None => {
            let error = Error::new(ErrorKind::InvalidRecord, "this is no string");
            Err(throw(error.item(format!("groups.{name}")).help(expected)))
        }
    };
    map(properties(groups, expected)?, read)
}

/// Collecting into a map would sort first, and a sort is much code.
fn map<T>(
    properties: Vec<(String, JsValue)>,
    read: impl Fn((String, JsValue)) -> Result<(String, T), JsValue>,
) -> Result<BTreeMap<String, T>, JsValue> {
    let mut map = BTreeMap::new();
    for property in properties {
        let (name, value) = read(property)?;
        map.insert(name, value);
    }
    Ok(map)
}

/// Reads a reference profile from numbers: how many rows; how many features, and of each its counts, mean and deviation; the scores;
/// the actions. Lists have their length in front, and NaN stands for what is not there.
pub fn read_baseline(numbers: &[f64]) -> CoreResult<Baseline> {
    let mut numbers = numbers.iter().copied();
    let mut next =
        move || numbers.next().ok_or_else(|| Error::new(ErrorKind::BundleFormat, "the baseline ends too early"));
    let list = |next: &mut dyn FnMut() -> CoreResult<f64>| -> CoreResult<Vec<u64>> {
        (0..next()? as usize).map(|_| Ok(next()? as u64)).collect()
    };
    let some = |number: f64| Some(number).filter(|number| !number.is_nan());
    let rows = next()? as u64;
    let mut features = Vec::new();
    for _ in 0..next()? as usize {
        let (counts, mean, deviation) = (list(&mut next)?, next()?, next()?);
        features.push(BaselineFeature { counts, mean: some(mean), standard_deviation: some(deviation) });
    }
    Ok(Baseline { rows, features, scores: list(&mut next)?, actions: list(&mut next)? })
}
