//! The registry: a bundle folder on disk, where one channel file says which version answers.
//!
//! A change is written to a hidden file, flushed to the disk and renamed over the old one, so a reader sees the old
//! or the new file and never half of one, and a crash leaves one of the two. Writers take turns by an exclusive lock
//! that the system releases when a process ends, however it ends.

use crate::bundle::{COMPILED, Channel, FileEntry, Manifest, PageFile, Pointer, sha256_hex};
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const CHANNEL: &str = "channel.json";
const MANIFEST: &str = "manifest.json";
const LOCK: &str = ".registry.lock";
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A bundle folder and the versions in it. Holds no state: every call reads the folder, so that several processes may
/// use it at the same time.
///
/// ```no_run
/// use nearside::rollout::Registry;
/// let registry = Registry::new("models/loan-approval/bundle");
/// let before = registry.channel()?.champion.version;
/// let channel = registry.promote("0a1b2c3d4e5f")?;
/// assert_eq!(channel.previous.map(|pointer| pointer.version), Some(before));
/// registry.rollback()?;
/// # Ok::<(), nearside::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    folder: PathBuf,
}

impl Registry {
    /// The registry of a bundle folder. Reads nothing yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The channel file. Fails with `io` where there is none, with `bundle-format` where it is not one.
    pub fn channel(&self) -> Result<Channel> {
        let channel: Channel = self.read_json(CHANNEL)?;
        if channel.format != 1 {
            let message = format!("the channel file has format {}, this version reads format 1", channel.format);
            let error = Error::new(ErrorKind::BundleFormat, message).place(self.folder.join(CHANNEL).display());
            return Err(error.help("use the version of nearside that wrote it"));
        }
        Ok(channel)
    }

    /// The versions whose manifests are in the folder, the oldest file first.
    pub fn versions(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| self.io("cannot be read", &self.folder, &error))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(version) = version_of(&name) {
                let modified = entry.metadata()?.modified()?;
                found.push((modified, version.to_owned()));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, version)| version).collect())
    }

    /// The manifest of a version. Fails with `usage` where the folder has no such version, and with `bundle-corrupt`
    /// where it is not the manifest that the channel file points at.
    pub fn manifest(&self, version: &str) -> Result<Manifest> {
        Ok(self.hashed_manifest(version)?.0)
    }

    /// The manifest of a version with its SHA-256.
    fn hashed_manifest(&self, version: &str) -> Result<(Manifest, String)> {
        let name = manifest_name(version);
        if version_of(&name).is_none() || !self.folder.join(&name).is_file() {
            let known = self.versions()?.join(", ");
            let error = Error::new(ErrorKind::Usage, format!("there is no version {version}"));
            return Err(error.place(self.folder.display()).help(format!("the folder has {known}")));
        }
        let path = self.folder.join(&name);
        let bytes = self.read(&name)?;
        let hash = sha256_hex(&bytes);
        if self.stated_hash(version)?.is_some_and(|stated| !stated.eq_ignore_ascii_case(&hash)) {
            return Err(corrupt(&path, "its SHA-256 is not the one in channel.json"));
        }
        let manifest: Manifest = parse(&path, &bytes)?;
        manifest.check().map_err(|error| error.place(path.display()))?;
        if manifest.version != version {
            return Err(corrupt(&path, "the version in it is another one than its name says"));
        }
        Ok((manifest, hash))
    }

    /// What the channel file says that the SHA-256 of a version's manifest is, where it points at that version.
    fn stated_hash(&self, version: &str) -> Result<Option<String>> {
        if !self.folder.join(CHANNEL).exists() {
            return Ok(None);
        }
        Ok(self.channel()?.pointer(version).and_then(|pointer| pointer.sha256.clone()))
    }

    /// One file of a version by its role, verified. `None` when the version has no file of that role.
    pub fn file(&self, manifest: &Manifest, role: &str) -> Result<Option<Vec<u8>>> {
        manifest.files.get(role).map(|entry| self.verified(entry)).transpose()
    }

    /// Verifies every file of a version: its size and SHA-256, and the manifest's own where the channel file points at
    /// it. Fails with `bundle-corrupt`, naming the file.
    pub fn verify(&self, version: &str) -> Result<Manifest> {
        Ok(self.verify_hashed(version)?.0)
    }

    fn verify_hashed(&self, version: &str) -> Result<(Manifest, String)> {
        let hashed = self.hashed_manifest(version)?;
        for (role, entry) in &hashed.0.files {
            let bytes = self.verified(entry)?;
            if role == "plan" {
                let check = PageFile::read(&bytes).and_then(|file| file.check(&hashed.0));
                check.map_err(|error| error.place(self.folder.join(&entry.path).display()))?;
            }
        }
        Ok(hashed)
    }

    /// Makes a version the champion, after all of its files were verified. Gives the new channel. The first version of
    /// a folder without a channel file starts one.
    pub fn promote(&self, version: &str) -> Result<Channel> {
        let _turn = self.lock()?;
        let (manifest, hash) = self.verify_hashed(version)?;
        let Some(model) = manifest.model_file() else {
            return Err(corrupt(&self.folder.join(manifest_name(version)), "it names no model"));
        };
        let next = Pointer {
            version: version.to_owned(),
            manifest: manifest_name(version),
            sha256: Some(hash),
            engine: manifest.engine.clone(),
            model: model.path.clone(),
            model_sha256: (manifest.engine == COMPILED).then(|| model.sha256.clone()),
        };
        let channel = match self.folder.join(CHANNEL).exists() {
            true => self.channel()?.promoted(next),
            false => Channel::new(manifest.name, next),
        };
        self.write(&channel)?;
        Ok(channel)
    }

    /// Brings the version before back, after all of its files were verified. Fails with `usage` where there is none.
    pub fn rollback(&self) -> Result<Channel> {
        let _turn = self.lock()?;
        let channel = self.channel()?;
        let Some(mut back) = channel.rolled_back() else {
            let error = Error::new(ErrorKind::Usage, "there is no version before this one").model(&channel.name);
            return Err(error.help("promote another version first"));
        };
        back.champion.sha256 = Some(self.verify_hashed(&back.champion.version)?.1);
        self.write(&back)?;
        Ok(back)
    }

    /// The channel file is written last: it alone says which version answers.
    fn write(&self, channel: &Channel) -> Result<()> {
        let bytes = self.read(&channel.champion.manifest)?;
        write_atomically(&self.folder.join(MANIFEST), &bytes)?;
        write_atomically(&self.folder.join(CHANNEL), &to_json(channel)?)
    }

    fn lock(&self) -> Result<File> {
        let path = self.folder.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| self.io("cannot be locked", &path, &error))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_PATIENCE => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    let message = "another process has been changing this bundle for 10 seconds";
                    let error = Error::new(ErrorKind::Io, message).place(self.folder.display());
                    return Err(error.help("wait for it to end, or stop it"));
                }
                Err(TryLockError::Error(error)) => return Err(self.io("cannot be locked", &path, &error)),
            }
        }
    }

    fn verified(&self, entry: &FileEntry) -> Result<Vec<u8>> {
        let path = self.folder.join(&entry.path);
        if !is_plain_name(&entry.path) {
            return Err(corrupt(&path, "a bundle names files of its own folder only"));
        }
        let bytes = fs::read(&path).map_err(|error| corrupt(&path, &format!("it cannot be read ({error})")))?;
        if bytes.len() != entry.bytes {
            let message = format!("it has {} bytes where the manifest says {}", bytes.len(), entry.bytes);
            return Err(corrupt(&path, &message));
        }
        if sha256_hex(&bytes) != entry.sha256 {
            return Err(corrupt(&path, "its SHA-256 is not the one in the manifest"));
        }
        Ok(bytes)
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        parse(&self.folder.join(name), &self.read(name)?)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|error| self.io("cannot be read", &path, &error))
    }

    fn io(&self, what: &str, path: &Path, error: &std::io::Error) -> Error {
        let help = "build the bundle with `nearside retrain`, or name the folder that has it";
        Error::new(ErrorKind::Io, format!("{what}: {error}")).place(path.display()).help(help)
    }
}

/// Writes a file so that a reader, or a crash, sees the old or the new content and nothing between.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = (|| {
        let mut file = File::create(&hidden)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&hidden, path)?;
        // The rename itself must outlive a power loss, too. Not every system lets a folder be opened.
        if let Ok(folder) = File::open(folder) {
            folder.sync_all()?;
        }
        Ok(())
    })();
    written.map_err(|error: std::io::Error| {
        let _ = fs::remove_file(&hidden);
        let error = Error::new(ErrorKind::Io, format!("cannot be written: {error}")).place(path.display());
        error.help("free space, or make the folder writable")
    })
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("this is not what {name} should be: {error}");
        Error::new(ErrorKind::BundleFormat, message).place(path.display()).help("pack the bundle again")
    })
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn manifest_name(version: &str) -> String {
    format!("manifest.{version}.json")
}

fn version_of(file: &str) -> Option<&str> {
    let version = file.strip_prefix("manifest.")?.strip_suffix(".json")?;
    let known = version.len() == 12 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    known.then_some(version)
}

fn is_plain_name(name: &str) -> bool {
    !name.starts_with('.') && !name.is_empty() && !name.contains(['/', '\\', ':', '\0'])
}

fn corrupt(path: &Path, message: &str) -> Error {
    let error = Error::new(ErrorKind::BundleCorrupt, format!("this file is not the one that was packed: {message}"));
    error.place(path.display()).help("copy the bundle again, or pack it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A folder with two versions, the first of them champion.
    fn folder() -> (tempfile::TempDir, Registry) {
        let folder = tempfile::tempdir().unwrap();
        for version in ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] {
            let (model, bytes) = (format!("model.{version}.onnx"), format!("weights of {version}"));
            fs::write(folder.path().join(&model), &bytes).unwrap();
            let manifest = json!({
                "format": 1, "name": "m", "version": version, "canvas_digest": "", "engine": "tract",
                "files": { "model": { "path": model, "sha256": sha256_hex(bytes.as_bytes()), "bytes": bytes.len() } },
                "task": { "kind": "classification", "target": "y", "classes": ["no", "yes"], "positive": "yes" },
                "inputs": [], "outputs": [], "roles": {}, "features": [], "groups": [], "bands": [], "favourable": [],
                "fallback": null, "explanation": null,
                "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
                "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": null }, "business_metrics": []
            });
            fs::write(folder.path().join(manifest_name(version)), manifest.to_string()).unwrap();
        }
        let registry = Registry::new(folder.path());
        registry.promote("aaaaaaaaaaaa").unwrap();
        (folder, registry)
    }

    #[test]
    fn a_promotion_and_a_roll_back_move_both_files() {
        let (folder, registry) = folder();
        assert_eq!(registry.rollback().unwrap_err().kind(), ErrorKind::Usage);
        registry.promote("bbbbbbbbbbbb").unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("manifest.json"), read("manifest.bbbbbbbbbbbb.json"));
        assert_eq!(registry.channel().unwrap().previous.unwrap().version, "aaaaaaaaaaaa");
        assert_eq!(registry.rollback().unwrap().champion.version, "aaaaaaaaaaaa");
        assert_eq!(read("manifest.json"), read("manifest.aaaaaaaaaaaa.json"));
        let mut versions = registry.versions().unwrap();
        versions.sort();
        assert_eq!(versions, ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]);
    }

    #[test]
    fn a_changed_file_is_named_and_the_champion_stays() {
        let (folder, registry) = folder();
        let model = folder.path().join("model.bbbbbbbbbbbb.onnx");
        for content in ["weights of cccccccccccc", "short"] {
            fs::write(&model, content).unwrap();
            let error = registry.promote("bbbbbbbbbbbb").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BundleCorrupt);
            assert!(error.to_string().contains("model.bbbbbbbbbbbb.onnx"), "{error}");
            assert_eq!(registry.channel().unwrap().champion.version, "aaaaaaaaaaaa");
        }
        fs::remove_file(&model).unwrap();
        assert_eq!(registry.promote("bbbbbbbbbbbb").unwrap_err().kind(), ErrorKind::BundleCorrupt);
        assert_eq!(registry.promote("cccccccccccc").unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(registry.promote("../../secret").unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_manifest_cannot_name_files_of_other_folders() {
        let (folder, registry) = folder();
        let path = folder.path().join("manifest.bbbbbbbbbbbb.json");
        let manifest = fs::read_to_string(&path).unwrap().replace("model.bbbbbbbbbbbb.onnx", "../outside.onnx");
        fs::write(&path, manifest).unwrap();
        let error = registry.promote("bbbbbbbbbbbb").unwrap_err();
        assert!(error.to_string().contains("own folder"), "{error}");
    }

    #[test]
    fn a_changed_manifest_is_refused_for_every_version_that_the_channel_points_at() {
        let (folder, registry) = folder();
        let path = folder.path().join("manifest.aaaaaaaaaaaa.json");
        let packed = fs::read_to_string(&path).unwrap();
        let stated = registry.channel().unwrap().champion.sha256;
        assert_eq!(stated.as_deref(), Some(sha256_hex(packed.as_bytes()).as_str()));

        // A manifest that is whole in itself, with a policy that nobody packed.
        let changed = packed.replace("\"fallback\":null", "\"fallback\":\"accept\"");
        assert_ne!(changed, packed);
        fs::write(&path, &changed).unwrap();
        for error in [
            registry.manifest("aaaaaaaaaaaa").unwrap_err(),
            registry.verify("aaaaaaaaaaaa").unwrap_err(),
            registry.promote("aaaaaaaaaaaa").unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::BundleCorrupt);
            assert!(error.to_string().contains("manifest.aaaaaaaaaaaa.json"), "{error}");
        }
        registry.promote("bbbbbbbbbbbb").unwrap();
        assert_eq!(registry.rollback().unwrap_err().kind(), ErrorKind::BundleCorrupt);
        assert_eq!(registry.channel().unwrap().champion.version, "bbbbbbbbbbbb");
        fs::write(&path, &packed).unwrap();
        assert_eq!(registry.rollback().unwrap().champion.sha256, stated);
    }

    #[test]
    fn a_channel_without_hashes_gains_them_when_it_is_written() {
        let (folder, registry) = folder();
        registry.promote("bbbbbbbbbbbb").unwrap();
        let path = folder.path().join(CHANNEL);
        let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for pointer in ["champion", "previous"] {
            old[pointer].as_object_mut().unwrap().remove("sha256").unwrap();
        }
        fs::write(&path, old.to_string()).unwrap();
        registry.verify("aaaaaaaaaaaa").unwrap();
        let same = registry.promote("bbbbbbbbbbbb").unwrap();
        assert!(same.champion.sha256.is_some());
        assert_eq!(same.previous.unwrap().version, "aaaaaaaaaaaa");
        assert!(registry.rollback().unwrap().champion.sha256.is_some());
    }

    #[test]
    fn many_writers_leave_a_channel_that_is_whole() {
        let (_folder, registry) = folder();
        thread::scope(|scope| {
            for version in ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] {
                let registry = registry.clone();
                scope.spawn(move || (0..10).for_each(|_| drop(registry.promote(version).unwrap())));
            }
            for _ in 0..100 {
                let channel = registry.channel().unwrap();
                assert_ne!(Some(channel.champion), channel.previous);
            }
        });
    }
}
