//! Tensors as `{ type, shape, data }` with typed arrays.

use crate::error::{Error, ErrorKind, Result};
use crate::plan::half;
use crate::tensor::{Data, ElementType, Tensor};
use js_sys::{
    Array, ArrayBuffer, BigInt64Array, BigUint64Array, DataView, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Object, Reflect, Uint8Array, Uint16Array, Uint32Array,
};
use wasm_bindgen::{JsCast, JsValue};

/// Reads `{ type, shape, data }` whose data is the typed array of its type, as `session.ts` makes sure: bytes for booleans, the bits
/// of float16, a list for strings. `name` is the input that errors speak of.
pub fn from_js(name: &str, value: &JsValue) -> Result<Tensor> {
    let get = |key: &str| Reflect::get(value, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let wrong = |message: &str| {
        let help = "send { type: \"float32\", shape: [1, 4], data: new Float32Array(4) }";
        Error::new(ErrorKind::WrongType, message).item(name).help(help)
    };
    let kind = get("type").as_string().unwrap_or_default();
    let shape = get("shape").dyn_into::<Array>().map_err(|_| wrong("`shape` is not a list of sizes"))?;
    let mut sizes = Vec::with_capacity(shape.length() as usize);
    for size in shape.iter() {
        match size.as_f64().filter(|size| *size >= 0.0 && size.fract() == 0.0) {
            Some(size) => sizes.push(size as usize),
            None => return Err(wrong("`shape` holds something that is not a size")),
        }
    }
    let data = match (kind.as_str(), ElementType::from_name(&kind)) {
        ("float16", _) => {
            bytes(&get("data")).map(|bytes| Data::F32(numbers(&bytes, |bits| half(u16::from_le_bytes(bits)))))
        }
        (_, Some(element)) => read_data(element, &get("data")),
        _ => return Err(wrong("`type` is not the name of an element type")),
    };
    let data = data.ok_or_else(|| wrong("`data` is not the typed array that goes with `type`"))?;
    Tensor::new(sizes, data).map_err(|error| error.item(name))
}

/// A tensor of the values of a typed array. `name` is the input that errors speak of.
pub fn of_type(name: &str, element: ElementType, shape: Vec<usize>, data: &JsValue) -> Result<Tensor> {
    let wrong =
        || Error::new(ErrorKind::WrongType, "the data is not the typed array that goes with the type").item(name);
    Tensor::new(shape, read_data(element, data).ok_or_else(wrong)?).map_err(|error| error.item(name))
}

fn read_data(element: ElementType, data: &JsValue) -> Option<Data> {
    if element == ElementType::Text {
        let mut texts = Vec::new();
        for text in data.dyn_ref::<Array>()?.iter() {
            texts.push(text.as_string()?);
        }
        return Some(Data::Text(texts));
    }
    // What nearly every model takes is copied as it is.
    if let (ElementType::F32, Some(values)) = (element, data.dyn_ref::<Float32Array>()) {
        return Some(Data::F32(values.to_vec()));
    }
    let bytes = bytes(data)?;
    Some(match element {
        ElementType::F32 => return None,
        ElementType::F64 => Data::F64(numbers(&bytes, f64::from_le_bytes)),
        ElementType::I64 => Data::I64(numbers(&bytes, i64::from_le_bytes)),
        ElementType::I32 => Data::I32(numbers(&bytes, i32::from_le_bytes)),
        ElementType::I16 => Data::I16(numbers(&bytes, i16::from_le_bytes)),
        ElementType::I8 => Data::I8(numbers(&bytes, i8::from_le_bytes)),
        ElementType::U64 => Data::U64(numbers(&bytes, u64::from_le_bytes)),
        ElementType::U32 => Data::U32(numbers(&bytes, u32::from_le_bytes)),
        ElementType::U16 => Data::U16(numbers(&bytes, u16::from_le_bytes)),
        ElementType::U8 => Data::U8(bytes),
        ElementType::Bool => Data::Bool(numbers(&bytes, |[byte]| byte != 0)),
        ElementType::Text => return None,
    })
}

/// The bytes of a typed array.
fn bytes(data: &JsValue) -> Option<Vec<u8>> {
    let view = data.is_object() && ArrayBuffer::is_view(data) && !data.has_type::<DataView>();
    // All typed arrays have these three; which one it is does not matter.
    let view = view.then(|| data.unchecked_ref::<Uint8Array>())?;
    Some(Uint8Array::new_with_byte_offset_and_length(&view.buffer(), view.byte_offset(), view.byte_length()).to_vec())
}

fn numbers<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| of(*chunk)).collect()
}

/// The values of a tensor in the typed array of their type.
pub fn values(tensor: &Tensor) -> JsValue {
    match tensor.data() {
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
    }
}

/// `{ type, shape, data }` of a tensor.
pub fn to_js(tensor: &Tensor) -> JsValue {
    let data = values(tensor);
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
