//! ONNX files from everywhere: the right numbers, or a refusal by name; and nothing that a file can do about it.

mod coverage;
mod hostile;
#[path = "fuzz/load.rs"]
mod load;
mod not_a_number;
mod plans;

use nearside::onnx::TractEngine;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The zoo of models with expected outputs, where it stands beside the checkout. It is no part of the repository.
fn zoo() -> Option<PathBuf> {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/zoo");
    if !zoo.join("manifest.json").is_file() {
        eprintln!("SKIPPED: ../shared/zoo is not here, so no model of it was run");
        return None;
    }
    Some(zoo)
}

fn verify(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_nearside"))
        .args(["verify", "--json"])
        .args(arguments)
        .env("RUST_LOG", "error")
        .output()
        .unwrap();
    let error = || String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", error()))
}

fn rows<'a>(report: &'a Value, state: &str) -> Vec<&'a Value> {
    report["rows"].as_array().unwrap().iter().filter(|row| row["state"] == state).collect()
}

#[test]
fn models_of_the_zoo_give_the_right_numbers() {
    let Some(zoo) = zoo() else { return };
    let report = verify(&["--manifest", &zoo.join("manifest.json").display().to_string()]);
    assert_eq!(report["models"], 155);
    assert!(rows(&report, "failed").is_empty(), "{:#?}", rows(&report, "failed"));
    assert!(report["passed"].as_u64().unwrap() >= 150, "{:#?}", rows(&report, "refused"));
}

/// The node tests of the zoo, unpacked.
fn node_tests(zoo: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let archive = zoo.join("onnx_node_tests.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    folder
}

/// Every node test either gives the right values or ends in an error that says why; none gives other values.
#[test]
fn node_tests_are_right_or_refused() {
    let Some(zoo) = zoo() else { return };
    let folder = node_tests(&zoo);
    let report = verify(&[&folder.path().display().to_string()]);
    assert_eq!(report["models"], 942);
    let wrong: Vec<&Value> = rows(&report, "failed")
        .into_iter()
        .filter(|row| {
            let detail = row["detail"].as_str().unwrap();
            ["values differ", "is wanted", "not equal", "panicked"].iter().any(|words| detail.contains(words))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(report["passed"].as_u64().unwrap() >= 760, "{} passed", report["passed"]);
}

#[test]
fn a_file_says_what_it_takes_and_where_it_comes_from() {
    let Some(zoo) = zoo() else { return };
    let engine = |name: &str| {
        let bytes = std::fs::read(zoo.join("models").join(name).join("model.onnx")).unwrap();
        TractEngine::new(&bytes).unwrap()
    };
    let zip_map = engine("logreg_iris_zipmap");
    let description = zip_map.description();
    assert!(description.producer.starts_with("skl2onnx"), "{}", description.producer);
    assert!(description.opset["ai.onnx"] >= 9 && description.opset.contains_key("ai.onnx.ml"));
    let keys: Vec<&Vec<String>> = description.classes.values().collect();
    assert_eq!(keys, [&vec!["0".to_owned(), "1".to_owned(), "2".to_owned()]]);
}
