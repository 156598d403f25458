//! `nearside compile` and `nearside bench`, on the models of the fuzzer's corpus.

use super::{nearside, repository};
use nearside::Engine;
use nearside::plan::{PlanEngine, is_plan};
use serde_json::Value;
use std::fs;

fn corpus(name: &str) -> String {
    format!("{}/tests/fuzz/corpus/{name}.onnx", env!("CARGO_MANIFEST_DIR"))
}

/// The model of the ready bundle, whose weights are of any length.
fn packed() -> String {
    let mut files =
        fs::read_dir(repository().join("models/loan-approval/bundle")).unwrap().map(|file| file.unwrap().path());
    files.find(|path| path.extension().is_some_and(|extension| extension == "onnx")).unwrap().display().to_string()
}

#[test]
fn a_model_becomes_a_plan_that_gives_the_same_and_rounded_ones_say_by_how_much_they_are_off() {
    let folder = tempfile::tempdir().unwrap();
    let compile = |weights: &str| {
        let plan = folder.path().join(format!("{weights}.plan")).display().to_string();
        let ended = nearside(&["compile", &packed(), "--output", &plan, "--weights", weights, "--json"]);
        ended.says(0, &[]);
        let said = ended.json();
        let bytes = fs::read(&plan).unwrap();
        assert!(is_plan(&bytes));
        assert_eq!((said["bytes"].as_u64(), said["weights"].as_str()), (Some(bytes.len() as u64), Some(weights)));
        (bytes, said["deviation"]["most"].as_f64().unwrap())
    };
    let [(exact, off), (half, rounded)] = ["float32", "float16"].map(compile);
    assert!(off < 1e-6 && rounded > off && rounded < 1e-2, "{off} {rounded}");
    assert!(half.len() < exact.len());
    assert_eq!(PlanEngine::new(&exact).unwrap().signature(), PlanEngine::new(&half).unwrap().signature());
}

#[test]
fn what_has_no_plan_is_refused_by_name_and_the_model_is_never_overwritten() {
    nearside(&["compile", &corpus("loop")]).says(1, &["error[unsupported-operator]", "Loop"]);
    let model = corpus("perceptron");
    nearside(&["compile", &model, "--output", &model]).says(2, &["would replace the model"]);
}

#[test]
fn a_bench_gives_a_figure_for_each_engine_with_its_ratio() {
    let ended = nearside(&["bench", &corpus("perceptron"), &corpus("loop"), "--runs", "2", "--json"]);
    ended.says(0, &[]);
    let figures: Vec<Value> = serde_json::from_value(ended.json()).unwrap();
    let of = |model: &str, section: &str, engine: &str| {
        let wanted = [("model", model), ("section", section), ("engine", engine)];
        let found = figures.iter().find(|figure| wanted.iter().all(|(key, value)| figure[*key] == **value));
        found.unwrap_or_else(|| panic!("{model} {section} {engine}: {}", ended.out)).clone()
    };
    for section in ["bytes", "create", "steady"] {
        let (ours, base) = (of("perceptron", section, "compiled"), of("perceptron", section, "tract"));
        let ratio = ours["value"].as_f64().unwrap() / base["value"].as_f64().unwrap();
        assert!((ours["ratio"].as_f64().unwrap() - ratio).abs() < 1e-9 && base["ratio"] == 1.0, "{ours} {base}");
    }
    let none = of("loop", "steady", "compiled");
    assert!(none["value"].is_null() && none["refused"].as_str().unwrap().contains("Loop"), "{none}");
    assert!(of("loop", "steady", "tract")["value"].as_f64().unwrap() > 0.0);
    nearside(&["bench", &corpus("perceptron"), "--runs", "0"]).says(2, &["nothing would be measured"]);
}
