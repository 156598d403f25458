//! A small project made by hand, a collector as a child process, and an HTTP client that sends what it is told.

use nearside::bundle::{Manifest, sha256_hex, short_digest};
use nearside::profile::{Layout, Profile, Stage};
use nearside::telemetry::{Header, Receipt};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The name of the model.
pub const NAME: &str = "parcel-risk";
/// The write key that the tests use.
pub const KEY: &str = "pub_test";
/// The admin token that the tests use.
pub const ADMIN: &str = "adm_test";

/// A project folder with a bundle of two versions.
pub struct Project {
    folder: tempfile::TempDir,
    /// The champion.
    pub first: Manifest,
    /// A version that may be promoted.
    pub second: Manifest,
}

impl Project {
    /// A project whose canvas has these rules.
    pub fn new(rules: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        fs::create_dir(&bundle).unwrap();
        fs::write(folder.path().join("canvas.toml"), format!("name = \"{NAME}\"\n")).unwrap();
        let first = write_version(&bundle, "first weights", &rules, Some(build()));
        let second = write_version(&bundle, "second weights", &rules, None);
        nearside::rollout::Registry::new(&bundle).promote(&first.version).unwrap();
        Self { folder, first, second }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn bundle(&self) -> PathBuf {
        self.path().join("bundle")
    }

    /// The collector's file, for what happens behind its back.
    pub fn file(&self) -> rusqlite::Connection {
        let file = rusqlite::Connection::open(self.path().join(".nearside/collector/collector.db")).unwrap();
        file.busy_timeout(Duration::from_secs(5)).unwrap();
        file
    }
}

/// How the first version was built: an hour ago, from two sources. Of the second that is not known.
fn build() -> Value {
    let hour_ago = now() - 3_600_000;
    let source = |name: &str, rows: u64, cost: f64| json!({ "name": name, "synthetic": false, "rows": rows, "cost": cost, "storage_per_month": 0.0 });
    json!({
        "at": hour_ago, "candidate": "plain", "parameters": 12, "page_bytes": 4_321, "latency_ms": 0.2,
        "steps": [{ "step": "gather", "seconds": 30.0 }, { "step": "train", "seconds": 60.0 }],
        "data": {
            "snapshot": "", "gathered_at": hour_ago, "rows": 3_000, "bytes": 250_000, "missing_share": 0.03,
            "columns": [], "sources": [source("orders", 2_000, 2.0), source("weather", 1_000, 7.5)],
        },
    })
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn write_version(bundle: &Path, weights: &str, rules: &Value, build: Option<Value>) -> Manifest {
    let canvas = json!({
        "name": NAME,
        "prediction_task": { "kind": "classification", "target": "late" },
        "building_models": { "cost_per_hour": 4.0 },
        "live_monitoring": { "rule": rules },
    });
    let baseline = json!({ "rows": 0, "features": [], "scores": [], "actions": [] });
    let file = |role: &str, extension: &str, bytes: &[u8]| {
        let path = format!("{role}.{}.{extension}", short_digest(bytes));
        fs::write(bundle.join(&path), bytes).unwrap();
        json!({ "path": path, "sha256": sha256_hex(bytes), "bytes": bytes.len() })
    };
    let mut files = json!({
        "model": file("model", "onnx", weights.as_bytes()),
        "canvas": file("canvas", "json", canvas.to_string().as_bytes()),
        "baseline": file("baseline", "json", baseline.to_string().as_bytes()),
    });
    if let Some(build) = build {
        files["build"] = file("build", "json", build.to_string().as_bytes());
    }
    let port = |name: &str, kind: &str| json!({ "name": name, "type": kind, "shape": ["N", 1] });
    let feature = |name: &str, kind: &str, values: Value, bins: Value, example: Value| {
        json!({ "name": name, "kind": kind, "unit": null, "range": null, "values": values, "missing": "error",
                "note": null, "bins": bins, "example": example })
    };
    let mut manifest = json!({
        "format": 1, "name": NAME, "version": "", "canvas_digest": "", "engine": "tract", "files": files,
        "task": { "kind": "classification", "target": "late", "classes": ["no", "yes"], "positive": "yes" },
        "inputs": [port("weight", "float32"), port("carrier", "int64")],
        "outputs": [port("probabilities", "float32")],
        "roles": { "label": null, "probabilities": "probabilities", "margin": null },
        "features": [
            feature("weight", "number", json!([]), json!([1.0, 2.0, 5.0, 10.0]), json!(2.5)),
            feature("carrier", "category", json!(["road", "rail", "air"]), json!([]), json!("road")),
        ],
        "groups": [{ "name": "region", "values": ["north", "south"] }],
        "bands": [{ "at_least": 0.5, "action": "ship" }, { "at_least": 0.0, "action": "hold" }],
        "favourable": ["ship"], "fallback": "hold", "explanation": null,
        "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
        "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": 10.0 },
        "business_metrics": [{ "name": "saved", "unit": "EUR", "direction": "increase", "goal": 5.0 }],
    });
    let version = short_digest(manifest.to_string().as_bytes());
    manifest["version"] = json!(version);
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let text = serde_json::to_string(&manifest).unwrap();
    fs::write(bundle.join(format!("manifest.{version}.json")), text).unwrap();
    manifest
}

/// A header of one page session.
pub fn header(version: &str, session: u64, sequence: u64) -> Header {
    Header { session, sequence, age_ms: 0, name: NAME.into(), version: version.into() }
}

/// The counters of `north` and `south` predictions, of which so many were favourable.
pub fn profile(manifest: &Manifest, north: (u64, u64), south: (u64, u64)) -> Profile {
    let layout = Layout::new(manifest);
    let mut profile = Profile::new(&layout);
    profile.count(layout.sessions());
    for (value, (predictions, favourable)) in [(0, north), (1, south)] {
        for index in 0..predictions {
            let selected = index < favourable;
            let score = if selected { 0.8 } else { 0.2 };
            profile.count(layout.predictions());
            profile.count(layout.score(score));
            profile.count(layout.action(usize::from(!selected)));
            profile.count(layout.group(0, Some(value), selected));
            profile.count(layout.feature(0).start + 2);
            profile.count(layout.feature(1).start);
            profile.moments[0].push(2.5);
            for (stage, ms) in [(Stage::Answer, 1.5), (Stage::Run, 0.7)] {
                profile.count(layout.stage(stage).start + nearside::profile::bucket_of(ms));
            }
        }
    }
    profile
}

/// A frame of that many predictions.
pub fn frame(manifest: &Manifest, session: u64, sequence: u64, predictions: u64) -> Vec<u8> {
    frame_of(manifest, session, sequence, &profile(manifest, (predictions, predictions), (0, 0)))
}

/// A frame of these counters.
pub fn frame_of(manifest: &Manifest, session: u64, sequence: u64, profile: &Profile) -> Vec<u8> {
    header(&manifest.version, session, sequence).encode_window(&Layout::new(manifest), profile, 30_000)
}

/// The receipt of a prediction.
pub fn receipt(manifest: &Manifest, score: f64, action: u8, nonce: u64) -> String {
    let score_bin = nearside::profile::score_bin(score) as u8;
    Receipt { version: manifest.version.clone(), score_bin, action: Some(action), group: Some(1), nonce }.text()
}

/// Waits until something is so.
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `nearside serve` as a process of its own. It ends with the test.
pub struct Collector {
    child: Child,
    address: String,
}

impl Collector {
    /// Serves a project on a free port.
    pub fn start(project: &Project, more: &[&str]) -> Self {
        let mut child = serve(project, more).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("it should listen, but said {line:?} and {error}");
        };
        // What it says about itself is read away, so that it never waits for a reader.
        let mut error = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut error, &mut std::io::sink()));
        Self { address: address.to_owned(), child }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives whether it said that all is well.
    pub fn terminate(&mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }

    pub fn get(&self, path: &str) -> Reply {
        request(&self.address, "GET", path, &[], &[])
    }

    pub fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    pub fn ingest(&self, frame: &[u8]) -> Reply {
        request(&self.address, "POST", &format!("/v1/ingest/7?key={KEY}"), &[], frame)
    }

    pub fn outcomes(&self, outcomes: Value) -> Reply {
        let body = json!({ "outcomes": outcomes }).to_string();
        request(&self.address, "POST", &format!("/v1/outcomes?key={KEY}"), &[], body.as_bytes())
    }

    pub fn admin(&self, action: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let path = format!("/v1/models/{NAME}/{action}");
        request(&self.address, "POST", &path, &[("Authorization", &bearer)], body.as_bytes())
    }

    /// Predictions so far, over all time, of one version.
    pub fn predictions(&self, version: &str) -> u64 {
        let model = self.json(&format!("/v1/models/{NAME}"));
        let versions = model["versions"].as_array().unwrap();
        let version = versions.iter().find(|entry| entry["version"] == version).unwrap();
        version["predictions"].as_u64().unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that serves a project.
pub fn serve(project: &Project, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearside"));
    command.arg("serve").arg("--project").arg(project.path());
    for default in [["--port", "0"], ["--write-key", KEY], ["--admin-token", ADMIN], ["--window-check", "1s"]] {
        if !more.contains(&default[0]) {
            command.args(default);
        }
    }
    command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of a problem, with its status.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// One request. The path is sent as it is: nothing is cleaned up on the way.
pub fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    try_request(address, method, path, headers, body).unwrap()
}

/// The same, for a collector that may be gone.
pub fn try_request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    // A body that is too large is refused before it is read to its end.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else { return Err(ended.err().unwrap_or_else(gone)) };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(gone)?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let reply = Reply { status, headers, body: bytes[end + 4..].to_vec() };
    // An answer that was cut off is no answer.
    let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| method != "HEAD" && length != reply.body.len()) {
        return Err(gone());
    }
    Ok(reply)
}

/// Server-sent events, as they come.
pub struct Events {
    reader: BufReader<TcpStream>,
}

impl Events {
    pub fn follow(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET /v1/live HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut events = Self { reader: BufReader::new(stream) };
        let mut line = String::new();
        while events.reader.read_line(&mut line).unwrap() > 2 {
            assert!(!line.starts_with("HTTP/1.1") || line.contains(" 200 "), "{line}");
            line.clear();
        }
        events
    }

    /// Waits for the next event of this name that fits, and gives its data.
    pub fn next(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut current = String::new();
        loop {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "the stream ended before {name}");
            if let Some(event) = line.trim().strip_prefix("event: ") {
                current = event.to_owned();
            } else if let Some(data) = line.trim().strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                if current == name && fits(&data) {
                    return data;
                }
            }
        }
    }
}
