//! Tensors as `{ type, shape, data }` with typed arrays.

use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, ElementType, Tensor};
use js_sys::{
    Array, BigInt64Array, BigUint64Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Object,
    Reflect, Uint8Array, Uint16Array, Uint32Array,
};
use wasm_bindgen::{JsCast, JsValue};

/// Reads `{ type, shape, data }`. `name` is the input that errors speak of.
pub fn from_js(name: &str, value: &JsValue) -> Result<Tensor> {
    let get = |key: &str| Reflect::get(value, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let wrong = |message: &str| {
        let help = "send { type: \"float32\", shape: [1, 4], data: new Float32Array(4) }";
        Error::new(ErrorKind::WrongType, message).item(name).help(help)
    };
    let kind = get("type").as_string();
    let half = kind.as_deref() == Some("float16");
    let element = if half { Some(ElementType::F32) } else { kind.as_deref().and_then(ElementType::from_name) };
    let element = element.ok_or_else(|| wrong("`type` is not the name of an element type"))?;
    let shape = get("shape").dyn_into::<Array>().map_err(|_| wrong("`shape` is not a list of sizes"))?;
    let size =
        |size: JsValue| size.as_f64().filter(|size| *size >= 0.0 && size.fract() == 0.0).map(|size| size as usize);
    let shape = shape.iter().map(size).collect::<Option<Vec<usize>>>();
    let shape = shape.ok_or_else(|| wrong("`shape` holds something that is not a size"))?;
    let data = get("data");
    let data = if half { read_half(&data) } else { read_data(element, &data) };
    let data = data.ok_or_else(|| wrong("`data` is not the typed array that goes with `type`"))?;
    Tensor::new(shape, data).map_err(|error| error.item(name))
}

/// The values: the typed array that goes with the type, or a list of plain numbers, of booleans or of strings.
fn read_data(element: ElementType, data: &JsValue) -> Option<Data> {
    macro_rules! read {
        ($variant:ident, $rust:ty, $array:ty) => {
            match data.dyn_ref::<$array>() {
                Some(array) => Some(Data::$variant(array.to_vec())),
                None => integers(data, |value| <$rust>::try_from(value).ok()).map(Data::$variant),
            }
        };
    }
    macro_rules! read_floats {
        ($variant:ident, $rust:ty, $array:ty) => {
            match data.dyn_ref::<$array>() {
                Some(array) => Some(Data::$variant(array.to_vec())),
                None => {
                    let numbers = list(data)?;
                    let number = |value: JsValue| value.as_f64().map(|value| value as $rust);
                    numbers.iter().map(number).collect::<Option<_>>().map(Data::$variant)
                }
            }
        };
    }
    match element {
        ElementType::F32 => read_floats!(F32, f32, Float32Array),
        ElementType::F64 => read_floats!(F64, f64, Float64Array),
        ElementType::I64 => read!(I64, i64, BigInt64Array),
        ElementType::I32 => read!(I32, i32, Int32Array),
        ElementType::I16 => read!(I16, i16, Int16Array),
        ElementType::I8 => read!(I8, i8, Int8Array),
        ElementType::U64 => read!(U64, u64, BigUint64Array),
        ElementType::U32 => read!(U32, u32, Uint32Array),
        ElementType::U16 => read!(U16, u16, Uint16Array),
        ElementType::U8 => read!(U8, u8, Uint8Array),
        ElementType::Bool => {
            if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
                return Some(Data::Bool(bytes.to_vec().into_iter().map(|byte| byte != 0).collect()));
            }
            list(data)?.iter().map(|value| value.as_bool()).collect::<Option<_>>().map(Data::Bool)
        }
        ElementType::Text => {
            let texts = data.dyn_ref::<Array>()?.iter().map(|text| text.as_string());
            Some(Data::Text(texts.collect::<Option<_>>()?))
        }
    }
}

/// float16 comes as its bits in a Uint16Array, or as plain numbers; it is computed as float32.
fn read_half(data: &JsValue) -> Option<Data> {
    match data.dyn_ref::<Uint16Array>() {
        Some(bits) => Some(Data::F32(bits.to_vec().into_iter().map(crate::plan::half).collect())),
        None => read_data(ElementType::F32, data),
    }
}

/// A list of values, or a typed array of another type, as a list.
fn list(data: &JsValue) -> Option<Array> {
    let typed = data.is_object() && js_sys::ArrayBuffer::is_view(data) && !data.has_type::<js_sys::DataView>();
    (Array::is_array(data) || typed).then(|| Array::from(data))
}

/// Whole numbers, as numbers or as BigInts. Nothing where one of them is none, or does not fit.
fn integers<T>(data: &JsValue, fit: impl Fn(i128) -> Option<T>) -> Option<Vec<T>> {
    let value = |value: JsValue| match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => fit(number as i128),
        Some(_) => None,
        None => fit(i128::try_from(value).ok()?),
    };
    list(data)?.iter().map(value).collect()
}

/// `{ type, shape, data }` of a tensor.
pub fn to_js(tensor: &Tensor) -> JsValue {
    let data: JsValue = match tensor.data() {
        Data::F32(values) => Float32Array::from(values.as_slice()).into(),
        Data::F64(values) => Float64Array::from(values.as_slice()).into(),
        Data::I64(values) => BigInt64Array::from(values.as_slice()).into(),
        Data::I32(values) => Int32Array::from(values.as_slice()).into(),
        Data::I16(values) => Int16Array::from(values.as_slice()).into(),
        Data::I8(values) => Int8Array::from(values.as_slice()).into(),
        Data::U64(values) => BigUint64Array::from(values.as_slice()).into(),
        Data::U32(values) => Uint32Array::from(values.as_slice()).into(),
        Data::U16(values) => Uint16Array::from(values.as_slice()).into(),
        Data::U8(values) => Uint8Array::from(values.as_slice()).into(),
        Data::Bool(values) => {
            let bytes: Vec<u8> = values.iter().map(|&value| u8::from(value)).collect();
            Uint8Array::from(bytes.as_slice()).into()
        }
        Data::Text(values) => values.iter().map(|text| JsValue::from_str(text)).collect::<Array>().into(),
    };
    let shape: Array = tensor.shape().iter().map(|&size| JsValue::from_f64(size as f64)).collect();
    object(&[("type", tensor.element_type().name().into()), ("shape", shape.into()), ("data", data)]).into()
}

/// An object with these properties.
pub fn object(properties: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        // Setting a property of a fresh, extensible object cannot fail.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}
