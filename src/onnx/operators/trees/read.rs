//! From attributes to listed trees. Nothing of a file is trusted: every list has its length, every place is there.

use super::broken;
use crate::error::Result;
use crate::onnx::operators::Attributes;
use crate::tensor::trees::{Branch, Listed, Listing, Test};
use crate::tensor::{Data, Tensor};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A list of numbers, as floats or under the same name with `_as_tensor`, and whether they are float64.
fn numbers(attributes: &Attributes<'_>, name: &str) -> Result<(Vec<f64>, bool)> {
    let floats: Vec<f64> = attributes.floats(name).into_iter().map(f64::from).collect();
    let (values, double) = tensor(attributes, &format!("{name}_as_tensor"))?;
    match (floats.is_empty(), values.is_empty()) {
        (true, _) => Ok((values, double)),
        (false, true) => Ok((floats, false)),
        (false, false) => Err(attributes.refuse(name, "it is given twice, as floats and as a tensor")),
    }
}

/// The numbers of a tensor, none where it is absent, and whether they are float64.
fn tensor(attributes: &Attributes<'_>, name: &str) -> Result<(Vec<f64>, bool)> {
    match attributes.tensor(name)?.map(Tensor::into_data) {
        None => Ok((vec![], false)),
        Some(Data::F64(values)) => Ok((values, true)),
        Some(Data::F32(values)) => Ok((values.into_iter().map(f64::from).collect(), false)),
        Some(other) => Err(attributes.refuse(name, format!("it has the type {}", other.element_type().name()))),
    }
}

/// Lists of one length each, or an error that names the odd one.
fn same_length(attributes: &Attributes<'_>, length: usize, lists: &[(&str, usize)]) -> Result<()> {
    match lists.iter().find(|(_, found)| *found != length) {
        Some((name, found)) => Err(attributes.refuse(name, format!("{found} values where there must be {length}"))),
        None => Ok(()),
    }
}

/// What the classifier and the regressor have in common: nodes with their tree and their number in it, branches and
/// leaves alike.
pub(super) struct Nodes {
    pub(super) listing: Listing,
    /// What is added to each target.
    pub(super) base: Vec<f64>,
    /// Whether any of it is float64.
    pub(super) double: bool,
}

impl Nodes {
    /// Reads the nodes, and the votes of leaves from the attributes with this prefix.
    pub(super) fn read(attributes: &Attributes<'_>, prefix: &str, targets: usize) -> Result<Self> {
        let modes = attributes.strings("nodes_modes");
        let ints = |name: &str| attributes.ints(name);
        let (trees, ids) = (ints("nodes_treeids"), ints("nodes_nodeids"));
        let (features, missing) = (ints("nodes_featureids"), ints("nodes_missing_value_tracks_true"));
        let (yes, no) = (ints("nodes_truenodeids"), ints("nodes_falsenodeids"));
        let (thresholds, wide_thresholds) = numbers(attributes, "nodes_values")?;
        same_length(
            attributes,
            modes.len(),
            &[
                ("nodes_treeids", trees.len()),
                ("nodes_nodeids", ids.len()),
                ("nodes_featureids", features.len()),
                ("nodes_truenodeids", yes.len()),
                ("nodes_falsenodeids", no.len()),
                ("nodes_values", thresholds.len()),
                ("nodes_missing_value_tracks_true", if missing.is_empty() { modes.len() } else { missing.len() }),
            ],
        )?;
        let mut places = HashMap::with_capacity(modes.len());
        for (place, key) in trees.iter().copied().zip(ids.iter().copied()).enumerate() {
            if places.insert(key, place).is_some() {
                return Err(broken(format!("node {} of tree {} is there twice", key.1, key.0)));
            }
        }
        let find = |tree: i64, number: i64| {
            places.get(&(tree, number)).copied().ok_or_else(|| broken(format!("tree {tree} has no node {number}")))
        };
        let (base, wide_base) = numbers(attributes, "base_values")?;
        let (votes, ranges, wide_weights) = read_votes(attributes, prefix, modes.len(), targets, &find)?;
        let mut nodes = Vec::with_capacity(modes.len());
        for (place, mode) in modes.iter().enumerate() {
            let Some(test) = test(attributes, mode)? else {
                nodes.push(Listed::Leaf(ranges[place].clone()));
                continue;
            };
            nodes.push(Listed::Branch(Branch {
                feature: feature(features[place])?,
                test,
                threshold: thresholds[place],
                members: 0..0,
                missing: missing.get(place) == Some(&1),
                children: [find(trees[place], yes[place])?, find(trees[place], no[place])?],
            }));
        }
        let roots = roots(&trees, &nodes)?;
        let listing = Listing { nodes, roots, votes, members: vec![], targets };
        Ok(Self { listing, base, double: wide_thresholds | wide_base | wide_weights })
    }
}

/// The first node of each tree.
fn roots(trees: &[i64], nodes: &[Listed]) -> Result<Vec<usize>> {
    let roots: Vec<usize> = (0..trees.len()).filter(|&place| place == 0 || trees[place] != trees[place - 1]).collect();
    let mut seen = HashSet::with_capacity(roots.len());
    if let Some(again) = roots.iter().map(|&root| trees[root]).find(|&tree| !seen.insert(tree)) {
        return Err(broken(format!("the nodes of tree {again} do not stand together")));
    }
    let children = nodes.iter().flat_map(|node| match node {
        Listed::Branch(branch) => branch.children.as_slice(),
        Listed::Leaf(_) => &[],
    });
    let children: HashSet<&usize> = children.collect();
    match roots.iter().find(|root| children.contains(root)) {
        Some(&root) => Err(broken(format!("the first node of tree {} is not its root", trees[root]))),
        None => Ok(roots),
    }
}

fn feature(feature: i64) -> Result<usize> {
    usize::try_from(feature).map_err(|_| broken(format!("a branch reads the feature {feature}")))
}

fn test(attributes: &Attributes<'_>, mode: &str) -> Result<Option<Test>> {
    Ok(Some(match mode {
        "LEAF" => return Ok(None),
        "BRANCH_LEQ" => Test::AtMost,
        "BRANCH_LT" => Test::Below,
        "BRANCH_GTE" => Test::AtLeast,
        "BRANCH_GT" => Test::Above,
        "BRANCH_EQ" => Test::Equal,
        "BRANCH_NEQ" => Test::NotEqual,
        _ => return Err(attributes.refuse("nodes_modes", format!("{mode} is not known"))),
    }))
}

/// Votes, the range of those of each node, and whether they are float64.
type Votes = (Vec<(usize, f64)>, Vec<Range<usize>>, bool);

/// The votes of leaves, ordered by node.
fn read_votes(
    attributes: &Attributes<'_>,
    prefix: &str,
    nodes: usize,
    targets: usize,
    find: &dyn Fn(i64, i64) -> Result<usize>,
) -> Result<Votes> {
    let ints = |name: &str| attributes.ints(&format!("{prefix}_{name}"));
    let (columns, trees, ids) = (ints("ids"), ints("treeids"), ints("nodeids"));
    let (weights, double) = numbers(attributes, &format!("{prefix}_weights"))?;
    let lists = [("treeids", trees.len()), ("nodeids", ids.len()), ("weights", weights.len())];
    let lists = lists.map(|(name, length)| (format!("{prefix}_{name}"), length));
    let lists: Vec<(&str, usize)> = lists.iter().map(|(name, length)| (name.as_str(), *length)).collect();
    same_length(attributes, columns.len(), &lists)?;
    let mut votes = Vec::with_capacity(columns.len());
    for (place, &column) in columns.iter().enumerate() {
        let target = usize::try_from(column).ok().filter(|&target| target < targets);
        let target = target.ok_or_else(|| broken(format!("a leaf votes for {column} of {targets}")))?;
        votes.push((find(trees[place], ids[place])?, (target, weights[place])));
    }
    votes.sort_by_key(|(node, _)| *node);
    let mut ranges = vec![0..0; nodes];
    for (place, (node, _)) in votes.iter().enumerate() {
        let range = &mut ranges[*node];
        let start = if range.end == 0 { place } else { range.start };
        *range = start..place + 1;
    }
    Ok((votes.into_iter().map(|(_, vote)| vote).collect(), ranges, double))
}

/// The trees of a TreeEnsemble, and whether they hold float64.
pub(super) fn read_leaves(attributes: &Attributes<'_>, targets: usize) -> Result<(Listing, bool)> {
    let ints = |name: &str| attributes.ints(name);
    let (features, missing) = (ints("nodes_featureids"), ints("nodes_missing_value_tracks_true"));
    let (yes, yes_leaf) = (ints("nodes_truenodeids"), ints("nodes_trueleafs"));
    let (no, no_leaf) = (ints("nodes_falsenodeids"), ints("nodes_falseleafs"));
    let (ids, (weights, double)) = (ints("leaf_targetids"), tensor(attributes, "leaf_weights")?);
    let (splits, members) = (tensor(attributes, "nodes_splits")?.0, tensor(attributes, "membership_values")?.0);
    let Some(Data::U8(modes)) = attributes.tensor("nodes_modes")?.map(Tensor::into_data) else {
        return Err(attributes.refuse("nodes_modes", "it must be a tensor of uint8"));
    };
    let branches = modes.len();
    same_length(
        attributes,
        branches,
        &[
            ("nodes_featureids", features.len()),
            ("nodes_truenodeids", yes.len()),
            ("nodes_trueleafs", yes_leaf.len()),
            ("nodes_falsenodeids", no.len()),
            ("nodes_falseleafs", no_leaf.len()),
            ("nodes_splits", splits.len()),
            ("nodes_missing_value_tracks_true", if missing.is_empty() { branches } else { missing.len() }),
        ],
    )?;
    same_length(attributes, ids.len(), &[("leaf_weights", weights.len())])?;
    // Leaves stand behind all branches.
    let child = |place: i64, leaf: i64| {
        let (first, count, what) = if leaf != 0 { (branches, ids.len(), "leaf") } else { (0, branches, "node") };
        let place_ = usize::try_from(place).ok().filter(|&place| place < count);
        place_.map(|place| first + place).ok_or_else(|| broken(format!("there is no {what} {place}")))
    };
    let mut sets = members.split(|member| member.is_nan());
    let mut end = 0;
    let mut nodes = Vec::with_capacity(branches + ids.len());
    for place in 0..branches {
        let tests = [Test::AtMost, Test::Below, Test::AtLeast, Test::Above, Test::Equal, Test::NotEqual, Test::Member];
        let test = tests.get(usize::from(modes[place])).copied();
        let test = test.ok_or_else(|| attributes.refuse("nodes_modes", format!("{} is not known", modes[place])))?;
        let mut range = 0..0;
        if test == Test::Member {
            let set = sets.next().filter(|set| !set.is_empty());
            let set = set.ok_or_else(|| broken(format!("node {place} has no members in membership_values")))?;
            range = end..end + set.len();
            end = range.end + 1;
        }
        nodes.push(Listed::Branch(Branch {
            feature: feature(features[place])?,
            test,
            threshold: splits[place],
            members: range,
            missing: missing.get(place) == Some(&1),
            children: [child(yes[place], yes_leaf[place])?, child(no[place], no_leaf[place])?],
        }));
    }
    let mut votes = Vec::with_capacity(ids.len());
    for (place, (&id, weight)) in ids.iter().zip(weights).enumerate() {
        let target = usize::try_from(id).ok().filter(|&target| target < targets);
        votes.push((target.ok_or_else(|| broken(format!("a leaf votes for {id} of {targets}")))?, weight));
        nodes.push(Listed::Leaf(place..place + 1));
    }
    let roots = ints("tree_roots").into_iter().map(|root| child(root, 0)).collect::<Result<_>>()?;
    Ok((Listing { nodes, roots, votes, members, targets }, double))
}
