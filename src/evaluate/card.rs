//! The model card: what the canvas states and what was measured, in Markdown and in JSON.

use super::report::EvaluationReport;
use super::text::{about, cell, first_large, slice_metrics, split_words};
use super::words::{count, number, percent};
use crate::canvas::{Canvas, Feature, Missing, SourceKind, TaskKind, TrainerKind};
use serde_json::json;
use std::fmt::Write;

/// The model card of a candidate (after Mitchell et al., "Model Cards for Model Reporting", 2019). It holds what the
/// canvas states and what the report measured; a part that neither of them knows is left out.
pub fn card(canvas: &Canvas, report: &EvaluationReport, candidate: &str) -> String {
    let mut out = String::new();
    let _ = write_all(&mut out, canvas, report, candidate);
    out
}

/// Text that stands in Markdown, also within a table, as it is.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => plain.extend(['\\', letter]),
            _ => plain.push(letter),
        }
    }
    plain
}

fn write_all(out: &mut String, canvas: &Canvas, report: &EvaluationReport, candidate: &str) -> std::fmt::Result {
    writeln!(out, "# {}\n", plain(&canvas.name))?;
    if let Some(sentence) = canvas.value_proposition.sentence() {
        writeln!(out, "{}\n", plain(&sentence))?;
    }
    writeln!(out, "{} (candidate: {candidate}).\n", plain(&what(canvas, report)))?;
    intended(out, canvas)?;
    data(out, canvas, report)?;
    inputs(out, canvas)?;

    writeln!(out, "## Measured on held-out rows\n")?;
    let about = about(report).map_or_else(String::new, |words| format!(" {}.", plain(&words)));
    writeln!(out, "{}.{about} Intervals are at 95 %.\n", count(report.rows, "row"))?;
    if report.outside > 0 {
        writeln!(out, "Out of bounds: {}.\n", count(report.outside, "row"))?;
    }
    writeln!(out, "| metric | value | low | high |\n|---|---|---|---|")?;
    for metric in &report.metrics {
        let [value, low, high] = [metric.value, metric.low, metric.high].map(cell);
        writeln!(out, "| {} | {value} | {low} | {high} |", plain(&metric.metric))?;
    }
    for compared in &report.compared {
        writeln!(out, "\n{}", plain(&first_large(&compared.words)))?;
    }
    recognised(out, report)?;
    unsure(out, report)?;
    fairness(out, report)?;
    slices(out, report)?;
    worst(out, report)?;
    if let Some(money) = &report.money {
        let currency = money.currency.as_deref().map_or(String::new(), |currency| format!(" {}", plain(currency)));
        writeln!(out, "\n## Cost of errors\n")?;
        let (wrong, missed) = (number(money.false_positive), number(money.false_negative));
        writeln!(out, "A false positive costs {wrong}{currency}, a false negative {missed}{currency}.")?;
        writeln!(out, "Errors cost {:.2}{currency} per thousand held-out cases.", money.lost_per_thousand)?;
    }
    if !report.gates.is_empty() {
        writeln!(out, "\n## Gates\n")?;
        for gate in &report.gates {
            writeln!(out, "- {}: {}", if gate.passed { "passed" } else { "**failed**" }, plain(&gate.words))?;
        }
    }
    limits(out, canvas, report)
}

/// What kind of model gives what.
pub(super) fn what(canvas: &Canvas, report: &EvaluationReport) -> String {
    let (task, trainer) = (&canvas.prediction_task, &canvas.building_models.trainer);
    let target = &task.target;
    let gives = match task.kind {
        TaskKind::Classification if report.positive.is_empty() => format!("the probability of each class of {target}"),
        TaskKind::Classification => format!("the probability of {target} = {}", report.positive),
        TaskKind::Regression => format!("a number for {target}"),
        TaskKind::Ranking => {
            format!("an order of the rows with the same {} by {target}", task.group.as_deref().unwrap_or("group"))
        }
        TaskKind::AnomalyDetection => "how unusual a record is, from 0 to 1".to_owned(),
    };
    let model = match (trainer.command.is_empty(), trainer.kind.unwrap_or(TrainerKind::of(task.kind))) {
        (false, _) => "A model of the project's own trainer",
        (true, TrainerKind::Linear) => "A linear regression with an L2 penalty",
        (true, TrainerKind::Logistic) if report.positive.is_empty() => "A softmax regression",
        (true, TrainerKind::Logistic) => "A logistic regression",
        (true, TrainerKind::GradientBoosting) => "Gradient-boosted trees",
        (true, TrainerKind::IsolationForest) => "An isolation forest",
    };
    let gives_verb = if model.ends_with("trees") { "that give" } else { "that gives" };
    format!("{model} {gives_verb} {gives}")
}

fn intended(out: &mut String, canvas: &Canvas) -> std::fmt::Result {
    let value = &canvas.value_proposition;
    let stated =
        [("Problem", &value.problem), ("Why it matters", &value.importance), ("In front of the page", &value.end_user)];
    if stated.iter().any(|(_, text)| text.is_some()) || !canvas.decisions.bands.is_empty() {
        writeln!(out, "## Intended use\n")?;
        for (name, text) in stated {
            if let Some(text) = text {
                writeln!(out, "- {name}: {}", plain(text))?;
            }
        }
        let bands = canvas.decisions.bands.iter();
        let bands: Vec<String> =
            bands.map(|band| format!("{} from a score of {}", plain(&band.action), number(band.at_least))).collect();
        if !bands.is_empty() {
            writeln!(out, "- Decisions: {}", bands.join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn data(out: &mut String, canvas: &Canvas, report: &EvaluationReport) -> std::fmt::Result {
    writeln!(out, "## Data\n")?;
    for source in &canvas.data_sources {
        let kind = match source.kind {
            SourceKind::Recipe => "synthetic rows from a seeded recipe: no real person or case is in them".to_owned(),
            kind => format!("{} {}", if kind == SourceKind::Sqlite { "an" } else { "a" }, kind.words()),
        };
        write!(out, "- {}: {kind}", plain(&source.name))?;
        if let Some(licence) = &source.licence {
            write!(out, "; licence: {}", plain(licence))?;
        }
        if let Some(owner) = &source.owner {
            write!(out, "; owner: {}", plain(owner))?;
        }
        writeln!(out)?;
    }
    let rows = count(report.split.training_rows, "row");
    writeln!(out, "- Learned from {rows}; {} held out {}\n", count(report.rows, "row"), plain(&split_words(report)))
}

fn inputs(out: &mut String, canvas: &Canvas) -> std::fmt::Result {
    writeln!(out, "## Inputs\n\n| feature | type | unit | accepted | missing | note |\n|---|---|---|---|---|---|")?;
    for feature in canvas.inputs() {
        let unit = feature.unit.as_deref().map(plain).unwrap_or_default();
        let note = feature.note.as_deref().map(plain).unwrap_or_default();
        let missing = match feature.missing {
            Missing::Error => "refused",
            Missing::Median => "median",
            Missing::Mean => "mean",
            Missing::Mode => "mode",
            Missing::Zero => "zero",
            Missing::Model => "left to the model",
        };
        let (name, kind) = (plain(&feature.name), feature.kind.name());
        writeln!(out, "| {name} | {kind} | {unit} | {} | {missing} | {note} |", accepted(feature))?;
    }
    let groups: Vec<String> = canvas.groups().map(|group| plain(&group.name)).collect();
    if !groups.is_empty() {
        writeln!(out, "\nNever an input, only declared to measure fairness: {}.", groups.join(", "))?;
    }
    writeln!(out)
}

fn accepted(feature: &Feature) -> String {
    match feature.range {
        Some([low, high]) => format!("{} to {}", number(low), number(high)),
        None => feature.values.iter().map(|value| plain(value)).collect::<Vec<_>>().join(", "),
    }
}

fn fairness(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if report.groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Fairness\n\n| group | rows | favourable | low | high |\n|---|---|---|---|---|")?;
    for group in &report.groups {
        let [rate, low, high] = [group.rate, group.low, group.high].map(cell);
        let name = format!("{} = {}", plain(&group.group), plain(&group.value));
        writeln!(out, "| {name} | {} | {rate} | {low} | {high} |", group.count)?;
    }
    writeln!(out, "\n| metric | by | value | low | high | note |\n|---|---|---|---|---|---|")?;
    for fair in &report.fairness {
        let [value, low, high] = [fair.value, fair.low, fair.high].map(cell);
        let note =
            fair.too_little.as_deref().map_or(String::new(), |words| format!("too little data: {}", plain(words)));
        writeln!(out, "| {} | {} | {value} | {low} | {high} | {note} |", plain(&fair.metric), plain(&fair.group))?;
    }
    Ok(())
}

fn recognised(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if report.classes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| class | rows | precision | recall | f1 |\n|---|---|---|---|---|")?;
    report.classes.iter().try_for_each(|class| {
        let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(cell);
        writeln!(out, "| {} | {} | {precision} | {recall} | {f1} |", plain(&class.class), class.rows)
    })
}

fn unsure(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if report.conformal.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## How sure it is\n")?;
    report.conformal.iter().try_for_each(|conformal| {
        let covered = format!(
            "a threshold of {} for a coverage of {} covers {} ({} to {}) of {}",
            number(conformal.quantile),
            percent(conformal.coverage),
            percent(conformal.measured),
            percent(conformal.low),
            percent(conformal.high),
            count(conformal.rows, "other held-out row")
        );
        let single = conformal.single.map(|single| format!("; {} are left with one class", percent(single)));
        writeln!(out, "- {}: {covered}{}", plain(conformal.method.name()), single.unwrap_or_default())
    })
}

fn worst(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let mut established = report.worst_slices.iter().filter(|slice| slice.established).peekable();
    if established.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\n## Where it is worse\n\nWhat a row loses is {}.\n", plain(&report.loss))?;
    writeln!(out, "| slice | rows | loss | more than others by | low | high |\n|---|---|---|---|---|---|")?;
    established.try_for_each(|slice| {
        let name = format!("{} = {}", plain(&slice.feature), plain(&slice.value));
        let [loss, more, low, high] =
            [slice.loss, slice.difference, slice.low, slice.high].map(|number| cell(Some(number)));
        writeln!(out, "| {name} | {} | {loss} | {more} | {low} | {high} |", slice.rows)
    })
}

fn slices(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if report.slices.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = slice_metrics(report).map(plain).collect();
    writeln!(out, "\n## Slices\n\n| slice | rows | {} |\n|---|---|{}", names.join(" | "), "---|".repeat(names.len()))?;
    for slice in &report.slices {
        let values: Vec<String> = slice.metrics.iter().map(|metric| cell(metric.value)).collect();
        let name = format!("{} = {}", plain(&slice.feature), plain(&slice.value));
        writeln!(out, "| {name} | {} | {} |", slice.rows, values.join(" | "))?;
    }
    Ok(())
}

fn limits(out: &mut String, canvas: &Canvas, report: &EvaluationReport) -> std::fmt::Result {
    writeln!(out, "\n## Limits\n")?;
    limit_words(canvas, report).iter().try_for_each(|limit| writeln!(out, "- {}", plain(limit)))
}

/// What the model must not be taken for.
fn limit_words(canvas: &Canvas, report: &EvaluationReport) -> Vec<String> {
    let mut limits = vec![
        "The numbers hold for rows like the held-out ones; live traffic is watched for drift beside them.".to_owned(),
        "A record outside of the accepted values is answered with a violation of the boundary.".to_owned(),
    ];
    if canvas.data_sources.iter().any(|source| source.kind == SourceKind::Recipe) {
        limits.push("It learned from synthetic rows and must not decide about real people.".to_owned());
    }
    if report.main_metric.is_none() {
        limits.push("No outcome is known, so how good it is was not measured.".to_owned());
    }
    let little = report.fairness.iter().filter(|fair| fair.metric == "demographic_parity_ratio");
    limits.extend(little.filter_map(|fair| {
        let words = fair.too_little.as_ref()?;
        Some(format!("Fairness by {} is not established: {words}.", fair.group))
    }));
    limits
}

/// The model card as JSON: the same facts as [`card`], by key. What neither the canvas nor the report knows is null or empty.
pub fn card_json(canvas: &Canvas, report: &EvaluationReport, candidate: &str) -> serde_json::Value {
    let value = &canvas.value_proposition;
    let sources = canvas.data_sources.iter().map(|source| {
        json!({
            "name": source.name, "synthetic": source.kind == SourceKind::Recipe,
            "licence": source.licence, "owner": source.owner,
        })
    });
    let inputs = canvas.inputs().map(|feature| {
        json!({
            "name": feature.name, "type": feature.kind.name(), "unit": feature.unit, "range": feature.range,
            "values": feature.values, "missing": feature.missing, "note": feature.note,
        })
    });
    json!({
        "format": 1,
        "name": canvas.name,
        "sentence": value.sentence(),
        "model": what(canvas, report),
        "candidate": candidate,
        "task": { "kind": report.task, "target": canvas.prediction_task.target, "positive": canvas.prediction_task.positive },
        "intended_use": {
            "problem": value.problem, "importance": value.importance, "end_user": value.end_user,
            "bands": canvas.decisions.bands, "fallback": canvas.making_predictions.fallback,
        },
        "data": {
            "sources": sources.collect::<Vec<_>>(), "training_rows": report.split.training_rows,
            "held_out_rows": report.rows, "split": report.split, "out_of_bounds": report.outside,
        },
        "inputs": inputs.collect::<Vec<_>>(),
        "sensitive": canvas.groups().map(|group| &group.name).collect::<Vec<_>>(),
        "main_metric": report.main_metric,
        "metrics": report.metrics,
        "compared": report.compared,
        "classes": report.classes,
        "conformal": report.conformal,
        "groups": report.groups,
        "fairness": report.fairness,
        "slices": report.slices,
        "worst_slices": report.worst_slices,
        "money": report.money,
        "gates": report.gates,
        "limits": limit_words(canvas, report),
    })
}
