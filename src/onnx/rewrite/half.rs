//! float16: kept at rest, computed as float32. Rounding stays where the file asks for it: at casts and at the outputs.

use crate::error::Result;
use crate::onnx::check::subgraphs_mut;
use crate::onnx::tensor_proto::read_tensor;
use crate::tensor::Data;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto};

const HALF: i32 = DataType::Float16 as i32;
const FLOAT: i32 = DataType::Float as i32;

/// Widens every float16 of a graph to float32. Outputs that the file declares as float16 are rounded to it at the end.
pub fn widen(graph: &mut GraphProto) -> Result<()> {
    let rounded: Vec<String> =
        graph.output.iter().filter(|info| element(info) == Some(HALF)).map(|info| info.name.clone()).collect();
    inside(graph)?;
    for name in rounded {
        // The node that made the output makes an unrounded one now.
        let whole = format!("{name}:float32");
        let mut made = false;
        for node in &mut graph.node {
            for output in node.output.iter_mut().filter(|output| **output == name) {
                output.clone_from(&whole);
                made = true;
            }
        }
        if !made {
            continue;
        }
        for node in &mut graph.node {
            rename(node, &name, &whole);
        }
        graph.node.push(cast(&whole, &name, HALF));
    }
    Ok(())
}

fn inside(graph: &mut GraphProto) -> Result<()> {
    graph.initializer.iter_mut().try_for_each(tensor)?;
    graph.input.iter_mut().for_each(declare);
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        for AttributeProto { t, tensors, .. } in &mut node.attribute {
            t.iter_mut().chain(tensors).try_for_each(tensor)?;
        }
        subgraphs_mut(&mut node).try_for_each(inside)?;
        let makes_half = node
            .attribute
            .iter()
            .any(|attribute| matches!(attribute.name.as_str(), "to" | "dtype") && attribute.i == i64::from(HALF));
        match (makes_half, node.op_type.as_str()) {
            (true, "Cast") => {
                let output = node.output.first().cloned().unwrap_or_default();
                let rounded = format!("{output}:float16");
                node.output = vec![rounded.clone()];
                nodes.push(node);
                nodes.push(cast(&rounded, &output, FLOAT));
            }
            (true, _) => {
                let wide = node.attribute.iter_mut().filter(|attribute| attribute.name == "dtype");
                wide.for_each(|attribute| attribute.i = FLOAT.into());
                nodes.push(node);
            }
            (false, _) => nodes.push(node),
        }
    }
    graph.node = nodes;
    Ok(())
}

fn tensor(proto: &mut TensorProto) -> Result<()> {
    if proto.data_type != HALF {
        return Ok(());
    }
    let wide = read_tensor(proto)?;
    proto.data_type = FLOAT;
    proto.int32_data.clear();
    if let Data::F32(values) = wide.data() {
        proto.raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    }
    Ok(())
}

fn element(info: &ValueInfoProto) -> Option<i32> {
    match info.r#type.as_ref()?.value.as_ref()? {
        TypeValue::TensorType(tensor) => Some(tensor.elem_type),
    }
}

fn declare(info: &mut ValueInfoProto) {
    if let Some(TypeValue::TensorType(tensor)) = info.r#type.as_mut().and_then(|kind| kind.value.as_mut())
        && tensor.elem_type == HALF
    {
        tensor.elem_type = FLOAT;
    }
}

fn rename(node: &mut NodeProto, from: &str, to: &str) {
    node.input.iter_mut().filter(|input| *input == from).for_each(|input| to.clone_into(input));
    for graph in subgraphs_mut(node) {
        graph.node.iter_mut().for_each(|node| rename(node, from, to));
        graph.output.iter_mut().filter(|output| output.name == from).for_each(|output| to.clone_into(&mut output.name));
    }
}

fn cast(from: &str, to: &str, element: i32) -> NodeProto {
    NodeProto {
        name: format!("cast {to}"),
        op_type: "Cast".to_owned(),
        input: vec![from.to_owned()],
        output: vec![to.to_owned()],
        attribute: vec![AttributeProto {
            name: "to".to_owned(),
            i: element.into(),
            r#type: tract_onnx::pb::attribute_proto::AttributeType::Int as i32,
            ..AttributeProto::default()
        }],
        ..NodeProto::default()
    }
}
