//! `Predictor`: a bundle with its boundaries, decisions, explanations and counters.

use super::counters;
use super::records::{read_baseline, read_groups, read_record};
use crate::bundle::{COMPILED, Manifest, read_fields};
use crate::error::{Error, ErrorKind, Result};
use crate::monitor::{self, Span};
use crate::plan::PlanEngine;
use crate::predict::{Engine, Predictor as Core};
use crate::profile::{LossReason, PageStage, Profile, Stage};
use crate::telemetry::Header;
use crate::wasm::values::{throw, to_js};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// A model with everything that its bundle promises about it.
#[wasm_bindgen]
pub struct Predictor {
    core: Core,
    session: u64,
    /// The counters of all windows that were closed.
    closed: Profile,
}

#[wasm_bindgen]
impl Predictor {
    /// A predictor from a manifest and the bytes of its model. Without a model it checks records only. The manifest comes
    /// as its fields, as the file for pages has them; the full runtime takes the object of the JSON, too.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: JsValue, model: Option<Vec<u8>>, session: u64, seed: u64) -> Result<Predictor, JsValue> {
        let manifest = match manifest.dyn_ref::<Uint8Array>() {
            Some(fields) => read_fields(&fields.to_vec()).map_err(throw)?,
            None => manifest_object(manifest)?,
        };
        let engine = model.map(|bytes| engine(&manifest, &bytes)).transpose().map_err(throw)?;
        let core = Core::new(manifest, engine, seed).map_err(throw)?;
        let closed = Profile::new(core.layout());
        Ok(Self { core, session, closed })
    }

    /// One prediction for a raw record. `groups` are the sensitive features that the page may declare. An `uncounted`
    /// one leaves no trace in the counters.
    pub fn predict(&mut self, record: JsValue, groups: JsValue, uncounted: bool) -> Result<JsValue, JsValue> {
        let record = read_record(&record)?;
        let groups = read_groups(&groups)?;
        let before = uncounted.then(|| self.core.window().clone());
        let prediction = self.core.predict(&record, &groups, &mut now);
        if let Some(before) = before {
            *self.core.window_mut() = before;
        }
        to_js(&prediction.map_err(throw)?)
    }

    /// The boundaries of a record: `{ inside, violations }`. Counts nothing.
    pub fn check(&self, record: JsValue) -> Result<JsValue, JsValue> {
        to_js(&self.core.check(&read_record(&record)?))
    }

    /// What each raw feature contributed to the prediction for a record.
    pub fn explain(&mut self, record: JsValue) -> Result<JsValue, JsValue> {
        let explanation = crate::explain::explain(&mut self.core, &read_record(&record)?);
        to_js(&explanation.map_err(throw)?)
    }

    /// Counts the time of a stage, in milliseconds.
    pub fn stage(&mut self, name: &str, ms: f64) -> Result<(), JsValue> {
        let stage = Stage::from_name(name).ok_or_else(|| no_such("stage", name))?;
        self.core.count_stage(stage, ms);
        Ok(())
    }

    /// Counts how a page load settled, once for each.
    pub fn page(&mut self, stage: &str, elapsed_ms: f64) -> Result<(), JsValue> {
        let stage = PageStage::from_name(stage).ok_or_else(|| no_such("page stage", stage))?;
        self.core.count_page(stage, elapsed_ms);
        Ok(())
    }

    /// Counts frames that were lost or late.
    pub fn loss(&mut self, reason: &str, frames: u32) -> Result<(), JsValue> {
        let reason = LossReason::from_name(reason).ok_or_else(|| no_such("reason", reason))?;
        let place = self.core.layout().loss(reason);
        self.core.window_mut().add(place, frames.into());
        Ok(())
    }

    /// How many predictions the open window holds.
    pub fn predictions(&self) -> f64 {
        self.core.window().counts[self.core.layout().predictions()] as f64
    }

    /// Closes the window and gives its bytes, or nothing when it is empty. The page session is counted in the one frame
    /// of each version that says so, however many predictors of that version the page has had.
    pub fn frame(&mut self, sequence: f64, age_ms: f64, duration_ms: f64, session: bool) -> Option<Vec<u8>> {
        if self.core.window().is_empty() {
            return None;
        }
        let mut window = self.core.close_window();
        window.counts[self.core.layout().sessions()] = u64::from(session);
        self.closed.merge(&window);
        let manifest = self.core.manifest();
        let header = Header {
            session: self.session,
            sequence: sequence as u64,
            age_ms: age_ms as u64,
            name: manifest.name.clone(),
            version: manifest.version.clone(),
        };
        Some(header.encode_window(self.core.layout(), &window, duration_ms as u64))
    }

    /// Closes the window without a frame: what is in it stays in the report, and is never sent. Only what was lost is
    /// still to be told. Gives whether anything else was in it.
    pub fn discard(&mut self) -> bool {
        let mut window = self.core.close_window();
        for &reason in LossReason::ALL {
            let place = self.core.layout().loss(reason);
            self.core.window_mut().add(place, std::mem::take(&mut window.counts[place]));
        }
        self.closed.merge(&window);
        !window.is_empty()
    }

    /// Gives all counters away, so that another predictor of the same version can keep them.
    pub fn hand_over(&mut self) -> Vec<f64> {
        let closed = std::mem::replace(&mut self.closed, Profile::new(self.core.layout()));
        let mut numbers = Vec::new();
        counters::write(&closed, &mut numbers);
        counters::write(&self.core.close_window(), &mut numbers);
        numbers
    }

    /// Keeps the counters that another predictor of the same version gave away.
    pub fn take_over(&mut self, numbers: &[f64]) -> Result<(), JsValue> {
        let mut numbers = numbers.iter().copied();
        let closed = counters::read(&mut numbers, self.core.layout()).map_err(throw)?;
        let window = counters::read(&mut numbers, self.core.layout()).map_err(throw)?;
        self.closed.merge(&closed);
        self.core.window_mut().merge(&window);
        Ok(())
    }

    /// The report of everything that this page has seen. `baseline` is the reference profile of the bundle as numbers.
    pub fn report(&self, baseline: Option<Vec<f64>>) -> Result<JsValue, JsValue> {
        let baseline = baseline.map(|numbers| read_baseline(&numbers)).transpose().map_err(throw)?;
        let mut seen = self.closed.clone();
        seen.merge(self.core.window());
        // All of it is one page session, whichever predictors have counted it.
        let layout = self.core.layout();
        seen.counts[layout.sessions()] = seen.counts[layout.predictions()].min(1);
        to_js(&monitor::report(self.core.manifest(), baseline.as_ref(), &seen, Span::default()))
    }
}

#[cfg(feature = "tract")]
fn manifest_object(manifest: JsValue) -> Result<Manifest, JsValue> {
    crate::wasm::values::from_js(manifest, ErrorKind::BundleFormat, "manifest")
}

#[cfg(not(feature = "tract"))]
fn manifest_object(_: JsValue) -> Result<Manifest, JsValue> {
    let error =
        Error::new(ErrorKind::BundleFormat, "the small runtime reads manifests from the file that carries the plan");
    Err(throw(error.help("load the full runtime")))
}

/// The engine that the manifest names.
fn engine(manifest: &Manifest, bytes: &[u8]) -> Result<Box<dyn Engine>> {
    if manifest.engine == COMPILED {
        return Ok(Box::new(PlanEngine::new(bytes).map_err(|error| error.model(&manifest.name))?));
    }
    tract(manifest, bytes)
}

#[cfg(feature = "tract")]
fn tract(manifest: &Manifest, bytes: &[u8]) -> Result<Box<dyn Engine>> {
    let mut engine = crate::onnx::TractEngine::new(bytes).map_err(|error| error.model(&manifest.name))?;
    engine.prepare(manifest.input_shapes(1))?;
    Ok(Box::new(engine))
}

#[cfg(not(feature = "tract"))]
fn tract(manifest: &Manifest, _bytes: &[u8]) -> Result<Box<dyn Engine>> {
    let message = format!("this runtime has no engine \"{}\"", manifest.engine);
    Err(Error::new(ErrorKind::InvalidModel, message).model(&manifest.name).help("load the full runtime"))
}

fn no_such(what: &str, name: &str) -> JsValue {
    throw(Error::new(ErrorKind::Usage, format!("there is no {what} \"{name}\"")))
}

/// Milliseconds from any origin: `performance.now()` where there is one, which is everywhere but in tests of old hosts.
fn now() -> f64 {
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn performance_now() -> f64;
    }
    performance_now()
}
