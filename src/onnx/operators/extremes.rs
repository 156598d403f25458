//! ReduceMax and ReduceMin, of booleans too. tract's own begin at the largest finite numbers: of values that are all
//! minus infinity, as in a row that a mask excludes, they give another number.

use super::elements::Places;
use super::reduce::{Axes, Reduction};
use super::{Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "ReduceMax", |attributes| Ok(Box::new(Extreme { largest: true, axes: Axes::new(attributes) }))),
    (ONNX, "ReduceMin", |attributes| Ok(Box::new(Extreme { largest: false, axes: Axes::new(attributes) }))),
];

/// The largest or smallest value over some axes. Not-a-number wins.
#[derive(Debug)]
struct Extreme {
    largest: bool,
    axes: Axes,
}

impl Extreme {
    fn of<T: Copy>(&self, values: &[T], targets: Places, most: usize, start: T, wins: impl Fn(T, T) -> bool) -> Vec<T> {
        let mut found = vec![start; most];
        for (&value, target) in values.iter().zip(targets) {
            if wins(value, found[target]) {
                found[target] = value;
            }
        }
        found
    }
}

impl Operator for Extreme {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        self.axes.facts(inputs)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let Reduction { shape: left, elements: most, targets } = self.axes.reduction(inputs)?;
        macro_rules! floats {
            ($variant:ident, $values:expr, $rust:ty) => {{
                let start = if self.largest { <$rust>::NEG_INFINITY } else { <$rust>::INFINITY };
                Data::$variant(self.of($values, targets, most, start, |value, found| {
                    value.is_nan() || if self.largest { value > found } else { value < found }
                }))
            }};
        }
        macro_rules! whole {
            ($variant:ident, $values:expr, $least:expr, $most:expr) => {{
                let start = if self.largest { $least } else { $most };
                Data::$variant(self.of($values, targets, most, start, |value, found| {
                    if self.largest { value > found } else { value < found }
                }))
            }};
        }
        let data = match input.data() {
            Data::F32(values) => floats!(F32, values, f32),
            Data::F64(values) => floats!(F64, values, f64),
            Data::I64(values) => whole!(I64, values, i64::MIN, i64::MAX),
            Data::I32(values) => whole!(I32, values, i32::MIN, i32::MAX),
            Data::I16(values) => whole!(I16, values, i16::MIN, i16::MAX),
            Data::I8(values) => whole!(I8, values, i8::MIN, i8::MAX),
            Data::U64(values) => whole!(U64, values, u64::MIN, u64::MAX),
            Data::U32(values) => whole!(U32, values, u32::MIN, u32::MAX),
            Data::U16(values) => whole!(U16, values, u16::MIN, u16::MAX),
            Data::U8(values) => whole!(U8, values, u8::MIN, u8::MAX),
            Data::Bool(values) => whole!(Bool, values, false, true),
            Data::Text(_) => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(left, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(largest: bool, axes: Option<Vec<i64>>, keep: bool, shape: &[usize], data: Data) -> Tensor {
        let operator = Extreme { largest, axes: Axes::stated(axes, keep) };
        let input = Tensor::new(shape.to_vec(), data).unwrap();
        let fact = operator.facts(&[Fact::new(input.element_type(), shape)]).unwrap().remove(0);
        let output = operator.run(&[input]).unwrap().remove(0);
        assert_eq!((output.shape(), output.element_type()), (fact.shape.as_slice(), fact.element));
        output
    }

    #[test]
    fn infinite_values_and_booleans_count() {
        let low = f32::NEG_INFINITY;
        let output = run(true, Some(vec![-1]), true, &[2, 2], Data::F32(vec![low, low, low, 3.0]));
        assert_eq!((output.shape(), output.data()), ([2, 1].as_slice(), &Data::F32(vec![low, 3.0])));
        let output = run(false, Some(vec![0]), false, &[2, 2], Data::Bool(vec![true, true, false, true]));
        assert_eq!(output.data(), &Data::Bool(vec![false, true]));
        assert_eq!(run(true, None, false, &[2, 2], Data::I8(vec![1, 4, 3, 2])).data(), &Data::I8(vec![4]));
        assert_eq!(run(true, Some(vec![0]), true, &[0, 1], Data::F32(vec![])).data(), &Data::F32(vec![low]));
    }

    #[test]
    fn not_a_number_wins() {
        let Data::F32(values) = run(false, None, false, &[3], Data::F32(vec![1.0, f32::NAN, 0.0])).into_data() else {
            panic!()
        };
        assert!(values[0].is_nan());
    }
}
