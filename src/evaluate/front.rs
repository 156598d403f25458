//! The front between how good candidates are and how fair they are.

use super::choose::Contender;
use crate::canvas::Canvas;
use serde::{Deserialize, Serialize};

/// One candidate on the front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrontPoint {
    /// `plain`, or the mitigation.
    pub name: String,
    /// The main metric of the task.
    pub metric: String,
    /// Its value.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// The fairness metric of block 9.
    pub fairness: String,
    /// The sensitive feature.
    pub by: String,
    /// Its value.
    pub fairness_value: Option<f64>,
    /// The lower end of its interval.
    pub fairness_low: Option<f64>,
    /// The upper end of it.
    pub fairness_high: Option<f64>,
    /// What is missing for a comparison of groups that can be relied on. Nothing: there is enough.
    pub too_little: Option<String>,
    /// Whether it passes every gate.
    pub passed: bool,
    /// Whether it is the one that is shipped.
    pub chosen: bool,
}

/// The candidates by the main metric and the fairness metric of block 9. Empty where the canvas states none, or the task
/// does not measure it.
pub fn front(canvas: &Canvas, candidates: &[Contender<'_>], chosen: Option<usize>) -> Vec<FrontPoint> {
    let Some(fairness) = &canvas.building_models.fairness else { return Vec::new() };
    let point = |(place, contender): (usize, &Contender<'_>)| {
        let main = contender.report.main()?;
        let fair = contender.report.fairness(&fairness.metric, &fairness.group)?;
        Some(FrontPoint {
            name: contender.name.to_owned(),
            metric: main.metric.clone(),
            value: main.value,
            low: main.low,
            high: main.high,
            fairness: fairness.metric.clone(),
            by: fairness.group.clone(),
            fairness_value: fair.value,
            fairness_low: fair.low,
            fairness_high: fair.high,
            too_little: fair.too_little.clone(),
            passed: contender.passed(),
            chosen: chosen == Some(place),
        })
    };
    candidates.iter().enumerate().filter_map(point).collect()
}

#[cfg(test)]
#[path = "front_tests.rs"]
mod tests;
