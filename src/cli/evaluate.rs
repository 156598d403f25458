//! `nearside evaluate`: every candidate on the rows that were held out, and which one is shipped.

use crate::output::{self, Progress};
use crate::project::{Project, ProjectArgs, Trained, json_bytes};
use clap::Args;
use nearside::evaluate::{EvaluationReport, HeldOut, choose, evaluate, text};
use nearside::features::{FeatureSchema, Observation, encode};
use nearside::onnx::TractEngine;
use nearside::predict::feed;
use nearside::sources::{Table, load_snapshot};
use nearside::train::sigmoid;
use nearside::{Engine, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// Judge the candidates on held-out rows. Exits with 1 when none passes the gates.
#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    project: ProjectArgs,
}

/// What `evaluate` leaves for `pack`: `.nearside/evaluation.json`.
#[derive(Serialize, Deserialize)]
pub struct Evaluated {
    /// The candidate that is shipped, by its place; nothing when none passes.
    pub chosen: Option<usize>,
    /// Why.
    pub words: String,
    /// The candidates, as in `candidates.json`.
    pub candidates: Vec<EvaluatedCandidate>,
}

/// One candidate with its report.
#[derive(Serialize, Deserialize)]
pub struct EvaluatedCandidate {
    /// `plain`, or the mitigation.
    pub name: String,
    /// What was measured.
    pub report: EvaluationReport,
}

/// Runs the command.
pub fn run(args: Evaluate, json: bool) -> Result<()> {
    let evaluated = step(&Project::open(&args.project)?)?;
    if json {
        output::json(&evaluated)?;
    } else {
        for candidate in &evaluated.candidates {
            println!("== {}\n{}", candidate.name, text(&candidate.report));
        }
        println!("{}", evaluated.words);
    }
    evaluated.passed()
}

impl Evaluated {
    /// Fails with `gate-failed` when no candidate passes.
    pub fn passed(&self) -> Result<()> {
        match self.chosen {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::GateFailed, &self.words)),
        }
    }
}

/// Judges the candidates, and writes the result.
pub fn step(project: &Project) -> Result<Evaluated> {
    let trained: Trained = project.read_work_json("candidates.json", "train")?;
    if trained.canvas_digest != project.canvas_digest() {
        let message = "the canvas has changed since the candidates were trained";
        return Err(Error::new(ErrorKind::InvalidData, message).help("run `nearside train` again"));
    }
    let (table, _) = load_snapshot(&project.folder)?;
    let rows = HeldOut::read(&project.canvas, &table)?;
    let progress = Progress::new("evaluating", Some(trained.candidates.len() as u64));
    let mut candidates = Vec::new();
    for (done, candidate) in trained.candidates.iter().enumerate() {
        progress.set(done as u64, None);
        let model = project.read_work(&candidate.model, "train")?;
        let scores = scores(project, &trained.schema, &model, &table, &rows.rows)?;
        let report = evaluate(&project.canvas, &scores, &rows)?;
        candidates.push(EvaluatedCandidate { name: candidate.name.clone(), report });
    }
    let named: Vec<(&str, &EvaluationReport)> =
        candidates.iter().map(|candidate| (candidate.name.as_str(), &candidate.report)).collect();
    let choice = choose(&named);
    let evaluated = Evaluated { chosen: choice.chosen, words: choice.words, candidates };
    project.write_work("evaluation.json", &json_bytes(&evaluated)?)?;
    Ok(evaluated)
}

/// The scores that the ONNX model itself gives for the held-out rows: what is judged is what ships.
fn scores(
    project: &Project,
    schema: &[FeatureSchema],
    model: &[u8],
    table: &Table,
    rows: &[usize],
) -> Result<Vec<f64>> {
    let mut engine = TractEngine::new(model)?;
    let observed = observe(project, schema, table, rows)?;
    let observed: Vec<&[Observation]> = observed.iter().map(Vec::as_slice).collect();
    let outputs = engine.run(feed(schema, &observed)?)?;
    let margin = engine.signature().outputs.iter().position(|output| output.name == "margin");
    let margins = margin.and_then(|place| outputs[place].data().to_f64());
    let margins = margins.ok_or_else(|| Error::new(ErrorKind::InvalidModel, "the candidate has no margin"))?;
    Ok(margins.into_iter().map(sigmoid).collect())
}

/// What these rows of the table hold in each feature.
pub fn observe(
    project: &Project,
    schema: &[FeatureSchema],
    table: &Table,
    rows: &[usize],
) -> Result<Vec<Vec<Observation>>> {
    let columns = project.canvas.inputs().map(|feature| table.column(feature.column())).collect::<Result<Vec<_>>>()?;
    let row = |&row: &usize| {
        let cells = schema.iter().zip(&columns);
        cells.map(|(feature, column)| encode(feature, column.values.get(row))).collect()
    };
    Ok(rows.iter().map(row).collect())
}
