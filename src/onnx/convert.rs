//! Between the kit's tensors, tract's tensors and the element types of ONNX.

use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::tract_ndarray::ArrayD;
use tract_onnx::prelude::{Datum, DatumType, Tensor as TractTensor, f16};

/// The element type that ONNX numbers so, or nothing for one that the kit has no name for. float16 crosses the border
/// as float32.
pub fn element_type(onnx: i32) -> Option<ElementType> {
    Some(match DataType::try_from(onnx).ok()? {
        DataType::Float | DataType::Float16 => ElementType::F32,
        DataType::Double => ElementType::F64,
        DataType::Int64 => ElementType::I64,
        DataType::Int32 => ElementType::I32,
        DataType::Int16 => ElementType::I16,
        DataType::Int8 => ElementType::I8,
        DataType::Uint64 => ElementType::U64,
        DataType::Uint32 => ElementType::U32,
        DataType::Uint16 => ElementType::U16,
        DataType::Uint8 => ElementType::U8,
        DataType::Bool => ElementType::Bool,
        DataType::String => ElementType::Text,
        _ => return None,
    })
}

/// How ONNX numbers an element type.
pub fn onnx_type(element: ElementType) -> i32 {
    let onnx = match element {
        ElementType::F32 => DataType::Float,
        ElementType::F64 => DataType::Double,
        ElementType::I64 => DataType::Int64,
        ElementType::I32 => DataType::Int32,
        ElementType::I16 => DataType::Int16,
        ElementType::I8 => DataType::Int8,
        ElementType::U64 => DataType::Uint64,
        ElementType::U32 => DataType::Uint32,
        ElementType::U16 => DataType::Uint16,
        ElementType::U8 => DataType::Uint8,
        ElementType::Bool => DataType::Bool,
        ElementType::Text => DataType::String,
    };
    onnx as i32
}

/// The type that tract computes with for an element type.
pub fn datum_type(element: ElementType) -> DatumType {
    match element {
        ElementType::F32 => DatumType::F32,
        ElementType::F64 => DatumType::F64,
        ElementType::I64 => DatumType::I64,
        ElementType::I32 => DatumType::I32,
        ElementType::I16 => DatumType::I16,
        ElementType::I8 => DatumType::I8,
        ElementType::U64 => DatumType::U64,
        ElementType::U32 => DatumType::U32,
        ElementType::U16 => DatumType::U16,
        ElementType::U8 => DatumType::U8,
        ElementType::Bool => DatumType::Bool,
        ElementType::Text => DatumType::String,
    }
}

/// How ONNX numbers a type of tract's.
pub fn onnx_datum(datum: DatumType) -> Result<i32> {
    if datum == DatumType::F16 {
        return Ok(DataType::Float16 as i32);
    }
    element_of(datum).map(onnx_type).ok_or_else(|| broken(format!("a tensor of type {datum:?} has no type in ONNX")))
}

/// The element type of a tensor of tract, as [`from_tract`] gives it.
pub fn element_of(datum: DatumType) -> Option<ElementType> {
    Some(match datum.unquantized() {
        DatumType::F32 | DatumType::F16 => ElementType::F32,
        DatumType::F64 => ElementType::F64,
        DatumType::I64 | DatumType::TDim => ElementType::I64,
        DatumType::I32 => ElementType::I32,
        DatumType::I16 => ElementType::I16,
        DatumType::I8 => ElementType::I8,
        DatumType::U64 => ElementType::U64,
        DatumType::U32 => ElementType::U32,
        DatumType::U16 => ElementType::U16,
        DatumType::U8 => ElementType::U8,
        DatumType::Bool => ElementType::Bool,
        DatumType::String => ElementType::Text,
        _ => return None,
    })
}

/// A tensor for tract, in the type that the model wants: float16 is made from float32 here.
pub fn to_tract(tensor: Tensor, wanted: DatumType) -> Result<TractTensor> {
    let shape = tensor.shape().to_vec();
    if wanted == DatumType::F16
        && let Data::F32(values) = tensor.data()
    {
        return array(&shape, values.iter().map(|&value| f16::from_f32(value)).collect());
    }
    match tensor.into_data() {
        Data::F32(values) => array(&shape, values),
        Data::F64(values) => array(&shape, values),
        Data::I64(values) => array(&shape, values),
        Data::I32(values) => array(&shape, values),
        Data::I16(values) => array(&shape, values),
        Data::I8(values) => array(&shape, values),
        Data::U64(values) => array(&shape, values),
        Data::U32(values) => array(&shape, values),
        Data::U16(values) => array(&shape, values),
        Data::U8(values) => array(&shape, values),
        Data::Bool(values) => array(&shape, values),
        Data::Text(values) => array(&shape, values),
    }
}

fn array<T: Datum>(shape: &[usize], values: Vec<T>) -> Result<TractTensor> {
    let array = ArrayD::from_shape_vec(shape, values);
    array.map(TractTensor::from).map_err(|error| Error::new(ErrorKind::WrongShape, error.to_string()))
}

/// A tensor from tract. Sizes that tract computed are cast to int64, float16 to float32.
pub fn from_tract(tensor: &TractTensor) -> Result<Tensor> {
    let data = match tensor.datum_type() {
        DatumType::F32 => Data::F32(values(tensor)?),
        DatumType::F16 => Data::F32(values::<f16>(tensor)?.into_iter().map(f16::to_f32).collect()),
        DatumType::F64 => Data::F64(values(tensor)?),
        DatumType::I64 => Data::I64(values(tensor)?),
        DatumType::I32 => Data::I32(values(tensor)?),
        DatumType::I16 => Data::I16(values(tensor)?),
        DatumType::I8 => Data::I8(values(tensor)?),
        DatumType::U64 => Data::U64(values(tensor)?),
        DatumType::U32 => Data::U32(values(tensor)?),
        DatumType::U16 => Data::U16(values(tensor)?),
        DatumType::U8 => Data::U8(values(tensor)?),
        DatumType::Bool => Data::Bool(values(tensor)?),
        DatumType::String => Data::Text(values(tensor)?),
        DatumType::TDim => {
            let cast = tensor.cast_to::<i64>().map_err(broken)?;
            Data::I64(values(&cast)?)
        }
        // Quantised integers are plain integers to whoever reads the output.
        quantised if quantised.unquantized() == DatumType::I8 => Data::I8(unquantised(tensor)?),
        quantised if quantised.unquantized() == DatumType::U8 => Data::U8(unquantised(tensor)?),
        other => {
            let message = format!("an output of type {other:?} cannot be handed over");
            return Err(Error::new(ErrorKind::WrongType, message).help("cast it inside the model"));
        }
    };
    Tensor::new(tensor.shape().to_vec(), data)
}

fn values<T: Datum + Clone>(tensor: &TractTensor) -> Result<Vec<T>> {
    Ok(tensor.to_plain_array_view::<T>().map_err(broken)?.iter().cloned().collect())
}

fn unquantised<T: Datum + Copy>(tensor: &TractTensor) -> Result<Vec<T>> {
    let plain = tensor.cast_to_dt(tensor.datum_type().unquantized()).map_err(broken)?;
    values(&plain)
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::EngineFailed, error.to_string())
}
