//! Reductions that tract gets wrong for large numbers, ReduceLogSumExp, or does not do for whole ones; and the axes of all.

use super::elements::{Places, strides};
use super::shapes::known;
use super::{Attributes, Fact, Family, ONNX, Operator, axis, bounded, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "ReduceLogSumExp", |attributes| Ok(Box::new(LogSumExp(Axes::new(attributes)))))];

/// What stands in for tract's own, which do not take whole numbers.
pub const WHOLE: Family = &[
    (ONNX, "ReduceL1", |attributes| Ok(sum(attributes, |x| x.abs(), |sum| sum))),
    (ONNX, "ReduceL2", |attributes| Ok(sum(attributes, |x| x * x, f64::sqrt))),
    (ONNX, "ReduceLogSum", |attributes| Ok(sum(attributes, |x| x, f64::ln))),
    (ONNX, "ReduceSumSquare", |attributes| Ok(sum(attributes, |x| x * x, |sum| sum))),
];

/// Which axes a reduction goes over.
#[derive(Debug)]
pub(super) struct Axes {
    axes: Option<Vec<i64>>,
    /// The input with the axes, from version 18 on (ReduceSum: 13).
    given: Option<usize>,
    keep: bool,
    /// Whether no axes at all means that nothing is reduced.
    noop: bool,
}

/// How the elements of a tensor go together.
pub(super) struct Reduction {
    /// The shape that is left.
    pub(super) shape: Vec<usize>,
    /// How many elements that has.
    pub(super) elements: usize,
    /// For each element of the input, which of the output it goes into.
    pub(super) targets: Places,
}

impl Axes {
    pub(super) fn new(attributes: &Attributes<'_>) -> Self {
        Self {
            axes: attributes.has("axes").then(|| attributes.ints("axes")),
            given: attributes.input(1),
            keep: attributes.flag("keepdims", true),
            noop: attributes.flag("noop_with_empty_axes", false),
        }
    }

    /// These axes, as an attribute has them.
    #[cfg(test)]
    pub(super) fn stated(axes: Option<Vec<i64>>, keep: bool) -> Self {
        Self { axes, given: None, keep, noop: false }
    }

    /// Whether each axis of the shape is reduced, and the shape that is left.
    fn reduced(&self, shape: &[usize], given: Option<&[i64]>) -> Result<(Vec<bool>, Vec<usize>)> {
        let axes = given.or(self.axes.as_deref()).unwrap_or_default();
        let mut reduced = vec![axes.is_empty() && !self.noop; shape.len()];
        for &place in axes {
            reduced[axis(place, shape.len())?] = true;
        }
        let sizes = shape.iter().zip(&reduced).filter(|(_, reduced)| self.keep || !**reduced);
        let left = sizes.map(|(&size, &reduced)| if reduced { 1 } else { size }).collect();
        Ok((reduced, left))
    }

    /// The output of a reduction of the first input.
    pub(super) fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        let given = self.given.map(|place| known(inputs, Some(place))).transpose()?;
        Ok(vec![Fact::new(input.element, self.reduced(&input.shape, given.as_deref())?.1)])
    }

    /// How the elements of the first input go together.
    pub(super) fn reduction(&self, inputs: &[Tensor]) -> Result<Reduction> {
        let shape = required(inputs, Some(0))?.shape();
        let given = self.given.map(|place| required(inputs, Some(place)).and_then(integers)).transpose()?;
        let (reduced, left) = self.reduced(shape, given.as_deref())?;
        let kept: Vec<usize> =
            shape.iter().zip(&reduced).map(|(&size, &reduced)| if reduced { 1 } else { size }).collect();
        let steps = strides(&kept).into_iter().zip(&reduced).map(|(step, &reduced)| if reduced { 0 } else { step });
        let targets = Places::new(shape, steps.collect())?;
        Ok(Reduction { elements: bounded(&left)?, shape: left, targets })
    }
}

/// The results as a tensor of the type of the input, rounded towards 0 where that is whole.
fn like(input: &Tensor, shape: Vec<usize>, values: impl Iterator<Item = f64>) -> Result<Vec<Tensor>> {
    let data = match input.element_type() {
        ElementType::F64 => Data::F64(values.collect()),
        ElementType::F32 => Data::F32(values.map(|value| value as f32).collect()),
        ElementType::I64 => Data::I64(values.map(|value| value as i64).collect()),
        ElementType::I32 => Data::I32(values.map(|value| value as i32).collect()),
        ElementType::U64 => Data::U64(values.map(|value| value as u64).collect()),
        ElementType::U32 => Data::U32(values.map(|value| value as u32).collect()),
        _ => return Err(not_numbers(input)),
    };
    Ok(vec![Tensor::new(shape, data)?])
}

/// `log Σ exp(x)` over some axes, computed as `m + log Σ exp(x − m)` with `m` the largest of them.
#[derive(Debug)]
struct LogSumExp(Axes);

impl Operator for LogSumExp {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        self.0.facts(inputs)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let Reduction { shape, elements, targets } = self.0.reduction(inputs)?;
        let input = required(inputs, Some(0))?;
        let values = input.data().to_f64().ok_or_else(|| not_numbers(input))?;
        let mut largest = vec![f64::NEG_INFINITY; elements];
        for (value, target) in values.iter().zip(targets.clone()) {
            largest[target] = largest[target].max(*value);
        }
        let mut sums = vec![0.0; elements];
        for (value, target) in values.iter().zip(targets) {
            // An infinite largest value would make NaN of the others.
            let shift = if largest[target].is_finite() { largest[target] } else { 0.0 };
            sums[target] += (value - shift).exp();
        }
        let logs = sums.iter().zip(&largest).map(
            |(sum, largest)| {
                if largest.is_finite() { largest + sum.ln() } else { sum.ln() }
            },
        );
        like(input, shape, logs)
    }
}

/// A function of the sum of a function of the values.
#[derive(Debug)]
struct Sum {
    axes: Axes,
    of: fn(f64) -> f64,
    then: fn(f64) -> f64,
}

fn sum(attributes: &Attributes<'_>, of: fn(f64) -> f64, then: fn(f64) -> f64) -> Box<dyn Operator> {
    Box::new(Sum { axes: Axes::new(attributes), of, then })
}

impl Operator for Sum {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        self.axes.facts(inputs)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let Reduction { shape, elements, targets } = self.axes.reduction(inputs)?;
        let input = required(inputs, Some(0))?;
        let values = input.data().to_f64().ok_or_else(|| not_numbers(input))?;
        let mut sums = vec![0.0; elements];
        for (value, target) in values.into_iter().zip(targets) {
            sums[target] += (self.of)(value);
        }
        like(input, shape, sums.into_iter().map(self.then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(axes: Vec<i64>, keep: bool, shape: &[usize], values: &[f32]) -> Tensor {
        let operator = LogSumExp(Axes::stated(Some(axes), keep));
        let input = Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap();
        let facts = operator.facts(&[Fact::new(ElementType::F32, shape)]).unwrap();
        let output = operator.run(&[input]).unwrap().remove(0);
        assert_eq!(output.shape(), facts[0].shape);
        output
    }

    #[test]
    fn large_and_small_numbers_stay_finite() {
        let output = run(vec![1], true, &[2, 2], &[-1000.0, -1000.0, 1000.0, 1000.0]);
        assert_eq!(output.shape(), [2, 1]);
        let Data::F32(values) = output.data() else { panic!() };
        assert!((values[0] + 1000.0 - 2f32.ln()).abs() < 1e-4 && (values[1] - 1000.0 - 2f32.ln()).abs() < 1e-4);
    }

    #[test]
    fn the_reduced_axis_is_the_stated_one() {
        let output = run(vec![0], false, &[2, 3], &[0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
        let Data::F32(values) = output.data() else { panic!() };
        for (place, value) in values.iter().enumerate() {
            assert!((value - place as f32 - 2f32.ln()).abs() < 1e-6);
        }
        assert!(run(vec![-1], false, &[1, 2], &[f32::NEG_INFINITY; 2]).data() == &Data::F32(vec![f32::NEG_INFINITY]));
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let input = Tensor::new(vec![2, 2], Data::I64(vec![3, -4, 1, -2])).unwrap();
        let run = |of: fn(f64) -> f64, then: fn(f64) -> f64| {
            let operator = Sum { axes: Axes::stated(Some(vec![1]), false), of, then };
            operator.run(std::slice::from_ref(&input)).unwrap().remove(0).into_data()
        };
        assert_eq!(run(|x| x * x, f64::sqrt), Data::I64(vec![5, 2]));
        assert_eq!(run(f64::abs, |sum| sum), Data::I64(vec![7, 3]));
    }
}
