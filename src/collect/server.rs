//! Starting and stopping a collector.

use super::access::Access;
use super::actions::Builds;
use super::batch::{Batch, Done, Write};
use super::live::{Live, LiveEvent};
use super::models::{Models, Version};
use super::rules::last_end;
use super::store::Store;
use super::{App, query, router};
use crate::alerts::{ActionState, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Millis;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const PULSE: Duration = Duration::from_millis(200);
const REFRESH: Duration = Duration::from_secs(1);
const COMPACT: Duration = Duration::from_secs(600);
/// The shortest step of windows.
const SHORTEST: Duration = Duration::from_millis(50);
/// How often it is looked whether a window has closed.
const LOOK: Duration = Duration::from_secs(1);
/// How long open requests may take to end when the collector stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a collector is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Project folders, each with its bundle in `bundle/`.
    pub projects: Vec<PathBuf>,
    /// Bundle folders without a project: served and watched, never retrained.
    pub bundles: Vec<PathBuf>,
    /// Where the counters are kept.
    pub data: PathBuf,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; 0 takes any that is free.
    pub port: u16,
    /// The write key; without one, one is made once and kept.
    pub write_key: Option<String>,
    /// The reader token; without one, anybody may read.
    pub reader_token: Option<String>,
    /// The admin token; without one, a new one is made.
    pub admin_token: Option<String>,
    /// The origins whose pages may write.
    pub origins: Vec<String>,
    /// How often a window closes and is judged: a minute, or a whole number of them. Less is for tests, which cannot
    /// wait: the minute that is open is then looked at, too.
    pub window_check: Duration,
    /// How long a build may take.
    pub retrain_timeout: Duration,
    /// The program that builds models: `nearside` itself.
    pub program: PathBuf,
}

/// A collector that listens. [`Server::run`] serves until it is told to stop.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    window_check: Duration,
}

impl Server {
    /// Opens the bundles and the store, and listens.
    ///
    /// Fails with `io` when the port is in use or the store cannot be opened, with `bundle-corrupt` when a file of a
    /// champion, whichever, is not the one that was packed.
    pub async fn start(config: Config) -> Result<Self> {
        let listener = listen(config.host, config.port).await?;
        let address = listener.local_addr()?;
        let models = Models::open(&config.projects, &config.bundles)?;
        let live = Arc::new(Live::default());
        let told = live.clone();
        let store = Store::open(&config.data, move |batch: &Batch| told.counted(batch.predictions()))?;
        let write_key = write_key(&store, config.write_key).await?;
        let admin_token = config.admin_token.unwrap_or_else(|| secret("adm_"));
        let access = Access::new(write_key, config.reader_token, admin_token, config.origins, config.host);
        let app = Arc::new(App {
            models,
            store,
            access,
            live,
            counters: Default::default(),
            builds: Builds::default(),
            watch: Default::default(),
            looked: Default::default(),
            complaints: Default::default(),
            packed: Default::default(),
            program: config.program,
            retrain_timeout: config.retrain_timeout,
        });
        restore(&app).await?;
        Ok(Self { listener, address, app, window_check: config.window_check })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether anybody who reaches the address may read: it is not of this machine alone, and no token is asked for.
    pub fn is_open_to_others(&self) -> bool {
        !self.app.access.is_local() && self.app.access.reader_token.is_none()
    }

    /// The write key, which pages use.
    pub fn write_key(&self) -> &str {
        &self.app.access.write_key
    }

    /// The admin token.
    pub fn admin_token(&self) -> &str {
        &self.app.access.admin_token
    }

    /// The names of the models.
    pub fn models(&self) -> Vec<String> {
        self.app.models.all().map(|model| model.name().to_owned()).collect()
    }

    /// Serves until `stop` is there; then lets open requests end, and writes what waits.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let Self { listener, app, window_check, .. } = self;
        let mut tasks = background(&app, window_check);
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let closing = app.clone();
        let signal = async move {
            stop.await;
            closing.live.tell(LiveEvent::Close);
            let _ = stopping.send(true);
        };
        let serve = axum::serve(listener, router::router(app.clone())).with_graceful_shutdown(signal);
        let deadline = async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(FAREWELL).await;
        };
        let served = tokio::select! {
            served = serve => served,
            () = deadline => Ok(()),
        };
        tasks.shutdown().await;
        let store = app.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
        served.map_err(Error::from)
    }
}

fn background(app: &Arc<App>, window_check: Duration) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let every = |period: Duration| {
        let mut ticks = interval(period.max(SHORTEST));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut ticks, subject) = (every(PULSE), app.clone());
    tasks.spawn(async move {
        loop {
            ticks.tick().await;
            subject.live.pulse();
        }
    });
    let (mut ticks, subject) = (every(REFRESH), app.clone());
    tasks.spawn(async move {
        loop {
            ticks.tick().await;
            for model in subject.models.all() {
                subject.refresh(model).await;
            }
        }
    });
    let step = Millis(window_check.max(SHORTEST).as_millis() as u64);
    let (mut ticks, subject) = (every(window_check.min(LOOK)), app.clone());
    tasks.spawn(async move {
        let mut judged = None;
        loop {
            ticks.tick().await;
            let end = last_end(subject.now(), step);
            if judged.replace(end) != Some(end) {
                subject.check_windows(end).await;
            }
        }
    });
    let (mut ticks, subject) = (every(COMPACT), app.clone());
    tasks.spawn(async move {
        loop {
            ticks.tick().await;
            let write = Write::Compact { now: subject.now(), retention: retention(&subject) };
            loop {
                match subject.store.write(write.clone()).await {
                    Ok(Done::More) => tokio::task::yield_now().await,
                    Ok(_) => break,
                    Err(error) => {
                        tracing::error!("old windows were not merged: {error}");
                        break;
                    }
                }
            }
            for model in subject.models.all() {
                if let Err(error) = subject.forget_lost_versions(model).await {
                    tracing::error!("the versions of {} that are gone were not forgotten: {error}", model.name());
                }
            }
        }
    });
    tasks
}

/// How long the counters of each model are kept, as the champion's canvas states it.
fn retention(app: &App) -> Vec<(String, Millis)> {
    let kept = |model: &Arc<super::models::Model>| {
        let days = model.champion_version()?.canvas.as_ref()?.collecting_data.retention_days;
        Some((model.name().to_owned(), Millis((days.max(1.0) * Millis::DAY.0 as f64) as u64)))
    };
    app.models.all().filter_map(kept).collect()
}

async fn listen(host: IpAddr, port: u16) -> Result<TcpListener> {
    TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let error = Error::new(ErrorKind::Io, format!("port {port} is in use by another program")).item(host);
            error.help("stop that program, or choose another port with `--port` (0 takes any that is free)")
        }
        _ => {
            let error = Error::new(ErrorKind::Io, format!("cannot listen on port {port}: {error}")).item(host);
            error.help("choose another port with `--port`, or another address with `--host`")
        }
    })
}

/// Takes up what the store remembers: versions, open alerts. A build that was running when it stopped has failed.
async fn restore(app: &Arc<App>) -> Result<()> {
    for model in app.models.all() {
        let name = model.name().to_owned();
        for (manifest, baseline, canvas) in app.store.read(move |reader| query::kept_versions(reader, &name)).await? {
            match Version::from_texts(manifest, baseline, canvas) {
                Ok(version) => model.remember(version),
                Err(error) => tracing::warn!("a version of {} is no longer readable: {error}", model.name()),
            }
        }
        app.try_keep_versions(model).await?;
    }
    let mut alerts = app.store.read(|reader| query::alerts(reader, None, 10_000)).await?;
    let mut ended = Vec::new();
    for alert in alerts.iter_mut().filter(|alert| alert.action_state == ActionState::Running) {
        alert.action_state = ActionState::Failed;
        alert.detail = Some("the collector was stopped while this was running".into());
        ended.push(alert.clone());
    }
    app.store.write(Write::Alerts(ended)).await?;
    *app.watch.lock().await = Watch::restore(&alerts);
    for model in app.models.all() {
        // The champion may have changed while the collector was down.
        app.resolve_replaced(model, &model.champion()).await;
    }
    Ok(())
}

/// The write key that was given, or the one that was made when the store was new.
async fn write_key(store: &Store, given: Option<String>) -> Result<String> {
    if let Some(key) = given {
        return Ok(key);
    }
    if let Some(key) = store.read(|reader| query::meta(reader, "write_key")).await? {
        return Ok(key);
    }
    let key = secret("pub_");
    store.write(Write::Meta { key: "write_key", value: key.clone() }).await?;
    Ok(key)
}

/// 128 random bits in hexadecimal.
fn secret(prefix: &str) -> String {
    let bits: u128 = rand::random();
    format!("{prefix}{bits:032x}")
}
