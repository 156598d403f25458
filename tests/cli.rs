//! The command line from outside: the whole way of a project, and what is said when something is wrong.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

mod build;
mod compile;
mod retrain;
mod verify;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A command that ended.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    /// Ended with this code, and every one of these words is in what it said.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{} {}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "\"{word}\" is not in: {}", self.err);
        }
    }
}

pub fn nearside(arguments: &[&str]) -> Ended {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_nearside")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The ready project in a folder of its own, with fewer rows.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = repository().join("models/loan-approval");
        fs::create_dir(folder.path().join("bundle")).unwrap();
        for name in ["canvas.toml", "recipe.toml"] {
            fs::copy(from.join(name), folder.path().join(name)).unwrap();
        }
        for entry in fs::read_dir(from.join("bundle")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join("bundle").join(entry.file_name())).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{from} is not in {name}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    fn run(&self, command: &str, more: &[&str]) -> Ended {
        let project = self.folder.path().display().to_string();
        nearside(&[&[command, "--project", &project], more].concat())
    }

    fn golden(&self) -> Value {
        let manifest = read_json(&self.path("bundle/manifest.json"));
        read_json(&self.path("bundle").join(manifest["files"]["golden"]["path"].as_str().unwrap()))
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The golden predictions of a bundle come out of `nearside run` on it.
#[track_caller]
fn assert_golden(got: &Value, golden: &Value) {
    let (got, wanted) = (got.as_array().unwrap(), golden["predictions"].as_array().unwrap());
    assert_eq!(got.len(), wanted.len());
    assert!(got.len() >= 20);
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!((&got["label"], &got["action"]), (&wanted["label"], &wanted["action"]));
        let (score, golden) = (got["score"].as_f64().unwrap(), wanted["score"].as_f64().unwrap());
        assert!((score - golden).abs() <= 1e-5, "{score} where {golden} is golden");
    }
}

#[test]
fn the_ready_bundle_gives_its_golden_predictions() {
    let project = Copy::new();
    let golden = project.golden();
    let input = project.path("records.json");
    fs::write(&input, golden["records"].to_string()).unwrap();
    let bundle = project.path("bundle").display().to_string();
    let ended = nearside(&["run", &bundle, "--input", &input.display().to_string()]);
    ended.says(0, &[]);
    assert_golden(&ended.json(), &golden);

    // The same records as a CSV file.
    let names: Vec<&String> = golden["records"][0].as_object().unwrap().keys().collect();
    let mut csv = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",") + "\n";
    for record in golden["records"].as_array().unwrap() {
        let cell = |name: &&String| match &record[name.as_str()] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        csv += &(names.iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
    }
    let input = project.path("records.csv");
    fs::write(&input, csv).unwrap();
    let ended = nearside(&["run", &bundle, "--input", &input.display().to_string()]);
    ended.says(0, &[]);
    assert_golden(&ended.json(), &golden);
}

#[test]
fn a_project_is_gathered_trained_judged_packed_and_rolled_back() {
    let project = Copy::new();
    fs::remove_dir_all(project.path("bundle")).unwrap();
    project.run("train", &[]).says(1, &["nearside gather"]);
    project.run("gather", &["--rows", "6000"]).says(0, &[]);
    project.run("evaluate", &[]).says(1, &["nearside train"]);
    project.run("train", &[]).says(0, &[]);
    project.run("pack", &[]).says(1, &["nearside evaluate"]);
    let evaluated = project.run("evaluate", &["--json"]);
    evaluated.says(0, &[]);
    let report = evaluated.json();
    let metrics = report["candidates"][0]["report"]["metrics"].as_array().unwrap();
    let auc = metrics.iter().find(|metric| metric["metric"] == "roc_auc").unwrap();
    assert!(auc["low"].as_f64() < auc["value"].as_f64() && auc["value"].as_f64() < auc["high"].as_f64(), "{auc}");
    let packed = project.run("pack", &["--json"]);
    packed.says(0, &[]);
    let first = packed.json()["version"].as_str().unwrap().to_owned();
    assert_eq!(read_json(&project.path("bundle/channel.json"))["champion"]["version"], json!(first));
    project.run("doctor", &["--port", "0"]).says_checks(&["canvas", "snapshot", "bundle", "port"]);

    // Other rows give another version; the first one comes back.
    let again = project.run("retrain", &["--json"]);
    again.says(0, &[]);
    let second = again.json()["packed"]["version"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let back = project.run("rollback", &["--json"]);
    assert_eq!(back.json()["champion"]["version"], json!(first));
    let forth = project.run("promote", &[&second, "--json"]);
    assert_eq!(forth.json()["champion"]["version"], json!(second));
    project.run("promote", &["0123456789ab"]).says(2, &["0123456789ab", &first, &second]);
}

impl Ended {
    #[track_caller]
    fn says_checks(&self, names: &[&str]) {
        for name in names {
            let line = self.out.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
            assert!(line.is_some_and(|line| line.starts_with("ok")), "{name}: {} {}", self.out, self.err);
        }
    }
}

#[test]
fn a_failed_gate_ends_with_1_and_leaves_the_champion() {
    let project = Copy::new();
    let before = read_json(&project.path("bundle/channel.json"));
    project.edit("canvas.toml", "metric = \"roc_auc\", min = 0.72", "metric = \"roc_auc\", min = 0.99");
    let ended = project.run("retrain", &[]);
    ended.says(1, &["gate-failed", "roc_auc"]);
    assert_eq!(read_json(&project.path("bundle/channel.json")), before);
}

#[test]
fn a_new_project_is_ready_to_be_built() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("mine").display().to_string();
    nearside(&["init", &project]).says(0, &[]);
    nearside(&["init", &project]).says(2, &["canvas.toml", "exists already"]);
    let built = nearside(&["retrain", "--project", &project]);
    built.says(0, &[]);
    assert!(folder.path().join("mine/bundle/channel.json").is_file(), "{}", built.out);
}

#[test]
fn a_broken_canvas_is_told_with_file_line_key_and_what_is_accepted() {
    let cases: [(&str, &str, &[&str]); 9] = [
        ("monotonic = \"increasing\"", "monotone = \"increasing\"", &["monotone", "monotonic"]),
        ("unit = \"EUR/year\"", "unit = 3", &["unit", "the number 3 where a text belongs"]),
        ("metric = \"roc_auc\"", "metric = \"rmse\"", &["rmse", "roc_auc"]),
        ("at_least = 0.4", "at_least = 0.7", &["bands", "0.7"]),
        ("feature = \"*\"", "feature = \"incme\"", &["incme", "income"]),
        ("group = \"sex\"", "group = \"gender\"", &["gender", "sex"]),
        (
            "name = \"housing\"",
            "name = \"margin\"",
            &["features[8].name", "output of the model", "source = \"margin\""],
        ),
        ("bins = 5", "bins = 5\nmonotonic = \"increasing\"", &["features[4].monotonic", "bins"]),
        (
            "rollout = [{ mode = \"full\" }]",
            "rollout = [{ mode = \"shadow\" }]",
            &["rollout[0].mode", "accepted: full"],
        ),
    ];
    for (from, to, words) in cases {
        let project = Copy::new();
        let text = fs::read_to_string(project.path("canvas.toml")).unwrap();
        let line = text.lines().position(|line| line.contains(from)).unwrap() + 1;
        project.edit("canvas.toml", from, to);
        let ended = project.run("train", &[]);
        ended.says(1, words);
        // What a second line is to blame for is told by that line.
        let line = line + to.matches('\n').count();
        ended.says(1, &["invalid-canvas", &format!("canvas.toml:{line}")]);
    }
    let project = Copy::new();
    fs::remove_file(project.path("canvas.toml")).unwrap();
    project.run("train", &[]).says(1, &["canvas.toml"]);
}

#[test]
fn a_missing_or_wrong_data_file_is_told_with_its_name_and_row() {
    let project = Copy::new();
    project.edit("canvas.toml", "kind = \"recipe\"", "kind = \"csv\"");
    project.edit("canvas.toml", "location = \"recipe.toml\"", "location = \"rows.csv\"");
    project.run("gather", &[]).says(1, &["rows.csv"]);

    let sample = Copy::new();
    let csv = project.path("rows.csv").display().to_string();
    sample.run("gather", &["--rows", "50", "--output", &csv]).says(0, &[]);
    let text = fs::read_to_string(&csv).unwrap();
    project.run("gather", &[]).says(0, &[]);
    fs::write(&csv, text.replacen("income", "incme", 1)).unwrap();
    let ended = project.run("gather", &[]);
    ended.says(1, &["rows.csv:1", "income", "did you mean \"incme\"", "last good snapshot"]);
    fs::write(&csv, text.replacen("car", "boat", 1)).unwrap();
    project.run("gather", &[]).says(1, &["purpose", "boat"]);
}

#[test]
fn a_tampered_bundle_is_refused_by_the_name_of_its_file() {
    let project = Copy::new();
    let manifest = read_json(&project.path("bundle/manifest.json"));
    let model = manifest["files"]["model"]["path"].as_str().unwrap();
    let path = project.path("bundle").join(model);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let input = project.path("records.json");
    fs::write(&input, "[]").unwrap();
    let bundle = project.path("bundle").display().to_string();
    let ended = nearside(&["run", &bundle, "--input", &input.display().to_string()]);
    ended.says(1, &["bundle-corrupt", model]);
    assert_eq!(project.run("doctor", &["--port", "0"]).code, Some(1));
}

#[test]
fn a_wrong_record_is_told_with_its_row_and_feature() {
    let project = Copy::new();
    let bundle = project.path("bundle").display().to_string();
    let first = project.golden()["records"][0].clone();
    let cases =
        [("age", json!("forty"), "age"), ("loan_amount", Value::Null, "loan_amount"), ("purpose", json!(7), "purpose")];
    for (feature, value, word) in cases {
        let mut wrong = first.clone();
        wrong[feature] = value;
        let input = project.path("records.json");
        fs::write(&input, json!([first, wrong]).to_string()).unwrap();
        let ended = nearside(&["run", &bundle, "--input", &input.display().to_string()]);
        ended.says(1, &["invalid-record", "row 2", word]);
    }
}

#[test]
fn a_model_is_described_run_and_verified() {
    let project = Copy::new();
    let manifest = read_json(&project.path("bundle/manifest.json"));
    let model = project.path("bundle").join(manifest["files"]["model"]["path"].as_str().unwrap());
    let model = model.display().to_string();
    let described = nearside(&["run", &model, "--describe", "--json"]);
    let inputs = described.json()["inputs"].as_array().unwrap().clone();
    assert_eq!(inputs.len(), manifest["inputs"].as_array().unwrap().len());

    // Two rows of raw values, as JSON, through the model itself and back as JSON and .npz.
    let tensors: serde_json::Map<String, Value> = inputs
        .iter()
        .map(|input| {
            let data = if input["type"] == "int64" { json!([0, 1]) } else { json!([20, 30.5]) };
            (input["name"].as_str().unwrap().to_owned(), json!({ "shape": [2, 1], "data": data }))
        })
        .collect();
    let input = project.path("input.json");
    fs::write(&input, Value::Object(tensors).to_string()).unwrap();
    let input = input.display().to_string();
    let direct = nearside(&["run", &model, "--input", &input]).json();
    let npz = project.path("out.npz").display().to_string();
    nearside(&["run", &model, "--input", &input, "--output", &npz]).says(0, &[]);
    assert!(fs::metadata(&npz).unwrap().len() > 100);
    let probabilities = direct["probabilities"]["data"].as_array().unwrap();
    assert_eq!(probabilities.len(), 4);
    let sum: f64 = probabilities[..2].iter().map(|value| value.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6);

    nearside(&["run", &model, "--input", &project.path("canvas.toml").display().to_string()])
        .says(2, &["canvas.toml", ".json, .npz, .pb or .csv"]);
    fs::write(project.path("broken.onnx"), b"not a model").unwrap();
    nearside(&["run", &project.path("broken.onnx").display().to_string(), "--describe"])
        .says(1, &["invalid-model", "broken.onnx"]);
    nearside(&["verify", &project.path("bundle").display().to_string()]).says(2, &["model.onnx"]);
    nearside(&["run"]).says(2, &["Usage"]);
}

/// Candidates of few rows that were judged and would pass.
fn judged() -> Copy {
    let project = Copy::new();
    project.run("gather", &["--rows", "6000"]).says(0, &[]);
    project.run("train", &[]).says(0, &[]);
    project.run("evaluate", &[]).says(0, &[]);
    project
}

#[test]
fn what_cannot_be_written_is_refused_before_the_work() {
    let project = Copy::new();
    let bundle = project.path("bundle").display().to_string();
    let input = project.path("records.json");
    fs::write(&input, json!([project.golden()["records"][0]]).to_string()).unwrap();
    let input = input.display().to_string();
    let file = |name: &str| project.path(name).display().to_string();
    let run = |model: &str, name: &str| nearside(&["run", model, "--input", &input, "--output", &file(name)]);
    run(&bundle, "o.npz").says(2, &["error[usage]", "o.npz", ".json"]);
    run(&bundle, "o").says(2, &["error[usage]", ".json"]);
    run(&bundle, "o.json").says(0, &[]);
    assert_eq!(read_json(&project.path("o.json")).as_array().unwrap().len(), 1);
    let manifest = read_json(&project.path("bundle/manifest.json"));
    let model = project.path("bundle").join(manifest["files"]["model"]["path"].as_str().unwrap());
    run(&model.display().to_string(), "o.txt").says(2, &["error[usage]", "o.txt", ".json or .npz"]);
    assert!(!project.path("o.npz").exists() && !project.path("o.txt").exists());
}

#[test]
fn more_rows_than_can_be_made_are_wrong_use() {
    let project = Copy::new();
    for rows in ["18446744073709551615", "100000001", "0", "many"] {
        let ended = project.run("gather", &["--rows", rows]);
        ended.says(2, &["--rows"]);
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
    }
    project.run("gather", &["--rows", "100000001"]).says(2, &["100000001 is not in 1..=100000000"]);
    project.edit("recipe.toml", "rows = 20000", "rows = 9000000000000000000");
    project.run("gather", &[]).says(1, &["recipe.toml:", "rows", "100000000 at most"]);
}

/// The command writes while nobody reads: the other end of its standard output is closed before it begins.
#[test]
fn nobody_reading_ends_nothing_in_a_panic() {
    let project = judged();
    let folder = project.folder.path().display().to_string();
    let bundle = project.path("bundle").display().to_string();
    let ready = read_json(&project.path("bundle/manifest.json"))["version"].as_str().unwrap().to_owned();
    let commands: [(&[&str], i32); 9] = [
        (&["run", &bundle, "--describe"], 0),
        (&["run", &bundle, "--describe", "--json"], 0),
        (&["evaluate", "--project", &folder], 0),
        (&["train", "--project", &folder], 0),
        (&["pack", "--project", &folder, "--json"], 0),
        (&["promote", &ready, "--project", &folder], 0),
        (&["doctor", "--project", &folder, "--port", "0"], 0),
        (&["verify", &bundle], 2),
        (&["gather", "--rows", "50", "--project", &folder], 0),
    ];
    for (arguments, code) in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Command::new(env!("CARGO_BIN_EXE_nearside")).args(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        // Whether the pages are embedded is not what this is about.
        let expected = if arguments[0] == "doctor" { ended.status.code() } else { Some(code) };
        assert_eq!(ended.status.code(), expected, "{arguments:?}: {said}");
    }
    // Standard error may be closed, too.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(env!("CARGO_BIN_EXE_nearside")).args(["verify", &bundle]).stderr(writer).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
}
