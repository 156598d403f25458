//! Who may do what: a public write key bound to origins, a reader token, an admin token, and how often.

use super::problem::Problem;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Frames and outcomes per second that one key may send, in the long run.
const RATE: f64 = 5_000.0;
/// How many it may send at once.
const BURST: f64 = 10_000.0;

/// The keys, and the origins that the write key is bound to.
pub struct Access {
    /// Public: it stands in every page.
    pub write_key: String,
    /// Needed for reading, when there is one.
    pub reader_token: Option<String>,
    /// Needed to retrain, promote and roll back.
    pub admin_token: String,
    /// The origins that may write, beside the collector's own; `*` is any.
    pub origins: Vec<String>,
    /// The address that the collector listens on.
    host: IpAddr,
    bucket: Mutex<Bucket>,
}

/// A token bucket.
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Access {
    /// The keys of a collector.
    pub fn new(
        write_key: String,
        reader_token: Option<String>,
        admin_token: String,
        origins: Vec<String>,
        host: IpAddr,
    ) -> Self {
        let bucket = Mutex::new(Bucket { tokens: BURST, filled: Instant::now() });
        Self { write_key, reader_token, admin_token, origins, host, bucket }
    }

    /// Whether the collector listens on this machine only.
    pub fn is_local(&self) -> bool {
        self.host.is_loopback()
    }

    /// Whether a request may be one of this machine. A page of another site can have its own name point here (DNS
    /// rebinding), and would then read as if it were the dashboard; its requests carry that name in `Host`. A collector
    /// of this machine, which asks nobody for a token, therefore answers to the names of this machine only.
    pub fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.is_local() || self.reader_token.is_some() {
            return Ok(());
        }
        let stated = match (headers.get(header::HOST), uri.authority()) {
            // No page can leave it out.
            (None, None) => return Ok(()),
            (Some(host), _) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
            (None, Some(authority)) => Some(authority.clone()),
        };
        if stated.is_some_and(|authority| self.is_own_name(authority.host())) {
            return Ok(());
        }
        let detail = "this collector is for this machine: it answers as localhost, or by its address. For another \
                      name start it with a reader token (`nearside serve --reader-token`)";
        Err(Problem::new(StatusCode::FORBIDDEN, "host-refused", detail))
    }

    fn is_own_name(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        is_of_this_machine(host) || address.is_ok_and(|address| address == self.host)
    }

    /// Whether a frame or an outcome may be sent: origin, key, rate, in this order.
    pub fn check_write(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
        if !origin.is_none_or(|origin| self.knows_origin(origin, headers)) {
            let detail = "pages of this origin may not write here; allow it with `nearside serve --origin`";
            return Err(Problem::new(StatusCode::FORBIDDEN, "origin-refused", detail));
        }
        if !query(uri, "key").is_some_and(|key| same(&key, &self.write_key)) {
            let detail = "the write key is not the one of this collector; `/config.json` has it";
            return Err(Problem::new(StatusCode::FORBIDDEN, "key-refused", detail));
        }
        if !self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()) {
            let detail = "this key sends more than it may; send it again in a second";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail).retry_after(1));
        }
        Ok(())
    }

    /// Whether live values may be read.
    pub fn check_read(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.reader_token else { return Ok(()) };
        let given = bearer(headers);
        if given.is_some_and(|given| same(given, token) || same(given, &self.admin_token)) {
            return Ok(());
        }
        let detail = "send the reader token as `Authorization: Bearer …`";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "token-refused", detail))
    }

    /// Whether versions may be changed.
    pub fn check_admin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if bearer(headers).is_some_and(|given| same(given, &self.admin_token)) {
            return Ok(());
        }
        let detail = "send the admin token as `Authorization: Bearer …`; `nearside serve` says it when it starts";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "token-refused", detail))
    }

    /// The listed origins, pages of this machine, and the collector's own pages. Behind a name that anybody could have
    /// made to point here (DNS rebinding), `Host` proves nothing, so a collector on loopback does not go by it.
    fn knows_origin(&self, origin: &str, headers: &HeaderMap) -> bool {
        if self.origins.iter().any(|known| known == "*" || known.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
            return true;
        }
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        let (Some(authority), Some(host)) = (uri.authority(), uri.host()) else { return false };
        let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        is_of_this_machine(host)
            || (!self.is_local() && own.is_some_and(|own| own.eq_ignore_ascii_case(authority.as_str())))
    }
}

fn is_of_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "[::1]")
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * RATE).min(BURST);
        self.filled = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

/// The value of a query parameter, percent-decoded.
pub fn query(uri: &Uri, name: &str) -> Option<String> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    query.0.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Compares digests, so that the time it takes tells nothing about the secret.
fn same(given: &str, wanted: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use std::time::Duration;

    const HERE: &str = "127.0.0.1";

    fn access(origins: &[&str], host: &str) -> Access {
        let origins = origins.iter().map(ToString::to_string).collect();
        Access::new("pub_1".into(), Some("reader".into()), "admin".into(), origins, host.parse().unwrap())
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_write_needs_the_key_and_a_known_origin() {
        let access = access(&["https://shop.example"], HERE);
        let right: Uri = "/v1/ingest?key=pub_1".parse().unwrap();
        let check = |uri: &Uri, pairs: &[_]| access.check_write(uri, &headers(pairs)).map_err(|problem| problem.code());
        assert_eq!(check(&right, &[]), Ok(()));
        assert_eq!(check(&right, &[(header::ORIGIN, "https://shop.example")]), Ok(()));
        assert_eq!(check(&right, &[(header::ORIGIN, "http://localhost:5173")]), Ok(()));
        for origin in ["https://evil.example", "null", "https://shop.example.evil.example", "http://localhost.evil"] {
            assert_eq!(check(&right, &[(header::ORIGIN, origin)]), Err("origin-refused"), "{origin}");
        }
        let rebound = [(header::ORIGIN, "http://evil.example:8080"), (header::HOST, "evil.example:8080")];
        assert_eq!(check(&right, &rebound), Err("origin-refused"));
        for uri in ["/v1/ingest", "/v1/ingest?key=", "/v1/ingest?key=pub_2"] {
            assert_eq!(check(&uri.parse().unwrap(), &[]), Err("key-refused"), "{uri}");
        }
    }

    #[test]
    fn a_collector_for_others_knows_its_own_pages() {
        let access = access(&[], "192.0.2.1");
        let own = headers(&[(header::ORIGIN, "https://c.example"), (header::HOST, "c.example")]);
        assert!(access.check_write(&"/?key=pub_1".parse().unwrap(), &own).is_ok());
    }

    #[test]
    fn tokens_open_what_they_are_for() {
        let access = access(&[], HERE);
        let with = |token: &str| headers(&[(header::AUTHORIZATION, &format!("Bearer {token}"))]);
        assert!(access.check_read(&with("reader")).is_ok());
        assert!(access.check_read(&with("admin")).is_ok());
        assert!(access.check_read(&HeaderMap::new()).is_err());
        assert!(access.check_admin(&with("admin")).is_ok());
        assert!(access.check_admin(&with("reader")).is_err());
    }

    #[test]
    fn a_local_collector_answers_to_its_own_names_only() {
        let check = |access: &Access, host: &str| {
            access.check_host(&"/v1/models".parse().unwrap(), &headers(&[(header::HOST, host)])).is_ok()
        };
        let open = |host| Access { reader_token: None, ..access(&[], host) };
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "127.0.0.1"] {
            assert!(check(&open(HERE), host), "{host}");
        }
        for host in ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "", "a b"] {
            assert!(!check(&open(HERE), host), "{host}");
        }
        assert!(check(&open("127.0.0.2"), "127.0.0.2:1") && check(&open("::1"), "[::1]:1"));
        // Where a token is asked for, or where others are meant to come, the name says nothing.
        assert!(check(&access(&[], HERE), "c.example") && check(&open("192.0.2.1"), "c.example"));
        assert!(open(HERE).check_host(&"/".parse().unwrap(), &HeaderMap::new()).is_ok());
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: 2.0, filled: start };
        assert!(bucket.take(start) && bucket.take(start) && !bucket.take(start));
        assert!(bucket.take(start + Duration::from_millis(1)));
    }
}
