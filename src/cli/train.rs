//! `nearside train`: the candidates, as ONNX files.

use crate::output::{self, Progress};
use crate::project::{Project, ProjectArgs, Trained, TrainedCandidate, json_bytes};
use clap::Args;
use nearside::sources::load_snapshot;
use nearside::train::{export, schema, train};
use nearside::{Error, ErrorKind, Result};

/// Fit the candidates of the canvas on the last snapshot.
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    project: ProjectArgs,
}

/// Runs the command.
pub fn run(args: Train, json: bool) -> Result<()> {
    let trained = step(&Project::open(&args.project)?)?;
    if json {
        return output::json(&trained);
    }
    for TrainedCandidate { name, model, parameters, rows } in &trained.candidates {
        println!("{name}: {parameters} parameters from {rows} rows, .nearside/{model}");
    }
    Ok(())
}

/// Trains and writes the candidates.
pub fn step(project: &Project) -> Result<Trained> {
    let (table, lineage) = load_snapshot(&project.folder)?;
    let progress = Progress::new("training", Some(100));
    let candidates = train(&project.canvas, &table, &mut |what, share| {
        progress.message(what);
        progress.set((share * 100.0) as u64, None);
    })?;
    let first = candidates.first().ok_or_else(|| Error::new(ErrorKind::Internal, "no candidate was trained"))?;
    let mut trained = Trained {
        canvas_digest: project.canvas_digest(),
        snapshot: lineage.sha256,
        schema: schema(&project.canvas, &first.fitted.features, &table, &first.split.train)?,
        classes: first.fitted.classes.clone(),
        candidates: Vec::new(),
    };
    for candidate in candidates {
        let model = format!("{}.onnx", candidate.name);
        project.write_work(&model, &export(&project.canvas.name, &candidate.fitted)?)?;
        let (parameters, rows) = (candidate.fitted.parameters(), candidate.rows);
        trained.candidates.push(TrainedCandidate { name: candidate.name, model, parameters, rows });
    }
    project.write_work("candidates.json", &json_bytes(&trained)?)?;
    Ok(trained)
}
