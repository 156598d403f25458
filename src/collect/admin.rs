//! What changes versions by hand: retrain, promote, roll back. Each needs the admin token.

use super::App;
use super::ingest::{read_body, unknown_model};
use super::models::Model;
use super::problem::Problem;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promotion {
    version: String,
}

/// `POST /v1/models/{name}/retrain`: begins a build; its end is told by a `rollout` event and by the versions.
pub async fn retrain(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let model = find(&app, &name, &headers)?;
    if model.project().is_none() {
        let detail = "this model is served as a bundle alone; serve its project to retrain it here";
        return Err(Problem::new(StatusCode::CONFLICT, "no-project", detail));
    }
    let Some(turn) = app.builds.begin(&name) else {
        let detail = "a build of this model is running already";
        return Err(Problem::new(StatusCode::CONFLICT, "already-running", detail));
    };
    let worker = app.clone();
    tokio::spawn(async move {
        let result = super::actions::retrain(&worker, &model, turn).await;
        match result {
            Ok(words) => tracing::info!("{}: {words}", model.name()),
            Err(words) => tracing::warn!("{}: {words}", model.name()),
        }
    });
    Ok((StatusCode::ACCEPTED, Json(json!({ "accepted": true, "action": "retrain" }))).into_response())
}

/// `POST /v1/models/{name}/promote` with `{ "version": "…" }`.
pub async fn promote(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let model = find(&app, &name, &headers)?;
    let bytes = read_body(body, &headers).await?;
    let Promotion { version } = serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("send {{\"version\": \"…\"}}: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "promotion-invalid", detail)
    })?;
    change(&app, &model, move |model| model.registry().promote(&version)).await
}

/// `POST /v1/models/{name}/rollback`.
pub async fn rollback(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let model = find(&app, &name, &headers)?;
    change(&app, &model, |model| model.registry().rollback()).await
}

async fn change(
    app: &Arc<App>,
    model: &Arc<Model>,
    change: impl FnOnce(&Model) -> crate::Result<crate::bundle::Channel> + Send + 'static,
) -> Result<Response, Problem> {
    let subject = model.clone();
    let changed = tokio::task::spawn_blocking(move || change(&subject)).await;
    let channel = changed.map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the change ended early; the log says why")
    })??;
    app.refresh(model).await;
    let previous = channel.previous.map(|pointer| pointer.version);
    let body = json!({ "accepted": true, "champion": channel.champion.version, "previous": previous });
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

fn find(app: &App, name: &str, headers: &HeaderMap) -> Result<Arc<Model>, Problem> {
    app.access.check_admin(headers)?;
    app.models.get(name).cloned().ok_or_else(|| unknown_model(name))
}
