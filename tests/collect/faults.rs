//! What breaks, and what goes on all the same.

use super::support::*;
use nearside::rollout::Registry;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

#[test]
fn a_champion_that_is_not_whole_is_not_served() {
    for role in ["model", "canvas", "build"] {
        let project = Project::new(json!([]));
        let file = &project.first.files[role].path;
        fs::write(project.bundle().join(file), "not what was packed").unwrap();
        let mut child = serve(&project, &[]).spawn().unwrap();
        let (mut line, mut said) = (String::new(), String::new());
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.is_empty() {
            child.kill().unwrap();
        }
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!child.wait().unwrap().success() && line.is_empty(), "{role}: {line}");
        assert!(said.contains(file) && said.contains("not the one that was packed"), "{said}");
    }
}

#[test]
fn a_new_champion_that_is_not_whole_is_not_adopted() {
    let project = Project::new(json!([]));
    let registry = Registry::new(project.bundle());
    registry.promote(&project.second.version).unwrap();
    let next = fs::read(project.bundle().join("channel.json")).unwrap();
    registry.rollback().unwrap();

    let collector = Collector::start(&project, &[]);
    let model = project.bundle().join(&project.second.files["model"].path);
    let packed = fs::read(&model).unwrap();
    fs::write(&model, "other weights!").unwrap();
    // A copy to the server that broke off, say.
    fs::write(project.bundle().join("channel.json"), next).unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    let served = |file: &str| collector.json(&format!("/models/{NAME}/{file}"));
    assert_eq!(collector.json(&format!("/v1/models/{NAME}"))["champion"], project.first.version);
    assert_eq!(served("channel.json")["champion"]["version"], project.first.version);
    assert_eq!(served("manifest.json")["version"], project.first.version);

    fs::write(&model, packed).unwrap();
    eventually("the version that was mended", || {
        (collector.json(&format!("/v1/models/{NAME}"))["champion"] == project.second.version).then_some(())
    });
    assert_eq!(served("channel.json")["champion"]["version"], project.second.version);
    assert_eq!(served("manifest.json")["version"], project.second.version);
}

#[test]
fn a_damaged_window_is_moved_aside_by_whoever_meets_it() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let file = project.file();
    let damage = || file.execute("UPDATE rollups SET profile = x'0907'", []).unwrap();
    let metric = |line: &str| assert!(collector.get("/metrics").text().contains(line), "{line}");
    let report = || collector.json(&format!("/v1/models/{NAME}/report"))["predictions"].clone();

    assert_eq!(collector.ingest(&frame(&project.first, 1, 0, 5)).status, 202);
    damage();
    for session in 2..5 {
        assert_eq!(collector.ingest(&frame(&project.first, session, 0, 6)).status, 202);
    }
    assert_eq!(report(), 18);
    metric("nearside_damaged_windows_total 1");

    damage();
    assert_eq!(report(), 0);
    eventually("the damage is counted", || {
        collector.get("/metrics").text().contains("nearside_damaged_windows_total 2").then_some(())
    });
    assert_eq!(collector.get(&format!("/v1/models/{NAME}/metrics")).status, 200);
    assert_eq!(collector.ingest(&frame(&project.first, 9, 0, 7)).status, 202);
    assert_eq!(report(), 7);
    let moved: i64 =
        file.query_row("SELECT count(*) FROM damaged WHERE profile = x'0907'", [], |row| row.get(0)).unwrap();
    // The minute may have turned in between.
    assert!(moved >= 2);
}

/// As when a version of nearside that counted otherwise has written the file.
#[test]
fn counters_of_another_layout_are_moved_aside_and_never_read_as_others() {
    let project = Project::new(json!([]));
    let mut collector = Collector::start(&project, &[]);
    assert_eq!(collector.ingest(&frame(&project.first, 1, 0, 7)).status, 202);
    assert_eq!(collector.ingest(&frame(&project.second, 1, 1, 9)).status, 202);
    assert!(collector.terminate());
    let kept = || -> Vec<u8> {
        let sql = "SELECT profile FROM rollups WHERE version = ?1";
        project.file().query_row(sql, [&project.first.version], |row| row.get(0)).unwrap()
    };
    let mut other = kept();
    // Behind the format stands the digest of the layout.
    other[1] ^= 1;
    let sql = "UPDATE rollups SET profile = ?1 WHERE version = ?2";
    project.file().execute(sql, rusqlite::params![other, project.first.version]).unwrap();

    let mut child = serve(&project, &[]).spawn().unwrap();
    let (mut line, mut said) = (String::new(), String::new());
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    let told = format!("1 windows of {NAME} {} were moved aside", project.first.version);
    assert!(said.contains(&told) && said.contains("layout"), "{said}");
    let file = project.file();
    let moved: Vec<u8> = file.query_row("SELECT profile FROM damaged", [], |row| row.get(0)).unwrap();
    assert_eq!(moved, other, "as it was found");

    let collector = Collector::start(&project, &[]);
    let report = |version: &str| {
        collector.json(&format!("/v1/models/{NAME}/report?version={version}"))["predictions"].as_u64().unwrap()
    };
    assert_eq!((report(&project.first.version), report(&project.second.version)), (0, 9));
    assert_eq!(collector.ingest(&frame(&project.first, 2, 0, 5)).status, 202);
    assert_eq!(report(&project.first.version), 5);
    assert_eq!(kept()[1], other[1] ^ 1);
    let count: i64 = file.query_row("SELECT count(*) FROM damaged", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn an_alert_that_could_not_be_kept_fires_when_it_can() {
    let rule = json!([{ "metric": "demographic_parity_ratio", "by": "region", "window": "1h", "alert_below": 0.8,
                        "min_count": 50, "action": "retrain" }]);
    let project = Project::new(rule);
    let collector = Collector::start(&project, &[]);
    let file = project.file();
    let full = "CREATE TRIGGER full BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'no more alerts'); END";
    file.execute_batch(full).unwrap();
    let unfair = profile(&project.first, (400, 300), (400, 80));
    assert_eq!(collector.ingest(&frame_of(&project.first, 1, 0, &unfair)).status, 202);
    eventually("the write that fails", || {
        (!collector.get("/metrics").text().contains("nearside_writes_failed_total 0")).then_some(())
    });
    let alerts = || collector.json(&format!("/v1/models/{NAME}/alerts")).as_array().unwrap().clone();
    assert_eq!(alerts(), [] as [Value; 0]);
    file.execute_batch("DROP TRIGGER full").unwrap();
    let alert = eventually("the alert", || alerts().first().cloned());
    assert!(alert["id"] == 1 && alert["action_state"] != "none", "its action is not taken as begun: {alert}");
}

#[test]
fn a_version_that_is_gone_is_forgotten_with_its_receipts() {
    let project = Project::new(json!([]));
    let manifest = &project.second;
    let outcome = json!([{ "id": receipt(manifest, 0.9, 0, 1), "label": "yes" }]);
    let mut collector = Collector::start(&project, &[]);
    assert_eq!(collector.outcomes(outcome.clone()).json()["duplicates"], 0);
    assert_eq!(collector.outcomes(outcome.clone()).json()["duplicates"], 1);
    assert!(collector.terminate());
    let count = |sql: &str| project.file().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM receipts"), 1);

    // As if its counters were past their retention; then somebody tidies up the folder.
    fs::remove_file(project.bundle().join(format!("manifest.{}.json", manifest.version))).unwrap();
    let mut collector = Collector::start(&project, &[]);
    assert_eq!(collector.outcomes(outcome.clone()).json()["duplicates"], 1, "it has counters, so it is known");
    assert!(collector.terminate());
    project.file().execute("DELETE FROM rollups", []).unwrap();
    let collector = Collector::start(&project, &[]);
    eventually("the version is gone", || {
        let model = collector.json(&format!("/v1/models/{NAME}"));
        let versions = model["versions"].as_array().unwrap();
        (!versions.iter().any(|version| version["version"] == manifest.version)).then_some(())
    });
    assert_eq!(count("SELECT count(*) FROM receipts"), 0);
    let reply = collector.outcomes(outcome).json();
    assert_eq!((&reply["accepted"], reply["refused"].as_array().unwrap().len()), (&json!(0), 1));
}
