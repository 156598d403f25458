//! Windows over images: convolutions as products of matrices, each channel by itself where it keeps to itself, and pooling.

use super::super::format::{Activation, Pool, Window};
use super::elementwise::apply;
use super::matmul::Panels;
use super::{View, at, misfit};
use crate::error::Result;

/// Where one axis of a window reads: the place in the image, or nothing beyond its edges.
fn place(window: &Window, axis: usize, output: usize, tap: usize, size: usize) -> Option<usize> {
    let at = output * window.stride[axis] + tap * window.dilation[axis];
    at.checked_sub(window.pad[axis]).filter(|&at| at < size)
}

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
    for sample in 0..batch {
        for group in 0..groups {
            let image = &values[(sample * channels + group * own) * area..][..own * area];
            let weights = &weights[group * each * inner..][..each * inner];
            let output = &mut output[(sample * filters + group * each) * positions..][..each * positions];
            if own == 1 && each == 1 {
                alone(window, image, [height, width], weights, output, [out_height, out_width]);
            } else if window.kernel == [1, 1] && window.stride == [1, 1] && window.pad == [0, 0] && positions == area {
                Panels::new(image, own, area).multiply(weights, output);
            } else {
                let taps = Panels::by_value(inner, positions, |row, position| {
                    let (channel, tap) = (row / (rows * columns), row % (rows * columns));
                    let y = place(window, 0, position / out_width, tap / columns, height);
                    let x = place(window, 1, position % out_width, tap % columns, width);
                    y.zip(x).map_or(0.0, |(y, x)| image[channel * area + y * width + x])
                });
                taps.multiply(weights, output);
            }
        }
    }
    if let Some(bias) = inputs.get(2) {
        let bias = bias.f32()?;
        if bias.len() != filters {
            return Err(misfit());
        }
        for (index, row) in output.chunks_mut(positions.max(1)).enumerate() {
            row.iter_mut().for_each(|value| *value += bias[index % filters]);
        }
    }
    if let Some(activation) = then {
        apply(activation, output);
    }
    Ok(())
}

/// One channel with one filter: tap by tap over whole rows of the output, where the middle needs no question.
fn alone(
    window: &Window,
    image: &[f32],
    [height, width]: [usize; 2],
    weights: &[f32],
    output: &mut [f32],
    [_, out_width]: [usize; 2],
) {
    output.fill(0.0);
    for (row, output) in output.chunks_mut(out_width.max(1)).enumerate() {
        for (tap, &weight) in weights.iter().enumerate() {
            let Some(y) = place(window, 0, row, tap / window.kernel[1], height) else { continue };
            let line = &image[y * width..][..width];
            let (stride, shift) = (window.stride[1], tap % window.kernel[1] * window.dilation[1]);
            // The first and the last column of the output whose tap lies within the line.
            let first = window.pad[1].saturating_sub(shift).div_ceil(stride);
            let end = (width + window.pad[1]).saturating_sub(shift).div_ceil(stride).min(out_width);
            if first >= end {
                continue;
            }
            let from = first * stride + shift - window.pad[1];
            match stride {
                1 => {
                    let line = &line[from..][..end - first];
                    output[first..end].iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
                }
                stride => {
                    let line = line[from..].iter().step_by(stride);
                    output[first..end].iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
    }
}

pub(super) fn pool(window: &Window, take: Pool, image: View<'_>, output: &mut [f32], shape: &[usize]) -> Result<()> {
    let (&[batch, channels, height, width], &[same, still, out_height, out_width]) = (image.shape, shape) else {
        return Err(misfit());
    };
    if [same, still] != [batch, channels] {
        return Err(misfit());
    }
    let values = image.f32()?;
    let mut targets = output.iter_mut();
    for image in values.chunks(height * width).take(batch * channels) {
        for position in 0..out_height * out_width {
            let (row, column) = (position / out_width, position % out_width);
            let (mut count, mut sum, mut most) = (0usize, 0.0, f32::NEG_INFINITY);
            for tap_y in 0..window.kernel[0] {
                let Some(y) = place(window, 0, row, tap_y, height) else { continue };
                for tap_x in 0..window.kernel[1] {
                    let Some(x) = place(window, 1, column, tap_x, width) else { continue };
                    let value = image[y * width + x];
                    count += 1;
                    sum += value;
                    if value > most || value.is_nan() {
                        most = value;
                    }
                }
            }
            let target = targets.next().ok_or_else(misfit)?;
            *target = match take {
                Pool::Max => most,
                Pool::Mean => sum / count.max(1) as f32,
                Pool::MeanPadded => sum / (window.kernel[0] * window.kernel[1]) as f32,
            };
        }
    }
    Ok(())
}
