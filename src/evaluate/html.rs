//! The report as one page that needs nothing else: no script, no font, no file beside it.

use super::chart::{Chart, Point};
use super::front::FrontPoint;
use super::report::EvaluationReport;
use super::run::RunReport;
use super::text::{about, cell, first_large, front_mark, isotonic_words, slice_metrics, split_words};
use super::words::{count, number, percent};
use crate::canvas::TaskKind;
use crate::features::Record;
use std::fmt::Write;

/// What a page shows beside the report. What is left empty is left out, so that with nothing but the candidate the page is
/// the same in every run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// The candidate.
    pub candidate: &'a str,
    /// Which candidate is chosen, and why.
    pub words: &'a str,
    /// The champion and the latency.
    pub run: Option<&'a RunReport>,
    /// How good and how fair each candidate is.
    pub front: &'a [FrontPoint],
    /// The records of the costliest rows, in their order. Only for a page that stays on this machine.
    pub records: &'a [Record],
}

/// A cell with more letters than this may break its line.
const LONG: usize = 60;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2024;--soft:#5b6470;--line:#d5dae0;--paper:#fff;--mark:#1257b0;--good:#12703c;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#a0a8b2;--line:#39414a;--paper:#14181c;--mark:#7db4ff;--good:#63cf91;--bad:#ff9a92}}
*{box-sizing:border-box}body{margin:0 auto;padding:16px;max-width:60rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}p,li{max-width:44rem}.soft,figcaption{color:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{padding:.3rem .75rem .3rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}th{font-weight:600}.long{white-space:normal;min-width:22rem}
.charts{display:flex;flex-wrap:wrap;gap:16px}figure{margin:0;flex:1 1 300px;max-width:420px}svg{width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}.axis,.even,.bar,.line{fill:none;stroke:var(--soft)}.even{stroke-dasharray:4 4}
.bar{stroke:var(--mark);opacity:.55}.line{stroke:var(--mark);stroke-width:2}.point{fill:var(--paper);stroke:var(--mark);stroke-width:2}.strong{fill:var(--mark)}
.pass{color:var(--good)}.fail{color:var(--bad)}ul{padding-left:1.2rem}";

/// The report as HTML. Every text in it is text: names of features, classes and candidates are escaped.
pub fn html(report: &EvaluationReport, page: &Page<'_>) -> String {
    let mut out = String::new();
    let _ = write_all(&mut out, report, page);
    out
}

/// A text as it stands in HTML, within an element or an attribute in double quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

fn write_all(out: &mut String, report: &EvaluationReport, page: &Page<'_>) -> std::fmt::Result {
    let title = format!("{}: evaluation", escape(&report.model));
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style>")?;
    writeln!(out, "<h1>{title}</h1>")?;
    let held = format!("{} held out {}", count(report.rows, "row"), split_words(report));
    let about = about(report).map_or_else(String::new, |words| format!("; {words}"));
    let candidate = if page.candidate.is_empty() { String::new() } else { format!("Candidate {}. ", page.candidate) };
    paragraph(out, &format!("{candidate}{held}{about}. Intervals are at 95 %."))?;
    if report.outside > 0 {
        paragraph(out, &format!("Out of bounds: {}.", count(report.outside, "row")))?;
    }
    if !page.words.is_empty() {
        paragraph(out, &first_large(page.words))?;
    }
    gates(out, report, page)?;
    metrics(out, report, page)?;
    charts(out, report, page)?;
    decisions(out, report)?;
    fairness(out, report, page)?;
    unsure(out, report)?;
    errors(out, report, page)?;
    money(out, report)?;
    writeln!(out, "</html>")
}

fn paragraph(out: &mut String, text: &str) -> std::fmt::Result {
    writeln!(out, "<p>{}</p>", escape(text))
}

/// A table with a heading above it; nothing when it has no rows.
fn table(out: &mut String, heading: &str, head: &[&str], rows: Vec<Vec<String>>) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    if !heading.is_empty() {
        writeln!(out, "<h2>{}</h2>", escape(heading))?;
    }
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    // A table may be wider than a phone: it scrolls within itself, and with the keys where it has the focus.
    writeln!(out, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{head}</tr></thead><tbody>")?;
    for row in rows {
        let class = |cell: &str| if cell.chars().count() > LONG { " class=\"long\"" } else { "" };
        let cells: String = row.iter().map(|cell| format!("<td{}>{}</td>", class(cell), escape(cell))).collect();
        writeln!(out, "<tr>{cells}</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn gates(out: &mut String, report: &EvaluationReport, page: &Page<'_>) -> std::fmt::Result {
    let of_run = page.run.into_iter().flat_map(|run| &run.gates);
    let gates: Vec<_> = report.gates.iter().chain(of_run).collect();
    if gates.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Gates</h2>\n<ul>")?;
    for gate in gates {
        let (class, state) = if gate.passed { ("pass", "passed") } else { ("fail", "failed") };
        writeln!(out, "<li><strong class=\"{class}\">{state}</strong>: {}</li>", escape(&gate.words))?;
    }
    writeln!(out, "</ul>")
}

fn metrics(out: &mut String, report: &EvaluationReport, page: &Page<'_>) -> std::fmt::Result {
    let rows = report
        .metrics
        .iter()
        .map(|metric| vec![metric.metric.clone(), cell(metric.value), cell(metric.low), cell(metric.high)]);
    table(out, "Metrics", &["metric", "value", "low", "high"], rows.collect())?;
    let of_run = page.run.into_iter().flat_map(|run| &run.compared);
    for compared in report.compared.iter().chain(of_run) {
        paragraph(out, &first_large(&compared.words))?;
    }
    let Some(run) = page.run else { return Ok(()) };
    if run.compared.is_empty() {
        paragraph(out, &first_large(&run.words))?;
    }
    run.latency_ms.map_or(Ok(()), |ms| {
        paragraph(out, &format!("One prediction took {} ms here, the median of {}.", number(ms), report.rows))
    })
}

fn charts(out: &mut String, report: &EvaluationReport, page: &Page<'_>) -> std::fmt::Result {
    let point = |x: f64, y: f64, low: Option<f64>, high: Option<f64>| Point {
        x,
        y,
        x_interval: None,
        y_interval: low.zip(high),
        label: String::new(),
        strong: true,
    };
    let chart = |title, x, y, points, line, unit| Chart { title, x, y, points, line, diagonal: true, unit };
    let calibration = report.calibration.iter().map(|bin| point(bin.mean_score, bin.positive_share, bin.low, bin.high));
    let fit = report.fit.iter().map(|bin| point(bin.predicted, bin.actual, bin.low, bin.high));
    writeln!(out, "<div class=\"charts\">")?;
    chart("Reliability: does a score come true as often?", "score", "share", calibration.collect(), vec![], true)
        .draw(out)?;
    chart("ROC curve", "false positives", "true positives", vec![], report.roc.clone(), true).draw(out)?;
    chart("Predicted against true values", "predicted", "true mean", fit.collect(), vec![], false).draw(out)?;
    if let Some(first) = page.front.first() {
        let fair = format!("{} by {}", first.fairness, first.by);
        let points = page.front.iter().filter_map(|point| {
            Some(Point {
                x: point.value?,
                y: point.fairness_value?,
                x_interval: point.low.zip(point.high),
                y_interval: point.fairness_low.zip(point.fairness_high),
                label: point.name.clone(),
                strong: point.chosen,
            })
        });
        let (title, points) = ("Candidates: how good and how fair; the full one is chosen", points.collect());
        Chart { title, x: &first.metric, y: &fair, points, line: vec![], diagonal: false, unit: false }.draw(out)?;
    }
    writeln!(out, "</div>")
}

fn decisions(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    if !report.positive.is_empty() {
        let confusion = report.confusion;
        let rows = vec![
            vec![report.positive.clone(), number(confusion.true_positive), number(confusion.false_negative)],
            vec!["other".into(), number(confusion.false_positive), number(confusion.true_negative)],
        ];
        table(out, "Decisions", &["label", "treated as positive", "as negative"], rows)?;
    }
    let rows = report.classes.iter().map(|class| {
        let numbers = [class.precision, class.recall, class.f1].map(cell);
        [class.class.clone(), class.rows.to_string(), class.answered.to_string()].into_iter().chain(numbers).collect()
    });
    table(out, "Classes", &["class", "rows", "answered", "precision", "recall", "f1"], rows.collect())?;
    let names: Vec<&str> = report.classes.iter().map(|class| class.class.as_str()).collect();
    let rows = names
        .iter()
        .zip(&report.matrix)
        .map(|(name, row)| [(*name).to_owned()].into_iter().chain(row.iter().map(usize::to_string)).collect());
    let rows: Vec<Vec<String>> = rows.collect();
    let head: Vec<&str> = ["label"].into_iter().chain(names.iter().copied()).collect();
    table(out, "Labels by answers", &head, rows)?;
    let what = if report.task == TaskKind::AnomalyDetection { "score" } else { "absolute error" };
    let rows = report.quantiles.iter().map(|&[share, value]| vec![percent(share), cell(Some(value))]);
    table(out, "Distribution", &["share of rows", &format!("{what} at most")], rows.collect())
}

fn fairness(out: &mut String, report: &EvaluationReport, page: &Page<'_>) -> std::fmt::Result {
    let rows = report.groups.iter().map(|group| {
        let numbers = [group.rate, group.low, group.high].map(cell);
        let name = format!("{} = {}", group.group, group.value);
        [name, group.count.to_string()].into_iter().chain(numbers).collect()
    });
    table(out, "Fairness", &["group", "rows", "favourable", "low", "high"], rows.collect())?;
    let rows = report.fairness.iter().map(|fair| {
        let numbers = [fair.value, fair.low, fair.high].map(cell);
        let note = fair.too_little.as_deref().map_or(String::new(), |words| format!("too little data: {words}"));
        [format!("{} by {}", fair.metric, fair.group)].into_iter().chain(numbers).chain([note]).collect()
    });
    table(out, "", &["metric", "value", "low", "high", "note"], rows.collect())?;
    let Some(first) = page.front.first() else { return Ok(()) };
    let rows = page.front.iter().map(|point| {
        let numbers =
            [point.value, point.low, point.high, point.fairness_value, point.fairness_low, point.fairness_high];
        [point.name.clone()].into_iter().chain(numbers.map(cell)).chain([front_mark(point)]).collect()
    });
    let fair = format!("{} by {}", first.fairness, first.by);
    table(out, "Candidates", &["candidate", &first.metric, "low", "high", &fair, "low", "high", ""], rows.collect())
}

fn unsure(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let rows = report.conformal.iter().map(|conformal| {
        let numbers = [Some(conformal.quantile), Some(conformal.measured), Some(conformal.low), Some(conformal.high)];
        let sizes = [conformal.mean_size, conformal.single].map(cell);
        let name = format!("{} at {}", conformal.method.name(), percent(conformal.coverage));
        [name].into_iter().chain(numbers.map(cell)).chain(sizes).collect()
    });
    let head = ["method", "threshold", "covered", "low", "high", "classes in a set", "sets of one"];
    table(out, "How sure it is", &head, rows.collect())?;
    isotonic_words(report).map_or(Ok(()), |words| paragraph(out, &words))
}

fn errors(out: &mut String, report: &EvaluationReport, page: &Page<'_>) -> std::fmt::Result {
    let names: Vec<&str> = slice_metrics(report).collect();
    let head: Vec<&str> = ["slice", "rows"].into_iter().chain(names).collect();
    let rows = report.slices.iter().map(|slice| {
        let values = slice.metrics.iter().map(|metric| cell(metric.value));
        [format!("{} = {}", slice.feature, slice.value), slice.rows.to_string()].into_iter().chain(values).collect()
    });
    table(out, "Slices", &head, rows.collect())?;
    let rows = report.worst_slices.iter().map(|slice| {
        let numbers = [slice.loss, slice.difference, slice.low, slice.high].map(|number| cell(Some(number)));
        let mark = if slice.established { "established" } else { "may be chance" };
        let name = format!("{} = {}", slice.feature, slice.value);
        [name, slice.rows.to_string()].into_iter().chain(numbers).chain([mark.to_owned()]).collect()
    });
    table(out, "Where it loses most", &["slice", "rows", "loss", "more by", "low", "high", ""], rows.collect())?;
    let rows = report.costliest.iter().enumerate().map(|(place, row)| {
        let record = page.records.get(place).map(|record| {
            let values: Vec<String> = record.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            values.join(", ")
        });
        let cells = [row.row.to_string(), row.predicted.clone(), row.label.clone(), cell(Some(row.cost))];
        cells.into_iter().chain(record).collect()
    });
    let head = ["row", "predicted", "came true", "cost", "record"];
    let head = if page.records.is_empty() { &head[..4] } else { &head };
    table(out, "Costliest rows", head, rows.collect())?;
    if report.worst_slices.is_empty() && report.costliest.is_empty() {
        return Ok(());
    }
    paragraph(out, &format!("What a row loses is {}.", report.loss))
}

fn money(out: &mut String, report: &EvaluationReport) -> std::fmt::Result {
    let Some(money) = &report.money else { return Ok(()) };
    let currency = money.currency.as_deref().map_or(String::new(), |currency| format!(" {currency}"));
    writeln!(out, "<h2>Money</h2>")?;
    let (lost, best) = (money.lost_per_thousand, money.best_per_thousand);
    let at = money.best_threshold.map_or("with no case treated as positive".into(), |at| format!("at {}", number(at)));
    let words =
        format!("Errors cost {lost:.2}{currency} per thousand cases; least on these rows {at}: {best:.2}{currency}.");
    paragraph(out, &words)
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
