//! Frames: read whole, checked whole, then counted once, and acknowledged when they are on the disk.

use super::App;
use super::access::query;
use super::batch::{Done, Slot, Write};
use super::models::{Model, Version};
use super::problem::Problem;
use crate::bundle::Manifest;
use crate::profile::{Layout, Moments, PageStage, Profile, Stage};
use crate::telemetry::{FEW, Frame, Header, MAX_FRAME_BYTES, Page, Window, decode, features_of_few};
use crate::time::Millis;
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::ops::Range;
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
    if opted_out(uri, headers) {
        app.counters.frame("not_kept_gpc");
        return Ok(accepted(&model.champion(), false));
    }
    let now = app.now();
    let minute = now.before(Millis(header.age_ms)).floor(Millis::MINUTE);
    let slot = Slot { model: header.name.clone(), version: version.manifest.version.clone(), minute };
    let (session, sequence) = (header.session, header.sequence);
    let (layout, profile) = (version.digest, Box::new(profile));
    let write = Write::Frame { session, sequence, slot, now, layout, profile, predictions };
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

/// Whether the visitor's browser says that nothing about them may be shared (Global Privacy Control). The visitor's own
/// yes, given in this page, goes before it: the SDK then says `consent=user`. No setting of the site does.
pub fn opted_out(uri: &Uri, headers: &HeaderMap) -> bool {
    let signal = headers.get("sec-gpc").is_some_and(|value| value.as_bytes() == b"1");
    signal && query(uri, "consent").as_deref() != Some("user")
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
            check_sums(&version.layout, &version.manifest, &profile)?;
            check_few(&version.layout, &version.manifest, &profile)?;
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
    if !window.business.is_empty() {
        return Err(refused("numbers of the business come with their receipts, by POST /v1/outcomes"));
    }
    let believable = |moments: &Moments| {
        moments.count <= MAX_COUNT && moments.mean.abs() <= MAX_NUMBER && moments.m2.sqrt() <= MAX_NUMBER
    };
    if !window.moments.iter().all(|(_, moments)| believable(moments)) {
        return Err(refused("a mean or a deviation that no numbers have"));
    }
    Ok(())
}

/// What the kit makes always adds up: a prediction has one score, where the frame tells of scores, and one bin in each
/// feature that it tells of; nothing is counted more often than there were predictions; and a frame is of one page
/// session.
fn check_sums(layout: &Layout, manifest: &Manifest, profile: &Profile) -> Result<(), Problem> {
    let (at, sum) = (|place| at(profile, place), |places| sum(profile, places));
    let predictions = at(layout.predictions());
    if at(layout.sessions()) > 1 {
        return Err(refused("a frame is of one page session, which counts once"));
    }
    let mut most = vec![at(layout.outside()), sum(layout.actions())];
    let mut outcomes = sum(layout.outcomes(true)).saturating_add(sum(layout.outcomes(false)));
    for group in 0..layout.groups() {
        let mut counted = 0u64;
        for value in (0..layout.group_values(group)).map(Some).chain([None]) {
            let (favourable, other) = (at(layout.group(group, value, true)), at(layout.group(group, value, false)));
            counted = counted.saturating_add(favourable).saturating_add(other);
            let start = layout.group_outcome(group, value, false, false);
            outcomes = outcomes.saturating_add(sum(start..start + 4));
        }
        most.push(counted);
    }
    if outcomes > 0 {
        return Err(refused("outcomes come with their receipts, by POST /v1/outcomes"));
    }
    let (scores, scored) = (sum(layout.scores()), scored(layout, manifest, profile));
    let adds_up = most.iter().all(|&sum| sum <= predictions)
        && (scores == scored || scores == 0 && predictions < FEW)
        && (0..layout.features()).map(|feature| sum(layout.feature(feature))).all(|n| n == 0 || n == predictions)
        && at(layout.over_latency()) <= sum(layout.stage(Stage::Answer));
    if !adds_up {
        return Err(refused("the counters do not add up to the predictions"));
    }
    for (feature, moments) in profile.moments.iter().enumerate().filter(|(_, moments)| moments.count > 0) {
        let bins = layout.feature(feature);
        let missing = at(bins.start + layout.regular_bins(feature));
        if !manifest.features[feature].kind.is_numeric() || moments.count != sum(bins) - missing {
            return Err(refused("the moments are not those of the numbers that were counted"));
        }
    }
    Ok(())
}

/// How many scores a frame has that tells of them.
fn scored(layout: &Layout, manifest: &Manifest, profile: &Profile) -> u64 {
    if manifest.positive_index().is_some() { at(profile, layout.predictions()) } else { 0 }
}

/// What a page leaves out, so that nothing is kept here that tells of one person: fewer than five predictions have the
/// scores, the actions and half of the features, or else the groups.
fn check_few(layout: &Layout, manifest: &Manifest, profile: &Profile) -> Result<(), Problem> {
    if profile.moments.iter().any(|moments| (1..FEW).contains(&moments.count)) {
        return Err(refused("the moments of fewer than five numbers stay in the page"));
    }
    if at(profile, layout.predictions()) >= FEW {
        return Ok(());
    }
    let sum = |places| sum(profile, places);
    let told = |&feature: &usize| sum(layout.feature(feature)) > 0 || sum(layout.violations(feature)) > 0;
    let told = (0..layout.features()).filter(told).count();
    if told > features_of_few(layout.features()) {
        return Err(refused("of fewer than five predictions, half of the features stay in the page"));
    }
    let scores = sum(layout.scores());
    let has_groups = (0..layout.groups()).any(|group| sum(layout.group_places(group)) > 0);
    let of_features = !has_groups && scores == scored(layout, manifest, profile);
    let of_groups = layout.groups() > 0 && told == 0 && scores == 0 && sum(layout.actions()) == 0;
    if !of_features && !of_groups {
        return Err(refused("of fewer than five predictions, a frame tells either of features or of groups"));
    }
    Ok(())
}

fn at(profile: &Profile, place: usize) -> u64 {
    profile.counts.get(place).copied().unwrap_or(0)
}

fn sum(profile: &Profile, places: Range<usize>) -> u64 {
    places.map(|place| at(profile, place)).fold(0, u64::saturating_add)
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "frame-invalid", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two numbers and a group.
    fn manifest() -> Manifest {
        let feature = |name: &str| {
            json!({ "name": name, "kind": "number", "unit": null, "range": null, "values": [], "missing": "median",
                    "note": null, "bins": [1.0, 2.0], "example": 1.5 })
        };
        let manifest = json!({
            "format": 1, "name": "parcel-risk", "version": "0a1b2c3d4e5f", "canvas_digest": "", "engine": "tract",
            "files": {}, "inputs": [], "outputs": [], "roles": {}, "features": [feature("weight"), feature("distance")],
            "task": { "kind": "classification", "target": "late", "classes": ["no", "yes"], "positive": "yes" },
            "groups": [{ "name": "region", "values": ["north"] }], "fallback": null, "explanation": null,
            "bands": [{ "at_least": 0.0, "action": "ship" }], "favourable": ["ship"],
            "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
            "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": null }, "business_metrics": [],
        });
        serde_json::from_value(manifest).unwrap()
    }

    /// As the core counts them, before anything is left out.
    fn counted(layout: &Layout, predictions: u64) -> Profile {
        let mut profile = Profile::new(layout);
        profile.count(layout.sessions());
        for _ in 0..predictions {
            for place in [layout.predictions(), layout.score(0.5), layout.action(0), layout.group(0, Some(0), true)] {
                profile.count(place);
            }
            for feature in 0..2 {
                profile.count(layout.feature(feature).start);
                profile.moments[feature].push(0.5);
            }
        }
        profile
    }

    fn check(layout: &Layout, profile: &Profile) -> Result<(), Problem> {
        check_sums(layout, &manifest(), profile).and_then(|()| check_few(layout, &manifest(), profile))
    }

    #[test]
    fn few_predictions_are_refused_with_what_a_page_leaves_out() {
        let layout = Layout::new(&manifest());
        assert!(check(&layout, &counted(&layout, FEW)).is_ok());
        let mut few = counted(&layout, FEW - 1);
        few.counts[layout.feature(1)].fill(0);
        few.counts[layout.group_places(0)].fill(0);
        assert!(check(&layout, &few).is_err(), "its moments");
        few.moments.fill(Moments::default());
        assert!(check(&layout, &few).is_ok());
        few.count(layout.violations(1).start);
        assert!(check(&layout, &few).is_err(), "both of its features");
    }

    /// Every part that a frame may have, there or not: there are two kinds of frame, and what is less than one of them.
    #[test]
    fn few_predictions_tell_of_features_or_of_groups() {
        let layout = Layout::new(&manifest());
        let mut taken = Vec::new();
        for parts in 0..32u32 {
            let mut few = counted(&layout, 1);
            few.moments.fill(Moments::default());
            let places =
                [layout.scores(), layout.actions(), layout.feature(0), layout.feature(1), layout.group_places(0)];
            for (_, place) in places.into_iter().enumerate().filter(|(part, _)| parts >> part & 1 == 0) {
                few.counts[place].fill(0);
            }
            if check(&layout, &few).is_ok() {
                taken.push(parts);
            }
        }
        let (score, action, first, second, group) = (1, 2, 4, 8, 16);
        let of_features = [score, score | action, score | first, score | action | first];
        let mut wanted: Vec<u32> = of_features.into_iter().chain([score | second, score | action | second]).collect();
        wanted.extend([0, group]);
        wanted.sort();
        assert_eq!(taken, wanted);
        let mut many = counted(&layout, FEW);
        many.counts[layout.scores()].fill(0);
        assert!(check(&layout, &many).is_err(), "five tell of everything");
    }

    #[test]
    fn without_groups_few_predictions_tell_of_features() {
        let manifest = Manifest { groups: vec![], ..manifest() };
        let layout = Layout::new(&manifest);
        let mut few = Profile::new(&layout);
        few.count(layout.predictions());
        let check = |few: &Profile| {
            check_sums(&layout, &manifest, few).and_then(|()| check_few(&layout, &manifest, few)).is_ok()
        };
        assert!(!check(&few));
        few.count(layout.score(0.5));
        assert!(check(&few));
    }

    #[test]
    fn a_feature_is_told_whole_or_not_at_all() {
        let layout = Layout::new(&manifest());
        let changed = |change: &dyn Fn(&mut Profile)| {
            let mut profile = counted(&layout, 10);
            change(&mut profile);
            check(&layout, &profile).is_ok()
        };
        assert!(changed(&|profile| {
            profile.counts[layout.feature(0)].fill(0);
            profile.moments[0] = Moments::default();
        }));
        assert!(changed(&|profile| profile.moments[0] = Moments::default()));
        assert!(!changed(&|profile| profile.counts[layout.feature(0).start] -= 1));
        assert!(
            !changed(&|profile| profile.counts[layout.feature(0)].fill(0)),
            "moments of numbers that nobody counted"
        );
        // A missing value has a bin, and is no number.
        let missing = layout.feature(0).start + layout.regular_bins(0);
        assert!(!changed(&|profile| {
            profile.counts[layout.feature(0).start] -= 1;
            profile.counts[missing] += 1;
        }));
        assert!(!changed(&|profile| profile.counts[layout.score(0.5)] -= 1));
        assert!(!changed(&|profile| profile.counts[layout.sessions()] += 1));
    }
}
