//! The models that a collector serves: their folders, their versions, and which one is the champion.

use super::batch::Write;
use crate::bundle::{Baseline, Build, Channel, Manifest};
use crate::canvas::Canvas;
use crate::error::{Error, ErrorKind, Result};
use crate::monitor::GateResult;
use crate::profile::Layout;
use crate::rollout::Registry;
use crate::time::Millis;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a champion that is not whole is left alone, before its files are read again.
const PATIENCE: Duration = Duration::from_secs(5);

/// One version of a model, with what its counters mean and what they are judged by.
#[derive(Debug)]
pub struct Version {
    /// Its manifest.
    pub manifest: Manifest,
    /// Where its counters stand.
    pub layout: Layout,
    /// What tells that layout from others: it is kept with the counters.
    pub digest: u64,
    /// What the reference rows looked like.
    pub baseline: Option<Baseline>,
    /// The canvas that it was built from.
    pub canvas: Option<Canvas>,
    /// The texts, for the store to keep.
    manifest_text: String,
    baseline_text: Option<String>,
    canvas_text: Option<String>,
    /// Read when they are first asked for. The files never change, so once is enough.
    details: OnceLock<Arc<Details>>,
}

/// What the canvas shows of a version, and nothing is counted by.
#[derive(Debug, Default)]
pub struct Details {
    /// The gates of the evaluation that came with it.
    pub gates: Vec<GateResult>,
    /// How it was built; bundles of older versions of the kit do not say.
    pub build: Option<Build>,
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
    /// A channel whose champion could not be taken, and when that was found.
    refused: Option<(Channel, Instant)>,
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
        registry.verify(&channel.champion.version)?;
        let champion = Version::read(&registry, &channel.champion.version)?;
        let (name, version) = (champion.manifest.name.clone(), channel.champion.version.clone());
        let versions = HashMap::from([(version, Arc::new(champion))]);
        let model = Self { name, registry, project, state: RwLock::new(State { channel, versions, refused: None }) };
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

    /// Removes a version that is gone.
    pub fn forget(&self, version: &str) {
        self.write(|state| drop(state.versions.remove(version)));
    }

    /// The versions that are known and no longer in the folder, but for those that the channel points at.
    pub fn lost_versions(&self) -> Result<Vec<String>> {
        let found = self.registry.versions()?;
        let kept = |version: &String| found.contains(version) || self.channel().pointer(version).is_some();
        Ok(self.versions().into_iter().filter(|version| !kept(version)).collect())
    }

    /// Reads the folder again. Gives the new champion when it is another one, after all of its files were verified. On
    /// an error the last good one stays in use; the same channel is tried again after [`PATIENCE`].
    pub fn refresh(&self) -> Result<Option<String>> {
        let channel = self.registry.channel()?;
        let (before, refused) = self.read(|state| (state.channel.clone(), state.refused.clone()));
        let is_refused = refused.is_some_and(|(known, since)| known == channel && since.elapsed() < PATIENCE);
        if channel == before || is_refused {
            return Ok(None);
        }
        self.read_new_versions()?;
        if let Err(error) = self.admit(&channel.champion.version) {
            self.write(|state| state.refused = Some((channel, Instant::now())));
            return Err(error);
        }
        let champion = channel.champion.version.clone();
        self.write(|state| (state.channel, state.refused) = (channel, None));
        Ok((champion != before.champion.version).then_some(champion))
    }

    /// Verifies every file of a version that is to answer, and reads it where it is not known.
    fn admit(&self, version: &str) -> Result<()> {
        self.registry.verify(version)?;
        if self.version(version).is_none() {
            self.remember(Version::read(&self.registry, version)?);
        }
        Ok(())
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
        let layout = Layout::new(&parsed);
        Ok(Self {
            digest: layout.digest(&parsed),
            layout,
            baseline: baseline.as_deref().map(|text| parse(text, "baseline")).transpose()?,
            canvas: canvas.as_deref().map(|text| parse(text, "canvas")).transpose()?,
            manifest: parsed,
            manifest_text: manifest,
            baseline_text: baseline,
            canvas_text: canvas,
            details: OnceLock::new(),
        })
    }

    /// Its gates and its build, verified, from its folder; what the folder does not have is empty. Reads files.
    pub fn details(&self, registry: &Registry) -> Arc<Details> {
        if let Some(details) = self.details.get() {
            return details.clone();
        }
        match self.read_details(registry) {
            Ok(details) => self.details.get_or_init(|| details.into()).clone(),
            // Somebody may mend the folder, so that this is not the last word.
            Err(error) => {
                tracing::debug!("{error}");
                Arc::default()
            }
        }
    }

    fn read_details(&self, registry: &Registry) -> Result<Details> {
        /// The part of the evaluation that is read here.
        #[derive(Default, Deserialize)]
        struct Evaluation {
            #[serde(default)]
            gates: Vec<GateResult>,
        }
        let evaluation = registry.file(&self.manifest, "evaluation")?;
        let evaluation: Option<Evaluation> = evaluation.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let build = registry.file(&self.manifest, "build")?;
        Ok(Details {
            gates: evaluation.unwrap_or_default().gates,
            build: build.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
        })
    }

    /// What the store is to keep of it.
    pub fn write(&self, now: Millis) -> Write {
        Write::Version {
            model: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            since: now,
            layout: self.digest,
            manifest: self.manifest_text.clone(),
            baseline: self.baseline_text.clone(),
            canvas: self.canvas_text.clone(),
        }
    }
}

fn internal(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, error.to_string())
}
