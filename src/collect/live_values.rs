//! What the blocks of the canvas show beside counters: the rows, the build, sizes, gates, alerts.

use super::App;
use super::models::{Details, Model, Version};
use super::query;
use crate::alerts::AlertState;
use crate::error::{Error, ErrorKind, Result};
use crate::monitor::{Build, Live};
use std::sync::Arc;

/// The live values of a model's champion. What is not known stays empty.
pub async fn live_values(app: &App, model: &Arc<Model>, version: &Arc<Version>) -> Result<Live> {
    let name = model.name().to_owned();
    let reads = move |connection: &rusqlite::Connection| {
        Ok((query::totals(connection)?, query::alerts(connection, Some(&name), 100)?))
    };
    let (totals, alerts) = app.store.read(reads).await?;
    let (subject, of) = (model.clone(), version.clone());
    let details = tokio::task::spawn_blocking(move || of.details(subject.registry())).await;
    let Details { gates, build } =
        &*details.map_err(|error| Error::new(ErrorKind::Internal, format!("a read ended early: {error}")))?;
    let (channel, number) = (model.channel(), &version.manifest.version);
    let labels = totals.iter().filter(|total| total.model == model.name()).map(|total| total.labels).sum();
    let data = build.as_ref().map(|build| &build.data);
    Ok(Live {
        now: Some(app.now()),
        dataset_rows: data.map(|data| data.rows),
        dataset_bytes: data.map(|data| data.bytes),
        snapshot_at: data.map(|data| data.gathered_at),
        missing_share: data.map(|data| data.missing_share),
        sources: data.map(|data| data.sources.clone()).unwrap_or_default(),
        bundle_bytes: build.as_ref().map(|build| build.page_bytes),
        parameters: build.as_ref().map(|build| build.parameters),
        gates: gates.clone(),
        build: Some(Build {
            version: number.clone(),
            at: build.as_ref().map(|build| build.at),
            reason: alerts
                .iter()
                .find(|alert| alert.promoted.as_ref() == Some(number))
                .map(|alert| alert.words.clone()),
            seconds: build.as_ref().and_then(|build| build.seconds()),
            previous: channel.previous.map(|pointer| pointer.version),
        }),
        mode: serde_json::to_value(channel.mode).ok().and_then(|mode| mode.as_str().map(str::to_owned)),
        labels: Some(labels),
        alerts_open: Some(alerts.iter().filter(|alert| alert.state == AlertState::Firing).count() as u64),
        last_alert: alerts.first().map(|alert| alert.words.clone()),
    })
}
