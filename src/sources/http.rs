//! APIs and open data sets over HTTP: asked again when they are busy, and not fetched again when nothing changed.

use super::digest::{Hashing, hex};
use super::file::write_whole;
use super::secrets::{Filled, fill};
use crate::bundle::short_digest;
use crate::canvas::DataSource;
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, StatusCode, header};

/// Where a project keeps what it fetched.
const FOLDER: &str = ".nearside/cache";

/// How often a source is asked at most.
const ATTEMPTS: u32 = 5;

/// The first pause before it is asked again; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(500);

/// An answer, in a file of the cache.
pub(super) struct Fetched {
    /// The file.
    pub(super) path: PathBuf,
    /// Its SHA-256, in hexadecimal digits.
    pub(super) sha256: String,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// When the server says that the data changed last.
    pub(super) modified: Option<u64>,
    /// How many requests it took.
    pub(super) calls: u64,
}

/// What is known of a cached answer.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    etag: Option<String>,
    last_modified: Option<String>,
    sha256: String,
    bytes: u64,
}

/// What came of one request.
enum Answer {
    Fetched(Known),
    Unchanged,
    /// Worth another attempt: what went wrong, and how long the server wants to be left alone.
    Busy(String, Option<Duration>),
}

/// Fetches the answer of a source into the cache of the project, where it is not there already.
pub(super) fn fetch(source: &DataSource, project: &Path, limit: Duration) -> Result<Fetched> {
    let place = &source.location;
    let url = fill(place).map_err(|error| error.place(place))?;
    let mut headers = Vec::new();
    for (name, value) in &source.headers {
        headers.push((name.as_str(), fill(value).map_err(|error| error.place(place).item(format!("headers.{name}")))?));
    }
    let folder = project.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| Error::from(error).place(folder.display()))?;
    let asked: String = headers.iter().map(|(name, value)| format!("\n{name}: {}", value.text)).collect();
    let key = short_digest(format!("{}{asked}", url.text).as_bytes());
    let (path, about) = (folder.join(format!("{key}.body")), folder.join(format!("{key}.json")));
    let known = std::fs::read(&about).ok().and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
    let known = known.filter(|known| path.metadata().is_ok_and(|file| file.len() == known.bytes));

    let start = Instant::now();
    let left = || limit.saturating_sub(start.elapsed());
    let network = |message: String| {
        let hidden = headers.iter().fold(url.hide(&message), |message, (_, value)| value.hide(&message));
        Error::new(ErrorKind::Network, hidden).place(place)
    };
    let mut pause = PAUSE;
    for call in 1..=ATTEMPTS {
        let answer = ask(&url, &headers, known.as_ref(), &path, left()).map_err(|message| {
            network(message).help("correct `location` and `headers` of the source, or ask its owner for access")
        })?;
        let done = |known: Known| Fetched {
            modified: known.last_modified.as_deref().and_then(moment),
            path: path.clone(),
            sha256: known.sha256,
            bytes: known.bytes,
            calls: call.into(),
        };
        match (answer, &known) {
            (Answer::Fetched(fresh), _) => {
                let text = serde_json::to_vec(&fresh).map_err(|error| network(error.to_string()))?;
                write_whole(&about, &text)?;
                return Ok(done(fresh));
            }
            (Answer::Unchanged, Some(known)) => return Ok(done(known.clone())),
            (Answer::Unchanged, None) => {
                return Err(network("the server says that nothing changed, and nothing was fetched yet".into()));
            }
            (Answer::Busy(message, wish), _) => {
                let wait = wish.unwrap_or(pause);
                if call == ATTEMPTS || wait >= left() {
                    let message = format!("{message}; gave up after {call} requests");
                    return Err(network(message).help("see that the address is right and the server is up"));
                }
                std::thread::sleep(wait);
                pause *= 2;
            }
        }
    }
    Err(network("it was not asked".into()))
}

/// One request. What no further attempt would change is an error.
fn ask(
    url: &Filled,
    headers: &[(&str, Filled)],
    known: Option<&Known>,
    path: &Path,
    left: Duration,
) -> Result<Answer, String> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(left))
        .timeout_connect(Some(left.min(Duration::from_secs(20))))
        .user_agent(concat!("nearside/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut request = agent.get(&url.text);
    for (name, value) in headers {
        request = request.header(*name, &value.text);
    }
    if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
        request = request.header(header::IF_NONE_MATCH, etag);
    } else if let Some(modified) = known.and_then(|known| known.last_modified.as_ref()) {
        request = request.header(header::IF_MODIFIED_SINCE, modified);
    }
    let response = match request.call() {
        Ok(response) => response,
        Err(error) => return transient(error),
    };
    let status = response.status();
    if status == StatusCode::NOT_MODIFIED {
        return Ok(Answer::Unchanged);
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let wish = text(response.headers(), header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        return Ok(Answer::Busy(format!("the server answers {status}"), wish.map(Duration::from_secs)));
    }
    if !status.is_success() {
        return Err(format!("the server answers {status}"));
    }
    let (etag, last_modified) =
        (text(response.headers(), header::ETAG), text(response.headers(), header::LAST_MODIFIED));
    match store(response.into_body().into_reader(), path) {
        Ok((sha256, bytes)) => Ok(Answer::Fetched(Known { etag, last_modified, sha256, bytes })),
        Err(error) => transient(error.into()),
    }
}

/// Whether an error may be over by the next attempt.
fn transient(error: ureq::Error) -> Result<Answer, String> {
    use ureq::Error as E;
    match error {
        E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed => {
            Ok(Answer::Busy(format!("it cannot be reached: {error}"), None))
        }
        error => Err(format!("it cannot be asked: {error}")),
    }
}

/// Writes an answer to the cache as it comes; gives its hash and size.
fn store(mut body: impl Read, path: &Path) -> std::io::Result<(String, u64)> {
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let write = || {
        let mut file = Hashing::new(std::fs::File::create(&part)?);
        std::io::copy(&mut body, &mut file)?;
        let (file, hash, bytes) = file.finish();
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        Ok((hex(hash), bytes))
    };
    let mut write = write;
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Milliseconds since 1970 of a date as HTTP writes it: `Tue, 15 Nov 1994 12:45:26 GMT`.
fn moment(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let day = super::moment::day_number(&format!("{year}-{month:02}-{day}"))?;
    let seconds = time.split(':').try_fold(0_i64, |sum, part| Some(sum * 60 + part.parse::<i64>().ok()?))?;
    u64::try_from((day * 86_400 + seconds) * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_header_is_read() {
        assert_eq!(moment("Thu, 01 Jan 1970 00:01:01 GMT"), Some(61_000));
        assert_eq!(moment("Tue, 15 Nov 1994 12:45:26 GMT"), Some(784_903_526_000));
        assert_eq!(moment("yesterday"), None);
    }
}
