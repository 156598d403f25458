//! `nearside compile`: the plan of one model, for `Session` and the small runtime.

use crate::output;
use crate::weights::AtRest;
use clap::{Args, ValueEnum};
use nearside::onnx::lower::{self, Deviation};
use nearside::onnx::{TractEngine, read, read_file};
use nearside::plan::{PlanEngine, Weights, write};
use nearside::rollout::write_atomically;
use nearside::{Error, ErrorKind, Result};
use serde::Serialize;
use std::path::PathBuf;

/// Make the plan of an ONNX model, which runs on the small runtime, and compare it with tract.
#[derive(Args)]
pub struct Compile {
    /// The .onnx file.
    model: PathBuf,
    /// Where the plan goes. The model's name with `.plan`, if left out.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// How the weights are kept in the file. They are computed with as float32.
    #[arg(long, value_enum, default_value = "float32")]
    weights: AtRest,
}

/// What was made.
#[derive(Serialize)]
struct Compiled {
    plan: PathBuf,
    weights: String,
    bytes: usize,
    model_bytes: usize,
    /// How far the outputs are from tract's on made-up inputs, at most and in the mean.
    deviation: Deviation,
}

/// Runs the command.
///
/// # Errors
/// `unsupported-operator`, naming node and cause, where the model has no plan; `engine-failed` where the plan with its weights as
/// they are differs from tract.
pub fn run(args: Compile, json: bool) -> Result<()> {
    let bytes = read_file(&args.model)?;
    let named = |error: Error| error.place(args.model.display());
    let model = read(&bytes).map_err(named)?;
    let plan = lower::lower(&model).map_err(named)?;
    // Without rows there is nothing that could choose.
    let weights = args.weights.weights().unwrap_or(Weights::Float32);
    let mut tract = TractEngine::new(&bytes).map_err(named)?;
    let exact = write(&plan, Weights::Float32)?;
    lower::try_out(&mut PlanEngine::new(&exact)?, &mut tract, &model).map_err(named)?;
    let plan = if weights == Weights::Float32 { exact } else { write(&plan, weights)? };
    let deviation = lower::deviation(&mut PlanEngine::new(&plan)?, &mut tract, &model).map_err(named)?;

    let path = args.output.unwrap_or_else(|| args.model.with_extension("plan"));
    if path == args.model {
        let error = Error::new(ErrorKind::Usage, "the plan would replace the model").place(path.display());
        return Err(error.help("name another file with --output"));
    }
    write_atomically(&path, &plan)?;
    let kept = if args.weights == AtRest::Auto { AtRest::Float32 } else { args.weights };
    let weights = kept.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let compiled = Compiled { plan: path, weights, bytes: plan.len(), model_bytes: bytes.len(), deviation };
    if json {
        return output::json(&compiled);
    }
    let Compiled { plan, weights, bytes, model_bytes, deviation: Deviation { most, mean } } = compiled;
    output::line(format_args!(
        "{}: {bytes} bytes ({weights}; the model has {model_bytes}), off tract by at most {most:.1e}, in the mean {mean:.1e}",
        plan.display()
    ))
}
