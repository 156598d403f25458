//! Takes frames and outcomes from pages; gives reports, series, live events and files, and acts on alerts.
//! Next: the dashboard shows what it gives, `cli` starts it. It acknowledges nothing that is not on the disk.
//! It never runs a model, and never keeps a record or who sent it.

mod access;
mod actions;
mod admin;
mod assets;
mod batch;
mod blob;
mod bundles;
mod compact;
mod counters;
mod damaged;
mod ingest;
mod live;
mod live_values;
mod models;
mod openapi;
mod outcomes;
mod problem;
mod query;
mod read;
mod receipts;
mod router;
mod rules;
mod schema;
mod server;
mod store;

pub use assets::{MISSING as MISSING_ASSETS, example as example_page};
pub use server::{Config, Server};

use crate::alerts::Watch;
use crate::error::{Error, ErrorKind, Result};
use crate::time::Millis;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything that the handlers of a collector share.
struct App {
    models: models::Models,
    store: store::Store,
    access: access::Access,
    live: Arc<live::Live>,
    counters: counters::Counters,
    builds: actions::Builds,
    /// The open alerts. Whoever changes an alert holds it.
    watch: tokio::sync::Mutex<Watch>,
    /// When the folder of a model was last read for a version that nobody knew.
    looked: tokio::sync::Mutex<Millis>,
    /// Warnings that were given, so that they are not given every second.
    complaints: tokio::sync::Mutex<HashSet<String>>,
    /// Files of bundles, compressed.
    packed: bundles::Packed,
    /// The program that builds models.
    program: PathBuf,
    retrain_timeout: Duration,
}

impl App {
    /// The moment.
    fn now(&self) -> Millis {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(passed.as_millis() as u64)
    }

    /// Looks into a model's folder for a version that is not known; at most once a second, whoever asks.
    async fn look_again(&self, model: &Arc<models::Model>, version: &str) -> Option<Arc<models::Version>> {
        {
            let mut looked = self.looked.lock().await;
            let now = self.now();
            if now.0 < looked.0.saturating_add(1_000) {
                return None;
            }
            *looked = now;
        }
        let subject = model.clone();
        let read = tokio::task::spawn_blocking(move || subject.read_new_versions()).await;
        read.ok()?.ok()?;
        let found = model.version(version)?;
        self.keep_versions(model).await;
        Some(found)
    }

    /// Makes the store remember the versions of a model.
    async fn keep_versions(&self, model: &models::Model) {
        if let Err(error) = self.try_keep_versions(model).await {
            tracing::error!("the versions of {} were not kept: {error}", model.name());
        }
    }

    /// Forgets the versions that are no longer in a model's folder and whose counters are past keeping; with each, the
    /// receipts that it gave. From then on an outcome for it is refused.
    async fn forget_lost_versions(&self, model: &Arc<models::Model>) -> Result<()> {
        let subject = model.clone();
        let lost = tokio::task::spawn_blocking(move || subject.lost_versions()).await;
        let lost = lost.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))??;
        for version in lost {
            let (name, number) = (model.name().to_owned(), version.clone());
            if self.store.read(move |connection| query::has_windows(connection, &name, &number)).await? {
                continue;
            }
            // Here first, so that nothing is counted for it while it goes.
            model.forget(&version);
            self.store.write(batch::Write::Forget { model: model.name().to_owned(), version }).await?;
        }
        Ok(())
    }

    async fn try_keep_versions(&self, model: &models::Model) -> Result<()> {
        for version in model.versions() {
            if let Some(version) = model.version(&version) {
                self.store.write(version.write(self.now())).await?;
            }
        }
        Ok(())
    }
}
