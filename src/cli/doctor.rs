//! `nearside doctor`: what is in place on this machine and in this project, and what to do about the rest.

use crate::golden::distance;
use crate::output;
use crate::project::{Project, ProjectArgs};
use clap::Args;
use nearside::bundle::{Golden, PageFile};
use nearside::collect::MISSING_ASSETS;
use nearside::onnx::TractEngine;
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
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// Runs the command. Exits with 1 when something is wrong.
pub fn run(args: Doctor, json: bool) -> Result<()> {
    let mut checks = vec![check("version", Ok(format!("nearside {}", env!("CARGO_PKG_VERSION"))))];
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
        checks.push(check("bundle", bundle(project)));
    }
    checks.push(check("pages", pages()));
    checks.push(check("port", port(args.port)));
    let wrong = checks.iter().filter(|check| !check.ok).count();
    if json {
        output::json(&checks)?;
    } else {
        for Check { name, ok, detail } in &checks {
            output::line(format_args!("{} {name:9} {detail}", if *ok { "ok   " } else { "wrong" }))?;
        }
    }
    match wrong {
        0 => Ok(()),
        _ => Err(Error::new(ErrorKind::GateFailed, format!("{wrong} of {} checks failed", checks.len()))),
    }
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
fn bundle(project: &Project) -> Result<String> {
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
