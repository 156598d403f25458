//! A PostgreSQL server of our own, in a folder that goes when it is done.

use super::{Project, assert_rows};
use nearside::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A server that runs until it is dropped.
struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

/// Where the server's programs are; nothing where it is not installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    let found = installed.max();
    if found.is_none() {
        eprintln!("SKIPPED: PostgreSQL is not installed; `make test` installs the package postgresql");
    }
    found
}

/// PostgreSQL refuses to run as root: it runs as the user that its package made.
fn run(program: &Path, arguments: &[&str]) -> Output {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).current_dir("/").stdin(Stdio::null()).output().unwrap()
}

impl Server {
    fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { programs, folder, port };
        let data = server.data();
        server.does("initdb", &["-D", &data, "-U", "me", "-A", "trust", "--no-sync"]);
        let options =
            format!("-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off", server.folder.path().display());
        let log = format!("{data}.log");
        server.does("pg_ctl", &["-D", &data, "-o", &options, "-l", &log, "-w", "start"]);
        Some(server)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    #[track_caller]
    fn does(&self, program: &str, arguments: &[&str]) {
        let output = run(&self.programs.join(program), arguments);
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn sql(&self, text: &str) {
        let port = self.port.to_string();
        self.does(
            "psql",
            &["-h", "127.0.0.1", "-p", &port, "-U", "me", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", text],
        );
    }

    fn project(&self, query: &str, more: &str) -> Project {
        project(self.port, query, more)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        run(&self.programs.join("pg_ctl"), &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
        // What the other user wrote is that user's to remove.
        run(Path::new("/bin/rm"), &["-rf", &self.data()]);
    }
}

fn project(port: u16, query: &str, more: &str) -> Project {
    let location = format!("postgres://me@127.0.0.1:{port}/postgres");
    Project::new(&format!(
        "[[data_sources]]\nname = \"crm\"\nkind = \"postgres\"\nlocation = \"{location}\"\nquery = \"{query}\"\n{more}\n"
    ))
}

#[test]
fn a_query_gives_its_rows() {
    let Some(server) = Server::start() else { return };
    server.sql(
        "CREATE TYPE letter AS ENUM ('a', 'b');
         CREATE TABLE cases (id bigint PRIMARY KEY, n double precision, d numeric(12, 4), c letter, y varchar(3), day date, at timestamptz, raw bytea);
         INSERT INTO cases VALUES
           (1, 0.1, 12.34, 'a', 'yes', '2024-02-29', '2024-02-29 12:00:00.5+00', ''),
           (2, NULL, -0.0001, 'b', 'no', '1999-12-31', NULL, NULL),
           (3, -7, 99999999.9999, 'a', 'no', NULL, '1999-12-31 23:59:59+00', NULL),
           (4, 1e300, NULL, 'b', 'yes', NULL, NULL, NULL);
         CREATE TABLE many AS SELECT g AS n, CASE WHEN g % 2 = 0 THEN 'a' ELSE 'b' END AS c, CASE WHEN g % 3 = 0 THEN 'yes' ELSE 'no' END AS y FROM generate_series(1, 100000) g;",
    );
    assert_rows(&server.project("SELECT n, c, y FROM cases ORDER BY id", "").rows());
    let decimals = server.project("SELECT d AS n, c, y FROM cases ORDER BY id", "").rows();
    let n: Vec<_> = decimals.column("n").unwrap().values().collect();
    assert_eq!(n[..3], [12.34.into(), (-0.0001).into(), 99_999_999.999_9.into()]);
    let moments = server.project("SELECT n, c, coalesce(day::text, at::text) AS day, CASE id WHEN 1 THEN 'yes' ELSE to_char(day, 'YYYY') END AS y, id FROM cases WHERE id < 3 ORDER BY id", "");
    assert_eq!(moments.rows().column("y").unwrap().value(1), "1999".into());
    let days = server.project("SELECT n, c, day AS y FROM cases WHERE day IS NOT NULL ORDER BY id", "");
    days.fails(
        "no row has the positive class \"yes\"; correct prediction_task.positive; classes: 1999-12-31, 2024-02-29",
    );
    let at = server.project("SELECT n, c, at AS y FROM cases WHERE at IS NOT NULL ORDER BY id", "");
    at.fails("classes: 1999-12-31T23:59:59Z, 2024-02-29T12:00:00.500000Z");

    // More rows than are fetched at once, and more than a batch.
    let many = server.project("SELECT * FROM many ORDER BY n", "").rows();
    assert_eq!((many.rows(), many.column("n").unwrap().value(99_999)), (100_000, 100_000.0.into()));

    server.project("SELECT n, c FROM cases", "").fails("source \"crm\": there is no column \"y\"; columns: n, c");
    server
        .project("SELECT c::text AS n, c, y FROM cases", "")
        .fails("source \"crm\": row 1: n: \"a\" where a number belongs");
    server
        .project("SELECT raw AS n, c, y FROM cases", "")
        .fails("row 1: n: values of type bytea are not read; cast the column");
    server.project("SELECT x FROM cases", "").fails("source \"crm\": PostgreSQL: column \"x\" does not exist");
    server.project("DELETE FROM cases RETURNING n, c, y", "").fails("read-only transaction");
    let slow = server.project("SELECT n, c, y, pg_sleep(60)::text FROM cases", "timeout_s = 1");
    let start = std::time::Instant::now();
    let error = slow.gather().unwrap_err().to_string();
    assert!(error.contains("statement timeout") || error.contains("did not answer within 1 s"), "{error}");
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = project(free, "SELECT 1", "").fails("source \"crm\": PostgreSQL cannot be reached");
    assert_eq!(error.kind(), ErrorKind::Network);
}
