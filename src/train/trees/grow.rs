//! One regression tree on binned columns, level by level, from sums of slopes per bin.
//!
//! The gain of a split and the value of a leaf are those of Chen and Guestrin, "XGBoost: a scalable tree boosting system",
//! 2016, equations 5 and 7, without the penalties.

use super::bins::{Binned, BinnedColumn};
use crate::tensor::trees::{Branch, Listed, Test};
pub use nearside_kernels::Slope;
use nearside_kernels::{BinSums as Sums, histogram};
use std::ops::Range;
use std::thread;

/// The smallest sum of second derivatives in a leaf, as LightGBM has it.
const LEAST_CURVATURE: f64 = 1e-3;

/// The smallest gain that is one.
const LEAST_GAIN: f64 = 1e-10;

/// From so many values on, sums are made by several threads.
const PARALLEL: usize = 200_000;

/// What a tree is grown from.
pub(super) struct Growth<'a> {
    pub(super) columns: &'a Binned,
    /// For each column 1 where the sum must not fall with it, −1 where it must not rise, else 0.
    pub(super) signs: &'a [i8],
    pub(super) depth: usize,
    pub(super) min_rows: usize,
    pub(super) learning_rate: f64,
}

/// A tree whose leaves vote for one target, and which rows fell into which leaf.
#[derive(Debug, Default)]
pub(super) struct Grown {
    /// The nodes, the root first; children are numbered within the tree, and each leaf holds the place of its value.
    pub(super) nodes: Vec<Listed>,
    /// The values of the leaves.
    pub(super) values: Vec<f64>,
    /// The rows, leaf by leaf.
    pub(super) order: Vec<u32>,
    /// The part of `order` that each leaf holds.
    pub(super) leaves: Vec<Range<usize>>,
    /// For the rows that were held back: the bin that a branch asks about, as `(column, bin, missing goes first)`.
    questions: Vec<Option<(usize, u8, bool)>>,
}

fn plus(a: Sums, b: Sums) -> Sums {
    Sums { first: a.first + b.first, second: a.second + b.second, rows: a.rows + b.rows }
}

fn less(a: Sums, b: Sums) -> Sums {
    Sums { first: a.first - b.first, second: a.second - b.second, rows: a.rows - b.rows }
}

/// The value of a leaf with these sums, within its bounds.
fn leaf_value(sums: Sums, bounds: [f64; 2]) -> f64 {
    (-sums.first / sums.second.max(f64::MIN_POSITIVE)).clamp(bounds[0], bounds[1])
}

/// What a leaf of this value takes off the loss, twice.
fn gain_of(sums: Sums, value: f64) -> f64 {
    -(2.0 * sums.first * value + sums.second * value * value)
}

/// A node that may be split.
struct Open {
    node: usize,
    rows: Range<usize>,
    sums: Sums,
    bounds: [f64; 2],
    histogram: Vec<Sums>,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    /// Bins up to this one go to the first child.
    bin: usize,
    missing: bool,
    first: Sums,
}

impl Growth<'_> {
    /// Grows one tree on these rows.
    pub(super) fn grow(&self, rows: &[u32], slopes: &[Slope]) -> Grown {
        let mut tree = Grown { order: rows.to_vec(), ..Grown::default() };
        tree.add_node();
        let histogram = self.histogram(&tree.order, slopes);
        let sums = rows.iter().fold(Sums::default(), |sums, &row| plus(sums, of(slopes[row as usize])));
        let bounds = [f64::NEG_INFINITY, f64::INFINITY];
        let mut level = vec![Open { node: 0, rows: 0..rows.len(), sums, bounds, histogram }];
        for depth in 0..=self.depth {
            let mut next = Vec::new();
            for open in level {
                let split = if depth < self.depth { self.best(&open) } else { None };
                match split {
                    None => tree.close(&open, self.learning_rate),
                    Some(split) => next.extend(self.split(&mut tree, open, split, slopes, depth + 1 < self.depth)),
                }
            }
            level = next;
        }
        tree
    }

    fn split(&self, tree: &mut Grown, open: Open, split: Split, slopes: &[Slope], deeper: bool) -> [Open; 2] {
        let column = &self.columns.columns()[split.column];
        let goes_first = |row: u32| match column.bins[row as usize] {
            0 => split.missing,
            bin => usize::from(bin) <= split.bin,
        };
        let middle = open.rows.start + partition(&mut tree.order[open.rows.clone()], goes_first);
        let parts = [open.rows.start..middle, middle..open.rows.end];
        let sums = [split.first, less(open.sums, split.first)];
        let children = [tree.add_node(), tree.add_node()];
        tree.questions[open.node] = Some((split.column, split.bin as u8, split.missing));
        tree.nodes[open.node] = Listed::Branch(Branch {
            feature: split.column,
            test: Test::AtMost,
            threshold: column.edges[split.bin - 1],
            members: 0..0,
            missing: split.missing,
            children,
        });
        let values = sums.map(|sums| leaf_value(sums, open.bounds));
        let middle = values[0] / 2.0 + values[1] / 2.0;
        let bounds = match self.signs[split.column] {
            0 => [open.bounds; 2],
            sign if sign > 0 => [[open.bounds[0], middle], [middle, open.bounds[1]]],
            _ => [[middle, open.bounds[1]], [open.bounds[0], middle]],
        };
        let histograms = if deeper { self.histograms(tree, open.histogram, &parts, slopes) } else { [vec![], vec![]] };
        let [first, second] = histograms;
        let child = |place: usize, histogram| Open {
            node: children[place],
            rows: parts[place].clone(),
            sums: sums[place],
            bounds: bounds[place],
            histogram,
        };
        [child(0, first), child(1, second)]
    }

    /// The sums of both parts: the smaller is counted, the other is what is left.
    fn histograms(
        &self,
        tree: &Grown,
        whole: Vec<Sums>,
        parts: &[Range<usize>; 2],
        slopes: &[Slope],
    ) -> [Vec<Sums>; 2] {
        let smaller = usize::from(parts[1].len() < parts[0].len());
        let counted = self.histogram(&tree.order[parts[smaller].clone()], slopes);
        let mut rest = whole;
        rest.iter_mut().zip(&counted).for_each(|(rest, counted)| *rest = less(*rest, *counted));
        if smaller == 0 { [counted, rest] } else { [rest, counted] }
    }

    /// The sums of these rows by column and bin.
    fn histogram(&self, rows: &[u32], slopes: &[Slope]) -> Vec<Sums> {
        let columns = self.columns.columns();
        let mut sums = vec![Sums::default(); columns.iter().map(BinnedColumn::count).sum()];
        // Read once in the order of the rows, and not once for every column.
        let gathered: Vec<Slope> = rows.iter().map(|&row| slopes[row as usize]).collect();
        let mut jobs: Vec<(&BinnedColumn, &mut [Sums])> = Vec::with_capacity(columns.len());
        let mut left = sums.as_mut_slice();
        for column in columns {
            let (own, rest) = left.split_at_mut(column.count());
            jobs.push((column, own));
            left = rest;
        }
        let count = |jobs: &mut [(&BinnedColumn, &mut [Sums])]| {
            for (column, sums) in jobs {
                histogram(&column.bins, rows, &gathered, sums);
            }
        };
        let threads = if rows.len() * columns.len() < PARALLEL { 1 } else { threads() };
        let share = jobs.len().div_ceil(threads).max(1);
        if threads == 1 {
            count(&mut jobs);
        } else {
            thread::scope(|scope| jobs.chunks_mut(share).for_each(|jobs| drop(scope.spawn(move || count(jobs)))));
        }
        sums
    }

    /// The split that takes most off the loss.
    fn best(&self, open: &Open) -> Option<Split> {
        if (open.sums.rows as usize) < 2 * self.min_rows {
            return None;
        }
        let now = gain_of(open.sums, leaf_value(open.sums, open.bounds));
        let mut best: Option<Split> = None;
        let mut start = 0;
        for (place, column) in self.columns.columns().iter().enumerate() {
            let sums = &open.histogram[start..start + column.count()];
            start += column.count();
            let missing = sums[0];
            // Where nothing is missing here but elsewhere is, what is missing goes with the larger part.
            let ways: &[bool] = if missing.rows > 0 { &[false, true] } else { &[false] };
            for &with_missing in ways {
                let mut first = if with_missing { missing } else { Sums::default() };
                for (bin, sum) in sums.iter().enumerate().skip(1).take(column.edges.len()) {
                    first = plus(first, *sum);
                    let second = less(open.sums, first);
                    if !self.is_leaf(first) {
                        continue;
                    }
                    if !self.is_leaf(second) {
                        break;
                    }
                    let values = [leaf_value(first, open.bounds), leaf_value(second, open.bounds)];
                    if f64::from(self.signs[place]) * (values[0] - values[1]) > 0.0 {
                        continue;
                    }
                    let gain = gain_of(first, values[0]) + gain_of(second, values[1]) - now;
                    if gain > best.map_or(LEAST_GAIN, |best| best.gain) {
                        let goes = with_missing || (missing.rows == 0 && first.rows > second.rows);
                        best = Some(Split { gain, column: place, bin, missing: goes && column.missing, first });
                    }
                }
            }
        }
        best
    }

    fn is_leaf(&self, sums: Sums) -> bool {
        sums.rows as usize >= self.min_rows && sums.second >= LEAST_CURVATURE
    }
}

impl Grown {
    fn add_node(&mut self) -> usize {
        self.nodes.push(Listed::Leaf(0..0));
        self.questions.push(None);
        self.nodes.len() - 1
    }

    fn close(&mut self, open: &Open, learning_rate: f64) {
        let place = self.values.len();
        // What the graph holds is float32, and what is learned next starts from what it will answer.
        self.values.push(f64::from((leaf_value(open.sums, open.bounds) * learning_rate) as f32));
        self.leaves.push(open.rows.clone());
        self.nodes[open.node] = Listed::Leaf(place..place + 1);
    }

    /// The value of the leaf that a row falls into, of one that the tree was not grown on, too.
    pub(super) fn value(&self, columns: &Binned, row: usize) -> f64 {
        let mut node = 0;
        loop {
            match (&self.nodes[node], self.questions[node]) {
                (Listed::Branch(branch), Some((column, edge, missing))) => {
                    let bin = columns.columns()[column].bins[row];
                    let first = if bin == 0 { missing } else { bin <= edge };
                    node = branch.children[usize::from(!first)];
                }
                (Listed::Leaf(place), _) => return self.values[place.start],
                (Listed::Branch(_), None) => return 0.0,
            }
        }
    }
}

fn of(slope: Slope) -> Sums {
    Sums { first: f64::from(slope.first), second: f64::from(slope.second), rows: 1 }
}

/// Moves the rows that go first to the front; both parts keep their order. Gives how many go first.
fn partition(rows: &mut [u32], goes_first: impl Fn(u32) -> bool) -> usize {
    let mut rest = Vec::with_capacity(rows.len());
    let mut first = 0;
    for place in 0..rows.len() {
        let row = rows[place];
        if goes_first(row) {
            rows[first] = row;
            first += 1;
        } else {
            rest.push(row);
        }
    }
    rows[first..].copy_from_slice(&rest);
    first
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(8)
}
