//! Products of matrices, over outer axes that are spread.

use super::super::format::Activation;
use super::{View, at, misfit, spread_strides};
use crate::error::Result;
use nearside_kernels::{Panels, apply};

/// Fills the output with the product of the first two inputs, plus the third.
pub(super) fn run(
    inputs: &[View<'_>],
    turned: bool,
    panels: Option<&Panels>,
    then: Option<Activation>,
    output: &mut [f32],
    shape: &[usize],
) -> Result<()> {
    let (left, right) = (at(inputs, 0)?, at(inputs, 1)?);
    let (Some((&inner, left_outer)), Some((&columns, _))) = (left.shape.split_last(), shape.split_last()) else {
        return Err(misfit());
    };
    let values = left.f32()?;
    match panels {
        Some(panels) => {
            let rows: usize = left_outer.iter().product();
            if panels.inner() != inner || panels.columns() != columns || output.len() != rows * columns {
                return Err(misfit());
            }
            panels.multiply(values, output);
        }
        None => many(values, left.shape, right, turned, output, shape)?,
    }
    if let Some(bias) = inputs.get(2) {
        add(*bias, output, shape)?;
    }
    if let Some(activation) = then {
        apply(activation, output);
    }
    Ok(())
}

/// Matrix by matrix over the outer axes.
fn many(
    left: &[f32],
    left_shape: &[usize],
    right: View<'_>,
    turned: bool,
    output: &mut [f32],
    shape: &[usize],
) -> Result<()> {
    let [left_outer @ .., rows, inner] = left_shape else { return Err(misfit()) };
    let [right_outer @ .., first, second] = right.shape else { return Err(misfit()) };
    let [outer @ .., out_rows, columns] = shape else { return Err(misfit()) };
    let (same, wide) = if turned { (second, first) } else { (first, second) };
    if inner != same || columns != wide || rows != out_rows {
        return Err(misfit());
    }
    let values = right.f32()?;
    let strides = [spread_strides(left_outer, outer)?, spread_strides(right_outer, outer)?];
    let matrices = super::Rows::new(outer, [&strides[0], &strides[1]]);
    let (size, area) = (rows * inner, inner * columns);
    for ([a, b], output) in matrices.zip(output.chunks_mut((rows * columns).max(1))) {
        let (left, right) = (&left[a * size..][..size], &values[b * area..][..area]);
        let panels = match turned {
            true => Panels::turned(right, *inner, *columns),
            false => Panels::new(right, *inner, *columns),
        };
        panels.multiply(left, output);
    }
    Ok(())
}

/// Adds a tensor that is spread to the shape of the output.
fn add(bias: View<'_>, output: &mut [f32], shape: &[usize]) -> Result<()> {
    let values = bias.f32()?;
    let width = shape.last().copied().unwrap_or(1);
    if values.len() == width && bias.shape.last() == Some(&width) {
        for row in output.chunks_mut(width.max(1)) {
            row.iter_mut().zip(values).for_each(|(value, bias)| *value += bias);
        }
        return Ok(());
    }
    let strides = spread_strides(bias.shape, shape)?;
    for ([place], value) in super::Rows::new(shape, [&strides]).zip(output) {
        *value += values[place];
    }
    Ok(())
}
