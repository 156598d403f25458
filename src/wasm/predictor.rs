//! `Predictor`: a bundle with its boundaries, decisions, explanations and counters.

use super::counters;
use super::values::{from_js, throw, to_js};
use crate::bundle::{Baseline, COMPILED, Manifest};
use crate::canvas::Canvas;
use crate::error::{Error, ErrorKind, Result};
use crate::features::Record;
use crate::monitor::{self, Report, Span};
use crate::plan::PlanEngine;
use crate::predict::{Engine, Groups, Predictor as Core};
use crate::profile::{LossReason, PageStage, Profile, Stage};
use crate::telemetry::Header;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

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
    /// A predictor from a manifest and the bytes of its model. Without a model it checks records only.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: JsValue, model: Option<Vec<u8>>, session: u64, seed: u64) -> Result<Predictor, JsValue> {
        let manifest: Manifest = from_js(manifest, ErrorKind::BundleFormat, "manifest")?;
        let engine = model.map(|bytes| engine(&manifest, &bytes)).transpose().map_err(throw)?;
        let core = Core::new(manifest, engine, seed).map_err(throw)?;
        let closed = Profile::new(core.layout());
        Ok(Self { core, session, closed })
    }

    /// One prediction for a raw record. `groups` are the sensitive features that the page may declare. An `uncounted`
    /// one leaves no trace in the counters.
    pub fn predict(&mut self, record: JsValue, groups: JsValue, uncounted: bool) -> Result<JsValue, JsValue> {
        let record = read_record(record)?;
        let groups: Option<Groups> = from_js(groups, ErrorKind::InvalidRecord, "groups")?;
        let before = uncounted.then(|| self.core.window().clone());
        let prediction = self.core.predict(&record, &groups.unwrap_or_default(), &mut now);
        if let Some(before) = before {
            *self.core.window_mut() = before;
        }
        to_js(&prediction.map_err(throw)?)
    }

    /// The boundaries of a record: `{ inside, violations }`. Counts nothing.
    pub fn check(&self, record: JsValue) -> Result<JsValue, JsValue> {
        to_js(&self.core.check(&read_record(record)?))
    }

    /// What each raw feature contributed to the prediction for a record.
    pub fn explain(&mut self, record: JsValue) -> Result<JsValue, JsValue> {
        let explanation = crate::explain::explain(&mut self.core, &read_record(record)?);
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

    /// The report of everything that this page has seen. `baseline` is the reference profile of the bundle.
    pub fn report(&self, baseline: JsValue) -> Result<JsValue, JsValue> {
        to_js(&self.page_report(baseline)?)
    }

    /// The ten blocks of the canvas, with what this page has seen as their live values.
    pub fn canvas_view(&self, canvas: JsValue, baseline: JsValue) -> Result<JsValue, JsValue> {
        let canvas: Canvas = from_js(canvas, ErrorKind::BundleFormat, "canvas")?;
        let report = self.page_report(baseline)?;
        to_js(&monitor::canvas_view(&canvas, Some(&report), &monitor::Live::default()))
    }

    fn page_report(&self, baseline: JsValue) -> Result<Report, JsValue> {
        let baseline: Option<Baseline> = from_js(baseline, ErrorKind::BundleFormat, "baseline")?;
        let mut seen = self.closed.clone();
        seen.merge(self.core.window());
        // All of it is one page session, whichever predictors have counted it.
        let layout = self.core.layout();
        seen.counts[layout.sessions()] = seen.counts[layout.predictions()].min(1);
        Ok(monitor::report(self.core.manifest(), baseline.as_ref(), &seen, Span::default()))
    }
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

fn read_record(record: JsValue) -> Result<Record, JsValue> {
    let expected = "a record is an object of numbers, strings and booleans by feature name";
    if !record.is_object() || js_sys::Array::is_array(&record) {
        return Err(throw(Error::new(ErrorKind::InvalidRecord, "this is not a record").help(expected)));
    }
    let read = serde_wasm_bindgen::from_value(record);
    read.map_err(|error| throw(Error::new(ErrorKind::InvalidRecord, error.to_string()).help(expected)))
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
