//! Live events: what was counted, alerts, and new champions, as server-sent events.

use super::App;
use super::problem::Problem;
use crate::alerts::Alert;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};

/// The most streams at once.
const MAX_STREAMS: usize = 256;
/// How many events a slow reader may be behind before it misses some.
const BACKLOG: usize = 256;

/// What is told to those who listen.
#[derive(Debug, Clone)]
pub enum LiveEvent {
    /// Predictions were counted.
    Window {
        /// The model.
        model: String,
        /// The version.
        version: String,
        /// How many are new.
        predictions: u64,
    },
    /// An alert is new, or has a new state.
    Alert(Box<Alert>),
    /// A model has a new champion.
    Rollout {
        /// The model.
        model: String,
        /// The version that answers now.
        champion: String,
    },
    /// The collector stops.
    Close,
}

/// Everybody who listens.
pub struct Live {
    sender: broadcast::Sender<LiveEvent>,
    /// What was counted since it was last told; the writer adds, and [`Live::pulse`] tells.
    counted: Mutex<BTreeMap<(String, String), u64>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), counted: Mutex::default() }
    }
}

impl Live {
    /// Tells everybody.
    pub fn tell(&self, event: LiveEvent) {
        // Without listeners there is nobody to tell.
        let _ = self.sender.send(event);
    }

    /// Adds to what [`Live::pulse`] tells next.
    pub fn counted<'a>(&self, predictions: impl Iterator<Item = (&'a str, &'a str, u64)>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (model, version, count) in predictions {
            *counted.entry((model.to_owned(), version.to_owned())).or_default() += count;
        }
    }

    /// Tells what was counted: one event per version however many frames came. Gives whether anything was.
    pub fn pulse(&self) -> bool {
        let counted = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        let any = !counted.is_empty();
        for ((model, version), predictions) in counted {
            self.tell(LiveEvent::Window { model, version, predictions });
        }
        any
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }
}

/// `GET /v1/live`.
pub async fn live(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    app.access.check_read(&headers)?;
    if app.live.listeners() >= MAX_STREAMS {
        let detail = format!("{MAX_STREAMS} pages are listening already");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-listeners", detail).retry_after(10));
    }
    let events = BroadcastStream::new(app.live.sender.subscribe());
    // A reader that fell behind misses events, and reads the state itself with the next one.
    let events = events.filter_map(Result::ok).take_while(|event| !matches!(event, LiveEvent::Close));
    Ok(Sse::new(events.map(|event| Ok(to_event(&event)))).keep_alive(KeepAlive::default()))
}

fn to_event(event: &LiveEvent) -> Event {
    let (name, data) = match event {
        LiveEvent::Window { model, version, predictions } => {
            ("window", json!({ "model": model, "version": version, "predictions": predictions }).to_string())
        }
        LiveEvent::Alert(alert) => ("alert", serde_json::to_string(alert).unwrap_or_default()),
        LiveEvent::Rollout { model, champion } => {
            ("rollout", json!({ "model": model, "champion": champion }).to_string())
        }
        LiveEvent::Close => ("close", String::new()),
    };
    Event::default().event(name).data(data)
}
