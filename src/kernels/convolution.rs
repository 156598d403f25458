//! Windows over images: what a convolution multiplies, channels that keep to themselves, and pooling.

use crate::product::Panels;

/// How windows lie over an image, along height and width. A signal is an image of height 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// What is added above and left.
    pub pad: [usize; 2],
}

/// What pooling takes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The largest value.
    Max,
    /// The mean of the values that are there.
    Mean,
    /// The mean, with what is added at the edges as zeros.
    MeanPadded,
}

/// Height and width of an image, and of what windows make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Of the image.
    pub size: [usize; 2],
    /// How many windows there are.
    pub windows: [usize; 2],
}

impl Window {
    /// Where one axis of a window reads: the place in the image, or nothing beyond its edges.
    fn place(&self, axis: usize, output: usize, tap: usize, size: usize) -> Option<usize> {
        let at = output * self.stride[axis] + tap * self.dilation[axis];
        at.checked_sub(self.pad[axis]).filter(|&at| at < size)
    }

    /// The windows along the width whose tap lies in the image, and where the first of them reads.
    fn inside(&self, tap: usize, image: Image) -> Option<(usize, usize, usize)> {
        let (stride, shift, [pad, width, windows]) =
            (self.stride[1], tap * self.dilation[1], [self.pad[1], image.size[1], image.windows[1]]);
        let first = pad.saturating_sub(shift).div_ceil(stride);
        let end = (width + pad).saturating_sub(shift).div_ceil(stride).min(windows);
        (first < end).then(|| (first, end, first * stride + shift - pad))
    }
}

/// The values that each tap of a window reads, over `channels` images one behind the other: a matrix of a row for each channel and
/// tap, and a column for each window, which filters are multiplied with.
pub fn patches(window: &Window, images: &[f32], image: Image) -> Panels {
    let [height, width] = image.size;
    let [kernel_height, kernel_width] = window.kernel;
    let channels = images.len() / (height * width).max(1);
    let mut panels = Panels::zeros(channels * kernel_height * kernel_width, image.windows[0] * image.windows[1]);
    if window.kernel == [1, 1] && window.stride == [1, 1] && window.pad == [0, 0] && image.size == image.windows {
        images.chunks_exact((height * width).max(1)).enumerate().for_each(|(row, line)| panels.write(row, 0, line));
        return panels;
    }
    let mut line = vec![0.0; image.windows[1]];
    let mut row = 0;
    for plane in images.chunks_exact(height * width) {
        for tap_y in 0..kernel_height {
            for tap_x in 0..kernel_width {
                if let Some((first, end, from)) = window.inside(tap_x, image) {
                    for out_y in 0..image.windows[0] {
                        let Some(y) = window.place(0, out_y, tap_y, height) else { continue };
                        let source = &plane[y * width + from..(y + 1) * width];
                        let column = out_y * image.windows[1] + first;
                        if window.stride[1] == 1 {
                            panels.write(row, column, &source[..end - first]);
                        } else {
                            let line = &mut line[..end - first];
                            line.iter_mut()
                                .zip(source.iter().step_by(window.stride[1]))
                                .for_each(|(to, from)| *to = *from);
                            panels.write(row, column, line);
                        }
                    }
                }
                row += 1;
            }
        }
    }
    panels
}

/// One channel with one filter: tap by tap over whole rows of the output, where the middle needs no question.
pub fn depthwise(window: &Window, plane: &[f32], image: Image, weights: &[f32], output: &mut [f32]) {
    let [height, width] = image.size;
    let taps: Vec<_> = (0..window.kernel[1]).map(|tap| window.inside(tap, image)).collect();
    output.fill(0.0);
    for (out_y, output) in output.chunks_mut(image.windows[1].max(1)).enumerate() {
        for (tap_y, weights) in weights.chunks_exact(window.kernel[1].max(1)).enumerate() {
            let Some(y) = window.place(0, out_y, tap_y, height) else { continue };
            let line = &plane[y * width..][..width];
            for (&weight, tap) in weights.iter().zip(&taps) {
                let Some((first, end, from)) = *tap else { continue };
                let sums = &mut output[first..end];
                match window.stride[1] {
                    1 => sums.iter_mut().zip(&line[from..]).for_each(|(sum, value)| *sum += weight * value),
                    2 => {
                        let (pairs, last) = line[from..].as_chunks::<2>();
                        let count = sums.len();
                        sums.iter_mut().zip(pairs).for_each(|(sum, [value, _])| *sum += weight * value);
                        if let ([value], Some(sum)) = (last, sums.get_mut(pairs.len()))
                            && count > pairs.len()
                        {
                            *sum += weight * value;
                        }
                    }
                    stride => {
                        let values = line[from..].iter().step_by(stride);
                        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                    }
                }
            }
        }
    }
}

/// Each window of one channel to one value: tap by tap over whole rows of the output.
pub fn pool(window: &Window, take: Pool, plane: &[f32], image: Image, output: &mut [f32]) {
    let [height, width] = image.size;
    let taps: Vec<_> = (0..window.kernel[1]).map(|tap| window.inside(tap, image)).collect();
    let most = take == Pool::Max;
    output.fill(if most { f32::NEG_INFINITY } else { 0.0 });
    // How many taps of each column lie in the image.
    let mut across = vec![0.0f32; image.windows[1]];
    taps.iter().flatten().for_each(|&(first, end, _)| across[first..end].iter_mut().for_each(|count| *count += 1.0));
    for (out_y, output) in output.chunks_mut(image.windows[1].max(1)).enumerate() {
        let mut down = 0.0;
        for y in (0..window.kernel[0]).filter_map(|tap| window.place(0, out_y, tap, height)) {
            down += 1.0;
            let line = &plane[y * width..][..width];
            for &(first, end, from) in taps.iter().flatten() {
                let pairs = output[first..end].iter_mut().zip(line[from..].iter().step_by(window.stride[1]));
                if most {
                    pairs.for_each(|(most, &value)| {
                        *most = if value > *most || value.is_nan() { value } else { *most };
                    });
                } else {
                    pairs.for_each(|(sum, &value)| *sum += value);
                }
            }
        }
        match take {
            Pool::Max => {}
            Pool::Mean => output.iter_mut().zip(&across).for_each(|(sum, &across)| {
                let count = across * down;
                *sum /= if count > 0.0 { count } else { 1.0 };
            }),
            Pool::MeanPadded => {
                let count = (window.kernel[0] * window.kernel[1]) as f32;
                output.iter_mut().for_each(|sum| *sum /= count);
            }
        }
    }
}
