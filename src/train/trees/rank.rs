//! LambdaMART: what makes a ranking better by NDCG, as slopes.

use super::grow::Slope;
use super::objective::Objective;

/// The places from the front whose pairs count.
const TRUNCATION: usize = 30;

/// Pairs within a group, each pulling apart by how much a swap of the two would change NDCG (Burges, "From RankNet to
/// LambdaRank to LambdaMART", 2010). The gain of grade `g` is `2^g − 1`, the discount of place `i` from 0 on
/// `1 / log2(i + 2)`; the slopes of a group are put on one scale, as LightGBM does.
#[derive(Debug, Clone)]
pub struct LambdaRank {
    relevance: Vec<f64>,
    /// The rows of each group.
    groups: Vec<Vec<u32>>,
    /// The slopes of the sums that they were last asked for.
    pulls: Vec<(f64, f64)>,
}

impl LambdaRank {
    /// From the relevance and the group of each row.
    pub fn new(relevance: &[f64], group: &[usize]) -> Self {
        let mut groups: Vec<Vec<u32>> = vec![Vec::new(); group.iter().max().map_or(0, |most| most + 1)];
        for (row, &group) in group.iter().enumerate() {
            groups[group].push(row as u32);
        }
        groups.retain(|rows| !rows.is_empty());
        Self { relevance: relevance.to_vec(), groups, pulls: vec![(0.0, 0.0); group.len()] }
    }

    fn pull(&mut self, sums: &[f64]) {
        self.pulls.fill((0.0, 0.0));
        for rows in &self.groups {
            let grade = |row: u32| self.relevance[row as usize];
            let best = ideal(rows.iter().map(|&row| grade(row)).collect());
            if best <= 0.0 {
                continue;
            }
            let order = ordered(rows, sums);
            let highest = order.first().map_or(0.0, |&row| sums[row as usize]);
            let lowest = order.last().map_or(0.0, |&row| sums[row as usize]);
            let mut total = 0.0;
            for i in 0..order.len().min(TRUNCATION) {
                for j in i + 1..order.len() {
                    let (a, b) = (order[i], order[j]);
                    if grade(a) == grade(b) {
                        continue;
                    }
                    let (better, worse) = if grade(a) > grade(b) { (a, b) } else { (b, a) };
                    let ahead = sums[better as usize] - sums[worse as usize];
                    let gains = gain(grade(better)) - gain(grade(worse));
                    let mut change = gains * (discount(i) - discount(j)).abs() / best;
                    if highest != lowest {
                        change /= 0.01 + ahead.abs();
                    }
                    let wrong = 1.0 / (1.0 + ahead.exp());
                    let (first, second) = (wrong * change, wrong * (1.0 - wrong) * change);
                    let (up, down) = (better as usize, worse as usize);
                    self.pulls[up] = (self.pulls[up].0 - first, self.pulls[up].1 + second);
                    self.pulls[down] = (self.pulls[down].0 + first, self.pulls[down].1 + second);
                    total += 2.0 * first;
                }
            }
            if total > 0.0 {
                let scale = (1.0 + total).log2() / total;
                for &row in rows {
                    let pull = &mut self.pulls[row as usize];
                    *pull = (pull.0 * scale, pull.1 * scale);
                }
            }
        }
    }
}

impl Objective for LambdaRank {
    fn start(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn slopes(&mut self, sums: &[f64], _: usize, slopes: &mut [Slope]) {
        self.pull(sums);
        for (slope, &(first, second)) in slopes.iter_mut().zip(&self.pulls) {
            *slope = Slope { first: first as f32, second: second as f32 };
        }
    }

    /// 1 − the mean NDCG of the groups that have a row among these.
    fn loss(&self, sums: &[f64], rows: &[u32]) -> f64 {
        let mut wanted = vec![false; self.relevance.len()];
        rows.iter().for_each(|&row| wanted[row as usize] = true);
        let (mut sum, mut count) = (0.0, 0.0);
        for group in &self.groups {
            let rows: Vec<u32> = group.iter().copied().filter(|&row| wanted[row as usize]).collect();
            let best = ideal(rows.iter().map(|&row| self.relevance[row as usize]).collect());
            if best > 0.0 {
                let order = ordered(&rows, sums);
                let grades = order.iter().map(|&row| gain(self.relevance[row as usize]));
                sum += grades.enumerate().map(|(place, gain)| gain * discount(place)).sum::<f64>() / best;
                count += 1.0;
            }
        }
        if count > 0.0 { 1.0 - sum / count } else { 0.0 }
    }
}

/// The rows from the highest sum down; rows of the same sum keep their order.
fn ordered(rows: &[u32], sums: &[f64]) -> Vec<u32> {
    let mut order = rows.to_vec();
    order.sort_by(|&a, &b| sums[b as usize].total_cmp(&sums[a as usize]));
    order
}

fn gain(grade: f64) -> f64 {
    grade.exp2() - 1.0
}

fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

/// The discounted gain of the best order, up to [`TRUNCATION`].
fn ideal(mut grades: Vec<f64>) -> f64 {
    grades.sort_by(|a, b| b.total_cmp(a));
    grades.iter().take(TRUNCATION).enumerate().map(|(place, &grade)| gain(grade) * discount(place)).sum()
}
