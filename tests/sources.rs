//! Data sources of every kind, each read for real: files, a query, a server, a program.

use nearside::canvas::{Canvas, parse_canvas};
use nearside::features::Value;
use nearside::sources::{GatherOptions, Lineage, Table, gather, gather_with, is_current, load_lineage, load_snapshot};
use nearside::{Error, ErrorKind};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

mod http;
mod postgres;

/// A project in a folder of its own, with the sources that a test states.
pub struct Project {
    folder: tempfile::TempDir,
    pub canvas: Canvas,
}

/// Two features, one of them a category, and a target.
const REST: &str = r#"
[prediction_task]
kind = "classification"
target = "y"
positive = "yes"
[[features]]
name = "n"
type = "number"
missing = "median"
[[features]]
name = "c"
type = "category"
values = ["a", "b"]
"#;

/// Four rows of them.
const ROWS: &str = "id,n,c,y\n1,0.1,a,yes\n2,,b,no\n3,-7,a,no\n4,1e300,b,yes\n";

impl Project {
    pub fn new(sources: &str) -> Self {
        let canvas = parse_canvas(&format!("name = \"x\"\n{sources}\n{REST}"), "canvas.toml").unwrap();
        Self { folder: tempfile::tempdir().unwrap(), canvas }
    }

    pub fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn gather(&self) -> Result<Lineage, Error> {
        gather(&self.canvas, self.root(), &mut |_, _| {}).map(|snapshot| snapshot.lineage)
    }

    /// Gathers, and gives the rows that the snapshot has.
    #[track_caller]
    pub fn rows(&self) -> Table {
        self.gather().unwrap();
        load_snapshot(self.root()).unwrap().0
    }

    /// What is wrong, after the words that it starts with.
    #[track_caller]
    pub fn fails(&self, words: &str) -> Error {
        let error = self.gather().unwrap_err();
        assert!(error.to_string().contains(words), "\"{words}\" is not in: {error}");
        error
    }
}

/// The rows of [`ROWS`].
#[track_caller]
pub fn assert_rows(table: &Table) {
    let column = |name: &str| table.column(name).unwrap().values().collect::<Vec<_>>();
    assert_eq!(column("n"), [0.1.into(), Value::Missing, (-7.0).into(), 1e300.into()]);
    assert_eq!(column("c"), ["a", "b", "a", "b"].map(Value::from));
    assert_eq!(column("y"), ["yes", "no", "no", "yes"].map(Value::from));
}

fn source(kind: &str, location: &str, more: &str) -> String {
    format!("[[data_sources]]\nname = \"{kind}\"\nkind = \"{kind}\"\nlocation = \"{location}\"\n{more}\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(text.as_bytes()).unwrap();
    zipped.finish().unwrap()
}

const LINES: &str = r#"{"n": 0.1, "c": "a", "y": "yes"}
{"c": "b", "y": "no", "n": null}

{"n": -7, "c": "a", "y": "no", "more": [1]}
{"n": 1e300, "c": "b", "y": "yes"}
"#;

#[test]
fn text_files_give_their_rows() {
    for (kind, name, text) in [
        ("csv", "rows.csv", ROWS.as_bytes().to_vec()),
        ("csv", "rows.csv.gz", gzip(ROWS)),
        ("jsonl", "rows.jsonl", LINES.as_bytes().to_vec()),
        ("jsonl", "rows.jsonl.gz", gzip(LINES)),
    ] {
        let project = Project::new(&source(kind, name, "")).with(name, &text);
        assert_rows(&project.rows());
        let lineage = load_lineage(project.root()).unwrap();
        assert_eq!((lineage.rows, lineage.sources[0].bytes), (4, text.len() as u64));
        assert_eq!(lineage.columns[0].missing_share, 0.25);
        assert!(lineage.snapshot.ends_with(".parquet"));
    }
}

#[test]
fn the_same_rows_make_the_same_snapshot() {
    let project = Project::new(&source("csv", "rows.csv", "")).with("rows.csv", ROWS);
    let first = project.gather().unwrap();
    let second = Project::new(&source("jsonl", "rows.jsonl", "")).with("rows.jsonl", LINES).gather().unwrap();
    assert_eq!((first.sha256, first.snapshot), (second.sha256, second.snapshot));
}

#[test]
fn wrong_rows_are_named_by_source_line_row_and_column() {
    let cases = [
        ("csv", "rows.csv", ROWS.replace("-7", "x"), "rows.csv:4: row 3: n: \"x\" where a number belongs"),
        (
            "csv",
            "rows.csv",
            ROWS.replace("3,-7,a", "3,-7,z"),
            "rows.csv:4: row 3: c: \"z\" where a value that the canvas",
        ),
        ("csv", "rows.csv", ROWS.replace(",c,", ",d,"), "rows.csv:1: there is no column \"c\""),
        ("csv", "rows.csv", ROWS.replace("no", "yes"), "rows.csv: y: every row has the class \"yes\""),
        ("csv", "rows.csv", "n,c,y\n,a,yes\n,b,no\n".into(), "rows.csv: n: every value is missing"),
        ("csv", "rows.csv", "n,c,y\n".into(), "rows.csv: there are no rows"),
        ("csv", "rows.csv", ROWS.replace("2,,b", "2,,"), "rows.csv: row 2: c: the value is missing"),
        ("jsonl", "rows.jsonl", LINES.replace("-7", "\"x\""), "rows.jsonl:4: row 3: n: \"x\" where a number belongs"),
        ("jsonl", "rows.jsonl", LINES.replace("-7", "-7,"), "rows.jsonl:4: row 3: the line is not JSON"),
        ("jsonl", "rows.jsonl", LINES.replace("\"y\"", "\"z\""), "rows.jsonl: there is no column \"y\""),
        ("parquet", "rows.parquet", "no".into(), "rows.parquet: it cannot be read as Parquet"),
    ];
    for (kind, name, text, words) in cases {
        let project = Project::new(&source(kind, name, "")).with(name, text);
        let error = project.fails(words);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert!(!project.path(".nearside/snapshots/latest.json").exists());
    }
    let error = Project::new(&source("csv", "none.csv", "")).fails("none.csv");
    assert!(error.to_string().contains("source \"csv\": there is no such file"), "{error}");
}

#[test]
fn the_last_good_snapshot_stays_in_use() {
    let project = Project::new(&source("csv", "rows.csv", "")).with("rows.csv", ROWS);
    let good = project.gather().unwrap();
    fs::write(project.path("rows.csv"), ROWS.replace("1e300", "much")).unwrap();
    project.fails("rows.csv:5: row 4: n");
    let (table, lineage) = load_snapshot(project.root()).unwrap();
    assert_rows(&table);
    assert_eq!(lineage, good);
    let left: Vec<_> = fs::read_dir(project.path(".nearside/snapshots")).unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");

    // A snapshot that was touched is refused.
    let path = project.path(".nearside/snapshots").join(&good.snapshot);
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(load_snapshot(project.root()).unwrap_err().to_string().contains("its hash does not match"));
}

#[test]
fn a_snapshot_is_a_source_again() {
    let first = Project::new(&source("csv", "rows.csv", "")).with("rows.csv", ROWS);
    let lineage = first.gather().unwrap();
    let bytes = fs::read(first.path(".nearside/snapshots").join(lineage.snapshot)).unwrap();
    let second = Project::new(&source("parquet", "rows.parquet", "")).with("rows.parquet", bytes);
    assert_rows(&second.rows());
}

#[test]
fn a_query_to_an_sqlite_file_gives_its_rows() {
    let query = "query = \"SELECT n, c, y FROM cases ORDER BY id\"";
    let project = Project::new(&source("sqlite", "cases.db", query));
    let fill = rusqlite::Connection::open(project.path("cases.db")).unwrap();
    fill.execute_batch(
        "CREATE TABLE cases (id INTEGER PRIMARY KEY, n REAL, c TEXT, y TEXT);
         INSERT INTO cases VALUES (1, 0.1, 'a', 'yes'), (2, NULL, 'b', 'no'), (3, -7, 'a', 'no'), (4, 1e300, 'b', 'yes')",
    )
    .unwrap();
    assert_rows(&project.rows());
    assert!(is_current(&project.canvas, project.root()).unwrap().is_some());
    fill.execute_batch("UPDATE cases SET n = 'x' WHERE id = 3").unwrap();
    assert!(is_current(&project.canvas, project.root()).unwrap().is_none());
    project.fails("cases.db: row 3: n: \"x\" where a number belongs");

    let wrong = |query: &str, words: &str| {
        let mut project = Project::new(&source("sqlite", "cases.db", &format!("query = \"{query}\"")));
        project.folder = tempfile::tempdir().unwrap();
        rusqlite::Connection::open(project.path("cases.db"))
            .unwrap()
            .execute_batch("CREATE TABLE cases (n REAL)")
            .unwrap();
        project.fails(words);
    };
    wrong("SELECT x FROM cases", "cases.db: SQLite: no such column: x");
    wrong("DELETE FROM cases", "cases.db: the query writes to the file");
}

#[test]
fn what_a_program_prints_is_read() {
    let command = |command: &str, more: &str| {
        let text = format!("[[data_sources]]\nname = \"export\"\nkind = \"command\"\ncommand = {command}\n{more}\n");
        Project::new(&text).with("rows.csv", ROWS).with("rows.jsonl", LINES)
    };
    let project = command("[\"cat\", \"rows.csv\"]", "cost = { per_call = 0.5 }");
    assert_rows(&project.rows());
    assert_eq!(load_lineage(project.root()).unwrap().cost.calls, 0.5);
    assert_rows(&command("[\"cat\", \"rows.jsonl\"]", "format = \"jsonl\"").rows());

    command("[\"sh\", \"-c\", \"cat rows.csv; echo oh no >&2; exit 3\"]", "")
        .fails("source \"export\": \"sh\" ended with 3; it said: oh no");
    command("[\"echo\", \"nothing\"]", "").fails("source \"export\":1: there is no column \"n\"");
    command("[\"no-such-program\"]", "").fails("source \"export\": there is no program \"no-such-program\"");
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let script = "[\"sh\", \"-c\", \"cat rows.csv; sleep 300 & echo $! > child; wait\"]";
    let text =
        format!("[[data_sources]]\nname = \"export\"\nkind = \"command\"\ncommand = {script}\ntimeout_s = 0.5\n");
    let project = Project::new(&text).with("rows.csv", ROWS);
    let start = std::time::Instant::now();
    project.fails("source \"export\": \"sh\" ran for longer than 0.5 s and was stopped");
    assert!(start.elapsed().as_secs() < 20);
    let child = fs::read_to_string(project.path("child")).unwrap();
    let gone = || {
        let status = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        status.map_or(true, |status| status.contains(") Z "))
    };
    assert!((0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        gone()
    }));
}

#[test]
fn sources_are_joined_by_a_key() {
    let sources = |kind: &str| {
        source("csv", "rows.csv", "")
            + &source("jsonl", "more.jsonl", &format!("join = {{ key = \"id\", kind = \"{kind}\" }}"))
    };
    let left = "id,n,y\n1,0.1,yes\n2,,no\n9,5,no\n3,-7,no\n4,1e300,yes\n";
    let right = "{\"id\": 1, \"c\": \"a\"}\n{\"id\": 2, \"c\": \"b\"}\n{\"id\": 3, \"c\": \"a\"}\n{\"id\": 4, \"c\": \"b\"}\n{\"id\": 7, \"c\": \"a\"}\n";
    let project = |kind: &str| Project::new(&sources(kind)).with("rows.csv", left).with("more.jsonl", right);
    let inner = project("inner");
    assert_rows(&inner.rows());
    let lineage = load_lineage(inner.root()).unwrap();
    let join = lineage.sources[1].join.clone().unwrap();
    assert_eq!((join.matched, join.unmatched, join.unused), (4, 1, 1));
    assert_eq!((lineage.rows, lineage.sources[0].rows, lineage.sources[1].rows), (4, 5, 5));

    // The canvas has no rule for a category that is missing.
    project("left").fails("rows.csv: row 3: c: no row of the joined source has this key");
    let twice = project("inner").with("more.jsonl", right.replace("\"id\": 7", "\"id\": 2"));
    twice.fails("more.jsonl: row 5: id: the key \"2\" is that of row 2, too");
    project("inner").with("more.jsonl", right.replace("\"c\"", "\"d\"")).fails("there is no column \"c\", nor in");
    project("inner").with("rows.csv", left.replace("id", "key")).fails("rows.csv: there is no column \"id\"");
}

#[test]
fn rows_without_a_join_follow_each_other() {
    let text = source("csv", "a.csv", "") + &source("jsonl", "b.jsonl", "");
    let project = Project::new(&text).with("a.csv", ROWS).with("b.jsonl", LINES);
    let table = project.rows();
    assert_eq!(table.rows(), 8);
    assert_rows(&table.select(&[0, 1, 2, 3]));
    assert_rows(&table.select(&[4, 5, 6, 7]));
}

#[test]
fn a_snapshot_knows_whether_it_is_current() {
    let project = Project::new(&source("csv", "rows.csv", "")).with("rows.csv", ROWS);
    let current = || is_current(&project.canvas, project.root()).unwrap().is_some();
    assert!(!current());
    project.gather().unwrap();
    assert!(current());
    // Another time of change, the same bytes.
    fs::write(project.path("rows.csv"), ROWS).unwrap();
    assert!(current());
    fs::write(project.path("rows.csv"), ROWS.replace("0.1", "0.2")).unwrap();
    assert!(!current());
    project.gather().unwrap();
    assert!(current());
    gather_with(&project.canvas, project.root(), GatherOptions { rows: Some(2), seed: None }, &mut |_, _| {}).unwrap();
    assert!(!current());

    let mut canvas = project.canvas.clone();
    project.gather().unwrap();
    canvas.features[1].values.push("c".into());
    assert!(is_current(&canvas, project.root()).unwrap().is_none());
    fs::remove_file(project.path("rows.csv")).unwrap();
    assert!(!current());
}

#[test]
fn large_files_come_in_batches_and_keep_their_rows() {
    let mut text = String::from("n,c,y\n");
    for row in 0..200_000 {
        text.push_str(&format!("{row},{},{}\n", ["a", "b"][row % 2], ["yes", "no"][row / 7 % 2]));
    }
    let project = Project::new(&source("csv", "rows.csv", "")).with("rows.csv", &text);
    let table = project.rows();
    assert_eq!(table.rows(), 200_000);
    let numbers = table.column("n").unwrap();
    assert!([0, 65_535, 65_536, 131_072, 199_999].iter().all(|&row| numbers.value(row) == (row as f64).into()));
    let wrong = text.replace("\n150000,", "\nx,");
    fs::write(project.path("rows.csv"), wrong).unwrap();
    project.fails("rows.csv:150002: row 150001: n: \"x\"");
}

#[test]
fn a_secret_is_taken_from_the_environment_and_not_shown() {
    // A variable that every run has: tests share one environment.
    let value = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let project = Project::new(&source("csv", "${CARGO_MANIFEST_DIR}/none.csv", ""));
    let error = project.fails("${CARGO_MANIFEST_DIR}/none.csv").to_string();
    assert!(!error.contains(&value), "{error}");
    Project::new(&source("csv", "${NO_SUCH_VARIABLE}/x.csv", "")).fails("NO_SUCH_VARIABLE is not set");
}

/// The census rows of the shared data sets, where they are there: a file in gzip with missing words of its own.
#[test]
fn a_real_data_set_is_gathered() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/adult.csv.gz");
    if !file.exists() {
        eprintln!("SKIPPED: {} is not there", file.display());
        return;
    }
    let text = format!(
        r#"
        name = "adult"
        data_sources = [{{ name = "census", kind = "csv", location = "{}" }}]
        prediction_task = {{ kind = "classification", target = "income", positive = ">50K" }}
        features = [{{ name = "age", type = "integer" }}, {{ name = "sex", type = "category", values = ["Female", "Male"] }}]
        "#,
        file.display()
    );
    let canvas = parse_canvas(&text, "canvas.toml").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lineage = gather(&canvas, folder.path(), &mut |_, _| {}).unwrap().lineage;
    let (table, _) = load_snapshot(folder.path()).unwrap();
    assert_eq!((table.rows() as u64, table.columns.len()), (lineage.rows, 3));
    assert!(lineage.rows > 30_000 && lineage.bytes < lineage.rows * 4);
}
