//! The schema of raw records that a bundle carries, with what the training rows looked like.

use super::fit::FittedFeature;
use super::prepare::{feature_schema, raw};
use crate::canvas::{Canvas, FeatureKind};
use crate::error::Result;
use crate::features::{FeatureSchema, Value};
use crate::sources::Table;
use crate::stats::of_sorted;

/// How many reference bins a number has: deciles.
const BINS: usize = 10;

/// The schema of the model's inputs: one entry per fitted feature, with the inner edges of its deciles (each once, and
/// none at or below the lowest value) and a usual value, both from `rows`.
///
/// # Errors
/// Those of [`raw`].
pub fn schema(canvas: &Canvas, fitted: &[FittedFeature], table: &Table, rows: &[usize]) -> Result<Vec<FeatureSchema>> {
    canvas
        .inputs()
        .zip(fitted)
        .map(|(feature, fitted)| {
            let mut schema = feature_schema(feature, &fitted.values);
            let mut values: Vec<f64> = raw(feature, &fitted.values, table, rows)?.into_iter().flatten().collect();
            values.sort_by(f64::total_cmp);
            if schema.kind.is_numeric() {
                // Time goes on: every moment lies behind the reference rows, and that is no drift.
                schema.bins = if schema.kind == FeatureKind::Timestamp { Vec::new() } else { edges(&values) };
                let median = values.get(values.len() / 2).copied();
                schema.example = median.map_or(Value::Missing, Value::Number);
            } else {
                schema.example = most_frequent(&values, &schema);
            }
            Ok(schema)
        })
        .collect()
}

/// The inner edges of the deciles of ascending values, each once and none at or below the lowest.
pub fn edges(sorted: &[f64]) -> Vec<f64> {
    let quantiles = (1..BINS).filter_map(|bin| of_sorted(sorted, bin as f64 / BINS as f64));
    let mut edges: Vec<f64> = quantiles.filter(|edge| sorted.first().is_some_and(|lowest| edge > lowest)).collect();
    edges.dedup();
    edges
}

fn most_frequent(sorted: &[f64], schema: &FeatureSchema) -> Value {
    let longest = sorted.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    let Some(value) = longest.and_then(|run| schema.values.get(run[0] as usize)) else { return Value::Missing };
    match schema.kind {
        FeatureKind::Boolean => Value::Bool(value == "true"),
        _ => Value::Text(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deciles_of_few_values_come_once() {
        let values: Vec<f64> = (0..100).map(|row| f64::from(row % 3)).collect();
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        assert_eq!(edges(&sorted), [1.0, 2.0]);
        assert_eq!(edges(&[5.0; 20]), [0.0; 0]);
        assert_eq!(edges(&[]), [0.0; 0]);
    }
}
