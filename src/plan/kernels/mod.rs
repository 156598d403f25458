//! Takes the tensors of one step; fills its outputs, whose buffers have their lengths already. A kernel trusts no shape: what
//! does not fit is an error, never a read beyond a buffer.

mod conv;
mod elementwise;
mod matmul;
mod moves;
mod recurrent;
mod reduce;

use super::format::{Op, Values};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::trees::Forest;
use nearside_kernels::Panels;

/// An input of a step.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) values: &'a Values,
    pub(super) shape: &'a [usize],
}

impl<'a> View<'a> {
    fn f32(&self) -> Result<&'a [f32]> {
        match self.values {
            Values::F32(values) if values.len() == self.length() => Ok(values),
            _ => Err(misfit()),
        }
    }

    fn i64(&self) -> Result<&'a [i64]> {
        match self.values {
            Values::I64(values) if values.len() == self.length() => Ok(values),
            _ => Err(misfit()),
        }
    }

    fn length(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The error for a step whose tensors do not fit it, as only a broken plan has them.
fn misfit() -> Error {
    Error::new(ErrorKind::InvalidModel, "the plan has a step that its tensors do not fit").help("pack the model again")
}

fn at<'a>(inputs: &[View<'a>], place: usize) -> Result<View<'a>> {
    inputs.get(place).copied().ok_or_else(misfit)
}

fn floats(values: &mut Values) -> Result<&mut [f32]> {
    match values {
        Values::F32(values) => Ok(values),
        _ => Err(misfit()),
    }
}

/// The elements before, along and after an axis.
fn around(shape: &[usize], axis: usize) -> Result<[usize; 3]> {
    let size = *shape.get(axis).ok_or_else(misfit)?;
    Ok([shape[..axis].iter().product(), size, shape[axis + 1..].iter().product()])
}

/// Runs one step.
pub(super) fn run(
    op: &Op,
    inputs: &[View<'_>],
    panels: Option<&Panels>,
    outputs: &mut [Values],
    shapes: &[&[usize]],
) -> Result<()> {
    let (Some(shape), Some(output)) = (shapes.first(), outputs.first_mut()) else { return Err(misfit()) };
    match op {
        Op::Unary(activation) => elementwise::unary(*activation, at(inputs, 0)?, output),
        Op::Binary(function) => elementwise::binary(*function, at(inputs, 0)?, at(inputs, 1)?, output, shape),
        Op::Where => elementwise::choose(inputs, output, shape),
        Op::MatMul { turned, then } => matmul::run(inputs, *turned, panels, *then, floats(output)?, shape),
        Op::Conv { window, groups, then } => conv::convolve(window, *groups, *then, inputs, floats(output)?, shape),
        Op::Pool { window, take } => conv::pool(window, *take, at(inputs, 0)?, floats(output)?, shape),
        Op::Reduce { take, axes } => reduce::reduce(*take, *axes, at(inputs, 0)?, floats(output)?),
        Op::Softmax { axis, log } => reduce::softmax(*axis, *log, at(inputs, 0)?, floats(output)?),
        Op::Normalise { axis, epsilon } => reduce::normalise(*axis, *epsilon, inputs, floats(output)?),
        Op::ArgMax { axis, smallest } => reduce::arg_max(*axis, *smallest, at(inputs, 0)?, output),
        Op::Transpose { order } => moves::transpose(order, at(inputs, 0)?, output, shape),
        Op::Concat { axis } => moves::concat(*axis, inputs, output, shape),
        Op::Slice { starts, steps } => moves::slice(starts, steps, at(inputs, 0)?, output, shape),
        Op::Gather { axis } => moves::gather(*axis, at(inputs, 0)?, at(inputs, 1)?, output),
        Op::Pad { before, value } => moves::pad(before, *value, at(inputs, 0)?, floats(output)?, shape),
        Op::Spread => moves::spread(at(inputs, 0)?, output, shape),
        Op::Cast => elementwise::cast(at(inputs, 0)?, output),
        Op::Find => elementwise::find(at(inputs, 0)?, at(inputs, 1)?, output),
        Op::Recurrent { cell, backwards, has } => recurrent::run(*cell, *backwards, *has, inputs, outputs, shapes),
        Op::Trees { .. } => Err(misfit()),
    }
}

/// The sums of a forest's leaves.
pub(super) fn trees(forest: &Forest<f32>, inputs: &[View<'_>], outputs: &mut [Values]) -> Result<()> {
    let input = at(inputs, 0)?;
    let &[rows, columns] = input.shape else { return Err(misfit()) };
    let sums = forest.sums(input.f32()?, rows, columns)?;
    let output = floats(outputs.first_mut().ok_or_else(misfit)?)?;
    if output.len() != sums.values.len() {
        return Err(misfit());
    }
    output.copy_from_slice(&sums.values);
    Ok(())
}

/// How far apart the values of an input lie along each axis of the output; 0 where they are repeated.
fn spread_strides(input: &[usize], output: &[usize]) -> Result<Vec<usize>> {
    let missing = output.len().checked_sub(input.len()).ok_or_else(misfit)?;
    let mut strides = vec![0; output.len()];
    let mut step = 1;
    for (axis, &size) in input.iter().enumerate().rev() {
        if size != 1 {
            if output[missing + axis] != size {
                return Err(misfit());
            }
            strides[missing + axis] = step;
        }
        step *= size;
    }
    Ok(strides)
}

/// A walk over the rows of a shape, the last axis left out: for each row, where it begins in every one of `N` tensors.
struct Rows<'a, const N: usize> {
    shape: &'a [usize],
    strides: [&'a [usize]; N],
    index: Vec<usize>,
    places: [usize; N],
    left: usize,
}

impl<'a, const N: usize> Rows<'a, N> {
    /// `shape` and `strides` without the last axis.
    fn new(shape: &'a [usize], strides: [&'a [usize]; N]) -> Self {
        Self { shape, strides, index: vec![0; shape.len()], places: [0; N], left: shape.iter().product() }
    }
}

impl<const N: usize> Iterator for Rows<'_, N> {
    type Item = [usize; N];

    fn next(&mut self) -> Option<[usize; N]> {
        self.left = self.left.checked_sub(1)?;
        let places = self.places;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            let done = self.index[axis] == self.shape[axis];
            for (place, strides) in self.places.iter_mut().zip(&self.strides) {
                // A stride may be a step backwards, around the end of the integers.
                *place = place.wrapping_add(strides[axis]);
                if done {
                    *place = place.wrapping_sub(strides[axis].wrapping_mul(self.shape[axis]));
                }
            }
            if !done {
                break;
            }
            self.index[axis] = 0;
        }
        Some(places)
    }
}
