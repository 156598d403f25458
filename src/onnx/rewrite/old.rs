//! Operators that meant something else in an old version of the standard, of which tract reads the new meaning only.

use super::writer::OWN;
use crate::onnx::check::subgraphs_mut;
use crate::onnx::graph::tensor_proto;
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::GraphProto;

/// Writes them as they are read today. Before version 7, a PRelu's slopes belonged to the channels, on axis 1; before
/// version 5, a Reshape had its shape as an attribute.
pub fn renew(graph: &mut GraphProto, opset: i64) {
    if opset >= 7 {
        return;
    }
    let mut shapes = Vec::new();
    for node in &mut graph.node {
        subgraphs_mut(node).for_each(|graph| renew(graph, opset));
        match (node.domain.as_str(), node.op_type.as_str()) {
            ("" | "ai.onnx", "PRelu") => OWN.clone_into(&mut node.domain),
            ("" | "ai.onnx", "Reshape") if node.input.len() == 1 => {
                let Some(shape) = node.attribute.iter().find(|attribute| attribute.name == "shape") else { continue };
                let name = format!("{}:shape", node.output.first().map_or("", String::as_str));
                let tensor = Tensor::new(vec![shape.ints.len()], Data::I64(shape.ints.clone()));
                if let Ok(tensor) = tensor.and_then(|tensor| tensor_proto(&name, &tensor)) {
                    shapes.push(tensor);
                    node.input.push(name);
                    node.attribute.retain(|attribute| attribute.name != "shape");
                }
            }
            _ => {}
        }
    }
    graph.initializer.extend(shapes);
}
