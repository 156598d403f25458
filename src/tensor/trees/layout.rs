//! From listed trees to a forest: copies of what is shared, sets of what asks for equality, votes where they are near.

use super::listing::broken;
use super::{
    Aggregate, BRANCH, Branch, Forest, INDEX, Listed, Listing, MAX_SETS, MISSING, Node, Real, SET, Test, Votes, Walk,
};
use crate::error::Result;
use crate::stats::order_many;
use std::collections::VecDeque;
use std::ops::Range;

/// A forest while it is laid out.
struct Layout<'a, T> {
    listing: &'a Listing,
    forest: Forest<T>,
    starts: Vec<u32>,
    votes: Vec<(u32, T)>,
    /// The first leaf of each tree.
    leaves: Vec<usize>,
    /// How many members were looked at, those that count for nothing as well.
    members: usize,
}

/// Lays checked trees out, breadth first.
pub(super) fn lay_out<T: Real>(listing: &Listing, aggregate: Aggregate) -> Result<Forest<T>> {
    Layout::new(listing, aggregate).finish()
}

impl<'a, T: Real> Layout<'a, T> {
    fn new(listing: &'a Listing, aggregate: Aggregate) -> Self {
        let forest = Forest {
            nodes: Vec::with_capacity(listing.nodes.len()),
            roots: Vec::with_capacity(listing.roots.len()),
            votes: Votes::Tree(vec![]),
            members: vec![],
            sets: vec![0],
            targets: listing.targets,
            columns: 0,
            walk: Walk::AtMost,
            aggregate,
        };
        Self { listing, forest, starts: vec![0], votes: vec![], leaves: vec![], members: 0 }
    }

    fn finish(mut self) -> Result<Forest<T>> {
        let mut queue: VecDeque<(usize, usize)> = VecDeque::new();
        for &root in &self.listing.roots {
            self.leaves.push(self.starts.len() - 1);
            let place = self.forest.nodes.len();
            self.forest.roots.push(place as u32);
            self.forest.nodes.push(Node::default());
            queue.push_back((root, place));
            while let Some((index, place)) = queue.pop_front() {
                match &self.listing.nodes[index] {
                    Listed::Leaf(votes) => self.leaf(place, votes.clone()),
                    Listed::Branch(branch) => queue.extend(self.branch(place, branch)),
                }
                self.bounded()?;
            }
        }
        self.forest.walk = self.walk();
        self.forest.votes = self.votes();
        Ok(self.forest)
    }

    /// Shared nodes are copied, and a small file can share much.
    fn bounded(&self) -> Result<()> {
        let reasonable = |has: usize, listed: usize| has <= 4 * listed + 1024 && has < INDEX as usize;
        let Listing { nodes, votes, members, .. } = self.listing;
        let most = reasonable(self.forest.nodes.len(), nodes.len() + self.listing.roots.len())
            && reasonable(self.votes.len(), nodes.len() + votes.len())
            && reasonable(self.members, nodes.len() + members.len())
            && self.forest.sets.len() <= MAX_SETS;
        if most { Ok(()) } else { Err(broken("the trees share more nodes than can be copied, or have too many")) }
    }

    fn leaf(&mut self, place: usize, votes: Range<usize>) {
        let leaf = self.starts.len() - 1;
        let votes = self.listing.votes[votes].iter();
        self.votes.extend(votes.map(|&(target, weight)| (target as u32, T::from_f64(weight))));
        self.starts.push(self.votes.len() as u32);
        self.forest.nodes[place] = Node { threshold: T::default(), tag: leaf as u32, next: place as u32 };
    }

    /// Writes a branch, and gives its children with their places. Tests for "greater" are those for "less" with the
    /// children exchanged; NaN, for which both fail, then goes to the other side. "Less" than a number is at most the one
    /// below it.
    fn branch(&mut self, place: usize, branch: &Branch) -> [(usize, usize); 2] {
        let [mut yes, mut no] = branch.children;
        let (test, exchanged) = match branch.test {
            Test::AtMost | Test::Below => (0, false),
            // Nothing compares with NaN: exchanged, the test would hold.
            Test::Above | Test::AtLeast if branch.threshold.is_nan() => (0, false),
            Test::Above | Test::AtLeast => (0, true),
            Test::Equal | Test::Member => (SET, false),
            Test::NotEqual => (SET, true),
        };
        let mut threshold = T::from_f64(branch.threshold);
        if test == SET {
            threshold = T::from_f64((self.forest.sets.len() - 1) as f64);
            no = self.set(branch);
        } else if matches!(branch.test, Test::Below | Test::AtLeast) {
            // Nothing is below the lowest of all, and nothing is at most NaN.
            let lowest = threshold == T::from_f64(f64::NEG_INFINITY);
            threshold = if lowest { T::from_f64(f64::NAN) } else { threshold.next_down() };
        }
        let missing = match (branch.test, exchanged) {
            (Test::NotEqual, _) => false,
            (_, exchanged) => branch.missing != exchanged,
        };
        if exchanged {
            (yes, no) = (no, yes);
        }
        let next = self.forest.nodes.len();
        self.forest.nodes.extend([Node::default(); 2]);
        self.forest.columns = self.forest.columns.max(branch.feature + 1);
        let tag = BRANCH | test | if missing { MISSING } else { 0 } | branch.feature as u32;
        self.forest.nodes[place] = Node { threshold, tag, next: next as u32 };
        [(yes, next), (no, next + 1)]
    }

    /// Writes the set of a branch, with those of the branches behind it that differ in nothing but their set; gives the
    /// child of the last for no.
    fn set(&mut self, branch: &Branch) -> usize {
        let start = self.forest.members.len();
        let mut last = branch;
        let (members, listed) = (&mut self.forest.members, &self.listing.members);
        let mut add = |branch: &Branch| match branch.test {
            Test::Member => members.extend(listed[branch.members.clone()].iter().map(|&member| T::from_f64(member))),
            _ => members.push(T::from_f64(branch.threshold)),
        };
        add(branch);
        while let Listed::Branch(next) = &self.listing.nodes[last.children[1]]
            && branch.test != Test::NotEqual
            && matches!(next.test, Test::Equal | Test::Member)
            && (next.feature, next.missing, next.children[0]) == (branch.feature, branch.missing, branch.children[0])
        {
            add(next);
            last = next;
        }
        let mut set = self.forest.members.split_off(start);
        self.members += set.len();
        set.retain(|member| !member.is_nan());
        order_many(&mut set);
        self.forest.members.append(&mut set);
        self.forest.sets.push(self.forest.members.len());
        last.children[1]
    }

    fn walk(&self) -> Walk {
        let branches = self.forest.nodes.iter().map(|node| node.tag).filter(|tag| tag & BRANCH != 0);
        Walk::for_asked(branches.fold(0, |any, tag| any | tag))
    }

    fn votes(&mut self) -> Votes<T> {
        let (starts, votes) = (std::mem::take(&mut self.starts), std::mem::take(&mut self.votes));
        let targets = self.listing.targets;
        let one_each =
            votes.len() + 1 == starts.len() && starts.iter().enumerate().all(|(leaf, &start)| leaf == start as usize);
        let ends = self.leaves.iter().skip(1).copied().chain([starts.len() - 1]);
        let target = |(&start, end): (&usize, usize)| {
            let (first, rest) = votes.get(start..end)?.split_first()?;
            rest.iter().all(|vote| vote.0 == first.0).then_some(first.0)
        };
        let of_trees: Option<Vec<u32>> =
            if one_each { self.leaves.iter().zip(ends).map(target).collect() } else { None };
        if let Some(of_trees) = of_trees {
            for node in self.forest.nodes.iter_mut().filter(|node| node.tag & BRANCH == 0) {
                node.threshold = votes[node.tag as usize].1;
            }
            return Votes::Tree(of_trees);
        }
        let all_each = starts.iter().enumerate().all(|(leaf, &start)| leaf * targets == start as usize);
        if all_each && votes.iter().enumerate().all(|(place, vote)| place % targets == vote.0 as usize) {
            return Votes::All(votes.into_iter().map(|(_, weight)| weight).collect());
        }
        Votes::Listed { starts, votes }
    }
}
