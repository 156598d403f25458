//! `nearside upgrade --check`: whether the installed version of the kit can take a project over.

use crate::doctor;
use crate::output;
use crate::project::{Project, ProjectArgs};
use clap::Args;
use nearside::{Error, ErrorKind, Result};

/// Say whether this version of the kit can take a project over: its canvas reads, the champion's golden predictions come
/// out again, the stack is the one that block 9 plans for, and what the planned traffic needs. Nothing is changed.
#[derive(Args)]
pub struct Upgrade {
    #[command(flatten)]
    project: ProjectArgs,
    /// Only say it. There is no other way: a project is taken over by running `nearside retrain` with the new version.
    #[arg(long)]
    check: bool,
}

/// Runs the command. Exits with 1 when something is not as it was.
pub fn run(args: Upgrade, json: bool) -> Result<()> {
    if !args.check {
        let error = Error::new(ErrorKind::Usage, "nothing is upgraded in place");
        return Err(error.help("run `nearside upgrade --check`, then `nearside retrain`"));
    }
    let project = Project::open(&args.project)?;
    let checks = vec![doctor::version(), doctor::stack(&project), doctor::bundle(&project), doctor::capacity(&project)];
    doctor::show(&checks, json)?;
    if !json && checks.iter().all(|check| check.ok) {
        output::line("this version can take the project over: run `nearside retrain`")?;
    }
    doctor::verdict(&checks)
}
