//! Tensors in files, as the ONNX backend tests keep them: one `TensorProto` per `.pb`.

use super::convert::from_tract;
use super::graph::tensor_proto;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;
use prost::Message;
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::TensorProto;
use tract_onnx::tensor::load_tensor;

/// Reads the bytes of a `.pb` file: its name, which may be empty, and the tensor.
pub fn read_tensor_proto(bytes: &[u8]) -> Result<(String, Tensor)> {
    let broken = |why: String| Error::new(ErrorKind::InvalidData, format!("this is not an ONNX tensor: {why}"));
    let proto = TensorProto::decode(bytes).map_err(|error| broken(error.to_string()))?;
    let tensor = load_tensor(&MmapDataResolver, &proto, None).map_err(|error| broken(format!("{error:#}")))?;
    Ok((proto.name, from_tract(&tensor)?))
}

/// The bytes of a `.pb` file.
pub fn write_tensor_proto(name: &str, tensor: &Tensor) -> Result<Vec<u8>> {
    Ok(tensor_proto(name, tensor)?.encode_to_vec())
}
