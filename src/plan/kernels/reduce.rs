//! Many values to one, and each value by what its neighbours are: reductions, softmax, normalisation, the largest.

use super::super::format::{Reduce, Values};
use super::{Rows, View, around, at, misfit};
use crate::error::Result;

pub(super) fn reduce(take: Reduce, axes: u32, input: View<'_>, output: &mut [f32]) -> Result<()> {
    let values = input.f32()?;
    let reduced = |axis: usize| axes >> axis & 1 == 1;
    let mut along = vec![0; input.shape.len()];
    let mut left = 1;
    for (axis, &size) in input.shape.iter().enumerate().rev() {
        if !reduced(axis) {
            along[axis] = left;
            left *= size;
        }
    }
    if left != output.len() {
        return Err(misfit());
    }
    let count: usize = (0..input.shape.len()).filter(|&axis| reduced(axis)).map(|axis| input.shape[axis]).product();
    let places = || Rows::new(input.shape, [&along]).map(|[place]| place);
    let pairs = || values.iter().zip(places());
    let start = match take {
        Reduce::Max | Reduce::LogSumExp => f32::NEG_INFINITY,
        Reduce::Min => f32::INFINITY,
        Reduce::Prod => 1.0,
        _ => 0.0,
    };
    output.fill(start);
    match take {
        Reduce::Sum | Reduce::Mean => pairs().for_each(|(value, place)| output[place] += value),
        Reduce::L1 => pairs().for_each(|(value, place)| output[place] += value.abs()),
        Reduce::L2 | Reduce::SumSquare => pairs().for_each(|(value, place)| output[place] += value * value),
        Reduce::Prod => pairs().for_each(|(value, place)| output[place] *= value),
        Reduce::Max | Reduce::LogSumExp => pairs().for_each(|(&value, place)| {
            if value > output[place] || value.is_nan() {
                output[place] = value;
            }
        }),
        Reduce::Min => pairs().for_each(|(&value, place)| {
            if value < output[place] || value.is_nan() {
                output[place] = value;
            }
        }),
    }
    match take {
        Reduce::Mean => output.iter_mut().for_each(|value| *value /= count as f32),
        Reduce::L2 => output.iter_mut().for_each(|value| *value = value.sqrt()),
        Reduce::LogSumExp => {
            let mut sums = vec![0.0; output.len()];
            let shift = |most: f32| if most.is_finite() { most } else { 0.0 };
            pairs().for_each(|(value, place)| sums[place] += (value - shift(output[place])).exp());
            output.iter_mut().zip(sums).for_each(|(value, sum)| *value = shift(*value) + sum.ln());
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn softmax(axis: usize, log: bool, input: View<'_>, output: &mut [f32]) -> Result<()> {
    let [before, size, after] = around(input.shape, axis)?;
    let values = input.f32()?;
    if values.len() != output.len() {
        return Err(misfit());
    }
    output.copy_from_slice(values);
    for outer in 0..before {
        for inner in 0..after {
            let row = || (0..size).map(move |place| (outer * size + place) * after + inner);
            let most = row().fold(f32::NEG_INFINITY, |most, place| {
                if output[place] > most || output[place].is_nan() { output[place] } else { most }
            });
            let sum: f32 = if log {
                row().map(|place| (output[place] - most).exp()).sum()
            } else {
                row().fold(0.0, |sum, place| {
                    output[place] = (output[place] - most).exp();
                    sum + output[place]
                })
            };
            let last = if log { most + sum.ln() } else { 1.0 / sum };
            row().for_each(|place| output[place] = if log { output[place] - last } else { output[place] * last });
        }
    }
    Ok(())
}

pub(super) fn normalise(axis: usize, epsilon: f32, inputs: &[View<'_>], output: &mut [f32]) -> Result<()> {
    let input = at(inputs, 0)?;
    let values = input.f32()?;
    let width: usize = input.shape.get(axis..).ok_or_else(misfit)?.iter().product();
    if values.len() != output.len() || width == 0 {
        return if output.is_empty() { Ok(()) } else { Err(misfit()) };
    }
    let rest = |place: usize| match inputs.get(place) {
        None => Ok(None),
        Some(view) => {
            view.f32().and_then(|values| if values.len() == width { Ok(Some(values)) } else { Err(misfit()) })
        }
    };
    let (scale, bias) = (rest(1)?, rest(2)?);
    for (values, output) in values.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
        let mean = values.iter().sum::<f32>() / width as f32;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / width as f32;
        let factor = 1.0 / (variance + epsilon).sqrt();
        for (place, (output, value)) in output.iter_mut().zip(values).enumerate() {
            let normal = (value - mean) * factor * scale.map_or(1.0, |scale| scale[place]);
            *output = normal + bias.map_or(0.0, |bias| bias[place]);
        }
    }
    Ok(())
}

pub(super) fn arg_max(axis: usize, smallest: bool, input: View<'_>, output: &mut Values) -> Result<()> {
    let [before, size, after] = around(input.shape, axis)?;
    let Values::I64(output) = output else { return Err(misfit()) };
    if output.len() != before * after || size == 0 {
        return Err(misfit());
    }
    let values = input.f32()?;
    for (place, output) in output.iter_mut().enumerate() {
        let start = place / after * size * after + place % after;
        let best = (1..size).fold(0, |best, next| {
            let (value, found) = (values[start + next * after], values[start + best * after]);
            if if smallest { value < found } else { value > found } { next } else { best }
        });
        *output = best as i64;
    }
    Ok(())
}
