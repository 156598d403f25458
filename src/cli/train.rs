//! `nearside train`: the candidates, as ONNX files.

use crate::output::{self, Progress};
use crate::program;
use crate::project::{KIT, Project, ProjectArgs, Trained, TrainedCandidate, json_bytes};
use clap::Args;
use nearside::bundle::sha256_hex;
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
    let project = Project::open(&args.project)?;
    let _turn = project.turn("train")?;
    let trained = step(&project)?;
    if json {
        return output::json(&trained);
    }
    trained.candidates.iter().try_for_each(|TrainedCandidate { name, model, parameters, rows, .. }| {
        output::line(format_args!("{name}: {parameters} parameters from {rows} rows, .nearside/{model}"))
    })
}

/// Trains and writes the candidates.
pub fn step(project: &Project) -> Result<Trained> {
    let (table, lineage) = load_snapshot(&project.folder)?;
    if !project.canvas.building_models.trainer.command.is_empty() {
        let trained = program::step(project, &table, lineage.sha256)?;
        project.write_work("candidates.json", &json_bytes(&trained)?)?;
        return Ok(trained);
    }
    let progress = Progress::new("training", Some(100));
    let candidates = train(&project.canvas, &table, &mut |what, share| {
        progress.message(what);
        progress.set((share * 100.0) as u64, None);
    })?;
    let first = candidates.first().ok_or_else(|| Error::new(ErrorKind::Internal, "no candidate was trained"))?;
    let mut trained = Trained {
        kit: KIT.to_owned(),
        canvas_digest: project.training_digest(),
        snapshot: lineage.sha256,
        schema: schema(&project.canvas, &first.fitted.features, &table, &first.split.train)?,
        classes: first.fitted.classes().to_vec(),
        roles: None,
        metrics: None,
        candidates: Vec::new(),
    };
    for candidate in candidates {
        let model = format!("{}.onnx", candidate.name);
        let bytes = export(&project.canvas.name, &candidate.fitted)?;
        project.write_work(&model, &bytes)?;
        trained.candidates.push(TrainedCandidate {
            sha256: sha256_hex(&bytes),
            explained_by: candidate.fitted.explained_by().map(str::to_owned),
            parameters: candidate.fitted.parameters(),
            rows: candidate.rows,
            name: candidate.name,
            model,
        });
    }
    project.write_work("candidates.json", &json_bytes(&trained)?)?;
    Ok(trained)
}
