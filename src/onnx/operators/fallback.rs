//! Operators that stand in where tract's own fails: for inputs that it does not take, while it is right and fast for all
//! others. Only the interpreter comes here, with tract's error in its hand.

use super::elements::{broadcast, mismatch, spread};
use super::{Attributes, Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::{Error, Result};
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "MatMul", |_| Ok(Box::new(MatMul))),
    (ONNX, "Dropout", |attributes| Err(random(attributes, "training_mode"))),
];

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

/// Products of matrices of any rank, as numpy has them; of vectors too.
#[derive(Debug)]
struct MatMul;

/// The outer shape, then rows, inner size and columns; and whether rows and columns are part of the output's shape.
struct Product {
    outer: Vec<usize>,
    sizes: [usize; 3],
    left: Vec<usize>,
    right: Vec<usize>,
    shape: Vec<usize>,
}

impl Product {
    fn new(left: &[usize], right: &[usize]) -> Result<Self> {
        let wrong = || mismatch(format!("the shapes {left:?} and {right:?} cannot be multiplied"));
        let (left_outer, rows, inner) = match left {
            [] => return Err(wrong()),
            [inner] => (&[][..], None, *inner),
            [outer @ .., rows, inner] => (outer, Some(*rows), *inner),
        };
        let (right_outer, same, columns) = match right {
            [] => return Err(wrong()),
            [same] => (&[][..], *same, None),
            [outer @ .., same, columns] => (outer, *same, Some(*columns)),
        };
        if inner != same {
            return Err(wrong());
        }
        let outer = broadcast(left_outer, right_outer)?;
        let shape: Vec<usize> = outer.iter().copied().chain(rows).chain(columns).collect();
        super::bounded(&shape)?;
        let sizes = [rows.unwrap_or(1), inner, columns.unwrap_or(1)];
        Ok(Self { outer, sizes, left: left_outer.to_vec(), right: right_outer.to_vec(), shape })
    }

    fn of<T: Copy>(&self, left: &[T], right: &[T], zero: T, add: impl Fn(T, T, T) -> T) -> Result<Vec<T>> {
        let [rows, inner, columns] = self.sizes;
        let mut output = Vec::with_capacity(self.shape.iter().product());
        for (a, b) in spread(&self.left, &self.outer)?.zip(spread(&self.right, &self.outer)?) {
            let (left, right) = (&left[a * rows * inner..], &right[b * inner * columns..]);
            for row in 0..rows {
                for column in 0..columns {
                    output.push(
                        (0..inner).fold(zero, |sum, place| {
                            add(sum, left[row * inner + place], right[place * columns + column])
                        }),
                    );
                }
            }
        }
        Ok(output)
    }
}

impl Operator for MatMul {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let product = Product::new(&required(inputs, Some(0))?.shape, &required(inputs, Some(1))?.shape)?;
        Ok(vec![Fact::new(inputs[0].element, product.shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let product = Product::new(left.shape(), right.shape())?;
        macro_rules! whole {
            ($variant:ident, $rust:ty, $a:expr, $b:expr) => {
                Data::$variant(product.of($a, $b, 0, |sum, a: $rust, b: $rust| sum.wrapping_add(a.wrapping_mul(b)))?)
            };
        }
        let data = match (left.data(), right.data()) {
            (Data::F32(a), Data::F32(b)) => Data::F32(product.of(a, b, 0.0, |sum, a, b| sum + a * b)?),
            (Data::F64(a), Data::F64(b)) => Data::F64(product.of(a, b, 0.0, |sum, a, b| sum + a * b)?),
            (Data::I64(a), Data::I64(b)) => whole!(I64, i64, a, b),
            (Data::I32(a), Data::I32(b)) => whole!(I32, i32, a, b),
            (Data::U64(a), Data::U64(b)) => whole!(U64, u64, a, b),
            (Data::U32(a), Data::U32(b)) => whole!(U32, u32, a, b),
            _ => return Err(not_numbers(right)),
        };
        Ok(vec![Tensor::new(product.shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_stacks_of_matrices_are_multiplied() {
        let product = |a: &[usize], b: &[usize]| {
            let tensor = |shape: &[usize]| {
                let count: i64 = shape.iter().product::<usize>() as i64;
                Tensor::new(shape.to_vec(), Data::I64((1..=count).collect())).unwrap()
            };
            MatMul.run(&[tensor(a), tensor(b)]).map(|mut outputs| outputs.remove(0))
        };
        let tensor = |shape: &[usize], values: &[i64]| Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap();
        assert_eq!(product(&[3], &[3]).unwrap(), tensor(&[], &[14]));
        assert_eq!(product(&[2], &[2, 2]).unwrap(), tensor(&[2], &[7, 10]));
        assert_eq!(product(&[2, 1, 2], &[2, 1]).unwrap(), tensor(&[2, 1, 1], &[5, 11]));
        assert_eq!(product(&[0], &[0]).unwrap(), tensor(&[], &[0]));
        assert!(product(&[2], &[3]).is_err() && product(&[], &[1]).is_err());
    }
}
