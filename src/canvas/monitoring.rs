//! Block 10: what is watched, and what happens when it goes wrong.

use serde::{Deserialize, Serialize};

/// Block 10: the rules, and the pairs of model metric and business metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveMonitoring {
    /// The rules. Windows close every minute (`nearside serve --window-check`); each rule is then judged once, on what
    /// was counted in the stretch of its length that ends there. The minute that is still open is not looked at.
    pub rule: Vec<Rule>,
    /// Model metrics that are shown beside a business metric.
    pub correlate: Vec<Correlation>,
}

/// A limit on a live metric, and what happens when it is crossed with enough evidence.
///
/// The evidence is that of one look: the interval or the test of the window that has just closed. Looking every minute
/// is looking often, and there is no confidence sequence over time yet that would allow for it, so over a month a rule
/// fires by chance more often than the level of one interval says. `min_count`, a longer window and a limit that leaves
/// room make that rarer; `cool_down` limits what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The metric by its name in `monitor`.
    pub metric: String,
    /// For a fairness metric: the sensitive feature.
    #[serde(default)]
    pub by: Option<String>,
    /// For drift: the feature, or `*` for each.
    #[serde(default)]
    pub feature: Option<String>,
    /// The length of the window, for example `1d`.
    pub window: String,
    /// From this value on the state is `warn`.
    #[serde(default)]
    pub warn: Option<f64>,
    /// From this value on the rule fires.
    #[serde(default)]
    pub alert: Option<f64>,
    /// Below this value the rule fires.
    #[serde(default)]
    pub alert_below: Option<f64>,
    /// How many predictions (for a fairness metric: in each group) the window must hold.
    #[serde(default)]
    pub min_count: Option<u64>,
    /// What is done when it fires.
    #[serde(default)]
    pub action: RuleAction,
    /// How long the action is not taken again, for example `1h`.
    #[serde(default)]
    pub cool_down: Option<String>,
}

/// What is done when a rule fires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// The alert is shown and sent.
    #[default]
    Notify,
    /// A new model is built and, when it passes the gates, promoted.
    Retrain,
    /// The version before is brought back.
    RollBack,
}

/// A model metric that is shown beside a business metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correlation {
    /// The model metric.
    pub model: String,
    /// The business metric, by its name in block 1.
    pub business: String,
}
