//! From one judgement after the other to alerts, with hysteresis and cool-down.

use super::{ActionState, Alert, AlertRule, AlertState};
use crate::canvas::{Rule, RuleAction};
use crate::monitor::{Judged, RuleState};
use crate::time::Millis;

/// For how many closed windows in a row a value must be inside before its alert is resolved.
pub const INSIDE_WINDOWS: u32 = 2;

/// How long an action is not taken again where the canvas states nothing.
pub const DEFAULT_COOL_DOWN: Millis = Millis::HOUR;

/// Watches the rules of all models. It is told of every closed window, and remembers which alerts are open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watch {
    entries: Vec<Entry>,
    last_id: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    model: String,
    rule: AlertRule,
    /// The alert that is firing, and the version it is about.
    open: Option<(u64, String)>,
    /// Closed windows since the value came back.
    inside: u32,
    acted_at: Option<Millis>,
}

/// What a closed window changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new alert. Its action is to be taken when its `action_state` is `running`.
    Fired(Alert),
    /// The action of an open alert is to be taken again: its cool-down is over and it still fires.
    Act {
        /// The alert.
        id: u64,
        /// Its action.
        action: RuleAction,
    },
    /// An alert is over.
    Resolved {
        /// The alert.
        id: u64,
        /// Why.
        reason: &'static str,
    },
}

impl Watch {
    /// Takes up where the alerts that were kept left off, in any order.
    pub fn restore(alerts: &[Alert]) -> Self {
        let mut watch = Self::default();
        for alert in alerts {
            watch.last_id = watch.last_id.max(alert.id);
            let entry = watch.entry(&alert.model, &alert.rule);
            entry.acted_at = entry.acted_at.max(alert.acted_at);
            if alert.state == AlertState::Firing {
                entry.open = Some((alert.id, alert.version.clone()));
            }
        }
        watch
    }

    /// Takes what a closed window came to for one rule of a model's champion.
    pub fn judge(&mut self, model: &str, version: &str, rule: &Rule, judged: &[Judged], now: Millis) -> Vec<Change> {
        let mut changes = Vec::new();
        for judged in judged {
            self.judge_one(model, version, rule, judged, now, &mut changes);
        }
        changes
    }

    /// The version of a model changed: alerts about another one are over, since it answers no more.
    pub fn replaced(&mut self, model: &str, champion: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.model == model) {
            if let Some((id, _)) = entry.open.take_if(|(_, version)| version != champion) {
                entry.inside = 0;
                changes.push(Change::Resolved { id, reason: "the version that it was about answers no more" });
            }
        }
        changes
    }

    fn judge_one(
        &mut self,
        model: &str,
        version: &str,
        rule: &Rule,
        judged: &Judged,
        now: Millis,
        changes: &mut Vec<Change>,
    ) {
        let id = self.last_id + 1;
        let entry = self.entry(model, &AlertRule::new(rule, judged));
        if judged.state != RuleState::Firing {
            // Too little evidence is no evidence of being back: the count starts again.
            let back = matches!(judged.state, RuleState::Ok | RuleState::Warn);
            entry.inside = if back { entry.inside + 1 } else { 0 };
            if entry.inside >= INSIDE_WINDOWS
                && let Some((id, _)) = entry.open.take()
            {
                changes.push(Change::Resolved { id, reason: "the value is back inside its limit" });
            }
            return;
        }
        entry.inside = 0;
        let cool_down = rule.cool_down.as_deref().and_then(Millis::parse).unwrap_or(DEFAULT_COOL_DOWN);
        let cooled = entry.acted_at.is_none_or(|acted| now.0 >= acted.0.saturating_add(cool_down.0));
        let act = rule.action != RuleAction::Notify && cooled;
        if act {
            entry.acted_at = Some(now);
        }
        if let Some((id, _)) = entry.open {
            if act {
                changes.push(Change::Act { id, action: rule.action });
            }
            return;
        }
        entry.open = Some((id, version.to_owned()));
        let waits = rule.action != RuleAction::Notify && !cooled;
        changes.push(Change::Fired(Alert {
            id,
            at: now,
            model: model.to_owned(),
            version: version.to_owned(),
            rule: AlertRule::new(rule, judged),
            value: judged.value,
            low: judged.low,
            high: judged.high,
            state: AlertState::Firing,
            resolved_at: None,
            action: rule.action,
            action_state: if act { ActionState::Running } else { ActionState::None },
            acted_at: act.then_some(now),
            words: judged.words.clone(),
            detail: waits.then(|| "its action was taken a short while ago; it waits for the cool-down".to_owned()),
            promoted: None,
        }));
        self.last_id = id;
    }

    fn entry(&mut self, model: &str, rule: &AlertRule) -> &mut Entry {
        let known = self.entries.iter().position(|entry| entry.model == model && entry.rule.is_same(rule));
        let index = known.unwrap_or_else(|| {
            let (model, rule) = (model.to_owned(), rule.clone());
            self.entries.push(Entry { model, rule, open: None, inside: 0, acted_at: None });
            self.entries.len() - 1
        });
        &mut self.entries[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: RuleAction) -> Rule {
        Rule {
            metric: "demographic_parity_ratio".into(),
            by: Some("sex".into()),
            feature: None,
            window: "7d".into(),
            warn: None,
            alert: None,
            alert_below: Some(0.8),
            min_count: None,
            action,
            cool_down: Some("10m".into()),
        }
    }

    fn judged(state: RuleState) -> Vec<Judged> {
        let (metric, by) = ("demographic_parity_ratio".to_owned(), Some("sex".to_owned()));
        let words = "approved less often".to_owned();
        vec![Judged {
            metric,
            feature: None,
            by,
            group: None,
            value: Some(0.6),
            low: None,
            high: Some(0.7),
            state,
            words,
        }]
    }

    const MINUTE: u64 = 60_000;

    struct Story(Watch, Rule);

    impl Story {
        fn at(&mut self, minute: u64, state: RuleState) -> Vec<Change> {
            self.0.judge("m", "a", &self.1, &judged(state), Millis(minute * MINUTE))
        }
    }

    fn fired(changes: &[Change]) -> &Alert {
        let [Change::Fired(alert)] = changes else { panic!("one alert, not {changes:?}") };
        alert
    }

    #[test]
    fn an_alert_fires_once_and_ends_after_two_windows_inside() {
        let mut story = Story(Watch::default(), rule(RuleAction::Notify));
        assert_eq!(story.at(0, RuleState::Ok), []);
        let alert = fired(&story.at(1, RuleState::Firing)).clone();
        assert_eq!((alert.id, alert.action_state, alert.rule.limit), (1, ActionState::None, Some(0.8)));
        assert_eq!(story.at(2, RuleState::Firing), []);
        assert_eq!(story.at(3, RuleState::Ok), []);
        assert_eq!(story.at(4, RuleState::NotEnoughEvidence), []);
        assert_eq!(story.at(5, RuleState::Ok), []);
        assert!(matches!(story.at(6, RuleState::Warn)[..], [Change::Resolved { id: 1, .. }]));
        assert_eq!(story.at(7, RuleState::Ok), []);
        assert_eq!(fired(&story.at(8, RuleState::Firing)).id, 2);
    }

    #[test]
    fn an_action_is_taken_once_in_a_cool_down() {
        let mut story = Story(Watch::default(), rule(RuleAction::Retrain));
        assert_eq!(fired(&story.at(0, RuleState::Firing)).action_state, ActionState::Running);
        assert_eq!(story.at(9, RuleState::Firing), []);
        assert_eq!(story.at(10, RuleState::Firing), [Change::Act { id: 1, action: RuleAction::Retrain }]);
        assert_eq!(story.at(11, RuleState::Ok), []);
        assert_eq!(story.at(12, RuleState::Ok).len(), 1);
        let again = story.at(13, RuleState::Firing);
        assert_eq!(fired(&again).action_state, ActionState::None);
        assert!(fired(&again).detail.is_some());
        assert_eq!(story.at(19, RuleState::Firing), []);
        assert_eq!(story.at(20, RuleState::Firing), [Change::Act { id: 2, action: RuleAction::Retrain }]);
    }

    #[test]
    fn a_new_version_ends_alerts_and_keeps_the_cool_down() {
        let mut story = Story(Watch::default(), rule(RuleAction::Retrain));
        let alert = fired(&story.at(0, RuleState::Firing)).clone();
        assert_eq!(story.0.replaced("m", "a"), []);
        assert_eq!(story.0.replaced("other", "b"), []);
        assert!(matches!(story.0.replaced("m", "b")[..], [Change::Resolved { id: 1, .. }]));
        assert_eq!(fired(&story.at(1, RuleState::Firing)).action_state, ActionState::None);

        let mut restored = Story(Watch::restore(&[alert]), rule(RuleAction::Retrain));
        assert_eq!(restored.at(1, RuleState::Firing), []);
        assert_eq!(restored.at(2, RuleState::Ok), []);
        assert!(matches!(restored.at(3, RuleState::Ok)[..], [Change::Resolved { id: 1, .. }]));
        assert_eq!(fired(&restored.at(4, RuleState::Firing)).id, 2);
    }
}
