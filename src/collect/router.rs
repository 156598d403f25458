//! The routes, and what every request and answer goes through.

use super::problem::Problem;
use super::{App, admin, assets, bundles, counters, ingest, live, openapi, outcomes, read};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// How long a request may take, its body included. Streams of events are answered at once, and then go on.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let writes = Router::new()
        .route("/v1/ingest", post(ingest::unsharded).options(preflight))
        .route("/v1/ingest/{shard}", post(ingest::sharded).options(preflight))
        .route("/v1/outcomes", post(outcomes::outcomes).options(preflight))
        .layer(middleware::map_response(async |response| assets::for_everybody(uncached(response))));
    let reads = Router::new()
        .route("/v1/models", get(read::models))
        .route("/v1/models/{name}", get(read::model))
        .route("/v1/models/{name}/report", get(read::report))
        .route("/v1/models/{name}/metrics", get(read::metrics))
        .route("/v1/models/{name}/canvas", get(read::canvas))
        .route("/v1/models/{name}/alerts", get(read::alerts))
        .route("/v1/models/{name}/retrain", post(admin::retrain))
        .route("/v1/models/{name}/promote", post(admin::promote))
        .route("/v1/models/{name}/rollback", post(admin::rollback))
        .route("/v1/models/{name}/{part}", get(read::part))
        .route("/v1/live", get(live::live))
        .route("/metrics", get(counters::metrics))
        .route("/config.json", get(assets::config))
        .layer(middleware::from_fn_with_state(app.clone(), own_host))
        .layer(middleware::map_response(async |response| uncached(response)));
    let health = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(middleware::map_response(async |response| uncached(response)));
    let files = Router::new()
        .route("/openapi.json", get(openapi::openapi))
        .route("/sdk/{*path}", get(assets::sdk))
        .route("/examples", get(assets::example_list))
        .route("/examples/", get(assets::example_list))
        .route("/examples/{*path}", get(assets::examples))
        .route("/models/{name}/{file}", get(bundles::file));
    let panics = app.clone();
    Router::new()
        .merge(writes)
        .merge(reads)
        .merge(health)
        .merge(files)
        .fallback(fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(move |panic: Box<dyn Any + Send>| {
            panics.counters.panic();
            panicked(panic.as_ref())
        }))
        .layer(middleware::map_response(async |response| assets::secure(response)))
}

async fn fallback(method: Method, uri: Uri, headers: axum::http::HeaderMap) -> Response {
    match method {
        Method::GET | Method::HEAD => assets::dashboard(uri, headers).await,
        _ => Problem::not_found("there is nothing at this address").at(&uri).into_response(),
    }
}

/// What a collector of this machine tells, it tells to the pages of this machine.
async fn own_host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.access.check_host(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.at(request.uri()).into_response(),
    }
}

async fn method_not_allowed(uri: Uri) -> Problem {
    let detail = "this address does not take this method; `/openapi.json` lists what each one takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).at(&uri)
}

/// The kit's own requests need no preflight; one with `application/json` does.
async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

async fn readyz(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let readable = app.store.read(|connection| super::query::meta(connection, "write_key")).await;
    if app.store.is_open() && readable.is_ok() {
        return Ok(Json(json!({ "status": "ready" })).into_response());
    }
    let detail = "the store takes nothing at the moment";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail).retry_after(5))
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A defect ends one request, never the collector.
fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a request ended in a defect: {}", text.unwrap_or("no words"));
    let detail = "a defect of the collector ended this request; its log says more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
