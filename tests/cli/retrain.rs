//! `retrain` takes no step twice, a program of the project can train, and an update can be judged before it is made.

use super::{Copy, read_json};
use serde_json::{Value, json};
use std::fs;

/// A copy with few rows.
fn small() -> Copy {
    let project = Copy::new();
    project.edit("recipe.toml", "rows = 20000", "rows = 4000");
    project
}

/// The steps of a build, and whether each was left as it was.
fn steps(summary: &Value) -> Vec<(String, bool)> {
    let steps = summary["steps"].as_array().unwrap().iter();
    steps.map(|step| (step["step"].as_str().unwrap().to_owned(), step["unchanged"] == json!(true))).collect()
}

fn unchanged(project: &Copy) -> Vec<bool> {
    let ended = project.run("retrain", &["--json"]);
    ended.says(0, &[]);
    steps(&ended.json()).into_iter().map(|(_, unchanged)| unchanged).collect()
}

#[test]
fn only_what_has_changed_is_done_again() {
    let project = small();
    let first = project.run("retrain", &["--json"]);
    first.says(0, &[]);
    let names: Vec<String> = steps(&first.json()).into_iter().map(|(step, _)| step).collect();
    assert_eq!(names, ["gather", "train", "evaluate", "pack"]);
    assert_eq!(steps(&first.json()).iter().filter(|(_, unchanged)| *unchanged).count(), 0);
    assert_eq!(unchanged(&project), [true; 4], "nothing is new");

    // A gate is judged again, and nothing is trained for it; a word of the first block makes another version.
    project.edit("canvas.toml", "min = 0.72", "min = 0.71");
    assert_eq!(unchanged(&project), [true, true, false, false]);
    // Another model.
    project.edit("canvas.toml", "l2 = 1e-4", "l2 = 2e-4");
    assert_eq!(unchanged(&project), [true, false, false, false]);
    // Other rows.
    project.edit("recipe.toml", "rows = 4000", "rows = 4100");
    assert_eq!(unchanged(&project), [false; 4]);
    // What an interrupted run has left behind is made again from there on.
    fs::remove_file(project.path(".nearside/evaluation.json")).unwrap();
    assert_eq!(unchanged(&project), [true, true, false, true]);
    // A model that somebody changed is not taken for the one that was trained.
    fs::write(project.path(".nearside/plain.onnx"), "x").unwrap();
    assert!(!unchanged(&project)[1]);
    let ended = project.run("retrain", &["--json", "--force"]);
    assert!(steps(&ended.json()).iter().all(|(_, unchanged)| !unchanged));

    // The rows are bought once for each gathering, at the price of the canvas.
    let ledger = fs::read_to_string(project.path(".nearside/ledger.jsonl")).unwrap();
    let entries: Vec<Value> = ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 8 * 4);
    let bought = entries.iter().filter(|entry| entry["cost"].as_f64().unwrap() > 8.0).count();
    assert_eq!(bought, 3, "{ledger}");
}

/// A project whose candidates come from a program, which takes this model for its own.
fn with_program(script: &str) -> Copy {
    let project = small();
    for command in ["gather", "train"] {
        project.run(command, &[]).says(0, &[]);
    }
    fs::rename(project.path(".nearside/plain.onnx"), project.path("mine.onnx")).unwrap();
    fs::write(project.path("train.sh"), script).unwrap();
    let trainer = "trainer = { command = [\"sh\", \"train.sh\"], timeout_s = 2 }";
    project.edit("canvas.toml", "trainer = { kind = \"logistic\", l2 = 1e-4 }", trainer);
    let fairness = "fairness = { group = \"sex\", metric = \"demographic_parity_ratio\", mitigate = [\"reweighing\"] }";
    project.edit("canvas.toml", fairness, "");
    project
}

#[test]
fn a_program_of_the_project_trains_and_what_it_leaves_is_judged_like_any_other() {
    let project = with_program(
        "grep -q roc_auc \"$NEARSIDE_CANVAS\" && head -1 \"$NEARSIDE_ROWS\" > columns.txt && wc -l < \"$NEARSIDE_ROWS\" > rows.txt\n\
         cp mine.onnx \"$NEARSIDE_MODEL\" && echo '{\"folds\": 5}' > \"$NEARSIDE_METRICS\"\n",
    );
    let ended = project.run("retrain", &["--json"]);
    ended.says(0, &[]);
    assert_eq!(ended.json()["packed"]["candidate"], "program");
    let columns = fs::read_to_string(project.path("columns.txt")).unwrap();
    assert!(columns.contains("income") && columns.contains("repaid"), "{columns}");
    let rows: usize = fs::read_to_string(project.path("rows.txt")).unwrap().trim().parse().unwrap();
    assert!((3100..3300).contains(&rows), "the rows that are held out are not shown: {rows}");
    let trained = read_json(&project.path(".nearside/candidates.json"));
    assert_eq!(trained["metrics"]["folds"], 5);
    project.run("doctor", &["--port", "0"]).says(0, &[]);
}

#[test]
fn a_program_that_leaves_no_model_leaves_the_champion_in_place() {
    let cases: [(&str, &[&str]); 5] = [
        ("exit 0\n", &["building_models.trainer.command", "the program wrote no model", "NEARSIDE_MODEL"]),
        ("echo 'no GPU here' >&2; exit 3\n", &["\"sh\" ended with 3; it said: no GPU here"]),
        ("sleep 60\n", &["ran for longer than 2 s and was stopped", "timeout_s"]),
        ("echo nonsense > \"$NEARSIDE_MODEL\"\n", &["building_models.trainer.command", "this is not an ONNX model"]),
        ("cp mine.onnx \"$NEARSIDE_MODEL\"; echo '{' > \"$NEARSIDE_METRICS\"\n", &["metrics.json", "write JSON"]),
    ];
    for (script, words) in cases {
        let project = with_program(script);
        let before = read_json(&project.path("bundle/channel.json"));
        project.run("retrain", &[]).says(1, words);
        assert_eq!(read_json(&project.path("bundle/channel.json")), before);
    }
}

#[test]
fn an_update_is_judged_before_it_is_made() {
    let project = Copy::new();
    let ended = project.run("upgrade", &["--check", "--json"]);
    ended.says(0, &[]);
    let checks = ended.json();
    let detail = |name: &str| {
        let check = checks.as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone();
        (check["ok"] == json!(true), check["detail"].as_str().unwrap().to_owned())
    };
    assert!(detail("bundle").1.contains("32 golden predictions within"), "{checks}");
    assert!(detail("stack").1.contains("kit 0.1 and operator set 18, as planned"), "{checks}");
    assert!(
        detail("capacity").1.starts_with("2000000 predictions a day, 55.6 a second in the busiest hour"),
        "{checks}"
    );

    project.edit("canvas.toml", "kit = \"0.1\"", "kit = \"0.9\"");
    project.run("upgrade", &["--check"]).says(1, &["1 of 4 checks failed"]);
    project.run("upgrade", &[]).says(2, &["nothing is upgraded in place"]);
}

#[test]
fn every_ready_project_gives_its_golden_predictions() {
    let models = super::repository().join("models");
    let mut projects: Vec<_> = fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path()).collect();
    projects.sort();
    assert!(projects.len() >= 4, "{projects:?}");
    for project in projects {
        let project = project.display().to_string();
        super::nearside(&["upgrade", "--check", "--project", &project]).says(0, &[]);
    }
}
