//! `nearside verify`, and the tensor files that `run` reads and writes, on models that are written here.

use nearside::onnx::{Attribute, GraphBuilder, read_tensor_proto, write_tensor_proto};
use nearside::{Data, Dimension, ElementType, Port, Tensor};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

fn nearside(arguments: &[&str]) -> (Option<i32>, String, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_nearside")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
}

fn whole(values: &[i64]) -> Tensor {
    Tensor::new(vec![values.len()], Data::I64(values.to_vec())).unwrap()
}

fn port(name: &str, element_type: ElementType, columns: Option<usize>) -> Port {
    let shape = std::iter::once(Dimension::Symbol("batch".into())).chain(columns.map(Dimension::Fixed));
    Port { name: name.into(), element_type, shape: shape.collect() }
}

/// `sum = x + y + 0.5` and `best`, the place of the largest of its columns, for two inputs of two columns.
fn model() -> Vec<u8> {
    let mut graph = GraphBuilder::new("sum");
    let x = graph.input(&port("x", ElementType::F32, Some(2)));
    let y = graph.input(&port("y", ElementType::F32, Some(2)));
    let half = graph.constant(&floats(&[1, 1], &[0.5])).unwrap();
    let both = graph.node("Add", &[&x, &y], &[]);
    let sum = graph.named_node("sum", "Add", &[&both, &half], &[]);
    graph.named_node("best", "ArgMax", &[&sum], &[Attribute::Int("axis", 1), Attribute::Int("keepdims", 0)]);
    graph.output(&port("sum", ElementType::F32, Some(2)));
    graph.output(&port("best", ElementType::I64, None));
    graph.finish()
}

/// The inputs and the right outputs of two sets: three rows, and one.
fn sets() -> [[Tensor; 4]; 2] {
    [
        [
            floats(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            floats(&[3, 2], &[0.0, 0.0, 4.0, 1.0, 1.0, f32::NAN]),
            floats(&[3, 2], &[1.5, 2.5, 7.5, 5.5, 6.5, f32::NAN]),
            whole(&[1, 0, 0]),
        ],
        [floats(&[1, 2], &[-1.0, 0.25]), floats(&[1, 2], &[3.0, 1.0]), floats(&[1, 2], &[2.5, 1.75]), whole(&[0])],
    ]
}

/// Writes a case as the ONNX backend tests keep it.
fn write_case(folder: &Path, model: &[u8], sets: &[[Tensor; 4]]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("model.onnx"), model).unwrap();
    for (place, set) in sets.iter().enumerate() {
        let folder = folder.join(format!("test_data_set_{place}"));
        fs::create_dir(&folder).unwrap();
        for (name, tensor) in ["input_0", "input_1", "output_0", "output_1"].iter().zip(set) {
            fs::write(folder.join(format!("{name}.pb")), write_tensor_proto(name, tensor).unwrap()).unwrap();
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_right_model_passes_in_both_sets() {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("cases/sum");
    write_case(&case, &model(), &sets());
    let out = folder.path().join("out");
    // The folder of the case, and a folder of folders.
    for given in [&case, &folder.path().join("cases")] {
        let (code, said, err) = nearside(&["verify", &text(given), "--output", &text(&out), "--json"]);
        assert_eq!(code, Some(0), "{said} {err}");
        let row = |set: &str| json!({ "name": "sum", "set": set, "state": "passed", "detail": "" });
        let rows = [row("test_data_set_0"), row("test_data_set_1")];
        let wanted = json!({ "models": 1, "passed": 1, "refused": 0, "failed": 0, "rows": rows });
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), wanted);
    }
    // What the model gave is written in the same layout, by the names of its outputs.
    let read = |name: &str| read_tensor_proto(&fs::read(out.join("sum/test_data_set_1").join(name)).unwrap()).unwrap();
    assert_eq!(read("output_0.pb"), ("sum".into(), floats(&[1, 2], &[2.5, 1.75])));
    assert_eq!(read("output_1.pb"), ("best".into(), whole(&[0])));

    let (code, said, _) = nearside(&["verify", &text(&case)]);
    assert_eq!(code, Some(0));
    assert!(said.contains("passed  sum test_data_set_0\n"), "{said}");
    assert!(said.ends_with("1 models: 1 passed, 0 refused, 0 failed\n"), "{said}");
}

#[test]
fn a_mismatch_is_a_failure_that_says_where() {
    let cases: [(&str, Tensor, usize, &str); 5] = [
        ("value", floats(&[1, 2], &[2.5, 1.76]), 2, "sum: 1 of 2 values differ, first at 1: 1.75 where 1.7"),
        ("nan", floats(&[1, 2], &[f32::NAN, 1.75]), 2, "first at 0: 2.5 where NaN is wanted"),
        ("shape", floats(&[2, 1], &[2.5, 1.75]), 2, "shape [1, 2] where [2, 1] is wanted"),
        ("type", floats(&[1], &[0.0]), 3, "best: int64 where float32 is wanted"),
        ("integer", whole(&[1]), 3, "best: the values are not equal"),
    ];
    for (name, wrong, place, wanted) in cases {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join(name);
        let mut sets = sets();
        sets[1][place] = wrong;
        write_case(&case, &model(), &sets);
        let (code, said, err) = nearside(&["verify", &text(&case), "--json"]);
        assert_eq!(code, Some(1), "{name}: {said} {err}");
        let summary: Value = serde_json::from_str(&said).unwrap();
        let counts = ["models", "passed", "refused", "failed"].map(|key| summary[key].as_u64().unwrap());
        assert_eq!(counts, [1, 0, 0, 1], "a model ends as its worst set");
        let states = [0, 1].map(|row| summary["rows"][row]["state"].as_str().unwrap());
        assert_eq!(states, ["passed", "failed"], "{name}");
        let detail = summary["rows"][1]["detail"].as_str().unwrap();
        assert!(detail.contains(wanted), "{name}: {detail}");
        assert!(err.contains("1 models: 0 passed, 0 refused, 1 failed"), "{err}");
    }
}

#[test]
fn a_manifest_names_models_with_their_tolerances() {
    let folder = tempfile::tempdir().unwrap();
    let mut sets = sets();
    sets[0][2] = floats(&[3, 2], &[1.52, 2.5, 7.5, 5.5, 6.5, f32::NAN]);
    write_case(&folder.path().join("models/sum"), &model(), &sets);
    let broken = folder.path().join("models/broken");
    write_case(&broken, b"not a model", &sets);
    let manifest = folder.path().join("manifest.json");
    let verify = |models: Value| {
        fs::write(&manifest, json!({ "models": models }).to_string()).unwrap();
        let (code, said, err) = nearside(&["verify", "--manifest", &text(&manifest), "--json"]);
        let summary: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said} {err}"));
        (code, summary)
    };
    let (code, strict) = verify(json!([{ "name": "sum", "path": "models/sum" }]));
    assert_eq!((code, &strict["failed"]), (Some(1), &json!(1)));
    let (code, loose) = verify(json!([{ "name": "a sum", "path": "models/sum", "atol": 0.03, "rtol": 0 }]));
    assert_eq!((code, &loose["passed"], &loose["rows"][0]["name"]), (Some(0), &json!(1), &json!("a sum")));
    let (code, mixed) = verify(
        json!([{ "name": "sum", "path": "models/sum", "atol": 0.03 }, { "name": "no", "path": "models/broken" }]),
    );
    assert_eq!(
        (code, &mixed["models"], &mixed["passed"], &mixed["refused"]),
        (Some(1), &json!(2), &json!(1), &json!(1))
    );

    fs::write(&manifest, "{}").unwrap();
    let (code, _, err) = nearside(&["verify", "--manifest", &text(&manifest)]);
    assert!(code == Some(1) && err.contains("manifest.json") && err.contains("\"models\""), "{code:?} {err}");
    let (code, _, err) = nearside(&["verify"]);
    assert!(code == Some(2) && err.contains("FOLDERS"), "{err}");
}

#[test]
fn a_case_without_data_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    write_case(folder.path(), &model(), &[]);
    let (code, said, _) = nearside(&["verify", &text(folder.path())]);
    assert!(code == Some(1) && said.contains("there is no test_data_set_0"), "{said}");
}

#[test]
fn tensors_are_read_from_pb_and_npz() {
    let folder = tempfile::tempdir().unwrap();
    write_case(folder.path(), &model(), &sets());
    let model = text(&folder.path().join("model.onnx"));
    let pb = |name: &str| text(&folder.path().join("test_data_set_0").join(name));
    let [x, y] = [pb("input_0.pb"), pb("input_1.pb")];
    let (code, from_pb, err) = nearside(&["run", &model, "--input", &x, &y]);
    assert_eq!(code, Some(0), "{err}");
    let got: Value = serde_json::from_str(&from_pb).unwrap();
    assert_eq!(got["best"], json!({ "type": "int64", "shape": [3], "data": [1, 0, 0] }));
    assert_eq!(got["sum"]["data"], json!([1.5, 2.5, 7.5, 5.5, 6.5, "NaN"]));

    // The output of one model as .npz is the input of another.
    let npz = text(&folder.path().join("out.npz"));
    assert_eq!(nearside(&["run", &model, "--input", &x, &y, "--output", &npz]).0, Some(0));
    let mut graph = GraphBuilder::new("twice");
    let sum = graph.input(&port("sum", ElementType::F32, Some(2)));
    let best = graph.input(&port("best", ElementType::I64, None));
    graph.named_node("twice", "Add", &[&sum, &sum], &[]);
    graph.named_node("double", "Add", &[&best, &best], &[]);
    graph.output(&port("twice", ElementType::F32, Some(2)));
    graph.output(&port("double", ElementType::I64, None));
    let second = folder.path().join("second.onnx");
    fs::write(&second, graph.finish()).unwrap();
    let (code, from_npz, err) = nearside(&["run", &text(&second), "--input", &npz]);
    assert_eq!(code, Some(0), "{err}");
    let got: Value = serde_json::from_str(&from_npz).unwrap();
    assert_eq!(
        got["twice"],
        json!({ "type": "float32", "shape": [3, 2], "data": [3.0, 5.0, 15.0, 11.0, 13.0, "NaN"] })
    );
    assert_eq!(got["double"]["data"], json!([2, 0, 0]));

    let (code, _, err) = nearside(&["run", &model, "--input", &x]);
    assert!(code == Some(1) && err.contains("y: this input is missing"), "{err}");
    let (code, _, err) = nearside(&["run", &model, "--input", &x, &y, &x]);
    assert!(code == Some(1) && err.contains("more .pb files than inputs"), "{err}");
    fs::write(folder.path().join("broken.npz"), b"no zip").unwrap();
    let (code, _, err) = nearside(&["run", &model, "--input", &text(&folder.path().join("broken.npz"))]);
    assert!(code == Some(1) && err.contains("broken.npz"), "{err}");
}
