//! Errors on the wire: problem details for HTTP (RFC 9457).

use crate::error::{Error, ErrorKind};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem: what the request cannot have, why, and what to do.
///
/// `type` is `about:blank`, so `title` is the phrase of the status; `code` is the stable name of the kit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem with a status, a stable code, and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (title, status) = (status.canonical_reason().unwrap_or("Error"), status.as_u16());
        Self { kind: "about:blank", title, status, detail: detail.into(), code, instance: None, retry_after: None }
    }

    /// Says after how many seconds the same request may be taken.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the resource that it happened on; queries, which may hold a key, are left out.
    pub fn at(mut self, uri: &Uri) -> Self {
        self.instance = Some(uri.path().to_owned());
        self
    }

    /// There is nothing at this address.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Network => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Io | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::BundleCorrupt | ErrorKind::BundleFormat | ErrorKind::GateFailed => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        let code = error.kind().code();
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Self::new(status, code, error.to_string()).retry_after(1),
            // Paths and the state of the machine are for its log, not for whoever asks.
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!("{error}");
                Self::new(status, code, "the collector could not do this; its log says why")
            }
            _ => Self::new(status, code, error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_problem_without_the_paths_of_the_machine() {
        let error = Error::new(ErrorKind::Io, "disk full").place("/srv/secret/collector.db");
        let problem = Problem::from(error);
        assert_eq!((problem.status, problem.code()), (500, "io"));
        assert!(!problem.detail.contains("secret"));
        let problem = Problem::from(Error::new(ErrorKind::FrameInvalid, "cut off"));
        assert_eq!(serde_json::to_value(&problem).unwrap()["title"], "Bad Request");
    }
}
