//! The whole way of one prediction: record → boundaries → tensors → engine → decision → receipt → counters.

use super::decode::{Decoded, broken, decode, output};
use super::feed::{Row, feed};
use super::{Engine, Prediction, Timing};
use crate::bundle::{Baseline, BaselineFeature, Manifest};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{Observation, Record};
use crate::guard::{self, Boundary, ViolationRule};
use crate::profile::{Layout, PageStage, Profile, Stage, bucket_of, score_bin};
use crate::telemetry::{Receipt, mix};
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// A model with everything its bundle promises about it, and the counters of what it has seen.
pub struct Predictor {
    manifest: Manifest,
    layout: Layout,
    engine: Option<Box<dyn Engine>>,
    /// The window that is open.
    window: Profile,
    /// Whether this session has counted itself.
    counted: bool,
    seed: u64,
}

/// The groups that a page declares for one prediction: value by sensitive feature.
pub type Groups = BTreeMap<String, String>;

impl Predictor {
    /// A predictor. Without an engine it checks records, but predicts nothing. `seed` makes receipts unique: it must
    /// be random, and is different for each session.
    pub fn new(manifest: Manifest, engine: Option<Box<dyn Engine>>, seed: u64) -> Result<Self> {
        manifest.check()?;
        if let Some(engine) = &engine {
            let (has, wants) = (&engine.signature().inputs, &manifest.inputs);
            if !has.iter().map(|port| &port.name).eq(wants.iter().map(|port| &port.name)) {
                let message = "the model's inputs are not those of the manifest";
                let error = Error::new(ErrorKind::BundleFormat, message).model(&manifest.name);
                return Err(error.help("pack the bundle again"));
            }
        }
        let layout = Layout::new(&manifest);
        let window = Profile::new(&layout);
        Ok(Self { manifest, layout, engine, window, counted: false, seed })
    }

    /// The manifest it was made from.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where each counter stands.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The counters of the open window.
    pub fn window(&self) -> &Profile {
        &self.window
    }

    /// What the open window has seen, as the reference profile of a bundle.
    pub fn baseline(&self) -> Baseline {
        let (layout, window) = (&self.layout, &self.window);
        let features = (0..layout.features()).map(|index| {
            let moments = &window.moments[index];
            let numeric = moments.count > 0;
            BaselineFeature {
                counts: window.counts[layout.feature(index)].to_vec(),
                mean: numeric.then_some(moments.mean),
                standard_deviation: moments.standard_deviation().filter(|_| numeric),
            }
        });
        Baseline {
            rows: window.counts[layout.predictions()],
            features: features.collect(),
            scores: window.counts[layout.scores()].to_vec(),
            actions: window.counts[layout.actions()].to_vec(),
        }
    }

    /// The counters of the open window, to add what the host alone knows.
    pub fn window_mut(&mut self) -> &mut Profile {
        &mut self.window
    }

    /// Closes the window: gives its counters, and starts a new one.
    pub fn close_window(&mut self) -> Profile {
        std::mem::replace(&mut self.window, Profile::new(&self.layout))
    }

    /// Counts the time of a stage, in milliseconds. [`Self::predict`] counts [`Stage::Run`] itself; the others are
    /// known to the host alone.
    pub fn count_stage(&mut self, stage: Stage, ms: f64) {
        self.window.count(self.layout.stage(stage).start + bucket_of(ms));
        let late = self.manifest.budgets.latency_p95_ms.is_some_and(|budget| ms > budget);
        if stage == Stage::Answer && late {
            self.window.count(self.layout.over_latency());
        }
    }

    /// Counts how a page load settled, once for each: answered, left at a stage, or failed. `elapsed_ms` is the time
    /// since navigation; for an answered load it is judged by the budget of the first prediction.
    pub fn count_page(&mut self, stage: PageStage, elapsed_ms: f64) {
        self.window.count(self.layout.page(stage));
        if stage == PageStage::Predicted && elapsed_ms <= self.manifest.budgets.first_prediction_ms {
            self.window.count(self.layout.within_budget());
        }
    }

    /// The boundaries of a record. Counts nothing.
    pub fn check(&self, record: &Record) -> Boundary {
        guard::check(&self.manifest.features, record).1
    }

    /// One prediction. `clock` gives the time in milliseconds, from any origin.
    ///
    /// Fails with `invalid-record` when the record cannot be fed at all: a value of another type, NaN, a number beyond
    /// float32, or nothing where the canvas has no rule for missing values. Such a record is counted as refused, with
    /// its violations.
    pub fn predict(&mut self, record: &Record, groups: &Groups, clock: &mut dyn FnMut() -> f64) -> Result<Prediction> {
        let start = clock();
        let (observations, boundary) = guard::check(&self.manifest.features, record);
        self.count_violations(&boundary);
        if let Some(violation) = boundary.violations.iter().find(|violation| violation.rule.refuses()) {
            self.window.count(self.layout.refused());
            return Err(Error::new(ErrorKind::InvalidRecord, &violation.message).model(&self.manifest.name));
        }
        let inputs = feed(&self.manifest, &[Row { observations: &observations, record: Some(record) }])?;
        let encoded = clock();
        let outputs = self.run(inputs)?;
        let ran = clock();
        let decoded = decode(&self.manifest, &outputs)?;
        let action = guard::decide(&self.manifest, decoded.score, boundary.inside).map(str::to_owned);
        let id = self.count(&observations, &boundary, &decoded, action.as_deref(), groups);
        let timing = Timing { encode: encoded - start, run: ran - encoded, total: clock() - start };
        self.count_stage(Stage::Run, timing.run);
        Ok(Prediction {
            id,
            version: self.manifest.version.clone(),
            label: decoded.label,
            probabilities: decoded.probabilities,
            score: decoded.score,
            value: decoded.value,
            action,
            boundary,
            timing,
        })
    }

    /// Runs the model on encoded features without counting anything, as an explanation does. `rows` hold
    /// the observations of each row, as [`crate::features::encode`] sees them. Gives the margins, one per row; for a
    /// model that predicts a number, the numbers.
    pub fn margins(&mut self, rows: &[Vec<Observation>]) -> Result<Vec<f64>> {
        let mut margins = Vec::with_capacity(rows.len());
        for row in rows {
            let outputs = self.run(feed(&self.manifest, &[Row { observations: row, record: None }])?)?;
            let roles = &self.manifest.roles;
            let margin = output(&self.manifest, &outputs, roles.margin.as_deref().or(roles.value.as_deref()))?;
            let margin = margin.and_then(|tensor| tensor.data().to_f64()?.first().copied());
            margins.push(margin.ok_or_else(|| broken(&self.manifest, "the model has no margin output"))?);
        }
        Ok(margins)
    }

    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let name = &self.manifest.name;
        let Some(engine) = &mut self.engine else {
            let message = "this runtime has no engine for the model";
            return Err(Error::new(ErrorKind::InvalidModel, message).model(name).help("load the full runtime"));
        };
        engine.run(inputs).map_err(|error| error.model(name))
    }

    fn count_violations(&mut self, boundary: &Boundary) {
        for violation in &boundary.violations {
            let feature = self.manifest.features.iter().position(|feature| feature.name == violation.feature);
            let place = match (feature, violation.rule) {
                (Some(feature), rule) if rule != ViolationRule::Unknown => self.layout.violation(feature, rule),
                _ => self.layout.unknown_feature(),
            };
            self.window.count(place);
        }
    }

    fn count(
        &mut self,
        observations: &[Observation],
        boundary: &Boundary,
        decoded: &Decoded,
        action: Option<&str>,
        groups: &Groups,
    ) -> String {
        let (layout, window) = (&self.layout, &mut self.window);
        window.count(layout.predictions());
        if !self.counted {
            window.count(layout.sessions());
            self.counted = true;
        }
        if !boundary.inside {
            window.count(layout.outside());
        }
        for (feature, &observation) in observations.iter().enumerate() {
            window.count(layout.observation(feature, observation));
            if let Observation::Number(number) = observation {
                window.moments[feature].push(number);
            }
        }
        if let Some(score) = decoded.score {
            window.count(layout.score(score));
        }
        let action = action.and_then(|action| self.manifest.actions().iter().position(|known| *known == action));
        if let Some(action) = action {
            window.count(layout.action(action));
        }
        let favourable = guard::favours(&self.manifest, action, decoded.score);
        let mut first_group = None;
        for (index, group) in self.manifest.groups.iter().enumerate() {
            let Some(value) = groups.get(&group.name) else { continue };
            let value = group.values.iter().position(|known| known == value);
            window.count(layout.group(index, value, favourable));
            if index == 0 {
                first_group = value;
            }
        }
        let receipt = Receipt {
            version: self.manifest.version.clone(),
            score_bin: decoded.score.map_or(0, score_bin) as u8,
            action: action.map(|action| action as u8),
            group: first_group.map(|value| value as u8),
            nonce: next(&mut self.seed),
        };
        receipt.text()
    }
}

/// SplitMix64: numbers that tell receipts of one session apart.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mix(*state)
}
