//! `nearside retrain`: gather, train, evaluate, gates, pack and promote, in one command.

use crate::output::{self, Progress};
use crate::pack::Packed;
use crate::project::{Project, ProjectArgs};
use crate::{evaluate, pack, train};
use clap::Args;
use nearside::Result;
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
    seconds: Vec<(&'static str, f64)>,
}

/// Runs the command.
pub fn run(args: Retrain, json: bool) -> Result<()> {
    let project = Project::open(&args.project)?;
    let start = Instant::now();
    let mut seconds = Vec::new();
    let mut took = |step| seconds.push((step, start.elapsed().as_secs_f64()));

    let progress = Progress::new("gathering", None);
    gather(&project.canvas, &project.folder, &mut |done, total| progress.set(done, total))?;
    drop(progress);
    took("gather");
    train::step(&project)?;
    took("train");
    let evaluated = evaluate::step(&project)?;
    took("evaluate");
    let packed = if evaluated.chosen.is_some() { Some(pack::step(&project, !args.no_promote)?) } else { None };
    took("pack");

    // Each step so far holds the time since the start.
    for index in (1..seconds.len()).rev() {
        seconds[index].1 -= seconds[index - 1].1;
    }
    let passed = evaluated.passed();
    let summary = Summary { packed, words: evaluated.words, seconds };
    if json {
        output::json(&summary)?;
    } else {
        println!("{}", summary.words);
        summary.packed.iter().for_each(Packed::print);
        let steps: Vec<String> = summary.seconds.iter().map(|(step, time)| format!("{step} {time:.1} s")).collect();
        println!("{}", steps.join(", "));
    }
    passed
}
