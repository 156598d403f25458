//! From the text of `canvas.toml`, or of any other TOML file of a project, to its types: every fault with its file, line
//! and key.

use super::check::check;
use super::finding::Finding;
use super::tree::{self, is_within};
use super::{Canvas, de};
use crate::error::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

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
/// `invalid-canvas` with every finding, sorted by line. Each one names the file and line, the key, and the accepted
/// names or the nearest one.
pub fn parse_canvas(text: &str, place: &str) -> Result<Canvas> {
    read_checked(text, place, check)
}

/// The canvas as canonical JSON: every key in the order of the types, defaults written out. Two files that state the
/// same give the same text, whatever their layout and comments; its hash is the digest of the canvas.
pub fn to_json(canvas: &Canvas) -> String {
    // A canvas holds strings, finite numbers and lists of them: nothing that JSON cannot write.
    serde_json::to_string(canvas).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about a canvas whose rollout, in line 6, is this.
    fn said_of_rollout(rollout: &str) -> String {
        let text = format!(
            "name = \"a\"\n[prediction_task]\nkind = \"classification\"\ntarget = \"y\"\n[building_models]\nrollout = {rollout}\n"
        );
        parse_canvas(&text, "canvas.toml").map_or_else(|error| error.to_string(), |_| "sound".to_owned())
    }

    #[test]
    fn a_rollout_is_full_and_nothing_else() {
        assert_eq!([said_of_rollout("[{ mode = \"full\" }]"), said_of_rollout("[]")], ["sound", "sound"]);
        let cases = [
            (r#"[{ mode = "shadow" }]"#, "rollout[0].mode: unknown value \"shadow\"; accepted: full"),
            (r#"[{ mode = "canary", share = 0.1 }]"#, "rollout[0].mode: unknown value \"canary\"; accepted: full"),
            (r#"[{ mode = "full", share = 0.1 }]"#, "rollout[0].share: unknown key \"share\"; accepted: mode"),
            (r#"[{ mode = "full" }, { mode = "full" }]"#, "accepted: rollout = [{ mode = \"full\" }]"),
        ];
        for (rollout, wanted) in cases {
            let text = said_of_rollout(rollout);
            assert!(text.starts_with("canvas.toml:6: ") || text.contains("canvas.toml:6: "), "{text}");
            assert!(text.contains(wanted), "{text}\n{wanted}");
        }
    }

    /// What is said about a canvas with one good feature and this one, which starts in line 9.
    fn said_of_feature(feature: &str) -> String {
        let text = format!(
            "name = \"a\"\n[prediction_task]\nkind = \"classification\"\ntarget = \"y\"\n[[features]]\nname = \"x\"\n\
             type = \"number\"\n[[features]]\n{feature}"
        );
        parse_canvas(&text, "canvas.toml").map_or_else(|error| error.to_string(), |_| "sound".to_owned())
    }

    #[test]
    fn an_input_cannot_be_called_as_an_output_is() {
        for name in crate::canvas::MODEL_OUTPUTS {
            let text = said_of_feature(&format!("name = \"{name}\"\ntype = \"number\"\n"));
            let wanted =
                format!("canvas.toml:9: features[1].name: \"{name}\" is what an output of the model is called");
            assert!(text.starts_with(&wanted) && text.ends_with(&format!("source = \"{name}\"")), "{text}");
        }
        let group = "name = \"label\"\ntype = \"category\"\nvalues = [\"a\", \"b\"]\nsensitive = true\n";
        assert_eq!(said_of_feature(group), "sound", "a sensitive feature is no input");
        assert_eq!(said_of_feature("name = \"score\"\nsource = \"margin\"\ntype = \"number\"\n"), "sound");
        assert!(
            said_of_feature("name = \"a\\u0000b\"\ntype = \"number\"\n")
                .contains("canvas.toml:9: features[1].name: the name")
        );
    }

    #[test]
    fn bins_cannot_be_monotonic() {
        let text = said_of_feature(
            "name = \"z\"\ntype = \"number\"\ntransform = [\"bins\"]\nbins = 4\nmonotonic = \"increasing\"\n",
        );
        assert!(
            text.starts_with("canvas.toml:13: features[1].monotonic: a feature in bins cannot be held monotonic"),
            "{text}"
        );
    }
}
