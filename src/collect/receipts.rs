//! Which receipts were answered, so that an outcome counts once, however late it is sent again.
//!
//! A receipt is remembered for as long as its version is: counters are forgotten after the retention of the canvas, but
//! an answer to a version that is still known could still be counted. What is kept tells whether a receipt was
//! answered, and nothing that stands in it: the 6 bytes of the version, by which all of them are found and deleted,
//! and 10 of its SHA-256. With the name of the part that was answered this takes 30 to 40 bytes on the disk, and the
//! length of its name more for a business metric: a million labels are at most 40 MB.

use super::batch::db;
use crate::error::Result;
use rusqlite::{Connection, Transaction, params};
use sha2::{Digest, Sha256};

/// Bytes of the version in a key.
const VERSION: usize = 6;
const KEY: usize = 16;

/// Remembers that a part of a receipt was answered. Gives whether that is new.
pub fn answer(transaction: &Transaction<'_>, version: &str, receipt: &str, part: &str) -> Result<bool> {
    let sql = "INSERT OR IGNORE INTO receipts (receipt, part) VALUES (?1, ?2)";
    let key = key(version, receipt);
    let new = transaction.prepare_cached(sql).and_then(|mut insert| insert.execute(params![key, part])).map_err(db)?;
    Ok(new == 1)
}

/// Forgets all receipts of a version.
pub fn forget(transaction: &Transaction<'_>, version: &str) -> rusqlite::Result<()> {
    let (mut first, mut last) = ([0; KEY], [u8::MAX; KEY]);
    for key in [&mut first, &mut last] {
        key[..VERSION].copy_from_slice(&version_bytes(version));
    }
    transaction.execute("DELETE FROM receipts WHERE receipt BETWEEN ?1 AND ?2", params![first, last])?;
    Ok(())
}

/// Takes over the receipts of a file of schema 1, which kept their text.
pub fn take_over(connection: &Connection) -> rusqlite::Result<()> {
    let mut select = connection.prepare("SELECT receipt, part FROM outcomes")?;
    let mut insert = connection.prepare("INSERT OR IGNORE INTO receipts (receipt, part) VALUES (?1, ?2)")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let text = String::from_utf8_lossy(row.get_ref(0)?.as_blob().unwrap_or_default()).into_owned();
        if let Ok(receipt) = crate::telemetry::Receipt::parse(&text) {
            insert.execute(params![key(&receipt.version, &text), row.get::<_, String>(1)?])?;
        }
    }
    Ok(())
}

fn key(version: &str, receipt: &str) -> [u8; KEY] {
    let mut key = [0; KEY];
    key[..VERSION].copy_from_slice(&version_bytes(version));
    key[VERSION..].copy_from_slice(&Sha256::digest(receipt.as_bytes())[..KEY - VERSION]);
    key
}

/// The 12 hexadecimal digits of a version in 6 bytes. Receipts name no other kind of version.
fn version_bytes(version: &str) -> [u8; VERSION] {
    let [_, _, bytes @ ..] = u64::from_str_radix(version, 16).unwrap_or_default().to_be_bytes();
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::schema::migrate;
    use super::*;
    use crate::telemetry::Receipt;
    use std::path::Path;

    const VERSIONS: [&str; 2] = ["0a1b2c3d4e5f", "ffffffffffff"];

    fn receipt(version: &str, nonce: u64) -> String {
        Receipt { version: version.into(), score_bin: 9, action: Some(1), group: None, nonce }.text()
    }

    #[test]
    fn a_receipt_is_answered_once_until_its_version_is_forgotten() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        let transaction = connection.transaction().unwrap();
        let answered = |version: &str, part: &str| answer(&transaction, version, &receipt(version, 7), part).unwrap();
        for version in VERSIONS {
            assert!(answered(version, "label") && answered(version, "business:x"));
            assert!(!answered(version, "label") && !answered(version, "business:x"));
        }
        forget(&transaction, VERSIONS[1]).unwrap();
        assert!(!answered(VERSIONS[0], "label"));
        assert!(answered(VERSIONS[1], "label"));
    }

    #[test]
    fn a_receipt_is_as_small_as_it_is_said() {
        const MANY: u64 = 20_000;
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        let size = |connection: &Connection| -> i64 {
            let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            pragma("page_count") * pragma("page_size")
        };
        let before = size(&connection);
        let transaction = connection.transaction().unwrap();
        for nonce in 0..MANY {
            answer(&transaction, VERSIONS[0], &receipt(VERSIONS[0], nonce), "label").unwrap();
        }
        transaction.commit().unwrap();
        let each = (size(&connection) - before) as f64 / MANY as f64;
        assert!((25.0..40.0).contains(&each), "{each} bytes");
    }

    #[test]
    fn an_older_file_keeps_what_was_answered() {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate_to(&mut connection, Path::new("x"), 1).unwrap();
        let text = receipt(VERSIONS[0], 1);
        let sql = "INSERT INTO outcomes (receipt, part, at) VALUES (?1, 'label', 5)";
        connection.execute(sql, params![text.as_bytes()]).unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        let transaction = connection.transaction().unwrap();
        assert!(!answer(&transaction, VERSIONS[0], &text, "label").unwrap());
        assert!(answer(&transaction, VERSIONS[0], &text, "business:x").unwrap());
    }
}
