//! From the bytes of an ONNX file to a checked model with its signature.

use super::convert::element_type;
use crate::error::{Error, ErrorKind, Result};
use crate::predict::Signature;
use crate::tensor::{Dimension, ElementType, Port};
use prost::Message;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Size;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

/// An ONNX file that was read, and whose operators are all known.
pub struct OnnxModel {
    /// The file as it is.
    pub proto: ModelProto,
    /// What the model takes and gives.
    pub signature: Signature,
}

/// Reads an ONNX file.
///
/// Fails with `invalid-model` when the bytes are not one, and with `unsupported-operator` when it uses an operator
/// that no engine here has; the message names each of them.
pub fn read(bytes: &[u8]) -> Result<OnnxModel> {
    let not_onnx = |why: String| {
        let help = "give the bytes of a complete .onnx file";
        Error::new(ErrorKind::InvalidModel, format!("this is not an ONNX model: {why}")).help(help)
    };
    if bytes.is_empty() {
        return Err(not_onnx("there are no bytes".into()));
    }
    let proto = ModelProto::decode(bytes).map_err(|error| not_onnx(error.to_string()))?;
    let Some(graph) = &proto.graph else {
        return Err(not_onnx("it has no graph".into()));
    };
    if graph.node.is_empty() && graph.output.is_empty() {
        return Err(not_onnx("its graph is empty".into()));
    }
    let signature = signature(graph)?;
    check_operators(graph, &framework())?;
    Ok(OnnxModel { proto, signature })
}

/// tract's reader, told to trust nothing that a file declares about the tensors in its middle and at its end:
/// many exporters write shapes there that are right for one batch size only.
pub fn framework() -> Onnx {
    let mut onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_output_types(true);
    onnx.ignore_value_info = true;
    onnx
}

fn signature(graph: &GraphProto) -> Result<Signature> {
    let constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs = graph.input.iter().filter(|input| !constant(&input.name));
    let inputs = inputs.map(|input| port(input, true)).collect::<Result<_>>()?;
    let outputs = graph.output.iter().map(|output| port(output, false)).collect::<Result<_>>()?;
    Ok(Signature { inputs, outputs })
}

fn port(info: &ValueInfoProto, is_input: bool) -> Result<Port> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(TypeValue::TensorType(tensor)) = tensor else {
        if !is_input {
            // A sequence or map: what it holds is known only when it runs.
            return Ok(Port { name: info.name.clone(), element_type: ElementType::F32, shape: vec![] });
        }
        let message = "the input is not a tensor";
        return Err(Error::new(ErrorKind::InvalidModel, message).item(&info.name).help("export it with tensor inputs"));
    };
    let Some(element_type) = element_type(tensor.elem_type) else {
        let message = format!("element type {} of ONNX is not supported", tensor.elem_type);
        return Err(Error::new(ErrorKind::WrongType, message).item(&info.name).help("cast it inside the model"));
    };
    let sizes = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let shape = sizes
        .iter()
        .enumerate()
        .map(|(axis, size)| match &size.value {
            Some(Size::DimValue(value)) if *value > 0 => Dimension::Fixed(*value as usize),
            Some(Size::DimParam(name)) if !name.is_empty() => Dimension::Symbol(name.clone()),
            _ => Dimension::Symbol(if axis == 0 { "batch".into() } else { format!("d{axis}") }),
        })
        .collect();
    Ok(Port { name: info.name.clone(), element_type, shape })
}

fn check_operators(graph: &GraphProto, framework: &Onnx) -> Result<()> {
    let mut unknown: Vec<String> = Vec::new();
    visit(graph, &mut |domain, operator| {
        let name = if domain.is_empty() { operator.to_owned() } else { format!("{domain}.{operator}") };
        if !framework.op_register.0.contains_key(operator) && !unknown.contains(&name) {
            unknown.push(name);
        }
    });
    if unknown.is_empty() {
        return Ok(());
    }
    let message = format!("the model uses operators that are not supported: {}", unknown.join(", "));
    let help = "export it without them, for example without ZipMap and with plain tensors in and out";
    Err(Error::new(ErrorKind::UnsupportedOperator, message).help(help))
}

fn visit(graph: &GraphProto, each: &mut dyn FnMut(&str, &str)) {
    for node in &graph.node {
        each(&node.domain, &node.op_type);
        for attribute in &node.attribute {
            attribute.g.iter().chain(&attribute.graphs).for_each(|graph| visit(graph, each));
        }
    }
}
