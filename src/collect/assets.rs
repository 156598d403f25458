//! Files: the dashboard, the SDK and the examples out of the binary, and bundles from their folders.

use super::App;
use super::problem::Problem;
use crate::bundle::short_digest;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use std::sync::Arc;

/// A file that the binary carries.
pub struct Embedded {
    path: &'static str,
    mime: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
}

mod table {
    use super::Embedded;
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

pub use table::MISSING;

/// The dashboard may load, and run, only what it came with; WebAssembly is compiled, text is never run as script.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

/// An example is one page with its script in it.
const EXAMPLE_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";

/// `GET /` and every path that nothing else answers.
pub async fn dashboard(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = find(table::DASHBOARD, path) {
        let cache = if path.starts_with("assets/") { IMMUTABLE } else { REVALIDATE };
        return with_policy(file.response(&headers, cache), DASHBOARD_POLICY);
    }
    if path == "index.html" {
        return missing("dashboard");
    }
    Problem::not_found("there is nothing at this address").at(&uri).into_response()
}

/// `GET /sdk/{*path}`: for pages of any site.
pub async fn sdk(Path(path): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    match find(table::SDK, &path) {
        Some(file) => for_everybody(file.response(&headers, REVALIDATE)),
        None if table::SDK.is_empty() => missing("SDK"),
        None => for_everybody(Problem::not_found("the SDK has no such file").at(&uri).into_response()),
    }
}

/// `GET /examples/{*path}`.
pub async fn examples(Path(path): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let file = find(table::EXAMPLES, &path).or_else(|| {
        let index =
            format!("{}index.html", if path.is_empty() || path.ends_with('/') { path.clone() } else { return None });
        find(table::EXAMPLES, &index)
    });
    match file {
        Some(file) => with_policy(file.response(&headers, REVALIDATE), EXAMPLE_POLICY),
        // A page without its slash would look for its files in the folder above.
        None if find(table::EXAMPLES, &format!("{path}/index.html")).is_some() => {
            Redirect::permanent(&format!("{}/", uri.path())).into_response()
        }
        None => Problem::not_found("there is no such example").at(&uri).into_response(),
    }
}

/// `GET /examples` and `/examples/`: what there is.
pub async fn example_list() -> Response {
    if let Some(index) = find(table::EXAMPLES, "index.html") {
        return with_policy(index.response(&HeaderMap::new(), REVALIDATE), EXAMPLE_POLICY);
    }
    let pages: Vec<String> = table::EXAMPLES
        .iter()
        .filter(|file| file.path.ends_with(".html"))
        .map(|file| format!("/examples/{}", file.path.trim_end_matches("index.html")))
        .collect();
    Json(json!({ "examples": pages })).into_response()
}

/// `GET /models/{name}/{file}`: a file of a bundle, for pages of any site. A bundle is one flat folder, so a name with
/// a separator in it names nothing.
pub async fn bundle(
    State(app): State<Arc<App>>,
    Path((name, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let not_found = || for_everybody(Problem::not_found("the bundle has no such file").at(&uri).into_response());
    let Some(model) = app.models.get(&name) else { return not_found() };
    if !is_plain(&file) {
        return not_found();
    }
    let (path, brotli) = (model.folder().join(&file), accepts_brotli(&headers));
    let read = tokio::task::spawn_blocking(move || {
        let compressed = || std::fs::read(format!("{}.br", path.display())).ok().map(|bytes| (bytes, true));
        brotli.then(compressed).flatten().or_else(|| Some((std::fs::read(&path).ok()?, false)))
    });
    let Ok(Some((bytes, encoded))) = read.await else { return not_found() };
    let hashed = carries_hash(&file);
    // The name of an immutable file says what is in it.
    let etag = match hashed {
        true => format!("\"{file}{}\"", if encoded { ".br" } else { "" }),
        false => format!("\"{}\"", short_digest(&bytes)),
    };
    let cache = if hashed { IMMUTABLE } else { REVALIDATE };
    for_everybody(respond(&headers, mime(&file), &etag, cache, Body::from(bytes), encoded))
}

/// `GET /config.json`: what a page of the collector needs to know. The write key is public.
pub async fn config(State(app): State<Arc<App>>) -> Response {
    let models: Vec<&str> = app.models.all().map(|model| model.name()).collect();
    let body = json!({
        "write_key": app.access.write_key,
        "models": models,
        "version": env!("CARGO_PKG_VERSION"),
        "reader_token_needed": app.access.reader_token.is_some(),
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Headers that every answer carries.
pub fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ));
    headers.entry("cross-origin-resource-policy").or_insert(HeaderValue::from_static("same-origin"));
    headers.entry("cross-origin-opener-policy").or_insert(HeaderValue::from_static("same-origin"));
    response
}

/// Lets pages of any site read the answer.
pub fn for_everybody(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

impl Embedded {
    fn response(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let brotli = self.brotli.filter(|_| accepts_brotli(headers));
        let etag = match brotli {
            Some(_) => format!("{}-br\"", self.etag.trim_end_matches('"')),
            None => self.etag.to_owned(),
        };
        respond(headers, self.mime, &etag, cache, Body::from(brotli.unwrap_or(self.bytes)), brotli.is_some())
    }
}

fn respond(
    headers: &HeaderMap,
    mime: &'static str,
    etag: &str,
    cache: &'static str,
    body: Body,
    brotli: bool,
) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => body.into_response(),
    };
    let answer = response.headers_mut();
    if !known {
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    }
    if brotli {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        answer.insert(header::ETAG, etag);
    }
    response
}

fn with_policy(mut response: Response, policy: &'static str) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn find(files: &'static [Embedded], path: &str) -> Option<&'static Embedded> {
    let index = files.binary_search_by(|file| file.path.cmp(path)).ok()?;
    files.get(index)
}

fn missing(what: &str) -> Response {
    let detail = MISSING.map_or_else(|| format!("the {what} is not in this binary"), str::to_owned);
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-built", detail);
    problem.into_response()
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim() == "br" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    })
}

/// A visible file of one folder: no separator, no drive, no way up.
fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(allowed)
}

/// Whether a name is like `model.0a1b2c3d4e5f.onnx`: its content never changes.
fn carries_hash(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.any(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "json" => "application/json",
        "wasm" => "application/wasm",
        "md" | "txt" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_looked_up() {
        for name in ["channel.json", "model.0a1b2c3d4e5f.onnx", "card.md"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", ".", "..", ".registry.lock", "../canvas.toml", "a/b", "a\\b", "c:x", "a\0", "ä.json"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(carries_hash("model.0a1b2c3d4e5f.onnx") && !carries_hash("channel.json"));
    }

    #[test]
    fn brotli_is_given_to_those_who_take_it() {
        let with =
            |value: &'static str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
        assert!(accepts_brotli(&with("gzip, deflate, br")) && accepts_brotli(&with("br;q=0.5")));
        assert!(
            !accepts_brotli(&with("gzip")) && !accepts_brotli(&with("br;q=0")) && !accepts_brotli(&HeaderMap::new())
        );
    }

    #[test]
    fn tables_are_sorted_as_they_are_searched() {
        for files in [table::DASHBOARD, table::SDK, table::EXAMPLES] {
            assert!(files.is_sorted_by_key(|file| file.path));
        }
    }
}
