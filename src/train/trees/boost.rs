//! Gradient boosting: each tree is grown on the slopes that those before it leave.

use super::bins::Binned;
use super::grow::{Growth, Slope};
use super::objective::Objective;
use crate::tensor::trees::{Listed, Listing};

/// How boosting goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boosting<'a> {
    /// The number of rounds; each grows one tree per output of the objective.
    pub rounds: usize,
    /// The number of questions from the root to a leaf at most.
    pub depth: usize,
    /// What the leaves are multiplied by, above 0 and up to 1.
    pub learning_rate: f64,
    /// The fewest training rows in a leaf.
    pub min_rows: usize,
    /// Stop when so many rounds in a row have not lowered the loss on the rows that are held back.
    pub early_stopping: Option<usize>,
    /// For each column 1 where the sums must not fall with it, −1 where they must not rise, else 0.
    pub signs: &'a [i8],
}

/// Trees with where their sums start.
#[derive(Debug, Clone, PartialEq)]
pub struct Boosted {
    /// The trees.
    pub listing: Listing,
    /// What is added to each output.
    pub base: Vec<f64>,
}

/// Boosts `objective` on the rows `learn_from`. `held_back` are rows that stop it early; a run that is stopped keeps the
/// rounds up to the best. The same input gives the same bits, whatever the number of threads. `progress` hears the number
/// of the round.
pub fn boost(
    columns: &Binned,
    objective: &mut dyn Objective,
    settings: &Boosting<'_>,
    (learn_from, held_back): (&[u32], &[u32]),
    progress: &mut dyn FnMut(usize),
) -> Boosted {
    let rows = columns.columns().first().map_or(0, |column| column.bins.len());
    let base: Vec<f64> = objective.start().iter().map(|&start| f64::from(start as f32)).collect();
    let mut sums: Vec<f64> = base.iter().flat_map(|&start| std::iter::repeat_n(start, rows)).collect();
    let growth = Growth {
        columns,
        signs: settings.signs,
        depth: settings.depth,
        min_rows: settings.min_rows,
        learning_rate: settings.learning_rate,
    };
    let mut slopes = vec![Slope::default(); rows];
    let outputs = objective.outputs();
    let mut listing = Listing { targets: outputs, ..Listing::default() };
    // The lowest loss on the rows that are held back, and how many trees there were.
    let mut best = (f64::INFINITY, 0);
    for round in 0..settings.rounds {
        progress(round);
        // All trees of a round start from the same sums.
        let before = if outputs > 1 { sums.clone() } else { Vec::new() };
        for output in 0..outputs {
            objective.slopes(if outputs > 1 { &before } else { &sums }, output, &mut slopes);
            let tree = growth.grow(learn_from, &slopes);
            let own = &mut sums[output * rows..(output + 1) * rows];
            for (leaf, part) in tree.leaves.iter().enumerate() {
                tree.order[part.clone()].iter().for_each(|&row| own[row as usize] += tree.values[leaf]);
            }
            held_back.iter().for_each(|&row| own[row as usize] += tree.value(columns, row as usize));
            add(&mut listing, tree.nodes, &tree.values, output);
        }
        if let Some(patience) = settings.early_stopping
            && !held_back.is_empty()
        {
            let loss = objective.loss(&sums, held_back);
            if loss < best.0 {
                best = (loss, round + 1);
            } else if round + 1 >= best.1 + patience {
                truncate(&mut listing, best.1 * outputs);
                break;
            }
        }
    }
    Boosted { listing, base }
}

/// Adds a tree whose nodes are numbered from 0.
fn add(listing: &mut Listing, nodes: Vec<Listed>, values: &[f64], output: usize) {
    let (first, votes) = (listing.nodes.len(), listing.votes.len());
    listing.roots.push(first);
    listing.votes.extend(values.iter().map(|&value| (output, value)));
    listing.nodes.extend(nodes.into_iter().map(|node| match node {
        Listed::Leaf(place) => Listed::Leaf(place.start + votes..place.end + votes),
        Listed::Branch(mut branch) => {
            branch.children = branch.children.map(|child| child + first);
            Listed::Branch(branch)
        }
    }));
}

/// Keeps the first trees only.
fn truncate(listing: &mut Listing, trees: usize) {
    let Some(&nodes) = listing.roots.get(trees) else { return };
    let votes = listing.nodes[nodes..].iter().find_map(|node| match node {
        Listed::Leaf(place) => Some(place.start),
        Listed::Branch(_) => None,
    });
    listing.votes.truncate(votes.unwrap_or(listing.votes.len()));
    listing.nodes.truncate(nodes);
    listing.roots.truncate(trees);
}
