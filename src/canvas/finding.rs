//! One thing that is wrong with a canvas or a recipe.

use serde::Serialize;

/// One thing that is wrong with a file: at which key, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The key path, for example `offline_evaluation.gates[1].metric`.
    pub path: String,
    /// The line of that key, or of the nearest one around it, where the file is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Finding {
    /// A finding at a key path, with no line yet.
    pub fn new(path: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, message: message.into(), help: help.into() }
    }
}
