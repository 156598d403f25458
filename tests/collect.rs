//! The collector from outside: a real process, real sockets, a bundle made by hand.

mod faults;
mod serving;
mod support;
mod windows;

use nearside::profile::PageStage;
use nearside::rollout::Registry;
use nearside::telemetry::Page;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::*;

fn report(collector: &Collector) -> Value {
    collector.json(&format!("/v1/models/{NAME}/report"))
}

#[test]
fn what_is_sent_is_counted_exactly_once() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    for session in 1..=10u64 {
        for sequence in 0..5 {
            let reply = collector.ingest(&frame(&project.first, session, sequence, 5));
            assert_eq!(reply.status, 202, "{}", reply.text());
            assert_eq!(reply.json(), json!({ "accepted": true, "champion": project.first.version }));
        }
    }
    // The same bytes again, late ones, and one that overtook another.
    for sequence in [0, 4] {
        let reply = collector.ingest(&frame(&project.first, 1, sequence, 5)).json();
        assert_eq!((&reply["accepted"], &reply["duplicate"]), (&json!(true), &json!(true)));
    }
    assert_eq!(collector.ingest(&frame(&project.first, 11, 7, 5)).json().get("duplicate"), None);
    assert_eq!(collector.ingest(&frame(&project.first, 11, 6, 5)).json().get("duplicate"), None);
    assert_eq!(collector.ingest(&frame(&project.first, 11, 6, 5)).json()["duplicate"], true);
    for (sequence, stage) in [(8, PageStage::Navigated), (9, PageStage::Predicted)] {
        let page = header("", 11, sequence).encode_page(Page { stage, elapsed_ms: 1_200 });
        assert_eq!(collector.ingest(&page).json()["champion"], json!(project.first.version));
    }

    let report = report(&collector);
    assert_eq!((&report["predictions"], &report["sessions"]), (&json!(260), &json!(52)));
    assert_eq!((&report["loads"]["total"], &report["loads"]["within_budget"]), (&json!(2), &json!(1)));
    assert_eq!(report["actions"][0], json!({ "action": "ship", "count": 260, "share": 1.0, "favourable": true }));
    let answer = &report["latency"][0];
    assert_eq!(
        (&answer["stage"], &answer["count"], &answer["budget_ms"]),
        (&json!("answer"), &json!(260), &json!(10.0))
    );
    assert_eq!(answer["state"], "within");
    let series = collector.json(&format!("/v1/models/{NAME}/metrics"));
    let points = series["points"].as_array().unwrap();
    assert_eq!(points.iter().map(|point| point["predictions"].as_u64().unwrap()).sum::<u64>(), 260);
    assert_eq!(points.last().unwrap()["favourable_share"], 1.0);
    let p95 = points.last().unwrap()["p95"].as_f64().unwrap();
    assert!((1.5..1.6).contains(&p95), "what callers waited, not the model's 0.7 ms: {p95}");
    let models = collector.json("/v1/models");
    assert_eq!((&models[0]["name"], &models[0]["predictions"]), (&json!(NAME), &json!(260)));
    assert_eq!(collector.json(&format!("/v1/models/{NAME}/drift")), report["drift"]);
    assert_eq!(collector.json(&format!("/v1/models/{NAME}/canvas"))["blocks"].as_array().unwrap().len(), 10);
    let text = collector.get("/metrics").text();
    assert!(text.contains("nearside_frames_total{result=\"duplicate\"} 3"), "{text}");
    assert!(text.contains("nearside_frames_total{result=\"stored\"} 54"), "{text}");
}

/// A page where every visitor asks once: drift and fairness both get their part, and each is judged by its own count.
#[test]
fn frames_of_single_predictions_add_up_to_all_features_and_groups() {
    const SENDERS: u64 = 8;
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    // Of the north 3 of 4 may ship, of the south 1 of 4.
    let one = |session: u64| match (session % 2, session / 2 % 4) {
        (0, place) => profile(&project.first, (1, u64::from(place < 3)), (0, 0)),
        (_, place) => profile(&project.first, (0, 0), (1, u64::from(place < 1))),
    };
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (collector, project, one) = (&collector, &project, &one);
            scope.spawn(move || {
                for session in (sender..400).step_by(SENDERS as usize) {
                    let frame = frame_of(&project.first, session, 0, &one(session));
                    assert_eq!(collector.ingest(&frame).status, 202);
                }
            });
        }
    });
    let report = report(&collector);
    assert_eq!((&report["predictions"], &report["sessions"]), (&json!(400), &json!(400)));
    let number = |value: &Value| value.as_u64().unwrap();
    let regions = report["fairness"][0]["by"].as_array().unwrap();
    let by_group = regions.iter().map(|region| number(&region["count"])).sum::<u64>();
    // 200 are expected, with a standard deviation of 10; of each region half as many.
    assert!((160..=240).contains(&by_group), "{by_group}");
    for (region, wanted) in regions.iter().zip([0.75, 0.25]) {
        assert!((70..=130).contains(&number(&region["count"])), "{region}");
        assert!((region["rate"].as_f64().unwrap() - wanted).abs() < 0.13, "{region}");
    }
    assert_eq!(report["fairness"][0]["state"], "fail");
    let actions = report["actions"].as_array().unwrap();
    assert_eq!(actions.iter().map(|action| number(&action["count"])).sum::<u64>(), 400 - by_group);
    let counts: Vec<u64> = (0..2).map(|feature| number(&report["drift"][feature]["count"])).collect();
    assert_eq!(counts.iter().sum::<u64>(), 400 - by_group, "one of two each");
    assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
    assert_eq!(report["drift"][0]["mean"], Value::Null);
}

#[test]
fn what_is_wrong_is_refused_whole() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &["--origin", "https://shop.example"]);
    let manifest = &project.first;
    let good = || profile(manifest, (30, 10), (0, 0));
    let sent = |profile, head: fn(&mut nearside::telemetry::Header)| {
        let mut header = header(&manifest.version, 1, 0);
        head(&mut header);
        collector.ingest(&header.encode_window(&nearside::profile::Layout::new(manifest), &profile, 1_000)).problem()
    };
    let invalid = (400, "frame-invalid".to_owned());
    assert_eq!(collector.ingest(b"").problem(), invalid);
    assert_eq!(collector.ingest(b"NSF\x01\x01garbage").problem(), invalid);
    assert_eq!(collector.ingest(&vec![7; 9_000]).problem(), (413, "frame-too-large".into()));
    assert_eq!(collector.ingest(&vec![7; 70_000]).problem(), (413, "body-too-large".into()));
    assert_eq!(sent(good(), |header| header.name = "nobody".into()), (404, "unknown-model".into()));
    assert_eq!(sent(good(), |header| header.version = "0123456789ab".into()), (404, "unknown-version".into()));
    assert_eq!(sent(good(), |header| header.version = String::new()), invalid);
    assert_eq!(sent(good(), |header| header.age_ms = 90_000_000), invalid);
    assert_eq!(sent(good(), |header| header.sequence = 1 << 32), invalid);
    let layout = nearside::profile::Layout::new(manifest);
    for (place, count) in [
        (layout.refused(), 1_000_001),
        (layout.sessions(), 1),
        (layout.score(0.5), 1),
        (layout.feature(1).start, 1),
        (layout.group(0, Some(0), true), 1),
        (layout.over_latency(), 31),
        (layout.len(), 1),
    ] {
        let mut wrong = good();
        wrong.counts.resize(layout.len() + 1, 0);
        wrong.counts[place] += count;
        assert_eq!(sent(wrong, |_| ()), invalid, "place {place}");
    }
    let mut labelled = good();
    labelled.count(layout.outcomes(true).start);
    assert_eq!(sent(labelled, |_| ()), invalid);
    let mut paid = good();
    paid.business[0].push(12.5);
    assert_eq!(sent(paid, |_| ()), invalid);
    let mut more = good();
    more.moments[0].push(2.5);
    assert_eq!(sent(more, |_| ()), invalid);
    let mut absurd = good();
    absurd.moments[0] = nearside::profile::Moments { count: 30, mean: 1e300, m2: 0.0, min: 1e300, max: 1e300 };
    assert_eq!(sent(absurd, |_| ()), invalid);

    let frame = frame(manifest, 1, 0, 3);
    let ask = |path: &str, headers: &[(&str, &str)]| request(collector.address(), "POST", path, headers, &frame);
    let keyed = format!("/v1/ingest/1?key={KEY}");
    assert_eq!(ask("/v1/ingest/1", &[]).problem(), (403, "key-refused".into()));
    assert_eq!(ask("/v1/ingest/1?key=pub_other", &[]).problem(), (403, "key-refused".into()));
    assert_eq!(ask(&keyed, &[("Origin", "https://evil.example")]).problem(), (403, "origin-refused".into()));
    assert_eq!(ask(&keyed, &[("Origin", "null")]).problem(), (403, "origin-refused".into()));
    assert_eq!(ask("/v1/ingest/256?key=pub_test", &[]).status, 404);
    assert_eq!(collector.get(&keyed).problem(), (405, "method-not-allowed".into()));
    let opted_out = ask(&keyed, &[("Sec-GPC", "1")]);
    assert_eq!((opted_out.status, &opted_out.json()["accepted"]), (202, &json!(true)));
    assert_eq!(collector.predictions(&manifest.version), 0);

    // After all of that the same frame is still new.
    let taken = ask(&keyed, &[("Origin", "https://shop.example")]);
    assert_eq!((taken.status, taken.header("access-control-allow-origin")), (202, Some("*")));
    assert_eq!(taken.json().get("duplicate"), None);
    assert_eq!(collector.predictions(&manifest.version), 3);
    let text = collector.get("/metrics").text();
    assert!(text.contains("nearside_frames_total{result=\"not_kept_gpc\"} 1"), "{text}");
}

#[test]
fn kill_9_under_load_loses_nothing_acknowledged_and_counts_nothing_twice() {
    const SENDERS: u64 = 8;
    let project = Project::new(json!([]));
    let acknowledged = Mutex::new(Vec::new());
    let mut expected = 0;
    for round in 0..3u64 {
        let mut collector = Collector::start(&project, &[]);
        let address = collector.address().to_owned();
        let before = acknowledged.lock().unwrap().len();
        let sent = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (address, acknowledged, project, sent) = (&address, &acknowledged, &project, &sent);
                scope.spawn(move || {
                    let session = 1 + round * SENDERS + sender;
                    for sequence in 0.. {
                        let frame = frame(&project.first, session, sequence, 1 + sequence % 3);
                        sent.fetch_add(1, Ordering::Relaxed);
                        let path = format!("/v1/ingest/3?key={KEY}");
                        match try_request(address, "POST", &path, &[], &frame) {
                            Ok(reply) if reply.status == 202 => acknowledged.lock().unwrap().push((session, sequence)),
                            // Whether this one was kept is not known: the page would send it again.
                            _ => return,
                        }
                    }
                });
            }
            while acknowledged.lock().unwrap().len() < before + 150 {
                std::thread::sleep(Duration::from_millis(5));
            }
            collector.kill();
        });
        assert!(sent.into_inner() > 150);
    }
    // Every frame again, as pages do that got no answer: those that were acknowledged are known, each of the others is
    // counted once now, whether or not it was kept before.
    let collector = Collector::start(&project, &[]);
    let acknowledged = acknowledged.into_inner().unwrap();
    for session in 1..=3 * SENDERS {
        let last = acknowledged.iter().filter(|(known, _)| *known == session).map(|(_, sequence)| *sequence).max();
        let last = last.map_or(0, |last| last + 1);
        for sequence in last.saturating_sub(60)..=last {
            let reply = collector.ingest(&frame(&project.first, session, sequence, 1 + sequence % 3));
            assert_eq!(reply.status, 202);
            if acknowledged.contains(&(session, sequence)) {
                assert_eq!(reply.json()["duplicate"], true, "frame {sequence} of {session} was lost");
            }
        }
        expected += (0..=last).map(|sequence| 1 + sequence % 3).sum::<u64>();
    }
    assert_eq!(collector.predictions(&project.first.version), expected);
    assert_eq!(report(&collector)["predictions"], expected);
}

#[test]
fn stopping_it_keeps_what_was_sent() {
    let project = Project::new(json!([]));
    let mut collector = Collector::start(&project, &[]);
    let _listener = Events::follow(collector.address());
    assert_eq!(collector.ingest(&frame(&project.first, 1, 0, 5)).status, 202);
    assert!(collector.terminate(), "it should end well although somebody is listening");
    let collector = Collector::start(&project, &[]);
    assert_eq!(collector.predictions(&project.first.version), 5);
}

#[test]
fn outcomes_count_once_by_their_receipts() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let manifest = &project.first;
    assert_eq!(collector.ingest(&frame(manifest, 1, 0, 40)).status, 202);
    let outcome = |nonce: u64, score: f64, label: &str| {
        let action = u8::from(score < 0.5);
        json!({ "id": receipt(manifest, score, action, nonce), "label": label })
    };
    let mut all: Vec<Value> = (0..20).map(|nonce| outcome(nonce, 0.9, "yes")).collect();
    all.extend((20..40).map(|nonce| outcome(nonce, 0.1, "no")));
    let reply = collector.outcomes(json!(all));
    assert_eq!((reply.status, reply.json()), (202, json!({ "accepted": 40, "duplicates": 0, "refused": [] })));
    let again = collector.outcomes(json!(all[..3]));
    assert_eq!(again.json(), json!({ "accepted": 3, "duplicates": 3, "refused": [] }));

    // The business metric of a receipt may come later than its label, and counts once, too.
    let paid = json!([{ "id": receipt(manifest, 0.9, 0, 1), "business": { "saved": 12.5 } }]);
    assert_eq!(collector.outcomes(paid.clone()).json()["duplicates"], 0);
    assert_eq!(collector.outcomes(paid).json()["duplicates"], 1);

    let wrong = collector.outcomes(json!([
        { "id": "no receipt", "label": "yes" },
        { "id": receipt(manifest, 0.9, 0, 50), "label": "perhaps" },
        { "id": receipt(manifest, 0.9, 0, 51) },
        { "id": receipt(manifest, 0.9, 0, 52), "business": { "lost": 1.0 } },
        { "id": receipt(manifest, 0.9, 9, 53), "label": "yes" },
        { "id": receipt(manifest, 0.9, 0, 54), "label": "yes", "group": { "planet": "mars" } },
        { "id": receipt(manifest, 0.9, 0, 55), "label": "yes", "group": { "region": "north" } },
    ]));
    let wrong = wrong.json();
    assert_eq!(wrong["accepted"], 1);
    let refused: Vec<u64> =
        wrong["refused"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()).collect();
    assert_eq!(refused, [0, 1, 2, 3, 4, 5]);
    assert_eq!(collector.outcomes(json!({})).problem(), (400, "outcomes-invalid".into()));

    let report = report(&collector);
    assert_eq!(report["performance"]["labelled"], 41);
    let auc = report["performance"]["metrics"].as_array().unwrap().iter().find(|entry| entry["metric"] == "roc_auc");
    assert_eq!(auc.unwrap()["value"], 1.0);
    let saved = &report["business"][0];
    assert_eq!((&saved["name"], &saved["count"], &saved["sum"]), (&json!("saved"), &json!(1), &json!(12.5)));
}

#[test]
fn versions_change_while_it_serves() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let (first, second) = (&project.first.version, &project.second.version);
    let champion = || collector.json(&format!("/models/{NAME}/channel.json"))["champion"]["version"].clone();
    let told = |sequence| collector.ingest(&frame(&project.first, 9, sequence, 1)).json()["champion"].clone();
    assert_eq!((champion(), told(0)), (json!(first), json!(first)));

    // Another process promotes, as `nearside promote` does.
    Registry::new(project.bundle()).promote(second).unwrap();
    let mut sequence = 0;
    eventually("the new champion is told to pages", || {
        sequence += 1;
        (told(sequence) == json!(second)).then_some(())
    });
    assert_eq!(champion(), json!(second));
    assert_eq!(collector.ingest(&frame(&project.second, 10, 0, 2)).status, 202);

    let path = format!("/v1/models/{NAME}/rollback");
    assert_eq!(request(collector.address(), "POST", &path, &[], b"").problem(), (401, "token-refused".into()));
    let back = collector.admin("rollback", "");
    assert_eq!((back.status, back.json()["champion"].clone()), (202, json!(first)));
    assert_eq!((champion(), told(1_000)), (json!(first), json!(first)));
    let forth = collector.admin("promote", &json!({ "version": second }).to_string());
    assert_eq!((forth.status, forth.json()["previous"].clone()), (202, json!(first)));
    assert_eq!(collector.admin("promote", "{\"version\": \"0123456789ab\"}").status, 400);
    assert_eq!(collector.admin("promote", "{}").problem(), (400, "promotion-invalid".into()));

    // A file that was changed stops a promotion, by name, and the champion stays.
    let model = project.bundle().join(&project.first.files["model"].path);
    fs::write(&model, "other weights!").unwrap();
    let refused = collector.admin("promote", &json!({ "version": first }).to_string());
    assert_eq!(refused.problem(), (409, "bundle-corrupt".into()));
    assert!(refused.text().contains(&project.first.files["model"].path), "{}", refused.text());
    assert_eq!(champion(), json!(second));
    // What was counted before stays readable.
    let old = collector.json(&format!("/v1/models/{NAME}/report?version={first}"));
    assert!(old["predictions"].as_u64().unwrap() >= 2);
}

#[test]
fn files_have_the_right_headers_and_paths_lead_nowhere_else() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &["--reader-token", "rd_test"]);
    fs::write(project.path().join("secret.json"), "{}").unwrap();
    let model = &project.first.files["model"].path;
    let file = collector.get(&format!("/models/{NAME}/{model}"));
    assert_eq!((file.status, file.body.as_slice()), (200, b"first weights".as_slice()));
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(file.header("access-control-allow-origin"), Some("*"));
    assert_eq!(file.header("cross-origin-resource-policy"), Some("cross-origin"));
    let channel = collector.get(&format!("/models/{NAME}/channel.json"));
    assert_eq!(channel.header("cache-control"), Some("no-cache"));
    assert_eq!(channel.header("content-type"), Some("application/json"));
    let tag = channel.header("etag").unwrap().to_owned();
    let path = format!("/models/{NAME}/channel.json");
    let again = request(collector.address(), "GET", &path, &[("If-None-Match", &tag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));

    for path in [
        "../secret.json",
        "..%2fsecret.json",
        "%2e%2e/secret.json",
        "..%5csecret.json",
        ".%2e/canvas.toml",
        ".registry.lock",
        "%2e",
        "",
        "model.onnx%00.json",
        "//etc/passwd",
    ] {
        let reply = collector.get(&format!("/models/{NAME}/{path}"));
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
    }
    for path in [
        "/models/../canvas.toml",
        "/sdk/../Cargo.toml",
        "/sdk/%2e%2e/Cargo.toml",
        "/examples/..%2f..%2fCargo.toml",
        "/../Cargo.toml",
    ] {
        let status = collector.get(path).status;
        assert!(status == 404 || status == 503, "{path}: {status}");
    }

    let front = collector.get("/");
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
    {
        assert_eq!(front.header(name), Some(value));
    }
    let policy = front.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let example = collector.get("/examples/plain/");
    if example.status == 200 {
        let strict = "script-src 'self' 'wasm-unsafe-eval'";
        let policy = example.header("content-security-policy").unwrap();
        assert!(policy.contains(strict) && policy.contains("require-trusted-types-for 'script'"), "{policy}");
        assert_eq!(policy.matches("'unsafe-inline'").count(), 1, "for styles alone: {policy}");
    }
    if front.status == 200 {
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval'"), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    } else {
        assert_eq!(front.problem(), (503, "not-built".into()));
        assert!(front.text().contains("make www"), "{}", front.text());
    }

    assert_eq!(collector.get("/v1/models").problem(), (401, "token-refused".into()));
    let reader = [("Authorization", "Bearer rd_test")];
    assert_eq!(request(collector.address(), "GET", "/v1/models", &reader, b"").status, 200);
    let config = collector.json("/config.json");
    assert_eq!((&config["write_key"], &config["models"]), (&json!(KEY), &json!([NAME])));
    let preflight = request(collector.address(), "OPTIONS", "/v1/outcomes", &[], b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-headers")), (204, Some("content-type")));
}

#[test]
fn the_description_names_routes_that_are_there() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let description = collector.json("/openapi.json");
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 20);
    for (path, methods) in paths {
        let concrete = path.replace("{name}", NAME).replace("{shard}", "0").replace("{file}", "channel.json");
        for method in methods.as_object().unwrap().keys() {
            if concrete == "/v1/live" {
                continue;
            }
            let reply = request(collector.address(), &method.to_uppercase(), &concrete, &[], b"");
            assert!(![404, 405, 500].contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.text());
        }
    }
    assert_eq!(collector.get(&format!("/v1/models/{NAME}/nothing")).problem(), (404, "not-found".into()));
    assert_eq!(collector.get(&format!("/v1/models/{NAME}/report?from=x")).status, 400);
    assert_eq!(
        collector.get(&format!("/v1/models/{NAME}/report?from=5&to=4")).problem(),
        (400, "range-invalid".into())
    );
    assert_eq!(collector.get("/v1/models/nobody").problem(), (404, "unknown-model".into()));
}

#[test]
fn a_port_or_a_folder_in_use_is_said_with_what_to_do() {
    let (project, other) = (Project::new(json!([])), Project::new(json!([])));
    let collector = Collector::start(&project, &[]);
    let port = collector.address().rsplit(':').next().unwrap();
    let output = serve(&other, &["--port", port]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(said.contains(&format!("port {port} is in use")) && said.contains("--port"), "{said}");
    let output = serve(&project, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("another collector") && said.contains("--data"), "{said}");
    assert_eq!(collector.get("/readyz").status, 200);
}

#[test]
fn no_frame_however_hostile_ends_it() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let good = frame(&project.first, 77, 0, 3);
    let strategy = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        // Bytes of a frame that are not what they were, under a checksum that fits.
        (prop::collection::vec((0..good.len() - 4, any::<u8>()), 1..6), 0..good.len()).prop_map(
            move |(changes, cut)| {
                let mut bytes = good[..good.len() - 4].to_vec();
                for (place, value) in changes {
                    bytes[place] = value;
                }
                if cut % 3 == 0 {
                    bytes.truncate(cut);
                }
                let checksum = crc32(&bytes);
                bytes.extend(checksum.to_le_bytes());
                bytes
            }
        ),
    ];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    });
    runner
        .run(&strategy, |bytes| {
            let status = collector.ingest(&bytes).status;
            prop_assert!([202, 400, 404].contains(&status), "{} for {:02x?}", status, bytes);
            Ok(())
        })
        .unwrap();
    assert_eq!(collector.get(&format!("/v1/models/{NAME}/report")).status, 200);
    let text = collector.get("/metrics").text();
    assert!(text.contains("nearside_panics_total 0"), "{text}");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_rule_fires_builds_and_is_resolved_by_the_new_version() {
    let rule = json!([{ "metric": "demographic_parity_ratio", "by": "region", "window": "7d", "alert_below": 0.8,
                        "min_count": 50, "action": "retrain", "cool_down": "1h" }]);
    let project = Project::new(rule);
    let registry = Registry::new(project.bundle());
    // What the build will have written in the end; the build itself is another program's part.
    registry.promote(&project.second.version).unwrap();
    let next = fs::read_to_string(project.bundle().join("channel.json")).unwrap();
    registry.rollback().unwrap();
    fs::write(project.path().join("next.json"), next).unwrap();
    let program = project.path().join("builder");
    let script = "#!/bin/sh\n[ \"$1 $2 $4\" = 'retrain --project --json' ] || exit 9\n\
                  cp \"$3/next.json\" \"$3/bundle/channel.json\"\n\
                  echo '{\"words\": [\"The reweighed candidate passed.\"]}'\n";
    fs::write(&program, script).unwrap();
    set_executable(&program);

    let server = InProcess::start(&project, program);
    let mut events = Events::follow(&server.address);
    // Of 200 in the north 150 may ship, of 200 in the south 40: rates of 0.75 and 0.2.
    let unfair = profile(&project.first, (200, 150), (200, 40));
    let sessions: Vec<Vec<u8>> = (0..2).map(|session| frame_of(&project.first, session, 0, &unfair)).collect();
    for frame in &sessions {
        let reply = request(&server.address, "POST", &format!("/v1/ingest?key={KEY}"), &[], frame);
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
    let window = events.next("window", |_| true);
    assert_eq!((&window["model"], &window["version"]), (&json!(NAME), &json!(project.first.version)));
    let fired = events.next("alert", |alert| alert["state"] == "firing");
    assert_eq!(
        (&fired["rule"]["metric"], &fired["action_state"]),
        (&json!("demographic_parity_ratio"), &json!("running"))
    );
    assert!((fired["value"].as_f64().unwrap() - 0.2 / 0.75).abs() < 1e-12, "{fired}");
    assert!(fired["words"].as_str().unwrap().len() > 10);
    let rollout = events.next("rollout", |_| true);
    assert_eq!(rollout["champion"], project.second.version);
    let done = events.next("alert", |alert| alert["action_state"] == "done");
    assert_eq!((&done["id"], &done["promoted"]), (&fired["id"], &json!(project.second.version)));
    assert!(done["detail"].as_str().unwrap().contains("reweighed candidate passed"), "{done}");
    let alerts = request(&server.address, "GET", &format!("/v1/models/{NAME}/alerts"), &[], b"").json();
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["state"]), (1, &json!("resolved")));

    // The new version is as unfair: a second alert, but no second build before the cool-down is over.
    let frame = frame_of(&project.second, 5, 0, &profile(&project.second, (400, 300), (400, 80)));
    assert_eq!(request(&server.address, "POST", &format!("/v1/ingest?key={KEY}"), &[], &frame).status, 202);
    let second = events.next("alert", |alert| alert["state"] == "firing" && alert["id"] != fired["id"]);
    assert_eq!((&second["version"], &second["action_state"]), (&json!(project.second.version), &json!("none")));
}

#[test]
fn a_rule_rolls_back_and_a_build_that_fails_says_why() {
    let rule = json!([{ "metric": "demographic_parity_ratio", "by": "region", "window": "1h", "alert_below": 0.8,
                        "min_count": 50, "action": "roll_back" }]);
    let project = Project::new(rule);
    Registry::new(project.bundle()).promote(&project.second.version).unwrap();
    let collector = Collector::start(&project, &[]);
    let mut events = Events::follow(collector.address());
    let unfair = profile(&project.second, (400, 300), (400, 80));
    assert_eq!(collector.ingest(&frame_of(&project.second, 1, 0, &unfair)).status, 202);
    assert_eq!(events.next("rollout", |_| true)["champion"], project.first.version);
    let done = events.next("alert", |alert| alert["action_state"] == "done");
    assert!(done["detail"].as_str().unwrap().contains("answers again"), "{done}");

    let program = project.path().join("broken");
    fs::write(&program, "#!/bin/sh\necho 'gate roc_auc: 0.61 where 0.72 is asked' >&2\nexit 1\n").unwrap();
    set_executable(&program);
    let rule = json!([{ "metric": "demographic_parity_ratio", "by": "region", "window": "1h", "alert_below": 0.8,
                        "min_count": 50, "action": "retrain" }]);
    let other = Project::new(rule);
    let server = InProcess::start(&other, program);
    let mut events = Events::follow(&server.address);
    let unfair = profile(&other.first, (400, 300), (400, 80));
    let frame = frame_of(&other.first, 1, 0, &unfair);
    assert_eq!(request(&server.address, "POST", &format!("/v1/ingest?key={KEY}"), &[], &frame).status, 202);
    let failed = events.next("alert", |alert| alert["action_state"] == "failed");
    assert!(failed["detail"].as_str().unwrap().contains("0.61 where 0.72"), "{failed}");
    assert_eq!(failed["state"], "firing");
}

/// A collector in this process: its program that builds models can be another one.
struct InProcess {
    address: String,
    runtime: Option<tokio::runtime::Runtime>,
}

impl InProcess {
    fn start(project: &Project, program: std::path::PathBuf) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = nearside::collect::Config {
            projects: vec![project.path().to_owned()],
            bundles: vec![],
            data: project.path().join("data"),
            host: "127.0.0.1".parse().unwrap(),
            port: 0,
            write_key: Some(KEY.into()),
            reader_token: None,
            admin_token: Some(ADMIN.into()),
            origins: vec![],
            window_check: Duration::from_millis(300),
            retrain_timeout: Duration::from_secs(20),
            program,
        };
        let server = runtime.block_on(nearside::collect::Server::start(config)).unwrap();
        let address = server.address().to_string();
        runtime.spawn(server.run(std::future::pending()));
        Self { address, runtime: Some(runtime) }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn set_executable(path: &std::path::Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
