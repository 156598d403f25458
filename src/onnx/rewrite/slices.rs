//! Slices that begin or end nowhere near the tensor: tract keeps the lower 32 bits of such a place.

use crate::onnx::check::subgraphs_mut;
use crate::onnx::graph::tensor_proto;
use crate::onnx::tensor_proto::read_tensor;
use crate::tensor::{Data, Tensor};
use std::collections::HashMap;
use tract_onnx::pb::{GraphProto, TensorProto};

/// Further from 0 than any place in a tensor that fits in here, and within 32 bits.
const FAR: i64 = 1 << 30;

/// Moves constant starts and ends of Slices nearer, where they stay outside of every tensor.
pub fn bring_near(graph: &mut GraphProto) {
    let mut moved: HashMap<String, TensorProto> = HashMap::new();
    for node in &mut graph.node {
        subgraphs_mut(node).for_each(bring_near);
        if node.op_type != "Slice" || !matches!(node.domain.as_str(), "" | "ai.onnx") {
            continue;
        }
        for name in node.input.iter_mut().skip(1).take(2) {
            let Some(constant) = graph.initializer.iter().find(|tensor| tensor.name == *name) else { continue };
            let Ok(Data::I64(places)) = read_tensor(constant).map(Tensor::into_data) else { continue };
            if places.iter().all(|place| place.unsigned_abs() <= FAR as u64) {
                continue;
            }
            let near = Data::I64(places.into_iter().map(|place| place.clamp(-FAR, FAR)).collect());
            let own = format!("{name}:near");
            let tensor = Tensor::new(constant.dims.iter().map(|&size| size as usize).collect(), near);
            if let Ok(tensor) = tensor.and_then(|tensor| tensor_proto(&own, &tensor)) {
                moved.insert(own.clone(), tensor);
                *name = own;
            }
        }
    }
    graph.initializer.extend(moved.into_values());
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::NodeProto;

    #[test]
    fn only_far_places_move() {
        let tensor = |name: &str, place: i64| {
            tensor_proto(name, &Tensor::new(vec![1], Data::I64(vec![place])).unwrap()).unwrap()
        };
        let input = ["x", "far", "near"].map(str::to_owned).to_vec();
        let slice = NodeProto { op_type: "Slice".into(), input, ..NodeProto::default() };
        let initializer = vec![tensor("far", i64::MIN + 5), tensor("near", -7)];
        let mut graph = GraphProto { node: vec![slice], initializer, ..GraphProto::default() };
        bring_near(&mut graph);
        assert_eq!(graph.node[0].input, ["x", "far:near", "near"]);
        let far = graph.initializer.iter().find(|tensor| tensor.name == "far:near").unwrap();
        assert_eq!(read_tensor(far).unwrap().data(), &Data::I64(vec![-FAR]));
    }
}
