//! The model card: what the canvas states and what was measured, in Markdown.

use super::report::EvaluationReport;
use super::text::{cell, split_words};
use super::words::{count, number, percent};
use crate::canvas::{Canvas, Feature, Missing, SourceKind};
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
    let task = &canvas.prediction_task;
    let (target, positive) = (plain(&task.target), plain(&report.positive));
    writeln!(
        out,
        "A logistic regression that gives the probability of {target} = {positive} (candidate: {candidate}).\n"
    )?;
    intended(out, canvas)?;
    data(out, canvas, report)?;
    inputs(out, canvas)?;

    writeln!(out, "## Measured on held-out rows\n")?;
    writeln!(out, "{}; {}. Intervals are at 95 %.\n", percent_positive(report), plain(&report.decision))?;
    if report.outside > 0 {
        writeln!(out, "Out of bounds: {}.\n", count(report.outside, "row"))?;
    }
    writeln!(out, "| metric | value | low | high |\n|---|---|---|---|")?;
    for metric in &report.metrics {
        let [value, low, high] = [metric.value, metric.low, metric.high].map(cell);
        writeln!(out, "| {} | {value} | {low} | {high} |", plain(&metric.metric))?;
    }
    fairness(out, report)?;
    slices(out, report)?;
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

fn percent_positive(report: &EvaluationReport) -> String {
    let rows = count(report.rows, "row");
    format!("{rows}, {} of them {}", percent(report.positive_share), plain(&report.positive))
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

fn slices(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if report.slices.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Slices\n\n| slice | rows | roc_auc | accuracy | selection_rate |\n|---|---|---|---|---|")?;
    for slice in &report.slices {
        let values: Vec<String> = slice.metrics.iter().map(|metric| cell(metric.value)).collect();
        let name = format!("{} = {}", plain(&slice.feature), plain(&slice.value));
        writeln!(out, "| {name} | {} | {} |", slice.rows, values.join(" | "))?;
    }
    Ok(())
}

fn limits(out: &mut String, canvas: &Canvas, report: &EvaluationReport) -> std::fmt::Result {
    writeln!(out, "\n## Limits\n")?;
    writeln!(
        out,
        "- The numbers hold for rows like the held-out ones; live traffic is watched for drift beside them."
    )?;
    writeln!(out, "- A record outside of the accepted values is answered with a violation of the boundary.")?;
    if canvas.data_sources.iter().any(|source| source.kind == SourceKind::Recipe) {
        writeln!(out, "- It learned from synthetic rows and must not decide about real people.")?;
    }
    for fair in report.fairness.iter().filter(|fair| fair.metric == "demographic_parity_ratio") {
        if let Some(words) = &fair.too_little {
            writeln!(out, "- Fairness by {} is not established: {}.", plain(&fair.group), plain(words))?;
        }
    }
    Ok(())
}
