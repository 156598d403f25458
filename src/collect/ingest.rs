//! Frames: read whole, checked whole, then counted once, and acknowledged when they are on the disk.

use super::App;
use super::batch::{Done, Slot, Write};
use super::models::{Model, Version};
use super::problem::Problem;
use crate::profile::{Layout, Moments, PageStage, Profile};
use crate::telemetry::{Frame, Header, MAX_FRAME_BYTES, Page, Window, decode};
use crate::time::Millis;
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// The largest body that any request may have.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The highest count that one frame may carry.
const MAX_COUNT: u64 = 1_000_000;
/// How old a window may be.
const MAX_AGE: Millis = Millis::DAY;
/// The largest number that moments may carry: sums of their squares stay finite.
const MAX_NUMBER: f64 = 1e100;

/// `POST /v1/ingest/{shard}`.
pub async fn sharded(
    State(app): State<Arc<App>>,
    Path(shard): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if shard.parse::<u8>().is_err() {
        return Problem::not_found("shards are 0 to 255").at(&uri).into_response();
    }
    answer(&app, &uri, &headers, body).await
}

/// `POST /v1/ingest`.
pub async fn unsharded(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    answer(&app, &uri, &headers, body).await
}

async fn answer(app: &App, uri: &Uri, headers: &HeaderMap, body: Body) -> Response {
    match ingest(app, uri, headers, body).await {
        Ok(accepted) => accepted,
        Err(problem) => {
            app.counters.frame_refused(problem.code());
            problem.at(uri).into_response()
        }
    }
}

async fn ingest(app: &App, uri: &Uri, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    app.access.check_write(uri, headers)?;
    let bytes = read_body(body, headers).await?;
    if bytes.len() > MAX_FRAME_BYTES {
        let detail = format!("the frame has {} bytes; {MAX_FRAME_BYTES} are the most", bytes.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "frame-too-large", detail));
    }
    let frame = decode(&bytes)?;
    let header = frame.header();
    let model = app.models.get(&header.name).ok_or_else(|| unknown_model(&header.name))?.clone();
    // The version is looked up, and the counters are checked, even where nothing will be kept: an answer says the same
    // to everybody.
    let version = version_of(app, &model, header).await?;
    let (profile, predictions) = counters(&frame, &version)?;
    if opted_out(headers) {
        app.counters.frame("not_kept_gpc");
        return Ok(accepted(&model.champion(), false));
    }
    let now = app.now();
    let minute = now.before(Millis(header.age_ms)).floor(Millis::MINUTE);
    let slot = Slot { model: header.name.clone(), version: version.manifest.version.clone(), minute };
    let (session, sequence) = (header.session, header.sequence);
    let write = Write::Frame { session, sequence, slot, now, profile: Box::new(profile), predictions };
    let duplicate = app.store.write(write).await? == Done::Duplicate;
    app.counters.frame(if duplicate { "duplicate" } else { "stored" });
    Ok(accepted(&model.champion(), duplicate))
}

fn accepted(champion: &str, duplicate: bool) -> Response {
    let mut body = json!({ "accepted": true, "champion": champion });
    if duplicate {
        body["duplicate"] = true.into();
    }
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// Whether the visitor's browser says that nothing about them may be shared (Global Privacy Control).
pub fn opted_out(headers: &HeaderMap) -> bool {
    headers.get("sec-gpc").is_some_and(|value| value.as_bytes() == b"1")
}

/// A body of at most [`MAX_BODY_BYTES`].
pub async fn read_body(body: Body, headers: &HeaderMap) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    };
    let announced = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    // Within the limit that was announced, the only failure is a connection that ended.
    to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| match announced {
        Some(_) => Problem::new(StatusCode::BAD_REQUEST, "body-incomplete", "the body ended too early"),
        None => too_large(),
    })
}

/// There is no model of that name.
pub fn unknown_model(name: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    let detail = format!("this collector has no model {name:?}; serve its project or its bundle here");
    Problem::new(StatusCode::NOT_FOUND, "unknown-model", detail)
}

async fn version_of(app: &App, model: &Arc<Model>, header: &Header) -> Result<Arc<Version>, Problem> {
    let version = match header.version.as_str() {
        "" => model.champion_version(),
        version => match model.version(version) {
            Some(version) => Some(version),
            None => app.look_again(model, version).await,
        },
    };
    version.ok_or_else(|| {
        let detail = format!("the model {} has no version {}", model.name(), header.version);
        Problem::new(StatusCode::NOT_FOUND, "unknown-version", detail)
    })
}

/// The counters of a frame in their layout, and the predictions among them.
fn counters(frame: &Frame, version: &Version) -> Result<(Profile, u64), Problem> {
    let header = frame.header();
    if header.sequence > u64::from(u32::MAX) {
        return Err(refused("the sequence number is higher than a page can count"));
    }
    if header.age_ms > MAX_AGE.0 {
        return Err(refused("the window is older than a day"));
    }
    match frame {
        Frame::Page(_, page) => Ok((page_counters(page, version), 0)),
        Frame::Window(header, window) => {
            if header.version.is_empty() {
                return Err(refused("a window of counters must name its version"));
            }
            check_amounts(window)?;
            let profile = window.profile(&version.layout)?;
            check_sums(&version.layout, version, &profile)?;
            let predictions = profile.counts[version.layout.predictions()];
            Ok((profile, predictions))
        }
    }
}

fn page_counters(page: &Page, version: &Version) -> Profile {
    let layout = &version.layout;
    let mut profile = Profile::new(layout);
    profile.count(layout.page(page.stage));
    let budget = version.manifest.budgets.first_prediction_ms;
    if page.stage == PageStage::Predicted && page.elapsed_ms as f64 <= budget {
        profile.count(layout.within_budget());
    }
    profile
}

fn check_amounts(window: &Window) -> Result<(), Problem> {
    if window.duration_ms > MAX_AGE.0 {
        return Err(refused("the window is longer than a day"));
    }
    if window.counts.iter().any(|(_, count)| *count > MAX_COUNT) {
        return Err(refused("a count is higher than a million"));
    }
    let believable = |moments: &Moments| {
        let numbers = [moments.mean, moments.min, moments.max, moments.m2.sqrt()];
        // The mean is rounded at every step, so it may leave the range by a little.
        let slack = 1e-6 * (1.0 + moments.min.abs().max(moments.max.abs()));
        moments.count <= MAX_COUNT
            && numbers.iter().all(|number| number.abs() <= MAX_NUMBER)
            && moments.mean >= moments.min - slack
            && moments.mean <= moments.max + slack
    };
    if !window.moments.iter().chain(&window.business).all(|(_, moments)| believable(moments)) {
        return Err(refused("a mean or a range that no numbers have"));
    }
    Ok(())
}

/// What the kit makes always adds up: nothing is counted more often than there were predictions or records.
fn check_sums(layout: &Layout, version: &Version, profile: &Profile) -> Result<(), Problem> {
    let at = |place: usize| profile.counts.get(place).copied().unwrap_or(0);
    let sum = |places: std::ops::Range<usize>| places.map(at).fold(0, u64::saturating_add);
    let predictions = at(layout.predictions());
    let mut sums = vec![
        at(layout.sessions()),
        at(layout.outside()),
        at(layout.over_latency()),
        sum(layout.scores()),
        sum(layout.actions()),
    ];
    sums.extend((0..layout.features()).map(|feature| sum(layout.feature(feature))));
    sums.extend(profile.moments.iter().map(|moments| moments.count));
    for group in 0..version.manifest.groups.len() {
        let values = (0..layout.group_values(group)).map(Some).chain([None]);
        let counted =
            values.flat_map(|value| [true, false].map(|favourable| at(layout.group(group, value, favourable))));
        sums.push(counted.fold(0, u64::saturating_add));
    }
    if sums.iter().any(|&sum| sum > predictions) {
        return Err(refused("the counters do not add up: something was counted more often than it was predicted"));
    }
    let mut outcomes = sum(layout.outcomes(true)).saturating_add(sum(layout.outcomes(false)));
    for group in 0..version.manifest.groups.len() {
        for value in (0..layout.group_values(group)).map(Some).chain([None]) {
            let start = layout.group_outcome(group, value, false, false);
            outcomes = outcomes.saturating_add(sum(start..start + 4));
        }
    }
    if outcomes > 0 {
        return Err(refused("outcomes come with their receipts, by POST /v1/outcomes"));
    }
    Ok(())
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "frame-invalid", detail)
}
