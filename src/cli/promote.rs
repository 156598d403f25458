//! `nearside promote` and `nearside rollback`: which version answers.

use crate::output;
use crate::project::{Project, ProjectArgs};
use clap::Args;
use nearside::Result;
use nearside::bundle::Channel;

/// Make a version the champion, after its files were verified.
#[derive(Args)]
pub struct Promote {
    /// The version: 12 hexadecimal digits.
    version: String,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Bring the version before back.
#[derive(Args)]
pub struct Rollback {
    #[command(flatten)]
    project: ProjectArgs,
}

/// Runs `promote`.
pub fn promote(args: Promote, json: bool) -> Result<()> {
    show(&Project::open(&args.project)?.registry().promote(&args.version)?, json)
}

/// Runs `rollback`.
pub fn rollback(args: Rollback, json: bool) -> Result<()> {
    show(&Project::open(&args.project)?.registry().rollback()?, json)
}

fn show(channel: &Channel, json: bool) -> Result<()> {
    if json {
        return output::json(channel);
    }
    let previous = channel.previous.as_ref().map_or("none", |pointer| pointer.version.as_str());
    output::line(format_args!("{}: champion {}, previous {previous}", channel.name, channel.champion.version))
}
