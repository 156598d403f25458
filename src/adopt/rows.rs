//! The rows as they stand in a CSV file: text, until it is known what the model takes.

use crate::canvas::nearest;
use crate::error::{Error, ErrorKind, Result};
use csv::{ReaderBuilder, Trim};

/// Rows with a header.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The file, as errors name it.
    pub place: String,
    /// The names of the columns.
    pub names: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
}

impl Rows {
    /// Reads the text of a CSV file. `place` is the file that errors name.
    ///
    /// # Errors
    /// `invalid-data` for what is not CSV, a name that comes twice, and a file without rows.
    pub fn read(bytes: &[u8], place: &str) -> Result<Self> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let wrong = |message: String, line: Option<u64>| {
            let place = line.map_or(place.to_owned(), |line| format!("{place}:{line}"));
            Error::new(ErrorKind::InvalidData, message).place(place)
        };
        let broken = |error: csv::Error| {
            let line = error.position().map(csv::Position::line);
            wrong(error.to_string(), line).help("save the rows as CSV in UTF-8, with a header and commas")
        };
        let mut reader = ReaderBuilder::new().trim(Trim::Headers).from_reader(bytes);
        let names: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        for (index, name) in names.iter().enumerate() {
            if name.is_empty() {
                let message = format!("column {} has no name", index + 1);
                return Err(wrong(message, Some(1)).help("give each column a name in the first line"));
            }
            if names[..index].contains(name) {
                let error = wrong("the column comes twice".into(), Some(1)).item(name);
                return Err(error.help("give each column its own name"));
            }
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((line, record.iter().map(str::to_owned).collect()));
        }
        if rows.is_empty() {
            let error = wrong("there are no rows".into(), None);
            return Err(error.help("give a header and some hundred rows of what the model is fed"));
        }
        Ok(Self { place: place.to_owned(), names, rows })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none, which is never so.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The place of a column.
    ///
    /// # Errors
    /// `invalid-data` that names the nearest column, and all of them.
    pub fn column(&self, name: &str) -> Result<usize> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let meant = nearest(name, self.names.iter().map(String::as_str));
            let meant = meant.map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default();
            Error::new(ErrorKind::InvalidData, format!("there is no column \"{name}\""))
                .place(format!("{}:1", self.place))
                .help(format!("{meant}columns: {}", self.names.join(", ")))
        })
    }

    /// The cells of a column.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |(_, cells)| cells.get(column).map_or("", String::as_str))
    }

    /// The cells of a row.
    pub fn cells_of(&self, row: usize) -> impl Iterator<Item = &str> {
        self.rows.get(row).into_iter().flat_map(|(_, cells)| cells.iter().map(String::as_str))
    }

    /// The file and line of a row.
    pub fn line(&self, row: usize) -> String {
        format!("{}:{}", self.place, self.rows.get(row).map_or(0, |(line, _)| *line))
    }
}
