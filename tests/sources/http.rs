//! A small HTTP server on this machine, and what gathering makes of its answers.

use super::{LINES, Project, ROWS, assert_rows};
use nearside::ErrorKind;
use nearside::sources::{is_current, load_lineage};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A server that gives its answers one after the other, and keeps what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Each answer is a status line with headers, and a body.
    fn new(answers: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        std::thread::spawn(move || {
            for (head, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
                kept.lock().unwrap().push(request);
                let length = body.len();
                write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                    .unwrap();
            }
        });
        Self { port, asked }
    }

    fn project(&self, path: &str, more: &str) -> Project {
        project(self.port, path, more)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn project(port: u16, path: &str, more: &str) -> Project {
    let location = format!("http://127.0.0.1:{port}/{path}");
    Project::new(&format!("[[data_sources]]\nname = \"open\"\nkind = \"http\"\nlocation = \"{location}\"\n{more}\n"))
}

#[test]
fn a_busy_server_is_asked_again_and_an_unchanged_answer_is_not_fetched_again() {
    let server = Server::new(vec![
        ("503 Service Unavailable\r\nRetry-After: 0", String::new()),
        ("200 OK\r\nETag: \"one\"\r\nLast-Modified: Tue, 15 Nov 1994 12:45:26 GMT", ROWS.to_owned()),
        ("304 Not Modified", String::new()),
        ("200 OK\r\nETag: \"two\"", ROWS.replace("0.1", "0.2")),
    ]);
    let project = server.project("rows.csv", "refresh = \"1h\"\ncost = { per_call = 0.25 }");
    assert_rows(&project.rows());
    let lineage = load_lineage(project.root()).unwrap();
    assert_eq!((lineage.sources[0].calls, lineage.cost.calls), (2, 0.5));
    assert_eq!((lineage.sources[0].as_of.0, lineage.sources[0].stale), (784_903_526_000, true));
    assert!(is_current(&project.canvas, project.root()).unwrap().is_some());

    assert_rows(&project.rows());
    assert!(server.asked()[2].to_lowercase().contains("if-none-match: \"one\""), "{:?}", server.asked());
    let table = project.rows();
    assert_eq!(table.column("n").unwrap().value(0), 0.2.into());
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn answers_are_read_by_their_format() {
    let document = format!(
        "{{\"meta\": {{}}, \"data\": {{\"items\": [{}]}}}}",
        LINES.trim().replace("\n\n", "\n").replace('\n', ",")
    );
    let server = Server::new(vec![("200 OK", document), ("200 OK", LINES.to_owned())]);
    // A header whose value comes from the environment.
    let more = "format = \"json\"\nrecords = \"data.items\"\nheaders = { X-Name = \"${CARGO_PKG_NAME}\" }";
    assert_rows(&server.project("api", more).rows());
    assert!(server.asked()[0].to_lowercase().contains("x-name: nearside"), "{:?}", server.asked());
    assert_rows(&server.project("api", "format = \"jsonl\"").rows());
}

#[test]
fn refusals_and_dead_addresses_are_errors() {
    let server = Server::new(vec![("404 Not Found", String::new()), ("200 OK", ROWS.replace("-7", "x"))]);
    let error = server.project("rows.csv", "").fails("/rows.csv: the server answers 404");
    assert_eq!(error.kind(), ErrorKind::Network);
    server.project("rows.csv", "").fails("/rows.csv:4: row 3: n: \"x\" where a number belongs");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = project(free, "rows.csv?key=${CARGO_PKG_NAME}", "timeout_s = 2").fails("it cannot be reached");
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(
        error.to_string().contains("key=${CARGO_PKG_NAME}") && !error.to_string().contains("key=nearside"),
        "{error}"
    );
}
