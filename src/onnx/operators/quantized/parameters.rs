//! Scales and zero points, and which of them belongs to which element.

use super::input;
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::operators::Attributes;
use crate::onnx::operators::elements::{Places, around, spread};
use crate::tensor::{Data, Tensor};

/// Where the parameters of an operator stand, and along which axis they change.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) scale: usize,
    pub(super) zero: Option<usize>,
    axis: i64,
    /// How many neighbours along the axis share a parameter; 0 where a parameter belongs to a whole slice.
    block: usize,
}

impl Layout {
    /// The layout of a node whose second and third inputs are scale and zero point.
    pub(super) fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let block = attributes.int("block_size").unwrap_or_default();
        let block =
            usize::try_from(block).map_err(|_| attributes.refuse("block_size", format!("{block} is negative")))?;
        let axis = attributes.int("axis").unwrap_or(1);
        Ok(Self { scale: super::required(attributes, 1)?, zero: attributes.input(2), axis, block })
    }

    /// Reads the parameters for a tensor of that shape.
    pub(super) fn read(&self, inputs: &[Tensor], shape: &[usize]) -> Result<Parameters> {
        let scale = input(inputs, self.scale)?;
        let Data::F32(scales) = scale.data() else {
            let message = format!("a scale of type {} is not supported", scale.element_type().name());
            return Err(Error::new(ErrorKind::WrongType, message));
        };
        let scale_steps = self.steps(shape, scale.shape())?;
        let (zeros, zero_steps) = match self.zero {
            Some(place) => {
                let zero = input(inputs, place)?;
                (whole_numbers(zero)?, self.steps(shape, zero.shape())?)
            }
            None => (vec![0], Steps::One),
        };
        Ok(Parameters { scales: scales.clone(), zeros, scale_steps, zero_steps })
    }

    fn steps(&self, shape: &[usize], parameter: &[usize]) -> Result<Steps> {
        let wrong = || {
            let message = format!("parameters of the shape {parameter:?} for a tensor of the shape {shape:?}");
            Error::new(ErrorKind::WrongShape, message).help("the file is broken; export it again")
        };
        if parameter.iter().product::<usize>() == 1 && parameter.len() <= shape.len().max(1) {
            return Ok(Steps::One);
        }
        let axis = if self.axis < 0 { self.axis + shape.len() as i64 } else { self.axis };
        let axis = usize::try_from(axis).ok().filter(|&axis| axis < shape.len());
        if self.block > 0 {
            let axis = axis.ok_or_else(wrong)?;
            let mut wanted = shape.to_vec();
            wanted[axis] = wanted[axis].div_ceil(self.block);
            let (_, size, inner) = around(shape, axis);
            let steps = Steps::Blocks { size, inner, block: self.block };
            return if wanted == parameter { Ok(steps) } else { Err(wrong()) };
        }
        if let [size] = *parameter {
            let axis = axis.filter(|&axis| shape[axis] == size).ok_or_else(wrong)?;
            return Ok(Steps::Axis { size, inner: around(shape, axis).2 });
        }
        // As in matrix products, where a parameter belongs to a column of a matrix of the stack.
        let own = parameter.iter().rev().zip(shape.iter().rev());
        let fits = parameter.len() <= shape.len() && own.into_iter().all(|(&own, &size)| own == 1 || own == size);
        if fits { Ok(Steps::Spread(spread(parameter, shape)?)) } else { Err(wrong()) }
    }
}

/// The whole numbers of a tensor of zero points.
pub(super) fn whole_numbers(tensor: &Tensor) -> Result<Vec<i64>> {
    Ok(match tensor.data() {
        Data::U8(values) => values.iter().map(|&value| value.into()).collect(),
        Data::I8(values) => values.iter().map(|&value| value.into()).collect(),
        Data::U16(values) => values.iter().map(|&value| value.into()).collect(),
        Data::I16(values) => values.iter().map(|&value| value.into()).collect(),
        Data::I32(values) => values.iter().map(|&value| value.into()).collect(),
        other => {
            let message = format!("a zero point of type {} is not supported", other.element_type().name());
            return Err(Error::new(ErrorKind::WrongType, message));
        }
    })
}

/// Scales and zero points of one tensor.
pub(super) struct Parameters {
    scales: Vec<f32>,
    zeros: Vec<i64>,
    scale_steps: Steps,
    zero_steps: Steps,
}

impl Parameters {
    /// Scale and zero point where all elements share them.
    pub(super) fn single(&self) -> Option<(f32, i64)> {
        match (&self.scale_steps, &self.zero_steps, self.scales.first(), self.zeros.first()) {
            (Steps::One, Steps::One, Some(&scale), Some(&zero)) => Some((scale, zero)),
            _ => None,
        }
    }

    /// Scale and zero point of each element, in row-major order.
    pub(super) fn each(&self) -> impl Iterator<Item = (f32, i64)> + '_ {
        let scales = self.scale_steps.places().map(|place| self.scales[place]);
        scales.zip(self.zero_steps.places().map(|place| self.zeros[place]))
    }
}

/// How parameters change from element to element.
enum Steps {
    /// Not at all.
    One,
    /// Along an axis of that size, which has `inner` elements behind each of its places.
    Axis { size: usize, inner: usize },
    /// The same, with one parameter for `block` places after each other, and others for each element behind.
    Blocks { size: usize, inner: usize, block: usize },
    /// As when tensors of different shapes are added.
    Spread(Places),
}

impl Steps {
    /// The place of the parameter of each element. Ends at the end of the tensor, or not at all.
    fn places(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match *self {
            Self::One => Box::new(std::iter::repeat(0)),
            Self::Axis { size, inner } => {
                Box::new((0..size).flat_map(move |place| std::iter::repeat_n(place, inner)).cycle())
            }
            Self::Blocks { size, inner, block } => Box::new((0..).flat_map(move |outer: usize| {
                let row = outer * size.div_ceil(block);
                (0..size).flat_map(move |place| (0..inner).map(move |after| (row + place / block) * inner + after))
            })),
            Self::Spread(ref places) => Box::new(places.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(axis: i64, block: usize, shape: &[usize], parameter: &[usize]) -> Option<Vec<usize>> {
        let layout = Layout { scale: 0, zero: None, axis, block };
        let count = shape.iter().product();
        layout.steps(shape, parameter).ok().map(|steps| steps.places().take(count).collect())
    }

    #[test]
    fn each_element_finds_its_parameter() {
        assert_eq!(places(1, 0, &[2, 2], &[]), Some(vec![0; 4]));
        assert_eq!(places(9, 0, &[2, 2], &[1]), Some(vec![0; 4]));
        assert_eq!(places(1, 0, &[2, 2, 2], &[2]), Some(vec![0, 0, 1, 1, 0, 0, 1, 1]));
        assert_eq!(places(-1, 0, &[2, 3], &[3]), Some(vec![0, 1, 2, 0, 1, 2]));
        assert_eq!(places(1, 2, &[2, 3], &[2, 2]), Some(vec![0, 0, 1, 2, 2, 3]));
        assert_eq!(places(0, 2, &[3, 2], &[2, 2]), Some(vec![0, 1, 0, 1, 2, 3]));
        assert_eq!(places(0, 0, &[2, 2, 2], &[2, 1, 2]), Some(vec![0, 1, 0, 1, 2, 3, 2, 3]));
    }

    #[test]
    fn parameters_that_do_not_fit_are_errors() {
        for (axis, block, parameter) in
            [(1, 0, &[2][..]), (7, 0, &[2]), (-3, 0, &[2]), (1, 2, &[2, 3]), (1, 2, &[2]), (0, 0, &[]), (0, 0, &[3, 3])]
        {
            let fits = places(axis, block, &[2, 3], parameter).is_some();
            assert_eq!(fits, parameter.is_empty(), "{parameter:?}");
        }
        assert_eq!(places(1, usize::MAX, &[2, 3], &[2, 1]), Some(vec![0, 0, 0, 1, 1, 1]));
        assert_eq!(places(1, 0, &[0, 3], &[3]), Some(vec![]));
    }
}
