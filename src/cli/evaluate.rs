//! `nearside evaluate`: every candidate on the rows that were held out, and which one is shipped.

use crate::engine;
use crate::output::{self, Progress};
use crate::project::{KIT, Project, ProjectArgs, Trained, check_current, json_bytes};
use clap::Args;
use nearside::evaluate::{Answer, Choice, EvaluationReport, HeldOut, choose, evaluate, text};
use nearside::predict::Groups;
use nearside::sources::{Lineage, Table, load_snapshot, record};
use nearside::train::manifest;
use nearside::{Error, ErrorKind, Prediction, Predictor, Result};
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
    /// The version of the kit that judged.
    #[serde(default)]
    pub kit: String,
    /// The short digest of the canvas whose gates were judged.
    pub canvas_digest: String,
    /// The SHA-256 of the snapshot that the held-out rows are from.
    pub snapshot: String,
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
    /// The SHA-256 of the model that was judged.
    pub sha256: String,
    /// What was measured.
    pub report: EvaluationReport,
}

/// Runs the command.
pub fn run(args: Evaluate, json: bool) -> Result<()> {
    let project = Project::open(&args.project)?;
    let _turn = project.turn("evaluate")?;
    let evaluated = step(&project)?;
    if json {
        output::json(&evaluated)?;
    } else {
        for candidate in &evaluated.candidates {
            output::line(format_args!("== {}\n{}", candidate.name, text(&candidate.report)))?;
        }
        output::line(&evaluated.words)?;
    }
    evaluated.passed()
}

impl Evaluated {
    /// The place of the candidate that may ship. Fails when there is none, and when what was judged is not what there is
    /// now: another canvas with other gates, other rows, other candidates.
    pub fn ships(&self, project: &Project, trained: &Trained, lineage: &Lineage) -> Result<usize> {
        let same_canvas = self.canvas_digest == project.canvas_digest();
        check_current(same_canvas, self.snapshot == lineage.sha256, "judged", "evaluate")?;
        self.passed()?;
        let same = self.judged(trained);
        let chosen = self.chosen.filter(|&chosen| self.candidates.get(chosen).is_some_and(|one| one.report.passed));
        chosen.filter(|_| same).ok_or_else(|| {
            let error = Error::new(ErrorKind::InvalidData, "the evaluation is not of these candidates");
            error.help("run `nearside evaluate` again")
        })
    }

    /// Whether these are the candidates that were judged.
    fn judged(&self, trained: &Trained) -> bool {
        let judged = self.candidates.iter().map(|candidate| (&candidate.name, &candidate.sha256));
        judged.eq(trained.candidates.iter().map(|candidate| (&candidate.name, &candidate.sha256)))
    }

    /// What was judged by this version of the kit, this canvas and these rows, of these candidates, if it is still there.
    pub fn kept(project: &Project, trained: &Trained, lineage: &Lineage) -> Option<Self> {
        let kept: Self = project.read_work_json("evaluation.json", "evaluate").ok()?;
        let current = kept.kit == KIT
            && kept.canvas_digest == project.canvas_digest()
            && kept.snapshot == lineage.sha256
            && kept.judged(trained);
        current.then_some(kept)
    }

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
    let (table, lineage) = load_snapshot(&project.folder)?;
    trained.check(project, &lineage)?;
    let rows = HeldOut::read(&project.canvas, &table)?;
    let progress = Progress::new("evaluating", Some(trained.candidates.len() as u64));
    let mut candidates = Vec::new();
    for (done, candidate) in trained.candidates.iter().enumerate() {
        progress.set(done as u64, None);
        let model = trained.model(project, candidate)?;
        let answers = answers(project, &trained, &model, &table, &rows.rows)?;
        let report = evaluate(&project.canvas, &answers, &rows)?;
        let (name, sha256) = (candidate.name.clone(), candidate.sha256.clone());
        candidates.push(EvaluatedCandidate { name, sha256, report });
    }
    let named: Vec<(&str, &EvaluationReport)> =
        candidates.iter().map(|candidate| (candidate.name.as_str(), &candidate.report)).collect();
    let Choice { chosen, words } = choose(&named);
    let (canvas_digest, snapshot) = (project.canvas_digest(), trained.snapshot);
    let evaluated = Evaluated { kit: KIT.to_owned(), canvas_digest, snapshot, chosen, words, candidates };
    project.write_work("evaluation.json", &json_bytes(&evaluated)?)?;
    Ok(evaluated)
}

/// What the bundle of this model would answer to these rows, boundaries and fallback included: what is judged is what
/// ships.
fn answers(project: &Project, trained: &Trained, model: &[u8], table: &Table, rows: &[usize]) -> Result<Vec<Answer>> {
    let mut predictor = predictor(project, trained, model)?;
    let answer = |&row: &usize| {
        let record = record(&project.canvas, table, row)?;
        let prediction = predictor.predict(&record, &Groups::new(), &mut || 0.0);
        let Prediction { score, boundary, action, .. } = prediction.map_err(|error| error.row(row + 1))?;
        let score = score.ok_or_else(|| {
            let error = Error::new(ErrorKind::InvalidCanvas, "the positive class is not stated, so there is no score");
            error.item("prediction_task.positive").help("add positive = \"…\"")
        })?;
        Ok(Answer { score, inside: boundary.inside, action })
    };
    rows.iter().map(answer).collect()
}

/// A predictor as the bundle of this model will make it.
pub fn predictor(project: &Project, trained: &Trained, model: &[u8]) -> Result<Predictor> {
    let engine = engine::quickest(model)?;
    let manifest = manifest(&project.canvas, &trained.schema, &trained.classes, engine.signature());
    Predictor::new(manifest, Some(engine), 0)
}
