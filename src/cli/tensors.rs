//! Tensors in files: JSON, `.npz` and ONNX `.pb`.

use nearside::onnx::{read_tensor_proto, write_tensor_proto};
use nearside::{Data, ElementType, Error, ErrorKind, Result, Signature, Tensor};
use npyz::{NpyFile, WriteOptions, WriterBuilder};
use serde_json::{Map, Value as Json, json};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Tensors by name, in order.
pub type Named = Vec<(String, Tensor)>;

/// Reads `{ name: { type, shape, data } }`. A missing `type` is that of the model's input.
pub fn from_json(json: &Map<String, Json>, signature: &Signature) -> Result<Named> {
    json.iter().map(|(name, value)| Ok((name.clone(), tensor_from_json(name, value, signature)?))).collect()
}

fn tensor_from_json(name: &str, json: &Json, signature: &Signature) -> Result<Tensor> {
    let wrong = |message: &str| {
        let help = "write { \"type\": \"float32\", \"shape\": [1, 2], \"data\": [0.5, 1] }";
        Error::new(ErrorKind::WrongType, message).item(name).help(help)
    };
    let declared = signature.inputs.iter().find(|input| input.name == name).map(|input| input.element_type);
    let element = match json.get("type").and_then(Json::as_str) {
        Some(text) => ElementType::from_name(text).ok_or_else(|| wrong("`type` is not the name of an element type"))?,
        None => declared.ok_or_else(|| wrong("`type` is missing"))?,
    };
    let values = json.get("data").and_then(Json::as_array).ok_or_else(|| wrong("`data` is not a list"))?;
    let shape = match json.get("shape").and_then(Json::as_array) {
        Some(shape) => shape.iter().map(|size| size.as_u64().map(|size| size as usize)).collect::<Option<Vec<_>>>(),
        None => Some(vec![values.len()]),
    };
    let shape = shape.ok_or_else(|| wrong("`shape` holds something that is not a size"))?;
    let data = data_from_json(element, values).ok_or_else(|| wrong("`data` holds a value that is not of `type`"))?;
    Tensor::new(shape, data).map_err(|error| error.item(name))
}

fn data_from_json(element: ElementType, values: &[Json]) -> Option<Data> {
    macro_rules! integers {
        ($variant:ident, $rust:ty) => {
            values
                .iter()
                .map(|value| {
                    let wide = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))?;
                    <$rust>::try_from(wide).ok()
                })
                .collect::<Option<_>>()
                .map(Data::$variant)
        };
    }
    // JSON has no NaN and no infinity; they are written as strings.
    let float = |value: &Json| match value {
        Json::String(text) => text.parse::<f64>().ok(),
        value => value.as_f64(),
    };
    match element {
        ElementType::F32 => values.iter().map(|v| float(v).map(|v| v as f32)).collect::<Option<_>>().map(Data::F32),
        ElementType::F64 => values.iter().map(float).collect::<Option<_>>().map(Data::F64),
        ElementType::I64 => integers!(I64, i64),
        ElementType::I32 => integers!(I32, i32),
        ElementType::I16 => integers!(I16, i16),
        ElementType::I8 => integers!(I8, i8),
        ElementType::U64 => integers!(U64, u64),
        ElementType::U32 => integers!(U32, u32),
        ElementType::U16 => integers!(U16, u16),
        ElementType::U8 => integers!(U8, u8),
        ElementType::Bool => values.iter().map(Json::as_bool).collect::<Option<_>>().map(Data::Bool),
        ElementType::Text => {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>().map(Data::Text)
        }
    }
}

/// `{ name: { type, shape, data } }`.
pub fn to_json(tensors: &[(String, Tensor)]) -> Json {
    let entry = |(name, tensor): &(String, Tensor)| {
        let data: Json = match tensor.data() {
            Data::I64(values) => json!(values),
            Data::U64(values) => json!(values),
            Data::Bool(values) => json!(values),
            Data::Text(values) => json!(values),
            data => data.to_f64().unwrap_or_default().into_iter().map(number).collect(),
        };
        let value = json!({ "type": tensor.element_type().name(), "shape": tensor.shape(), "data": data });
        (name.clone(), value)
    };
    Json::Object(tensors.iter().map(entry).collect())
}

fn number(value: f64) -> Json {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

/// Reads the arrays of an `.npz` file. Arrays of strings are not read.
pub fn read_npz(path: &Path) -> Result<Named> {
    let broken = |error: std::io::Error| {
        Error::new(ErrorKind::InvalidData, format!("this .npz cannot be read: {error}")).place(path.display())
    };
    let file = File::open(path).map_err(broken)?;
    let mut archive = ZipArchive::new(file).map_err(|error| broken(error.into()))?;
    let mut tensors = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(error.into()))?;
        let name = entry.name().map_err(|error| broken(error.into()))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else { continue };
        let array = NpyFile::new(entry).map_err(broken)?;
        let shape: Vec<usize> = array.shape().iter().map(|&size| size as usize).collect();
        if array.order() == npyz::Order::Fortran && shape.len() > 1 {
            let error = Error::new(ErrorKind::InvalidData, "the array is in Fortran order").place(path.display());
            return Err(error.item(name).help("save numpy.ascontiguousarray(x)"));
        }
        let kind = array.dtype().descr().trim_matches(['\'', '<', '|', '=', '>']).to_owned();
        macro_rules! read {
            ($variant:ident) => {
                Data::$variant(array.into_vec().map_err(broken)?)
            };
        }
        let data = match kind.as_str() {
            "f4" => read!(F32),
            "f8" => read!(F64),
            "i8" => read!(I64),
            "i4" => read!(I32),
            "i2" => read!(I16),
            "i1" => read!(I8),
            "u8" => read!(U64),
            "u4" => read!(U32),
            "u2" => read!(U16),
            "u1" => read!(U8),
            "b1" => read!(Bool),
            other => {
                let error = Error::new(ErrorKind::WrongType, format!("arrays of type {other} are not read"));
                return Err(error.place(path.display()).item(name).help("save it as a plain number type"));
            }
        };
        tensors.push((name, Tensor::new(shape, data)?));
    }
    Ok(tensors)
}

/// Writes an `.npz` file. Strings cannot be written.
pub fn write_npz(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let failed = |error: std::io::Error| Error::from(error).place(path.display());
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path).map_err(failed)?));
    for (name, tensor) in tensors {
        let shape: Vec<u64> = tensor.shape().iter().map(|&size| size as u64).collect();
        macro_rules! write {
            ($values:expr) => {{
                let entry = format!("{name}.npy");
                archive.start_file(entry, SimpleFileOptions::default()).map_err(|error| failed(error.into()))?;
                let options = WriteOptions::new().default_dtype().shape(&shape).writer(&mut archive);
                let mut array = options.begin_nd().map_err(failed)?;
                array.extend($values.iter().copied()).map_err(failed)?;
                array.finish().map_err(failed)?;
            }};
        }
        match tensor.data() {
            Data::F32(values) => write!(values),
            Data::F64(values) => write!(values),
            Data::I64(values) => write!(values),
            Data::I32(values) => write!(values),
            Data::I16(values) => write!(values),
            Data::I8(values) => write!(values),
            Data::U64(values) => write!(values),
            Data::U32(values) => write!(values),
            Data::U16(values) => write!(values),
            Data::U8(values) => write!(values),
            Data::Bool(values) => write!(values),
            Data::Text(_) => {
                let error = Error::new(ErrorKind::WrongType, "strings cannot be written to .npz").item(name);
                return Err(error.place(path.display()).help("write .json instead"));
            }
        }
    }
    archive.finish().map_err(|error| failed(error.into()))?;
    Ok(())
}

/// Reads one `.pb` tensor.
pub fn read_pb(path: &Path) -> Result<(String, Tensor)> {
    let bytes = std::fs::read(path).map_err(|error| Error::from(error).place(path.display()))?;
    read_tensor_proto(&bytes).map_err(|error| error.place(path.display()))
}

/// Writes one `.pb` tensor.
pub fn write_pb(path: &Path, name: &str, tensor: &Tensor) -> Result<()> {
    std::fs::write(path, write_tensor_proto(name, tensor)?).map_err(|error| Error::from(error).place(path.display()))
}
