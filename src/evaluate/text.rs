//! The report as a table for a terminal.

use super::report::EvaluationReport;
use super::words::{count, number, percent};
use crate::canvas::SplitKind;
use std::fmt::Write;

/// The report in plain text, as wide as 100 columns where names and words allow it.
pub fn text(report: &EvaluationReport) -> String {
    let mut out = String::new();
    let _ = write_all(&mut out, report);
    out
}

/// How the rows were held out: `by time (date), 20.0 % of the rows`.
pub(super) fn split_words(report: &EvaluationReport) -> String {
    let by = match (report.split.kind, &report.split.column) {
        (SplitKind::Random, _) => "by chance".to_owned(),
        (SplitKind::Time, column) => format!("by time ({})", column.as_deref().unwrap_or("no column")),
        (SplitKind::Group, column) => format!("by group ({})", column.as_deref().unwrap_or("no column")),
    };
    let total = (report.rows + report.split.training_rows).max(1);
    format!("{by}, {} of the rows", percent(report.rows as f64 / total as f64))
}

pub(super) fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.4}"))
}

fn write_all(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    writeln!(out, "{}: {} held out {}", report.model, count(report.rows, "row"), split_words(report))?;
    let (share, positive) = (percent(report.positive_share), &report.positive);
    writeln!(out, "{share} are {positive}; {}", report.decision)?;

    if report.outside > 0 {
        writeln!(out, "out of bounds: {}", count(report.outside, "row"))?;
    }

    let rows = report
        .metrics
        .iter()
        .map(|metric| vec![metric.metric.clone(), cell(metric.value), cell(metric.low), cell(metric.high)]);
    table(out, &["metric", "value", "low", "high"], rows.collect())?;

    let confusion = report.confusion;
    let row = |name: &str, yes: f64, no: f64| vec![name.to_owned(), number(yes), number(no)];
    let labels = [
        row(positive, confusion.true_positive, confusion.false_negative),
        row("other", confusion.false_positive, confusion.true_negative),
    ];
    table(out, &["label", "treated as positive", "as negative"], labels.to_vec())?;

    let rows = report.groups.iter().map(|group| {
        let (name, value) = (group.group.clone(), group.value.clone());
        vec![name, value, group.count.to_string(), cell(group.rate), cell(group.low), cell(group.high)]
    });
    table(out, &["group", "value", "rows", "favourable", "low", "high"], rows.collect())?;
    let rows = report.fairness.iter().map(|fair| {
        let note = fair.too_little.as_deref().map_or(String::new(), |words| format!("too little data: {words}"));
        let name = format!("{} by {}", fair.metric, fair.group);
        vec![name, cell(fair.value), cell(fair.low), cell(fair.high), note]
    });
    table(out, &["fairness", "value", "low", "high", ""], rows.collect())?;

    let rows = report.slices.iter().map(|slice| {
        let values = slice.metrics.iter().map(|metric| cell(metric.value));
        [slice.feature.clone(), slice.value.clone(), slice.rows.to_string()].into_iter().chain(values).collect()
    });
    table(out, &["slice", "value", "rows", "roc_auc", "accuracy", "selection_rate"], rows.collect())?;

    let rows = report.calibration.iter().map(|bin| {
        let scores = format!("{} to {}", number(bin.from), number(bin.to));
        let shares = [bin.mean_score, bin.positive_share].map(|share| cell(Some(share)));
        [scores, number(bin.count)].into_iter().chain(shares).collect()
    });
    table(out, &["score", "rows", "mean score", "positive"], rows.collect())?;

    if let Some(money) = &report.money {
        let currency = money.currency.as_deref().map_or(String::new(), |currency| format!(" {currency}"));
        let lost = format!("{:.2}{currency}", money.lost_per_thousand);
        writeln!(out, "\nErrors cost {lost} per thousand cases.")?;
        let best = format!("{:.2}{currency}", money.best_per_thousand);
        match money.best_threshold {
            Some(threshold) => writeln!(out, "On these rows a threshold of {threshold:.4} would cost least: {best}.")?,
            None => writeln!(out, "On these rows it would cost least to treat no case as positive: {best}.")?,
        }
    }
    writeln!(out)?;
    for gate in &report.gates {
        writeln!(out, "{}  {}", if gate.passed { "pass" } else { "FAIL" }, gate.words)?;
    }
    match (report.gates.is_empty(), report.passed) {
        (true, _) => writeln!(out, "The canvas states no gates."),
        (false, true) => writeln!(out, "Every gate is passed."),
        (false, false) => writeln!(out, "Not every gate is passed."),
    }
}

/// Writes a table with a blank line before it; nothing when it has no rows. The first column is set left, and so is
/// every other one that is not a number.
fn table(out: &mut String, head: &[&str], rows: Vec<Vec<String>>) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let all: Vec<Vec<String>> = [head.iter().map(|&name| name.to_owned()).collect()].into_iter().chain(rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let numeric = |column: usize| {
        column > 0 && all[1..].iter().all(|row| row[column].parse::<f64>().is_ok() || row[column] == "–")
    };
    writeln!(out)?;
    for row in &all {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            if numeric(column) {
                write!(line, "{cell:>width$}  ")?;
            } else {
                write!(line, "{cell:<width$}  ")?;
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
