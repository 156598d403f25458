//! The models that a collector serves: their folders, their versions, and which one is the champion.

use super::batch::Write;
use crate::bundle::{Baseline, Channel, Manifest};
use crate::canvas::Canvas;
use crate::error::{Error, ErrorKind, Result};
use crate::profile::Layout;
use crate::rollout::Registry;
use crate::time::Millis;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// One version of a model, with what its counters mean and what they are judged by.
#[derive(Debug)]
pub struct Version {
    /// Its manifest.
    pub manifest: Manifest,
    /// Where its counters stand.
    pub layout: Layout,
    /// What the reference rows looked like.
    pub baseline: Option<Baseline>,
    /// The canvas that it was built from.
    pub canvas: Option<Canvas>,
    /// The texts, for the store to keep.
    manifest_text: String,
    baseline_text: Option<String>,
    canvas_text: Option<String>,
}

/// One model.
#[derive(Debug)]
pub struct Model {
    name: String,
    registry: Registry,
    project: Option<PathBuf>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    channel: Channel,
    versions: HashMap<String, Arc<Version>>,
}

/// All models of a collector, by name. The set is fixed when it starts; versions come and go.
#[derive(Debug, Default)]
pub struct Models {
    by_name: BTreeMap<String, Arc<Model>>,
}

impl Models {
    /// Opens the bundles of the projects, and those that have no project.
    pub fn open(projects: &[PathBuf], bundles: &[PathBuf]) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        let of_projects = projects.iter().map(|project| (project.join("bundle"), Some(project.clone())));
        let alone = bundles.iter().map(|bundle| (bundle.clone(), None));
        for (folder, project) in of_projects.chain(alone) {
            let model = Model::open(folder, project)?;
            if let Some(other) = by_name.insert(model.name.clone(), Arc::new(model)) {
                let error = Error::new(ErrorKind::Usage, "two folders hold a model of this name").model(other.name());
                return Err(error.help("serve one of them, or give one another name in its canvas"));
            }
        }
        Ok(Self { by_name })
    }

    /// The model of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Model>> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.by_name.values()
    }

    /// The model that has a version of that number.
    pub fn of_version(&self, version: &str) -> Option<(&Arc<Model>, Arc<Version>)> {
        self.all().find_map(|model| Some((model, model.version(version)?)))
    }
}

impl Model {
    fn open(folder: PathBuf, project: Option<PathBuf>) -> Result<Self> {
        let registry = Registry::new(folder);
        let channel = registry.channel()?;
        let champion = Version::read(&registry, &channel.champion.version)?;
        let (name, version) = (champion.manifest.name.clone(), channel.champion.version.clone());
        let versions = HashMap::from([(version, Arc::new(champion))]);
        let model = Self { name, registry, project, state: RwLock::new(State { channel, versions }) };
        model.read_new_versions()?;
        Ok(model)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bundle folder.
    pub fn folder(&self) -> &Path {
        self.registry.folder()
    }

    /// Its registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Its project, where it has one: without, it cannot be retrained.
    pub fn project(&self) -> Option<&Path> {
        self.project.as_deref()
    }

    /// The channel as it was last read.
    pub fn channel(&self) -> Channel {
        self.read(|state| state.channel.clone())
    }

    /// The version that answers.
    pub fn champion(&self) -> String {
        self.read(|state| state.channel.champion.version.clone())
    }

    /// A version that is known.
    pub fn version(&self, version: &str) -> Option<Arc<Version>> {
        self.read(|state| state.versions.get(version).cloned())
    }

    /// The version that answers, with what its counters mean.
    pub fn champion_version(&self) -> Option<Arc<Version>> {
        self.read(|state| state.versions.get(&state.channel.champion.version).cloned())
    }

    /// All known versions.
    pub fn versions(&self) -> Vec<String> {
        self.read(|state| state.versions.keys().cloned().collect())
    }

    /// Adds a version that the store remembers and the folder may have lost.
    pub fn remember(&self, version: Version) {
        let number = version.manifest.version.clone();
        self.write(|state| {
            state.versions.entry(number).or_insert_with(|| Arc::new(version));
        });
    }

    /// Reads the folder again. Gives the new champion when it is another one. On an error what was known before stays
    /// in use.
    pub fn refresh(&self) -> Result<Option<String>> {
        let channel = self.registry.channel()?;
        let before = self.read(|state| state.channel.clone());
        if channel == before {
            return Ok(None);
        }
        self.read_new_versions()?;
        if self.version(&channel.champion.version).is_none() {
            let version = Version::read(&self.registry, &channel.champion.version)?;
            self.remember(version);
        }
        let champion = channel.champion.version.clone();
        self.write(|state| state.channel = channel);
        Ok((champion != before.champion.version).then_some(champion))
    }

    /// Reads versions that are new in the folder. One that cannot be read is left out, with a warning.
    pub fn read_new_versions(&self) -> Result<()> {
        for number in self.registry.versions()? {
            if self.version(&number).is_some() {
                continue;
            }
            match Version::read(&self.registry, &number) {
                Ok(version) => self.remember(version),
                Err(error) => tracing::warn!("{error}"),
            }
        }
        Ok(())
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        write(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Version {
    /// Reads a version from its folder; the files that the collector uses are verified.
    pub fn read(registry: &Registry, version: &str) -> Result<Self> {
        let manifest = registry.manifest(version)?;
        let text = |role: &str| -> Result<Option<String>> {
            let bytes = registry.file(&manifest, role)?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        let (baseline, canvas) = (text("baseline")?, text("canvas")?);
        let manifest = serde_json::to_string(&manifest).map_err(|error| internal(&error))?;
        Self::from_texts(manifest, baseline, canvas).map_err(|error| error.place(registry.folder().display()))
    }

    /// A version from the texts of its manifest, its baseline and its canvas.
    pub fn from_texts(manifest: String, baseline: Option<String>, canvas: Option<String>) -> Result<Self> {
        fn parse<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
            serde_json::from_str(text).map_err(|error| {
                let message = format!("the {what} of a version cannot be read: {error}");
                Error::new(ErrorKind::BundleFormat, message).help("pack the bundle again")
            })
        }
        let parsed: Manifest = parse(&manifest, "manifest")?;
        parsed.check()?;
        Ok(Self {
            layout: Layout::new(&parsed),
            baseline: baseline.as_deref().map(|text| parse(text, "baseline")).transpose()?,
            canvas: canvas.as_deref().map(|text| parse(text, "canvas")).transpose()?,
            manifest: parsed,
            manifest_text: manifest,
            baseline_text: baseline,
            canvas_text: canvas,
        })
    }

    /// The size of its manifest as JSON.
    pub fn manifest_bytes(&self) -> u64 {
        self.manifest_text.len() as u64
    }

    /// What the store is to keep of it.
    pub fn write(&self, now: Millis) -> Write {
        Write::Version {
            model: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            since: now,
            manifest: self.manifest_text.clone(),
            baseline: self.baseline_text.clone(),
            canvas: self.canvas_text.clone(),
        }
    }
}

fn internal(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, error.to_string())
}
