//! What a person sees: lines, progress bars on a terminal, errors and exit codes.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nearside::{Error, ErrorKind, Result};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long something takes before a progress bar shows itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// 0 on success, 1 when a gate or a rule failed or something went wrong, 2 on wrong use.
pub fn exit(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    note(format_args!("error[{}]: {error}", error.kind().code()));
    match error.kind() {
        ErrorKind::Usage => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Prints a line on standard output. When whoever reads it has gone, as `head` has after its lines, nothing more is
/// printed: the command does its work all the same, and its exit code says how that went.
///
/// # Errors
/// `io` when the line cannot be written for another reason, such as a full disk.
pub fn line(text: impl Display) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::from(error).place("standard output")),
        _ => Ok(()),
    }
}

/// Prints a line on standard error. That nobody can read it changes nothing.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a value as one JSON document.
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    line(text.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?)
}

/// A progress bar on a terminal, nothing anywhere else. It shows itself after a second.
pub struct Progress {
    bar: ProgressBar,
    /// Waits to show the bar; ends when the sender is dropped.
    waiting: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// A bar for `what`, over `total` steps where that is known.
    pub fn new(what: &str, total: Option<u64>) -> Self {
        match io::stderr().is_terminal() {
            true => Self::shown_after(PATIENCE, ProgressDrawTarget::stderr(), what, total),
            false => Self { bar: ProgressBar::hidden(), waiting: None },
        }
    }

    fn shown_after(patience: Duration, target: ProgressDrawTarget, what: &str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() { "{msg} {wide_bar} {pos}/{len} {eta}" } else { "{spinner} {msg} {pos}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        let (sender, ended) = mpsc::channel();
        let later = bar.clone();
        // What is waited for may itself say nothing for a long time: a thread of its own shows the bar.
        let thread = thread::spawn(move || {
            if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(patience) {
                later.set_draw_target(target);
                later.enable_steady_tick(Duration::from_millis(200));
            }
        });
        Self { bar, waiting: Some((sender, thread)) }
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

    /// Prints a line on standard output; the bar makes room for it.
    pub fn line(&self, text: impl Display) -> Result<()> {
        self.bar.suspend(|| line(text))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.waiting.take() {
            drop(sender);
            // A thread that panicked has shown no bar, and there is nothing else to do about it.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    /// A terminal that remembers what was written to it.
    #[derive(Debug, Clone, Default)]
    struct Terminal {
        written: Arc<Mutex<String>>,
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.written.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn progress(patience: Duration) -> (Terminal, Progress) {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        (terminal, Progress::shown_after(patience, target, "working", Some(10)))
    }

    #[test]
    fn what_ends_soon_shows_no_bar() {
        let (terminal, progress) = progress(Duration::from_secs(600));
        (0..10).for_each(|step| progress.set(step, None));
        progress.message("still working");
        let start = Instant::now();
        drop(progress);
        assert!(start.elapsed() < Duration::from_secs(60), "nobody waits for the bar");
        assert_eq!(*terminal.written.lock().unwrap(), "");
    }

    #[test]
    fn what_takes_long_shows_its_bar_without_being_asked() {
        let (terminal, progress) = progress(Duration::from_millis(1));
        progress.set(3, None);
        let start = Instant::now();
        while !terminal.written.lock().unwrap().contains("working") {
            assert!(start.elapsed() < Duration::from_secs(60), "the bar never came");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(terminal.written.lock().unwrap().contains("3/10"));
    }
}
