//! int4 and uint4: two in a byte at rest, read as int8 and uint8. Only as weights of a DequantizeLinear, where the width makes
//! no difference; anything else that holds them is refused by name when it is read.

use crate::onnx::check::subgraphs_mut;
use std::collections::HashSet;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, TensorProto};

const UINT4: i32 = 21;
const INT4: i32 = 22;

/// Unpacks the constants of a graph that only DequantizeLinear takes.
pub fn unpack(graph: &mut GraphProto) {
    let mut elsewhere = HashSet::new();
    for node in &mut graph.node {
        if node.op_type != "DequantizeLinear" {
            elsewhere.extend(node.input.iter().cloned());
        }
        subgraphs_mut(node).for_each(unpack);
    }
    elsewhere.extend(graph.output.iter().map(|output| output.name.clone()));
    let narrow = graph.initializer.iter_mut().filter(|tensor| matches!(tensor.data_type, INT4 | UINT4));
    narrow.filter(|tensor| !elsewhere.contains(&tensor.name)).for_each(widen);
}

fn widen(tensor: &mut TensorProto) {
    let packed: Vec<u8> = match tensor.raw_data.is_empty() {
        false => std::mem::take(&mut tensor.raw_data),
        true => tensor.int32_data.drain(..).map(|pair| pair as u8).collect(),
    };
    let signed = tensor.data_type == INT4;
    let half = |half: u8| if signed && half > 7 { half | 0xf0 } else { half };
    // An odd number of values leaves half a byte over. Sizes that lie are found when the tensor is checked.
    let count = tensor.dims.iter().try_fold(1usize, |product, &size| product.checked_mul(usize::try_from(size).ok()?));
    let values = packed.iter().flat_map(|pair| [half(pair & 15), half(pair >> 4)]);
    tensor.raw_data = values.take(count.unwrap_or(usize::MAX)).collect();
    tensor.data_type = if signed { DataType::Int8 as i32 } else { DataType::Uint8 as i32 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::NodeProto;

    #[test]
    fn halves_of_bytes_are_numbers_with_their_signs() {
        let tensor = |name: &str, data_type| TensorProto {
            name: name.into(),
            dims: vec![3],
            data_type,
            raw_data: vec![0x8f, 0x07],
            ..TensorProto::default()
        };
        let node = |operator: &str, input: &str| NodeProto {
            op_type: operator.into(),
            input: vec![input.into()],
            ..NodeProto::default()
        };
        let mut graph = GraphProto {
            node: vec![node("DequantizeLinear", "a"), node("DequantizeLinear", "b"), node("Cast", "c")],
            initializer: vec![tensor("a", INT4), tensor("b", UINT4), tensor("c", INT4)],
            ..GraphProto::default()
        };
        unpack(&mut graph);
        let raw: Vec<&[u8]> = graph.initializer.iter().map(|tensor| tensor.raw_data.as_slice()).collect();
        assert_eq!(raw, [&[0xff, 0xf8, 0x07][..], &[15, 8, 7], &[0x8f, 0x07]]);
        assert_eq!(graph.initializer[2].data_type, INT4);
    }
}
