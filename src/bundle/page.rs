//! The one file that a page fetches of a compiled version: manifest, the manifest as the runtime reads it, and plan.
//!
//! `NSB\x01`, the lengths of the two manifests as little-endian 32-bit numbers, the JSON, the fields, the plan. The JSON is for
//! scripts; the small runtime has no JSON in it, and takes the fields.

use super::manifest::{Budgets, Explanation, Manifest, Roles, TaskSchema, TelemetrySettings};
use crate::canvas::{Band, BusinessMetric, Consent, Direction, FeatureKind, Missing, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FeatureSchema, Feeds, GroupSchema, Value};
use crate::tensor::{Dimension, ElementType, Port};
use crate::wire::{Reader, Wire, wire};

/// What the file begins with; the last byte is the version of the fields.
const MAGIC: [u8; 4] = *b"NSB\x01";

/// The parts of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageFile<'a> {
    /// `manifest.json` without the entry of this file.
    pub json: &'a [u8],
    /// The same as [`read_fields`] takes it.
    pub fields: &'a [u8],
    /// The plan.
    pub plan: &'a [u8],
}

impl<'a> PageFile<'a> {
    /// Fails with `bundle-format` when the bytes are no such file.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let parts = |reader: &mut Reader<'a>| {
            let magic: [u8; 4] = reader.array()?;
            if magic != MAGIC {
                return Err(reader.error("it begins otherwise, or is of another version"));
            }
            let [json, fields] = [u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?)];
            let (json, fields) = (reader.take(json as usize)?, reader.take(fields as usize)?);
            Ok(Self { json, fields, plan: &bytes[MAGIC.len() + 8 + json.len() + fields.len()..] })
        };
        parts(&mut Reader::new(bytes)).map_err(|error| broken("the file for pages", &error))
    }

    /// The bytes of the file of a version: its manifest, before the files that carry it are named, and its plan.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn write(manifest: &Manifest, plan: &[u8]) -> Result<Vec<u8>> {
        let manifest = manifest.in_page();
        let json = serde_json::to_vec(&manifest).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let mut fields = Vec::new();
        manifest.put(&mut fields);
        let lengths = [json.len(), fields.len()].map(|length| (length as u32).to_le_bytes());
        Ok([&MAGIC[..], &lengths[0], &lengths[1], &json, &fields, plan].concat())
    }

    /// Fails with `bundle-corrupt` when the manifests in it are not this one.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check(&self, manifest: &Manifest) -> Result<()> {
        let whole = manifest.in_page();
        let json = serde_json::from_slice::<Manifest>(self.json).is_ok_and(|found| found == whole);
        let fields = read_fields(self.fields)? == Manifest { files: Default::default(), ..whole };
        if json && fields {
            return Ok(());
        }
        let error = Error::new(ErrorKind::BundleCorrupt, "the manifest in it is another one than the version's");
        Err(error.help("pack the bundle again"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Manifest {
    /// The manifest as the file for pages carries it: without that file, and without what tells of one build only.
    fn in_page(&self) -> Self {
        let mut manifest = self.clone();
        ["plan", "build"].iter().for_each(|role| drop(manifest.files.remove(*role)));
        manifest
    }
}

/// The manifest of [`PageFile::fields`]; it names no files. Fails with `bundle-format` when the bytes are no such fields.
pub fn read_fields(bytes: &[u8]) -> Result<Manifest> {
    let mut reader = Reader::new(bytes);
    let manifest = Manifest::read(&mut reader).and_then(|manifest| reader.end().map(|()| manifest));
    manifest.map_err(|error| broken("the manifest", &error))
}

fn broken(what: &str, error: &Error) -> Error {
    let error = Error::new(ErrorKind::BundleFormat, format!("{what} cannot be read: {}", error.message()));
    error.help("use the version of nearside that packed it, or pack it again")
}

wire!(Manifest {
    format, name, version, canvas_digest, engine, plan_sha256, task, inputs, outputs, roles, features, groups, bands, favourable,
    fallback, explanation, telemetry, budgets, business_metrics,
} without { files });
wire!(TaskSchema { kind, target, classes, positive });
wire!(Roles { label, probabilities, margin, class, score, value });
wire!(Explanation { method, base, reference, offsets });
wire!(TelemetrySettings { first_flush_ms, flush_ms, consent });
wire!(Budgets { first_prediction_ms, latency_p95_ms });
wire!(Port { name, element_type, shape });
wire!(FeatureSchema { name, kind, unit, range, values, missing, note, bins, example, feeds });
wire!(Feeds { input, column });
wire!(GroupSchema { name, values });
wire!(Band { at_least, action });
wire!(BusinessMetric { name, unit, direction, goal });
wire!(
    enum TaskKind {
        Classification,
        Regression,
        Ranking,
        AnomalyDetection,
    }
);
wire!(
    enum Consent {
        Required,
        NotRequired,
    }
);
wire!(
    enum Direction {
        Increase,
        Decrease,
    }
);
wire!(
    enum FeatureKind {
        Number,
        Integer,
        Category,
        Boolean,
        Text,
        Timestamp,
    }
);
wire!(
    enum Missing {
        Error,
        Median,
        Mean,
        Mode,
        Zero,
        Model,
    }
);
wire!(
    enum ElementType {
        F32,
        F64,
        I64,
        I32,
        I16,
        I8,
        U64,
        U32,
        U16,
        U8,
        Bool,
        Text,
    }
);

impl Wire for Dimension {
    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Fixed(size) => Some(*size).put(bytes),
            Self::Symbol(name) => {
                None::<usize>.put(bytes);
                name.put(bytes);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match Option::read(reader)? {
            Some(size) => Self::Fixed(size),
            None => Self::Symbol(Wire::read(reader)?),
        })
    }
}

impl Wire for Value {
    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Missing => bytes.push(0),
            Self::Bool(value) => bytes.extend([1, (*value).into()]),
            Self::Number(value) => {
                bytes.push(2);
                value.put(bytes);
            }
            Self::Text(value) => {
                bytes.push(3);
                value.put(bytes);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match reader.byte()? {
            0 => Self::Missing,
            1 => Self::Bool(Wire::read(reader)?),
            2 => Self::Number(Wire::read(reader)?),
            3 => Self::Text(Wire::read(reader)?),
            _ => return Err(reader.error("a number stands for nothing here")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        serde_json::from_value(json!({
            "format": 1, "name": "m", "version": "aaaaaaaaaaaa", "canvas_digest": "c", "engine": "compiled",
            "files": { "model": { "path": "model.onnx", "sha256": "00", "bytes": 1 }, "plan": { "path": "p", "sha256": "11", "bytes": 2 } },
            "plan_sha256": "22",
            "task": { "kind": "classification", "target": "y", "classes": ["no", "yes"], "positive": "yes" },
            "inputs": [{ "name": "x", "type": "float32", "shape": ["N", 1] }], "outputs": [], "roles": { "label": "l" },
            "features": [{
                "name": "age", "kind": "number", "unit": "years", "range": [0.5, 99.0], "values": [], "missing": "median",
                "note": null, "bins": [1.0, 2.0], "example": 30.0, "feeds": { "input": "x", "column": 0 }
            }],
            "groups": [{ "name": "sex", "values": ["f", "m"] }], "bands": [{ "at_least": 0.5, "action": "accept" }],
            "favourable": ["accept"], "fallback": "review",
            "explanation": { "method": "linear", "base": 0.25, "reference": [1.0], "offsets": [-0.5] },
            "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "not_required" },
            "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": 8.0 },
            "business_metrics": [{ "name": "paid", "unit": "EUR", "direction": "decrease", "goal": 2.0 }]
        }))
        .unwrap()
    }

    #[test]
    fn a_file_gives_its_parts_again() {
        let manifest = manifest();
        let bytes = PageFile::write(&manifest, b"the plan").unwrap();
        let file = PageFile::read(&bytes).unwrap();
        file.check(&manifest).unwrap();
        assert_eq!(file.plan, b"the plan");
        let other = Manifest { version: "bbbbbbbbbbbb".into(), ..manifest };
        assert_eq!(file.check(&other).unwrap_err().kind(), ErrorKind::BundleCorrupt);
    }

    #[test]
    fn what_is_cut_short_or_of_another_version_is_refused() {
        let manifest = manifest();
        let mut bytes = PageFile::write(&manifest, b"").unwrap();
        for end in 0..bytes.len() {
            assert_eq!(PageFile::read(&bytes[..end]).unwrap_err().kind(), ErrorKind::BundleFormat, "{end}");
        }
        let file = PageFile::read(&bytes).unwrap();
        for end in 0..file.fields.len() {
            assert_eq!(read_fields(&file.fields[..end]).unwrap_err().kind(), ErrorKind::BundleFormat, "{end}");
        }
        assert!(read_fields(&[file.fields, &[0]].concat()).is_err());
        bytes[3] = 2;
        assert!(PageFile::read(&bytes).unwrap_err().to_string().contains("another version"));
    }
}
