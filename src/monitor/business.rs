//! The numbers of the business that outcomes brought, against their goals.

use super::evidence::LEVEL;
use crate::bundle::Manifest;
use crate::canvas::Direction;
use crate::profile::Profile;
use crate::stats::mean_interval;
use serde::{Deserialize, Serialize};

/// One number of the business over all outcomes that carried it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusinessValue {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
    /// Which way is good.
    pub direction: Direction,
    /// The mean per outcome that is aimed at.
    pub goal: Option<f64>,
    /// How many outcomes carried it.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Their mean; 0 when there are none.
    pub mean: f64,
    /// The lower end of the mean's normal interval, from two outcomes on.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
}

pub(super) fn metrics(manifest: &Manifest, profile: &Profile) -> Vec<BusinessValue> {
    let entry = |(metric, moments): (&crate::canvas::BusinessMetric, &crate::profile::Moments)| {
        let count = moments.count as f64;
        // The deviation of the sample (divisor n − 1), as an interval of a mean needs it.
        let deviation = (moments.m2 / (count - 1.0).max(1.0)).max(0.0).sqrt();
        let interval = mean_interval(moments.mean, deviation, count, LEVEL);
        BusinessValue {
            name: metric.name.clone(),
            unit: metric.unit.clone(),
            direction: metric.direction,
            goal: metric.goal,
            count: moments.count,
            sum: moments.mean * count,
            mean: moments.mean,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        }
    };
    manifest.business_metrics.iter().zip(&profile.business).map(entry).collect()
}

impl BusinessValue {
    /// Whether the goal is missed with the whole interval on the wrong side of it.
    pub fn misses_goal(&self) -> bool {
        let far_end = match self.direction {
            Direction::Increase => self.high,
            Direction::Decrease => self.low.map(|low| -low),
        };
        let goal = match self.direction {
            Direction::Increase => self.goal,
            Direction::Decrease => self.goal.map(|goal| -goal),
        };
        matches!((far_end, goal), (Some(end), Some(goal)) if end < goal)
    }
}
