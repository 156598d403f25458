use super::lower;
use crate::error::{ErrorKind, Result};
use crate::onnx::TractEngine;
use crate::onnx::convert::onnx_type;
use crate::onnx::graph::tensor_proto;
use crate::predict::Engine;
use crate::tensor::{Data, ElementType, Tensor};
use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto,
    type_proto,
};

fn tensor(shape: &[usize], data: Data) -> Tensor {
    Tensor::new(shape.to_vec(), data).unwrap()
}

fn float(value: f32) -> Tensor {
    tensor(&[], Data::F32(vec![value]))
}

fn byte(value: u8) -> Tensor {
    tensor(&[], Data::U8(vec![value]))
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let (kind, i) = (AttributeType::Ints as i32, values.first().copied().unwrap_or_default());
    let kind = if values.len() == 1 { AttributeType::Int as i32 } else { kind };
    AttributeProto { name: name.into(), r#type: kind, i, ints: values.to_vec(), ..AttributeProto::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let kind = AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type: kind, s: value.into(), ..AttributeProto::default() }
}

/// A graph of one node whose first input is fed, and whose other inputs are constants; `None` is not connected.
fn graph(
    operator: &str,
    value: &Tensor,
    constants: &[Option<Tensor>],
    attributes: Vec<AttributeProto>,
    output: ElementType,
) -> GraphProto {
    let standard = ["QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"].contains(&operator);
    let mut names = vec!["x".to_owned()];
    let mut initializer = Vec::new();
    for (place, constant) in constants.iter().enumerate() {
        let name = if constant.is_some() { format!("c{place}") } else { String::new() };
        initializer.extend(constant.iter().map(|constant| tensor_proto(&name, constant).unwrap()));
        names.push(name);
    }
    let node = NodeProto {
        op_type: operator.into(),
        domain: if standard { String::new() } else { "com.microsoft".into() },
        input: names,
        output: vec!["y".into()],
        attribute: attributes,
        ..NodeProto::default()
    };
    let input = vec![info("x", value.element_type(), Some(value.shape()))];
    GraphProto { node: vec![node], initializer, input, output: vec![info("y", output, None)], ..GraphProto::default() }
}

fn info(name: &str, element: ElementType, shape: Option<&[usize]>) -> ValueInfoProto {
    let size = |&size: &usize| Dimension { value: Some(Value::DimValue(size as i64)), ..Dimension::default() };
    let shape = shape.map(|shape| TensorShapeProto { dim: shape.iter().map(size).collect() });
    let tensor = type_proto::Value::TensorType(type_proto::Tensor { elem_type: onnx_type(element), shape });
    let kind = TypeProto { value: Some(tensor), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..ValueInfoProto::default() }
}

fn run(operator: &str, value: Tensor, constants: &[Option<Tensor>], attributes: Vec<AttributeProto>) -> Result<Tensor> {
    let graph = graph(operator, &value, constants, attributes, ElementType::F32);
    let imports = [("", 17), ("com.microsoft", 1)];
    let opset_import = imports.map(|(domain, version)| OperatorSetIdProto { domain: domain.into(), version });
    let model = ModelProto { graph: Some(graph), opset_import: opset_import.into(), ..ModelProto::default() };
    Ok(TractEngine::new(&model.encode_to_vec())?.run(vec![value])?.remove(0))
}

#[test]
fn integers_are_multiplied_less_their_zero_points() {
    // (250 − 10, 0 − 10) · (−100 − 5, 100 − 5) = 240 · −105 − 10 · 95
    let value = tensor(&[1, 2], Data::U8(vec![250, 0]));
    let weights = tensor(&[2, 1], Data::I8(vec![-100, 100]));
    let zero = tensor(&[1], Data::I8(vec![5]));
    let product = run("MatMulInteger", value, &[Some(weights), Some(byte(10)), Some(zero)], vec![]).unwrap();
    assert_eq!(product, tensor(&[1, 1], Data::I32(vec![-26150])));
}

#[test]
fn a_quantised_convolution_pads_with_the_zero_point() {
    // Less the zero point: 1 2 3, between zeros. Weights 1 2 −1 give 0·1 + 1·2 − 2 = 0, 1 + 4 − 3 = 2, 2 + 6 − 0 = 8.
    // The factor 0.5 · 0.2 / 0.4 is a quarter: 0, 0.5 and 2, and the half goes to the even 0. Then 10 is added.
    let value = tensor(&[1, 1, 3], Data::U8(vec![101, 102, 103]));
    let weights = tensor(&[1, 1, 3], Data::I8(vec![1, 2, -1]));
    let inputs = [float(0.5), byte(100), weights, float(0.2), tensor(&[], Data::I8(vec![0])), float(0.4), byte(10)];
    let output = run("QLinearConv", value, &inputs.map(Some), vec![ints("pads", &[1, 1])]).unwrap();
    assert_eq!(output, tensor(&[1, 1, 3], Data::U8(vec![10, 10, 12])));
}

#[test]
fn a_quantised_gemm_gives_bytes_or_numbers() {
    // (1, 2) · (3, 4; 5, 6) + (1, −1) = (14, 15), columns scaled by 0.5 · (1, 2).
    let value = tensor(&[1, 2], Data::U8(vec![1, 2]));
    let weights = tensor(&[2, 2], Data::U8(vec![3, 4, 5, 6]));
    let scales = tensor(&[2], Data::F32(vec![1.0, 2.0]));
    let bias = tensor(&[2], Data::I32(vec![1, -1]));
    let zero = tensor(&[2], Data::U8(vec![0, 0]));
    let mut inputs = vec![float(0.5), byte(0), weights, scales, zero, bias].into_iter().map(Some).collect::<Vec<_>>();
    let numbers = run("QGemm", value.clone(), &inputs, vec![]).unwrap();
    assert_eq!(numbers, tensor(&[1, 2], Data::F32(vec![7.0, 15.0])));
    inputs.extend([Some(float(2.0)), Some(byte(100))]);
    let bytes = run("QGemm", value, &inputs, vec![]).unwrap();
    assert_eq!(bytes, tensor(&[1, 2], Data::U8(vec![104, 108])));
}

#[test]
fn other_quantised_operators_work_on_the_numbers() {
    let value = tensor(&[2], Data::U8(vec![130, 120]));
    let other = tensor(&[1], Data::U8(vec![4]));
    // 2 · 0.5 + 4 · 0.25 = 2, and −8 · 0.5 + 1 = −3; in steps of a half.
    let by = [float(0.5), byte(128), other, float(0.25), byte(0), float(0.5), byte(9)];
    let inputs: Vec<_> = by.into_iter().enumerate().map(|(place, input)| Some(input).filter(|_| place != 4)).collect();
    let sum = run("QLinearAdd", value.clone(), &inputs, vec![]).unwrap();
    assert_eq!(sum, tensor(&[2], Data::U8(vec![13, 3])));
    let inputs = [float(0.5), byte(128), float(0.5), byte(128)].map(Some);
    let leaky = run("QLinearLeakyRelu", value, &inputs, vec![]).unwrap();
    assert_eq!(leaky, tensor(&[2], Data::U8(vec![130, 128])));
}

#[test]
fn fused_operators_are_taken_apart() {
    let value = tensor(&[1, 1, 2, 2], Data::F32(vec![1.0, -2.0, 3.0, -4.0]));
    let weights = tensor(&[1, 1, 1, 1], Data::F32(vec![2.0]));
    let bias = tensor(&[1], Data::F32(vec![1.0]));
    let added = tensor(&[1, 1, 2, 2], Data::F32(vec![0.0, 10.0, 0.0, 0.0]));
    let inputs = [weights, bias, added].map(Some);
    let conv = run("FusedConv", value, &inputs, vec![text("activation", "Relu")]).unwrap();
    assert_eq!(conv.data(), &Data::F32(vec![3.0, 7.0, 7.0, 0.0]));

    let left = tensor(&[2, 1], Data::F32(vec![1.0, 2.0]));
    let right = tensor(&[1, 2], Data::F32(vec![3.0, 4.0]));
    let both = vec![ints("transA", &[1]), ints("transB", &[1])];
    let product = run("FusedMatMul", left, &[Some(right)], both).unwrap();
    assert_eq!(product, tensor(&[1, 1], Data::F32(vec![11.0])));
}

#[test]
fn packed_weights_become_a_matrix() {
    let sizes = || vec![ints("K", &[2]), ints("N", &[1]), ints("bits", &[8]), ints("block_size", &[16])];
    let mut bytes = vec![0; 16];
    bytes[..2].copy_from_slice(&[129, 126]);
    let inputs = [tensor(&[1, 1, 16], Data::U8(bytes)), tensor(&[1], Data::F32(vec![0.5]))].map(Some);
    let value = tensor(&[1, 2], Data::F32(vec![2.0, 3.0]));
    let product = run("MatMulNBits", value.clone(), &inputs, sizes()).unwrap();
    assert_eq!(product, tensor(&[1, 1], Data::F32(vec![-2.0])));

    let order = Some(tensor(&[2], Data::I32(vec![0, 0])));
    let ordered = [&inputs[..], &[None, order]].concat();
    let error = run("MatMulNBits", value, &ordered, sizes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedOperator);
    assert!(error.to_string().contains("g_idx"), "{error}");
}

#[test]
fn integer_weights_are_made_numbers_when_the_file_is_read() {
    let value = tensor(&[1, 2], Data::U8(vec![1, 1]));
    let weights = tensor(&[2, 1], Data::I8(vec![3, 4]));
    let mut graph = graph("MatMulInteger", &value, &[Some(weights)], vec![], ElementType::I32);
    lower(&mut graph, 17).unwrap();
    let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(operators, ["DequantizeLinear", "MatMul", "Cast"]);
    let integers = graph.initializer.iter().filter(|tensor| tensor.name == "c0").count();
    assert_eq!((integers, graph.initializer.len()), (0, 2));
}

#[test]
fn nodes_without_their_inputs_and_unknown_variants_are_refused() {
    let value = tensor(&[1, 1, 2, 2], Data::U8(vec![1; 4]));
    let operators = [
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
        "QGemm",
        "QLinearAdd",
        "QLinearMul",
        "QLinearAveragePool",
        "QLinearGlobalAveragePool",
        "QLinearConcat",
        "QLinearSigmoid",
        "QLinearLeakyRelu",
        "QLinearSoftmax",
        "QLinearWhere",
        "DynamicQuantizeMatMul",
        "MatMulIntegerToFloat",
        "DynamicQuantizeLSTM",
        "FusedConv",
        "FusedGemm",
        "FusedMatMul",
    ];
    for operator in operators {
        let error = run(operator, value.clone(), &[], vec![]).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidModel | ErrorKind::UnsupportedOperator),
            "{operator}: {error}"
        );
    }
    let inputs = || [float(1.0), byte(0), float(1.0), byte(0)].map(Some);
    let last = run("QLinearGlobalAveragePool", value.clone(), &inputs(), vec![ints("channels_last", &[1])]);
    assert_eq!(last.unwrap_err().kind(), ErrorKind::UnsupportedOperator);
    let old = run("QLinearSoftmax", value.clone(), &inputs(), vec![ints("axis", &[1]), ints("opset", &[11])]);
    assert_eq!(old.unwrap_err().kind(), ErrorKind::UnsupportedOperator);
    let weights = tensor(&[1, 1, 1, 1], Data::F32(vec![1.0]));
    let unknown = run("FusedConv", value, &[Some(weights)], vec![text("activation", "Swoosh")]);
    assert!(unknown.unwrap_err().to_string().contains("Swoosh"));
}
