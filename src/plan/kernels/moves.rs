//! Values that only change their place.

use super::super::format::Values;
use super::{Rows, View, around, misfit, spread_strides};
use crate::error::Result;

/// How far apart neighbours along each axis lie.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The same code on the values of the input and the output, whatever they are.
macro_rules! every {
    ($input:expr, $output:expr, $values:ident, $target:ident => $code:expr) => {
        match ($input, $output) {
            (Values::F32($values), Values::F32($target)) => $code,
            (Values::I64($values), Values::I64($target)) => $code,
            (Values::Text($values), Values::Text($target)) => $code,
            _ => return Err(misfit()),
        }
    };
}

/// Fills the output with the values at those places.
fn take(input: View<'_>, output: &mut Values, places: impl Iterator<Item = usize>) -> Result<()> {
    every!(input.values, output, values, target => {
        for (target, place) in target.iter_mut().zip(places) {
            target.clone_from(values.get(place).ok_or_else(misfit)?);
        }
    });
    Ok(())
}

pub(super) fn transpose(order: &[usize], input: View<'_>, output: &mut Values, shape: &[usize]) -> Result<()> {
    let own = strides(input.shape);
    let along: Option<Vec<usize>> = order.iter().map(|&axis| own.get(axis).copied()).collect();
    let along = along.filter(|along| along.len() == shape.len()).ok_or_else(misfit)?;
    take(input, output, Rows::new(shape, [&along]).map(|[place]| place))
}

pub(super) fn spread(input: View<'_>, output: &mut Values, shape: &[usize]) -> Result<()> {
    let along = spread_strides(input.shape, shape)?;
    take(input, output, Rows::new(shape, [&along]).map(|[place]| place))
}

pub(super) fn concat(axis: usize, inputs: &[View<'_>], output: &mut Values, shape: &[usize]) -> Result<()> {
    let [before, size, after] = around(shape, axis)?;
    let mut start = 0;
    for input in inputs {
        let [same, own, inner] = around(input.shape, axis)?;
        if same != before || inner != after || start + own > size {
            return Err(misfit());
        }
        every!(input.values, &mut *output, values, target => {
            let part = own * after;
            for outer in 0..before {
                let from = values.get(outer * part..(outer + 1) * part).ok_or_else(misfit)?;
                let to = target.get_mut((outer * size + start) * after..).and_then(|to| to.get_mut(..part));
                to.ok_or_else(misfit)?.clone_from_slice(from);
            }
        });
        start += own;
    }
    if start == size { Ok(()) } else { Err(misfit()) }
}

pub(super) fn slice(
    starts: &[usize],
    steps: &[i64],
    input: View<'_>,
    output: &mut Values,
    shape: &[usize],
) -> Result<()> {
    let rank = shape.len();
    if [starts.len(), steps.len(), input.shape.len()] != [rank; 3] {
        return Err(misfit());
    }
    let own = strides(input.shape);
    for axis in 0..rank {
        let last = starts[axis] as i64 + steps[axis] * (shape[axis] as i64 - 1);
        if shape[axis] > 0 && !(0..input.shape[axis] as i64).contains(&last.max(starts[axis] as i64)) || last < 0 {
            return Err(misfit());
        }
    }
    let start: usize = starts.iter().zip(&own).map(|(start, stride)| start * stride).sum();
    // Backwards is forwards around the end of the integers.
    let along: Vec<usize> = own.iter().zip(steps).map(|(&stride, &step)| stride.wrapping_mul(step as usize)).collect();
    let mut index = vec![0; rank];
    let mut place = start;
    let mut left: usize = shape.iter().product();
    let places = std::iter::from_fn(|| {
        left = left.checked_sub(1)?;
        let now = place;
        for axis in (0..rank).rev() {
            index[axis] += 1;
            place = place.wrapping_add(along[axis]);
            if index[axis] < shape[axis] {
                break;
            }
            place = place.wrapping_sub(along[axis].wrapping_mul(shape[axis]));
            index[axis] = 0;
        }
        Some(now)
    });
    take(input, output, places)
}

pub(super) fn gather(axis: usize, input: View<'_>, indices: View<'_>, output: &mut Values) -> Result<()> {
    let [before, size, after] = around(input.shape, axis)?;
    let mut places = Vec::with_capacity(indices.length());
    for &index in indices.i64()? {
        let absolute = if index < 0 { index + size as i64 } else { index };
        let place = usize::try_from(absolute).ok().filter(|&place| place < size);
        places.push(place.ok_or_else(|| {
            let message = format!("index {index} where there are {size} entries");
            let error = crate::error::Error::new(crate::error::ErrorKind::WrongInput, message);
            error.help("send an index that the model knows")
        })?);
    }
    let count = places.len();
    every!(input.values, output, values, target => {
        if values.len() != before * size * after || target.len() != before * count * after {
            return Err(misfit());
        }
        for outer in 0..before {
            for (at, place) in places.iter().enumerate() {
                let from = &values[(outer * size + place) * after..][..after];
                target[(outer * count + at) * after..][..after].clone_from_slice(from);
            }
        }
    });
    Ok(())
}

pub(super) fn pad(before: &[usize], value: f32, input: View<'_>, output: &mut [f32], shape: &[usize]) -> Result<()> {
    let fits = before.len() == shape.len()
        && input.shape.len() == shape.len()
        && (0..shape.len()).all(|axis| before[axis] + input.shape[axis] <= shape[axis]);
    if !fits {
        return Err(misfit());
    }
    output.fill(value);
    let own = strides(shape);
    let start: usize = before.iter().zip(&own).map(|(before, stride)| before * stride).sum();
    for ([place], &value) in Rows::new(input.shape, [&own]).zip(input.f32()?) {
        output[start + place] = value;
    }
    Ok(())
}
