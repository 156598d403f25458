//! Windows over images: convolutions as products of matrices, each channel by itself where it keeps to itself, and pooling.

use super::super::format::{Activation, Pool, Window};
use super::{View, at, misfit};
use crate::error::Result;
use nearside_kernels::{self as kernels, Image, apply, depthwise, patches};

pub(super) fn convolve(
    window: &Window,
    groups: usize,
    then: Option<Activation>,
    inputs: &[View<'_>],
    output: &mut [f32],
    shape: &[usize],
) -> Result<()> {
    let (image, weights) = (at(inputs, 0)?, at(inputs, 1)?);
    let (&[batch, channels, height, width], &[filters, own, rows, columns]) = (image.shape, weights.shape) else {
        return Err(misfit());
    };
    let &[same, out_filters, out_height, out_width] = shape else { return Err(misfit()) };
    if groups == 0
        || own * groups != channels
        || !filters.is_multiple_of(groups)
        || [same, out_filters] != [batch, filters]
        || [rows, columns] != window.kernel
    {
        return Err(misfit());
    }
    let (values, weights) = (image.f32()?, weights.f32()?);
    let (area, positions, inner) = (height * width, out_height * out_width, own * rows * columns);
    let each = filters / groups;
    let sizes = Image { size: [height, width], windows: [out_height, out_width] };
    if area == 0 || positions == 0 {
        return if output.is_empty() { Ok(()) } else { Err(misfit()) };
    }
    for sample in 0..batch {
        for group in 0..groups {
            let image = &values[(sample * channels + group * own) * area..][..own * area];
            let weights = &weights[group * each * inner..][..each * inner];
            let output = &mut output[(sample * filters + group * each) * positions..][..each * positions];
            match own == 1 && each == 1 {
                true => depthwise(window, image, sizes, weights, output),
                false => patches(window, image, sizes).multiply(weights, output),
            }
        }
    }
    if let Some(bias) = inputs.get(2) {
        let bias = bias.f32()?;
        if bias.len() != filters {
            return Err(misfit());
        }
        for (index, row) in output.chunks_mut(positions.max(1)).enumerate() {
            kernels::shift(row, bias[index % filters]);
        }
    }
    if let Some(activation) = then {
        apply(activation, output);
    }
    Ok(())
}

pub(super) fn pool(window: &Window, take: Pool, image: View<'_>, output: &mut [f32], shape: &[usize]) -> Result<()> {
    let (&[batch, channels, height, width], &[same, still, out_height, out_width]) = (image.shape, shape) else {
        return Err(misfit());
    };
    if [same, still] != [batch, channels] {
        return Err(misfit());
    }
    let sizes = Image { size: [height, width], windows: [out_height, out_width] };
    let (area, positions) = ((height * width).max(1), (out_height * out_width).max(1));
    for (plane, output) in image.f32()?.chunks_exact(area).zip(output.chunks_exact_mut(positions)) {
        kernels::pool(window, take, plane, sizes, output);
    }
    Ok(())
}
