//! The text files of a project, read from the disk.

use crate::canvas::{Canvas, parse_canvas};
use crate::error::{Error, ErrorKind, Result};
use std::io::Write;
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
    std::fs::read_to_string(path).map_err(|error| not_found(&error).place(path.display()).help(help))
}

/// What is wrong with a file, in words.
pub(super) fn not_found(error: &std::io::Error) -> Error {
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    Error::new(ErrorKind::Io, message)
}

/// Writes a file so that a reader sees the old one or the new one, whole.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let write = || {
        let mut file = std::fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(|error| {
        // What is left of it is of no use; that it cannot be removed either changes nothing.
        let _ = std::fs::remove_file(&part);
        unwritable(error, path)
    })
}

/// The error for a file that cannot be written.
pub(super) fn unwritable(error: std::io::Error, path: &Path) -> Error {
    Error::from(error).place(path.display()).help("make sure that the folder can be written and has room")
}
