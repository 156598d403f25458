//! The store: one SQLite file, one thread that writes it, and a few connections that read it.
//!
//! Everything that is to be written goes through a bounded channel to the writer, which commits what has gathered in
//! one transaction and answers only then. The file is in WAL mode with `synchronous = FULL`: each commit is flushed to
//! the disk before it returns, so that what was acknowledged is there after `kill -9` and after a power loss. (With
//! `NORMAL` the log is flushed at checkpoints only, and a power loss can take acknowledged commits with it.)
//!
//! A write that fails, fails alone: the others of its transaction are kept.

use super::batch::{Batch, Done, Write};
use super::schema::{migrate, sql};
use crate::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How long the writer gathers after the first write of a batch.
const BATCH_WINDOW: Duration = Duration::from_millis(10);
/// The most writes in a batch.
const BATCH_SIZE: usize = 1_024;
/// The most writes that wait. Beyond that the collector says that it is busy.
const QUEUE: usize = 8_192;
const FILE: &str = "collector.db";
const LOCK: &str = "collector.lock";

type Task = (Write, oneshot::Sender<Result<Done>>);
type Notice = Box<dyn Fn(&Batch) + Send>;

/// The collector's file. Clones share it.
#[derive(Clone)]
pub struct Store {
    sender: Arc<Mutex<Option<mpsc::Sender<Task>>>>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    readers: Arc<Mutex<Vec<Connection>>>,
    path: Arc<PathBuf>,
    statistics: Arc<Statistics>,
    /// Held for as long as the store is open: two collectors cannot count into one file.
    _lock: Arc<File>,
}

/// What the writer has done since it was started.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Transactions that were committed.
    pub commits: AtomicU64,
    /// Writes in them.
    pub writes: AtomicU64,
    /// Microseconds spent in transactions.
    pub busy_us: AtomicU64,
    /// Writes that were not kept.
    pub failed: AtomicU64,
    /// Windows that could not be read, and were moved aside.
    pub damaged: AtomicU64,
}

impl Store {
    /// Opens, or starts, the store in a folder. `notice` is called after each commit, on the writer's thread.
    ///
    /// Fails with `io` when another collector has the folder, when the file is of a newer version, or when it cannot
    /// be written.
    pub fn open(folder: &Path, notice: impl Fn(&Batch) + Send + 'static) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| {
            let error = Error::new(ErrorKind::Io, format!("cannot be made: {error}")).place(folder.display());
            error.help("choose another folder with `--data`")
        })?;
        let lock = take_lock(&folder.join(LOCK))?;
        let path = folder.join(FILE);
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let mut connection = open().map_err(|error| sql(&path, &error))?;
        migrate(&mut connection, &path)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let statistics = Arc::new(Statistics::default());
        let writer =
            Writer { connection, path: path.clone(), statistics: statistics.clone(), notice: Box::new(notice) };
        let writer = thread::Builder::new().name("collector-writer".into()).spawn(move || writer.run(receiver))?;
        Ok(Self {
            sender: Arc::new(Mutex::new(Some(sender))),
            writer: Arc::new(Mutex::new(Some(writer))),
            readers: Arc::default(),
            path: Arc::new(path),
            statistics,
            _lock: Arc::new(lock),
        })
    }

    /// Writes, and returns when it is on the disk. Fails with `network` when too much is waiting: try again later.
    pub async fn write(&self, write: Write) -> Result<Done> {
        let (answer, done) = oneshot::channel();
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else { return Err(closed()) };
        sender.try_send((write, answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        // A sender that is kept here would keep the writer from ending.
        drop(sender);
        done.await.map_err(|_| closed())?
    }

    /// Reads on a connection of its own, off the threads that serve requests.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || store.read_now(read));
        task.await.map_err(|error| Error::new(ErrorKind::Internal, format!("a read ended early: {error}")))?
    }

    /// Reads on this thread.
    pub fn read_now<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.reader().map_err(|error| sql(&self.path, &error))?,
        };
        let result = read(&connection);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < 4 {
            readers.push(connection);
        }
        result
    }

    /// Whether the writer still takes anything.
    pub fn is_open(&self) -> bool {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// What the writer has done.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Writes what waits, and ends the writer. Waits for it.
    pub fn close(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }

    fn reader(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.path.as_path(), flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(connection)
    }
}

struct Writer {
    connection: Connection,
    path: PathBuf,
    statistics: Arc<Statistics>,
    notice: Notice,
}

/// Why writes were not kept.
struct Failure {
    error: Error,
    /// No transaction could be begun, so no other write would do better.
    of_the_file: bool,
}

impl Writer {
    fn run(mut self, mut receiver: mpsc::Receiver<Task>) {
        while let Some(first) = receiver.blocking_recv() {
            let tasks = gather(first, &mut receiver);
            let (writes, answers): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
            for (answer, done) in answers.into_iter().zip(self.keep(&writes)) {
                // Whoever asked may have gone; what was written stays written.
                let _ = answer.send(done);
            }
        }
        // Leaves one file behind instead of a file and its log.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// Commits all writes at once. Where one of them fails, each is tried alone, so that it fails for itself only.
    fn keep(&mut self, writes: &[Write]) -> Vec<Result<Done>> {
        let mut failure = match self.commit(writes) {
            Ok(done) => return done.into_iter().map(Ok).collect(),
            Err(failure) => failure,
        };
        let alone = writes.len() == 1;
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            if !alone && !failure.of_the_file {
                match self.commit(std::slice::from_ref(write)) {
                    Ok(done) => {
                        results.extend(done.into_iter().map(Ok));
                        continue;
                    }
                    Err(error) => failure = error,
                }
            }
            self.statistics.failed.fetch_add(1, Ordering::Relaxed);
            results.push(Err(failure.error.clone()));
        }
        let failed = results.iter().filter(|result| result.is_err()).count();
        tracing::error!("{failed} of {} writes were not kept: {}", writes.len(), failure.error);
        results
    }

    fn commit(&mut self, writes: &[Write]) -> std::result::Result<Vec<Done>, Failure> {
        let start = Instant::now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| Failure { error: sql(&self.path, &error), of_the_file: true })?;
        let place = |error: Error| Failure { error: error.place(self.path.display()), of_the_file: false };
        let mut batch = Batch::default();
        let mut done = Vec::with_capacity(writes.len());
        for write in writes {
            done.push(batch.apply(&transaction, write).map_err(place)?);
        }
        batch.flush(&transaction).map_err(place)?;
        transaction.commit().map_err(|error| Failure { error: sql(&self.path, &error), of_the_file: false })?;
        self.statistics.commits.fetch_add(1, Ordering::Relaxed);
        self.statistics.writes.fetch_add(writes.len() as u64, Ordering::Relaxed);
        self.statistics.damaged.fetch_add(batch.damaged(), Ordering::Relaxed);
        self.statistics.busy_us.fetch_add(start.elapsed().as_micros() as u64, Ordering::Relaxed);
        (self.notice)(&batch);
        Ok(done)
    }
}

/// What arrives within the batch window of the first write.
fn gather(first: Task, receiver: &mut mpsc::Receiver<Task>) -> Vec<Task> {
    let end = Instant::now() + BATCH_WINDOW;
    let mut tasks = vec![first];
    while tasks.len() < BATCH_SIZE {
        match receiver.try_recv() {
            Ok(task) => tasks.push(task),
            Err(mpsc::error::TryRecvError::Empty) if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            Err(_) => break,
        }
    }
    tasks
}

fn take_lock(path: &Path) -> Result<File> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let taken = open.map_err(std::fs::TryLockError::Error).and_then(|file| file.try_lock().map(|()| file));
    taken.map_err(|error| {
        let error = match error {
            fs::TryLockError::WouldBlock => Error::new(ErrorKind::Io, "another collector is using this folder"),
            fs::TryLockError::Error(error) => Error::new(ErrorKind::Io, format!("cannot be locked: {error}")),
        };
        error.place(path.display()).help("stop the other `nearside serve`, or choose another folder with `--data`")
    })
}

/// Too much is waiting to be written.
fn busy() -> Error {
    Error::new(ErrorKind::Network, "the collector has more to write than it can").help("send it again in a second")
}

fn closed() -> Error {
    Error::new(ErrorKind::Network, "the collector is stopping").help("send it again in a moment")
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Answer, LABEL, Slot};
    use super::*;
    use crate::profile::Profile;
    use crate::time::Millis;

    fn outcome(index: usize, part: &str) -> Write {
        let slot = Slot { model: "m".into(), version: "0a1b2c3d4e5f".into(), minute: Millis(0) };
        let profile = Profile { counts: vec![1], moments: vec![], business: vec![] };
        let (receipt, part) = (format!("receipt {index}"), part.into());
        Write::Outcomes(vec![Answer { index, receipt, part, slot, layout: 1, profile }])
    }

    #[test]
    fn a_write_that_fails_takes_no_other_along() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), |_| ()).unwrap();
        let other = Connection::open(folder.path().join(FILE)).unwrap();
        let trigger = "CREATE TRIGGER one BEFORE INSERT ON receipts WHEN NEW.part = 'bad'
                       BEGIN SELECT RAISE(ABORT, 'not this one'); END";
        other.execute_batch(trigger).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let results: Vec<Result<Done>> = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for index in 0..40 {
                let (store, part) = (store.clone(), if index == 20 { "bad" } else { LABEL });
                tasks.spawn(async move { (index, store.write(outcome(index, part)).await) });
            }
            let mut all = tasks.join_all().await;
            all.sort_by_key(|(index, _)| *index);
            all.into_iter().map(|(_, result)| result).collect()
        });
        for (index, result) in results.iter().enumerate() {
            match result {
                Err(error) => assert!(index == 20 && error.to_string().contains("not this one"), "{index}: {error}"),
                Ok(done) => assert!(index != 20 && *done == Done::Counted(vec![index]), "{index}: {done:?}"),
            }
        }
        assert_eq!(store.statistics().failed.load(Ordering::Relaxed), 1);
        let kept = store.read_now(|connection| {
            let count = connection.query_row("SELECT count(*) FROM receipts", [], |row| row.get::<_, i64>(0));
            count.map_err(super::super::batch::db)
        });
        assert_eq!(kept.unwrap(), 39);
        store.close();
    }
}
