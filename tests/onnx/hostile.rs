//! Files that are broken, or made to break: an error with its cause, never a panic, and what works goes on working.

use super::load::load;
use nearside::onnx::{TractEngine, read};
use nearside::{Data, Engine, ErrorKind, Tensor};
use prost::Message;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TypeProto, ValueInfoProto,
};

fn info(name: &str) -> ValueInfoProto {
    let tensor = TensorType { elem_type: DataType::Float as i32, shape: None };
    let kind = TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..ValueInfoProto::default() }
}

pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        name: format!("the {operator}"),
        op_type: operator.into(),
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: outputs.iter().map(|&output| output.into()).collect(),
        ..NodeProto::default()
    }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: AttributeType::Int as i32, ..AttributeProto::default() }
}

fn sizes(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

pub fn model(nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Vec<u8> {
    let graph = GraphProto {
        name: "g".into(),
        node: nodes,
        initializer: constants,
        input: vec![info("x")],
        output: vec![info("y")],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 18 };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..ModelProto::default() }.encode_to_vec()
}

fn x() -> Vec<Tensor> {
    vec![Tensor::new(vec![1, 2], Data::F32(vec![1.0, 2.0])).unwrap()]
}

/// What loading and running a file ends in: an error with its kind and text.
#[track_caller]
fn refused(bytes: &[u8]) -> (ErrorKind, String) {
    let ended = catch_unwind(AssertUnwindSafe(|| TractEngine::new(bytes).and_then(|mut engine| engine.run(x()))));
    let error = ended.expect("no panic").expect_err("an error");
    (error.kind(), error.to_string())
}

#[track_caller]
fn is_refused(bytes: &[u8], kind: ErrorKind, words: &[&str]) {
    let (found, text) = refused(bytes);
    assert_eq!(found, kind, "{text}");
    for word in words {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
}

#[test]
fn graphs_that_contradict_themselves_are_refused_with_the_node() {
    use ErrorKind::InvalidModel;
    let circle = vec![node("Relu", &["b"], &["y"]), node("Neg", &["y"], &["b"])];
    is_refused(&model(circle, vec![]), InvalidModel, &["the Relu", "depends on its own output"]);
    is_refused(&model(vec![node("Relu", &["nowhere"], &["y"])], vec![]), InvalidModel, &["the Relu", "nowhere"]);
    let twice = vec![node("Relu", &["x"], &["y"]), node("Neg", &["x"], &["y"])];
    is_refused(&model(twice, vec![]), InvalidModel, &["y is made twice"]);
    is_refused(&model(vec![node("Relu", &["x"], &["z"])], vec![]), InvalidModel, &["y", "no node makes"]);
    is_refused(b"", InvalidModel, &["no bytes"]);
    is_refused(b"not a model", InvalidModel, &["not an ONNX model"]);
    is_refused(b"<html>404</html>", InvalidModel, &["not an ONNX model"]);
}

#[test]
fn nodes_in_another_order_are_put_in_order() {
    let nodes = vec![node("Relu", &["a"], &["y"]), node("Neg", &["x"], &["a"])];
    let outputs = TractEngine::new(&model(nodes, vec![])).unwrap().run(x()).unwrap();
    assert_eq!(outputs[0].data(), &Data::F32(vec![0.0, 0.0]));
}

#[test]
fn unknown_operators_are_refused_by_name_and_domain() {
    let mut foreign = node("Relu", &["x"], &["y"]);
    foreign.domain = "com.example".into();
    is_refused(&model(vec![foreign], vec![]), ErrorKind::UnsupportedOperator, &["com.example.Relu"]);
    is_refused(
        &model(vec![node("Frobnicate", &["x"], &["y"])], vec![]),
        ErrorKind::UnsupportedOperator,
        &["Frobnicate"],
    );
}

#[test]
fn sizes_beyond_all_memory_are_refused_before_anything_is_allocated() {
    let huge = sizes("s", &[100_000, 100_000, 100_000]);
    let all = [
        model(vec![node("ConstantOfShape", &["s"], &["y"])], vec![huge]),
        model(vec![node("Tile", &["x", "s"], &["y"])], vec![sizes("s", &[1_000_000, 1_000_000])]),
        model(vec![node("Expand", &["x", "s"], &["y"])], vec![sizes("s", &[1 << 40, 1, 2])]),
    ];
    for bytes in all {
        let (_, text) = refused(&bytes);
        assert!(text.contains("larger than"), "{text}");
    }
    // Two vectors that are spread to a matrix: constants are multiplied when the file is read, inputs when it runs.
    let vector = |name: &str, dims: &[i64]| TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        raw_data: vec![0; 4 << 17],
        ..TensorProto::default()
    };
    let both = vec![vector("a", &[1 << 17, 1]), vector("b", &[1, 1 << 17])];
    let product = vec![node("Mul", &["a", "b"], &["c"]), node("Add", &["c", "x"], &["y"])];
    is_refused(&model(product, both), ErrorKind::WrongShape, &["the Mul", "larger than"]);
    let product =
        vec![node("ReduceSum", &["x"], &["s"]), node("Mul", &["a", "s"], &["c"]), node("Mul", &["c", "b"], &["y"])];
    let both = vec![vector("a", &[1 << 17, 1]), vector("b", &[1, 1 << 17])];
    let (_, text) = refused(&model(product, both));
    assert!(text.contains("larger than"), "{text}");
    let mut window = node("Conv", &["i", "w"], &["y"]);
    window.attribute.push(AttributeProto {
        name: "pads".into(),
        ints: vec![1 << 62; 4],
        r#type: AttributeType::Ints as i32,
        ..AttributeProto::default()
    });
    let image = vec![sizes("s", &[1, 1, 1, 2]), TensorProto { raw_data: vec![0; 4], ..vector("w", &[1, 1, 1, 1]) }];
    let nodes = vec![node("Reshape", &["x", "s"], &["i"]), window];
    is_refused(&model(nodes, image), ErrorKind::InvalidModel, &["the Conv", "pads"]);
    let mut liar = sizes("w", &[1, 2]);
    liar.dims = vec![1 << 40, 1 << 40];
    is_refused(
        &model(vec![node("Add", &["x", "w"], &["y"])], vec![liar]),
        ErrorKind::WrongShape,
        &["w", "larger than"],
    );
    let mut short = sizes("w", &[1, 2]);
    short.dims = vec![3];
    is_refused(
        &model(vec![node("Add", &["x", "w"], &["y"])], vec![short]),
        ErrorKind::InvalidModel,
        &["w", "2 values"],
    );
}

#[test]
fn weights_in_another_file_are_asked_for_by_name() {
    let location = StringStringEntryProto { key: "location".into(), value: "../../etc/passwd".into() };
    let outside = TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: DataType::Float as i32,
        data_location: Some(DataLocation::External as i32),
        external_data: vec![location],
        ..TensorProto::default()
    };
    let bytes = model(vec![node("Add", &["x", "w"], &["y"])], vec![outside]);
    is_refused(&bytes, ErrorKind::InvalidModel, &["w", "another file"]);
}

#[test]
fn loops_that_never_end_are_ended() {
    let body = GraphProto {
        name: "body".into(),
        node: vec![node("Identity", &["go"], &["on"])],
        input: vec![info("turn"), info("go")],
        output: vec![info("on")],
        ..GraphProto::default()
    };
    let mut endless = node("Loop", &["", "yes"], &[]);
    endless.attribute.push(AttributeProto {
        name: "body".into(),
        r#type: AttributeType::Graph as i32,
        g: Some(body),
        ..AttributeProto::default()
    });
    let yes = TensorProto {
        name: "yes".into(),
        dims: vec![1],
        data_type: DataType::Bool as i32,
        int32_data: vec![1],
        ..TensorProto::default()
    };
    let (_, text) = refused(&model(vec![endless, node("Relu", &["x"], &["y"])], vec![yes]));
    assert!(text.contains("steps"), "{text}");
}

fn packed() -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/loan-approval/bundle");
    let model = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut model = model.filter(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    std::fs::read(model.next().unwrap()).unwrap()
}

/// Loads and runs; what comes out does not matter, a panic does.
fn survive(bytes: &[u8], what: &str) -> bool {
    let ended = catch_unwind(AssertUnwindSafe(|| load(bytes)));
    ended.unwrap_or_else(|_| panic!("it panicked: {what}"))
}

/// The files that the fuzzer begins with, and those that once ended it.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_cut_short_anywhere_is_an_error() {
    let whole = packed();
    assert!(survive(&whole, "the whole file"));
    for length in (0..whole.len()).step_by(97) {
        assert!(read(&whole[..length]).is_err() || !survive(&whole[..length], &format!("{length} bytes")));
    }
    assert!(survive(&whole, "the whole file again"));
}

/// The fuzzer's short run: every file of the corpus as it is, and with bits flipped, bytes gone and bytes doubled.
#[test]
fn broken_files_never_end_the_process() {
    let mut state = 1u64;
    let mut next = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most.max(1)
    };
    let files = corpus();
    assert!(files.iter().any(|(name, bytes)| !name.starts_with("crash") && survive(bytes, name)));
    for (name, whole) in &files {
        if !name.starts_with("crash") {
            assert!(survive(whole, name), "{name} does not run");
        }
        for turn in 0..100 {
            let mut bytes = whole.clone();
            for _ in 0..=next(3) {
                let place = next(bytes.len());
                match next(4) {
                    0 => drop(bytes.drain(place..(place + 1 + next(8)).min(bytes.len()))),
                    1 => bytes.insert(place, next(256) as u8),
                    _ => bytes[place] ^= 1 << next(8),
                }
            }
            survive(&bytes, &format!("{name}, turn {turn}"));
        }
    }
}

#[test]
fn wrong_inputs_are_told_and_the_engine_goes_on() {
    let nodes = vec![node("Add", &["x", "w"], &["y"])];
    let constant = TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: DataType::Float as i32,
        float_data: vec![1.0, 1.0],
        ..TensorProto::default()
    };
    let mut engine = TractEngine::new(&model(nodes, vec![constant])).unwrap();
    assert_eq!(engine.run(vec![]).unwrap_err().kind(), ErrorKind::WrongInput);
    let text = vec![Tensor::new(vec![1], Data::Text(vec!["a".into()])).unwrap()];
    assert_eq!(engine.run(text).unwrap_err().kind(), ErrorKind::WrongType);
    let wide = vec![Tensor::new(vec![1, 3], Data::F32(vec![0.0; 3])).unwrap()];
    assert!(engine.run(wide).unwrap_err().to_string().contains("the Add"));
    assert_eq!(engine.run(x()).unwrap()[0].data(), &Data::F32(vec![2.0, 3.0]));
}
