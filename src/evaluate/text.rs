//! The report as a table for a terminal.

use super::front::FrontPoint;
use super::report::{EvaluationReport, Measured};
use super::words::{count, number, percent};
use crate::canvas::{SplitKind, TaskKind};
use std::fmt::Write;

/// How many slices and costly rows a terminal shows.
const SHOWN: usize = 10;

/// With more classes than this a table of all pairs is wider than a terminal.
const MOST_COLUMNS: usize = 10;

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
    if let Some(words) = about(report) {
        writeln!(out, "{words}")?;
    }
    if report.outside > 0 {
        writeln!(out, "out of bounds: {}", count(report.outside, "row"))?;
    }
    table(out, &["metric", "value", "low", "high"], report.metrics.iter().map(measured).collect())?;
    comparisons(out, report)?;
    decisions(out, report)?;
    fairness(out, report)?;
    slices(out, report)?;
    calibration(out, report)?;
    errors(out, report)?;
    money(out, report)?;
    writeln!(out)?;
    for gate in &report.gates {
        writeln!(out, "{}  {}", if gate.passed { "pass" } else { "FAIL" }, gate.words)?;
    }
    match (report.gates.is_empty(), report.passed) {
        (true, _) => writeln!(out, "The canvas states no gates on the model alone."),
        (false, true) => writeln!(out, "Every gate is passed."),
        (false, false) => writeln!(out, "Not every gate is passed."),
    }
}

/// What the rows are, and what is done with a score.
pub(super) fn about(report: &EvaluationReport) -> Option<String> {
    if let Some(groups) = report.ranked_groups {
        return Some(format!("in {} that are ranked; intervals are by group", count(groups, "group")));
    }
    match (report.positive.is_empty(), report.decision.is_empty()) {
        (false, _) => Some(format!("{} are {}; {}", percent(report.positive_share), report.positive, report.decision)),
        (true, false) => Some(report.decision.clone()),
        (true, true) => None,
    }
}

/// How the candidate compares with a model that is none.
fn comparisons(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if !report.compared.is_empty() {
        writeln!(out)?;
    }
    report.compared.iter().try_for_each(|compared| writeln!(out, "{}", first_large(&compared.words)))
}

/// What was decided, or answered, against what came true.
fn decisions(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if !report.positive.is_empty() {
        let confusion = report.confusion;
        let row = |name: &str, yes: f64, no: f64| vec![name.to_owned(), number(yes), number(no)];
        let labels = [
            row(&report.positive, confusion.true_positive, confusion.false_negative),
            row("other", confusion.false_positive, confusion.true_negative),
        ];
        table(out, &["label", "treated as positive", "as negative"], labels.to_vec())?;
    }
    let rows = report.classes.iter().map(|class| {
        let numbers = [class.precision, class.recall, class.f1].map(cell);
        [class.class.clone(), class.rows.to_string(), class.answered.to_string()].into_iter().chain(numbers).collect()
    });
    table(out, &["class", "rows", "answered", "precision", "recall", "f1"], rows.collect())?;
    if (1..=MOST_COLUMNS).contains(&report.matrix.len()) {
        let names: Vec<&str> = report.classes.iter().map(|class| class.class.as_str()).collect();
        let rows = names
            .iter()
            .zip(&report.matrix)
            .map(|(name, row)| [(*name).to_owned()].into_iter().chain(row.iter().map(usize::to_string)).collect());
        let rows: Vec<Vec<String>> = rows.collect();
        table(out, &["label, by answer"].into_iter().chain(names.iter().copied()).collect::<Vec<_>>(), rows)?;
    }
    let rows = report.fit.iter().map(|bin| {
        let numbers = [Some(bin.predicted), Some(bin.actual), bin.low, bin.high].map(cell);
        [bin.count.to_string()].into_iter().chain(numbers).collect()
    });
    table(out, &["rows", "predicted", "true mean", "low", "high"], rows.collect())?;
    let what = if report.task == TaskKind::AnomalyDetection { "score" } else { "absolute error" };
    let rows = report.quantiles.iter().map(|&[share, value]| vec![percent(share), cell(Some(value))]);
    table(out, &["share of rows", &format!("{what} at most")], rows.collect())
}

fn fairness(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
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
    table(out, &["fairness", "value", "low", "high", ""], rows.collect())
}

fn slices(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let names = slice_metrics(report);
    let head: Vec<&str> = ["slice", "value", "rows"].into_iter().chain(names).collect();
    let rows = report.slices.iter().map(|slice| {
        let values = slice.metrics.iter().map(|metric| cell(metric.value));
        [slice.feature.clone(), slice.value.clone(), slice.rows.to_string()].into_iter().chain(values).collect()
    });
    table(out, &head, rows.collect())
}

/// The metrics that are told of each slice.
pub(super) fn slice_metrics(report: &EvaluationReport) -> impl Iterator<Item = &str> {
    report.slices.first().into_iter().flat_map(|slice| slice.metrics.iter().map(|metric| metric.metric.as_str()))
}

fn calibration(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let rows = report.calibration.iter().map(|bin| {
        let scores = format!("{} to {}", number(bin.from), number(bin.to));
        let shares = [bin.mean_score, bin.positive_share].map(|share| cell(Some(share)));
        [scores, number(bin.count)].into_iter().chain(shares).collect()
    });
    table(out, &["score", "rows", "mean score", "positive"], rows.collect())?;
    if let Some(words) = isotonic_words(report) {
        writeln!(out, "{words}")?;
    }
    let rows = report.conformal.iter().map(|conformal| {
        let numbers = [Some(conformal.quantile), Some(conformal.measured), Some(conformal.low), Some(conformal.high)];
        let sizes = [conformal.mean_size, conformal.single].map(cell);
        let name = format!("{} at {}", conformal.method.name(), percent(conformal.coverage));
        [name].into_iter().chain(numbers.map(cell)).chain(sizes).collect()
    });
    table(out, &["conformal", "threshold", "covered", "low", "high", "classes", "one class"], rows.collect())
}

/// What an isotonic table would do for the calibration.
pub(super) fn isotonic_words(report: &EvaluationReport) -> Option<String> {
    let isotonic = report.isotonic.as_ref()?;
    let (before, after) = (isotonic.error_before?, isotonic.error_after?);
    let knots = count(isotonic.knots.len(), "knot");
    let numbers =
        format!("the calibration error would go from {before:.4} to {after:.4}, on rows that it is not fitted to");
    Some(match after < before {
        true => format!("An isotonic table would help: {numbers} ({knots} over all rows)."),
        false => format!("An isotonic table would not help: {numbers}."),
    })
}

fn errors(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let rows = report.worst_slices.iter().take(SHOWN).map(|slice| {
        let numbers = [slice.loss, slice.difference, slice.low, slice.high].map(|number| cell(Some(number)));
        let mark = if slice.established { "established" } else { "may be chance" };
        let name = format!("{} = {}", slice.feature, slice.value);
        [name, slice.rows.to_string()].into_iter().chain(numbers).chain([mark.to_owned()]).collect()
    });
    table(out, &["loses most", "rows", "loss", "more by", "low", "high", ""], rows.collect())?;
    let rows = report
        .costliest
        .iter()
        .take(SHOWN)
        .map(|row| vec![row.row.to_string(), row.predicted.clone(), row.label.clone(), cell(Some(row.cost))]);
    table(out, &["costliest row", "predicted", "came true", "cost"], rows.collect())?;
    if report.worst_slices.is_empty() && report.costliest.is_empty() {
        return Ok(());
    }
    writeln!(out, "What a row loses is {}.", report.loss)
}

fn money(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let Some(money) = &report.money else { return Ok(()) };
    let currency = money.currency.as_deref().map_or(String::new(), |currency| format!(" {currency}"));
    let lost = format!("{:.2}{currency}", money.lost_per_thousand);
    writeln!(out, "\nErrors cost {lost} per thousand cases.")?;
    let best = format!("{:.2}{currency}", money.best_per_thousand);
    match money.best_threshold {
        Some(threshold) => writeln!(out, "On these rows a threshold of {threshold:.4} would cost least: {best}."),
        None => writeln!(out, "On these rows it would cost least to treat no case as positive: {best}."),
    }
}

/// The front as a table.
pub fn front_text(front: &[FrontPoint]) -> String {
    let mut out = String::new();
    let Some(first) = front.first() else { return out };
    let fairness = format!("{} by {}", first.fairness, first.by);
    let rows = front.iter().map(|point| {
        let numbers =
            [point.value, point.low, point.high, point.fairness_value, point.fairness_low, point.fairness_high];
        let mark = front_mark(point);
        [point.name.clone()].into_iter().chain(numbers.map(cell)).chain([mark]).collect()
    });
    let _ = table(&mut out, &["candidate", &first.metric, "low", "high", &fairness, "low", "high", ""], rows.collect());
    out
}

/// Whether a candidate is chosen, and if not, why it could not be.
pub(super) fn front_mark(point: &FrontPoint) -> String {
    let state = match (point.chosen, point.passed) {
        (true, _) => "chosen",
        (false, true) => "passes",
        (false, false) => "does not pass",
    };
    let little = if point.too_little.is_some() { ", too little data" } else { "" };
    format!("{state}{little}")
}

/// A sentence with a capital letter and a full stop.
pub(super) fn first_large(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn measured(metric: &Measured) -> Vec<String> {
    vec![metric.metric.clone(), cell(metric.value), cell(metric.low), cell(metric.high)]
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
