//! The table of operators in `src/onnx/operators/README.md`, made of the register and of what the node tests end in.

use super::{node_tests, verify, zoo};
use nearside::onnx::known_operators;
use prost::Message;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use tract_onnx::pb::ModelProto;

/// How many node tests of an operator end how.
#[derive(Default)]
struct Count {
    right: usize,
    refused: usize,
    failed: usize,
}

/// The operators of the graph of a test, by domain and name.
fn operators(folder: &Path) -> BTreeSet<(String, String)> {
    let model = ModelProto::decode(std::fs::read(folder.join("model.onnx")).unwrap().as_slice()).unwrap();
    let domain = |domain: &str| if domain.is_empty() { "ai.onnx".to_owned() } else { domain.to_owned() };
    model.graph.unwrap().node.into_iter().map(|node| (domain(&node.domain), node.op_type)).collect()
}

fn table(report: &Value, folder: &Path) -> String {
    let mut counts: BTreeMap<(String, String), Count> = BTreeMap::new();
    for row in report["rows"].as_array().unwrap() {
        for operator in operators(&folder.join("node").join(row["name"].as_str().unwrap())) {
            let count = counts.entry(operator).or_default();
            match row["state"].as_str().unwrap() {
                "passed" => count.right += 1,
                "refused" => count.refused += 1,
                _ => count.failed += 1,
            }
        }
    }
    let known: BTreeMap<(String, String), &str> =
        known_operators().into_iter().map(|known| ((known.domain.to_owned(), known.name), known.run_by)).collect();
    let mut text = String::from("| operator | run by | right | refused | other errors |\n|---|---|---|---|---|\n");
    let all: BTreeSet<&(String, String)> = known.keys().chain(counts.keys()).collect();
    for key in all {
        let (domain, name) = key;
        let name = if domain == "ai.onnx" { name.clone() } else { format!("{domain}.{name}") };
        let run_by = known.get(key).copied().unwrap_or("refused");
        let [right, refused, failed] = counts.get(key).map_or(["", "", ""].map(str::to_owned), |count| {
            [count.right, count.refused, count.failed].map(|count| count.to_string())
        });
        writeln!(text, "| {name} | {run_by} | {right} | {refused} | {failed} |").unwrap();
    }
    text
}

/// `UPDATE=1 cargo test table_of_operators` writes the table again.
#[test]
fn the_table_of_operators_is_that_of_the_register_and_the_tests() {
    let Some(zoo) = zoo() else { return };
    let folder = node_tests(&zoo);
    let report = verify(&[&folder.path().display().to_string()]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/onnx/operators/README.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (head, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (old, tail) = rest.split_once("<!-- /table -->").unwrap();
    let new = table(&report, folder.path());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, format!("{head}<!-- table -->\n{new}<!-- /table -->{tail}")).unwrap();
    } else {
        let changed: Vec<&str> = new.lines().filter(|line| !old.lines().any(|known| known == *line)).collect();
        assert!(old == new, "the table is old (UPDATE=1 cargo test table_of_operators): {changed:#?}");
    }
}
