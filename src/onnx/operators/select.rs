//! Operators whose output shape depends on values: Unique and Compress.

use super::elements::{around, every, gather, mismatch};
use super::{Attributes, Fact, Family, ONNX, Operator, axis, depends_on_values, required};
use crate::error::Result;
use crate::tensor::{Data, Tensor};
use std::cmp::Ordering;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "Unique", |attributes| Ok(Box::new(Unique::new(attributes)))),
    (ONNX, "Compress", |attributes| Ok(Box::new(Compress { axis: attributes.int("axis") }))),
];

/// A total order, in which NaN comes last and equals itself.
trait Ordered {
    fn order(&self, other: &Self) -> Ordering;
}

macro_rules! ordered {
    ($($rust:ty)*) => {
        $(impl Ordered for $rust {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        })*
    };
}

ordered!(i64 i32 i16 i8 u64 u32 u16 u8 bool String);

macro_rules! ordered_floats {
    ($($rust:ty)*) => {
        $(impl Ordered for $rust {
            fn order(&self, other: &Self) -> Ordering {
                self.partial_cmp(other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
            }
        })*
    };
}

ordered_floats!(f32 f64);

/// Each value once, or each slice along an axis.
#[derive(Debug)]
struct Unique {
    axis: Option<i64>,
    sorted: bool,
    /// Which outputs have a name.
    outputs: [bool; 4],
}

/// Slices that are equal, by the places where they stand.
struct Groups {
    /// The slices of each group, in the order of the output.
    members: Vec<Vec<usize>>,
}

impl Groups {
    /// Groups `count` slices of equal length. The order is that of values, or that of first occurrence.
    fn new(count: usize, sorted: bool, order: impl Fn(usize, usize) -> Ordering) -> Self {
        let mut slices: Vec<usize> = (0..count).collect();
        slices.sort_by(|&a, &b| order(a, b));
        let mut members: Vec<Vec<usize>> = Vec::new();
        for slice in slices {
            match members.last_mut().filter(|group| order(group[0], slice).is_eq()) {
                Some(group) => group.push(slice),
                None => members.push(vec![slice]),
            }
        }
        if !sorted {
            members.sort_by_key(|group| group[0]);
        }
        Self { members }
    }
}

impl Unique {
    fn new(attributes: &Attributes<'_>) -> Self {
        Self {
            axis: attributes.int("axis"),
            sorted: attributes.flag("sorted", true),
            outputs: [0, 1, 2, 3].map(|place| attributes.has_output(place)),
        }
    }
}

impl Operator for Unique {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Err(depends_on_values())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let place = self.axis.map(|place| axis(place, input.shape().len())).transpose()?;
        let (before, count, after) = place.map_or((1, input.data().len(), 1), |place| around(input.shape(), place));
        let at =
            |slice: usize| (0..before * after).map(move |step| (step / after * count + slice) * after + step % after);
        let mut groups = None;
        let data = every!(input.data(), values => {
            let order = |a: usize, b: usize| {
                at(a).zip(at(b)).map(|(a, b)| values[a].order(&values[b])).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            };
            let found = groups.insert(Groups::new(count, self.sorted, order));
            let kept: Vec<usize> = found.members.iter().map(|group| group[0]).collect();
            let outer = (0..before).flat_map(|outer| kept.iter().map(move |slice| outer * count + slice));
            outer.flat_map(|slice| values[slice * after..][..after].iter().cloned()).collect()
        });
        let members = groups.map(|groups| groups.members).unwrap_or_default();
        let mut shape = vec![members.len()];
        if let Some(place) = place {
            shape = input.shape().to_vec();
            shape[place] = members.len();
        }
        let mut inverse = vec![0; count];
        for (group, slices) in members.iter().enumerate() {
            slices.iter().for_each(|&slice| inverse[slice] = group as i64);
        }
        let vector = |values: Vec<i64>| Tensor::new(vec![values.len()], Data::I64(values));
        let all = [
            Tensor::new(shape, data)?,
            vector(members.iter().map(|group| group[0] as i64).collect())?,
            vector(inverse)?,
            vector(members.iter().map(|group| group.len() as i64).collect())?,
        ];
        Ok(all.into_iter().zip(self.outputs).filter(|(_, named)| *named).map(|(output, _)| output).collect())
    }
}

/// Those slices along an axis, or elements, whose condition is true.
#[derive(Debug)]
struct Compress {
    axis: Option<i64>,
}

impl Operator for Compress {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Err(depends_on_values())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, condition) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let Data::Bool(condition) = condition.data() else { return Err(super::not_numbers(condition)) };
        let place = self.axis.map(|place| axis(place, input.shape().len())).transpose()?;
        let (before, count, after) = place.map_or((1, input.data().len(), 1), |place| around(input.shape(), place));
        let kept: Vec<usize> =
            condition.iter().enumerate().filter(|(_, kept)| **kept).map(|(slice, _)| slice).collect();
        if kept.last().is_some_and(|&last| last >= count) {
            return Err(mismatch(format!("{} conditions for {count} slices", condition.len())));
        }
        let mut shape = vec![kept.len()];
        if let Some(place) = place {
            shape = input.shape().to_vec();
            shape[place] = kept.len();
        }
        let slices = (0..before).flat_map(|outer| kept.iter().map(move |slice| outer * count + slice));
        let data = gather(input.data(), slices.flat_map(|slice| slice * after..(slice + 1) * after));
        Ok(vec![Tensor::new(shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(values: &[i64]) -> Tensor {
        Tensor::new(vec![values.len()], Data::I64(values.to_vec())).unwrap()
    }

    fn unique(axis: Option<i64>, sorted: bool, input: Tensor) -> Vec<Tensor> {
        Unique { axis, sorted, outputs: [true; 4] }.run(&[input]).unwrap()
    }

    #[test]
    fn values_come_once_in_either_order() {
        let input = || ints(&[2, 1, 1, 3, 4, 3]);
        let found = unique(None, false, input());
        assert_eq!(found, [ints(&[2, 1, 3, 4]), ints(&[0, 1, 3, 4]), ints(&[0, 1, 1, 2, 3, 2]), ints(&[1, 2, 2, 1])]);
        let found = unique(None, true, input());
        assert_eq!(found, [ints(&[1, 2, 3, 4]), ints(&[1, 0, 3, 4]), ints(&[1, 0, 0, 2, 3, 2]), ints(&[2, 1, 2, 1])]);
    }

    #[test]
    fn slices_come_once_and_not_a_number_is_one_value() {
        let input = Tensor::new(vec![3, 2], Data::F32(vec![2.0, f32::NAN, 1.0, 0.0, 2.0, f32::NAN])).unwrap();
        let found = unique(Some(0), true, input.clone());
        assert_eq!(found[0].shape(), [2, 2]);
        assert_eq!(found[1..], [ints(&[1, 0]), ints(&[1, 0, 1]), ints(&[1, 2])]);
        let found = unique(Some(-1), true, input);
        assert_eq!(found[1], ints(&[0, 1]));
        let empty = Tensor::new(vec![0], Data::Text(vec![])).unwrap();
        assert!(unique(None, true, empty).iter().all(|output| output.shape() == [0]));
    }

    #[test]
    fn conditions_keep_slices() {
        let input = Tensor::new(vec![2, 3], Data::I64(vec![1, 2, 3, 4, 5, 6])).unwrap();
        let keep = |axis, condition: &[bool]| {
            let condition = Tensor::new(vec![condition.len()], Data::Bool(condition.to_vec())).unwrap();
            Compress { axis }.run(&[input.clone(), condition])
        };
        assert_eq!(keep(Some(1), &[false, true]).unwrap()[0].data(), &Data::I64(vec![2, 5]));
        assert_eq!(keep(None, &[false, true, false, false, true]).unwrap()[0], ints(&[2, 5]));
        assert!(keep(Some(0), &[false, false, true]).is_err());
    }
}
