//! Many values to one, and each value by what its neighbours are: reductions, softmax, normalisation, the largest.

use super::super::format::{Reduce, Values};
use super::moves::transpose;
use super::{View, around, at, floats, misfit};
use crate::error::Result;
use nearside_kernels as kernels;

/// Each row of the values that lie on the reduced axes, which are brought together where they are not, to one number.
pub(super) fn reduce(take: Reduce, axes: u32, input: View<'_>, output: &mut [f32]) -> Result<()> {
    let values = input.f32()?;
    let rank = input.shape.len();
    let reduced = |axis: &usize| axes >> axis & 1 == 1;
    let order: Vec<usize> = (0..rank).filter(|axis| !reduced(axis)).chain((0..rank).filter(reduced)).collect();
    let count: usize = (0..rank).filter(reduced).map(|axis| input.shape[axis]).product();
    if output.len().checked_mul(count) != Some(values.len()) {
        return Err(misfit());
    }
    if count == 0 {
        output.fill(of_row(take, &[]));
        return Ok(());
    }
    let mut together;
    let values = if order.is_sorted() {
        values
    } else {
        together = Values::F32(vec![0.0; values.len()]);
        let shape: Vec<usize> = order.iter().map(|&axis| input.shape[axis]).collect();
        transpose(&order, input, &mut together, &shape)?;
        floats(&mut together)?
    };
    output.iter_mut().zip(values.chunks_exact(count)).for_each(|(output, row)| *output = of_row(take, row));
    Ok(())
}

fn of_row(take: Reduce, row: &[f32]) -> f32 {
    let most = |row: &[f32]| {
        row.iter().fold(f32::NEG_INFINITY, |most, &value| if value > most || value.is_nan() { value } else { most })
    };
    match take {
        Reduce::Sum => kernels::sum(row),
        Reduce::Mean => kernels::sum(row) / row.len() as f32,
        Reduce::SumSquare => kernels::squares(row),
        Reduce::L2 => kernels::squares(row).sqrt(),
        Reduce::L1 => row.iter().map(|value| value.abs()).sum(),
        Reduce::Prod => row.iter().product(),
        Reduce::Max => most(row),
        Reduce::Min => {
            row.iter().fold(f32::INFINITY, |least, &value| if value < least || value.is_nan() { value } else { least })
        }
        Reduce::LogSumExp => {
            let most = most(row);
            let shift = if most.is_finite() { most } else { 0.0 };
            shift + row.iter().map(|value| (value - shift).exp()).sum::<f32>().ln()
        }
    }
}

pub(super) fn softmax(axis: usize, log: bool, input: View<'_>, output: &mut [f32]) -> Result<()> {
    let [before, size, after] = around(input.shape, axis)?;
    let values = input.f32()?;
    if values.len() != output.len() {
        return Err(misfit());
    }
    output.copy_from_slice(values);
    if after == 1 {
        output.chunks_exact_mut(size.max(1)).for_each(|row| kernels::softmax(row, log));
        return Ok(());
    }
    let mut row = vec![0.0; size];
    for outer in 0..before {
        for inner in 0..after {
            let start = outer * size * after + inner;
            row.iter_mut().zip(output[start..].iter().step_by(after)).for_each(|(to, from)| *to = *from);
            kernels::softmax(&mut row, log);
            output[start..].iter_mut().step_by(after).zip(&row).for_each(|(to, from)| *to = *from);
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
        kernels::normalise(values, epsilon, scale, bias, output);
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
