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
    let element = get("type").as_string().and_then(|text| ElementType::from_name(&text));
    let element = element.ok_or_else(|| wrong("`type` is not the name of an element type"))?;
    let shape = get("shape").dyn_into::<Array>().map_err(|_| wrong("`shape` is not a list of sizes"))?;
    let size =
        |size: JsValue| size.as_f64().filter(|size| *size >= 0.0 && size.fract() == 0.0).map(|size| size as usize);
    let shape = shape.iter().map(size).collect::<Option<Vec<usize>>>();
    let shape = shape.ok_or_else(|| wrong("`shape` holds something that is not a size"))?;
    let data = read_data(element, &get("data"));
    let data = data.ok_or_else(|| wrong("`data` is not the typed array that goes with `type`"))?;
    Tensor::new(shape, data).map_err(|error| error.item(name))
}

fn read_data(element: ElementType, data: &JsValue) -> Option<Data> {
    macro_rules! read {
        ($variant:ident, $array:ty) => {
            data.dyn_ref::<$array>().map(|array| Data::$variant(array.to_vec()))
        };
    }
    match element {
        ElementType::F32 => read!(F32, Float32Array),
        ElementType::F64 => read!(F64, Float64Array),
        ElementType::I64 => read!(I64, BigInt64Array),
        ElementType::I32 => read!(I32, Int32Array),
        ElementType::I16 => read!(I16, Int16Array),
        ElementType::I8 => read!(I8, Int8Array),
        ElementType::U64 => read!(U64, BigUint64Array),
        ElementType::U32 => read!(U32, Uint32Array),
        ElementType::U16 => read!(U16, Uint16Array),
        ElementType::U8 => read!(U8, Uint8Array),
        ElementType::Bool => {
            let bytes = data.dyn_ref::<Uint8Array>()?.to_vec();
            Some(Data::Bool(bytes.into_iter().map(|byte| byte != 0).collect()))
        }
        ElementType::Text => {
            let texts = data.dyn_ref::<Array>()?.iter().map(|text| text.as_string());
            Some(Data::Text(texts.collect::<Option<_>>()?))
        }
    }
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
