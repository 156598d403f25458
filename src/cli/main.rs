//! The command line. One file per command; each has its arguments and a `run`.

mod adopt;
mod args;
mod bench;
mod compile;
mod doctor;
mod engine;
mod evaluate;
mod gather;
mod golden;
mod init;
mod ledger;
mod lock;
mod output;
mod pack;
mod program;
mod project;
mod promote;
mod retrain;
mod run;
mod serve;
mod tensors;
mod train;
mod upgrade;
mod verify;
mod weights;

use std::process::ExitCode;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    output::exit(args::parse().run())
}
