//! Operators that are refused, for they give random values; and those whose inputs tract fills in otherwise than meant.

use super::{Attributes, Fact, Family, ONNX, Operator};
use crate::error::{Error, Result};
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// What tract's own fails on: a Dropout that is to drop.
pub const TRAINING: Family = &[(ONNX, "Dropout", |attributes| Err(random(attributes, "training_mode")))];

/// Operators whose inputs tract fills in otherwise than they are meant.
pub const MISREAD: Family = &[
    (ONNX, "LRN", |attributes| Err(attributes.refuse("size", "an even number of channels is not supported"))),
    (ONNX, "NonMaxSuppression", |_| Ok(Box::new(NoBoxes))),
];

/// Whether tract's own LRN and NonMaxSuppression are right: the one for an odd number of channels, the other when it is
/// told how many boxes are wanted.
pub fn is_plain(node: &NodeProto) -> bool {
    let attributes = Attributes::new(node, 0);
    match attributes.operator() {
        "LRN" => attributes.int("size").is_some_and(|size| size % 2 == 1),
        _ => attributes.has_input(2),
    }
}

/// Operators of random values, which no two runs would give alike.
pub const RANDOM: Family = &[
    (ONNX, "RandomUniformLike", |attributes| Err(random(attributes, "seed"))),
    (ONNX, "RandomNormalLike", |attributes| Err(random(attributes, "seed"))),
    (ONNX, "RandomUniform", |attributes| Err(random(attributes, "seed"))),
    (ONNX, "RandomNormal", |attributes| Err(random(attributes, "seed"))),
    (ONNX, "Multinomial", |attributes| Err(random(attributes, "seed"))),
    (ONNX, "Bernoulli", |attributes| Err(random(attributes, "seed"))),
];

fn random(attributes: &Attributes<'_>, name: &str) -> Error {
    attributes.refuse(name, format!("{} gives random values, which are not supported", attributes.operator()))
}

/// NonMaxSuppression that is not told how many boxes are wanted: none are.
#[derive(Debug)]
struct NoBoxes;

impl Operator for NoBoxes {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(ElementType::I64, [0, 3])])
    }

    fn run(&self, _inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![Tensor::new(vec![0, 3], Data::I64(vec![]))?])
    }
}
