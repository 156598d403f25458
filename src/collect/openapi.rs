//! `/openapi.json`: the interface of the collector, from one table.

use super::assets;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Anybody.
    Public,
    /// Pages with the write key.
    Writer,
    /// Readers.
    Reader,
    /// The administrator.
    Admin,
}

/// One operation: method, path, who may call it, what it does, its query parameters, and the status of success.
pub type Operation = (&'static str, &'static str, Role, &'static str, &'static [&'static str], u16);

/// `consent=user` is the visitor's own yes, which goes before their browser's `Sec-GPC`.
const WRITE: &[&str] = &["key", "consent"];
/// What is counted in a minute, or for older times in an hour, belongs to the range that it starts in.
const RANGE: &[&str] = &["from", "to", "version"];

/// All operations.
pub const OPERATIONS: &[Operation] = &[
    ("post", "/v1/ingest", Role::Writer, "Counts a frame. Answers when it is on the disk.", WRITE, 202),
    (
        "post",
        "/v1/ingest/{shard}",
        Role::Writer,
        "The same; the shard lets a load balancer keep a session on one node.",
        WRITE,
        202,
    ),
    ("post", "/v1/outcomes", Role::Writer, "Counts outcomes by the receipts of their predictions.", WRITE, 202),
    ("get", "/v1/models", Role::Reader, "The models.", &[], 200),
    ("get", "/v1/models/{name}", Role::Reader, "One model and its versions.", &[], 200),
    (
        "get",
        "/v1/models/{name}/report",
        Role::Reader,
        "What a version did; the champion in the last 24 hours by default.",
        RANGE,
        200,
    ),
    (
        "get",
        "/v1/models/{name}/metrics",
        Role::Reader,
        "A series of at most 500 points.",
        &["from", "to", "version", "step"],
        200,
    ),
    ("get", "/v1/models/{name}/canvas", Role::Reader, "The canvas with its live values.", &[], 200),
    ("get", "/v1/models/{name}/alerts", Role::Reader, "The last alerts, newest first.", &[], 200),
    ("get", "/v1/models/{name}/drift", Role::Reader, "Part of the report.", RANGE, 200),
    ("get", "/v1/models/{name}/fairness", Role::Reader, "Part of the report.", RANGE, 200),
    ("get", "/v1/models/{name}/latency", Role::Reader, "Part of the report.", RANGE, 200),
    ("get", "/v1/models/{name}/business", Role::Reader, "Part of the report.", RANGE, 200),
    ("get", "/v1/models/{name}/performance", Role::Reader, "Part of the report.", RANGE, 200),
    ("get", "/v1/models/{name}/boundary", Role::Reader, "Part of the report.", RANGE, 200),
    ("get", "/v1/live", Role::Reader, "Server-sent events: window, alert, rollout.", &[], 200),
    ("post", "/v1/models/{name}/retrain", Role::Admin, "Begins a build.", &[], 202),
    ("post", "/v1/models/{name}/promote", Role::Admin, "Makes a version the champion.", &[], 202),
    ("post", "/v1/models/{name}/rollback", Role::Admin, "Brings the version before back.", &[], 202),
    ("get", "/models/{name}/{file}", Role::Public, "A file of a bundle.", &[], 200),
    ("get", "/config.json", Role::Public, "The write key and the models.", &[], 200),
    ("get", "/healthz", Role::Public, "Whether the process runs.", &[], 200),
    ("get", "/readyz", Role::Public, "Whether it can keep what is sent.", &[], 200),
    ("get", "/metrics", Role::Reader, "The collector itself, in the text format of Prometheus.", &[], 200),
    ("get", "/openapi.json", Role::Public, "This description.", &[], 200),
];

/// `GET /openapi.json`.
pub async fn openapi() -> Response {
    assets::for_everybody(Json(document()).into_response())
}

/// The description as OpenAPI 3.1.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for &(method, path, role, summary, query, success) in OPERATIONS {
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let string = json!({ "type": "string" });
        let mut parameters: Vec<Value> =
            in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": string })).collect();
        parameters.extend(query.iter().map(|&name| {
            let schema = if ["key", "consent", "version"].contains(&name) { "string" } else { "number" };
            json!({ "name": name, "in": "query", "required": name == "key", "schema": { "type": schema } })
        }));
        let mut operation = json!({
            "summary": summary,
            "parameters": parameters,
            "responses": {
                success.to_string(): { "description": "Success" },
                "default": {
                    "description": "Problem details (RFC 9457)",
                    "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } }
                }
            }
        });
        if matches!(role, Role::Reader | Role::Admin) {
            operation["security"] = json!([{ "token": [] }]);
        }
        let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        item[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Nearside collector", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail", "code"],
                "properties": {
                    "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
                    "detail": { "type": "string" }, "instance": { "type": "string" }, "code": { "type": "string" }
                }
            } }
        }
    })
}
