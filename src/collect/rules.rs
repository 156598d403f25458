//! Closed windows are judged by the rules of the champion's canvas; what changes becomes alerts and actions.
//!
//! A window closes every step (`--window-check`, a minute where nothing is said). Each rule is judged once when it does,
//! on the stretch of the rule's length that ends there. A window that closes while another is being judged, or while the
//! machine sleeps, is passed over: the next one holds what it held.

use super::App;
use super::actions;
use super::batch::Write;
use super::live::LiveEvent;
use super::models::{Model, Version};
use super::query;
use crate::alerts::{ActionState, Alert, AlertState, Change};
use crate::canvas::{Rule, RuleAction};
use crate::error::Result;
use crate::monitor::{self, Judged, Report};
use crate::time::Millis;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// The end of the last window that is closed at `now`. Counters are kept by the minute, so that a step of a minute or
/// more ends with one. A shorter step, as tests use it, looks into the minute that is open.
pub fn last_end(now: Millis, step: Millis) -> Millis {
    let end = now.floor(step);
    if step < Millis::MINUTE { end } else { end.floor(Millis::MINUTE) }
}

impl App {
    /// Judges all models by the windows that closed at `end`.
    pub(super) async fn check_windows(self: &Arc<Self>, end: Millis) {
        for model in self.models.all() {
            if let Err(error) = self.check_model(model, end).await {
                tracing::error!("the rules of {} were not judged: {error}", model.name());
            }
        }
    }

    async fn check_model(self: &Arc<Self>, model: &Arc<Model>, end: Millis) -> Result<()> {
        let Some(version) = model.champion_version() else { return Ok(()) };
        let Some(canvas) = &version.canvas else { return Ok(()) };
        let mut reports: HashMap<Millis, Report> = HashMap::new();
        for rule in &canvas.live_monitoring.rule {
            let Some(window) = Millis::parse(&rule.window) else { continue };
            let report = match reports.entry(window) {
                Entry::Occupied(report) => report.into_mut(),
                Entry::Vacant(place) => place.insert(self.report(version.clone(), end.before(window), end).await?),
            };
            let judged = monitor::metric(report, rule);
            self.judge(model, &version, rule, &judged, end).await?;
        }
        Ok(())
    }

    /// What the watch makes of a judgement stands only once it is on the disk; otherwise an alert that could not be
    /// kept would be open for ever, and its action taken as begun.
    async fn judge(
        self: &Arc<Self>,
        model: &Arc<Model>,
        version: &Version,
        rule: &Rule,
        judged: &[Judged],
        end: Millis,
    ) -> Result<()> {
        let mut watch = self.watch.lock().await;
        // A promotion may have come since the report was made. What its alerts were about answers no more.
        if model.champion() != version.manifest.version {
            return Ok(());
        }
        let mut next = watch.clone();
        let number = &version.manifest.version;
        // Nothing is left to do here, unless the alerts of the version before could not be resolved when it went.
        let mut changes = next.replaced(model.name(), number);
        changes.extend(next.judge(model.name(), number, rule, judged, end));
        let begun = self.keep_changes(changes, end).await?;
        *watch = next;
        drop(watch);
        for alert in begun {
            tokio::spawn(actions::take(self.clone(), model.clone(), alert));
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
    }

    /// Ends the alerts about versions that answer no more.
    pub(super) async fn resolve_replaced(&self, model: &Model, champion: &str) {
        let mut watch = self.watch.lock().await;
        let mut next = watch.clone();
        match self.keep_changes(next.replaced(model.name(), champion), self.now()).await {
            Ok(_) => *watch = next,
            Err(error) => tracing::error!("the alerts of {} were not resolved: {error}", model.name()),
        }
    }

    /// Writes all changes or none, tells them, and gives the alerts whose action is to be taken. Whoever calls holds the
    /// watch, so that changes of one alert come one after the other.
    async fn keep_changes(&self, changes: Vec<Change>, now: Millis) -> Result<Vec<Alert>> {
        let (mut alerts, mut begun) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Fired(alert) => {
                    tracing::warn!("alert {} of {}: {}", alert.id, alert.model, alert.words);
                    begun.extend((alert.action_state == ActionState::Running).then(|| Alert::clone(&alert)));
                    alerts.push(*alert);
                }
                Change::Act { id, action } => {
                    let Some(mut alert) = self.alert(id).await? else { continue };
                    (alert.action, alert.action_state, alert.acted_at) = (action, ActionState::Running, Some(now));
                    begun.push(alert.clone());
                    alerts.push(alert);
                }
                Change::Resolved { id, reason } => {
                    let Some(mut alert) = self.alert(id).await? else { continue };
                    (alert.state, alert.resolved_at) = (AlertState::Resolved, Some(now));
                    alert.detail.get_or_insert_with(|| reason.to_owned());
                    alerts.push(alert);
                }
            }
        }
        self.keep_alerts(alerts).await?;
        Ok(begun)
    }

    /// Changes an alert that is kept.
    pub(super) async fn change_alert(&self, id: u64, change: impl FnOnce(&mut Alert)) {
        let _one_at_a_time = self.watch.lock().await;
        let kept = match self.alert(id).await {
            Ok(Some(mut alert)) => {
                change(&mut alert);
                self.keep_alerts(vec![alert]).await
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

    async fn keep_alerts(&self, alerts: Vec<Alert>) -> Result<()> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.store.write(Write::Alerts(alerts.clone())).await?;
        alerts.into_iter().for_each(|alert| self.live.tell(LiveEvent::Alert(Box::new(alert))));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_a_minute_that_is_closed() {
        let at = |text: &str| Millis::parse(text).unwrap();
        let (minute, now) = (Millis::MINUTE, Millis(10 * 60_000 + 59_999));
        assert_eq!(last_end(now, minute), at("10m"));
        assert_eq!(last_end(Millis(now.0 + 1), minute), at("11m"));
        assert_eq!(last_end(now, at("5m")), at("10m"));
        // Counters have no finer grain than the minute, so a window of 90 s ends with one.
        assert_eq!(last_end(now, at("90s")), at("10m"));
        assert_eq!(last_end(now, at("5s")), Millis(10 * 60_000 + 55_000));
    }
}
