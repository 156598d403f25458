//! TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble of `ai.onnx.ml`, in every version.
//!
//! The formats: <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html> and its neighbours. Like
//! onnxruntime's CPU operators, float64 inputs are calculated in float64 and all others in float32; a leaf adds up in the
//! order of the trees.

mod read;
#[cfg(test)]
mod tests;

use super::linear::{class_facts, class_outputs, fact_sizes, labels, post_transform, sizes, wrong_type};
use super::{Attributes, Fact, Family, ML, Operator, bounded};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::scores::{Classification, Labels, PostTransform, Regression};
use crate::tensor::trees::{Aggregate, Forest, Listed, Listing, Sums};
use crate::tensor::{Data, ElementType, Tensor};
use read::{Nodes, read_leaves};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ML, "TreeEnsembleClassifier", |attributes| Ok(Box::new(Classifier::new(attributes)?))),
    (ML, "TreeEnsembleRegressor", |attributes| Ok(Box::new(Regressor::with_nodes(attributes)?))),
    (ML, "TreeEnsemble", |attributes| Ok(Box::new(Regressor::with_leaves(attributes)?))),
];

/// The trees of a node with their votes, what is added to each target, and whether any of it is float64.
#[cfg(not(target_arch = "wasm32"))]
pub fn forest_of(attributes: &Attributes<'_>, prefix: &str, targets: usize) -> Result<(Listing, Vec<f64>, bool)> {
    let Nodes { listing, base, double } = Nodes::read(attributes, prefix, targets)?;
    Ok((listing, base, double))
}

/// One forest in one precision, and in float64 once that is asked for.
#[derive(Debug)]
struct Trees {
    listing: Listing,
    aggregate: Aggregate,
    narrow: Option<Forest<f32>>,
    wide: OnceLock<Forest<f64>>,
}

/// Sums in one precision or the other.
enum AnySums {
    Narrow(Sums<f32>),
    Wide(Sums<f64>),
}

impl Trees {
    /// `double`: the file holds float64, and float32 inputs are calculated in float64, too.
    fn new(listing: Listing, aggregate: Aggregate, double: bool) -> Result<Self> {
        let narrow = if double { None } else { Some(Forest::new(&listing, aggregate)?) };
        let trees = Self { listing, aggregate, narrow, wide: OnceLock::new() };
        if double {
            trees.wide()?;
        }
        Ok(trees)
    }

    fn wide(&self) -> Result<&Forest<f64>> {
        if let Some(forest) = self.wide.get() {
            return Ok(forest);
        }
        let forest = Forest::new(&self.listing, self.aggregate)?;
        Ok(self.wide.get_or_init(|| forest))
    }

    fn sums(&self, inputs: &[Tensor], targets: usize) -> Result<(usize, AnySums)> {
        let Some(tensor) = inputs.first() else {
            let error = Error::new(ErrorKind::InvalidModel, "the node has no input");
            return Err(error.help("the file is broken; export it again"));
        };
        let (rows, columns) = sizes(tensor.shape())?;
        bounded(&[rows, targets])?;
        let narrow = self.narrow.as_ref().filter(|_| !matches!(tensor.data(), Data::F64(_)));
        let sums = if let Some(narrow) = narrow {
            let values: Cow<'_, [f32]> = match tensor.data() {
                Data::F32(values) => values.into(),
                Data::I64(values) => values.iter().map(|&value| value as f32).collect(),
                Data::I32(values) => values.iter().map(|&value| value as f32).collect(),
                other => return Err(wrong_type(other.element_type())),
            };
            AnySums::Narrow(narrow.sums(&values, rows, columns)?)
        } else {
            let values: Cow<'_, [f64]> = match tensor.data() {
                Data::F64(values) => values.into(),
                Data::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
                Data::I64(values) => values.iter().map(|&value| value as f64).collect(),
                Data::I32(values) => values.iter().map(|&value| f64::from(value)).collect(),
                other => return Err(wrong_type(other.element_type())),
            };
            AnySums::Wide(self.wide()?.sums(&values, rows, columns)?)
        };
        Ok((rows, sums))
    }
}

#[derive(Debug)]
struct Classifier {
    trees: Trees,
    labels: Labels,
    rule: Classification,
}

impl Classifier {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let labels = labels(attributes, "classlabels_int64s")?;
        let nodes = Nodes::read(attributes, "class", labels.len())?;
        let columns: HashSet<usize> = nodes.listing.votes.iter().map(|vote| vote.0).collect();
        let rule = Classification {
            classes: labels.len(),
            // One 0 for all classes is what older exporters write for none.
            base: if nodes.base == [0.0] && labels.len() > 2 { vec![] } else { nodes.base },
            post: post_transform(attributes)?,
            one_column: labels.len() == 2 && columns.len() == 1,
            all_positive: !nodes.listing.votes.iter().any(|vote| vote.1 < 0.0),
        };
        rule.check()?;
        Ok(Self { trees: Trees::new(nodes.listing, Aggregate::Sum, nodes.double)?, labels, rule })
    }
}

impl Operator for Classifier {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (rows, _) = fact_sizes(inputs)?;
        class_facts(&self.labels, rows, self.rule.classes)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (winners, scores) = match self.trees.sums(inputs, self.rule.classes)?.1 {
            AnySums::Narrow(sums) => self.rule.decide(&sums),
            AnySums::Wide(sums) => self.rule.decide(&sums),
        };
        class_outputs(&self.labels, &winners, self.rule.classes, scores)
    }
}

#[derive(Debug)]
struct Regressor {
    trees: Trees,
    targets: usize,
    rule: Regression,
    /// Whether the output has the type of the input. Otherwise it is float32.
    typed: bool,
}

impl Regressor {
    /// A TreeEnsembleRegressor: nodes by tree and number.
    fn with_nodes(attributes: &Attributes<'_>) -> Result<Self> {
        let targets = targets(attributes)?;
        let aggregate = match attributes.string("aggregate_function").as_deref() {
            None | Some("SUM") => Aggregate::Sum,
            Some("AVERAGE") => Aggregate::Average,
            Some("MIN") => Aggregate::Min,
            Some("MAX") => Aggregate::Max,
            Some(other) => return Err(attributes.refuse("aggregate_function", format!("{other} is not known"))),
        };
        let nodes = Nodes::read(attributes, "target", targets)?;
        if !nodes.base.is_empty() && nodes.base.len() != targets {
            return Err(broken(format!("{} base values for {targets} targets", nodes.base.len())));
        }
        let rule = Regression { base: nodes.base, post: post_transform(attributes)? };
        Self::new(nodes.listing, aggregate, nodes.double, rule, false)
    }

    /// A TreeEnsemble: branches and leaves apart.
    fn with_leaves(attributes: &Attributes<'_>) -> Result<Self> {
        let aggregate = match attributes.int("aggregate_function").unwrap_or(1) {
            0 => Aggregate::Average,
            1 => Aggregate::Sum,
            2 => Aggregate::Min,
            3 => Aggregate::Max,
            other => return Err(attributes.refuse("aggregate_function", format!("{other} is not known"))),
        };
        let post = attributes.int("post_transform").unwrap_or_default();
        let post = PostTransform::from_number(post)
            .ok_or_else(|| attributes.refuse("post_transform", format!("{post} is not known")))?;
        let (listing, double) = read_leaves(attributes, targets(attributes)?)?;
        Self::new(listing, aggregate, double, Regression { base: vec![], post }, true)
    }

    fn new(listing: Listing, aggregate: Aggregate, double: bool, rule: Regression, typed: bool) -> Result<Self> {
        if listing.targets == 1 {
            let odd = |node: &Listed| matches!(node, Listed::Leaf(votes) if votes.len() != 1);
            if let Some(place) = listing.nodes.iter().position(odd) {
                // onnxruntime takes the first weight of several, and what the threshold says for a leaf without one.
                return Err(broken(format!("node {place} of the trees is a leaf that has not exactly one weight")));
            }
        }
        let targets = listing.targets;
        Ok(Self { trees: Trees::new(listing, aggregate, double)?, targets, rule, typed })
    }
}

fn targets(attributes: &Attributes<'_>) -> Result<usize> {
    let targets = attributes.int("n_targets").and_then(|targets| usize::try_from(targets).ok());
    targets.filter(|&targets| targets > 0).ok_or_else(|| attributes.refuse("n_targets", "it must be 1 or more"))
}

impl Operator for Regressor {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (rows, _) = fact_sizes(inputs)?;
        bounded(&[rows, self.targets])?;
        let double = self.typed && inputs.first().is_some_and(|input| input.element == ElementType::F64);
        let element = if double { ElementType::F64 } else { ElementType::F32 };
        Ok(vec![Fact::new(element, [rows, self.targets])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (rows, sums) = self.trees.sums(inputs, self.targets)?;
        let double = self.typed && inputs.first().is_some_and(|input| input.element_type() == ElementType::F64);
        let data = match sums {
            AnySums::Narrow(mut sums) => {
                self.rule.finish(self.targets, &mut sums);
                Data::F32(sums.values)
            }
            AnySums::Wide(mut sums) => {
                self.rule.finish(self.targets, &mut sums);
                match double {
                    true => Data::F64(sums.values),
                    false => Data::F32(sums.values.into_iter().map(|value| value as f32).collect()),
                }
            }
        };
        Ok(vec![Tensor::new(vec![rows, self.targets], data)?])
    }
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::InvalidModel, message).help("the file is broken; export it again")
}
