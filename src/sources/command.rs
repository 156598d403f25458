//! Programs: what one prints is read while it runs, and it never outlives its time.

use crate::error::{Error, ErrorKind, Result};
use std::io::{ErrorKind as IoKind, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much of the end of what a program says on its standard error is shown, in bytes.
const TAIL: usize = 2_000;

/// Runs a program to its end in the folder of a project. What it prints is dropped; the end of what it says on its
/// standard error is in the error when it fails.
///
/// # Errors
/// `io` for a program that is not there; `invalid-data` for one that fails, or runs for longer than `limit`: it is killed,
/// with all that it started.
pub fn run_program(command: &[String], folder: &Path, environment: &[(&str, &Path)], limit: Duration) -> Result<()> {
    let mut program = Program::start(command, folder, environment, limit)?;
    let mut output = program.output()?;
    let read = std::io::copy(&mut output, &mut std::io::sink());
    program.end(read.map(drop).map_err(Error::from), false)
}

/// A program that runs in a process group of its own.
pub(super) struct Program {
    child: Child,
    errors: Option<JoinHandle<Vec<u8>>>,
    /// Dropped when the program has ended, which ends the watch.
    ended: Option<Sender<()>>,
    watch: Option<JoinHandle<()>>,
    late: Arc<AtomicBool>,
    limit: Duration,
    name: String,
}

impl Program {
    /// Starts a program in the folder of the project. It is killed, with all that it started, after `limit`.
    pub(super) fn start(
        command: &[String],
        folder: &Path,
        environment: &[(&str, &Path)],
        limit: Duration,
    ) -> Result<Self> {
        let (name, arguments) = command.split_first().ok_or_else(|| {
            Error::new(ErrorKind::InvalidCanvas, "there is no command")
                .help("add command = [\"program\", \"argument\"]")
        })?;
        let mut command = Command::new(name);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| {
            let message = match error.kind() {
                IoKind::NotFound => format!("there is no program \"{name}\""),
                _ => format!("\"{name}\" cannot be started: {error}"),
            };
            Error::new(ErrorKind::Io, message).help("correct `command`; it runs in the project's folder")
        })?;
        let errors = child.stderr.take().map(|output| std::thread::spawn(move || tail(output)));
        let (ended, end) = channel();
        let late = Arc::new(AtomicBool::new(false));
        let (flag, id) = (late.clone(), child.id());
        let watch = std::thread::spawn(move || watch(id, &end, limit, &flag));
        let name = name.clone();
        Ok(Self { child, errors, ended: Some(ended), watch: Some(watch), late, limit, name })
    }

    /// What the program prints.
    pub(super) fn output(&mut self) -> Result<impl Read + use<>> {
        self.child.stdout.take().ok_or_else(|| Error::new(ErrorKind::Internal, "the output is read twice"))
    }

    /// Stops the program, whether or not it is done.
    pub(super) fn stop(&mut self) {
        kill(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the end, after `read` took the output. What the program did wrong is told before what is wrong with
    /// its output.
    pub(super) fn end(mut self, read: Result<()>, enough: bool) -> Result<()> {
        if read.is_err() || enough {
            // A reader that gave up leaves a program that would wait for it. What is already over is not hurt.
            std::thread::sleep(Duration::from_millis(50));
            if self.child.try_wait()?.is_none() {
                self.stop();
                let late = self.late.load(Ordering::SeqCst);
                self.finish();
                return if late { Err(self.too_late()) } else { read };
            }
        }
        let status = self.child.wait()?;
        let said = self.finish();
        if self.late.load(Ordering::SeqCst) {
            return Err(self.too_late());
        }
        if !status.success() && !enough {
            let how = status.code().map_or("was killed".to_owned(), |code| format!("ended with {code}"));
            let words = if said.is_empty() { String::new() } else { format!("; it said: {said}") };
            return Err(Error::new(ErrorKind::InvalidData, format!("\"{}\" {how}{words}", self.name))
                .help("run the command by hand in the project's folder"));
        }
        read
    }

    fn too_late(&self) -> Error {
        let message = format!("\"{}\" ran for longer than {} s and was stopped", self.name, self.limit.as_secs_f64());
        Error::new(ErrorKind::InvalidData, message).help("make it faster, or raise its timeout_s")
    }

    /// Ends the watch; gives the end of what was said on the standard error.
    fn finish(&mut self) -> String {
        self.ended = None;
        let _ = self.watch.take().map(JoinHandle::join);
        let Some(errors) = self.errors.take() else { return String::new() };
        let done = |pauses: usize| {
            (0..pauses).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                errors.is_finished()
            })
        };
        if !errors.is_finished() && !done(20) {
            // Something that the program started still holds the other end.
            kill(self.child.id());
            done(100);
        }
        let said = if errors.is_finished() { errors.join().unwrap_or_default() } else { Vec::new() };
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

/// A program whose reader is gone is not left running.
impl Drop for Program {
    fn drop(&mut self) {
        if self.ended.is_some() {
            self.stop();
            self.finish();
        }
    }
}

/// Kills the group when its time is up.
fn watch(id: u32, end: &Receiver<()>, limit: Duration, late: &AtomicBool) {
    if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
        late.store(true, Ordering::SeqCst);
        kill(id);
    }
}

/// Kills every process of the group.
#[cfg(unix)]
fn kill(id: u32) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    // A group that is gone needs no killing.
    let _ = id.map(|id| rustix::process::kill_process_group(id, rustix::process::Signal::KILL));
}

/// Only the program itself can be killed, by its handle.
#[cfg(not(unix))]
fn kill(_: u32) {}

/// The end of what comes from a reader.
fn tail(mut output: impl Read) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(count @ 1..) = output.read(&mut piece) {
        kept.extend(&piece[..count]);
        let over = kept.len().saturating_sub(TAIL);
        kept.drain(..over);
    }
    kept
}
