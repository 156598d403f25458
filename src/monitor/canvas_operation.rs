//! Blocks 6 to 10, from the decision to the monitoring.

use super::canvas_blocks::{Draft, Facts, by, judged, passed};
use super::canvas_view::BlockState;
use super::fairness::FairnessState;
use super::verdict::{VerdictState, WITHIN_BUDGET_GOAL};
use super::words::{count, duration, join, number, percent, spaced, title};
use crate::canvas::{Consent, Mitigation, Rule, RuleAction, TrainerKind, When, Where};

/// The actions that a person has to look at.
const REVIEWED: [&str; 2] = ["review", "abstain"];

pub(super) fn decisions(facts: &Facts<'_>, draft: &mut Draft) {
    let decisions = &facts.canvas.decisions;
    for band in &decisions.bands {
        draft.state(&title(&band.action), &join(&["from a score of ", &number(band.at_least)]));
    }
    if !decisions.favourable.is_empty() {
        draft.state("Favourable", &decisions.favourable.join(", "));
    }
    if let Some(review) = decisions.review {
        let price = facts.money(review.cost_per_hour);
        draft.state("A review", &join(&[&number(review.minutes), " minutes at ", &price, " an hour"]));
    }
    let Some(report) = facts.report else { return };
    let decided: u64 = report.actions.iter().map(|action| action.count).sum();
    let mut reviews = 0;
    for action in report.actions.iter().filter(|_| decided > 0) {
        draft.show(&title(&action.action), &percent(action.share), BlockState::Good);
        if REVIEWED.contains(&action.action.as_str()) {
            reviews += action.count;
        }
    }
    // A frame that tells of groups has neither scores nor actions: those that have them stand for all.
    let scored: u64 = report.scores.counts.iter().sum();
    let told = if scored > 0 { scored } else { report.predictions.max(1) };
    if let Some(review) = decisions.review.filter(|_| decided > 0) {
        let reviews = reviews as f64 * report.predictions as f64 / told as f64;
        let hours = reviews * review.minutes / 60.0;
        draft.add_cost(review.cost_per_hour, hours);
        let value = join(&[&count(reviews.round() as u64), ", ", &number(hours), " hours"]);
        draft.show("Sent to review", &value, BlockState::Good);
    }
    for entry in report.fairness.iter().filter(|entry| entry.metric == "demographic_parity_ratio") {
        let state = match entry.state {
            FairnessState::Pass => BlockState::Good,
            FairnessState::Fail => BlockState::Bad,
            FairnessState::NotEnoughEvidence => BlockState::Grey,
        };
        let label = by("demographic_parity_ratio", Some(&entry.group));
        let value = match (entry.state, entry.value) {
            (FairnessState::NotEnoughEvidence, None) | (_, None) => "not enough evidence".to_owned(),
            (FairnessState::NotEnoughEvidence, Some(value)) => join(&[&number(value), ", not enough evidence"]),
            (_, Some(value)) => number(value),
        };
        draft.show(&label, &value, state);
    }
}

pub(super) fn making_predictions(facts: &Facts<'_>, draft: &mut Draft) {
    let making = &facts.canvas.making_predictions;
    let places: Vec<&str> = making
        .place
        .iter()
        .map(|place| match place {
            Where::Browser => "browser",
            Where::Edge => "edge",
            Where::Server => "server",
        })
        .collect();
    draft.state("Where", &places.join(", "));
    let when = match making.when {
        When::OnDemand => "on demand",
        When::Batch => "in batches",
        When::OnLoad => "as the page loads",
    };
    draft.state("When", when);
    draft.state("First prediction", &join(&["within ", &duration(making.first_prediction_ms)]));
    if let Some(p95) = making.latency_p95_ms {
        draft.state("95th percentile", &join(&["within ", &duration(p95)]));
    }
    draft.state_text("Otherwise", &making.fallback);
    if let Some(answer) = facts.stage("answer") {
        let times = [answer.p50, answer.p75, answer.p95, answer.p99].map(duration);
        draft.show("p50 · p75 · p95 · p99", &times.join(" · "), judged(!answer.is_over_budget()));
        if let Some(over) = answer.over_budget_share {
            draft.show("Over budget", &percent(over), judged(!answer.is_over_budget()));
        }
    }
    if let Some(share) = facts.report.and_then(|report| report.loads.share) {
        let value = join(&[&percent(share.value), " of ", &count(share.count), " page loads"]);
        draft.show("Answered in time", &value, judged(share.high >= WITHIN_BUDGET_GOAL));
    }
}

pub(super) fn collecting_data(facts: &Facts<'_>, draft: &mut Draft) {
    let collecting = &facts.canvas.collecting_data;
    let consent = match collecting.consent {
        Consent::Required => "required",
        Consent::NotRequired => "not required",
    };
    draft.state("Consent", consent);
    draft.state("Kept for", &join(&[&number(collecting.retention_days), " days"]));
    draft.state_text("Labels from", &collecting.label_source);
    if collecting.label_cost > 0.0 {
        draft.state("A label", &facts.money(collecting.label_cost));
    }
    if let Some(report) = facts.report {
        draft.show("Predictions counted", &count(report.predictions), BlockState::Good);
        draft.add_cost(collecting.label_cost, report.performance.labelled as f64);
        let lost: u64 = report.loss.iter().filter(|loss| loss.reason != "retried").map(|loss| loss.frames).sum();
        if lost > 0 {
            draft.show("Frames lost", &count(lost), BlockState::Warn);
        }
    }
    let labels = facts.live.labels.or(facts.report.map(|report| report.performance.labelled));
    if let Some(labels) = labels {
        draft.show("Labels", &count(labels), if labels > 0 { BlockState::Good } else { BlockState::Grey });
    }
}

pub(super) fn building_models(facts: &Facts<'_>, draft: &mut Draft) {
    let building = &facts.canvas.building_models;
    let trainer = &building.trainer;
    let kind = trainer.kind.unwrap_or(TrainerKind::of(facts.canvas.prediction_task.kind));
    let words = match kind {
        _ if !trainer.command.is_empty() => trainer.command.join(" "),
        TrainerKind::Linear => "linear regression".into(),
        TrainerKind::Logistic => "logistic regression".into(),
        TrainerKind::GradientBoosting => {
            let [trees, depth] = [trainer.trees, trainer.depth].map(|number| count(number as u64));
            join(&["gradient boosting, ", &trees, " trees of depth ", &depth])
        }
        TrainerKind::IsolationForest => join(&["isolation forest, ", &count(trainer.trees as u64), " trees"]),
    };
    draft.state("Trainer", &words);
    draft.state("Seed", &building.seed.to_string());
    draft.state_text("Schedule", &building.schedule);
    if let Some(fairness) = &building.fairness {
        let candidates: Vec<&str> = fairness
            .mitigate
            .iter()
            .map(|way| match way {
                Mitigation::Reweighing => "reweighing",
                Mitigation::Constraint => "constraint",
            })
            .collect();
        draft.state(&by(&fairness.metric, Some(&fairness.group)), &candidates.join(", "));
    }
    if building.cost_per_hour > 0.0 {
        draft.state("An hour", &facts.money(building.cost_per_hour));
    }
    if let Some(stack) = &building.stack {
        draft.state("Stack", &join(&["kit ", &stack.kit, ", opset ", &stack.opset.to_string()]));
    }
    if let Some(scale) = building.scale {
        draft.state("Scale", &join(&[&number(scale.predictions_per_day), " predictions a day"]));
    }
    // A version, and the one before, are only names while nobody knows how they came to be.
    let built_at = facts.live.build.as_ref().and_then(|build| build.at);
    let known = if built_at.is_some() { BlockState::Good } else { BlockState::Grey };
    if let Some(build) = &facts.live.build {
        let age = facts.age(build.at).map(|age| join(&[", ", &age])).unwrap_or_default();
        draft.show("Last build", &join(&[&build.version, &age]), known);
        if let Some(reason) = &build.reason {
            draft.show("Why", reason, known);
        }
        if let Some(seconds) = build.seconds {
            draft.show("Took", &duration(seconds * 1000.0), known);
            if build.at.is_some() && facts.in_window(build.at) {
                draft.add_cost(building.cost_per_hour, seconds / 3600.0);
            }
        }
        if let Some(previous) = &build.previous {
            draft.show("Before", previous, known);
        }
        draft.at = Some(build.at);
    }
    if let Some(mode) = &facts.live.mode {
        draft.show("Rollout", mode, known);
    }
}

pub(super) fn live_monitoring(facts: &Facts<'_>, draft: &mut Draft) {
    for rule in &facts.canvas.live_monitoring.rule {
        let subject = rule.by.as_deref().or(rule.feature.as_deref().filter(|feature| *feature != "*"));
        draft.state(&by(&rule.metric, subject), &rule_text(rule));
    }
    for pair in &facts.canvas.live_monitoring.correlate {
        draft.state("Shown together", &join(&[&spaced(&pair.model), " and ", &spaced(&pair.business)]));
    }
    if let Some(open) = facts.live.alerts_open {
        draft.show("Open alerts", &count(open), passed(open == 0));
    }
    if let Some(alert) = &facts.live.last_alert {
        let state = if facts.live.alerts_open == Some(0) { BlockState::Good } else { BlockState::Bad };
        draft.show("Last alert", alert, state);
    }
    let Some(report) = facts.report else { return };
    let state = match report.verdict.state {
        VerdictState::Unknown => BlockState::Grey,
        VerdictState::Good => BlockState::Good,
        VerdictState::Warn => BlockState::Warn,
        VerdictState::Bad => BlockState::Bad,
    };
    draft.show("Verdict", &report.verdict.words.join(" "), state);
}

fn rule_text(rule: &Rule) -> String {
    let mut text = Vec::new();
    let sign = if rule.alert_below.is_some() { "warns below " } else { "warns above " };
    for (words, limit) in [(sign, rule.warn), ("fires above ", rule.alert), ("fires below ", rule.alert_below)] {
        if let Some(limit) = limit {
            text.push(join(&[words, &number(limit)]));
        }
    }
    text.push(join(&["over ", &rule.window]));
    if let Some(minimum) = rule.min_count {
        text.push(join(&["from ", &count(minimum), " cases on"]));
    }
    let action = match rule.action {
        RuleAction::Notify => "then notify",
        RuleAction::Retrain => "then retrain",
        RuleAction::RollBack => "then roll back",
    };
    text.push(action.to_owned());
    text.join(", ")
}
