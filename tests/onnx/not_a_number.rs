//! A value that is not a number reaches the output of every operator that computes with it, as it does in onnxruntime: it
//! never becomes a prediction.

use super::hostile::{model, node};
use nearside::onnx::TractEngine;
use nearside::{Data, Engine, Tensor};
use tract_onnx::pb::{NodeProto, TensorProto, tensor_proto::DataType};

const NAN: f32 = f32::NAN;

fn constant(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn run(nodes: Vec<NodeProto>, constants: Vec<TensorProto>, x: &[f32]) -> Vec<f32> {
    let mut engine = TractEngine::new(&model(nodes, constants)).unwrap();
    let input = Tensor::new(vec![1, x.len()], Data::F32(x.to_vec())).unwrap();
    let Data::F32(values) = engine.run(vec![input]).unwrap().remove(0).into_data() else { panic!("no floats") };
    values
}

#[test]
fn it_goes_through_every_function_of_one_value() {
    let functions = [
        "Abs",
        "Ceil",
        "Celu",
        "Cos",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Log",
        "LogSoftmax",
        "Mish",
        "Neg",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Softmax",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Tan",
        "Tanh",
        "Acos",
        "Asinh",
        "Sinh",
        "Swish",
    ];
    let contributed = ["Gelu", "FastGelu", "QuickGelu"].map(|function| ("com.microsoft", function));
    for (domain, function) in functions.map(|function| ("", function)).into_iter().chain(contributed) {
        // Of several lengths: kernels take whole vectors first and the rest after.
        for length in [1, 5, 40] {
            let mut x = vec![0.5; length];
            x[length - 1] = NAN;
            let mut node = node(function, &["x"], &["y"]);
            node.domain = domain.into();
            let y = run(vec![node], vec![], &x);
            assert!(y[length - 1].is_nan(), "{function} of {length}: {}", y[length - 1]);
            let others = matches!(function, "Softmax" | "LogSoftmax");
            assert!(y[..length - 1].iter().all(|value| value.is_nan() == others), "{function} of {length}");
        }
    }
}

#[test]
fn it_goes_through_functions_of_two_values_and_layers() {
    let one = || constant("c", &[], &[1.0]);
    for operator in ["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Mod", "Mean"] {
        let mut node = node(operator, &["x", "c"], &["y"]);
        if operator == "Mod" {
            node.attribute.push(super::hostile::int("fmod", 1));
        }
        assert!(run(vec![node], vec![one()], &[0.5, NAN])[1].is_nan(), "{operator}");
    }
    let bounds = vec![constant("low", &[], &[-1.0]), constant("high", &[], &[1.0])];
    let clipped = run(vec![node("Clip", &["x", "low", "high"], &["y"])], bounds, &[7.0, NAN]);
    assert!(clipped[0] == 1.0 && clipped[1].is_nan());

    // A perceptron: one missing input is no prediction, and the next row is as it was.
    let weights = vec![constant("w", &[2, 2], &[1.0, -1.0, 0.5, 2.0]), constant("v", &[2, 1], &[1.0, 1.0])];
    let layers = vec![
        node("MatMul", &["x", "w"], &["a"]),
        node("Relu", &["a"], &["b"]),
        node("MatMul", &["b", "v"], &["c"]),
        node("Sigmoid", &["c"], &["y"]),
    ];
    let mut engine = TractEngine::new(&model(layers, weights)).unwrap();
    let mut row = |x: [f32; 2]| {
        let input = Tensor::new(vec![1, 2], Data::F32(x.to_vec())).unwrap();
        let Data::F32(values) = engine.run(vec![input]).unwrap().remove(0).into_data() else { panic!("no floats") };
        values[0]
    };
    let before = row([1.0, 2.0]);
    assert!(row([1.0, NAN]).is_nan());
    assert!((row([1.0, 2.0]) - before).abs() < 1e-7 && before > 0.9);
    assert!(row([f32::INFINITY, f32::NEG_INFINITY]).is_nan());
}

#[test]
fn a_quotient_of_zeros_is_not_a_number_further_on() {
    let nodes = vec![
        node("Sub", &["x", "x"], &["zero"]),
        node("Div", &["zero", "zero"], &["q"]),
        node("Relu", &["q"], &["r"]),
        node("Tanh", &["r"], &["y"]),
    ];
    assert!(run(nodes, vec![], &[1.0, 2.0]).iter().all(|value| value.is_nan()));
}
