//! Windows that close, and ranges that follow each other.

use super::support::*;
use nearside::profile::Layout;
use nearside::telemetry::Header;
use serde_json::{Value, json};
use std::time::Duration;

const MINUTE: u64 = 60_000;

fn unfair_rule() -> Value {
    json!([{ "metric": "demographic_parity_ratio", "by": "region", "window": "1h", "alert_below": 0.8,
             "min_count": 50 }])
}

fn alerts(collector: &Collector) -> Vec<Value> {
    collector.json(&format!("/v1/models/{NAME}/alerts")).as_array().unwrap().clone()
}

/// A collector as it is started by people: windows close with the minute.
fn start(project: &Project) -> Collector {
    Collector::start(project, &["--window-check", "1m"])
}

#[test]
fn a_rule_judges_minutes_that_are_closed_and_not_the_one_that_is_open() {
    for (age_ms, fires) in [(2 * MINUTE, true), (0, false)] {
        let project = Project::new(unfair_rule());
        let collector = start(&project);
        let manifest = &project.first;
        let unfair = profile(manifest, (400, 300), (400, 80));
        let header = Header { age_ms, ..header(&manifest.version, 1, 0) };
        let sent = now();
        let frame = header.encode_window(&Layout::new(manifest), &unfair, 1_000);
        assert_eq!(collector.ingest(&frame).status, 202);
        // The window that was closed when the collector started was judged before there was anything in it.
        std::thread::sleep(Duration::from_millis(1_500));
        let one_minute = || now() / MINUTE == sent / MINUTE;
        assert!(alerts(&collector).is_empty() || !one_minute());
        drop(collector);

        let collector = start(&project);
        if fires {
            let alert = eventually("the alert of a closed window", || alerts(&collector).first().cloned());
            assert_eq!(alert["at"].as_u64().unwrap() % MINUTE, 0, "an alert is of the end of a window");
        } else {
            std::thread::sleep(Duration::from_millis(1_500));
            assert!(alerts(&collector).is_empty() || !one_minute());
        }
    }
}

#[test]
fn ranges_that_follow_each_other_count_nothing_twice() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    assert_eq!(collector.ingest(&frame(&project.first, 1, 0, 7)).status, 202);
    let predictions = |from: u64, to: u64| {
        let report = collector.json(&format!("/v1/models/{NAME}/report?from={from}&to={to}"));
        report["predictions"].as_u64().unwrap()
    };
    let minute = now() - now() % MINUTE;
    let (from, to) = (minute - 2 * MINUTE, minute + 2 * MINUTE);
    let cuts: Vec<u64> = (from..=to).step_by(20_000).collect();
    let parts: u64 = cuts.windows(2).map(|range| predictions(range[0], range[1])).sum();
    assert_eq!((parts, predictions(from, to)), (7, 7));
}
