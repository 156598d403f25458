//! The tables of the collector's file, and how an older file becomes one of this version.

use super::receipts;
use crate::error::{Error, ErrorKind, Result};
use rusqlite::Connection;
use std::path::Path;

/// "NSDB": tells the collector's files from other SQLite files.
const APPLICATION: i32 = 0x4E53_4442;

/// One version of the schema from the one before.
struct Step {
    sql: &'static str,
    /// What SQL cannot do, after it.
    then: fn(&Connection) -> rusqlite::Result<()>,
}

/// One step per version of the schema, in order. A step that was released is never changed.
const STEPS: [Step; 2] = [
    Step { sql: FIRST, then: |_| Ok(()) },
    Step {
        sql: SECOND,
        then: |connection| {
            receipts::take_over(connection)?;
            connection.execute_batch("DROP TABLE outcomes")
        },
    },
];

const FIRST: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    -- What the counters of a version mean, kept so that they stay readable when the bundle is gone.
    CREATE TABLE versions (
        model TEXT NOT NULL, version TEXT NOT NULL, since INTEGER NOT NULL,
        manifest TEXT NOT NULL, baseline TEXT, canvas TEXT,
        predictions INTEGER NOT NULL DEFAULT 0, labels INTEGER NOT NULL DEFAULT 0, last_seen INTEGER,
        PRIMARY KEY (model, version)
    ) WITHOUT ROWID;

    -- For each page session: the highest sequence number taken, and which of the 64 up to it were taken.
    CREATE TABLE sessions (
        session INTEGER NOT NULL, model TEXT NOT NULL,
        last INTEGER NOT NULL, taken INTEGER NOT NULL, seen INTEGER NOT NULL,
        PRIMARY KEY (session, model)
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_age ON sessions (seen);

    -- Merged counters by minute (step 60000) and, for what is older than a day, by hour (step 3600000).
    CREATE TABLE rollups (
        model TEXT NOT NULL, version TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL,
        profile BLOB NOT NULL,
        UNIQUE (model, version, step, at)
    );
    CREATE INDEX rollups_by_age ON rollups (step, at);

    -- Which part (label, or a business metric) of which receipt was answered.
    CREATE TABLE outcomes (
        receipt BLOB NOT NULL, part TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (receipt, part)
    ) WITHOUT ROWID;
    CREATE INDEX outcomes_by_age ON outcomes (at);

    CREATE TABLE alerts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, at INTEGER NOT NULL,
        firing INTEGER NOT NULL, acted INTEGER, body TEXT NOT NULL
    );
    CREATE INDEX alerts_by_model ON alerts (model, id);
";

const SECOND: &str = "
    -- Which part (label, or a business metric) of which receipt was answered, in place of `outcomes`.
    CREATE TABLE receipts (
        receipt BLOB NOT NULL, part TEXT NOT NULL,
        PRIMARY KEY (receipt, part)
    ) WITHOUT ROWID;

    -- Counters that could not be read, as they were found, for somebody to look at.
    CREATE TABLE damaged (
        model TEXT NOT NULL, version TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL,
        profile BLOB, reason TEXT NOT NULL
    );
";

/// Brings the file to this version's schema. Fails with `io` for a file of a newer version, or of another program.
pub fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    migrate_to(connection, path, STEPS.len())
}

/// The same, up to a version: for tests of what comes after it.
pub(super) fn migrate_to(connection: &mut Connection, path: &Path, version: usize) -> Result<()> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, found) = (
        pragma("application_id").map_err(|error| sql(path, &error))?,
        pragma("user_version").map_err(|error| sql(path, &error))?,
    );
    let refuse = |message: String, help: &str| Err(Error::new(ErrorKind::Io, message).place(path.display()).help(help));
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| sql(path, &error))?;
    if application != APPLICATION && (application != 0 || found != 0 || tables != 0) {
        return refuse("this is not a file of the collector".into(), "choose another folder with `--data`");
    }
    let known = STEPS.len() as i32;
    if found > known {
        let message = format!("the file has schema {found}, this version of nearside reads up to {known}");
        return refuse(message, "use the newer nearside that wrote it, or another folder with `--data`");
    }
    for (index, step) in STEPS.iter().enumerate().take(version).skip(found.max(0) as usize) {
        let migrate = || -> rusqlite::Result<()> {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(step.sql)?;
            (step.then)(&transaction)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", index as i32 + 1)?;
            transaction.commit()
        };
        migrate().map_err(|error| sql(path, &error))?;
    }
    Ok(())
}

/// An SQLite error as one of the kit's.
pub fn sql(path: &Path, error: &rusqlite::Error) -> Error {
    let help = "see that the disk has space and that the file is whole; a collector takes up where it stopped";
    Error::new(ErrorKind::Io, format!("the collector's file: {error}")).place(path.display()).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_gets_the_schema_and_opening_it_again_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut connection, Path::new("x")).unwrap();
            let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(version, STEPS.len() as i32);
        }
    }

    #[test]
    fn newer_and_foreign_files_are_refused() {
        let mut newer = Connection::open_in_memory().unwrap();
        migrate(&mut newer, Path::new("x")).unwrap();
        newer.pragma_update(None, "user_version", STEPS.len() as i32 + 1).unwrap();
        let error = migrate(&mut newer, Path::new("collector.db")).unwrap_err();
        assert!(error.to_string().contains("newer nearside"), "{error}");

        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE photos (id INTEGER)").unwrap();
        let error = migrate(&mut foreign, Path::new("photos.db")).unwrap_err();
        assert!(error.to_string().contains("not a file of the collector"), "{error}");
    }
}
