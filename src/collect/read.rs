//! Read endpoints: models, reports, series, alerts, the canvas with its live values.

use super::App;
use super::batch::Write;
use super::damaged::Damaged;
use super::ingest::unknown_model;
use super::models::{Model, Version};
use super::problem::Problem;
use super::query::{self, Total};
use crate::error::{Error, ErrorKind};
use crate::monitor::{self, BlockState, CanvasView, Report, Span, VerdictState, canvas_view};
use crate::profile::{PageStage, Profile, Stage, upper_edge};
use crate::stats::of_histogram;
use crate::time::Millis;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The most points in a series.
const MAX_POINTS: u64 = 500;
/// The most alerts in an answer.
const MAX_ALERTS: usize = 200;

/// Which stretch of time, which version, and how fine.
#[derive(Debug, Default, Deserialize)]
pub struct Selection {
    from: Option<f64>,
    to: Option<f64>,
    step: Option<f64>,
    version: Option<String>,
}

type Answer = Result<Json<Value>, Problem>;
type Named = Path<String>;
type Shared = State<Arc<App>>;

/// One point of a series.
#[derive(Debug, Serialize)]
struct Point {
    at: Millis,
    predictions: u64,
    loads: u64,
    within_budget: u64,
    p50: Option<f64>,
    p75: Option<f64>,
    p95: Option<f64>,
    favourable_share: Option<f64>,
    outside: u64,
}

/// `GET /v1/models`.
pub async fn models(State(app): Shared, headers: HeaderMap) -> Answer {
    app.access.check_read(&headers)?;
    let totals = app.store.read(query::totals).await?;
    let models = app.models.all().map(|model| {
        let of_model: Vec<&Total> = totals.iter().filter(|total| total.model == model.name()).collect();
        json!({
            "name": model.name(),
            "champion": model.champion(),
            "versions": of_model.iter().map(|total| &total.version).collect::<Vec<_>>(),
            "predictions": of_model.iter().map(|total| total.predictions).sum::<u64>(),
            "last_seen": of_model.iter().filter_map(|total| total.last_seen).max(),
        })
    });
    Ok(Json(models.collect()))
}

/// `GET /v1/models/{name}`.
pub async fn model(State(app): Shared, Path(name): Named, headers: HeaderMap) -> Answer {
    let model = find(&app, &name, &headers)?;
    let totals = app.store.read(query::totals).await?;
    let versions = totals
        .iter()
        .filter(|total| total.model == name)
        .map(|total| json!({ "version": total.version, "since": total.since, "predictions": total.predictions }));
    let (channel, versions) = (model.channel(), versions.collect::<Vec<_>>());
    let report = report_of(&app, &model, &Selection::default()).await?;
    Ok(Json(json!({
        "name": name,
        "champion": channel.champion.version,
        "previous": channel.previous.map(|pointer| pointer.version),
        "versions": versions,
        "state": state_of(report.verdict.state),
    })))
}

/// `GET /v1/models/{name}/report`.
pub async fn report(
    State(app): Shared,
    Path(name): Named,
    Query(selection): Query<Selection>,
    headers: HeaderMap,
) -> Result<Json<Report>, Problem> {
    let model = find(&app, &name, &headers)?;
    Ok(Json(report_of(&app, &model, &selection).await?))
}

/// `GET /v1/models/{name}/drift|fairness|latency|business|performance|boundary`: that part of the report.
pub async fn part(
    State(app): Shared,
    Path((name, part)): Path<(String, String)>,
    Query(selection): Query<Selection>,
    headers: HeaderMap,
) -> Answer {
    let model = find(&app, &name, &headers)?;
    let parts = ["drift", "fairness", "latency", "business", "performance", "boundary"];
    if !parts.contains(&part.as_str()) {
        return Err(Problem::not_found(format!("a model has report, metrics, canvas, alerts, {}", parts.join(", "))));
    }
    let report = report_of(&app, &model, &selection).await?;
    let mut report = to_json(&report)?;
    Ok(Json(report[&part].take()))
}

/// `GET /v1/models/{name}/metrics`.
pub async fn metrics(
    State(app): Shared,
    Path(name): Named,
    Query(selection): Query<Selection>,
    headers: HeaderMap,
) -> Answer {
    let model = find(&app, &name, &headers)?;
    let version = version_of(&model, selection.version.as_deref())?;
    let (from, to) = selection.range(app.now())?;
    let asked = Millis(selection.step.map_or(0, |step| step.max(0.0) as u64));
    let step = step(from, to, asked);
    let points = app
        .store
        .read(move |connection| {
            let found = query::series(connection, &version, from, to, step)?;
            let points = found.sum.iter().map(|(at, profile)| point(*at, profile, &version)).collect::<Vec<_>>();
            Ok((points, found.damaged))
        })
        .await?;
    let points = app.set_aside(points).await;
    Ok(Json(json!({ "step_ms": step, "points": points })))
}

/// `GET /v1/models/{name}/alerts`, newest first.
pub async fn alerts(State(app): Shared, Path(name): Named, headers: HeaderMap) -> Answer {
    find(&app, &name, &headers)?;
    let alerts = app.store.read(move |connection| query::alerts(connection, Some(&name), MAX_ALERTS)).await?;
    Ok(Json(to_json(&alerts)?))
}

/// `GET /v1/models/{name}/canvas`.
pub async fn canvas(State(app): Shared, Path(name): Named, headers: HeaderMap) -> Result<Json<CanvasView>, Problem> {
    let model = find(&app, &name, &headers)?;
    let version = version_of(&model, None)?;
    let Some(canvas) = version.canvas.clone() else {
        return Err(Problem::not_found("the bundle of this version carries no canvas; pack it again from its project"));
    };
    let report = report_of(&app, &model, &Selection::default()).await?;
    let live = super::live_values::live_values(&app, &model, &version).await?;
    Ok(Json(canvas_view(&canvas, Some(&report), &live)))
}

/// A verdict as the blocks of the canvas name it.
fn state_of(verdict: VerdictState) -> BlockState {
    match verdict {
        VerdictState::Good => BlockState::Good,
        VerdictState::Warn => BlockState::Warn,
        VerdictState::Bad => BlockState::Bad,
        VerdictState::Unknown => BlockState::Grey,
    }
}

/// The report of a selection: the champion and the last 24 hours where it names nothing else.
async fn report_of(app: &App, model: &Model, selection: &Selection) -> Result<Report, Problem> {
    let version = version_of(model, selection.version.as_deref())?;
    let (from, to) = selection.range(app.now())?;
    Ok(app.report(version, from, to).await?)
}

fn find(app: &App, name: &str, headers: &HeaderMap) -> Result<Arc<Model>, Problem> {
    app.access.check_read(headers)?;
    app.models.get(name).cloned().ok_or_else(|| unknown_model(name))
}

fn version_of(model: &Model, version: Option<&str>) -> Result<Arc<Version>, Problem> {
    let found = match version {
        None | Some("") => model.champion_version(),
        Some(version) => model.version(version),
    };
    found.ok_or_else(|| {
        let mut known = model.versions();
        known.sort();
        Problem::not_found(format!("the model {} has the versions {}", model.name(), known.join(", ")))
    })
}

impl Selection {
    fn range(&self, now: Millis) -> Result<(Millis, Millis), Problem> {
        let invalid = |detail: &str| Problem::new(axum::http::StatusCode::BAD_REQUEST, "range-invalid", detail);
        if [self.from, self.to].into_iter().flatten().any(|moment| !(0.0..=1e15).contains(&moment)) {
            return Err(invalid("`from` and `to` are milliseconds since 1970"));
        }
        let to = self.to.map_or(Millis(now.0 + 1), |to| Millis(to as u64));
        let from = self.from.map_or(to.before(Millis::DAY), |from| Millis(from as u64));
        if from >= to {
            return Err(invalid("`from` must be before `to`"));
        }
        Ok((from, to))
    }
}

/// The step that was asked for, in whole minutes, and long enough that the range has at most [`MAX_POINTS`] of them.
fn step(from: Millis, to: Millis, asked: Millis) -> Millis {
    let minutes = |length: u64| length.div_ceil(Millis::MINUTE.0).max(1);
    // The first and the last step may lie in the range in part only.
    let least = minutes((to.0 - from.0).div_ceil(MAX_POINTS - 1));
    Millis(least.max(minutes(asked.0)) * Millis::MINUTE.0)
}

fn point(at: Millis, profile: &Profile, version: &Version) -> Point {
    let (layout, manifest) = (&version.layout, &version.manifest);
    let count = |place: usize| profile.counts.get(place).copied().unwrap_or(0);
    let times = &profile.counts[layout.stage(Stage::Answer)];
    let quantile = |q| of_histogram(times, upper_edge, q);
    let actions: Vec<u64> = layout.actions().map(count).collect();
    let decided: u64 = actions.iter().sum();
    let favourable: u64 =
        actions.iter().enumerate().filter(|(action, _)| manifest.is_favourable(*action)).map(|(_, count)| count).sum();
    Point {
        at,
        predictions: count(layout.predictions()),
        loads: PageStage::ALL.iter().map(|&stage| count(layout.page(stage))).sum(),
        within_budget: count(layout.within_budget()),
        p50: quantile(0.5),
        p75: quantile(0.75),
        p95: quantile(0.95),
        favourable_share: (decided > 0).then(|| favourable as f64 / decided as f64),
        outside: count(layout.outside()),
    }
}

fn to_json(value: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()).into())
}

impl App {
    /// The report of a version over a stretch of time.
    pub(super) async fn report(&self, version: Arc<Version>, from: Millis, to: Millis) -> crate::Result<Report> {
        let read = move |connection: &rusqlite::Connection| {
            let found = query::merged(connection, &version, from, to)?;
            let span = Span { from: Some(from), to: Some(to) };
            Ok((monitor::report(&version.manifest, version.baseline.as_ref(), &found.sum, span), found.damaged))
        };
        Ok(self.set_aside(self.store.read(read).await?).await)
    }

    /// Passes on what was read, and has the windows that could not be read moved aside.
    async fn set_aside<T>(&self, (read, damaged): (T, Vec<Damaged>)) -> T {
        if !damaged.is_empty()
            && let Err(error) = self.store.write(Write::SetAside(damaged)).await
        {
            tracing::warn!("damaged windows were left out, and could not be moved aside: {error}");
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_never_has_more_points_than_it_may() {
        for (length, asked) in [(Millis::HOUR.0, 0), (90 * Millis::DAY.0, 60_000), (Millis::DAY.0, 3_600_000), (1, 1)] {
            let (from, to) = (Millis(1_700_000_012_345), Millis(1_700_000_012_345 + length));
            let step = step(from, to, Millis(asked));
            let points = (to.0 - 1) / step.0 - from.0 / step.0 + 1;
            assert!(
                points <= MAX_POINTS && step.0 >= asked && step.0.is_multiple_of(60_000),
                "{length} {asked}: {points}"
            );
        }
    }
}
