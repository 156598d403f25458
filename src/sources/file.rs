//! The text files of a project, read from the disk.

use crate::canvas::{Canvas, parse_canvas};
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;

/// Reads and checks the canvas at `path`.
///
/// # Errors
/// `io` when the file cannot be read; otherwise those of [`parse_canvas`].
pub fn read_canvas(path: &Path) -> Result<Canvas> {
    let text = read_text(path, "start a project with `nearside init`, or name its folder with --project")?;
    parse_canvas(&text, &path.display().to_string())
}

/// Reads a text file whose absence is the reader's to repair.
pub(super) fn read_text(path: &Path, help: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        Error::new(ErrorKind::Io, message).place(path.display()).help(help)
    })
}
