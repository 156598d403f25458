//! `nearside evaluate`: every candidate on the rows that were held out, and which one is shipped.

use crate::engine;
use crate::output::{self, Progress};
use crate::project::{KIT, Project, ProjectArgs, Trained, check_current, json_bytes};
use clap::Args;
use nearside::bundle::Manifest;
use nearside::canvas::Other;
use nearside::evaluate::{
    Answer, Champion, Choice, Contender, EvaluationReport, FrontPoint, HeldOut, Page, Predicted, RunReport,
    choose_among, evaluate, front, front_text, html, judge_run, text,
};
use nearside::features::{Record, Value};
use nearside::predict::Groups;
use nearside::rollout::Registry;
use nearside::sources::{Lineage, Table, load_snapshot, record};
use nearside::train::{Target, manifest};
use nearside::{Error, ErrorKind, Prediction, Predictor, Result};
use serde::{Deserialize, Serialize};
use std::time::Instant;

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
    /// How good and how fair each candidate is, where the canvas states a fairness metric.
    #[serde(default)]
    pub front: Vec<FrontPoint>,
}

/// One candidate with its report.
#[derive(Serialize, Deserialize)]
pub struct EvaluatedCandidate {
    /// `plain`, or the mitigation.
    pub name: String,
    /// The SHA-256 of the model that was judged.
    pub sha256: String,
    /// What was measured: this part ships.
    pub report: EvaluationReport,
    /// The champion, the latency and the gates on both. They are another in the next run, and stay here.
    #[serde(default)]
    pub run: RunReport,
    /// The records of the costliest rows, in their order. They never leave this machine.
    #[serde(default)]
    pub records: Vec<Record>,
}

impl EvaluatedCandidate {
    /// What there is to choose by.
    fn contender(&self) -> Contender<'_> {
        Contender { name: &self.name, report: &self.report, run: Some(&self.run) }
    }
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
            for gate in &candidate.run.gates {
                output::line(format_args!("{}  {}", if gate.passed { "pass" } else { "FAIL" }, gate.words))?;
            }
            output::line(format_args!("Against the champion: {}.\n", candidate.run.words))?;
        }
        if !evaluated.front.is_empty() {
            output::line(front_text(&evaluated.front))?;
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
        let chosen =
            self.chosen.filter(|&chosen| self.candidates.get(chosen).is_some_and(|one| one.contender().passed()));
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
            && kept.judged(trained)
            && kept.same_champion(project);
        current.then_some(kept)
    }

    /// Whether the champion is the one that candidates were compared with. Without a gate on it, it does not matter.
    fn same_champion(&self, project: &Project) -> bool {
        let gates = &project.canvas.offline_evaluation.gates;
        let now = project.registry().channel().ok().map(|channel| channel.champion.version);
        gates.iter().all(|gate| gate.better_than != Some(Other::Champion))
            || self.candidates.iter().all(|candidate| candidate.run.champion == now)
    }

    /// Fails with `gate-failed` when no candidate passes.
    pub fn passed(&self) -> Result<()> {
        match self.chosen {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::GateFailed, &self.words)),
        }
    }
}

/// Judges the candidates, and writes the result: `evaluation.json`, and `evaluation.html` for people.
pub fn step(project: &Project) -> Result<Evaluated> {
    let trained: Trained = project.read_work_json("candidates.json", "train")?;
    let (table, lineage) = load_snapshot(&project.folder)?;
    trained.check(project, &lineage)?;
    let rows = HeldOut::read(&project.canvas, &table)?;
    let records: Vec<Record> =
        rows.rows.iter().map(|&row| record(&project.canvas, &table, row)).collect::<Result<_>>()?;
    let progress = Progress::new("evaluating", Some(trained.candidates.len() as u64));
    let champion = champion(project, &table, &rows);
    let mut candidates = Vec::new();
    for (done, candidate) in trained.candidates.iter().enumerate() {
        progress.set(done as u64, None);
        let model = trained.model(project, candidate)?;
        let mut predictor = predictor(project, &trained, &model)?;
        let (answers, latency_ms) = answers(&mut predictor, &records, &rows)?;
        let report = evaluate(&project.canvas, &answers, &rows)?;
        let run = judge_run(&project.canvas, &answers, &rows, champion.known(), latency_ms)?;
        let costly = report.costliest.iter().filter_map(|costly| rows.rows.binary_search(&(costly.row - 1)).ok());
        let records = costly.map(|place| records[place].clone()).collect();
        let (name, sha256) = (candidate.name.clone(), candidate.sha256.clone());
        candidates.push(EvaluatedCandidate { name, sha256, report, run, records });
    }
    let contenders: Vec<Contender<'_>> = candidates.iter().map(EvaluatedCandidate::contender).collect();
    let Choice { chosen, words } = choose_among(&contenders);
    let front = front(&project.canvas, &contenders, chosen);
    let shown = chosen.unwrap_or(0);
    if let Some(candidate) = candidates.get(shown) {
        let page = Page {
            candidate: &candidate.name,
            words: &words,
            run: Some(&candidate.run),
            front: &front,
            records: &candidate.records,
        };
        project.write_work("evaluation.html", html(&candidate.report, &page).as_bytes())?;
    }
    let (canvas_digest, snapshot) = (project.canvas_digest(), trained.snapshot);
    let kit = KIT.to_owned();
    let evaluated = Evaluated { kit, canvas_digest, snapshot, chosen, words, candidates, front };
    project.write_work("evaluation.json", &json_bytes(&evaluated)?)?;
    Ok(evaluated)
}

/// What the bundle of this model would answer to these records, boundaries and fallback included: what is judged is what
/// ships. With it the median time of one, in milliseconds.
fn answers(predictor: &mut Predictor, records: &[Record], rows: &HeldOut) -> Result<(Vec<Answer>, Option<f64>)> {
    let start = Instant::now();
    let mut clock = || start.elapsed().as_secs_f64() * 1e3;
    let (mut answers, mut times) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
    for (record, row) in records.iter().zip(&rows.rows) {
        let prediction = predictor.predict(record, &Groups::new(), &mut clock).map_err(|error| error.row(row + 1))?;
        times.push(prediction.timing.total);
        let predicted = predicted(&prediction, &rows.target).map_err(|error| error.row(row + 1))?;
        answers.push(Answer { predicted, inside: prediction.boundary.inside, action: prediction.action });
    }
    times.sort_by(f64::total_cmp);
    Ok((answers, times.get(times.len() / 2).copied()))
}

/// What a prediction says to this target.
fn predicted(prediction: &Prediction, target: &Target) -> Result<Predicted> {
    let missing = |what: &str| {
        let error =
            Error::new(ErrorKind::InvalidModel, format!("the model gives no {what}, which the task is judged by"));
        error.help("check the kind of the task, and prediction_task.positive")
    };
    match target {
        Target::Numbers(_) | Target::Ranks(_) => prediction.value.map(Predicted::Value).ok_or_else(|| missing("value")),
        Target::Classes(labels) if labels.positive.is_none() => {
            let known = prediction.probabilities.as_ref().ok_or_else(|| missing("probabilities"))?;
            let of = |class: &String| known.get(class).copied().unwrap_or(0.0);
            let predicted = Predicted::classes(labels.classes.iter().map(of).collect());
            let place = labels.classes.iter().position(|class| Some(class) == prediction.label.as_ref());
            Ok(match (predicted, place) {
                (Predicted::Classes { probabilities, .. }, Some(label)) => Predicted::Classes { probabilities, label },
                (predicted, _) => predicted,
            })
        }
        Target::Classes(_) | Target::Anomalies(_) => {
            prediction.score.map(Predicted::Score).ok_or_else(|| missing("score"))
        }
    }
}

/// The champion on the held-out rows.
enum Known {
    None,
    Unknown(String, String),
    Answers(String, Vec<Answer>),
}

impl Known {
    fn known(&self) -> Champion<'_> {
        match self {
            Self::None => Champion::None,
            Self::Unknown(version, why) => Champion::Unknown(version, why),
            Self::Answers(version, answers) => Champion::Answers(version, answers),
        }
    }
}

/// Runs the version that answers now, by its own features and policy, where the table has the columns of its inputs.
fn champion(project: &Project, table: &Table, rows: &HeldOut) -> Known {
    let registry = project.registry();
    let Ok(channel) = registry.channel() else { return Known::None };
    let version = channel.champion.version;
    match champion_answers(&registry, &version, project, table, rows) {
        Ok(answers) => Known::Answers(version, answers),
        Err(error) => Known::Unknown(version, error.to_string()),
    }
}

fn champion_answers(
    registry: &Registry,
    version: &str,
    project: &Project,
    table: &Table,
    rows: &HeldOut,
) -> Result<Vec<Answer>> {
    let manifest: Manifest = registry.manifest(version)?;
    let model = registry.file(&manifest, "model")?;
    let model = model.ok_or_else(|| Error::new(ErrorKind::BundleCorrupt, "the bundle has no model").model(version))?;
    // Its features by the columns that the canvas of today reads them from, or those of their own names.
    let canvas = &project.canvas;
    let mut columns = Vec::with_capacity(manifest.features.len());
    for feature in &manifest.features {
        let stated = canvas.features.iter().find(|known| known.name == feature.name);
        columns.push((feature.name.clone(), table.column(stated.map_or(&feature.name, |known| known.column()))?));
    }
    let record = |&row: &usize| {
        let known = columns.iter().map(|(name, column)| (name.clone(), column.value(row)));
        known.filter(|(_, value)| *value != Value::Missing).collect::<Record>()
    };
    let records: Vec<Record> = rows.rows.iter().map(record).collect();
    let mut predictor = Predictor::new(manifest, Some(engine::quickest(&model)?), 0)?;
    Ok(answers(&mut predictor, &records, rows)?.0)
}

/// A predictor as the bundle of this model will make it.
pub fn predictor(project: &Project, trained: &Trained, model: &[u8]) -> Result<Predictor> {
    let engine = engine::quickest(model)?;
    let mut manifest = manifest(&project.canvas, &trained.schema, &trained.classes, engine.signature());
    if let Some(roles) = &trained.roles {
        manifest.roles.clone_from(roles);
    }
    Predictor::new(manifest, Some(engine), 0)
}
