//! What boosting lowers: losses with their slopes.

use super::grow::Slope;
use crate::train::linear::sigmoid;
use crate::train::softmax::softmax;

/// A loss over the rows of a training set.
pub trait Objective {
    /// How many sums a row has: one per class for a softmax, else one.
    fn outputs(&self) -> usize {
        1
    }

    /// Where the sums start: one number per output.
    fn start(&self) -> Vec<f64>;

    /// Both derivatives by the sums of one output; a round asks for those of output 0 first, and its sums are the same for
    /// all. `sums` holds the sums of all rows, output by output; `slopes` has one place per row.
    fn slopes(&mut self, sums: &[f64], output: usize, slopes: &mut [Slope]);

    /// The mean loss over these rows: lower is better.
    fn loss(&self, sums: &[f64], rows: &[u32]) -> f64;
}

/// The logarithmic loss of two classes, with row weights, and with what holds groups together.
#[derive(Debug, Clone)]
pub struct TwoClasses<'a> {
    /// The class of each row: true is positive.
    pub labels: &'a [bool],
    /// The weight of each row, above 0.
    pub weights: &'a [f64],
    /// The group of each row, numbered from 0, where one is known. Empty: no groups.
    pub groups: &'a [Option<usize>],
    /// How strongly the mean predictions of the groups are held together: 0 for not at all. The loss has
    /// `strength / 2 · Σ shareₐ · (meanₐ − mean)²` beside it, with the shares of the groups among the rows that have one.
    pub strength: f64,
}

impl TwoClasses<'_> {
    /// How far the mean prediction of each group is from that of all rows with a group.
    fn apart(&self, sums: &[f64]) -> Vec<f64> {
        let count = self.groups.iter().flatten().max().map_or(0, |most| most + 1);
        let mut of = vec![(0.0, 0.0); count];
        for (group, &sum) in self.groups.iter().zip(sums) {
            if let Some(group) = group {
                of[*group].0 += sigmoid(sum);
                of[*group].1 += 1.0;
            }
        }
        let (sum, rows) = of.iter().fold((0.0, 0.0), |(sum, rows), group| (sum + group.0, rows + group.1));
        of.into_iter().map(|(own, of)| if of > 0.0 { own / of - sum / rows } else { 0.0 }).collect()
    }
}

impl Objective for TwoClasses<'_> {
    fn start(&self) -> Vec<f64> {
        let total: f64 = self.weights.iter().sum();
        let positive: f64 = self.labels.iter().zip(self.weights).filter(|(label, _)| **label).map(|(_, w)| w).sum();
        let share = (positive / total).clamp(1e-12, 1.0 - 1e-12);
        vec![(share / (1.0 - share)).ln()]
    }

    fn slopes(&mut self, sums: &[f64], _: usize, slopes: &mut [Slope]) {
        let apart = if self.strength > 0.0 { self.apart(sums) } else { Vec::new() };
        for (row, slope) in slopes.iter_mut().enumerate() {
            let probability = sigmoid(sums[row]);
            let spread = (probability * (1.0 - probability)).max(1e-16);
            let target = f64::from(u8::from(self.labels[row]));
            let mut first = self.weights[row] * (probability - target);
            let group = self.groups.get(row).copied().flatten();
            if let Some(apart) = group.and_then(|group| apart.get(group)) {
                first += self.strength * apart * spread;
            }
            *slope = Slope { first: first as f32, second: (self.weights[row] * spread) as f32 };
        }
    }

    fn loss(&self, sums: &[f64], rows: &[u32]) -> f64 {
        let of = |&row: &u32| {
            let (sum, row) = (sums[row as usize], row as usize);
            let margin = if self.labels[row] { -sum } else { sum };
            (self.weights[row] * (margin.max(0.0) + (-margin.abs()).exp().ln_1p()), self.weights[row])
        };
        mean(rows.iter().map(of))
    }
}

/// Half the squared distance from a number.
#[derive(Debug, Clone)]
pub struct Squares<'a> {
    /// The number of each row.
    pub targets: &'a [f64],
}

impl Objective for Squares<'_> {
    fn start(&self) -> Vec<f64> {
        vec![self.targets.iter().sum::<f64>() / self.targets.len().max(1) as f64]
    }

    fn slopes(&mut self, sums: &[f64], _: usize, slopes: &mut [Slope]) {
        for ((slope, sum), target) in slopes.iter_mut().zip(sums).zip(self.targets) {
            *slope = Slope { first: (sum - target) as f32, second: 1.0 };
        }
    }

    fn loss(&self, sums: &[f64], rows: &[u32]) -> f64 {
        mean(rows.iter().map(|&row| ((sums[row as usize] - self.targets[row as usize]).powi(2) / 2.0, 1.0)))
    }
}

/// The logarithmic loss of several classes: each round grows one tree per class.
#[derive(Debug, Clone)]
pub struct SoftmaxLoss<'a> {
    /// The class of each row.
    pub labels: &'a [usize],
    /// The number of classes.
    pub classes: usize,
    /// The probabilities of all rows, row by row, at the sums that a round starts from.
    at: Vec<f64>,
}

impl<'a> SoftmaxLoss<'a> {
    /// From the class of each row.
    pub fn new(labels: &'a [usize], classes: usize) -> Self {
        Self { labels, classes, at: Vec::new() }
    }

    fn probabilities(&self, sums: &[f64], row: usize) -> Vec<f64> {
        let rows = self.labels.len();
        let mut own: Vec<f64> = (0..self.classes).map(|class| sums[class * rows + row]).collect();
        softmax(&mut own);
        own
    }
}

impl Objective for SoftmaxLoss<'_> {
    fn outputs(&self) -> usize {
        self.classes
    }

    fn start(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.classes];
        self.labels.iter().for_each(|&label| counts[label] += 1.0);
        counts.iter().map(|count: &f64| (count.max(1e-6) / self.labels.len().max(1) as f64).ln()).collect()
    }

    fn slopes(&mut self, sums: &[f64], output: usize, slopes: &mut [Slope]) {
        // The diagonal of the second derivatives, stretched as Friedman's K / (K − 1) does for classes that sum to one.
        let stretch = self.classes as f64 / (self.classes as f64 - 1.0).max(1.0);
        if output == 0 {
            self.at = (0..self.labels.len()).flat_map(|row| self.probabilities(sums, row)).collect();
        }
        for (row, slope) in slopes.iter_mut().enumerate() {
            let probability = self.at[row * self.classes + output];
            let target = f64::from(u8::from(self.labels[row] == output));
            let second = (stretch * probability * (1.0 - probability)).max(1e-16);
            *slope = Slope { first: (probability - target) as f32, second: second as f32 };
        }
    }

    fn loss(&self, sums: &[f64], rows: &[u32]) -> f64 {
        let of = |&row: &u32| {
            let row = row as usize;
            (-self.probabilities(sums, row)[self.labels[row]].max(f64::MIN_POSITIVE).ln(), 1.0)
        };
        mean(rows.iter().map(of))
    }
}

fn mean(losses: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weight) = losses.fold((0.0, 0.0), |(sum, weight), (loss, own)| (sum + loss, weight + own));
    if weight > 0.0 { sum / weight } else { 0.0 }
}
