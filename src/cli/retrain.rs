//! `nearside retrain`: gather, train, evaluate, gates, pack and promote, in one command.

use crate::evaluate::Evaluated;
use crate::ledger::{Entry, Ledger};
use crate::output::{self, Progress};
use crate::pack::Packed;
use crate::project::{Project, ProjectArgs, Trained};
use crate::weights::AtRest;
use crate::{evaluate, pack, train};
use clap::Args;
use nearside::Result;
use nearside::bundle::BuildStep;
use nearside::sources::{Lineage, gather, is_current};
use serde::Serialize;

/// Gather, train, evaluate, pack and promote. Exits with 1, and leaves the champion in place, when no candidate
/// passes the gates.
///
/// A step whose inputs are what they were the last time is not taken again: a build that was interrupted goes on where
/// it was, and one with nothing new ends at once.
#[derive(Args)]
pub struct Retrain {
    #[command(flatten)]
    project: ProjectArgs,
    /// Write the version, but leave the champion as it is.
    #[arg(long)]
    no_promote: bool,
    /// Take every step, also where nothing has changed.
    #[arg(long)]
    force: bool,
}

/// What a run did.
#[derive(Serialize)]
struct Summary {
    /// The version that was packed; nothing when no candidate passed.
    packed: Option<Packed>,
    /// Which candidate was chosen, and why; or why none was.
    words: String,
    /// The steps, with what each took and cost.
    steps: Vec<Entry>,
}

/// Runs the command.
pub fn run(args: Retrain, json: bool) -> Result<()> {
    let project = Project::open(&args.project)?;
    let _turn = project.turn("retrain")?;
    let mut ledger = Ledger::new(&project);
    let keep = !args.force;

    let gathered = || {
        let progress = Progress::new("gathering", None);
        let snapshot = gather(&project.canvas, &project.folder, &mut |done, total| progress.set(done, total))?;
        Ok(snapshot.lineage)
    };
    let kept = if keep { is_current(&project.canvas, &project.folder)? } else { None };
    let lineage: Lineage = ledger.step("gather", kept, gathered, |lineage| lineage.cost.rows)?;
    let kept = keep.then(|| Trained::kept(&project, &lineage)).flatten();
    let trained = ledger.step("train", kept, || train::step(&project), |_| 0.0)?;
    let kept = keep.then(|| Evaluated::kept(&project, &trained, &lineage)).flatten();
    let evaluated = ledger.step("evaluate", kept, || evaluate::step(&project), |_| 0.0)?;
    let passed = evaluated.passed();
    let packed = match passed {
        Ok(()) => {
            let steps: Vec<BuildStep> = ledger.entries.iter().map(step).collect();
            let kept = keep.then(|| Packed::kept(&project, &trained, &evaluated, !args.no_promote)).flatten();
            let take = || pack::step(&project, !args.no_promote, AtRest::Auto, &steps);
            Some(ledger.step("pack", kept, take, |_| 0.0)?)
        }
        Err(_) => None,
    };

    let summary = Summary { packed, words: evaluated.words, steps: ledger.entries };
    if json {
        output::json(&summary)?;
    } else {
        output::line(&summary.words)?;
        summary.packed.iter().try_for_each(Packed::print)?;
        let steps: Vec<String> = summary.steps.iter().map(words).collect();
        let cost: f64 = summary.steps.iter().map(|entry| entry.cost).sum();
        let currency = project.canvas.building_models.currency.as_deref().unwrap_or_default();
        let cost = if cost > 0.0 { format!("; cost {cost:.4} {currency}") } else { String::new() };
        output::line(format_args!("{}{}", steps.join(", "), cost.trim_end()))?;
    }
    passed
}

fn step(entry: &Entry) -> BuildStep {
    BuildStep { step: entry.step.to_owned(), seconds: entry.seconds }
}

fn words(entry: &Entry) -> String {
    match entry.unchanged {
        true => format!("{} unchanged", entry.step),
        false => format!("{} {:.1} s", entry.step, entry.seconds),
    }
}
