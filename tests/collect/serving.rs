//! Who is answered, and with what.

use super::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

#[test]
fn a_local_collector_does_not_answer_to_foreign_names() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let port = collector.address().rsplit(':').next().unwrap().to_owned();
    let ask = |host: &str, path: &str| request(collector.address(), "GET", path, &[("Host", host)], b"");
    let reads = [
        "/v1/models",
        &format!("/v1/models/{NAME}/report"),
        &format!("/v1/models/{NAME}/canvas"),
        "/v1/live",
        "/metrics",
        "/config.json",
    ];
    for path in reads {
        let rebound = ask(&format!("evil.example:{port}"), path);
        assert_eq!(rebound.problem(), (403, "host-refused".into()), "{path}");
        assert!(rebound.text().contains("--reader-token"));
        if path != "/v1/live" {
            for host in ["localhost", "127.0.0.1", "[::1]"] {
                assert_eq!(ask(&format!("{host}:{port}"), path).status, 200, "{host} {path}");
            }
        }
    }
    // Files for pages of any site, and what a supervisor asks, are no secrets.
    for path in ["/healthz", "/readyz", "/openapi.json", &format!("/models/{NAME}/channel.json")] {
        assert_eq!(ask("c.example", path).status, 200, "{path}");
    }
    // Behind a token a name may be anything: a proxy of this machine passes the public one on.
    let collector = Collector::start(&Project::new(json!([])), &["--reader-token", "rd_test"]);
    let headers = [("Host", "c.example"), ("Authorization", "Bearer rd_test")];
    assert_eq!(request(collector.address(), "GET", "/v1/models", &headers, b"").status, 200);
}

#[test]
fn whoever_serves_to_others_without_a_token_is_warned() {
    let said = |more: &[&str]| {
        let project = Project::new(json!([]));
        let mut child = serve(&project, more).spawn().unwrap();
        let mut lines = String::new();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        while !lines.contains("Ctrl-C") {
            assert!(reader.read_line(&mut lines).unwrap() > 0, "{lines}");
        }
        // The warning is the last line, where there is one.
        std::thread::sleep(std::time::Duration::from_millis(200));
        child.kill().unwrap();
        child.wait().unwrap();
        std::io::Read::read_to_string(&mut reader, &mut lines).unwrap();
        lines
    };
    let open = said(&["--host", "0.0.0.0"]);
    assert!(open.contains("warning: anybody") && open.contains("--reader-token"), "{open}");
    for safe in [said(&[]), said(&["--host", "0.0.0.0", "--reader-token", "rd"])] {
        assert!(!safe.contains("warning:"), "{safe}");
    }
    // The example asks a model that this collector does not have; the next one does.
    assert!(!open.contains("/examples/"), "{open}");
    let ready = said(&["--bundle", concat!(env!("CARGO_MANIFEST_DIR"), "/models/loan-approval/bundle")]);
    assert_eq!(ready.contains("/examples/plain/"), ready.contains("  dashboard "), "{ready}");
}

#[test]
fn privacy_control_gives_way_to_the_visitors_own_yes_alone() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let manifest = &project.first;
    let outcomes = |nonce| json!({ "outcomes": [{ "id": receipt(manifest, 0.9, 0, nonce), "label": "yes" }] });
    let send = |path: &str, consent: &str, body: &[u8]| {
        let path = format!("{path}?key={KEY}{consent}");
        request(collector.address(), "POST", &path, &[("Sec-GPC", "1")], body)
    };
    for (nonce, consent) in ["", "&consent=granted", "&consent="].into_iter().enumerate() {
        let frame = frame(manifest, 1 + nonce as u64, 0, 6);
        assert_eq!(send("/v1/ingest/1", consent, &frame).status, 202);
        let reply = send("/v1/outcomes", consent, outcomes(nonce as u64).to_string().as_bytes());
        assert_eq!((reply.status, reply.json()["accepted"].clone()), (202, json!(0)));
    }
    assert_eq!(collector.predictions(&manifest.version), 0);
    let frame = frame(manifest, 9, 0, 6);
    assert_eq!(send("/v1/ingest/1", "&consent=user", &frame).status, 202);
    let reply = send("/v1/outcomes", "&consent=user", outcomes(9).to_string().as_bytes());
    assert_eq!(reply.json()["accepted"], 1);
    assert_eq!(collector.predictions(&manifest.version), 6);
}

#[test]
fn bundles_are_compressed_for_those_who_take_it() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    let version = &project.first.version;
    for (file, cache) in [
        (format!("manifest.{version}.json"), "public, max-age=31536000, immutable"),
        ("manifest.json".to_owned(), "no-cache"),
    ] {
        let ask = |headers: &[(&str, &str)]| {
            request(collector.address(), "GET", &format!("/models/{NAME}/{file}"), headers, b"")
        };
        let plain = ask(&[]);
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
        for _ in 0..2 {
            let packed = ask(&[("Accept-Encoding", "gzip, br")]);
            assert_eq!(packed.header("content-encoding"), Some("br"));
            assert_eq!((packed.header("vary"), packed.header("cache-control")), (Some("accept-encoding"), Some(cache)));
            assert!(packed.body.len() < plain.body.len() / 2, "{} of {}", packed.body.len(), plain.body.len());
            let mut back = Vec::new();
            brotli::BrotliDecompress(&mut packed.body.as_slice(), &mut back).unwrap();
            assert_eq!(back, plain.body);
            let (tag, other) = (packed.header("etag").unwrap(), plain.header("etag").unwrap());
            assert_ne!(tag, other);
            let again = ask(&[("Accept-Encoding", "br"), ("If-None-Match", tag)]);
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
        }
    }
    // Too small to be worth it.
    let model = &project.first.files["model"].path;
    let path = format!("/models/{NAME}/{model}");
    let small = request(collector.address(), "GET", &path, &[("Accept-Encoding", "br")], b"");
    assert_eq!((small.header("content-encoding"), small.body.as_slice()), (None, b"first weights".as_slice()));
}

#[test]
fn the_canvas_shows_how_the_champion_was_built_or_nothing() {
    let project = Project::new(json!([]));
    let collector = Collector::start(&project, &[]);
    assert_eq!(collector.ingest(&frame(&project.first, 1, 0, 6)).status, 202);
    let block = |number: usize| collector.json(&format!("/v1/models/{NAME}/canvas"))["blocks"][number - 1].clone();
    let shown = |block: &Value, label: &str| {
        let live = block["live"].as_array().unwrap();
        live.iter().find(|shown| shown["label"] == label).map(|shown| shown["value"].as_str().unwrap().to_owned())
    };
    let data = block(2);
    assert_eq!(data["state"], "good");
    for (label, value) in [
        ("Rows", "3,000"),
        ("Rows of orders", "2,000"),
        ("Rows of weather", "1,000"),
        ("Size", "250 kB"),
        ("Missing values", "3 %"),
        ("Last snapshot", "1 h ago"),
    ] {
        assert_eq!(shown(&data, label).as_deref(), Some(value), "{data}");
    }
    assert_eq!(data["cost"], 9.5);
    let task = block(3);
    assert_eq!((shown(&task, "Bundle"), shown(&task, "Parameters")), (Some("4.32 kB".into()), Some("12".into())));
    let built = block(9);
    let last = format!("{}, 1 h ago", project.first.version);
    assert_eq!((shown(&built, "Last build"), shown(&built, "Took")), (Some(last), Some("90 s".into())), "{built}");
    // 90 seconds at 4 an hour.
    assert!((built["cost"].as_f64().unwrap() - 0.1).abs() < 1e-9, "{built}");

    let promoted = collector.admin("promote", &json!({ "version": project.second.version }).to_string());
    assert_eq!(promoted.status, 202, "{}", promoted.text());
    for number in [2, 3, 9] {
        let block = block(number);
        assert_eq!((&block["state"], &block["live_at"]), (&json!("grey"), &Value::Null), "{block}");
    }
}
