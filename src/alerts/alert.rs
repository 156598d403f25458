//! The alert: a rule that fired, on which version, and what was done about it.

use crate::canvas::{Rule, RuleAction};
use crate::monitor::Judged;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number, from 1, never used twice.
    pub id: u64,
    /// When it fired: the end of the window that it was seen in.
    pub at: Millis,
    /// The model.
    pub model: String,
    /// The version that it is about.
    pub version: String,
    /// The rule.
    pub rule: AlertRule,
    /// The value that fired.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// Whether it still fires.
    pub state: AlertState,
    /// When it stopped.
    pub resolved_at: Option<Millis>,
    /// What is done about it.
    pub action: RuleAction,
    /// How far that is.
    pub action_state: ActionState,
    /// When it was last begun.
    pub acted_at: Option<Millis>,
    /// The alert in words.
    pub words: String,
    /// What came of the action, in words.
    pub detail: Option<String>,
    /// The version that the action brought.
    #[serde(default)]
    pub promoted: Option<String>,
}

/// The rule of an alert, and the part of it that fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRule {
    /// The metric.
    pub metric: String,
    /// For a fairness metric: the sensitive feature.
    pub by: Option<String>,
    /// For drift: the feature.
    pub feature: Option<String>,
    /// For a rate by group: the value of the sensitive feature.
    pub group: Option<String>,
    /// The length of the window, as the canvas states it.
    pub window: String,
    /// The limit that was crossed.
    pub limit: Option<f64>,
}

/// Whether an alert still fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The value is out, or not yet back for long enough.
    Firing,
    /// The value is back, or the version is no longer used.
    Resolved,
}

/// How far the action of an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// There is nothing to do, or it was done for this rule a short while ago.
    None,
    /// It was begun.
    Running,
    /// It did what it should.
    Done,
    /// It did not.
    Failed,
}

impl AlertRule {
    /// The part of `rule` that `judged` is about.
    pub fn new(rule: &Rule, judged: &Judged) -> Self {
        Self {
            metric: rule.metric.clone(),
            by: judged.by.clone().or_else(|| rule.by.clone()),
            feature: judged.feature.clone(),
            group: judged.group.clone(),
            window: rule.window.clone(),
            limit: rule.alert.or(rule.alert_below),
        }
    }

    /// Whether both are about the same thing: a changed limit does not make another rule.
    pub fn is_same(&self, other: &Self) -> bool {
        let key = |rule: &Self| (rule.metric.clone(), rule.by.clone(), rule.feature.clone(), rule.group.clone());
        key(self) == key(other) && self.window == other.window
    }
}
