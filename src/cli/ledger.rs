//! What the builds of a project took, step by step: `.nearside/ledger.jsonl`, one line per step.

use crate::project::Project;
use nearside::{Error, Millis, Result};
use serde::Serialize;
use std::io::Write;
use std::time::{Instant, UNIX_EPOCH};

/// One step of one build.
#[derive(Clone, Serialize)]
pub struct Entry {
    /// When it ended, UTC.
    pub at: Millis,
    /// `gather`, `train`, `evaluate` or `pack`.
    pub step: &'static str,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether it was as it had been left: nothing that it depends on has changed.
    pub unchanged: bool,
    /// What it cost, in the currency of the canvas: its time at the price of block 9, and the rows that a gathering bought.
    pub cost: f64,
}

/// The ledger of a project, and the steps of this build.
pub struct Ledger<'a> {
    project: &'a Project,
    /// The steps so far.
    pub entries: Vec<Entry>,
}

impl<'a> Ledger<'a> {
    /// For a build that begins now.
    pub fn new(project: &'a Project) -> Self {
        Self { project, entries: Vec::new() }
    }

    /// Takes a step, unless `kept` holds what it left before. `bought` says what its result cost beside its time.
    pub fn step<T>(
        &mut self,
        step: &'static str,
        kept: Option<T>,
        take: impl FnOnce() -> Result<T>,
        bought: impl FnOnce(&T) -> f64,
    ) -> Result<T> {
        let (start, unchanged) = (Instant::now(), kept.is_some());
        let result = kept.map_or_else(take, Ok)?;
        let seconds = start.elapsed().as_secs_f64();
        let time = seconds / 3600.0 * self.project.canvas.building_models.cost_per_hour;
        let cost = if unchanged { 0.0 } else { time + bought(&result) };
        let at = Millis(UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_millis() as u64));
        self.entries.push(Entry { at, step, seconds, unchanged, cost });
        self.write(self.entries.len() - 1)?;
        Ok(result)
    }

    /// Appends an entry to the file.
    fn write(&self, place: usize) -> Result<()> {
        let path = self.project.work_file("ledger.jsonl");
        let line = serde_json::to_string(&self.entries[place])
            .map_err(|error| Error::new(nearside::ErrorKind::Internal, error.to_string()))?;
        let append = || {
            std::fs::create_dir_all(self.project.work_file(""))?;
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
            writeln!(file, "{line}")
        };
        append().map_err(|error| {
            Error::from(error).place(path.display()).help("make sure that the project's folder can be written")
        })
    }
}
