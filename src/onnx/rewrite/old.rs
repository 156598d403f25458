//! Operators that meant something else in an old version of the standard, of which tract reads the new meaning only.

use super::writer::OWN;
use crate::onnx::check::subgraphs_mut;
use tract_onnx::pb::GraphProto;

/// Gives such operators to the kit's own. Before version 7, a PRelu's slopes belonged to the channels, on axis 1.
pub fn give_over(graph: &mut GraphProto, opset: i64) {
    if opset >= 7 {
        return;
    }
    for node in &mut graph.node {
        if node.op_type == "PRelu" && matches!(node.domain.as_str(), "" | "ai.onnx") {
            OWN.clone_into(&mut node.domain);
        }
        subgraphs_mut(node).for_each(|graph| give_over(graph, opset));
    }
}
