//! What the blocks of the canvas show beside counters: sizes, gates, builds, alerts.

use super::App;
use super::models::{Model, Version};
use super::query;
use crate::alerts::AlertState;
use crate::error::Result;
use crate::monitor::{Build, GateResult, Live};
use serde_json::Value;
use std::sync::Arc;

/// The live values of a model's champion. What is not known stays empty.
pub async fn live_values(app: &App, model: &Arc<Model>, version: &Arc<Version>) -> Result<Live> {
    let name = model.name().to_owned();
    let reads = move |connection: &rusqlite::Connection| {
        Ok((query::totals(connection)?, query::alerts(connection, Some(&name), 100)?))
    };
    let (totals, alerts) = app.store.read(reads).await?;
    let totals: Vec<_> = totals.into_iter().filter(|total| total.model == model.name()).collect();
    let (channel, number) = (model.channel(), &version.manifest.version);
    let size = version.manifest.files.get("model").map(|entry| entry.bytes as u64);
    let since = totals.iter().find(|total| &total.version == number).map(|total| total.since);
    Ok(Live {
        now: Some(app.now()),
        bundle_bytes: size.map(|bytes| bytes + version.manifest_bytes()),
        gates: gates(model, version),
        build: Some(Build {
            version: number.clone(),
            at: since,
            reason: alerts
                .iter()
                .find(|alert| alert.promoted.as_ref() == Some(number))
                .map(|alert| alert.words.clone()),
            seconds: None,
            previous: channel.previous.map(|pointer| pointer.version),
        }),
        mode: serde_json::to_value(channel.mode).ok().and_then(|mode| mode.as_str().map(str::to_owned)),
        labels: Some(totals.iter().map(|total| total.labels).sum()),
        alerts_open: Some(alerts.iter().filter(|alert| alert.state == AlertState::Firing).count() as u64),
        last_alert: alerts.first().map(|alert| alert.words.clone()),
        ..Live::default()
    })
}

/// The gates in the evaluation that came with the version.
fn gates(model: &Model, version: &Version) -> Vec<GateResult> {
    let evaluation = model.registry().file(&version.manifest, "evaluation").ok().flatten();
    let evaluation: Option<Value> = evaluation.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let gates = evaluation.as_ref().and_then(|evaluation| evaluation.get("gates")?.as_array());
    gates.into_iter().flatten().filter_map(|gate| serde_json::from_value(gate.clone()).ok()).collect()
}
