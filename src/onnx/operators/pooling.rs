//! Windows over images, and back: LpPool, GlobalLpPool, MaxUnpool and Col2Im.

use super::elements::{Places, mismatch, strides};
use super::shapes::{known, sizes};
use super::{Attributes, Fact, Family, ONNX, Operator, bounded, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "GlobalLpPool", |attributes| Ok(Box::new(GlobalLpPool { p: power(attributes)? }))),
    (ONNX, "LpPool", |attributes| Ok(Box::new(LpPool::new(attributes)?))),
    (ONNX, "MaxUnpool", |attributes| Ok(Box::new(MaxUnpool::new(attributes)?))),
    (ONNX, "Col2Im", |attributes| Ok(Box::new(Col2Im::new(attributes)?))),
];

/// What a node says of its windows. Empty lists stand for one stride, one dilation and no pads along each axis.
#[derive(Debug)]
pub(super) struct Windows {
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
}

impl Windows {
    pub(super) fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let list = |name, least: i64| {
            let value = |&value: &i64| usize::try_from(value).ok().filter(|_| value >= least && value <= 1 << 30);
            let values: Option<Vec<usize>> = attributes.ints(name).iter().map(value).collect();
            values.ok_or_else(|| attributes.refuse(name, format!("{:?} cannot be", attributes.ints(name))))
        };
        Ok(Self { strides: list("strides", 1)?, dilations: list("dilations", 1)?, pads: list("pads", 0)? })
    }

    /// Stride, dilation, and pads at the beginning and end of one of so many axes.
    pub(super) fn axis(&self, axis: usize, axes: usize) -> Result<(usize, usize, usize, usize)> {
        let at = |values: &[usize], place: usize, wanted: usize, default: usize| match values.len() {
            0 => Ok(default),
            len if len == wanted => Ok(values[place]),
            len => Err(mismatch(format!("{len} strides, dilations or pads for {axes} axes"))),
        };
        Ok((
            at(&self.strides, axis, axes, 1)?,
            at(&self.dilations, axis, axes, 1)?,
            at(&self.pads, axis, 2 * axes, 0)?,
            at(&self.pads, axes + axis, 2 * axes, 0)?,
        ))
    }
}

/// The kernel's sizes. Fails where there are none, or one is 0.
fn kernel(attributes: &Attributes<'_>) -> Result<Vec<usize>> {
    let given = attributes.ints("kernel_shape");
    let size = |&size: &i64| usize::try_from(size).ok().filter(|size| (1..=1 << 30).contains(size));
    let kernel: Option<Vec<usize>> = given.iter().map(size).collect();
    match kernel.filter(|kernel| !kernel.is_empty()) {
        Some(kernel) => {
            bounded(&kernel)?;
            Ok(kernel)
        }
        None => Err(attributes.refuse("kernel_shape", format!("{given:?} is no kernel"))),
    }
}

/// Which norm is meant: a whole number, or before version 2 any.
fn power(attributes: &Attributes<'_>) -> Result<f64> {
    let p = match attributes.opset {
        1 => attributes.float("p").unwrap_or(2.0).into(),
        _ => attributes.int("p").unwrap_or(2) as f64,
    };
    if p < 1.0 || p.is_nan() { Err(attributes.refuse("p", format!("there is no norm {p}"))) } else { Ok(p) }
}

/// `(Σ |x|^p)^(1/p)` over each image.
#[derive(Debug)]
struct GlobalLpPool {
    p: f64,
}

impl GlobalLpPool {
    fn shape(shape: &[usize]) -> Result<Vec<usize>> {
        let pooled = |(place, &size): (usize, &usize)| if place < 2 { size } else { 1 };
        match shape.len() {
            0..=2 => Err(mismatch(format!("the shape {shape:?} holds no images"))),
            _ => Ok(shape.iter().enumerate().map(pooled).collect()),
        }
    }
}

impl Operator for GlobalLpPool {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, Self::shape(&input.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = Self::shape(input.shape())?;
        let (images, size) = (shape[0] * shape[1], input.shape()[2..].iter().product::<usize>());
        let values = input.data().to_f64().ok_or_else(|| not_numbers(input))?;
        let norm = |image: usize| {
            let image = &values[image * size..][..size];
            image.iter().map(|value| value.abs().powf(self.p)).sum::<f64>().powf(1.0 / self.p)
        };
        let norms = (0..images).map(norm);
        let data = match input.element_type() {
            ElementType::F32 => Data::F32(norms.map(|norm| norm as f32).collect()),
            ElementType::F64 => Data::F64(norms.collect()),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

/// `(Σ |x|^p)^(1/p)` over each window.
#[derive(Debug)]
struct LpPool {
    p: f64,
    kernel: Vec<usize>,
    windows: Windows,
    padding: Padding,
    ceil: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Padding {
    Stated,
    Valid,
    SameUpper,
    SameLower,
}

/// How the windows lie along one axis.
#[derive(Debug)]
struct Axis {
    stride: usize,
    dilation: usize,
    before: usize,
    windows: usize,
}

impl LpPool {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let padding = match attributes.string("auto_pad").as_deref() {
            None | Some("NOTSET" | "") => Padding::Stated,
            Some("VALID") => Padding::Valid,
            Some("SAME_UPPER") => Padding::SameUpper,
            Some("SAME_LOWER") => Padding::SameLower,
            Some(other) => return Err(attributes.refuse("auto_pad", format!("there is no padding {other}"))),
        };
        let (p, kernel, windows) = (power(attributes)?, kernel(attributes)?, Windows::new(attributes)?);
        Ok(Self { p, kernel, windows, padding, ceil: attributes.flag("ceil_mode", false) })
    }

    fn axes(&self, shape: &[usize]) -> Result<Vec<Axis>> {
        let spatial = shape.get(2..).filter(|spatial| spatial.len() == self.kernel.len());
        let spatial = spatial.ok_or_else(|| mismatch(format!("a window of {:?} over {shape:?}", self.kernel)))?;
        let axis = |(place, (&size, &kernel)): (usize, (&usize, &usize))| {
            let (stride, dilation, before, after) = self.windows.axis(place, self.kernel.len())?;
            let reach = (kernel - 1).saturating_mul(dilation).saturating_add(1);
            let (before, after) = match self.padding {
                Padding::Stated => (before, after),
                Padding::Valid => (0, 0),
                Padding::SameUpper | Padding::SameLower => {
                    let needed = ((size.div_ceil(stride).max(1) - 1) * stride).saturating_add(reach);
                    let pads = needed.saturating_sub(size);
                    let less = pads / 2;
                    if self.padding == Padding::SameUpper { (less, pads - less) } else { (pads - less, less) }
                }
            };
            let free = size.checked_add(before).and_then(|size| size.checked_add(after)?.checked_sub(reach));
            let free = free.ok_or_else(|| mismatch(format!("a window of {reach} over {size} elements")))?;
            let mut windows = 1 + if self.ceil { free.div_ceil(stride) } else { free / stride };
            // A last window that begins behind the input and its first pads is none.
            if self.ceil && (windows - 1) * stride >= size + before {
                windows -= 1;
            }
            Ok(Axis { stride, dilation, before, windows })
        };
        spatial.iter().zip(&self.kernel).enumerate().map(axis).collect()
    }
}

fn pooled(shape: &[usize], axes: &[Axis]) -> Result<Vec<usize>> {
    let shape: Vec<usize> = shape[..2].iter().copied().chain(axes.iter().map(|axis| axis.windows)).collect();
    bounded(&shape)?;
    Ok(shape)
}

/// Counts an index up, the last axis first.
pub(super) fn advance(index: &mut [usize], sizes: impl DoubleEndedIterator<Item = usize> + ExactSizeIterator) {
    for (index, size) in index.iter_mut().zip(sizes).rev() {
        *index += 1;
        if *index < size {
            return;
        }
        *index = 0;
    }
}

impl Operator for LpPool {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, pooled(&input.shape, &self.axes(&input.shape)?)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let axes = self.axes(input.shape())?;
        let output = pooled(input.shape(), &axes)?;
        let values = input.data().to_f64().ok_or_else(|| not_numbers(input))?;
        let (spatial, steps) = (&input.shape()[2..], strides(&input.shape()[2..]));
        let (size, windows): (usize, usize) = (spatial.iter().product(), output[2..].iter().product());
        let taps: usize = self.kernel.iter().product();
        let mut norms = Vec::with_capacity(output.iter().product());
        for image in values.chunks(size.max(1)) {
            let mut window = vec![0; axes.len()];
            for _ in 0..windows {
                let mut tap = vec![0; axes.len()];
                let mut sum = 0.0;
                for _ in 0..taps {
                    let place = (0..axes.len()).try_fold(0, |place, axis| {
                        let Axis { stride, dilation, before, .. } = axes[axis];
                        let at = (window[axis] * stride + tap[axis] * dilation).checked_sub(before)?;
                        (at < spatial[axis]).then(|| place + at * steps[axis])
                    });
                    sum += place.map_or(0.0, |place| image[place].abs().powf(self.p));
                    advance(&mut tap, self.kernel.iter().copied());
                }
                norms.push(sum.powf(1.0 / self.p));
                advance(&mut window, axes.iter().map(|axis| axis.windows));
            }
        }
        let data = match input.element_type() {
            ElementType::F32 => Data::F32(norms.into_iter().map(|norm| norm as f32).collect()),
            ElementType::F64 => Data::F64(norms),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(output, data)?])
    }
}

/// Puts values back where MaxPool found them; zeros elsewhere.
#[derive(Debug)]
struct MaxUnpool {
    kernel: Vec<usize>,
    windows: Windows,
    shape: Option<usize>,
}

impl MaxUnpool {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        Ok(Self { kernel: kernel(attributes)?, windows: Windows::new(attributes)?, shape: attributes.input(2) })
    }

    /// The shape that the attributes tell, in which the indices count, and the one that is given out.
    fn shapes(&self, input: &[usize], stated: Option<Vec<i64>>) -> Result<(Vec<usize>, Vec<usize>)> {
        let wrong = || mismatch(format!("the shape {input:?} cannot be unpooled to {stated:?}"));
        if input.len() != self.kernel.len() + 2 {
            return Err(wrong());
        }
        let mut inferred = input.to_vec();
        for (place, &kernel) in self.kernel.iter().enumerate() {
            let (stride, _, before, after) = self.windows.axis(place, self.kernel.len())?;
            let steps = input[place + 2].checked_sub(1).and_then(|steps| steps.checked_mul(stride));
            let size = steps.and_then(|size| size.checked_add(kernel)?.checked_sub(before)?.checked_sub(after));
            inferred[place + 2] = size.ok_or_else(wrong)?;
        }
        bounded(&inferred)?;
        let output = match &stated {
            None => inferred.clone(),
            Some(stated) => sizes(stated)?,
        };
        if output.len() != inferred.len() || output.iter().zip(&inferred).any(|(output, inferred)| output < inferred) {
            return Err(wrong());
        }
        Ok((inferred, output))
    }
}

impl Operator for MaxUnpool {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let stated = self.shape.map(|place| known(inputs, Some(place))).transpose()?;
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, self.shapes(&input.shape, stated)?.1)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, indices) = (required(inputs, Some(0))?, integers(required(inputs, Some(1))?)?);
        let stated = self.shape.map(|place| required(inputs, Some(place)).and_then(integers)).transpose()?;
        let (inferred, output) = self.shapes(input.shape(), stated)?;
        // Where an element of the inferred shape lies in the output.
        let places: Vec<usize> = Places::new(&inferred, strides(&output))?.collect();
        let place = |&index: &i64| usize::try_from(index).ok().and_then(|index| places.get(index).copied());
        let targets: Option<Vec<usize>> = indices.iter().map(place).collect();
        let targets = targets.filter(|targets| targets.len() == input.data().len());
        let targets = targets.ok_or_else(|| mismatch(format!("indices that do not lie in {inferred:?}")))?;
        let elements = bounded(&output)?;
        macro_rules! put {
            ($variant:ident, $values:expr) => {{
                let mut output = vec![0.0; elements];
                targets.iter().zip($values).for_each(|(&target, &value)| output[target] = value);
                Data::$variant(output)
            }};
        }
        let data = match input.data() {
            Data::F32(values) => put!(F32, values),
            Data::F64(values) => put!(F64, values),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(output, data)?])
    }
}

/// Adds up blocks to an image, each where it came from.
#[derive(Debug)]
struct Col2Im {
    windows: Windows,
}

impl Col2Im {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        Ok(Self { windows: Windows::new(attributes)? })
    }

    /// The output's shape, and how many blocks lie along each axis.
    fn shapes(&self, input: &[usize], image: &[usize], block: &[usize]) -> Result<(Vec<usize>, Vec<usize>)> {
        let wrong = || mismatch(format!("columns of {input:?} are no blocks of {block:?} in an image of {image:?}"));
        let area = block.iter().try_fold(1usize, |area, &size| area.checked_mul(size)).ok_or_else(wrong)?;
        let &[batch, rows, columns] = input else { return Err(wrong()) };
        if area == 0 || !rows.is_multiple_of(area) || image.len() != block.len() {
            return Err(wrong());
        }
        let axes = image.len();
        let blocks = image.iter().zip(block).enumerate().map(|(place, (&image, &block))| {
            let (stride, dilation, before, after) = self.windows.axis(place, axes)?;
            let reach = (block - 1).saturating_mul(dilation).saturating_add(1);
            let free = (image + before + after).checked_sub(reach).ok_or_else(wrong)?;
            Ok(free / stride + 1)
        });
        let blocks: Vec<usize> = blocks.collect::<Result<_>>()?;
        if blocks.iter().try_fold(1usize, |product, &count| product.checked_mul(count)) != Some(columns) {
            return Err(wrong());
        }
        let output: Vec<usize> = [batch, rows / area].into_iter().chain(image.iter().copied()).collect();
        bounded(&output)?;
        Ok((output, blocks))
    }
}

impl Operator for Col2Im {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        let (image, block) = (sizes(&known(inputs, Some(1))?)?, sizes(&known(inputs, Some(2))?)?);
        Ok(vec![Fact::new(input.element, self.shapes(&input.shape, &image, &block)?.0)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let list = |place| required(inputs, Some(place)).and_then(integers).and_then(|values| sizes(&values));
        let (input, image, block) = (required(inputs, Some(0))?, list(1)?, list(2)?);
        let (output, blocks) = self.shapes(input.shape(), &image, &block)?;
        let windows: Vec<_> =
            (0..image.len()).map(|axis| self.windows.axis(axis, image.len())).collect::<Result<_>>()?;
        let steps = strides(&image);
        let (area, columns): (usize, usize) = (block.iter().product(), blocks.iter().product());
        // Where each element of a channel's columns goes; nowhere when it lies in the pads.
        let mut targets = Vec::with_capacity(bounded(&[area, columns])?);
        let mut tap = vec![0; block.len()];
        for _ in 0..area {
            let mut at = vec![0; blocks.len()];
            for _ in 0..columns {
                targets.push((0..image.len()).try_fold(0, |place, axis| {
                    let (stride, dilation, before, _) = windows[axis];
                    let index = (at[axis] * stride + tap[axis] * dilation).checked_sub(before)?;
                    (index < image[axis]).then(|| place + index * steps[axis])
                }));
                advance(&mut at, blocks.iter().copied());
            }
            advance(&mut tap, block.iter().copied());
        }
        let size: usize = image.iter().product();
        let elements = bounded(&output)?;
        macro_rules! add {
            ($variant:ident, $values:expr) => {{
                let mut sums = vec![Default::default(); elements];
                for (column, sums) in $values.chunks(targets.len().max(1)).zip(sums.chunks_mut(size.max(1))) {
                    for (value, target) in column.iter().zip(&targets) {
                        if let Some(target) = *target {
                            sums[target] += value;
                        }
                    }
                }
                Data::$variant(sums)
            }};
        }
        let data = match input.data() {
            Data::F32(values) => add!(F32, values),
            Data::F64(values) => add!(F64, values),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(output, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    fn ints(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap()
    }

    fn windows(strides: &[usize], pads: &[usize]) -> Windows {
        Windows { strides: strides.to_vec(), dilations: vec![], pads: pads.to_vec() }
    }

    #[test]
    fn windows_have_a_norm() {
        let pool = |padding, ceil, strides: &[usize], pads: &[usize]| {
            let pool = LpPool { p: 2.0, kernel: vec![2], windows: windows(strides, pads), padding, ceil };
            pool.run(&[floats(&[1, 1, 3], &[3.0, -4.0, 12.0])]).unwrap().remove(0).into_data().to_f64().unwrap()
        };
        let diagonal = f64::from(160f32.sqrt());
        assert_eq!(pool(Padding::Stated, false, &[], &[]), [5.0, diagonal]);
        assert_eq!(pool(Padding::Stated, false, &[2], &[1, 0]), [3.0, diagonal]);
        assert_eq!(pool(Padding::Stated, true, &[2], &[]), [5.0, 12.0]);
        assert_eq!(pool(Padding::SameUpper, false, &[], &[]), [5.0, diagonal, 12.0]);
        assert_eq!(pool(Padding::SameLower, false, &[], &[]), [3.0, 5.0, diagonal]);
    }

    #[test]
    fn values_go_back_to_where_they_were_found() {
        let unpool = MaxUnpool { kernel: vec![2], windows: windows(&[2], &[]), shape: Some(2) };
        let inputs = |index| [floats(&[1, 2, 1], &[5.0, 7.0]), ints(&[1, 2, 1], &[1, index]), ints(&[3], &[1, 2, 3])];
        assert_eq!(unpool.run(&inputs(2)).unwrap()[0], floats(&[1, 2, 3], &[0.0, 5.0, 0.0, 7.0, 0.0, 0.0]));
        assert!(unpool.run(&inputs(4)).is_err() && unpool.run(&inputs(-1)).is_err());
    }

    #[test]
    fn blocks_that_overlap_add_up() {
        let fold = Col2Im { windows: windows(&[], &[]) };
        let inputs = [floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]), ints(&[1], &[3]), ints(&[1], &[2])];
        assert_eq!(fold.run(&inputs).unwrap()[0], floats(&[1, 1, 3], &[1.0, 5.0, 4.0]));
        let inputs = [floats(&[1, 2, 2], &[0.0; 4]), ints(&[1], &[9]), ints(&[1], &[2])];
        assert!(fold.run(&inputs).is_err());
    }
}
