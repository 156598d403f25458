//! From one judgement after the other to alerts, with hysteresis and cool-down.

use super::{ActionState, Alert, AlertRule, AlertState};
use crate::canvas::{Rule, RuleAction};
use crate::monitor::{Judged, RuleState};
use crate::time::Millis;

/// For how many closed windows in a row a value must be inside before its alert is resolved.
pub const INSIDE_WINDOWS: u32 = 2;

/// How long an action is not taken again where the canvas states nothing.
pub const DEFAULT_COOL_DOWN: Millis = Millis::HOUR;

/// Watches the rules of all models. It is told what each rule came to when a window closed, and remembers which alerts
/// are open and when which action was last begun.
///
/// A window is known by its end. The same end may be told again, after a failure or a restart: it counts once. What
/// comes of a judgement must be kept before the watch is: judge on a clone, and take it when the changes are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watch {
    entries: Vec<Entry>,
    acted: Vec<Acted>,
    last_id: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    model: String,
    rule: AlertRule,
    /// The alert that is firing, and the version it is about.
    open: Option<(u64, String)>,
    /// Closed windows, by their ends, since the value came back.
    inside: u32,
    /// The last end that was counted in it.
    inside_at: Option<Millis>,
}

/// When an action was last begun for a model, whichever rule asked for it.
#[derive(Debug, Clone, PartialEq)]
struct Acted {
    model: String,
    action: RuleAction,
    at: Millis,
}

/// What a closed window changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new alert. Its action is to be taken when its `action_state` is `running`.
    Fired(Box<Alert>),
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
            if let Some(at) = alert.acted_at {
                watch.act(&alert.model, alert.action, at);
            }
            let entry = watch.entry(&alert.model, &alert.rule);
            if alert.state == AlertState::Firing {
                entry.open = Some((alert.id, alert.version.clone()));
            }
        }
        watch
    }

    /// Takes what the window that closed at `end` came to for one rule of a model's champion. An action is begun at
    /// most once in a cool-down for a model, however many features of a rule, or rules, ask for it.
    pub fn judge(&mut self, model: &str, version: &str, rule: &Rule, judged: &[Judged], end: Millis) -> Vec<Change> {
        judged.iter().filter_map(|judged| self.judge_one(model, version, rule, judged, end)).collect()
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

    fn judge_one(&mut self, model: &str, version: &str, rule: &Rule, judged: &Judged, end: Millis) -> Option<Change> {
        let subject = AlertRule::new(rule, judged);
        if judged.state != RuleState::Firing {
            let entry = self.entry(model, &subject);
            // Too little evidence is no evidence of being back: the count starts again.
            let back = matches!(judged.state, RuleState::Ok | RuleState::Warn);
            let is_new = entry.inside_at.is_none_or(|last| end > last);
            match back {
                true if is_new => (entry.inside, entry.inside_at) = (entry.inside + 1, Some(end)),
                true => {}
                false => entry.inside = 0,
            }
            let over = entry.inside >= INSIDE_WINDOWS;
            let (id, _) = entry.open.take_if(|_| over)?;
            return Some(Change::Resolved { id, reason: "the value is back inside its limit" });
        }
        let acts = rule.action != RuleAction::Notify;
        let act = acts && self.has_cooled(model, rule, end);
        if act {
            self.act(model, rule.action, end);
        }
        let id = self.last_id + 1;
        let entry = self.entry(model, &subject);
        entry.inside = 0;
        if let Some((id, _)) = entry.open {
            return act.then_some(Change::Act { id, action: rule.action });
        }
        entry.open = Some((id, version.to_owned()));
        self.last_id = id;
        let waits = acts && !act;
        Some(Change::Fired(Box::new(Alert {
            id,
            at: end,
            model: model.to_owned(),
            version: version.to_owned(),
            rule: subject,
            value: judged.value,
            low: judged.low,
            high: judged.high,
            state: AlertState::Firing,
            resolved_at: None,
            action: rule.action,
            action_state: if act { ActionState::Running } else { ActionState::None },
            acted_at: act.then_some(end),
            words: judged.words.clone(),
            detail: waits.then(|| "its action was taken a short while ago; it waits for the cool-down".to_owned()),
            promoted: None,
        })))
    }

    /// Whether the action of a rule was not begun for this model within the rule's cool-down.
    fn has_cooled(&self, model: &str, rule: &Rule, now: Millis) -> bool {
        let cool_down = rule.cool_down.as_deref().and_then(Millis::parse).unwrap_or(DEFAULT_COOL_DOWN);
        let last = self.acted.iter().find(|acted| acted.model == model && acted.action == rule.action);
        last.is_none_or(|last| now.0 >= last.at.0.saturating_add(cool_down.0))
    }

    fn act(&mut self, model: &str, action: RuleAction, at: Millis) {
        match self.acted.iter_mut().find(|acted| acted.model == model && acted.action == action) {
            Some(last) => last.at = last.at.max(at),
            None => self.acted.push(Acted { model: model.to_owned(), action, at }),
        }
    }

    fn entry(&mut self, model: &str, rule: &AlertRule) -> &mut Entry {
        let known = self.entries.iter().position(|entry| entry.model == model && entry.rule.is_same(rule));
        let index = known.unwrap_or_else(|| {
            let (model, rule) = (model.to_owned(), rule.clone());
            self.entries.push(Entry { model, rule, open: None, inside: 0, inside_at: None });
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
    fn a_window_that_is_told_again_counts_once() {
        let mut story = Story(Watch::default(), rule(RuleAction::Notify));
        fired(&story.at(0, RuleState::Firing));
        for _ in 0..5 {
            assert_eq!(story.at(1, RuleState::Ok), []);
        }
        assert_eq!(story.at(2, RuleState::Ok).len(), 1);
    }

    #[test]
    fn a_rule_over_all_features_acts_once_in_a_cool_down() {
        let mut drift = rule(RuleAction::Retrain);
        drift.feature = Some("*".into());
        let of = |feature: &str, state| Judged { feature: Some(feature.into()), ..judged(state).remove(0) };
        let all = ["income", "age", "debt"].map(|feature| of(feature, RuleState::Firing));
        let mut watch = Watch::default();
        let first = watch.judge("m", "a", &drift, &all, Millis(0));
        let states: Vec<ActionState> =
            first.iter().map(|change| fired(std::slice::from_ref(change)).action_state).collect();
        assert_eq!(states, [ActionState::Running, ActionState::None, ActionState::None]);
        assert_eq!(watch.judge("m", "a", &drift, &all, Millis(9 * MINUTE)), []);
        let again = watch.judge("m", "a", &drift, &all, Millis(10 * MINUTE));
        assert_eq!(again, [Change::Act { id: 1, action: RuleAction::Retrain }]);

        // Another rule of the model that asks for the same waits, too; one of another model does not.
        let other = rule(RuleAction::Retrain);
        let waits = watch.judge("m", "a", &other, &judged(RuleState::Firing), Millis(11 * MINUTE));
        assert_eq!(fired(&waits).action_state, ActionState::None);
        let acts = watch.judge("n", "a", &other, &judged(RuleState::Firing), Millis(11 * MINUTE));
        assert_eq!(fired(&acts).action_state, ActionState::Running);
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
