//! Trees as a TreeEnsembleRegressor of `ai.onnx.ml`.

use crate::error::Result;
use crate::onnx::{Attribute, GraphBuilder, ML_DOMAIN};
use crate::tensor::trees::{Listed, Listing};

/// The leaves that a row falls into, summed, as an output of that name: `[batch, base.len()]`.
pub(super) fn trees(graph: &mut GraphBuilder, matrix: &str, listing: &Listing, base: &[f64], name: &str) -> Result<()> {
    let nodes = listing.nodes.len();
    let mut table = Nodes::with_capacity(nodes);
    for (tree, &root) in listing.roots.iter().enumerate() {
        let end = listing.roots.get(tree + 1).copied().unwrap_or(nodes);
        for place in root..end {
            table.add(listing, tree as i64, root, place);
        }
    }
    let modes: Vec<&str> = table.modes;
    let base: Vec<f32> = base.iter().map(|&base| base as f32).collect();
    let attributes = [
        Attribute::Int("n_targets", base.len() as i64),
        Attribute::Floats("base_values", &base),
        Attribute::Ints("nodes_treeids", &table.trees),
        Attribute::Ints("nodes_nodeids", &table.ids),
        Attribute::Ints("nodes_featureids", &table.features),
        Attribute::Strings("nodes_modes", &modes),
        Attribute::Floats("nodes_values", &table.values),
        Attribute::Ints("nodes_truenodeids", &table.yes),
        Attribute::Ints("nodes_falsenodeids", &table.no),
        Attribute::Ints("nodes_missing_value_tracks_true", &table.missing),
        Attribute::Ints("target_treeids", &table.vote_trees),
        Attribute::Ints("target_nodeids", &table.vote_nodes),
        Attribute::Ints("target_ids", &table.targets),
        Attribute::Floats("target_weights", &table.weights),
        Attribute::Text("post_transform", "NONE"),
        Attribute::Text("aggregate_function", "SUM"),
    ];
    graph.named_node_of(ML_DOMAIN, name, "TreeEnsembleRegressor", &[matrix], &attributes);
    Ok(())
}

/// The attributes of the operator, one entry per node or vote.
#[derive(Default)]
struct Nodes {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'static str>,
    values: Vec<f32>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    vote_trees: Vec<i64>,
    vote_nodes: Vec<i64>,
    targets: Vec<i64>,
    weights: Vec<f32>,
}

impl Nodes {
    fn with_capacity(nodes: usize) -> Self {
        Self { trees: Vec::with_capacity(nodes), ids: Vec::with_capacity(nodes), ..Self::default() }
    }

    /// Adds the node at `place` of the listing, numbered from the root of its tree.
    fn add(&mut self, listing: &Listing, tree: i64, root: usize, place: usize) {
        let id = |place: usize| (place - root) as i64;
        self.trees.push(tree);
        self.ids.push(id(place));
        match &listing.nodes[place] {
            Listed::Branch(branch) => {
                self.features.push(branch.feature as i64);
                self.modes.push("BRANCH_LEQ");
                self.values.push(branch.threshold as f32);
                self.yes.push(id(branch.children[0]));
                self.no.push(id(branch.children[1]));
                self.missing.push(i64::from(branch.missing));
            }
            Listed::Leaf(votes) => {
                self.features.push(0);
                self.modes.push("LEAF");
                self.values.push(0.0);
                self.yes.push(0);
                self.no.push(0);
                self.missing.push(0);
                for &(target, weight) in &listing.votes[votes.clone()] {
                    self.vote_trees.push(tree);
                    self.vote_nodes.push(id(place));
                    self.targets.push(target as i64);
                    self.weights.push(weight as f32);
                }
            }
        }
    }
}
