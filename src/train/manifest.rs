//! What the bundle of a candidate promises, as far as the canvas and the training say it.

use super::export::roles;
use crate::bundle::{Budgets, FORMAT, Manifest, TRACT, TaskSchema, TelemetrySettings, short_digest};
use crate::canvas::{Canvas, TaskKind, to_json};
use crate::features::{FeatureSchema, GroupSchema};
use crate::predict::Signature;
use std::collections::BTreeMap;

/// The manifest of a candidate with these features, classes and tensors, which decides as the bundle will. What is
/// made by packing is still empty: the version, the files and the explanation.
pub fn manifest(canvas: &Canvas, features: &[FeatureSchema], classes: &[String], signature: &Signature) -> Manifest {
    let mut bands = canvas.decisions.bands.clone();
    bands.sort_by(|a, b| b.at_least.total_cmp(&a.at_least));
    let favourable = match canvas.decisions.favourable.as_slice() {
        [] => bands.first().map(|band| band.action.clone()).into_iter().collect(),
        stated => stated.to_vec(),
    };
    let groups = canvas.groups().map(|group| GroupSchema { name: group.name.clone(), values: group.values.clone() });
    Manifest {
        format: FORMAT,
        name: canvas.name.clone(),
        version: String::new(),
        canvas_digest: short_digest(to_json(canvas).as_bytes()),
        engine: TRACT.into(),
        files: BTreeMap::new(),
        plan_sha256: None,
        task: TaskSchema {
            kind: canvas.prediction_task.kind,
            target: canvas.prediction_task.target.clone(),
            classes: classes.to_vec(),
            positive: positive(canvas, classes),
        },
        inputs: signature.inputs.clone(),
        outputs: signature.outputs.clone(),
        roles: roles(canvas.prediction_task.kind, classes.len()),
        features: features.to_vec(),
        groups: groups.collect(),
        bands,
        favourable,
        fallback: canvas.making_predictions.fallback.clone(),
        explanation: None,
        telemetry: TelemetrySettings { consent: canvas.collecting_data.consent, ..TelemetrySettings::default() },
        budgets: Budgets {
            first_prediction_ms: canvas.making_predictions.first_prediction_ms,
            latency_p95_ms: canvas.making_predictions.latency_p95_ms,
        },
        business_metrics: canvas.value_proposition.business_metric.clone(),
    }
}

/// The class that the score stands for: that of the canvas, or else of two classes the last by name, and of an anomaly
/// detector without outcomes the anomalies.
fn positive(canvas: &Canvas, classes: &[String]) -> Option<String> {
    let task = &canvas.prediction_task;
    match (&task.positive, classes) {
        (Some(positive), _) => Some(positive.clone()),
        (None, [first, _]) if task.kind == TaskKind::AnomalyDetection && task.target.is_empty() => Some(first.clone()),
        (None, [_, last]) => Some(last.clone()),
        _ => None,
    }
}
