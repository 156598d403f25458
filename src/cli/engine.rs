//! Which engine runs a model on the command line.

use clap::ValueEnum;
use nearside::onnx::lower::{lower, try_out};
use nearside::onnx::{TractEngine, read};
use nearside::plan::{Plan, PlanEngine, Weights, write};
use nearside::{Engine, Error, ErrorKind, Result};

/// The engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// The one that runs any .onnx file as it is: tract.
    Auto,
    /// tract.
    Tract,
    /// A plan, made now and compared with tract; refused by name where there can be none.
    Compiled,
}

/// The engine for the bytes of a model.
pub fn open(bytes: &[u8], choice: Choice) -> Result<Box<dyn Engine>> {
    match choice {
        Choice::Auto | Choice::Tract => Ok(Box::new(TractEngine::new(bytes)?)),
        Choice::Compiled => Ok(Box::new(PlanEngine::new(&plan(bytes)?)?)),
    }
}

/// What runs a model quickest here: its plan, compared with tract, or tract where there is none.
pub fn quickest(bytes: &[u8]) -> Result<Box<dyn Engine>> {
    match plan(bytes) {
        Ok(plan) => Ok(Box::new(PlanEngine::new(&plan)?)),
        Err(error) if error.kind() == ErrorKind::UnsupportedOperator => Ok(Box::new(TractEngine::new(bytes)?)),
        Err(error) => Err(error),
    }
}

/// The bytes of the plan of a model, which gives what tract does. Fails with `unsupported-operator` where there is none.
pub fn plan(bytes: &[u8]) -> Result<Vec<u8>> {
    write(&lowered(bytes)?, Weights::Float32)
}

/// The plan of a model, which gives what tract does. Fails with `unsupported-operator` where there is none.
pub fn lowered(bytes: &[u8]) -> Result<Plan> {
    let model = read(bytes)?;
    let plan = lower(&model)?;
    let written = write(&plan, Weights::Float32)?;
    try_out(&mut PlanEngine::new(&written)?, &mut TractEngine::new(bytes)?, &model).map_err(|error| {
        // A plan that differs is none.
        Error::new(ErrorKind::UnsupportedOperator, error.to_string())
    })?;
    Ok(plan)
}
