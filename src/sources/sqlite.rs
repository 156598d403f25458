//! SQLite files: the rows of a query, read and never written.

use super::batch::{Batches, Cell};
use crate::error::{Error, ErrorKind, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a lock of another program is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the rows of a query.
pub(super) fn read(path: &Path, query: &str, rows: &mut Batches<'_>) -> Result<()> {
    let place = rows.place.clone();
    let wrong = |error: rusqlite::Error| {
        let error = Error::new(ErrorKind::InvalidData, format!("SQLite: {error}")).place(&place);
        error.help("correct `location` or `query` of the source")
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(wrong)?;
    connection.busy_timeout(PATIENCE).map_err(wrong)?;
    let mut statement = connection.prepare(query).map_err(wrong)?;
    if !statement.readonly() {
        let error = Error::new(ErrorKind::InvalidData, "the query writes to the file").place(&place);
        return Err(error.help("write a SELECT"));
    }
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let places = rows.header(names.iter().map(String::as_str), &place)?;
    let mut found = statement.query([]).map_err(wrong)?;
    while rows.room() > 0 {
        let Some(row) = found.next().map_err(wrong)? else { break };
        for (column, &at) in places.iter().enumerate() {
            let name = rows.wanted[column].name;
            let bad = |message: &str, rows: &Batches<'_>| {
                let error = Error::new(ErrorKind::InvalidData, message).place(&place).item(name).row(rows.row());
                Err(error.help("cast the column in the query, for example CAST(x AS TEXT)"))
            };
            let cell = match row.get_ref(at).map_err(wrong)? {
                ValueRef::Null => Cell::Missing,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Real(number) => Cell::Number(number),
                ValueRef::Text(text) => match std::str::from_utf8(text) {
                    Ok(text) => Cell::Text(text),
                    Err(_) => return bad("the text is not UTF-8", rows),
                },
                ValueRef::Blob(_) => return bad("a blob where a single value belongs", rows),
            };
            rows.push(column, cell).map_err(|error| error.place(&place))?;
        }
        rows.end_row()?;
    }
    Ok(())
}
