//! One command at a time works on a project: each holds a lock on a file from its start to its end. The system releases
//! it when the process ends, however it ends.

use nearside::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// The name of the file in `.nearside`. It stays there: only a lock on it means something.
const LOCK: &str = "lock";

/// The right to change what a project's commands leave for each other, until it is dropped.
pub struct Turn {
    _file: File,
}

impl Turn {
    /// Takes the turn of `command` in the folder `.nearside`, which is made where it does not exist.
    ///
    /// # Errors
    /// `io` when another command has the turn, naming that command and its process, and when the folder cannot be
    /// written.
    pub fn take(folder: &Path, command: &str) -> Result<Self> {
        let path = folder.join(LOCK);
        let failed = |error: std::io::Error| {
            Error::from(error).place(path.display()).help("make sure that the project's folder can be written")
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Not every system lets a locked file be read, and the holder may not have written its name yet.
                let holder = match file.read_to_string(&mut holder) {
                    Ok(_) if !holder.trim().is_empty() => holder.trim(),
                    _ => "another command of nearside",
                };
                let message = format!("{holder} is working on this project");
                let error = Error::new(ErrorKind::Io, message).place(path.display());
                return Err(error.help(format!("wait for it to end, or stop it; then run `nearside {command}` again")));
            }
        }
        // The words help others; the lock holds without them.
        let words = format!("`nearside {command}` (process {})\n", std::process::id());
        let _ = file.set_len(0).and_then(|()| file.write_all(words.as_bytes()));
        Ok(Self { _file: file })
    }
}
