//! Reductions that tract gets wrong for large numbers: ReduceLogSumExp, stabilised by the largest value.

use super::{
    Attributes, Fact, Family, ONNX, Operator, axis, bounded, depends_on_values, floats, integers, not_numbers,
};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "ReduceLogSumExp", |attributes| Ok(Box::new(LogSumExp::new(attributes))))];

/// `log Σ exp(x)` over some axes, computed as `m + log Σ exp(x − m)` with `m` the largest of them.
#[derive(Debug)]
struct LogSumExp {
    axes: Option<Vec<i64>>,
    /// Whether the axes come as the second input, as from version 18 on.
    from_input: bool,
    keep: bool,
    /// Whether no axes at all means that nothing is reduced.
    noop: bool,
}

impl LogSumExp {
    fn new(attributes: &Attributes<'_>) -> Self {
        Self {
            axes: attributes.has("axes").then(|| attributes.ints("axes")),
            from_input: attributes.has_input(1),
            keep: attributes.flag("keepdims", true),
            noop: attributes.flag("noop_with_empty_axes", false),
        }
    }

    /// Which axes of a tensor are reduced.
    fn reduced(&self, rank: usize, given: Option<&[i64]>) -> Result<Vec<bool>> {
        let axes = given.or(self.axes.as_deref()).unwrap_or_default();
        let mut reduced = vec![axes.is_empty() && !self.noop; rank];
        for &place in axes {
            reduced[axis(place, rank)?] = true;
        }
        Ok(reduced)
    }

    fn shape(&self, shape: &[usize], reduced: &[bool]) -> Vec<usize> {
        let sizes = shape.iter().zip(reduced);
        sizes
            .filter(|(_, reduced)| self.keep || !**reduced)
            .map(|(&size, &reduced)| if reduced { 1 } else { size })
            .collect()
    }
}

impl Operator for LogSumExp {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let given = match (self.from_input, inputs.get(1).and_then(|axes| axes.value.as_ref())) {
            (true, Some(axes)) => Some(integers(axes)?),
            (true, None) => return Err(depends_on_values()),
            (false, _) => None,
        };
        let reduced = self.reduced(inputs[0].shape.len(), given.as_deref())?;
        Ok(vec![Fact::new(inputs[0].element, self.shape(&inputs[0].shape, &reduced))])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let given = inputs.get(1).map(integers).transpose()?;
        let shape = inputs[0].shape();
        let reduced = self.reduced(shape.len(), given.as_deref())?;
        // Where each element goes: the strides of the output, 0 along what is reduced.
        let mut strides = vec![0; shape.len()];
        let mut elements = 1;
        for (place, (&size, &reduced)) in shape.iter().zip(&reduced).enumerate().rev() {
            if !reduced {
                strides[place] = elements;
                elements *= size;
            }
        }
        let values = match inputs[0].data() {
            Data::F64(values) => values.clone(),
            Data::F32(values) => values.iter().map(|&value| value.into()).collect(),
            Data::Text(_) => return Err(not_numbers(&inputs[0])),
            _ => floats(&inputs[0])?.into_iter().map(f64::from).collect(),
        };
        let mut targets = Vec::with_capacity(values.len());
        let mut index = vec![0; shape.len()];
        for _ in 0..values.len() {
            targets.push(index.iter().zip(&strides).map(|(index, stride)| index * stride).sum::<usize>());
            for place in (0..shape.len()).rev() {
                index[place] += 1;
                if index[place] < shape[place] {
                    break;
                }
                index[place] = 0;
            }
        }
        let out = self.shape(shape, &reduced);
        let elements = bounded(&out)?;
        let mut largest = vec![f64::NEG_INFINITY; elements];
        for (value, &target) in values.iter().zip(&targets) {
            largest[target] = largest[target].max(*value);
        }
        let mut sums = vec![0.0; elements];
        for (value, &target) in values.iter().zip(&targets) {
            // An infinite largest value would make NaN of the others.
            let shift = if largest[target].is_finite() { largest[target] } else { 0.0 };
            sums[target] += (value - shift).exp();
        }
        let logs = sums.iter().zip(&largest).map(
            |(sum, largest)| {
                if largest.is_finite() { largest + sum.ln() } else { sum.ln() }
            },
        );
        let data = match inputs[0].element_type() {
            ElementType::F64 => Data::F64(logs.collect()),
            _ => Data::F32(logs.map(|log| log as f32).collect()),
        };
        Ok(vec![Tensor::new(out, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(axes: Vec<i64>, keep: bool, shape: &[usize], values: &[f32]) -> Tensor {
        let operator = LogSumExp { axes: Some(axes), from_input: false, keep, noop: false };
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
}
