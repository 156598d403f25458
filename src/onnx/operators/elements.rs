//! What operators share that treat all element types alike: one code for values of any type, and walks over the places
//! of a tensor.

// One code for values of any type: strings are cloned, numbers only seem to be.
#![allow(clippy::clone_on_copy)]

use super::bounded;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Data;
use std::ops::{Add, Div, Mul, Sub};

/// The same code on the values of any type; gives data of that type.
macro_rules! every {
    ($data:expr, $values:ident => $code:expr) => {
        match $data {
            Data::F32($values) => Data::F32($code),
            Data::F64($values) => Data::F64($code),
            Data::I64($values) => Data::I64($code),
            Data::I32($values) => Data::I32($code),
            Data::I16($values) => Data::I16($code),
            Data::I8($values) => Data::I8($code),
            Data::U64($values) => Data::U64($code),
            Data::U32($values) => Data::U32($code),
            Data::U16($values) => Data::U16($code),
            Data::U8($values) => Data::U8($code),
            Data::Bool($values) => Data::Bool($code),
            Data::Text($values) => Data::Text($code),
        }
    };
}

/// The same code on the values of two tensors of one type; gives nothing when their types differ.
macro_rules! every_pair {
    ($left:expr, $right:expr, $a:ident, $b:ident => $code:expr) => {
        match ($left, $right) {
            (Data::F32($a), Data::F32($b)) => Some(Data::F32($code)),
            (Data::F64($a), Data::F64($b)) => Some(Data::F64($code)),
            (Data::I64($a), Data::I64($b)) => Some(Data::I64($code)),
            (Data::I32($a), Data::I32($b)) => Some(Data::I32($code)),
            (Data::I16($a), Data::I16($b)) => Some(Data::I16($code)),
            (Data::I8($a), Data::I8($b)) => Some(Data::I8($code)),
            (Data::U64($a), Data::U64($b)) => Some(Data::U64($code)),
            (Data::U32($a), Data::U32($b)) => Some(Data::U32($code)),
            (Data::U16($a), Data::U16($b)) => Some(Data::U16($code)),
            (Data::U8($a), Data::U8($b)) => Some(Data::U8($code)),
            (Data::Bool($a), Data::Bool($b)) => Some(Data::Bool($code)),
            (Data::Text($a), Data::Text($b)) => Some(Data::Text($code)),
            _ => None,
        }
    };
}

pub(super) use {every, every_pair};

/// float32 or float64: what the operators compute in.
pub(super) trait Real:
    Copy + Default + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Minus infinity.
    const LOWEST: Self;
    /// The nearest value of the type.
    fn of(value: f64) -> Self;
    /// The value as float64.
    fn wide(self) -> f64;
    /// e to its power.
    fn exp(self) -> Self;
    /// Its hyperbolic tangent.
    fn tanh(self) -> Self;
}

impl Real for f32 {
    const LOWEST: Self = Self::NEG_INFINITY;
    fn of(value: f64) -> Self {
        value as Self
    }
    fn wide(self) -> f64 {
        self.into()
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn tanh(self) -> Self {
        self.tanh()
    }
}

impl Real for f64 {
    const LOWEST: Self = Self::NEG_INFINITY;
    fn of(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn tanh(self) -> Self {
        self.tanh()
    }
}

/// How far apart neighbours along each axis lie in a tensor of that shape.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for place in (1..shape.len()).rev() {
        strides[place - 1] = strides[place] * shape[place];
    }
    strides
}

/// The elements before, along and after an axis.
pub(super) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// A walk in row-major order over a shape: for each element the sum of its index times the strides.
#[derive(Debug, Clone)]
pub(super) struct Places {
    shape: Vec<usize>,
    strides: Vec<usize>,
    index: Vec<usize>,
    next: usize,
    left: usize,
}

impl Places {
    /// A walk over `shape`. A stride of 0 stays where it is: the tensor is repeated along that axis.
    pub(super) fn new(shape: &[usize], strides: Vec<usize>) -> Result<Self> {
        let left = bounded(shape)?;
        Ok(Self { shape: shape.to_vec(), strides, index: vec![0; shape.len()], next: 0, left })
    }
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.next;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.next += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.next -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
        Some(place)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// The values at those places.
pub(super) fn gather(data: &Data, places: impl Iterator<Item = usize>) -> Data {
    every!(data, values => places.map(|place| values[place].clone()).collect())
}

/// The shape that two shapes are spread to, aligned at their last axes.
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>> {
    let rank = left.len().max(right.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let sizes = (0..rank).map(|axis| match (size(left, axis), size(right, axis)) {
        (one, other) if one == other => Ok(one),
        (1, other) | (other, 1) => Ok(other),
        _ => {
            let message = format!("the shapes {left:?} and {right:?} do not fit each other");
            Err(Error::new(ErrorKind::WrongShape, message).help("feed inputs of fitting shapes"))
        }
    });
    let shape: Vec<usize> = sizes.collect::<Result<_>>()?;
    bounded(&shape)?;
    Ok(shape)
}

/// The walk over a tensor of `shape` that is spread to `target`, as [`broadcast`] gives it.
pub(super) fn spread(shape: &[usize], target: &[usize]) -> Result<Places> {
    let own = strides(shape);
    let missing = target.len().saturating_sub(shape.len());
    let stride = |axis: usize| match axis.checked_sub(missing) {
        Some(axis) if shape[axis] != 1 => own[axis],
        _ => 0,
    };
    Places::new(target, (0..target.len()).map(stride).collect())
}

/// The error for sizes that contradict each other.
pub(super) fn mismatch(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::WrongShape, message).help("feed inputs of the shapes that the model was exported for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_spread_from_the_right() {
        assert_eq!(broadcast(&[2, 1], &[3]).unwrap(), [2, 3]);
        assert_eq!(broadcast(&[], &[0, 1]).unwrap(), [0, 1]);
        assert!(broadcast(&[2], &[3]).is_err());
        assert!(broadcast(&[1 << 20, 1], &[1 << 20]).is_err());
        let places = |shape: &[usize], target: &[usize]| spread(shape, target).unwrap().collect::<Vec<_>>();
        assert_eq!(places(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(places(&[3], &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(places(&[], &[2]), [0, 0]);
        assert!(places(&[1], &[0]).is_empty());
    }

    #[test]
    fn walks_follow_the_strides() {
        let transposed: Vec<usize> = Places::new(&[3, 2], vec![1, 3]).unwrap().collect();
        assert_eq!(transposed, [0, 3, 1, 4, 2, 5]);
        assert_eq!(gather(&Data::I8(vec![1, 2, 3, 4, 5, 6]), transposed.into_iter()), Data::I8(vec![1, 4, 2, 5, 3, 6]));
    }
}
