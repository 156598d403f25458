//! Weights that stand in a file as integers are made numbers once, when it is read, not in every run and every plan.

use super::writer::OWN;
use crate::onnx::check::visit;
use crate::onnx::graph::tensor_proto;
use crate::onnx::operators;
use crate::onnx::tensor_proto::read_tensor;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Replaces the nodes by constants that only change how a constant is written.
pub(super) fn fold(graph: &mut GraphProto, opset: i64) {
    let mut used_up = HashSet::new();
    // A node may stand before the one that it uses.
    while turn(graph, opset, &mut used_up) > 0 {}
    if used_up.is_empty() {
        return;
    }
    let mut used: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    visit(graph, &mut |node| {
        used.extend(node.input.iter().cloned());
        let outputs = crate::onnx::check::subgraphs(node).flat_map(|graph| &graph.output);
        used.extend(outputs.map(|output| output.name.clone()));
    });
    graph.initializer.retain(|tensor| used.contains(&tensor.name) || !used_up.contains(&tensor.name));
}

fn is_foldable(node: &NodeProto) -> bool {
    match node.domain.as_str() {
        OWN => true,
        "" | "ai.onnx" | "com.microsoft" => node.op_type == "DequantizeLinear",
        _ => false,
    }
}

/// Folds the nodes whose inputs are constants by now. Gives how many there were.
fn turn(graph: &mut GraphProto, opset: i64, used_up: &mut HashSet<String>) -> usize {
    let mut nodes = Vec::with_capacity(graph.node.len());
    let mut made = Vec::new();
    {
        let known: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        for node in std::mem::take(&mut graph.node) {
            match is_foldable(&node).then(|| evaluate(&node, &known, opset)).flatten() {
                Some(tensor) => {
                    used_up.extend(node.input);
                    made.push(tensor);
                }
                None => nodes.push(node),
            }
        }
    }
    graph.node = nodes;
    let count = made.len();
    graph.initializer.extend(made);
    count
}

/// The output of a node with constant inputs; nothing where it fails, which is told when the model runs.
fn evaluate(node: &NodeProto, known: &HashMap<&str, &TensorProto>, opset: i64) -> Option<TensorProto> {
    let [output] = node.output.as_slice() else { return None };
    let names = node.input.iter().filter(|name| !name.is_empty());
    let inputs = names.map(|name| read_tensor(known.get(name.as_str())?).ok());
    let inputs: Vec<_> = inputs.collect::<Option<_>>()?;
    let operator = operators::build(node, opset)?.ok()?;
    tensor_proto(output, operator.run(&inputs).ok()?.first()?).ok()
}
