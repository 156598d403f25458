//! `nearside doctor`: what is in place on this machine and in this project, and what to do about the rest.

use crate::golden::distance;
use crate::output;
use crate::project::{KIT, Project, ProjectArgs};
use clap::Args;
use nearside::bundle::{Build, Golden, PageFile};
use nearside::collect::MISSING_ASSETS;
use nearside::onnx::{OPSET, TractEngine};
use nearside::plan::PlanEngine;
use nearside::sources::load_snapshot;
use nearside::{Error, ErrorKind, Result};
use serde::Serialize;
use std::net::TcpListener;

/// Check this machine and a project: canvas, snapshot, bundle, golden predictions, pages, port.
#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    project: ProjectArgs,
    /// The port that `serve` would take.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// One check.
#[derive(Serialize)]
pub struct Check {
    name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    detail: String,
}

/// Runs the command. Exits with 1 when something is wrong.
pub fn run(args: Doctor, json: bool) -> Result<()> {
    let mut checks = vec![version()];
    let project = Project::open(&args.project);
    checks.push(check(
        "canvas",
        project.as_ref().map(|project| format!("{}: valid", project.canvas.name)).map_err(Clone::clone),
    ));
    if let Ok(project) = &project {
        // An adopted model has no sources: its rows were looked at once.
        if !project.canvas.data_sources.is_empty() {
            checks.push(check("snapshot", snapshot(project)));
        }
        checks.push(stack(project));
        checks.push(bundle(project));
        checks.push(capacity(project));
    }
    checks.push(check("pages", pages()));
    checks.push(check("port", port(args.port)));
    show(&checks, json)?;
    verdict(&checks)
}

/// Prints checks, one a line.
pub fn show(checks: &[Check], json: bool) -> Result<()> {
    if json {
        return output::json(&checks);
    }
    checks.iter().try_for_each(|Check { name, ok, detail }| {
        output::line(format_args!("{} {name:9} {detail}", if *ok { "ok   " } else { "wrong" }))
    })
}

/// Fails with `gate-failed` when something is wrong.
pub fn verdict(checks: &[Check]) -> Result<()> {
    match checks.iter().filter(|check| !check.ok).count() {
        0 => Ok(()),
        wrong => Err(Error::new(ErrorKind::GateFailed, format!("{wrong} of {} checks failed", checks.len()))),
    }
}

/// Which version this is.
pub fn version() -> Check {
    check("version", Ok(format!("nearside {KIT}, which writes ONNX operator set {OPSET}")))
}

/// Whether this is the stack that block 9 plans for.
pub fn stack(project: &Project) -> Check {
    let Some(stack) = &project.canvas.building_models.stack else {
        return check("stack", Ok("the canvas plans for none".to_owned()));
    };
    let series = KIT.rsplit_once('.').map_or(KIT, |(series, _)| series);
    let same = stack.kit == series && i64::from(stack.opset) == OPSET;
    let planned = format!("kit {} and operator set {}", stack.kit, stack.opset);
    check(
        "stack",
        if same {
            Ok(format!("{planned}, as planned"))
        } else {
            let error = Error::new(
                ErrorKind::InvalidCanvas,
                format!("the canvas plans for {planned}, this is {series} and {OPSET}"),
            );
            Err(error
                .item("building_models.stack")
                .help("retrain, look at the report, then write the new stack into the canvas"))
        },
    )
}

/// What the planned traffic needs, by the time that one prediction takes on the machine that packed.
pub fn capacity(project: &Project) -> Check {
    let Some(scale) = project.canvas.building_models.scale else {
        return check("capacity", Ok("the canvas plans for no traffic".to_owned()));
    };
    check("capacity", planned(project, scale.predictions_per_day))
}

/// A day's traffic comes unevenly: its busiest hour has a tenth of it.
const BUSIEST_HOUR: f64 = 0.1;

fn planned(project: &Project, per_day: f64) -> Result<String> {
    let registry = project.registry();
    let channel = registry.channel().map_err(|error| error.help("run `nearside retrain`"))?;
    let manifest = registry.verify(&channel.champion.version)?;
    let Some(build) = registry.file(&manifest, "build")? else {
        return Ok(format!("{per_day} predictions a day; this version does not say how long one takes"));
    };
    let build: Build = serde_json::from_slice(&build)
        .map_err(|error| Error::new(ErrorKind::BundleFormat, error.to_string()).item("build"))?;
    let peak = per_day * BUSIEST_HOUR / 3600.0;
    let (each, pages) = (build.latency_ms / 1e3, build.page_bytes as f64 * per_day / 1e9);
    let share = 100.0 * peak * each;
    Ok(format!(
        "{per_day} predictions a day, {peak:.1} a second in the busiest hour: {share:.1} % of one core here where they run on a server or the edge;          in pages no server runs them, and at one page load each {pages:.1} GB a day are sent before compression and caches"
    ))
}

fn check(name: &'static str, result: Result<String>) -> Check {
    match result {
        Ok(detail) => Check { name, ok: true, detail },
        Err(error) => Check { name, ok: false, detail: error.to_string() },
    }
}

fn snapshot(project: &Project) -> Result<String> {
    let (table, lineage) = load_snapshot(&project.folder)?;
    Ok(format!("{} rows, {}", table.rows(), lineage.snapshot))
}

/// The champion's files have their hashes, and its golden predictions come out again.
pub fn bundle(project: &Project) -> Check {
    check("bundle", repeated(project))
}

fn repeated(project: &Project) -> Result<String> {
    let registry = project.registry();
    let channel = registry.channel().map_err(|error| error.help("run `nearside retrain`"))?;
    let manifest = registry.verify(&channel.champion.version)?;
    let golden = registry.file(&manifest, "golden")?.unwrap_or_default();
    let golden: Golden = serde_json::from_slice(&golden)
        .map_err(|error| Error::new(ErrorKind::BundleFormat, error.to_string()).item("golden"))?;
    let model = registry.file(&manifest, "model")?.unwrap_or_default();
    let mut worst = distance(&manifest, Box::new(TractEngine::new(&model)?), &golden)?;
    if let Some(plan) = registry.file(&manifest, "plan")? {
        worst = worst.max(distance(&manifest, Box::new(PlanEngine::new(PageFile::read(&plan)?.plan)?), &golden)?);
    }
    let (version, count) = (channel.champion.version, golden.records.len());
    if worst > golden.tolerance {
        let message = format!("version {version} gives other predictions here: off by {worst:e}");
        return Err(Error::new(ErrorKind::EngineFailed, message).help("pack it again with this version of nearside"));
    }
    Ok(format!("version {version}, {count} golden predictions within {worst:.1e}"))
}

fn pages() -> Result<String> {
    match MISSING_ASSETS {
        Some(missing) => Err(Error::new(ErrorKind::Usage, missing)),
        None => Ok("dashboard, SDK and examples are embedded".to_owned()),
    }
}

fn port(port: u16) -> Result<String> {
    let bound = TcpListener::bind(("127.0.0.1", port));
    bound.map(|_| format!("{port} is free")).map_err(|error| {
        let error = Error::new(ErrorKind::Io, error.to_string()).place(format!("127.0.0.1:{port}"));
        error.help("stop what listens there, or give --port")
    })
}
