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

/// Fills the output with runs of values that begin at those places, one behind the other. All runs are of one length.
fn take(input: View<'_>, output: &mut Values, run: usize, places: impl Iterator<Item = usize>) -> Result<()> {
    let places: Vec<usize> = places.collect();
    let length = input.values.len();
    if places.iter().any(|&place| place.checked_add(run).is_none_or(|end| end > length)) {
        return Err(misfit());
    }
    if output.len() != places.len() * run || run == 0 {
        return if output.is_empty() { Ok(()) } else { Err(misfit()) };
    }
    /// One function for each type, and not one for each type and order of places.
    fn copy<T: Clone>(values: &[T], target: &mut [T], run: usize, places: &[usize]) {
        for (target, &place) in target.chunks_exact_mut(run).zip(places) {
            target.clone_from_slice(&values[place..place + run]);
        }
    }
    match (input.values, output) {
        (Values::F32(values), Values::F32(target)) if run == 1 => {
            target.iter_mut().zip(&places).for_each(|(target, &place)| *target = values[place]);
        }
        (Values::F32(values), Values::F32(target)) => copy(values, target, run, &places),
        (Values::I64(values), Values::I64(target)) => copy(values, target, run, &places),
        (Values::Text(values), Values::Text(target)) => copy(values, target, run, &places),
        _ => return Err(misfit()),
    }
    Ok(())
}

/// Fills the output with values that lie apart by `along` for each axis: as runs, where the last axes lie as they do in the output.
fn walk(input: View<'_>, output: &mut Values, along: &[usize], shape: &[usize]) -> Result<()> {
    let (mut axis, mut run) = (shape.len(), 1);
    while axis > 0 && (along[axis - 1] == run || shape[axis - 1] == 1) {
        axis -= 1;
        run *= shape[axis];
    }
    take(input, output, run, Rows::new(&shape[..axis], [&along[..axis]]).map(|[place]| place))
}

pub(super) fn transpose(order: &[usize], input: View<'_>, output: &mut Values, shape: &[usize]) -> Result<()> {
    let own = strides(input.shape);
    let along: Option<Vec<usize>> = order.iter().map(|&axis| own.get(axis).copied()).collect();
    let along = along.filter(|along| along.len() == shape.len()).ok_or_else(misfit)?;
    walk(input, output, &along, shape)
}

pub(super) fn spread(input: View<'_>, output: &mut Values, shape: &[usize]) -> Result<()> {
    walk(input, output, &spread_strides(input.shape, shape)?, shape)
}

pub(super) fn concat(axis: usize, inputs: &[View<'_>], output: &mut Values, shape: &[usize]) -> Result<()> {
    let [before, size, after] = around(shape, axis)?;
    let mut start = 0;
    for input in inputs {
        let [same, own, inner] = around(input.shape, axis)?;
        let part = own * after;
        if same != before || inner != after || start + own > size || input.values.len() != before * part {
            return Err(misfit());
        }
        fn copy<T: Clone>(values: &[T], target: &mut [T], part: usize, start: usize, row: usize) {
            for (from, to) in values.chunks_exact(part.max(1)).zip(target.chunks_exact_mut(row.max(1))) {
                to[start..start + part].clone_from_slice(from);
            }
        }
        if output.len() != before * size * after {
            return Err(misfit());
        }
        let (start_at, row) = (start * after, size * after);
        match (input.values, &mut *output) {
            (Values::F32(values), Values::F32(target)) => copy(values, target, part, start_at, row),
            (Values::I64(values), Values::I64(target)) => copy(values, target, part, start_at, row),
            (Values::Text(values), Values::Text(target)) => copy(values, target, part, start_at, row),
            _ => return Err(misfit()),
        }
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
    let (mut axis, mut run) = (rank, 1);
    while axis > 0 && (along[axis - 1] == run || shape[axis - 1] == 1) {
        axis -= 1;
        run *= shape[axis];
    }
    take(input, output, run, Rows::new(&shape[..axis], [&along[..axis]]).map(|[place]| start.wrapping_add(place)))
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
    if input.values.len() != before * size * after {
        return Err(misfit());
    }
    let starts = (0..before).flat_map(|outer| places.iter().map(move |place| (outer * size + place) * after));
    take(input, output, after, starts)
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
