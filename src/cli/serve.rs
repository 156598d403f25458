//! `nearside serve`: the collector with its dashboard.

use nearside::collect::{Config, MISSING_ASSETS, Server, example_page};
use nearside::{Error, ErrorKind, Millis, Result};
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Serve the dashboard, the SDK and the bundles, and collect what pages report.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// A project folder with `canvas.toml` and `bundle/`; may be given more than once [default: .]
    #[arg(long, value_name = "DIR")]
    project: Vec<PathBuf>,
    /// A bundle folder without a project; may be given more than once
    #[arg(long, value_name = "DIR")]
    bundle: Vec<PathBuf>,
    /// The port; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Where the counters are kept [default: .nearside/collector of the first project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The public key that pages send [default: NEARSIDE_WRITE_KEY, or one that is made once and kept]
    #[arg(long, value_name = "KEY")]
    write_key: Option<String>,
    /// A token that reading needs [default: NEARSIDE_READER_TOKEN, or anybody may read]
    #[arg(long, value_name = "TOKEN")]
    reader_token: Option<String>,
    /// The token that retraining and promoting need [default: NEARSIDE_ADMIN_TOKEN, or a new one at each start]
    #[arg(long, value_name = "TOKEN")]
    admin_token: Option<String>,
    /// An origin whose pages may report, for example https://shop.example; may be given more than once
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// How often a window closes and the rules of the canvas are judged, in whole minutes; less is for trying out
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = length)]
    window_check: Duration,
    /// How long a build may take, for example 15m
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = length)]
    retrain_timeout: Duration,
}

/// Runs the collector until it is interrupted.
pub fn run(args: Serve, json: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args, json))
}

async fn serve(args: Serve, json: bool) -> Result<()> {
    // Before the first line is printed, so that whoever reads it may stop the collector at once.
    let stop = stop_signal()?;
    let server = Server::start(config(args)?).await?;
    announce(&server, json)?;
    server.run(stop).await
}

fn config(args: Serve) -> Result<Config> {
    let mut projects = args.project;
    if projects.is_empty() && args.bundle.is_empty() {
        projects.push(PathBuf::from("."));
    }
    for project in &projects {
        let help = |error: Error| error.help("name a project with `--project DIR`, or a bundle with `--bundle DIR`");
        if !project.join("canvas.toml").is_file() {
            return Err(help(Error::new(ErrorKind::Io, "there is no canvas.toml here").place(project.display())));
        }
        if !project.join("bundle").join("channel.json").is_file() {
            let error = Error::new(ErrorKind::Io, "this project has no bundle yet").place(project.display());
            let command = format!("build one with `nearside retrain --project {}`", project.display());
            return Err(error.help(command));
        }
    }
    let first = projects.first().cloned().unwrap_or_else(|| PathBuf::from("."));
    Ok(Config {
        data: args.data.unwrap_or_else(|| first.join(".nearside").join("collector")),
        projects,
        bundles: args.bundle,
        host: args.host,
        port: args.port,
        write_key: args.write_key.or_else(|| variable("NEARSIDE_WRITE_KEY")),
        reader_token: args.reader_token.or_else(|| variable("NEARSIDE_READER_TOKEN")),
        admin_token: args.admin_token.or_else(|| variable("NEARSIDE_ADMIN_TOKEN")),
        origins: args.origin,
        window_check: args.window_check,
        retrain_timeout: args.retrain_timeout,
        program: std::env::current_exe()?,
    })
}

/// Other programs of the machine see arguments, but not variables.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Standard output gets one line, for programs; what to do next goes to standard error, for people.
fn announce(server: &Server, json: bool) -> Result<()> {
    let address = format!("http://{}", server.address());
    let (models, mut out) = (server.models(), std::io::stdout().lock());
    let example = example_page(&models).map(|path| format!("{address}{path}"));
    let mut next = std::io::stderr().lock();
    if json {
        let line = serde_json::json!({
            "listening": address, "models": models, "write_key": server.write_key(),
            "admin_token": server.admin_token(), "example": example,
        });
        writeln!(out, "{line}")?;
        out.flush()?;
        return warn(&mut next, server);
    }
    writeln!(out, "listening on {address}")?;
    out.flush()?;
    match MISSING_ASSETS {
        Some(note) => writeln!(next, "  note         {note}")?,
        None => writeln!(next, "  dashboard    {address}/")?,
    }
    if let Some(example) = example {
        writeln!(next, "  example      {example}")?;
    }
    for model in &models {
        writeln!(next, "  model        {address}/models/{model}/")?;
    }
    writeln!(next, "  write key    {}   (public: pages send it)", server.write_key())?;
    writeln!(next, "  admin token  {}   (secret: retrain, promote, roll back)", server.admin_token())?;
    writeln!(next, "Open the dashboard and make a prediction in the Playground. Ctrl-C stops.")?;
    warn(&mut next, server)
}

/// Says what whoever started it may not have meant.
fn warn(next: &mut impl Write, server: &Server) -> Result<()> {
    if server.is_open_to_others() {
        let help = "ask them for a token with `--reader-token` or NEARSIDE_READER_TOKEN";
        writeln!(next, "warning: anybody who reaches {} may read what is counted; {help}", server.address())?;
    }
    Ok(())
}

/// Ends when the process is asked to stop: SIGINT (Ctrl-C) or, on Unix, SIGTERM.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn length(text: &str) -> std::result::Result<Duration, String> {
    let length = Millis::parse(text).ok_or("a number with a unit: 5s, 15m, 1h, 1d")?;
    Ok(Duration::from_millis(length.0))
}
