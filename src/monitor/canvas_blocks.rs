//! Blocks 1 to 5, from the value to the evaluation, and the frame that all ten are filled in.

use super::canvas_operation::{building_models, collecting_data, decisions, live_monitoring, making_predictions};
use super::canvas_view::{Block, BlockState, Live, Shown, Stated};
use super::drift::DriftState;
use super::mismatch::mismatch;
use super::verdict::OUTSIDE_LIMIT;
use super::words::{age, count, duration, join, number, percent, spaced, title, with_unit};
use super::{Report, StageLatency};
use crate::canvas::{Canvas, Derivation, Direction, Feature, FeatureKind, Gate, SplitKind};
use crate::time::Millis;

/// Everything that a block is made from.
pub(super) struct Facts<'a> {
    pub(super) canvas: &'a Canvas,
    pub(super) report: Option<&'a Report>,
    pub(super) live: &'a Live,
    pub(super) currency: Option<&'a str>,
}

/// A block as it is being filled.
#[derive(Default)]
pub(super) struct Draft {
    stated: Vec<Stated>,
    live: Vec<Shown>,
    cost: Option<f64>,
    /// Up to when it was measured, where that is not the end of the report: the data set, the last build. Where even
    /// that is not known, nothing is said.
    pub(super) at: Option<Option<Millis>>,
}

type Fill = fn(&Facts<'_>, &mut Draft);

/// Key, question, and what fills it; the title is the key for people.
const BLOCKS: [(&str, &str, Fill); 10] = [
    ("value_proposition", "Who is better off with a prediction, and how would you see it?", value_proposition),
    ("data_sources", "Where do the rows come from, and what do they cost?", data_sources),
    ("prediction_task", "What exactly is predicted, and how large may the model be?", prediction_task),
    ("features", "From what is it predicted, and do live records still look like that?", features),
    ("offline_evaluation", "How good must a model be before anyone meets it?", offline_evaluation),
    ("decisions", "What is done with a score, and when does a person decide?", decisions),
    ("making_predictions", "Where and when does the model answer, and how fast?", making_predictions),
    ("collecting_data", "What comes back from live use, and with whose consent?", collecting_data),
    ("building_models", "How is the next model made, and what does that cost?", building_models),
    ("live_monitoring", "How would you notice that it goes wrong, and what happens then?", live_monitoring),
];

pub(super) fn all(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(BLOCKS.len());
    for (index, (id, question, fill)) in BLOCKS.iter().enumerate() {
        let mut draft = Draft::default();
        fill(facts, &mut draft);
        let state = draft.live.iter().map(|shown| shown.state).max().unwrap_or_default();
        let reported = facts.report.and_then(|report| report.to);
        let live_at = draft.at.unwrap_or(reported.or(facts.live.now)).filter(|_| state != BlockState::Grey);
        blocks.push(Block {
            number: index as u8 + 1,
            id: (*id).to_owned(),
            title: title(id),
            question: (*question).to_owned(),
            state,
            stated: draft.stated,
            live: draft.live,
            live_at,
            cost: draft.cost,
        });
    }
    blocks
}

impl Draft {
    pub(super) fn state(&mut self, label: &str, value: &str) {
        self.stated.push(Stated { label: label.to_owned(), value: value.to_owned() });
    }

    pub(super) fn state_text(&mut self, label: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.state(label, value);
        }
    }

    pub(super) fn show(&mut self, label: &str, value: &str, state: BlockState) {
        self.live.push(Shown { label: label.to_owned(), value: value.to_owned(), state });
    }

    /// A cost that is known only where a price is stated.
    pub(super) fn add_cost(&mut self, price: f64, units: f64) {
        if price > 0.0 {
            self.cost = Some(self.cost.unwrap_or(0.0) + price * units);
        }
    }
}

impl Facts<'_> {
    /// Whether something happened in the time that the report is about; where times are not known, it did.
    pub(super) fn in_window(&self, at: Option<Millis>) -> bool {
        let Some((at, report)) = at.zip(self.report) else { return true };
        report.from.is_none_or(|from| at >= from) && report.to.is_none_or(|to| at <= to)
    }

    pub(super) fn age(&self, at: Option<Millis>) -> Option<String> {
        let now = self.live.now.or(self.report.and_then(|report| report.to))?;
        Some(age(now.before(at?).0))
    }

    pub(super) fn stage(&self, name: &str) -> Option<&StageLatency> {
        self.report?.latency.iter().find(|stage| stage.stage == name)
    }

    pub(super) fn money(&self, value: f64) -> String {
        with_unit(value, self.currency)
    }
}

pub(super) fn judged(good: bool) -> BlockState {
    if good { BlockState::Good } else { BlockState::Warn }
}

pub(super) fn passed(good: bool) -> BlockState {
    if good { BlockState::Good } else { BlockState::Bad }
}

fn value_proposition(facts: &Facts<'_>, draft: &mut Draft) {
    let value = &facts.canvas.value_proposition;
    draft.state_text("Problem", &value.problem);
    draft.state_text("Importance", &value.importance);
    draft.state_text("End user", &value.end_user);
    for metric in &value.business_metric {
        let direction = match metric.direction {
            Direction::Increase => "increase",
            Direction::Decrease => "decrease",
        };
        let goal = metric.goal.map(|goal| join(&[" to ", &with_unit(goal, metric.unit.as_deref())]));
        draft.state(&title(&metric.name), &join(&[direction, goal.as_deref().unwrap_or("")]));
        let counted = facts.report.and_then(|report| report.business.iter().find(|known| known.name == metric.name));
        match counted.filter(|counted| counted.count > 0) {
            Some(counted) => {
                let mean = with_unit(counted.mean, metric.unit.as_deref());
                let value = join(&[&mean, " on average of ", &count(counted.count), " outcomes"]);
                draft.show(&title(&metric.name), &value, judged(!counted.misses_goal()));
            }
            None => draft.show(&title(&metric.name), "no outcomes yet", BlockState::Grey),
        }
    }
}

/// Half a month-long price is paid for half a month of keeping.
const MONTH_MS: f64 = 30.0 * 86_400_000.0;

fn data_sources(facts: &Facts<'_>, draft: &mut Draft) {
    let live = facts.live;
    for source in &facts.canvas.data_sources {
        let mut value = source.kind.words().to_owned();
        let location = if source.location.is_empty() { source.command.first() } else { Some(&source.location) };
        if let Some(location) = location {
            value.push_str(&join(&[", ", location]));
        }
        for (label, part) in
            [(", licence ", &source.licence), (", owner ", &source.owner), (", every ", &source.refresh)]
        {
            if let Some(part) = part {
                value.push_str(&join(&[label, part]));
            }
        }
        if source.cost.per_row > 0.0 {
            value.push_str(&join(&[", ", &facts.money(source.cost.per_row), " a row"]));
        }
        if source.cost.per_gb_month > 0.0 {
            value.push_str(&join(&[", ", &facts.money(source.cost.per_gb_month), " per GB and month"]));
        }
        if source.cost.per_call > 0.0 {
            value.push_str(&join(&[", ", &facts.money(source.cost.per_call), " a call"]));
        }
        draft.state(&source.name, &value);
    }
    let window = facts
        .report
        .and_then(|report| report.from.zip(report.to))
        .map_or(1.0, |(from, to)| to.before(from).0 as f64 / MONTH_MS);
    if let Some(bytes) = live.dataset_bytes {
        draft.show("Size", &bytes_text(bytes), BlockState::Good);
    }
    if let Some(rows) = live.dataset_rows {
        draft.show("Rows", &count(rows), judged(rows > 0));
    }
    // The rows of the sources follow each other in the snapshot, so each is paid for its own.
    for source in &live.sources {
        if live.sources.len() > 1 {
            draft.show(&join(&["Rows of ", &source.name]), &count(source.rows), judged(source.rows > 0));
        }
        if facts.in_window(live.snapshot_at) {
            draft.add_cost(source.cost, 1.0);
        }
        draft.add_cost(source.storage_per_month, window);
    }
    if let Some(missing) = live.missing_share {
        draft.show("Missing values", &percent(missing), BlockState::Good);
    }
    if let Some(age) = facts.age(live.snapshot_at) {
        let refresh =
            facts.canvas.data_sources.iter().filter_map(|source| Millis::parse(source.refresh.as_deref()?)).min();
        let late = live.now.zip(live.snapshot_at).map(|(now, at)| now.before(at));
        let fresh = refresh.zip(late).is_none_or(|(refresh, late)| late <= refresh);
        draft.show("Last snapshot", &age, judged(fresh));
    }
    draft.at = Some(live.snapshot_at);
}

fn bytes_text(bytes: u64) -> String {
    let kb = bytes as f64 / 1000.0;
    if kb < 1000.0 { join(&[&number(kb), " kB"]) } else { join(&[&number(kb / 1000.0), " MB"]) }
}

fn prediction_task(facts: &Facts<'_>, draft: &mut Draft) {
    let task = &facts.canvas.prediction_task;
    draft.state("Kind", task.kind.name());
    if !task.target.is_empty() {
        draft.state("Target", &task.target);
    }
    draft.state_text("Output", &task.output);
    draft.state_text("Positive class", &task.positive);
    draft.state_text("Ranked within", &task.group);
    let limits = task.complexity;
    if let Some(most) = limits.max_parameters {
        draft.state("Parameters", &join(&["at most ", &count(most as u64)]));
    }
    if let Some(most) = limits.max_bundle_kb {
        draft.state("Bundle", &join(&["at most ", &number(most), " kB"]));
    }
    if let Some(most) = limits.max_latency_ms {
        draft.state("Latency", &join(&["at most ", &duration(most), " (median)"]));
    }
    if let Some(parameters) = facts.live.parameters {
        let fits = limits.max_parameters.is_none_or(|most| parameters <= most as u64);
        draft.show("Parameters", &count(parameters), passed(fits));
    }
    if let Some(bytes) = facts.live.bundle_bytes {
        let fits = limits.max_bundle_kb.is_none_or(|most| bytes as f64 <= most * 1000.0);
        draft.show("Bundle", &bytes_text(bytes), passed(fits));
    }
    if let Some(run) = facts.stage("run") {
        let fits = limits.max_latency_ms.is_none_or(|most| run.p50 <= most);
        draft.show("Median latency", &duration(run.p50), judged(fits));
    }
}

fn features(facts: &Facts<'_>, draft: &mut Draft) {
    for feature in &facts.canvas.features {
        draft.state(&feature.name, &feature_text(feature));
    }
    let Some(report) = facts.report else { return };
    for drift in &report.drift {
        // What the first records say is no matter of many values, and says more than how far they have drifted.
        if let Some(words) = mismatch(drift) {
            draft.show(&drift.feature, &words, BlockState::Bad);
            continue;
        }
        let state = match drift.state {
            DriftState::Ok => BlockState::Good,
            DriftState::Warn => BlockState::Warn,
            DriftState::Alarm => BlockState::Bad,
            DriftState::NotEnoughEvidence => BlockState::Grey,
        };
        let mut value = match drift.state {
            DriftState::NotEnoughEvidence => {
                let needed = drift.needed.map(|needed| join(&[" of ", &count(needed)])).unwrap_or_default();
                join(&[&count(drift.count), &needed, " values"])
            }
            _ => join(&["PSI ", &number(drift.psi.unwrap_or(0.0)), " (noise ", &number(drift.threshold), ")"]),
        };
        if let Some(mean) = drift.mean.filter(|_| drift.kind != FeatureKind::Timestamp.name()) {
            value.push_str(&join(&[", mean ", &with_unit(mean, drift.unit.as_deref())]));
        }
        if let Some(missing) = drift.missing_share.filter(|&missing| missing > 0.0) {
            value.push_str(&join(&[", ", &percent(missing), " missing"]));
        }
        draft.show(&drift.feature, &value, state);
    }
    if report.predictions > 0 {
        let outside = report.boundary.outside as f64 / report.predictions as f64;
        draft.show("Out of bounds", &percent(outside), judged(outside <= OUTSIDE_LIMIT));
    }
}

fn feature_text(feature: &Feature) -> String {
    let mut text = feature.kind.name().to_owned();
    if feature.sensitive {
        text.push_str(", sensitive: never a model input");
    }
    if let Some((derivation, [left, right])) = feature.derived() {
        let between = if derivation == Derivation::Ratio { " / " } else { " − " };
        text.push_str(&join(&[", ", left, between, right]));
    }
    if let Some([low, high]) = feature.range.filter(|_| feature.kind != FeatureKind::Timestamp) {
        text.push_str(&join(&[", ", &number(low), " to ", &with_unit(high, feature.unit.as_deref())]));
    } else if let Some(unit) = &feature.unit {
        text.push_str(&join(&[", in ", unit]));
    }
    if feature.kind == FeatureKind::Category {
        text.push_str(&join(&[": ", &feature.values.join(", ")]));
    }
    if let Some(note) = &feature.note {
        text.push_str(&join(&[" (", note, ")"]));
    }
    text
}

fn offline_evaluation(facts: &Facts<'_>, draft: &mut Draft) {
    let evaluation = &facts.canvas.offline_evaluation;
    let split = match evaluation.split.kind {
        SplitKind::Random => "random",
        SplitKind::Time => "by time",
        SplitKind::Group => "by group",
    };
    draft.state("Split", &join(&[split, ", ", &percent(evaluation.split.test), " held out"]));
    for gate in &evaluation.gates {
        draft.state(&by(&gate.metric, gate.by.as_deref()), &limits(gate));
    }
    if let Some(cost) = evaluation.error_cost {
        draft.state("A false positive", &facts.money(cost.false_positive));
        draft.state("A false negative", &facts.money(cost.false_negative));
    }
    if !evaluation.slices.is_empty() {
        draft.state("Slices", &evaluation.slices.join(", "));
    }
    for gate in &facts.live.gates {
        let value = gate.value.map_or("unknown".to_owned(), number);
        let value = join(&[&value, if gate.passed { ", passed" } else { ", failed" }]);
        draft.show(&by(&gate.metric, gate.by.as_deref()), &value, passed(gate.passed));
    }
    if !facts.live.gates.is_empty() {
        draft.at = Some(facts.live.build.as_ref().and_then(|build| build.at));
    }
    let labelled = facts.report.map(|report| &report.performance).filter(|performance| performance.labelled > 0);
    for metric in labelled.iter().flat_map(|performance| &performance.metrics) {
        if evaluation.gates.iter().any(|gate| gate.metric == metric.metric) {
            let value = join(&[&number(metric.value), " of ", &count(metric.count), " labels"]);
            draft.show(&join(&["Live ", &spaced(&metric.metric)]), &value, BlockState::Good);
        }
    }
}

pub(super) fn by(metric: &str, group: Option<&str>) -> String {
    match group {
        Some(group) => join(&[&title(metric), " by ", &spaced(group)]),
        None => title(metric),
    }
}

fn limits(gate: &Gate) -> String {
    let least = gate.min.map(|min| join(&["at least ", &number(min)]));
    let most = gate.max.map(|max| join(&["at most ", &number(max)]));
    let other = gate.better_than.map(|other| join(&["not worse than the ", other.name()]));
    let slice = gate.slice.as_deref().map(|slice| join(&["by ", &spaced(slice)]));
    let parts: Vec<String> = least.into_iter().chain(most).chain(other).chain(slice).collect();
    parts.join(", ")
}
