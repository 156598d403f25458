//! `nearside retrain`: gather, train, evaluate, gates, pack and promote, in one command.

use crate::output::{self, Progress};
use crate::pack::{Packed, build_step};
use crate::project::{Project, ProjectArgs};
use crate::weights::AtRest;
use crate::{evaluate, pack, train};
use clap::Args;
use nearside::Result;
use nearside::bundle::BuildStep;
use nearside::sources::gather;
use serde::Serialize;
use std::time::Instant;

/// Gather, train, evaluate, pack and promote. Exits with 1, and leaves the champion in place, when no candidate
/// passes the gates.
#[derive(Args)]
pub struct Retrain {
    #[command(flatten)]
    project: ProjectArgs,
    /// Write the version, but leave the champion as it is.
    #[arg(long)]
    no_promote: bool,
}

/// What a run did.
#[derive(Serialize)]
struct Summary {
    /// The version that was packed; nothing when no candidate passed.
    packed: Option<Packed>,
    /// Which candidate was chosen, and why; or why none was.
    words: String,
    /// How long each step took, in seconds.
    seconds: Vec<(String, f64)>,
}

/// Runs the command.
pub fn run(args: Retrain, json: bool) -> Result<()> {
    let project = Project::open(&args.project)?;
    let _turn = project.turn("retrain")?;
    let mut steps = Vec::new();

    let (start, progress) = (Instant::now(), Progress::new("gathering", None));
    gather(&project.canvas, &project.folder, &mut |done, total| progress.set(done, total))?;
    drop(progress);
    steps.push(build_step("gather", start));
    let start = Instant::now();
    train::step(&project)?;
    steps.push(build_step("train", start));
    let start = Instant::now();
    let evaluated = evaluate::step(&project)?;
    steps.push(build_step("evaluate", start));
    let start = Instant::now();
    let passed = evaluated.passed();
    let packed =
        if passed.is_ok() { Some(pack::step(&project, !args.no_promote, AtRest::Auto, &steps)?) } else { None };
    steps.push(build_step("pack", start));

    let seconds = steps.into_iter().map(|BuildStep { step, seconds }| (step, seconds)).collect();
    let summary = Summary { packed, words: evaluated.words, seconds };
    if json {
        output::json(&summary)?;
    } else {
        output::line(&summary.words)?;
        summary.packed.iter().try_for_each(Packed::print)?;
        let steps: Vec<String> = summary.seconds.iter().map(|(step, time)| format!("{step} {time:.1} s")).collect();
        output::line(steps.join(", "))?;
    }
    passed
}
