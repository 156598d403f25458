//! Takes decision trees, node by node, as a file or a trainer lists them; gives one flat [`Forest`], and the sums of its
//! leaves for rows of numbers.
//! Next: `scores` makes answers of the sums. It knows neither files nor class labels, and never walks a tree whose nodes
//! it has not checked.

mod layout;
mod listing;
mod packed;
#[cfg(test)]
mod tests;

pub use listing::{Branch, Listed, Listing, Test};

use crate::error::{Error, ErrorKind, Result};
use nearside_kernels::{BRANCH, INDEX, LANES, MISSING, Node, SET, Sets, Walk, leaves_f32, leaves_f64};
use std::fmt::Debug;
use std::ops::{Add, Div, Neg, Sub};

/// The numbers of thresholds, weights and sums: `f32`, or `f64` where a model was made for it.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    /// Whether it is no number.
    fn is_nan(self) -> bool;
    /// The largest number below it.
    fn next_down(self) -> Self;
    /// From nodes to their leaves, each for the row that starts at its place in `values`.
    fn leaves(
        nodes: &[Node<Self>],
        walk: Walk,
        sets: Sets<'_, Self>,
        values: &[Self],
        starts: [usize; LANES],
        at: [u32; LANES],
    ) -> [u32; LANES];
}

macro_rules! real {
    ($type:ty, $leaves:path) => {
        impl Real for $type {
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }

            fn next_down(self) -> Self {
                self.next_down()
            }

            fn leaves(
                nodes: &[Node<Self>],
                walk: Walk,
                sets: Sets<'_, Self>,
                values: &[Self],
                starts: [usize; LANES],
                at: [u32; LANES],
            ) -> [u32; LANES] {
                $leaves(nodes, walk, sets, values, starts, at)
            }
        }
    };
}
real!(f32, leaves_f32);
real!(f64, leaves_f64);

/// How the votes for a target become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their sum, divided by the number of trees.
    Average,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// What the leaves of rows add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums<T> {
    /// One number per row and target, row by row; 0 where nothing voted.
    pub values: Vec<T>,
    /// Whether any leaf voted for it.
    pub voted: Vec<bool>,
}

/// The most sets that are told apart: each number up to here is exact in float32.
const MAX_SETS: usize = 1 << 24;

/// How many rows are done with one tree before the next: their sums stay near.
const BLOCK: usize = 64;

/// What leaves vote.
#[derive(Debug, Clone, PartialEq)]
enum Votes<T> {
    /// Each leaf has one vote, which stands in its node, and all leaves of a tree vote for one target: this.
    Tree(Vec<u32>),
    /// Each leaf votes for every target, in order.
    All(Vec<T>),
    /// Leaf `n` has the votes from `starts[n]` to `starts[n + 1]`.
    Listed { starts: Vec<u32>, votes: Vec<(u32, T)> },
}

/// Checked trees, laid out so that walks are short of nothing but memory: breadth first, children side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest<T> {
    nodes: Vec<Node<T>>,
    roots: Vec<u32>,
    votes: Votes<T>,
    /// The members of all sets, ascending within each.
    members: Vec<T>,
    /// Where each set begins, and the end.
    sets: Vec<usize>,
    targets: usize,
    columns: usize,
    walk: Walk,
    aggregate: Aggregate,
}

impl<T: Real> Forest<T> {
    /// Checks listed trees and lays them out.
    ///
    /// Nodes that no root reaches are left out. Nodes that several branches share are copied, and branches that ask one
    /// after the other for equality, as LightGBM's categories are exported, become one question for a set. Fails with
    /// `invalid-model` for children, votes or members that are not there, circles, and more copies than are reasonable.
    pub fn new(listing: &Listing, aggregate: Aggregate) -> Result<Self> {
        listing.check()?;
        layout::lay_out(listing, aggregate)
    }

    /// What the leaves of `rows` rows of `columns` values add up to, in the order of the trees, as onnxruntime does on
    /// one thread. Fails with `wrong-shape` when a tree reads a column that is not there.
    pub fn sums(&self, values: &[T], rows: usize, columns: usize) -> Result<Sums<T>> {
        if columns < self.columns || rows.checked_mul(columns) != Some(values.len()) {
            let message = format!("{rows} rows of {columns} columns where the trees read {} columns", self.columns);
            return Err(Error::new(ErrorKind::WrongShape, message).help("send one value per feature"));
        }
        let size = rows.saturating_mul(self.targets);
        let mut sums = Sums { values: vec![T::default(); size], voted: vec![false; size] };
        // Leaves read a value, too, and forget it: there must be one.
        let blank = [T::default()];
        let values = if columns == 0 { &blank } else { values };
        self.fill(values, rows, columns, &mut sums);
        if self.aggregate == Aggregate::Average && !self.roots.is_empty() {
            let trees = T::from_f64(self.roots.len() as f64);
            sums.values.iter_mut().for_each(|value| *value = *value / trees);
        }
        Ok(sums)
    }

    fn fill(&self, values: &[T], rows: usize, columns: usize, sums: &mut Sums<T>) {
        let whole = rows - rows % LANES;
        for block in (0..whole).step_by(BLOCK) {
            let end = whole.min(block + BLOCK);
            for (tree, &root) in self.roots.iter().enumerate() {
                for first in (block..end).step_by(LANES) {
                    let starts = std::array::from_fn(|lane| (first + lane) * columns);
                    let leaves = self.leaves(values, starts, [root; LANES]);
                    leaves.iter().enumerate().for_each(|(lane, &leaf)| self.add(tree, leaf, first + lane, sums));
                }
            }
        }
        for row in whole..rows {
            for (group, roots) in self.roots.chunks(LANES).enumerate() {
                let at = std::array::from_fn(|lane| roots[lane.min(roots.len() - 1)]);
                let leaves = self.leaves(values, [row * columns; LANES], at);
                let leaves = leaves.iter().take(roots.len()).enumerate();
                leaves.for_each(|(lane, &leaf)| self.add(group * LANES + lane, leaf, row, sums));
            }
        }
    }

    /// From nodes to their leaves, each for the row that starts at its place in `values`.
    fn leaves(&self, values: &[T], starts: [usize; LANES], at: [u32; LANES]) -> [u32; LANES] {
        let sets = Sets { members: &self.members, starts: &self.sets };
        T::leaves(&self.nodes, self.walk, sets, values, starts, at)
    }

    fn add(&self, tree: usize, leaf: u32, row: usize, sums: &mut Sums<T>) {
        let (node, first) = (self.nodes[leaf as usize], row * self.targets);
        let leaf = (node.tag & INDEX) as usize;
        match &self.votes {
            Votes::Tree(targets) => self.vote(first + targets[tree] as usize, node.threshold, sums),
            Votes::All(weights) => {
                let weights = weights[leaf * self.targets..].iter().take(self.targets);
                weights.enumerate().for_each(|(target, &weight)| self.vote(first + target, weight, sums));
            }
            Votes::Listed { starts, votes } => {
                let votes = &votes[starts[leaf] as usize..starts[leaf + 1] as usize];
                votes.iter().for_each(|&(target, weight)| self.vote(first + target as usize, weight, sums));
            }
        }
    }

    fn vote(&self, place: usize, weight: T, sums: &mut Sums<T>) {
        let (value, voted) = (&mut sums.values[place], &mut sums.voted[place]);
        *value = match self.aggregate {
            Aggregate::Sum | Aggregate::Average => *value + weight,
            Aggregate::Min if *voted && *value <= weight => *value,
            Aggregate::Max if *voted && *value >= weight => *value,
            Aggregate::Min | Aggregate::Max => weight,
        };
        *voted = true;
    }
}
