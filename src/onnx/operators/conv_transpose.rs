//! ConvTranspose with output sizes that tract cannot reach: where windows leave gaps between them.

use super::elements::{mismatch, strides};
use super::pooling::{Windows, advance};
use super::{Attributes, Fact, Family, ONNX, Operator, bounded, floats, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "ConvTranspose", |attributes| Ok(Box::new(ConvTranspose::new(attributes)?)))];

/// Whether tract's own is right: it reckons with pads that are never negative.
pub fn is_plain(node: &NodeProto) -> bool {
    let attributes = Attributes::new(node, 0);
    let same = attributes.string("auto_pad").is_some_and(|pads| pads.starts_with("SAME"));
    let (kernel, strides) = (attributes.ints("kernel_shape"), attributes.ints("strides"));
    let dilations = attributes.ints("dilations");
    let reaches = |(place, &kernel): (usize, &i64)| {
        let dilation = dilations.get(place).copied().unwrap_or(1);
        kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1) >= strides.get(place).copied().unwrap_or(1)
    };
    !attributes.has("output_shape") && (!same || (!kernel.is_empty() && kernel.iter().enumerate().all(reaches)))
}

#[derive(Debug)]
struct ConvTranspose {
    windows: Windows,
    groups: usize,
    padding: Padding,
    /// How much longer each axis of the output is made at its end.
    extra: Vec<i64>,
    output: Option<Vec<i64>>,
    bias: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Padding {
    Stated,
    Valid,
    SameUpper,
    SameLower,
}

/// How one axis grows.
#[derive(Debug, Clone, Copy)]
struct Axis {
    stride: usize,
    dilation: usize,
    before: usize,
    size: usize,
}

impl ConvTranspose {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let groups = attributes.int("group").unwrap_or(1);
        let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
        let padding = match attributes.string("auto_pad").as_deref() {
            None | Some("NOTSET" | "") => Padding::Stated,
            Some("VALID") => Padding::Valid,
            Some("SAME_UPPER") => Padding::SameUpper,
            Some("SAME_LOWER") => Padding::SameLower,
            Some(other) => return Err(attributes.refuse("auto_pad", format!("there is no padding {other}"))),
        };
        Ok(Self {
            windows: Windows::new(attributes)?,
            groups: groups.ok_or_else(|| attributes.refuse("group", "a positive number is needed"))?,
            padding,
            extra: attributes.ints("output_padding"),
            output: attributes.has("output_shape").then(|| attributes.ints("output_shape")),
            bias: attributes.input(2),
        })
    }

    /// The axes and the output's shape.
    fn axes(&self, image: &[usize], kernel: &[usize], bias: Option<&[usize]>) -> Result<(Vec<Axis>, Vec<usize>)> {
        let wrong = || mismatch(format!("images {image:?}, kernels {kernel:?} and bias {bias:?} do not fit"));
        let (&[batch, channels, ref sizes @ ..], &[same, made, ref kernel @ ..]) = (image, kernel) else {
            return Err(wrong());
        };
        let made = made.checked_mul(self.groups).ok_or_else(wrong)?;
        let count = sizes.len();
        if channels != same
            || !channels.is_multiple_of(self.groups)
            || count != kernel.len()
            || bias.is_some_and(|bias| *bias != [made])
        {
            return Err(wrong());
        }
        let axis = |place: usize| {
            let (stride, dilation, head, tail) = self.windows.axis(place, count).ok()?;
            let extra = self.extra.get(place).copied().unwrap_or_default();
            let reach =
                (kernel[place] as i64 - 1).checked_mul(dilation as i64)?.checked_add(1).filter(|&reach| reach > 0)?;
            let whole = (sizes[place] as i64 - 1).checked_mul(stride as i64)?.checked_add(reach)?.checked_add(extra)?;
            let whole = Some(whole).filter(|&whole| whole <= 1 << 30)?;
            let stated = match &self.output {
                // The shape may name batch and channels too.
                Some(shape) => Some(*shape.get((shape.len() + place).checked_sub(count)?)?),
                None if matches!(self.padding, Padding::SameUpper | Padding::SameLower) => {
                    Some((sizes[place] as i64).checked_mul(stride as i64)?)
                }
                None => None,
            };
            let (before, size) = match stated {
                Some(wanted) => {
                    let cut = (whole - wanted).max(0);
                    let less = cut / 2;
                    let before = if self.padding == Padding::SameUpper { less } else { cut - less };
                    (before, if self.output.is_some() { wanted } else { whole - cut })
                }
                None if self.padding == Padding::Valid => (0, whole),
                None => (head as i64, whole - head as i64 - tail as i64),
            };
            Some(Axis { stride, dilation, before: usize::try_from(before).ok()?, size: usize::try_from(size).ok()? })
        };
        let axis = |place| axis(place).ok_or_else(wrong);
        let axes: Vec<Axis> = (0..count).map(axis).collect::<Result<_>>()?;
        let shape: Vec<usize> = [batch, made].into_iter().chain(axes.iter().map(|axis| axis.size)).collect();
        bounded(&shape)?;
        Ok((axes, shape))
    }
}

impl Operator for ConvTranspose {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).map(|fact| fact.shape.as_slice());
        let (_, shape) = self.axes(at(0)?, at(1)?, self.bias.map(at).transpose()?)?;
        Ok(vec![Fact::new(inputs[0].element, shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (input, kernel, bias) = (at(0)?, at(1)?, self.bias.map(at).transpose()?);
        let (axes, shape) = self.axes(input.shape(), kernel.shape(), bias.map(Tensor::shape))?;
        if input.element_type() != ElementType::F32 {
            return Err(not_numbers(input));
        }
        let (images, kernels, bias) = (floats(input)?, floats(kernel)?, bias.map(floats).transpose()?);
        let (channels, spatial, taps) = (input.shape()[1], &input.shape()[2..], &kernel.shape()[2..]);
        let (size, made, steps) = (spatial.iter().product::<usize>(), shape[1], strides(&shape[2..]));
        let (area, per_kernel) = (shape[2..].iter().product::<usize>(), taps.iter().product::<usize>());
        let (in_group, out_group) = (channels / self.groups, made / self.groups);
        let mut output = vec![0.0; bounded(&shape)?];
        if let Some(bias) = &bias {
            output.chunks_mut(area.max(1)).enumerate().for_each(|(image, values)| values.fill(bias[image % made]));
        }
        let mut tap = vec![0; taps.len()];
        for number in 0..per_kernel {
            // Where each element of an image goes through this tap of the kernel.
            let mut index = vec![0; spatial.len()];
            let mut targets = Vec::with_capacity(size);
            for _ in 0..size {
                targets.push((0..axes.len()).try_fold(0, |place, axis| {
                    let Axis { stride, dilation, before, size } = axes[axis];
                    let at = (index[axis] * stride + tap[axis] * dilation).checked_sub(before)?;
                    (at < size).then(|| place + at * steps[axis])
                }));
                advance(&mut index, spatial.iter().copied());
            }
            for (image, values) in images.chunks(size.max(1)).enumerate() {
                let (sample, channel) = (image / channels, image % channels);
                let group = channel / in_group;
                for own in 0..out_group {
                    let weight = kernels[(channel * out_group + own) * per_kernel + number];
                    let sums = &mut output[(sample * made + group * out_group + own) * area..][..area];
                    for (value, target) in values.iter().zip(&targets) {
                        if let Some(target) = *target {
                            sums[target] += value * weight;
                        }
                    }
                }
            }
            advance(&mut tap, taps.iter().copied());
        }
        Ok(vec![Tensor::new(shape, Data::F32(output))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats_of(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    fn conv(strides: &[i64], padding: Padding, output: Option<Vec<i64>>) -> ConvTranspose {
        let attribute =
            tract_onnx::pb::AttributeProto { name: "strides".to_owned(), ints: strides.to_vec(), ..Default::default() };
        let node = NodeProto { attribute: vec![attribute], ..NodeProto::default() };
        ConvTranspose { padding, output, ..ConvTranspose::new(&Attributes::new(&node, 20)).unwrap() }
    }

    #[test]
    fn windows_overlap_or_leave_gaps() {
        let run = |conv: ConvTranspose, kernel: &[f32]| {
            let inputs = [floats_of(&[1, 1, 2], &[1.0, 2.0]), floats_of(&[1, 1, kernel.len()], kernel)];
            floats(&conv.run(&inputs).unwrap()[0]).unwrap()
        };
        assert_eq!(run(conv(&[1], Padding::Stated, None), &[1.0, 10.0]), [1.0, 12.0, 20.0]);
        assert_eq!(run(conv(&[3], Padding::SameUpper, None), &[1.0]), [1.0, 0.0, 0.0, 2.0]);
        assert_eq!(run(conv(&[2], Padding::Stated, Some(vec![5])), &[1.0]), [1.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(run(conv(&[1], Padding::SameUpper, None), &[1.0, 10.0]), [1.0, 12.0]);
        assert_eq!(run(conv(&[1], Padding::SameLower, None), &[1.0, 10.0]), [12.0, 20.0]);
    }

    #[test]
    fn hostile_sizes_are_refused() {
        for (strides, output) in
            [([i64::MAX >> 34].as_slice(), None), (&[1], Some(vec![1 << 40])), (&[1], Some(vec![-1]))]
        {
            let inputs = [floats_of(&[1, 1, 2], &[1.0, 2.0]), floats_of(&[1, 1, 1], &[1.0])];
            assert!(conv(strides, Padding::Stated, output).run(&inputs).is_err());
        }
    }
}
