//! Trees as they are listed, and what must hold before they are walked.

use super::INDEX;
use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;

/// What a branch asks of a value. A row for which it holds goes to the first child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// value ≤ threshold
    AtMost,
    /// value < threshold
    Below,
    /// value ≥ threshold
    AtLeast,
    /// value > threshold
    Above,
    /// value = threshold
    Equal,
    /// value ≠ threshold
    NotEqual,
    /// value ∈ members
    Member,
}

/// A node with two children.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The column that it reads.
    pub feature: usize,
    /// What it asks.
    pub test: Test,
    /// What the value is compared with.
    pub threshold: f64,
    /// Where the members of its set stand in [`Listing::members`].
    pub members: Range<usize>,
    /// Whether NaN goes to the first child, whatever the test. Otherwise the test decides: it fails, but for `NotEqual`.
    pub missing: bool,
    /// Where the children stand in [`Listing::nodes`]: for yes, for no.
    pub children: [usize; 2],
}

/// A node as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    /// Two ways on.
    Branch(Branch),
    /// The end: where its votes stand in [`Listing::votes`].
    Leaf(Range<usize>),
}

/// Trees as a file or a trainer lists them. Nothing of it is trusted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The nodes of all trees.
    pub nodes: Vec<Listed>,
    /// Where each tree begins.
    pub roots: Vec<usize>,
    /// What leaves add: a target and a weight.
    pub votes: Vec<(usize, f64)>,
    /// The members of all sets.
    pub members: Vec<f64>,
    /// How many sums a row gets.
    pub targets: usize,
}

pub(super) fn broken(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidModel, message).help("the file is broken; export it again")
}

impl Listing {
    /// Fails with `invalid-model` for children, features, votes or members that cannot be, and for circles.
    pub(super) fn check(&self) -> Result<()> {
        self.check_places()?;
        self.check_circles()
    }

    /// Every place that is named is there.
    fn check_places(&self) -> Result<()> {
        let Self { nodes, roots, votes, members, targets } = self;
        let within = |range: &Range<usize>, length: usize| range.start <= range.end && range.end <= length;
        let mut in_sets = 0usize;
        for (index, node) in nodes.iter().enumerate() {
            if let Listed::Branch(branch) = node {
                in_sets = in_sets.saturating_add(branch.members.len());
            }
            let wrong = match node {
                Listed::Branch(branch) if branch.children.iter().any(|&child| child >= nodes.len()) => "a child",
                Listed::Branch(branch) if branch.feature > INDEX as usize => "a feature",
                Listed::Branch(branch) if !within(&branch.members, members.len()) => "a set",
                Listed::Branch(_) if in_sets > members.len() => "a set",
                Listed::Leaf(range) if !within(range, votes.len()) => "a vote",
                _ => continue,
            };
            return Err(broken(format!("node {index} of the trees names {wrong} that cannot be")));
        }
        if let Some(root) = roots.iter().find(|&&root| root >= nodes.len()) {
            return Err(broken(format!("a tree begins at node {root} of {}", nodes.len())));
        }
        if *targets == 0 || *targets > INDEX as usize {
            return Err(broken(format!("the trees have {targets} targets")));
        }
        match votes.iter().find(|(target, _)| target >= targets) {
            Some((target, _)) => Err(broken(format!("a leaf votes for target {target} of {targets}"))),
            None => Ok(()),
        }
    }

    /// No node is its own descendant.
    fn check_circles(&self) -> Result<()> {
        let mut states = vec![State::New; self.nodes.len()];
        let mut stack: Vec<(usize, usize)> = Vec::new();
        for &root in &self.roots {
            if states[root] == State::New {
                stack.push((root, 0));
            }
            while let Some((node, child)) = stack.last_mut() {
                states[*node] = State::Open;
                let next = match &self.nodes[*node] {
                    Listed::Branch(branch) => branch.children.get(*child),
                    Listed::Leaf(_) => None,
                };
                match next.map(|&next| (next, states[next])) {
                    Some((next, State::Open)) => {
                        return Err(broken(format!("node {next} of the trees is its own descendant")));
                    }
                    Some((next, State::New)) => {
                        *child += 1;
                        stack.push((next, 0));
                    }
                    Some((_, State::Done)) => *child += 1,
                    None => {
                        states[*node] = State::Done;
                        stack.pop();
                    }
                }
            }
        }
        Ok(())
    }
}

/// How far a search for circles has come with a node.
#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}
