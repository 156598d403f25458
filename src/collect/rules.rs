//! Closed windows are judged by the rules of the champion's canvas; what changes becomes alerts and actions.

use super::App;
use super::actions;
use super::batch::Write;
use super::live::LiveEvent;
use super::models::Model;
use super::query;
use crate::alerts::{ActionState, Alert, AlertState, Change};
use crate::canvas::RuleAction;
use crate::error::Result;
use crate::monitor::{self, Report};
use crate::time::Millis;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often rules are judged when nothing new arrives: windows move on by themselves.
const IDLE_CHECK: Millis = Millis::MINUTE;

/// What the last check of a model saw.
#[derive(Debug, Default, Clone, Copy)]
pub struct Checked {
    generation: u64,
    at: Millis,
}

impl App {
    /// Judges all models of which something new was counted, and each of them once a minute.
    pub(super) async fn check_windows(self: &Arc<Self>, checked: &mut HashMap<String, Checked>) {
        let (generation, now) = (self.generation.load(Ordering::Acquire), self.now());
        for model in self.models.all() {
            let last = checked.entry(model.name().to_owned()).or_default();
            if last.generation == generation && now.0 < last.at.0.saturating_add(IDLE_CHECK.0) {
                continue;
            }
            *last = Checked { generation, at: now };
            if let Err(error) = self.check_model(model, now).await {
                tracing::error!("the rules of {} were not judged: {error}", model.name());
            }
        }
    }

    async fn check_model(self: &Arc<Self>, model: &Arc<Model>, now: Millis) -> Result<()> {
        let Some(version) = model.champion_version() else { return Ok(()) };
        let Some(canvas) = &version.canvas else { return Ok(()) };
        let mut reports: HashMap<Millis, Report> = HashMap::new();
        for rule in &canvas.live_monitoring.rule {
            let Some(window) = Millis::parse(&rule.window) else { continue };
            if let std::collections::hash_map::Entry::Vacant(entry) = reports.entry(window) {
                entry.insert(self.report(version.clone(), now.before(window), Millis(now.0 + 1)).await?);
            }
            let judged = monitor::metric(&reports[&window], rule);
            let mut watch = self.watch.lock().await;
            let changes = watch.judge(model.name(), &version.manifest.version, rule, &judged, now);
            for change in changes {
                self.apply(model, change, now).await?;
            }
        }
        Ok(())
    }

    /// A model may have a new champion: reads its folder, keeps its new versions, and tells everybody.
    pub(super) async fn refresh(self: &Arc<Self>, model: &Arc<Model>) {
        let subject = model.clone();
        let refreshed = tokio::task::spawn_blocking(move || subject.refresh()).await;
        let champion = match refreshed {
            Ok(Ok(champion)) => champion,
            Ok(Err(error)) => {
                // The last good version stays in use. The same message once a second would bury all others.
                if self.complaints.lock().await.insert(error.to_string()) {
                    tracing::warn!("{error}");
                }
                return;
            }
            Err(error) => return tracing::error!("reading {} ended early: {error}", model.name()),
        };
        let Some(champion) = champion else { return };
        self.complaints.lock().await.clear();
        self.keep_versions(model).await;
        self.resolve_replaced(model, &champion).await;
        tracing::info!("{}: version {champion} answers", model.name());
        self.live.tell(LiveEvent::Rollout { model: model.name().to_owned(), champion });
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Ends the alerts about versions that answer no more.
    pub(super) async fn resolve_replaced(self: &Arc<Self>, model: &Arc<Model>, champion: &str) {
        let now = self.now();
        let mut watch = self.watch.lock().await;
        for change in watch.replaced(model.name(), champion) {
            if let Err(error) = self.apply(model, change, now).await {
                tracing::error!("an alert was not kept: {error}");
            }
        }
    }

    /// Whoever calls holds the watch, so that changes of one alert come one after the other.
    /// Boxed, because an action may end in a new champion, which again applies changes.
    fn apply<'a>(
        self: &'a Arc<Self>,
        model: &'a Arc<Model>,
        change: Change,
        now: Millis,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        Box::pin(self.apply_now(model, change, now))
    }

    async fn apply_now(self: &Arc<Self>, model: &Arc<Model>, change: Change, now: Millis) -> Result<()> {
        match change {
            Change::Fired(alert) => {
                tracing::warn!("alert {} of {}: {}", alert.id, alert.model, alert.words);
                self.keep_alert(alert.clone()).await?;
                if alert.action_state == ActionState::Running {
                    tokio::spawn(actions::take(self.clone(), model.clone(), alert));
                }
            }
            Change::Act { id, action } => {
                let Some(mut alert) = self.alert(id).await? else { return Ok(()) };
                (alert.action, alert.action_state, alert.acted_at) = (action, ActionState::Running, Some(now));
                self.keep_alert(alert.clone()).await?;
                tokio::spawn(actions::take(self.clone(), model.clone(), alert));
            }
            Change::Resolved { id, reason } => {
                let Some(mut alert) = self.alert(id).await? else { return Ok(()) };
                (alert.state, alert.resolved_at) = (AlertState::Resolved, Some(now));
                alert.detail.get_or_insert_with(|| reason.to_owned());
                self.keep_alert(alert).await?;
            }
        }
        Ok(())
    }

    /// Changes an alert that is kept.
    pub(super) async fn change_alert(&self, id: u64, change: impl FnOnce(&mut Alert)) {
        let _one_at_a_time = self.watch.lock().await;
        let kept = match self.alert(id).await {
            Ok(Some(mut alert)) => {
                change(&mut alert);
                self.keep_alert(alert).await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!("alert {id} was not kept: {error}");
        }
    }

    /// Whether an earlier alert took this version back.
    pub(super) async fn was_rolled_back(&self, model: &str, version: &str, except: u64) -> bool {
        let name = model.to_owned();
        let alerts = self.store.read(move |connection| query::alerts(connection, Some(&name), 1_000)).await;
        alerts.unwrap_or_default().iter().any(|alert| {
            let taken_back = alert.action == RuleAction::RollBack && alert.action_state == ActionState::Done;
            alert.id != except && alert.version == version && taken_back
        })
    }

    async fn alert(&self, id: u64) -> Result<Option<Alert>> {
        self.store.read(move |connection| query::alert(connection, id)).await
    }

    async fn keep_alert(&self, alert: Alert) -> Result<()> {
        self.store.write(Write::Alert(Box::new(alert.clone()))).await?;
        self.live.tell(LiveEvent::Alert(Box::new(alert)));
        Ok(())
    }
}
