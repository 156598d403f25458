//! Outcomes: what became of a prediction, said by its receipt, perhaps months later.

use super::App;
use super::batch::{Answer, Done, LABEL, Slot, Write};
use super::ingest::{opted_out, read_body};
use super::models::Version;
use super::problem::Problem;
use crate::guard::favours;
use crate::profile::{Profile, SCORE_BINS};
use crate::telemetry::Receipt;
use crate::time::Millis;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most outcomes in one request.
const MAX_OUTCOMES: usize = 500;
/// The largest business value: sums of squares stay finite.
const MAX_VALUE: f64 = 1e100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

/// One outcome. Its label, and each of its business metrics, counts once per receipt; the first one stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    id: String,
    label: Option<String>,
    #[serde(default)]
    group: BTreeMap<String, String>,
    #[serde(default)]
    business: BTreeMap<String, f64>,
}

/// Why one outcome was not counted.
#[derive(Debug, Serialize)]
struct Refused {
    index: usize,
    reason: String,
}

/// `POST /v1/outcomes`: `application/json`, or the same as `text/plain` so that no preflight is needed.
pub async fn outcomes(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    match take(&app, &uri, &headers, body).await {
        Ok(response) => response,
        Err(problem) => {
            app.counters.outcomes_refused(1);
            problem.at(&uri).into_response()
        }
    }
}

async fn take(app: &App, uri: &Uri, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    app.access.check_write(uri, headers)?;
    let bytes = read_body(body, headers).await?;
    let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "outcomes-invalid", detail);
    let Outcomes { outcomes } = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(format!("this is not {{\"outcomes\": [{{\"id\": …}}]}}: {error}")))?;
    if outcomes.len() > MAX_OUTCOMES {
        return Err(invalid(format!("{} outcomes; {MAX_OUTCOMES} at once are the most", outcomes.len())));
    }
    // A person's own opt-out covers what their page sends; a site's server has no such header.
    if opted_out(uri, headers) {
        app.counters.frame("not_kept_gpc");
        return Ok(accepted(0, 0, &[]));
    }
    let minute = app.now().floor(Millis::MINUTE);
    let (mut answers, mut refused, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    for (index, outcome) in outcomes.iter().enumerate() {
        match parts(app, outcome) {
            Ok((version, parts)) => {
                indices.push(index);
                let (model, number) = (&version.manifest.name, &version.manifest.version);
                answers.extend(parts.into_iter().map(|(part, profile)| {
                    let slot = Slot { model: model.clone(), version: number.clone(), minute };
                    Answer { index, receipt: outcome.id.clone(), part, slot, layout: version.digest, profile }
                }));
            }
            Err(reason) => refused.push(Refused { index, reason }),
        }
    }
    let counted = match answers.is_empty() {
        true => 0,
        false => match app.store.write(Write::Outcomes(answers)).await? {
            Done::Counted(counted) => counted.len(),
            _ => 0,
        },
    };
    app.counters.outcomes(counted as u64);
    app.counters.outcomes_refused(refused.len() as u64);
    Ok(accepted(indices.len(), indices.len() - counted, &refused))
}

fn accepted(accepted: usize, duplicates: usize, refused: &[Refused]) -> Response {
    let body = json!({ "accepted": accepted, "duplicates": duplicates, "refused": refused });
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// The name of each part of an outcome, and what it adds to the counters.
type Parts = Vec<(String, Profile)>;

/// What each part of an outcome adds to the counters of its version; or why it cannot be counted.
fn parts(app: &App, outcome: &Outcome) -> Result<(Arc<Version>, Parts), String> {
    let receipt = Receipt::parse(&outcome.id).map_err(|error| error.to_string())?;
    let Some((_, version)) = app.models.of_version(&receipt.version) else {
        return Err(format!("no model here has the version {} of this receipt", receipt.version));
    };
    let mut parts = Vec::new();
    if let Some(label) = &outcome.label {
        parts.push((LABEL.to_owned(), label_counters(&version, &receipt, outcome, label)?));
    }
    for (name, &value) in &outcome.business {
        let metrics = &version.manifest.business_metrics;
        let Some(metric) = metrics.iter().position(|metric| &metric.name == name) else {
            let known: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
            return Err(format!("the canvas states no business metric {name:?}; it has {}", known.join(", ")));
        };
        if value.is_nan() || value.abs() > MAX_VALUE {
            return Err(format!("{name} is {value}, which is not a number of a business"));
        }
        let mut profile = Profile::new(&version.layout);
        profile.business[metric].push(value);
        parts.push((format!("business:{name}"), profile));
    }
    match parts.is_empty() {
        true => Err("there is neither a label nor a business metric in it".into()),
        false => Ok((version, parts)),
    }
}

fn label_counters(version: &Version, receipt: &Receipt, outcome: &Outcome, label: &str) -> Result<Profile, String> {
    let (manifest, layout) = (&version.manifest, &version.layout);
    let task = &manifest.task;
    if !task.classes.iter().any(|class| class == label) {
        return Err(format!("{label:?} is not a class of this model; it knows {}", task.classes.join(", ")));
    }
    let Some(wanted) = &task.positive else {
        return Err("this model has no positive class, so its labels are not counted".into());
    };
    if receipt.action.is_some_and(|action| usize::from(action) >= manifest.actions().len()) {
        return Err("the receipt names an action that this version does not have".into());
    }
    let positive = label == wanted;
    let score = (f64::from(receipt.score_bin) + 0.5) / SCORE_BINS as f64;
    let favourable = favours(manifest, receipt.action.map(usize::from), Some(score));
    let mut profile = Profile::new(layout);
    profile.count(layout.outcomes(positive).start + usize::from(receipt.score_bin));
    for name in outcome.group.keys() {
        if !manifest.groups.iter().any(|group| &group.name == name) {
            let known: Vec<&str> = manifest.groups.iter().map(|group| group.name.as_str()).collect();
            return Err(format!("{name:?} is not a group of this model; it has {}", known.join(", ")));
        }
    }
    for (index, group) in manifest.groups.iter().enumerate() {
        // What the site's server says goes before what the page declared.
        let value = match outcome.group.get(&group.name) {
            Some(value) => group.values.iter().position(|known| known == value),
            None if index == 0 => match receipt.group.map(usize::from) {
                Some(value) if value < group.values.len() => Some(value),
                _ => continue,
            },
            None => continue,
        };
        profile.count(layout.group_outcome(index, value, positive, favourable));
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(bands: serde_json::Value) -> Version {
        let manifest = json!({
            "format": 1, "name": "parcel-risk", "version": "0a1b2c3d4e5f", "canvas_digest": "", "engine": "tract",
            "files": {}, "inputs": [], "outputs": [], "roles": {}, "features": [],
            "task": { "kind": "classification", "target": "late", "classes": ["no", "yes"], "positive": "yes" },
            "groups": [{ "name": "region", "values": ["north"] }], "fallback": null, "explanation": null,
            "bands": bands, "favourable": ["hold"],
            "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
            "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": null }, "business_metrics": [],
        });
        Version::from_texts(manifest.to_string(), None, None).unwrap()
    }

    /// Outcomes count as favourable what the page counted as favourable, with bands and without.
    #[test]
    fn what_is_favourable_follows_from_the_action_or_else_from_the_score() {
        let bands = json!([{ "at_least": 0.5, "action": "ship" }, { "at_least": 0.0, "action": "hold" }]);
        for (bands, action, score, favourable) in [
            (&bands, Some(0), 0.9, false),
            (&bands, Some(1), 0.1, true),
            (&bands, None, 0.9, false),
            (&json!([]), None, 0.5, true),
            (&json!([]), None, 0.499, false),
            (&json!([]), None, 1.0, true),
        ] {
            let version = version(bands.clone());
            let score_bin = crate::profile::score_bin(score) as u8;
            let receipt = Receipt { version: "0a1b2c3d4e5f".into(), score_bin, action, group: Some(0), nonce: 1 };
            let outcome = Outcome { id: String::new(), label: None, group: BTreeMap::new(), business: BTreeMap::new() };
            let counted = label_counters(&version, &receipt, &outcome, "yes").unwrap();
            let at = |favourable| counted.counts[version.layout.group_outcome(0, Some(0), true, favourable)];
            assert_eq!((at(favourable), at(!favourable)), (1, 0), "{action:?} {score}");
        }
    }
}
