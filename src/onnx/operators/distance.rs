//! CDist of com.microsoft: the distances between the rows of two matrices.

use super::elements::mismatch;
use super::{Attributes, Fact, Family, MICROSOFT, Operator, bounded, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[(MICROSOFT, "CDist", |attributes| Ok(Box::new(Distances::new(attributes)?)))];

#[derive(Debug)]
struct Distances {
    squared: bool,
}

impl Distances {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        match attributes.string("metric").as_deref() {
            None | Some("sqeuclidean") => Ok(Self { squared: true }),
            Some("euclidean") => Ok(Self { squared: false }),
            Some(other) => Err(attributes.refuse("metric", format!("{other} is not supported"))),
        }
    }

    fn sizes(left: &[usize], right: &[usize]) -> Result<[usize; 3]> {
        match (left, right) {
            (&[rows, width], &[others, same]) if width == same => {
                bounded(&[rows, others])?;
                Ok([rows, others, width])
            }
            _ => Err(mismatch(format!("rows of {left:?} and {right:?}"))),
        }
    }
}

impl Operator for Distances {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (left, right) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let [rows, others, _] = Self::sizes(&left.shape, &right.shape)?;
        Ok(vec![Fact::new(left.element, [rows, others])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let [rows, others, width] = Self::sizes(left.shape(), right.shape())?;
        let values = |tensor: &Tensor| tensor.data().to_f64().ok_or_else(|| not_numbers(tensor));
        let (a, b) = (values(left)?, values(right)?);
        let distance = |place: usize| {
            let (one, other) = (&a[place / others * width..][..width], &b[place % others * width..][..width]);
            let sum: f64 = one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
            if self.squared { sum } else { sum.sqrt() }
        };
        let distances = (0..rows * others).map(distance);
        let data = match left.element_type() {
            ElementType::F32 => Data::F32(distances.map(|distance| distance as f32).collect()),
            ElementType::F64 => Data::F64(distances.collect()),
            _ => return Err(not_numbers(left)),
        };
        Ok(vec![Tensor::new(vec![rows, others], data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_far_apart_as_pythagoras_says() {
        let matrix = |shape: &[usize], values: &[f32]| Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap();
        let inputs = [matrix(&[1, 2], &[0.0, 0.0]), matrix(&[2, 2], &[3.0, 4.0, 1.0, 0.0])];
        let run = |squared| Distances { squared }.run(&inputs).unwrap().remove(0);
        assert_eq!(run(false), matrix(&[1, 2], &[5.0, 1.0]));
        assert_eq!(run(true), matrix(&[1, 2], &[25.0, 1.0]));
    }
}
