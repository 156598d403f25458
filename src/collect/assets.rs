//! Files that the binary carries: the dashboard, the SDK and the examples.

use super::App;
use super::problem::Problem;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};
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

/// A page may load, and run, only what it came with; WebAssembly is compiled, text is never run as script. The same for
/// the dashboard and the examples.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

/// The model that the example page asks.
const EXAMPLE_MODEL: &str = "loan-approval";

/// For what never changes under its name.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For what may have changed each time.
pub const REVALIDATE: &str = "no-cache";

/// `GET /` and every path that nothing else answers.
pub async fn dashboard(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = find(table::DASHBOARD, path) {
        let cache = if path.starts_with("assets/") { IMMUTABLE } else { REVALIDATE };
        return with_policy(file.response(&headers, cache), HeaderValue::from_static(POLICY));
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
        Some(file) => with_policy(file.response(&headers, REVALIDATE), page_policy(file)),
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
        return with_policy(index.response(&HeaderMap::new(), REVALIDATE), page_policy(index));
    }
    let pages: Vec<String> = table::EXAMPLES
        .iter()
        .filter(|file| file.path.ends_with(".html"))
        .map(|file| format!("/examples/{}", file.path.trim_end_matches("index.html")))
        .collect();
    Json(json!({ "examples": pages })).into_response()
}

/// The address of the example page, where the binary carries it and the model that it asks is among these.
pub fn example(models: &[String]) -> Option<&'static str> {
    let page = find(table::EXAMPLES, "plain/index.html");
    page.filter(|_| models.iter().any(|model| model == EXAMPLE_MODEL)).map(|_| "/examples/plain/")
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

/// The answer with a file, or that whoever asks has it.
pub fn respond(
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

fn with_policy(mut response: Response, policy: HeaderValue) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// The policy of a page that the binary carries. Scripts that stand in the page run too, known by their hashes: a script
/// that something else puts there does not.
fn page_policy(file: &Embedded) -> HeaderValue {
    let strict = HeaderValue::from_static(POLICY);
    if !file.path.ends_with(".html") {
        return strict;
    }
    let page = String::from_utf8_lossy(file.bytes);
    let hashes: String =
        inline_scripts(&page).map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script)))).collect();
    let policy = POLICY.replacen("'wasm-unsafe-eval'", &format!("'wasm-unsafe-eval'{hashes}"), 1);
    HeaderValue::from_str(&policy).unwrap_or(strict)
}

/// The scripts of a page that stand in it, as the browser hashes them.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script").skip(1).filter_map(|script| {
        let (tag, rest) = script.split_once('>')?;
        let (content, _) = rest.split_once("</script>")?;
        (!tag.contains("src=")).then_some(content)
    })
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

/// Whether whoever asks takes `br`.
pub fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim() == "br" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_page_runs_the_scripts_that_stand_in_it_and_no_others() {
        let page = "<script src=\"a.js\"></script><script data-model=\"m\">one()</script>\n<script>two()</script>";
        assert_eq!(inline_scripts(page).collect::<Vec<_>>(), ["one()", "two()"]);
        let file = Embedded { path: "x.html", mime: "text/html", etag: "", bytes: page.as_bytes(), brotli: None };
        let policy = page_policy(&file);
        // The base64 of the SHA-256 of `one()`, by another program.
        let hash = "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='";
        assert!(policy.to_str().unwrap().contains(hash), "{policy:?}");
        for file in table::EXAMPLES {
            let policy = page_policy(file);
            let policy = policy.to_str().unwrap();
            let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).unwrap();
            assert!(scripts.contains("'self'") && !scripts.contains("unsafe-inline"), "{}: {scripts}", file.path);
            assert!(policy.ends_with("require-trusted-types-for 'script'"), "{}: {policy}", file.path);
        }
    }

    #[test]
    fn tables_are_sorted_as_they_are_searched() {
        for files in [table::DASHBOARD, table::SDK, table::EXAMPLES] {
            assert!(files.is_sorted_by_key(|file| file.path));
        }
    }
}
