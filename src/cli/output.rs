//! What a person sees: tables, progress bars on a terminal, errors and exit codes.

use indicatif::{ProgressBar, ProgressStyle};
use nearside::{Error, ErrorKind, Result};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

/// 0 on success, 1 when a gate or a rule failed or something went wrong, 2 on wrong use.
pub fn exit(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("error[{}]: {error}", error.kind().code());
    match error.kind() {
        ErrorKind::Usage => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// A progress bar on a terminal, nothing anywhere else. It shows itself after a second.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `what`, over `total` steps where that is known.
    pub fn new(what: &str, total: Option<u64>) -> Self {
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::no_length(),
            false => ProgressBar::hidden(),
        };
        if let Some(total) = total {
            bar.set_length(total);
        }
        let template = if total.is_some() { "{msg} {wide_bar} {pos}/{len} {eta}" } else { "{spinner} {msg} {pos}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Says how far it is.
    pub fn set(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    /// Says what is done now.
    pub fn message(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints a value as one JSON document.
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    println!("{}", text.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?);
    Ok(())
}
