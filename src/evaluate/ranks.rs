//! Ranking: the order within each group against the grades of relevance.

use super::cases::Cases;
use super::metrics::average_precision;
use super::sample::{Closed, Sample};

/// The metrics of a ranking.
pub(super) const METRICS: [&str; 4] = ["ndcg_at_10", "ndcg_at_5", "mean_average_precision", "mean_reciprocal_rank"];

/// What each group comes to, in the order of [`METRICS`].
pub(super) struct Ranks {
    groups: Vec<[f64; 4]>,
}

impl Ranks {
    /// `groups` numbers the groups from 0 in the order in which they first come, and need not hold every number.
    pub(super) fn new(predicted: &[f64], relevance: &[f64], groups: &[usize]) -> Self {
        let rows = predicted.iter().copied().zip(relevance.iter().copied());
        let mut by_group: Vec<Vec<(f64, f64)>> = Vec::new();
        for (row, place) in rows.zip(places(groups)) {
            if place == by_group.len() {
                by_group.push(Vec::new());
            }
            by_group[place].push(row);
        }
        Self { groups: by_group.iter().map(|rows| judge(rows)).collect() }
    }
}

/// The number of each row's group, counted from 0 without gaps, in the order in which the groups first come.
pub(super) fn places(groups: &[usize]) -> Vec<usize> {
    let mut known = std::collections::HashMap::new();
    groups
        .iter()
        .map(|group| {
            let next = known.len();
            *known.entry(*group).or_insert(next)
        })
        .collect()
}

fn judge(rows: &[(f64, f64)]) -> [f64; 4] {
    // A group in which nothing is relevant cannot be ranked wrongly: it counts as 1, as in LightGBM.
    if rows.iter().all(|(_, grade)| *grade <= 0.0) {
        return [1.0; 4];
    }
    let cases = Cases::new(rows.iter().map(|&(predicted, grade)| (predicted, grade > 0.0, false)));
    [ndcg(rows, 10), ndcg(rows, 5), average_precision(&cases).unwrap_or(1.0), reciprocal_rank(&cases)]
}

/// The normalised discounted cumulative gain of the first `k`: each row gains `2^grade − 1`, divided by `log2(place + 1)`
/// with places from 1, as a part of what the best order gains (Burges et al., 2005). Rows with the same prediction share
/// their places (McSherry and Najork, 2008), so that a model which tells nothing apart gains what chance would.
fn ndcg(rows: &[(f64, f64)], k: usize) -> f64 {
    let gain = |grade: f64| grade.exp2() - 1.0;
    let discount = |place: usize| if place < k { 1.0 / (place as f64 + 2.0).log2() } else { 0.0 };
    let mut order: Vec<(f64, f64)> = rows.to_vec();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut place) = (0.0, 0);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let mean = tied.iter().map(|row| gain(row.1)).sum::<f64>() / tied.len() as f64;
        found += mean * (place..place + tied.len()).map(discount).sum::<f64>();
        place += tied.len();
    }
    let mut grades: Vec<f64> = rows.iter().map(|row| row.1).collect();
    grades.sort_by(|a, b| b.total_cmp(a));
    let best: f64 = grades.iter().enumerate().map(|(place, &grade)| gain(grade) * discount(place)).sum();
    found / best
}

/// 1 divided by the place of the first relevant row. Where rows tie, its place is the mean over all of their orders.
fn reciprocal_rank(cases: &Cases) -> f64 {
    let mut before = 0.0;
    for (_, relevant, other) in cases.ties().into_iter().rev() {
        let tied = relevant + other;
        if relevant > 0.0 {
            return 1.0 / (before + (tied + 1.0) / (relevant + 1.0));
        }
        before += tied;
    }
    1.0
}

impl Sample for Ranks {
    fn units(&self) -> usize {
        self.groups.len()
    }

    fn metrics(&self, names: &[&str], counts: &[f64]) -> Vec<Option<f64>> {
        let total: f64 = counts.iter().sum();
        let metric = |name: &&str| {
            let place = METRICS.iter().position(|known| known == name).filter(|_| total > 0.0)?;
            Some(self.groups.iter().zip(counts).map(|(group, count)| group[place] * count).sum::<f64>() / total)
        };
        names.iter().map(metric).collect()
    }

    fn closed(&self, _: &str, _: &[f64]) -> Closed {
        None
    }

    fn losses(&self) -> Vec<f64> {
        self.groups.iter().map(|group| 1.0 - group[0]).collect()
    }
}

#[cfg(test)]
#[path = "ranks_tests.rs"]
mod tests;
