//! Tensors as ONNX files hold them: checked, and read the same way for every element type.

use super::convert::{datum_type, element_type, to_tract};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::prelude::{DatumType, Tensor as TractTensor, f16};

/// Reads a tensor. float16 comes as float32.
///
/// Fails with `invalid-model` when the values do not fill the shape, when the values are kept in another file, or when
/// the element type is one that the kit does not have; the message names the tensor.
pub fn read_tensor(proto: &TensorProto) -> Result<Tensor> {
    let shape = shape(proto)?;
    let elements = super::operators::bounded(&shape).map_err(|error| error.item(&proto.name))?;
    let broken = |why: String| {
        let error = Error::new(ErrorKind::InvalidModel, why).item(&proto.name);
        error.help("the file is broken or was cut short; export it again")
    };
    if proto.data_location == Some(DataLocation::External as i32) {
        let error = Error::new(ErrorKind::InvalidModel, "its values are kept in another file, which was not given");
        return Err(error.item(&proto.name).help("save the model with its weights inside the .onnx file"));
    }
    let Some(element) = element_type(proto.data_type) else {
        let name = DataType::try_from(proto.data_type)
            .map_or_else(|_| format!("number {}", proto.data_type), |known| known.as_str_name().to_lowercase());
        let error = Error::new(ErrorKind::WrongType, format!("element type {name} is not supported"));
        return Err(error.item(&proto.name).help("export the model in float32, float16 or int8"));
    };
    let half = is_half(proto);
    let data = match proto.raw_data.is_empty() {
        false => raw(element, half, &proto.raw_data),
        true => typed(element, half, proto),
    };
    match data {
        Some(data) if data.len() == elements => Tensor::new(shape, data),
        Some(data) => Err(broken(format!("{} values for the shape {shape:?}", data.len()))),
        None => Err(broken(format!("{} bytes are no values of type {}", proto.raw_data.len(), element.name()))),
    }
}

fn shape(proto: &TensorProto) -> Result<Vec<usize>> {
    let sizes = proto.dims.iter().map(|&size| usize::try_from(size));
    sizes.collect::<Result<_, _>>().map_err(|_| {
        let message = format!("the shape {:?} has a negative size", proto.dims);
        Error::new(ErrorKind::InvalidModel, message).item(&proto.name).help("the file is broken; export it again")
    })
}

fn raw(element: ElementType, half: bool, bytes: &[u8]) -> Option<Data> {
    macro_rules! read {
        ($variant:ident, $rust:ty) => {{
            let values = bytes.chunks_exact(size_of::<$rust>());
            if !values.remainder().is_empty() {
                return None;
            }
            Data::$variant(values.filter_map(|value| value.try_into().ok().map(<$rust>::from_le_bytes)).collect())
        }};
    }
    Some(match element {
        ElementType::F32 if half => {
            let values = bytes.chunks_exact(2);
            if !values.remainder().is_empty() {
                return None;
            }
            Data::F32(values.map(|value| f16::from_le_bytes([value[0], value[1]]).to_f32()).collect())
        }
        ElementType::F32 => read!(F32, f32),
        ElementType::F64 => read!(F64, f64),
        ElementType::I64 => read!(I64, i64),
        ElementType::I32 => read!(I32, i32),
        ElementType::I16 => read!(I16, i16),
        ElementType::I8 => read!(I8, i8),
        ElementType::U64 => read!(U64, u64),
        ElementType::U32 => read!(U32, u32),
        ElementType::U16 => read!(U16, u16),
        ElementType::U8 => Data::U8(bytes.to_vec()),
        ElementType::Bool => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        ElementType::Text => return None,
    })
}

fn typed(element: ElementType, half: bool, proto: &TensorProto) -> Option<Data> {
    let (narrow, wide) = (&proto.int32_data, &proto.int64_data);
    Some(match element {
        ElementType::F32 if half => {
            Data::F32(narrow.iter().map(|&bits| f16::from_bits(bits as u16).to_f32()).collect())
        }
        ElementType::F32 => Data::F32(proto.float_data.clone()),
        ElementType::F64 => Data::F64(proto.double_data.clone()),
        ElementType::I64 => Data::I64(wide.clone()),
        ElementType::I32 => Data::I32(narrow.clone()),
        ElementType::I16 => Data::I16(narrow.iter().map(|&value| value as i16).collect()),
        ElementType::I8 => Data::I8(narrow.iter().map(|&value| value as i8).collect()),
        ElementType::U64 => Data::U64(proto.uint64_data.clone()),
        ElementType::U32 => Data::U32(proto.uint64_data.iter().map(|&value| value as u32).collect()),
        ElementType::U16 => Data::U16(narrow.iter().map(|&value| value as u16).collect()),
        ElementType::U8 => Data::U8(narrow.iter().map(|&value| value as u8).collect()),
        ElementType::Bool => Data::Bool(narrow.iter().map(|&value| value != 0).collect()),
        ElementType::Text => {
            Data::Text(proto.string_data.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
        }
    })
}

/// The same as a tensor of tract, with float16 as it is.
pub fn load(proto: &TensorProto) -> Result<TractTensor> {
    let tensor = read_tensor(proto)?;
    let datum = if is_half(proto) { DatumType::F16 } else { datum_type(tensor.element_type()) };
    to_tract(tensor, datum)
}

/// Checks a tensor, and writes it so that tract's own reader takes it for what it is.
pub fn settle(proto: &mut TensorProto) -> Result<()> {
    let whole = || {
        let size = element_type(proto.data_type).map(|element| if is_half(proto) { 2 } else { bytes_of(element) });
        let shape = shape(proto).ok()?;
        Some(super::operators::bounded(&shape).ok()?.checked_mul(size?)? == proto.raw_data.len())
    };
    let local = proto.data_location != Some(DataLocation::External as i32);
    if local && !proto.raw_data.is_empty() && whole() == Some(true) {
        return Ok(());
    }
    let tensor = read_tensor(proto)?;
    // Unsigned values stand in a field where tract does not look for them.
    let moved = match tensor.data() {
        Data::U32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::U64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        _ => return Ok(()),
    };
    proto.raw_data = moved;
    proto.uint64_data.clear();
    Ok(())
}

fn is_half(proto: &TensorProto) -> bool {
    proto.data_type == DataType::Float16 as i32
}

/// The size of one element in `raw_data`; 0 for strings, which never stand there.
fn bytes_of(element: ElementType) -> usize {
    match element {
        ElementType::F64 | ElementType::I64 | ElementType::U64 => 8,
        ElementType::F32 | ElementType::I32 | ElementType::U32 => 4,
        ElementType::I16 | ElementType::U16 => 2,
        ElementType::I8 | ElementType::U8 | ElementType::Bool => 1,
        ElementType::Text => 0,
    }
}
