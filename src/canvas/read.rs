//! Reading `canvas.toml`, and any other TOML file of a project: every fault with its file, line and key.

use super::check::check;
use super::finding::Finding;
use super::tree::{self, is_within};
use super::{Canvas, de};
use crate::error::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads and checks the canvas at `path`.
///
/// # Errors
/// `io` when the file cannot be read; `invalid-canvas` with every finding, sorted by line, otherwise. Each one names
/// the file and line, the key, and the accepted names or the nearest one.
pub fn read_canvas(path: &Path) -> Result<Canvas> {
    let text = read_text(path, "start a project with `nearside init`, or name its folder with --project")?;
    parse_canvas(&text, &path.display().to_string())
}

/// Reads and checks a canvas from its text; `place` is the file name that errors show.
///
/// ```
/// # #[cfg(feature = "cli")] {
/// let text = "name = \"a\"\n[prediction_task]\nkind = \"classification\"\ntarget = \"y\"\n[decision]\n";
/// let error = nearside::canvas::parse_canvas(text, "canvas.toml").unwrap_err();
/// assert!(error.to_string().starts_with("canvas.toml:5: decision: unknown key \"decision\"; did you mean \"decisions\"?"));
/// # }
/// ```
///
/// # Errors
/// As [`read_canvas`].
pub fn parse_canvas(text: &str, place: &str) -> Result<Canvas> {
    read_checked(text, place, check)
}

/// The canvas as canonical JSON: every key in the order of the types, defaults written out. Two files that state the
/// same give the same text, whatever their layout and comments; its hash is the digest of the canvas.
pub fn to_json(canvas: &Canvas) -> String {
    // A canvas holds strings, finite numbers and lists of them: nothing that JSON cannot write.
    serde_json::to_string(canvas).unwrap_or_default()
}

/// Reads a text file whose absence is the reader's to repair.
pub(crate) fn read_text(path: &Path, help: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        Error::new(ErrorKind::Io, message).place(path.display()).help(help)
    })
}

/// Reads a `T` from TOML and checks it with `check`; all findings become one error.
pub(crate) fn read_checked<T: DeserializeOwned>(
    text: &str,
    place: &str,
    check: impl FnOnce(&T) -> Vec<Finding>,
) -> Result<T> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = tree::parse(text).map_err(|error| {
        Error::new(ErrorKind::InvalidCanvas, format!("not valid TOML: {}", error.message))
            .place(format!("{place}:{}", error.line))
            .help("correct the syntax; see https://toml.io")
    })?;
    let (value, faults) = de::read::<T>(&tree);
    let mut findings: Vec<Finding> = faults
        .iter()
        .map(|fault| {
            let (message, help) = fault.words();
            Finding::new(fault.key_path(), message, help)
        })
        .collect();
    // A table with a mistyped key states something else than what was meant: what follows from that is not reported.
    let spoiled: Vec<&str> = findings.iter().map(|finding| parent(&finding.path)).collect();
    if let Some(value) = &value
        && faults.iter().all(de::Fault::is_unknown_key)
        && !spoiled.contains(&"")
    {
        let mut more = check(value);
        more.retain(|finding| !spoiled.iter().any(|table| is_within(&finding.path, table)));
        findings.extend(more);
    }
    for finding in &mut findings {
        finding.line = Some(tree.line_of(&finding.path));
    }
    findings.sort_by_key(|finding| finding.line);
    match value {
        Some(value) if findings.is_empty() => Ok(value),
        _ => Err(error_of(&findings, place)),
    }
}

/// All findings as one error: a single one with its own place and key, several as a list of lines.
fn error_of(findings: &[Finding], place: &str) -> Error {
    let at = |finding: &Finding| match finding.line {
        Some(line) => format!("{place}:{line}"),
        None => place.to_owned(),
    };
    match findings {
        [] => Error::new(ErrorKind::InvalidCanvas, "nothing could be read from it").place(place),
        [finding] => Error::new(ErrorKind::InvalidCanvas, &finding.message)
            .place(at(finding))
            .item(&finding.path)
            .help(&finding.help),
        findings => {
            let lines: Vec<String> = findings
                .iter()
                .map(|finding| format!("  {}: {}: {}; {}", at(finding), finding.path, finding.message, finding.help))
                .collect();
            let message = format!("{} things are wrong\n{}", findings.len(), lines.join("\n"));
            Error::new(ErrorKind::InvalidCanvas, message).place(place)
        }
    }
}

/// The key path of the table or list that holds the value at `path`.
fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}
