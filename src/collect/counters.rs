//! Counters of the collector itself, and `/metrics` in the text format of Prometheus.

use super::App;
use super::problem::Problem;
use super::query;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What became of what was sent, since the collector was started.
#[derive(Debug, Default)]
pub struct Counters {
    frames: Mutex<BTreeMap<&'static str, u64>>,
    outcomes: AtomicU64,
    outcomes_refused: AtomicU64,
    panics: AtomicU64,
}

impl Counters {
    /// A frame ended: `stored`, `duplicate`, `not_kept_gpc`.
    pub fn frame(&self, result: &'static str) {
        *self.frames.lock().unwrap_or_else(PoisonError::into_inner).entry(result).or_default() += 1;
    }

    /// A frame was refused, for the reason of this code.
    pub fn frame_refused(&self, code: &'static str) {
        self.frame(code);
    }

    /// Outcomes were counted.
    pub fn outcomes(&self, count: u64) {
        self.outcomes.fetch_add(count, Ordering::Relaxed);
    }

    /// Outcomes were refused.
    pub fn outcomes_refused(&self, count: u64) {
        self.outcomes_refused.fetch_add(count, Ordering::Relaxed);
    }

    /// A handler panicked, and was caught.
    pub fn panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }
}

/// `GET /metrics`.
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    app.access.check_read(&headers)?;
    let totals = app.store.read(query::totals).await?;
    let alerts = app.store.read(|connection| query::alerts(connection, None, 1_000)).await?;
    let counters = &app.counters;
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let frames = counters.frames.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let frames: Vec<_> = frames.iter().map(|(result, count)| (labels(&[("result", result)]), *count as f64)).collect();
    family("nearside_frames_total", "counter", "Frames by what became of them.", &frames);
    let plain = |value: f64| [(String::new(), value)];
    let load = |counter: &AtomicU64| plain(counter.load(Ordering::Relaxed) as f64);
    family("nearside_outcomes_total", "counter", "Outcomes that were counted.", &load(&counters.outcomes));
    let refused = load(&counters.outcomes_refused);
    family("nearside_outcomes_refused_total", "counter", "Outcomes that were refused.", &refused);
    family("nearside_panics_total", "counter", "Requests that ended in a defect.", &load(&counters.panics));
    let predictions: Vec<_> = totals
        .iter()
        .map(|total| (labels(&[("model", &total.model), ("version", &total.version)]), total.predictions as f64))
        .collect();
    family("nearside_predictions_total", "counter", "Predictions that were counted.", &predictions);
    let firing: Vec<_> = app
        .models
        .all()
        .map(|model| {
            let is_open = |alert: &&crate::alerts::Alert| {
                alert.model == model.name() && alert.state == crate::alerts::AlertState::Firing
            };
            (labels(&[("model", model.name())]), alerts.iter().filter(is_open).count() as f64)
        })
        .collect();
    family("nearside_alerts_firing", "gauge", "Alerts that are firing.", &firing);
    let champions: Vec<_> = app
        .models
        .all()
        .map(|model| (labels(&[("model", model.name()), ("version", &model.champion())]), 1.0))
        .collect();
    family("nearside_champion_info", "gauge", "The version that answers.", &champions);
    let statistics = app.store.statistics();
    family("nearside_commits_total", "counter", "Transactions of the store.", &load(&statistics.commits));
    family("nearside_writes_total", "counter", "Writes in those transactions.", &load(&statistics.writes));
    family("nearside_writes_failed_total", "counter", "Writes that were not kept.", &load(&statistics.failed));
    let damaged = load(&statistics.damaged);
    family("nearside_damaged_windows_total", "counter", "Windows that could not be read, moved aside.", &damaged);
    let busy = statistics.busy_us.load(Ordering::Relaxed) as f64 / 1e6;
    family("nearside_commit_seconds_total", "counter", "Time spent in those transactions.", &plain(busy));
    let listeners = plain(app.live.listeners() as f64);
    family("nearside_live_listeners", "gauge", "Pages that follow the live events.", &listeners);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(labels(&[("model", "a\"b\\c\n")]), r#"{model="a\"b\\c\n"}"#);
    }
}
