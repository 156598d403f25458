//! Takes decision trees, node by node, as a file or a trainer lists them; gives one flat [`Forest`], and the sums of its
//! leaves for rows of numbers.
//! Next: `scores` makes answers of the sums. It knows neither files nor class labels, and never walks a tree whose nodes
//! it has not checked.

mod layout;
mod listing;
#[cfg(test)]
mod tests;

pub use listing::{Branch, Listed, Listing, Test};

use crate::error::{Error, ErrorKind, Result};
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
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

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

/// A node, packed: two children stand next to each other, and a leaf stands for its own child.
///
/// Bit 31 of `tag` marks a branch, bits 28–30 what it asks; the rest is the column of a branch, or the number of a leaf.
/// `threshold` is that of a branch, the number of its set, or the one weight of a leaf.
#[derive(Debug, Clone, Copy, Default)]
struct Node<T> {
    threshold: T,
    tag: u32,
    next: u32,
}

const BRANCH: u32 = 1 << 31;
/// NaN goes to the first child.
const MISSING: u32 = 1 << 30;
/// The test is < and not ≤.
const STRICT: u32 = 1 << 29;
/// The test is membership of a set.
const SET: u32 = 1 << 28;
const INDEX: u32 = SET - 1;

/// The most sets that are told apart: each number up to here is exact in float32.
const MAX_SETS: usize = 1 << 24;

/// Walks that ask the same at every node, and so need no decision but the test itself.
mod walk {
    pub(super) const AT_MOST: u8 = 0;
    pub(super) const AT_MOST_OR_MISSING: u8 = 1;
    pub(super) const BELOW: u8 = 2;
    pub(super) const BELOW_OR_MISSING: u8 = 3;
    pub(super) const ANY: u8 = 4;
}

/// How many walks go side by side: enough that one waits for memory while another compares.
const LANES: usize = 8;
/// How many rows are done with one tree before the next: their sums stay near.
const BLOCK: usize = 64;

/// What leaves vote.
#[derive(Debug, Clone)]
enum Votes<T> {
    /// Each leaf has one vote, which stands in its node, and all leaves of a tree vote for one target: this.
    Tree(Vec<u32>),
    /// Each leaf votes for every target, in order.
    All(Vec<T>),
    /// Leaf `n` has the votes from `starts[n]` to `starts[n + 1]`.
    Listed { starts: Vec<u32>, votes: Vec<(u32, T)> },
}

/// Checked trees, laid out so that walks are short of nothing but memory: breadth first, children side by side.
#[derive(Debug, Clone)]
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
    walk: u8,
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

    /// The same trees with other numbers. Exact from `f32` to `f64`, and back.
    pub fn cast<U: Real>(&self) -> Forest<U> {
        let cast = |value: &T| U::from_f64(value.to_f64());
        let node = |node: &Node<T>| Node { threshold: cast(&node.threshold), tag: node.tag, next: node.next };
        let votes = match &self.votes {
            Votes::Tree(targets) => Votes::Tree(targets.clone()),
            Votes::All(weights) => Votes::All(weights.iter().map(cast).collect()),
            Votes::Listed { starts, votes } => Votes::Listed {
                starts: starts.clone(),
                votes: votes.iter().map(|(target, weight)| (*target, cast(weight))).collect(),
            },
        };
        Forest {
            nodes: self.nodes.iter().map(node).collect(),
            roots: self.roots.clone(),
            votes,
            members: self.members.iter().map(cast).collect(),
            sets: self.sets.clone(),
            targets: self.targets,
            columns: self.columns,
            walk: self.walk,
            aggregate: self.aggregate,
        }
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
        match self.walk {
            walk::AT_MOST => self.fill::<{ walk::AT_MOST }>(values, rows, columns, &mut sums),
            walk::AT_MOST_OR_MISSING => self.fill::<{ walk::AT_MOST_OR_MISSING }>(values, rows, columns, &mut sums),
            walk::BELOW => self.fill::<{ walk::BELOW }>(values, rows, columns, &mut sums),
            walk::BELOW_OR_MISSING => self.fill::<{ walk::BELOW_OR_MISSING }>(values, rows, columns, &mut sums),
            _ => self.fill::<{ walk::ANY }>(values, rows, columns, &mut sums),
        }
        if self.aggregate == Aggregate::Average && !self.roots.is_empty() {
            let trees = T::from_f64(self.roots.len() as f64);
            sums.values.iter_mut().for_each(|value| *value = *value / trees);
        }
        Ok(sums)
    }

    fn fill<const WALK: u8>(&self, values: &[T], rows: usize, columns: usize, sums: &mut Sums<T>) {
        let whole = rows - rows % LANES;
        for block in (0..whole).step_by(BLOCK) {
            let end = whole.min(block + BLOCK);
            for (tree, &root) in self.roots.iter().enumerate() {
                for first in (block..end).step_by(LANES) {
                    let starts = std::array::from_fn(|lane| (first + lane) * columns);
                    let leaves = self.walk::<WALK>(values, starts, [root; LANES]);
                    leaves.iter().enumerate().for_each(|(lane, &leaf)| self.add(tree, leaf, first + lane, sums));
                }
            }
        }
        for row in whole..rows {
            for (group, roots) in self.roots.chunks(LANES).enumerate() {
                let at = std::array::from_fn(|lane| roots[lane.min(roots.len() - 1)]);
                let leaves = self.walk::<WALK>(values, [row * columns; LANES], at);
                let leaves = leaves.iter().take(roots.len()).enumerate();
                leaves.for_each(|(lane, &leaf)| self.add(group * LANES + lane, leaf, row, sums));
            }
        }
    }

    /// From nodes to their leaves, each for the row that starts at its place in `values`.
    fn walk<const WALK: u8>(&self, values: &[T], starts: [usize; LANES], mut at: [u32; LANES]) -> [u32; LANES] {
        loop {
            let mut open = self.step::<WALK>(values, starts[0], &mut at[0]);
            open |= self.step::<WALK>(values, starts[1], &mut at[1]);
            open |= self.step::<WALK>(values, starts[2], &mut at[2]);
            open |= self.step::<WALK>(values, starts[3], &mut at[3]);
            open |= self.step::<WALK>(values, starts[4], &mut at[4]);
            open |= self.step::<WALK>(values, starts[5], &mut at[5]);
            open |= self.step::<WALK>(values, starts[6], &mut at[6]);
            open |= self.step::<WALK>(values, starts[7], &mut at[7]);
            if open & BRANCH == 0 {
                return at;
            }
        }
    }

    /// One step down, without a jump: a leaf reads the first value of its row and stays. Gives the tag it came from.
    #[inline(always)]
    fn step<const WALK: u8>(&self, values: &[T], start: usize, at: &mut u32) -> u32 {
        let node = self.nodes[*at as usize];
        let feature = (node.tag.cast_signed() >> 31).cast_unsigned() & node.tag & INDEX;
        let value = values[start + feature as usize];
        let (threshold, missing) = (node.threshold, value.is_nan() & (node.tag & MISSING != 0));
        let yes = match WALK {
            walk::AT_MOST => value <= threshold,
            walk::AT_MOST_OR_MISSING => (value <= threshold) | missing,
            walk::BELOW => value < threshold,
            walk::BELOW_OR_MISSING => (value < threshold) | missing,
            _ if node.tag & SET != 0 => self.contains(threshold, value) | missing,
            _ => (value < threshold) | ((value == threshold) & (node.tag & STRICT == 0)) | missing,
        };
        *at = node.next + (u32::from(!yes) & (node.tag >> 31));
        node.tag
    }

    fn contains(&self, set: T, value: T) -> bool {
        let set = set.to_f64() as usize;
        let (Some(&start), Some(&end)) = (self.sets.get(set), self.sets.get(set + 1)) else { return false };
        let members = &self.members[start..end];
        members.get(members.partition_point(|&member| member < value)) == Some(&value)
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
