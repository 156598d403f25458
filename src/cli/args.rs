//! The arguments as they are typed, and which command they mean.

use crate::{
    adopt, bench, compile, doctor, evaluate, gather, init, pack, promote, retrain, run, serve, train, upgrade, verify,
};
use clap::{Parser, Subcommand};
use nearside::Result;

/// Machine-learning models in the page and on the edge: fast to arrive, watched for fairness, explained, bounded, and
/// quick to replace.
#[derive(Parser)]
#[command(name = "nearside", version, disable_help_subcommand = true)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Start a project: write a small canvas and a recipe of synthetic rows.
    Init(init::Init),
    /// Take in a model that exists already: infer what it predicts from rows, and write a bundle and a canvas.
    Adopt(adopt::Adopt),
    /// Gather the data sources of a canvas into a checked, hashed snapshot.
    Gather(gather::Gather),
    /// Fit the candidates of a canvas on the last snapshot.
    Train(train::Train),
    /// Judge the candidates on held-out rows, against the gates of the canvas.
    Evaluate(evaluate::Evaluate),
    /// Pack the candidate that passed into a bundle, and make it the champion.
    Pack(pack::Pack),
    /// Gather, train, evaluate, pack and promote, in one command.
    Retrain(retrain::Retrain),
    /// Make a version the champion.
    Promote(promote::Promote),
    /// Bring the version before back.
    Rollback(promote::Rollback),
    /// Serve the dashboard, the SDK and the bundles, and collect what pages report.
    Serve(serve::Serve),
    /// Check this machine and a project.
    Doctor(doctor::Doctor),
    /// Say whether this version of the kit can take a project over.
    Upgrade(upgrade::Upgrade),
    /// Make the plan of an ONNX model, for the small runtime.
    Compile(compile::Compile),
    /// Time models on their plan and on tract, on this machine.
    Bench(bench::Bench),
    /// Run a model or a bundle on an input file.
    Run(run::Run),
    /// Run models on test data and compare what they give with what they should.
    Verify(verify::Verify),
}

/// Reads the command line. Wrong use ends the process with a message and exit code 2.
pub fn parse() -> Args {
    Args::parse()
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Init(args) => init::run(args, self.json),
            Command::Adopt(args) => adopt::run(args, self.json),
            Command::Gather(args) => gather::run(args, self.json),
            Command::Train(args) => train::run(args, self.json),
            Command::Evaluate(args) => evaluate::run(args, self.json),
            Command::Pack(args) => pack::run(args, self.json),
            Command::Retrain(args) => retrain::run(args, self.json),
            Command::Promote(args) => promote::promote(args, self.json),
            Command::Rollback(args) => promote::rollback(args, self.json),
            Command::Serve(args) => serve::run(args, self.json),
            Command::Doctor(args) => doctor::run(args, self.json),
            Command::Upgrade(args) => upgrade::run(args, self.json),
            Command::Compile(args) => compile::run(args, self.json),
            Command::Bench(args) => bench::run(args, self.json),
            Command::Run(args) => run::run(args, self.json),
            Command::Verify(args) => verify::run(args, self.json),
        }
    }
}
