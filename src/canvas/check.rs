//! What a canvas states must agree with itself: the findings of every block, by key path.
//!
//! Pure: the lines are added by whoever has the file.

use super::check_evaluation::check_evaluation;
use super::check_features::check_features;
use super::check_sources::check_sources;
use super::finding::Finding;
use super::metrics::{LIVE_METRICS, is_fairness_metric, offline_metrics};
use super::nearest::suggest;
use super::{Canvas, PredictionTask, Rule, TaskKind, TrainerKind};
use crate::time::Millis;

/// The longest name of a service: what one label of a host name may have.
const NAME_LENGTH: usize = 63;

/// More trees than any page would carry.
const MOST_TREES: usize = 10_000;

/// A tree of this depth has 65,536 leaves.
const MOST_DEPTH: usize = 16;

/// Everything in the canvas that contradicts itself or names what does not exist, block by block. Empty when the
/// canvas is sound. The types already hold that every key is known and of the right type.
pub fn check(canvas: &Canvas) -> Vec<Finding> {
    let mut report = Report::default();
    check_name(canvas, &mut report);
    check_sources(canvas, &mut report);
    check_task(canvas, &mut report);
    check_features(canvas, &mut report);
    check_evaluation(canvas, &mut report);
    check_decisions(canvas, &mut report);
    check_operation(canvas, &mut report);
    check_rules(canvas, &mut report);
    report.findings
}

/// The findings so far.
#[derive(Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::new(path, message, help));
    }

    /// A name that must be one of `accepted`; says whether it is.
    pub(super) fn name<'a>(
        &mut self,
        path: String,
        what: &str,
        name: &str,
        accepted: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        let accepted: Vec<&str> = accepted.into_iter().collect();
        let known = accepted.contains(&name);
        if !known {
            self.add(path, format!("there is no {what} \"{name}\""), suggest(name, accepted));
        }
        known
    }

    /// Names that must all differ.
    pub(super) fn distinct<'a>(&mut self, what: &str, names: impl Iterator<Item = (String, &'a str)>) {
        let mut seen: Vec<&str> = Vec::new();
        for (path, name) in names {
            if name.is_empty() {
                self.add(&path, format!("the {what} is empty"), "write a name");
            } else if seen.contains(&name) {
                self.add(&path, format!("the {what} \"{name}\" comes twice"), "give each its own name");
            }
            seen.push(name);
        }
    }

    /// A price, a duration or a count that cannot be below 0.
    pub(super) fn not_negative(&mut self, path: &str, value: f64) {
        if value < 0.0 {
            self.add(path, format!("{value} is below 0"), "write 0 or more");
        }
    }

    pub(super) fn above_zero(&mut self, path: &str, value: f64) {
        if value <= 0.0 {
            self.add(path, format!("{value} is not above 0"), "write a number above 0, or leave the key out");
        }
    }

    pub(super) fn length(&mut self, path: String, text: &str) {
        if Millis::parse(text).is_none() {
            let help = "write a whole number and a unit: \"90s\", \"15m\", \"6h\" or \"7d\"";
            self.add(path, format!("\"{text}\" is not a length of time"), help);
        }
    }
}

fn check_name(canvas: &Canvas, report: &mut Report) {
    let name = &canvas.name;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = !name.is_empty() && name.bytes().all(fits) && !name.starts_with('-') && !name.ends_with('-');
    if !sound || name.len() > NAME_LENGTH {
        let help = format!(
            "use lower-case letters, digits and hyphens between them, at most {NAME_LENGTH}, for example \"loan-approval\""
        );
        report.add("name", format!("\"{name}\" is not a name for a service"), help);
    }
    let metrics = canvas.value_proposition.business_metric.iter().enumerate();
    let metrics = metrics
        .map(|(index, metric)| (format!("value_proposition.business_metric[{index}].name"), metric.name.as_str()));
    report.distinct("business metric", metrics);
}

fn check_task(canvas: &Canvas, report: &mut Report) {
    let task = &canvas.prediction_task;
    let needed = task.kind != TaskKind::AnomalyDetection;
    if needed && task.target.is_empty() && task.output.as_deref().is_none_or(str::is_empty) {
        let message = "neither a target nor an output is stated";
        report.add("prediction_task.target", message, "name the column that is predicted: target = \"…\"");
    }
    if task.group.is_some() != (task.kind == TaskKind::Ranking) {
        let (message, help) = if task.group.is_none() {
            ("a ranking needs to know which rows are ranked against each other", "add group = \"…\" with the column")
        } else {
            ("only a ranking has groups of rows", "leave it out, or use kind = \"ranking\"")
        };
        report.add("prediction_task.group", message, help);
    }
    if task.kind.predicts_value() {
        check_values_task(canvas, report);
        return;
    }
    let anomalies = task.kind == TaskKind::AnomalyDetection;
    if anomalies && canvas.building_models.fairness.is_some() {
        let message = "an anomaly detector learns without outcomes: there is nothing to mitigate";
        report.add("building_models.fairness", message, "leave it out");
    }
    let two_classes =
        (!canvas.decisions.bands.is_empty() && !anomalies) || canvas.offline_evaluation.error_cost.is_some();
    if task.positive.is_none() && two_classes {
        let message = "bands and error costs need to know which class is the positive one";
        report.add(
            "prediction_task.positive",
            message,
            "add positive = \"…\" with the class that the score stands for",
        );
    }
    check_complexity(task, report);
}

/// A predicted number has no classes: nothing that goes by a score can be stated about it.
fn check_values_task(canvas: &Canvas, report: &mut Report) {
    let stated = [
        ("prediction_task.positive", canvas.prediction_task.positive.is_some()),
        ("decisions.bands", !canvas.decisions.bands.is_empty()),
        ("offline_evaluation.error_cost", canvas.offline_evaluation.error_cost.is_some()),
        ("building_models.fairness", canvas.building_models.fairness.is_some()),
    ];
    let kind = canvas.prediction_task.kind.name();
    for (path, _) in stated.into_iter().filter(|(_, stated)| *stated) {
        report.add(path, format!("a {kind} has no classes to tell apart"), "leave it out");
    }
    check_complexity(&canvas.prediction_task, report);
}

fn check_complexity(task: &PredictionTask, report: &mut Report) {
    if let Some(limit) = task.complexity.max_bundle_kb {
        report.above_zero("prediction_task.complexity.max_bundle_kb", limit);
    }
    if let Some(limit) = task.complexity.max_latency_ms {
        report.above_zero("prediction_task.complexity.max_latency_ms", limit);
    }
    if task.complexity.max_parameters == Some(0) {
        report.above_zero("prediction_task.complexity.max_parameters", 0.0);
    }
}

/// `by` belongs to fairness metrics, and names a sensitive feature.
pub(super) fn check_by(canvas: &Canvas, path: &str, metric: &str, by: Option<&str>, report: &mut Report) {
    let groups = || canvas.groups().map(|group| group.name.as_str());
    match by {
        None if is_fairness_metric(metric) => {
            let message = format!("{metric} compares groups, and `by` does not say which");
            report.add(format!("{path}.by"), message, format!("add by = \"…\"; {}", suggest("", groups())));
        }
        Some(_) if !is_fairness_metric(metric) => {
            let message = format!("{metric} is one number for all, not one per group");
            report.add(format!("{path}.by"), message, "leave `by` out, or name a fairness metric");
        }
        Some(by) => {
            report.name(format!("{path}.by"), "sensitive feature", by, groups());
        }
        None => {}
    }
}

fn check_decisions(canvas: &Canvas, report: &mut Report) {
    let bands = &canvas.decisions.bands;
    for (index, band) in bands.iter().enumerate() {
        let path = format!("decisions.bands[{index}]");
        if !(0.0..=1.0).contains(&band.at_least) {
            let message = format!("{} is no score", band.at_least);
            report.add(format!("{path}.at_least"), message, "scores run from 0 to 1");
        }
        if bands[..index].iter().any(|earlier| earlier.at_least == band.at_least) {
            let message = format!("two bands start at {}: they overlap", band.at_least);
            report.add(format!("{path}.at_least"), message, "let each band start at its own score");
        }
    }
    let actions = || bands.iter().map(|band| band.action.as_str());
    report.distinct(
        "action",
        actions().enumerate().map(|(index, action)| (format!("decisions.bands[{index}].action"), action)),
    );
    let lowest = bands.iter().enumerate().min_by(|a, b| a.1.at_least.total_cmp(&b.1.at_least));
    if let Some((index, band)) = lowest
        && band.at_least > 0.0
    {
        let message = format!("the lowest band starts at {}: scores below it have no action", band.at_least);
        report.add(format!("decisions.bands[{index}].at_least"), message, "let the lowest band start at 0");
    }
    for (index, action) in canvas.decisions.favourable.iter().enumerate() {
        report.name(format!("decisions.favourable[{index}]"), "band with the action", action, actions());
    }
    if let Some(review) = canvas.decisions.review {
        report.not_negative("decisions.review.minutes", review.minutes);
        report.not_negative("decisions.review.cost_per_hour", review.cost_per_hour);
    }
    if let Some(abstain) = canvas.decisions.abstain
        && !(abstain.coverage > 0.0 && abstain.coverage < 1.0)
    {
        let message = format!("{} is no share of the cases", abstain.coverage);
        report.add("decisions.abstain.coverage", message, "write a number between 0 and 1, for example 0.9");
    }
    if let Some(fallback) = &canvas.making_predictions.fallback {
        report.name("making_predictions.fallback".to_owned(), "band with the action", fallback, actions());
    }
}

fn check_operation(canvas: &Canvas, report: &mut Report) {
    let predictions = &canvas.making_predictions;
    report.above_zero("making_predictions.first_prediction_ms", predictions.first_prediction_ms);
    if let Some(budget) = predictions.latency_p95_ms {
        report.above_zero("making_predictions.latency_p95_ms", budget);
    }
    report.above_zero("collecting_data.retention_days", canvas.collecting_data.retention_days);
    report.not_negative("collecting_data.label_cost", canvas.collecting_data.label_cost);

    let building = &canvas.building_models;
    report.not_negative("building_models.cost_per_hour", building.cost_per_hour);
    check_trainer(canvas, report);
    if let Some(scale) = building.scale {
        report.not_negative("building_models.scale.predictions_per_day", scale.predictions_per_day);
    }
    if building.rollout.len() > 1 {
        let message = "a rollout has one step: whatever passes the gates answers everywhere at once";
        report.add("building_models.rollout[1]", message, "accepted: rollout = [{ mode = \"full\" }]");
    }
    if let Some(fairness) = &building.fairness {
        let groups = canvas.groups().map(|group| group.name.as_str());
        report.name("building_models.fairness.group".to_owned(), "sensitive feature", &fairness.group, groups);
        let metrics = offline_metrics(&canvas.prediction_task).into_iter().filter(|name| is_fairness_metric(name));
        report.name("building_models.fairness.metric".to_owned(), "fairness metric", &fairness.metric, metrics);
    }
}

fn check_trainer(canvas: &Canvas, report: &mut Report) {
    let (trainer, task) = (&canvas.building_models.trainer, canvas.prediction_task.kind);
    report.not_negative("building_models.trainer.l2", trainer.l2);
    report.above_zero("building_models.trainer.timeout_s", trainer.timeout_s);
    if let Some(kind) = trainer.kind
        && !kind.fits(task)
    {
        let fitting: Vec<&str> =
            TrainerKind::ALL.iter().filter(|kind| kind.fits(task)).map(|kind| kind.name()).collect();
        let message = format!("{} does not fit a {}", kind.name(), task.name());
        report.add("building_models.trainer.kind", message, format!("accepted: {}", fitting.join(", ")));
    }
    if trainer.kind.is_some() && !trainer.command.is_empty() {
        let message = "either the kit trains or a program does";
        report.add("building_models.trainer.command", message, "leave `kind` or `command` out");
    }
    let mitigates = canvas.building_models.fairness.as_ref().is_some_and(|fairness| !fairness.mitigate.is_empty());
    if !trainer.command.is_empty() && mitigates {
        let message = "a program trains one candidate, and sees to its fairness itself";
        report.add("building_models.fairness.mitigate", message, "write mitigate = []");
    }
    if !(1..=MOST_TREES).contains(&trainer.trees) {
        let message = format!("{} trees cannot be grown", trainer.trees);
        report.add("building_models.trainer.trees", message, format!("write 1 to {MOST_TREES}"));
    }
    if !(1..=MOST_DEPTH).contains(&trainer.depth) {
        let message = format!("{} is no depth of a tree", trainer.depth);
        report.add("building_models.trainer.depth", message, format!("write 1 to {MOST_DEPTH}"));
    }
    if !(trainer.learning_rate > 0.0 && trainer.learning_rate <= 1.0) {
        let message = format!("{} is no learning rate", trainer.learning_rate);
        report.add(
            "building_models.trainer.learning_rate",
            message,
            "write a number above 0, up to 1, for example 0.1",
        );
    }
    if trainer.min_rows == 0 || trainer.early_stopping == Some(0) {
        let key = if trainer.min_rows == 0 { "min_rows" } else { "early_stopping" };
        report.add(format!("building_models.trainer.{key}"), "0 has no meaning here", "write 1 or more");
    }
}

fn check_rules(canvas: &Canvas, report: &mut Report) {
    for (index, rule) in canvas.live_monitoring.rule.iter().enumerate() {
        let path = format!("live_monitoring.rule[{index}]");
        if report.name(format!("{path}.metric"), "metric for a rule", &rule.metric, LIVE_METRICS) {
            check_by(canvas, &path, &rule.metric, rule.by.as_deref(), report);
            check_rule_feature(canvas, &path, rule, report);
            check_limits(&path, rule, report);
        }
        report.length(format!("{path}.window"), &rule.window);
        if let Some(cool_down) = &rule.cool_down {
            report.length(format!("{path}.cool_down"), cool_down);
        }
    }
    for (index, pair) in canvas.live_monitoring.correlate.iter().enumerate() {
        let path = format!("live_monitoring.correlate[{index}]");
        report.name(format!("{path}.model"), "live metric", &pair.model, LIVE_METRICS);
        let metrics = canvas.value_proposition.business_metric.iter().map(|metric| metric.name.as_str());
        report.name(format!("{path}.business"), "business metric", &pair.business, metrics);
    }
}

fn check_rule_feature(canvas: &Canvas, path: &str, rule: &Rule, report: &mut Report) {
    let drift = rule.metric == "population_stability_index";
    match rule.feature.as_deref() {
        None if drift => {
            let message = "drift is measured by feature, and the rule names none";
            report.add(format!("{path}.feature"), message, "add feature = \"*\" for each, or the name of one");
        }
        Some(_) if !drift => {
            let message = format!("{} is not measured by feature", rule.metric);
            report.add(format!("{path}.feature"), message, "leave `feature` out");
        }
        Some(name) if name != "*" => {
            let names = canvas.inputs().map(|feature| feature.name.as_str()).chain(["*"]);
            report.name(format!("{path}.feature"), "model input", name, names);
        }
        _ => {}
    }
}

/// A rule needs a limit on the side where its metric is bad.
fn check_limits(path: &str, rule: &Rule, report: &mut Report) {
    let low_is_bad = ["demographic_parity_ratio", "share_within_budget", "precision", "recall", "roc_auc"];
    let high_is_bad = ["population_stability_index", "demographic_parity_difference", "latency_p95", "share_outside"];
    if rule.alert.is_none() && rule.alert_below.is_none() {
        let key = if low_is_bad.contains(&rule.metric.as_str()) { "alert_below" } else { "alert" };
        report.add(path, "the rule has no limit to fire at", format!("add {key} = …"));
    }
    if rule.alert.is_some() && low_is_bad.contains(&rule.metric.as_str()) {
        let message = format!("{} is good when it is high: this rule fires when all is well", rule.metric);
        report.add(format!("{path}.alert"), message, "use alert_below");
    }
    if rule.alert_below.is_some() && high_is_bad.contains(&rule.metric.as_str()) {
        let message = format!("{} is good when it is low: this rule fires when all is well", rule.metric);
        report.add(format!("{path}.alert_below"), message, "use alert");
    }
    if let (Some(warn), Some(alert)) = (rule.warn, rule.alert)
        && warn > alert
    {
        let message = format!("warn {warn} is above alert {alert}: it would never be reached first");
        report.add(format!("{path}.warn"), message, "swap the two limits");
    }
}
