//! `nearside init`: the files that a project starts from.

use crate::output;
use clap::Args;
use nearside::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// The files of a new project, and what is in them.
const FILES: [(&str, &str); 2] =
    [("canvas.toml", include_str!("init/canvas.toml")), ("recipe.toml", include_str!("init/recipe.toml"))];

/// Start a project: write a small canvas and a recipe of synthetic rows.
#[derive(Args)]
pub struct Init {
    /// The folder of the project; it is made when it does not exist.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Runs the command.
pub fn run(args: Init, json: bool) -> Result<()> {
    for (name, _) in FILES {
        let path = args.folder.join(name);
        if path.exists() {
            return Err(Error::new(ErrorKind::Usage, "the file exists already; nothing was written")
                .place(path.display())
                .help("name another folder: `nearside init FOLDER`"));
        }
    }
    let failed = |path: &PathBuf| {
        let place = path.display().to_string();
        move |error: std::io::Error| Error::from(error).place(place).help("make sure that the folder can be written")
    };
    std::fs::create_dir_all(&args.folder).map_err(failed(&args.folder))?;
    let mut written = Vec::new();
    for (name, text) in FILES {
        let path = args.folder.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
        written.push(path.display().to_string());
    }
    if json {
        return output::json(&serde_json::json!({ "written": written }));
    }
    for path in written {
        output::line(format_args!("wrote {path}"))?;
    }
    let folder = args.folder.display();
    output::line(format_args!("next: edit canvas.toml, then `nearside gather --project {folder}`"))
}
