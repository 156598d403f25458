//! JSON: one object per line, or a list of objects somewhere in a document. Either is read as it comes.

use super::batch::{Batches, Cell};
use crate::error::{Error, ErrorKind, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::io::{BufRead, BufReader, Read};

/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 64 << 20;

/// Reads one JSON object per line; empty lines are passed over.
pub(super) fn read_lines(input: impl Read, rows: &mut Batches<'_>) -> Result<()> {
    let place = rows.place.clone();
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut line: Vec<u8> = Vec::new();
    let mut number = 0_u64;
    while rows.room() > 0 {
        line.clear();
        number += 1;
        let at = || format!("{place}:{number}");
        let read = Read::take(&mut input, LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| Error::from(error).place(at()))? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST_LINE {
            let error = Error::new(ErrorKind::InvalidData, "the line is longer than 64 MB").place(at());
            return Err(error.help("write one JSON object per line"));
        }
        let text = if number == 1 { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line) } else { &line };
        if text.trim_ascii().is_empty() {
            continue;
        }
        let object: Map<String, Value> = serde_json::from_slice(text).map_err(|error| {
            let what = if error.is_data() { "the line is not a JSON object" } else { "the line is not JSON" };
            let message = format!("{what}: {}", without_line(&error));
            Error::new(ErrorKind::InvalidData, message)
                .place(at())
                .row(rows.row())
                .help("write one JSON object per line")
        })?;
        rows.object(|name| cell(&object, name)).map_err(|error| error.place(at()))?;
        rows.end_row()?;
    }
    Ok(())
}

/// Reads the list of objects at `path` (keys and places with dots between them; empty: the document itself).
pub(super) fn read_document(input: impl Read, path: &str, rows: &mut Batches<'_>) -> Result<()> {
    let place = rows.place.clone();
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    let mut failed = None;
    let mut found = false;
    let walk = Walk { steps: &steps, rows, failed: &mut failed, found: &mut found };
    let input = BufReader::with_capacity(1 << 16, input);
    let read = walk.deserialize(&mut serde_json::Deserializer::from_reader(input));
    if let Some(error) = failed {
        return Err(error.place(&place));
    }
    let what = if path.is_empty() { "the document".to_owned() } else { format!("\"{path}\"") };
    if let Err(error) = read {
        let help = "set records to the list of objects, for example \"data.items\"";
        let message = format!("{what} cannot be read as a list of JSON objects: {error}");
        return Err(Error::new(ErrorKind::InvalidData, message).place(&place).help(help));
    }
    if !found {
        let error = Error::new(ErrorKind::InvalidData, format!("the document has no {what}")).place(&place);
        return Err(error.help("set records to the list of objects, for example \"data.items\""));
    }
    Ok(())
}

/// What serde_json says, without its own line number: it counts within one line.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The value of a key, or of a path of keys with dots between them.
fn cell<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<Cell<'a>>> {
    let value = object.get(name).or_else(|| {
        let mut steps = name.split('.');
        let first = object.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step)).filter(|_| name.contains('.'))
    });
    Ok(Some(match value {
        None => return Ok(None),
        Some(Value::Null) => Cell::Missing,
        Some(Value::Bool(flag)) => Cell::Flag(*flag),
        Some(Value::String(text)) => Cell::Text(text),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(number) => Cell::Integer(number),
            None => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Some(Value::Array(_) | Value::Object(_)) => {
            let error = Error::new(ErrorKind::InvalidData, "a list or an object where a single value belongs");
            return Err(error.help("name a value inside of it, with dots: source = \"outer.inner\""));
        }
    }))
}

/// Walks down a path in a document, and then reads the list there.
struct Walk<'w, 'r, 'b> {
    steps: &'w [&'w str],
    rows: &'r mut Batches<'b>,
    failed: &'w mut Option<Error>,
    found: &'w mut bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps.first() {
            Some(step) => write!(f, "an object with \"{step}\""),
            None => f.write_str("a list of objects"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else {
            return Err(serde::de::Error::custom("it is a single object"));
        };
        while let Some(key) = map.next_key::<String>()? {
            if key == *first {
                let (failed, found) = (&mut *self.failed, &mut *self.found);
                map.next_value_seed(Walk { steps: rest, rows: &mut *self.rows, failed, found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some((first, rest)) = self.steps.split_first() {
            let wanted: usize = first.parse().map_err(|_| serde::de::Error::custom("it is a list, not an object"))?;
            for _ in 0..wanted {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
            }
            let (failed, found) = (&mut *self.failed, &mut *self.found);
            list.next_element_seed(Walk { steps: rest, rows: &mut *self.rows, failed, found })?;
        } else {
            *self.found = true;
            while self.rows.room() > 0 {
                let Some(object) = list.next_element::<Map<String, Value>>()? else { break };
                let taken = self.rows.object(|name| cell(&object, name)).and_then(|()| self.rows.end_row());
                if let Err(error) = taken {
                    *self.failed = Some(error);
                    return Err(serde::de::Error::custom("the row was refused"));
                }
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::super::schema::{ColumnKind, Needed};
    use super::*;

    fn read(read: impl FnOnce(&mut Batches<'_>) -> Result<()>) -> Result<Table> {
        let column = |name, kind| Needed { name, kind, feature: None };
        let wanted = [column("n", ColumnKind::Number), column("who.name", ColumnKind::Text)];
        let mut table = None;
        let mut emit = |batch| {
            table = Some(batch);
            Ok(())
        };
        let mut progress = |_, _| {};
        let mut rows = Batches::new("x", &wanted, false, None, &mut emit, &mut progress);
        read(&mut rows)?;
        rows.finish()?;
        Ok(table.unwrap())
    }

    fn lines(text: &str) -> Result<Table> {
        read(|rows| read_lines(text.as_bytes(), rows))
    }

    #[test]
    fn lines_become_rows() {
        let table = lines("{\"n\": 1.5, \"who\": {\"name\": \"a\"}}\n\n{\"who.name\": null, \"n\": null}\n").unwrap();
        assert_eq!(table.columns[0].values().collect::<Vec<_>>(), [1.5.into(), crate::features::Value::Missing]);
        assert_eq!(table.columns[1].value(0), "a".into());
    }

    #[test]
    fn errors_name_line_and_key() {
        let cases = [
            ("{\"n\": 1}\n{\"n\": \"x\"}", "x:2: row 2: n: \"x\" where a number belongs"),
            ("{\"n\": 1}\n\n[1]", "x:3: row 2: the line is not a JSON object"),
            ("{\"n\": 1", "x:1: row 1: the line is not JSON: EOF"),
            ("{\"n\": [1]}", "x:1: row 1: n: a list or an object where a single value belongs"),
            ("{\"n\": 1}", "x: there is no column \"who.name\"; columns: n"),
        ];
        for (text, wanted) in cases {
            let error = lines(text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn a_list_is_found_in_a_document() {
        let text =
            r#"{"meta": [1, {"a": 2}], "data": {"items": [{"n": 1, "who": {"name": "a"}}, {"n": 2}]}, "more": 3}"#;
        let table = read(|rows| read_document(text.as_bytes(), "data.items", rows)).unwrap();
        assert_eq!(table.rows(), 2);
        let failed = |path| read(|rows| read_document(text.as_bytes(), path, rows)).unwrap_err().to_string();
        assert!(failed("data.rows").starts_with("x: the document has no \"data.rows\""), "{}", failed("data.rows"));
        assert!(failed("data").contains("it is a single object"), "{}", failed("data"));
        assert!(failed("").starts_with("x: the document cannot be read as a list"), "{}", failed(""));
    }
}
