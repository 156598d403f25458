//! From rows to a version: what may be packed, one command at a time, and what the build file says.

use super::{Copy, judged, read_json, repository};
use nearside::Millis;
use nearside::bundle::Build;
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn only_what_was_judged_by_this_canvas_on_these_rows_is_packed() {
    // A stricter gate since the evaluation.
    let project = judged();
    project.edit("canvas.toml", "metric = \"roc_auc\", min = 0.72", "metric = \"roc_auc\", min = 0.99");
    project
        .run("pack", &[])
        .says(1, &["invalid-data", "the canvas has changed since the candidates were judged", "nearside evaluate"]);
    project.run("evaluate", &[]).says(1, &["gate-failed"]);
    project.run("pack", &[]).says(1, &["gate-failed", "roc_auc"]);
    assert_not_promoted(&project);

    // Another trainer since the candidates.
    let project = judged();
    project.edit("canvas.toml", "l2 = 1e-4", "l2 = 1e-3");
    project.run("pack", &[]).says(1, &["invalid-data", "the canvas has changed", "nearside train"]);
    project.run("evaluate", &[]).says(1, &["the canvas has changed", "nearside train"]);
    assert_not_promoted(&project);

    // Other rows since the evaluation, and candidates of those.
    let project = judged();
    project.edit("recipe.toml", "group_bias = 0.0", "group_bias = 1.0");
    project.run("gather", &["--rows", "6000"]).says(0, &[]);
    project.run("pack", &[]).says(1, &["other rows have been gathered", "nearside train"]);
    project.run("evaluate", &[]).says(1, &["other rows have been gathered", "nearside train"]);
    project.run("train", &[]).says(0, &[]);
    project
        .run("pack", &[])
        .says(1, &["other rows have been gathered since the candidates were judged", "nearside evaluate"]);
    assert_not_promoted(&project);

    // Another model in the place of one that was judged.
    let project = judged();
    fs::copy(project.path(".nearside/reweighing.onnx"), project.path(".nearside/plain.onnx")).unwrap();
    for command in ["pack", "evaluate"] {
        project.run(command, &[]).says(1, &["invalid-data", "plain.onnx", "nearside train"]);
    }
    assert_not_promoted(&project);

    // Candidates that were trained anew, on the same rows, by another hand.
    let project = judged();
    let path = project.path(".nearside/candidates.json");
    let text = fs::read_to_string(&path).unwrap();
    let trained: Value = serde_json::from_str(&text).unwrap();
    let [plain, other] = [0, 1].map(|place| trained["candidates"][place]["sha256"].as_str().unwrap());
    fs::write(&path, text.replacen(plain, other, 1)).unwrap();
    fs::copy(project.path(".nearside/reweighing.onnx"), project.path(".nearside/plain.onnx")).unwrap();
    project.run("pack", &[]).says(1, &["the evaluation is not of these candidates", "nearside evaluate"]);
    assert_not_promoted(&project);
}

/// The bundle is still as it was copied.
#[track_caller]
fn assert_not_promoted(project: &Copy) {
    let ready = repository().join("models/loan-approval/bundle/channel.json");
    assert_eq!(read_json(&project.path("bundle/channel.json")), read_json(&ready));
}

#[test]
fn one_command_at_a_time_works_on_a_project() {
    let project = Copy::new();
    let lock = project.path(".nearside/lock");
    let arguments = ["retrain", "--project", &project.folder.path().display().to_string()];
    let program = env!("CARGO_BIN_EXE_nearside");
    let start = || Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut running = start();
    // The name of the holder is written once the lock is held.
    let holder = format!("`nearside retrain` (process {})", running.id());
    let begun = Instant::now();
    while !fs::read_to_string(&lock).is_ok_and(|text| text.contains(&holder)) {
        assert!(begun.elapsed() < Duration::from_secs(60) && running.try_wait().unwrap().is_none(), "it never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    for command in ["gather", "train", "evaluate", "pack", "retrain"] {
        project.run(command, &[]).says(1, &["error[io]", ".nearside/lock", &holder, "wait for it to end"]);
    }
    let csv = project.path("some.csv").display().to_string();
    project.run("gather", &["--rows", "30", "--output", &csv]).says(0, &[]);

    // Killed, it holds nothing any more.
    running.kill().unwrap();
    running.wait().unwrap();
    project.run("gather", &["--rows", "30"]).says(0, &[]);
}

#[test]
fn the_same_rows_and_canvas_make_the_same_version_whenever_it_is_built() {
    let project = Copy::new();
    project.edit("recipe.toml", "rows = 20000", "rows = 6000");
    let before = now();
    let first = project.run("retrain", &["--json"]);
    first.says(0, &[]);
    let first = first.json();
    let version = first["packed"]["version"].as_str().unwrap().to_owned();
    let manifest_path = project.path("bundle").join(format!("manifest.{version}.json"));
    let bytes = fs::read(&manifest_path).unwrap();
    let manifest = read_json(&manifest_path);

    let build_path = project.path("bundle").join(manifest["files"]["build"]["path"].as_str().unwrap());
    let build: Build = serde_json::from_slice(&fs::read(&build_path).unwrap()).unwrap();
    let lineage = lineage(&project);
    assert!(before <= build.at && build.at <= now() && build.data.gathered_at <= build.at, "{build:?}");
    assert_eq!(build.candidate, first["packed"]["candidate"]);
    assert_eq!(json!(build.page_bytes), first["packed"]["page_bytes"]);
    // The file that carries the plan carries the manifest, too.
    assert_eq!(json!(build.page_bytes), manifest["files"]["plan"]["bytes"]);
    assert!(build.parameters > 10 && build.latency_ms > 0.0);
    // A small model keeps its digits; what rounding would have saved and cost is said all the same.
    let ways: Vec<(&str, bool)> = build.weights.iter().map(|way| (way.weights.as_str(), way.chosen)).collect();
    assert_eq!(ways, [("float32", true), ("float16", false)]);
    let [exact, half] = build.weights.as_slice() else { panic!("{build:?}") };
    assert!(half.bytes < exact.bytes && half.error > exact.error && exact.error < 1e-5, "{build:?}");
    assert!(exact.metric.as_ref().is_some_and(|(name, value)| name == "roc_auc" && *value > 0.7), "{build:?}");
    let steps: Vec<&str> = build.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(steps, ["gather", "train", "evaluate", "pack"]);
    assert!(build.steps.iter().all(|step| step.seconds > 0.0));
    assert_eq!((build.data.rows, json!(build.data.bytes)), (6000, lineage["bytes"].clone()));
    assert_eq!(json!(build.data.snapshot), lineage["sha256"]);
    let [source] = build.data.sources.as_slice() else { panic!("{build:?}") };
    assert_eq!((source.name.as_str(), source.rows, source.cost, source.synthetic), ("applications", 6000, 12.0, true));
    assert!(source.storage_per_month > 0.0);
    let income = build.data.columns.iter().find(|column| column.name == "income").unwrap();
    assert!(income.missing_share > 0.0 && build.data.missing_share < income.missing_share);

    let again = project.run("retrain", &["--json"]).json();
    assert_eq!((&again["packed"]["version"], &again["packed"]["new"]), (&json!(version), &json!(false)));
    assert_eq!(again["packed"]["page_bytes"], first["packed"]["page_bytes"]);
    assert_eq!(fs::read(&manifest_path).unwrap(), bytes, "what a name stands for never changes");
    assert!(build_path.is_file());
    // The same from an empty folder, at another moment.
    fs::remove_dir_all(project.path("bundle")).unwrap();
    fs::remove_dir_all(project.path(".nearside")).unwrap();
    let anew = project.run("retrain", &["--json"]).json();
    assert_eq!((&anew["packed"]["version"], &anew["packed"]["new"]), (&json!(version), &json!(true)));
    assert_ne!(read_json(&manifest_path)["files"]["build"], manifest["files"]["build"], "built at another moment");

    // A file that its rows make again is mended; the build file of another moment is not, and that is said.
    let spoil = |role: &str| {
        let path = project.path("bundle").join(read_json(&manifest_path)["files"][role]["path"].as_str().unwrap());
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        project.run("promote", &[&version]).says(1, &["bundle-corrupt", &format!("{role}.")]);
    };
    spoil("model");
    let mended = project.run("retrain", &["--json"]).json();
    assert_eq!((&mended["packed"]["version"], &mended["packed"]["new"]), (&json!(version), &json!(false)));
    spoil("build");
    project
        .run("pack", &[])
        .says(1, &["bundle-corrupt", "build.", "bring this file back", "bundle and run this again"]);
}

fn now() -> Millis {
    Millis(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64)
}

fn lineage(project: &Copy) -> Value {
    let latest = read_json(&project.path(".nearside/snapshots/latest.json"));
    read_json(&project.path(".nearside/snapshots").join(latest["lineage"].as_str().unwrap()))
}

#[test]
fn held_out_rows_are_judged_with_the_fallback_that_ships() {
    let project = Copy::new();
    project.edit("canvas.toml", "range = [0, 1_000_000]", "range = [0, 30_000]");
    project.run("gather", &["--rows", "3000"]).says(0, &[]);
    project.run("train", &[]).says(0, &[]);
    let report = project.run("evaluate", &["--json"]).json()["candidates"][0]["report"].clone();
    let outside = report["outside"].as_u64().unwrap();
    assert!(outside > 100, "{outside} rows out of bounds");
    let selected: u64 =
        report["groups"].as_array().unwrap().iter().map(|group| group["selected"].as_u64().unwrap()).sum();
    assert!(selected + outside <= report["rows"].as_u64().unwrap(), "{selected} accepted, {outside} out of bounds");
    assert!(report["decision"].as_str().unwrap().ends_with("out of bounds is review"), "{}", report["decision"]);
}
