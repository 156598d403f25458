//! Takes a model that was read; gives its plan, or the name of the operator that has none. Runs on the machine that packs.
//! Next: `bundle` ships the plan, `plan` runs it. The model is run on a few sizes first, so that nothing is guessed: every
//! shape is one that was seen. It never lowers what it cannot make equal.

mod buffers;
mod draft;
mod learned;
mod moves;
mod probe;
mod standard;

use super::read::OnnxModel;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, PlanEngine};
use crate::predict::Engine;
use crate::tensor::{Data, Tensor};
use draft::Draft;

/// The plan of a model. Fails with `unsupported-operator`, naming node and cause, where there can be none.
pub fn lower(model: &OnnxModel) -> Result<Plan> {
    let known = probe::probe(model).map_err(|error| match error.kind() {
        ErrorKind::UnsupportedOperator => error,
        _ => refuse(format!("it does not run on made-up inputs: {error}")),
    })?;
    let mut draft = Draft::new(model, known)?;
    for node in &model.graph.node {
        if draft.is_settled(node) {
            continue;
        }
        let place = super::operators::Attributes::new(node, model.opset).place();
        let done = standard::lower(&mut draft, node)
            .and_then(|done| if done { Ok(true) } else { moves::lower(&mut draft, node) })
            .and_then(|done| if done { Ok(true) } else { learned::lower(&mut draft, node) })
            .map_err(|error| error.item(&place))?;
        if !done {
            return Err(refuse("there is no kernel for it").item(place));
        }
    }
    draft.finish(model)
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::UnsupportedOperator, why).help("the model runs on the engine \"tract\"")
}

/// How far a plan may be from the engine: a part of the value, or of 1 for small ones.
const TOLERANCE: f32 = 1e-4;

/// Runs a plan and an engine on the same inputs. Fails with `engine-failed`, naming the output, where they differ: floats
/// by more than the tolerance, everything else at all.
pub fn agree(plan: &mut PlanEngine, engine: &mut dyn Engine, inputs: &[Tensor], tolerance: f32) -> Result<()> {
    let (found, wanted) = (plan.run(inputs.to_vec())?, engine.run(inputs.to_vec())?);
    for ((port, found), wanted) in engine.signature().outputs.iter().zip(&found).zip(&wanted) {
        let differs = |why: String| {
            let error = Error::new(ErrorKind::EngineFailed, format!("the plan gives {why}")).item(&port.name);
            error.help("ship the model without a plan, and report it")
        };
        if found.shape() != wanted.shape() {
            return Err(differs(format!("the shape {:?} where {:?} is right", found.shape(), wanted.shape())));
        }
        match (found.data(), wanted.data()) {
            (Data::F32(found), Data::F32(wanted)) => {
                let far = |(found, wanted): &(&f32, &f32)| {
                    let near = (*found - *wanted).abs() <= tolerance * wanted.abs().max(1.0);
                    !(near || found == wanted || (found.is_nan() && wanted.is_nan()))
                };
                if let Some((found, wanted)) = found.iter().zip(wanted).find(far) {
                    return Err(differs(format!("{found} where {wanted} is right")));
                }
            }
            (found, wanted) if found == wanted => {}
            _ => return Err(differs("other values".to_owned())),
        }
    }
    Ok(())
}

/// The sizes, batch first, of the made-up inputs on which plans are tried.
const SIZES: [[usize; 2]; 2] = [[1, 4], [3, 2]];

/// Inputs made up for a model, where it leaves sizes open with those, batch first. Fails with `unsupported-operator` for a type that
/// plans do not compute with.
pub fn inputs(model: &OnnxModel, sizes: [usize; 2]) -> Result<Vec<Tensor>> {
    probe::inputs(model, sizes)
}

/// Whether a plan gives what the engine does, on inputs of several sizes made up for it. Errors are those of [`agree`].
pub fn try_out(plan: &mut PlanEngine, engine: &mut dyn Engine, model: &OnnxModel) -> Result<()> {
    for sizes in SIZES {
        agree(plan, engine, &probe::inputs(model, sizes)?, TOLERANCE)?;
    }
    Ok(())
}

/// How far a plan is from an engine: parts of the value, or of 1 for small ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Deviation {
    /// At most.
    pub most: f64,
    /// In the mean over all values.
    pub mean: f64,
}

/// How far the numbers of a plan are from those of the engine, on inputs made up for it. A plan whose weights were rounded is
/// off by more than the tolerance of [`agree`]; whether that is too much, only its use can tell.
pub fn deviation(plan: &mut PlanEngine, engine: &mut dyn Engine, model: &OnnxModel) -> Result<Deviation> {
    let (mut most, mut sum, mut count) = (0f64, 0f64, 0usize);
    for sizes in SIZES {
        let inputs = probe::inputs(model, sizes)?;
        let (found, wanted) = (plan.run(inputs.clone())?, engine.run(inputs)?);
        for (found, wanted) in found.iter().zip(&wanted) {
            let (Some(found), Some(wanted)) = (found.data().to_f64(), wanted.data().to_f64()) else { continue };
            for (found, wanted) in found.iter().zip(&wanted).filter(|(found, wanted)| found != wanted) {
                let off = (found - wanted).abs() / wanted.abs().max(1.0);
                // Not a number on one side only is as far as can be.
                let off = if off.is_nan() && found.is_nan() == wanted.is_nan() {
                    0.0
                } else if off.is_nan() {
                    f64::INFINITY
                } else {
                    off
                };
                most = most.max(off);
                sum += off;
            }
            count += wanted.len();
        }
    }
    Ok(Deviation { most, mean: sum / count.max(1) as f64 })
}
