//! Files of bundles, for pages of any site: compressed for those who take that, and of no version that is not whole.

use super::App;
use super::assets::{IMMUTABLE, REVALIDATE, accepts_brotli, for_everybody, respond};
use super::models::Model;
use super::problem::Problem;
use crate::bundle::{sha256_hex, short_digest};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

/// Below this size compression saves nothing that matters.
const SMALLEST: usize = 512;
/// Above it, compressing holds up the first reader for too long.
const LARGEST: usize = 64 << 20;
/// From this size on, it is compressed for speed.
const LARGE: usize = 4 << 20;
/// How much is kept in memory, compressed.
const MOST: usize = 128 << 20;

type Place = Arc<OnceLock<Option<Bytes>>>;

/// Files as they are sent with `content-encoding: br`, each compressed once. A file is known by what is in it, or, where
/// its name carries a hash, by its name, size and time, so that it need not be read again.
#[derive(Debug, Default)]
pub struct Packed {
    places: Mutex<HashMap<String, Place>>,
}

impl Packed {
    /// The compressed bytes, where they were made before.
    fn known(&self, key: &str) -> Option<Bytes> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(key)?.get()?.clone()
    }

    /// The compressed bytes; nothing where compression does not make them smaller. Several who ask for the same at once
    /// wait for one compression.
    fn pack(&self, key: String, bytes: &[u8]) -> Option<Bytes> {
        if !(SMALLEST..=LARGEST).contains(&bytes.len()) {
            return None;
        }
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            let size = |place: &Place| place.get().and_then(Option::as_ref).map_or(0, Bytes::len);
            if places.values().map(size).sum::<usize>() > MOST {
                places.clear();
            }
            places.entry(key).or_default().clone()
        };
        place.get_or_init(|| compress(bytes)).clone()
    }
}

fn compress(bytes: &[u8]) -> Option<Bytes> {
    let quality = if bytes.len() < LARGE { 9 } else { 5 };
    let params = brotli::enc::BrotliEncoderParams { quality, size_hint: bytes.len(), ..Default::default() };
    let mut packed = Vec::with_capacity(bytes.len() / 2);
    brotli::BrotliCompress(&mut io::Cursor::new(bytes), &mut packed, &params).ok()?;
    (packed.len() < bytes.len() - bytes.len() / 20).then(|| packed.into())
}

/// What is sent, and how.
struct Content {
    bytes: Bytes,
    brotli: bool,
    /// What tells this content from any other, without the coding.
    tag: String,
}

/// `GET /models/{name}/{file}`. A bundle is one flat folder, so a name with a separator in it names nothing.
///
/// The two files that change, `channel.json` and `manifest.json`, are those of the champion that was verified: a page is
/// never sent to a version whose files are not the ones that were packed.
pub async fn file(
    State(app): State<Arc<App>>,
    Path((name, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let not_found = || for_everybody(Problem::not_found("the bundle has no such file").at(&uri).into_response());
    let Some(model) = app.models.get(&name).cloned() else { return not_found() };
    if !is_plain(&file) {
        return not_found();
    }
    let (worker, wanted, brotli) = (app.clone(), file.clone(), accepts_brotli(&headers));
    let read = tokio::task::spawn_blocking(move || content(&worker.packed, &model, &wanted, brotli).ok());
    let Ok(Some(content)) = read.await else { return not_found() };
    let etag = format!("\"{}{}\"", content.tag, if content.brotli { "-br" } else { "" });
    let cache = if carries_hash(&file) { IMMUTABLE } else { REVALIDATE };
    for_everybody(respond(&headers, mime(&file), &etag, cache, Body::from(content.bytes), content.brotli))
}

fn content(packed: &Packed, model: &Model, file: &str, brotli: bool) -> io::Result<Content> {
    let channel = model.channel();
    if file == "channel.json" {
        let bytes = serde_json::to_vec_pretty(&channel)?;
        return Ok(Content { tag: short_digest(&bytes), bytes: bytes.into(), brotli: false });
    }
    let path = model.folder().join(if file == "manifest.json" { &channel.champion.manifest } else { file });
    if !carries_hash(file) {
        let bytes = fs::read(&path)?;
        let tag = short_digest(&bytes);
        return Ok(encoded(packed, brotli.then(|| sha256_hex(&bytes)), bytes, tag));
    }
    // The name of an immutable file says what is in it.
    let tag = file.to_owned();
    if brotli && let Ok(bytes) = fs::read(path.with_file_name(format!("{file}.br"))) {
        return Ok(Content { bytes: bytes.into(), brotli, tag });
    }
    let key = brotli.then(|| key(&path)).transpose()?;
    if let Some(bytes) = key.as_ref().and_then(|key| packed.known(key)) {
        return Ok(Content { bytes, brotli, tag });
    }
    Ok(encoded(packed, key, fs::read(&path)?, tag))
}

fn encoded(packed: &Packed, key: Option<String>, bytes: Vec<u8>, tag: String) -> Content {
    match key.and_then(|key| packed.pack(key, &bytes)) {
        Some(bytes) => Content { bytes, brotli: true, tag },
        None => Content { bytes: bytes.into(), brotli: false, tag },
    }
}

/// A file that is copied again, because it was damaged, has another time.
fn key(path: &FilePath) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{} {} {}", path.display(), metadata.len(), modified.as_nanos()))
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
    use sha2::{Digest, Sha256};

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
    fn a_file_is_compressed_once_and_only_where_that_saves() {
        let packed = Packed::default();
        let text = b"the same words ".repeat(1_000);
        let small = packed.pack("a".into(), &text).unwrap();
        assert!(small.len() < text.len() / 10);
        let mut back = Vec::new();
        brotli::BrotliDecompress(&mut io::Cursor::new(&small), &mut back).unwrap();
        assert_eq!(back, text);
        // What is known by its key is not looked at again.
        assert_eq!((packed.known("a"), packed.pack("a".into(), &[0; 1_000])), (Some(small.clone()), Some(small)));
        assert_eq!((packed.known("b"), packed.pack("b".into(), b"too short")), (None, None));
        let noise: Vec<u8> = (0..64u8).flat_map(|index| <[u8; 32]>::from(Sha256::digest([index]))).collect();
        assert_eq!(packed.pack("c".into(), &noise), None);
    }
}
