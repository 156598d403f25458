//! `nearside bench`: the two engines side by side on this machine, without a browser. `make bench` measures in pages.

use crate::engine;
use crate::output;
use clap::Args;
use nearside::onnx::lower::inputs;
use nearside::onnx::{OnnxModel, TractEngine, read, read_file};
use nearside::plan::PlanEngine;
use nearside::{Engine, Error, ErrorKind, Result, Tensor};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Time models on their plan and on tract, in turn. What counts is the ratio.
#[derive(Args)]
pub struct Bench {
    /// The .onnx files.
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Pairs of runs, after a few that are not counted.
    #[arg(long, default_value_t = 30)]
    runs: usize,
    /// The rows of one run, where the model leaves that open.
    #[arg(long, default_value_t = 1)]
    batch: usize,
}

/// One figure, as `make bench` writes them.
#[derive(Serialize)]
struct Figure {
    section: &'static str,
    model: String,
    engine: &'static str,
    metric: &'static str,
    /// Nothing where the engine refuses the model; `refused` says why.
    value: Option<f64>,
    unit: &'static str,
    baseline: &'static str,
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// Runs the command. Fails with the errors of [`read`] for what is no model.
pub fn run(args: Bench, json: bool) -> Result<()> {
    if args.runs == 0 || args.batch == 0 {
        let error = Error::new(ErrorKind::Usage, "nothing would be measured");
        return Err(error.help("give --runs and --batch of at least 1"));
    }
    let mut figures = Vec::new();
    for path in &args.models {
        let bytes = read_file(path)?;
        let named = |error: Error| error.place(path.display());
        let model = read(&bytes).map_err(named)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let plan = match engine::plan(&bytes) {
            Ok(plan) => Ok(plan),
            Err(error) if error.kind() == ErrorKind::UnsupportedOperator => Err(error.to_string()),
            Err(error) => return Err(named(error)),
        };
        let found = measure(&args, &name, &model, &bytes, plan).map_err(named)?;
        if !json {
            found.iter().filter(|figure| figure.engine == "compiled").try_for_each(print)?;
        }
        figures.extend(found);
    }
    if json { output::json(&figures) } else { Ok(()) }
}

fn measure(
    args: &Bench,
    name: &str,
    model: &OnnxModel,
    bytes: &[u8],
    plan: std::result::Result<Vec<u8>, String>,
) -> Result<Vec<Figure>> {
    let given = inputs(model, [args.batch, 16])?;
    let mut tract = TractEngine::new(bytes)?;
    let opened = |open: &mut dyn FnMut() -> Result<()>| {
        let start = Instant::now();
        open().map(|()| start.elapsed().as_secs_f64() * 1e3)
    };
    let (plan, refused) = match plan {
        Ok(plan) => (Some(plan), None),
        Err(why) => (None, Some(why)),
    };
    let mut compiled = plan.as_deref().map(PlanEngine::new).transpose()?;
    let create = [
        plan.as_deref().map(|plan| opened(&mut || PlanEngine::new(plan).map(drop))).transpose()?,
        Some(opened(&mut || TractEngine::new(bytes)?.run(given.clone()).map(drop))?),
    ];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..args.runs + 3 {
        let engines = compiled.as_mut().map(|engine| engine as &mut dyn Engine).into_iter().zip([&mut ours]);
        let both = engines.chain([(&mut tract as &mut dyn Engine, &mut theirs)]);
        for (engine, times) in both {
            let time = timed(engine, &given)?;
            if run >= 3 {
                times.push(time);
            }
        }
    }
    let section = if args.batch == 1 { "steady" } else { "batch" };
    let mut figures = Vec::new();
    let mut add = |section, metric, unit, values: [Option<f64>; 2]| {
        for (engine, value) in ["compiled", "tract"].into_iter().zip(values) {
            let refused = refused.clone().filter(|_| value.is_none());
            let ratio = value.zip(values[1]).map(|(value, base)| value / base);
            let model = name.to_owned();
            figures.push(Figure { section, model, engine, metric, value, unit, baseline: "tract", ratio, refused });
        }
    };
    add("bytes", "bytes", "bytes", [plan.as_ref().map(|plan| plan.len() as f64), Some(bytes.len() as f64)]);
    add("create", "median_ms", "ms", create);
    add(section, "median_ms", "ms", [&ours, &theirs].map(|times| quantile(times, 0.5)));
    add(section, "min_ms", "ms", [&ours, &theirs].map(|times| quantile(times, 0.0)));
    Ok(figures)
}

fn timed(engine: &mut dyn Engine, inputs: &[Tensor]) -> Result<f64> {
    let given = inputs.to_vec();
    let start = Instant::now();
    engine.run(given)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn quantile(times: &[f64], q: f64) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    nearside::stats::of_sorted(&sorted, q)
}

fn print(figure: &Figure) -> Result<()> {
    let Figure { section, model, metric, value, unit, ratio, refused, .. } = figure;
    match (value, ratio, refused) {
        (Some(value), Some(ratio), _) if *unit == "bytes" => {
            output::line(format_args!("{model}: plan {value:.0} bytes, {ratio:.2} of the model"))
        }
        (Some(value), Some(ratio), _) => {
            output::line(format_args!("{model}: {section} {metric} {value:.4}, {ratio:.2} of tract's"))
        }
        (.., Some(why)) if *section == "bytes" => output::line(format_args!("{model}: there is no plan: {why}")),
        _ => Ok(()),
    }
}
