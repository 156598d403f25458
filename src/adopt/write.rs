//! The canvas of an adopted model: what is known is filled in, the rest is left grey.

use super::Options;
use super::outputs::Learned;
use super::rows::Rows;
use crate::canvas::{Canvas, FeatureKind, Missing, PredictionTask};
use crate::features::FeatureSchema;
use std::fmt::Write;

/// A canvas with nothing but a name.
pub fn bare(name: &str) -> Canvas {
    Canvas { name: name.to_owned(), prediction_task: PredictionTask::default(), ..Canvas::default() }
}

/// The text of `canvas.toml`: the name, the task, and the features as the rows show them.
pub fn canvas(options: &Options, learned: &Learned, features: &[FeatureSchema], rows: &Rows) -> String {
    let kind = learned.kind.name();
    let mut text = format!(
        "# Written by `nearside adopt`. Everything that is not stated is grey on the dashboard: fill in what you know.\n\
         name = {}\n\n[prediction_task]\nkind = \"{kind}\"\n",
        quoted(&options.name)
    );
    // Writing to a string cannot fail.
    let _ = match &options.target {
        Some(target) => writeln!(text, "target = {}", quoted(target)),
        None => writeln!(text, "output = {}", quoted(&learned.output)),
    };
    if let Some(positive) = &learned.positive {
        let _ = writeln!(text, "positive = {}", quoted(positive));
    }
    let place = rows.place.rsplit(['/', '\\']).next().unwrap_or_default();
    let _ = writeln!(
        text,
        "\n# Inferred from the {} rows of {}: check the types and the ranges, add units and notes.",
        rows.len(),
        place.escape_debug()
    );
    for feature in features {
        let _ = write!(text, "[[features]]\nname = {}\ntype = \"{}\"\n", quoted(&feature.name), feature.kind.name());
        if let Some([low, high]) = feature.range {
            let _ = writeln!(text, "range = [{}, {}]", number(low), number(high));
        }
        if feature.kind == FeatureKind::Category {
            let values: Vec<String> = feature.values.iter().map(|value| quoted(value)).collect();
            let _ = writeln!(text, "values = [{}]", values.join(", "));
        }
        if feature.missing == Missing::Model {
            let _ = writeln!(text, "missing = \"model\"");
        }
        if let Some(note) = &feature.note {
            let _ = writeln!(text, "note = {}", quoted(note));
        }
    }
    text
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { format!("{value:?}") }
}
