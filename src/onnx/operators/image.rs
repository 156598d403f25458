//! Sampling between pixels: RoiAlign, AffineGrid and DeformConv.

use super::elements::mismatch;
use super::pooling::{Windows, advance};
use super::shapes::{known, sizes};
use super::{Attributes, Fact, Family, ONNX, Operator, bounded, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "RoiAlign", |attributes| Ok(Box::new(RoiAlign::new(attributes)?))),
    (ONNX, "AffineGrid", |attributes| Ok(Box::new(AffineGrid { corners: attributes.flag("align_corners", false) }))),
    (ONNX, "DeformConv", |attributes| Ok(Box::new(DeformConv::new(attributes)?))),
];

/// The most points of one region that are sampled.
const MAX_POINTS: usize = 1 << 22;

/// The values of a float tensor as float64.
fn wide(tensor: &Tensor) -> Result<Vec<f64>> {
    match tensor.data() {
        Data::F64(values) => Ok(values.clone()),
        Data::F32(values) => Ok(values.iter().map(|&value| value.into()).collect()),
        _ => Err(not_numbers(tensor)),
    }
}

/// float64 values as the float type of an input.
fn like(input: &Tensor, shape: Vec<usize>, values: Vec<f64>) -> Result<Vec<Tensor>> {
    let data = match input.element_type() {
        ElementType::F64 => Data::F64(values),
        _ => Data::F32(values.into_iter().map(|value| value as f32).collect()),
    };
    Ok(vec![Tensor::new(shape, data)?])
}

/// Pools regions of images to one size, between the pixels.
#[derive(Debug)]
struct RoiAlign {
    height: usize,
    width: usize,
    /// How many points each pooled place samples along each axis; 0 for as many as it has pixels.
    points: usize,
    scale: f64,
    largest: bool,
    /// Whether coordinates count from the middle of pixels.
    half_pixel: bool,
}

/// The four pixels around a point, and how much each counts.
type Point = [(usize, f64); 4];

impl RoiAlign {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let size = |name, default: i64, least: i64| {
            let value = attributes.int(name).unwrap_or(default);
            let size = usize::try_from(value).ok().filter(|_| value >= least);
            size.ok_or_else(|| attributes.refuse(name, format!("{value} is no size")))
        };
        let largest = match attributes.string("mode").as_deref() {
            None | Some("avg") => false,
            Some("max") => true,
            Some(other) => return Err(attributes.refuse("mode", format!("there is no mode {other}"))),
        };
        let name = "coordinate_transformation_mode";
        let half_pixel = match attributes.string(name).as_deref() {
            None => attributes.opset >= 16,
            Some("half_pixel") => true,
            Some("output_half_pixel") => false,
            Some(other) => return Err(attributes.refuse(name, format!("there is no mode {other}"))),
        };
        Ok(Self {
            height: size("output_height", 1, 1)?,
            width: size("output_width", 1, 1)?,
            points: size("sampling_ratio", 0, 0)?,
            scale: attributes.float("spatial_scale").unwrap_or(1.0).into(),
            largest,
            half_pixel,
        })
    }

    fn shape(&self, image: &[usize], regions: &[usize], indices: &[usize]) -> Result<Vec<usize>> {
        match (image, regions, indices) {
            (&[_, channels, _, _], &[count, 4], &[same]) if count == same => {
                let shape = vec![count, channels, self.height, self.width];
                bounded(&shape)?;
                Ok(shape)
            }
            _ => Err(mismatch(format!("images {image:?}, regions {regions:?} and batch indices {indices:?}"))),
        }
    }

    /// The points of every pooled place of a region, as many for each.
    fn sampled(&self, region: &[f64], height: usize, width: usize, narrow: bool) -> Result<(Vec<Point>, usize)> {
        let shift = if self.half_pixel { 0.5 } else { 0.0 };
        // The number of points hangs on the last digit: float32 is rounded as float32.
        let round = |value: f64| if narrow { f64::from(value as f32) } else { value };
        let axis = |low: f64, high: f64, pooled: usize| {
            let [start, end] = [low, high].map(|at| round(round(at * self.scale) - shift));
            let size = round(end - start);
            let size = if self.half_pixel { size } else { size.max(1.0) };
            let step = round(size / pooled as f64);
            let points = if self.points > 0 { self.points } else { step.ceil().max(0.0) as usize };
            (start, step, points)
        };
        let (top, down, rows) = axis(region[1], region[3], self.height);
        let (left, across, columns) = axis(region[0], region[2], self.width);
        let most =
            rows.checked_mul(columns).and_then(|points| points.checked_mul(self.height)?.checked_mul(self.width));
        let most = most.filter(|&most| most <= MAX_POINTS);
        let most = most.ok_or_else(|| mismatch(format!("the region {region:?} has too many points to sample")))?;
        let mut points = Vec::with_capacity(most);
        for (row, column) in (0..self.height).flat_map(|row| (0..self.width).map(move |column| (row, column))) {
            for (inner_row, inner_column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let y = top + row as f64 * down + (inner_row as f64 + 0.5) * down / rows as f64;
                let x = left + column as f64 * across + (inner_column as f64 + 0.5) * across / columns as f64;
                points.push(around(y, x, height, width));
            }
        }
        Ok((points, rows * columns))
    }
}

/// The pixels around a point; none counts when it lies more than one pixel outside.
fn around(y: f64, x: f64, height: usize, width: usize) -> Point {
    let inside = |at: f64, size: usize| at >= -1.0 && at <= size as f64;
    if height == 0 || width == 0 || !inside(y, height) || !inside(x, width) {
        return [(0, 0.0); 4];
    }
    let split = |at: f64, size: usize| {
        let low = (at.max(0.0) as usize).min(size - 1);
        let high = (low + 1).min(size - 1);
        (low, high, if high == low { 0.0 } else { at.max(0.0) - low as f64 })
    };
    let ((top, bottom, y), (left, right, x)) = (split(y, height), split(x, width));
    [
        (top * width + left, (1.0 - y) * (1.0 - x)),
        (top * width + right, (1.0 - y) * x),
        (bottom * width + left, y * (1.0 - x)),
        (bottom * width + right, y * x),
    ]
}

impl Operator for RoiAlign {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).map(|fact| fact.shape.as_slice());
        Ok(vec![Fact::new(inputs[0].element, self.shape(at(0)?, at(1)?, at(2)?)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (input, regions, indices) = (at(0)?, at(1)?, at(2)?);
        let shape = self.shape(input.shape(), regions.shape(), indices.shape())?;
        let (images, regions, indices) = (wide(input)?, wide(regions)?, integers(indices)?);
        let &[batch, channels, height, width] = input.shape() else {
            return Err(mismatch("images of rank 4 are needed"));
        };
        let area = height * width;
        if area == 0 {
            return Err(mismatch("the images have no pixels"));
        }
        let mut output = Vec::with_capacity(bounded(&shape)?);
        for (region, &index) in regions.chunks(4).zip(&indices) {
            let index = usize::try_from(index).ok().filter(|&index| index < batch);
            let index = index.ok_or_else(|| mismatch(format!("a region of an image that is not among the {batch}")))?;
            let (points, each) = self.sampled(region, height, width, input.element_type() == ElementType::F32)?;
            for channel in 0..channels {
                let image = &images[(index * channels + channel) * area..][..area];
                if each == 0 {
                    output.resize(output.len() + self.height * self.width, 0.0);
                }
                for points in points.chunks(each.max(1)) {
                    let parts = |point: &Point| point.map(|(place, share)| share * image[place]);
                    output.push(match self.largest {
                        // As onnxruntime and the reference have it: the largest part, not the largest point.
                        true => points.iter().flat_map(parts).fold(f64::NEG_INFINITY, f64::max),
                        false => points.iter().map(|point| parts(point).iter().sum::<f64>()).sum::<f64>() / each as f64,
                    });
                }
            }
        }
        like(input, shape, output)
    }
}

/// The places that affine maps send the points of a grid to, each axis from −1 to 1.
#[derive(Debug)]
struct AffineGrid {
    /// Whether the ends are the middles of the outermost pixels, not their edges.
    corners: bool,
}

impl AffineGrid {
    fn shape(&self, maps: &[usize], size: &[i64]) -> Result<Vec<usize>> {
        let wrong = || mismatch(format!("maps of {maps:?} over a grid of {size:?}"));
        let size = sizes(size)?;
        let (&[batch, axes, columns], Some(grid)) = (maps, size.get(2..)) else { return Err(wrong()) };
        if !(2..=3).contains(&axes) || columns != axes + 1 || grid.len() != axes || size[0] != batch {
            return Err(wrong());
        }
        let shape: Vec<usize> = [batch].iter().chain(grid).chain([&axes]).copied().collect();
        bounded(&shape)?;
        Ok(shape)
    }
}

impl Operator for AffineGrid {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let maps = required(inputs, Some(0))?;
        Ok(vec![Fact::new(maps.element, self.shape(&maps.shape, &known(inputs, Some(1))?)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = self.shape(input.shape(), &integers(required(inputs, Some(1))?)?)?;
        let (maps, axes) = (wide(input)?, input.shape()[1]);
        let grid = &shape[1..=axes];
        let position = |index: usize, size: usize| match (self.corners, size) {
            // As PyTorch has it; the definition says nothing.
            (true, 1) => 0.0,
            (true, size) => 2.0 * index as f64 / (size - 1) as f64 - 1.0,
            (false, size) => (2.0 * index as f64 + 1.0) / size as f64 - 1.0,
        };
        let points: usize = grid.iter().product();
        let mut output = Vec::with_capacity(bounded(&shape)?);
        for map in maps.chunks(axes * (axes + 1)) {
            let mut index = vec![0; axes];
            for _ in 0..points {
                for row in map.chunks(axes + 1) {
                    // The map takes x first, the grid has it last.
                    let moved =
                        (0..axes).map(|axis| row[axis] * position(index[axes - 1 - axis], grid[axes - 1 - axis]));
                    output.push(moved.sum::<f64>() + row[axes]);
                }
                advance(&mut index, grid.iter().copied());
            }
        }
        like(input, shape, output)
    }
}

/// A convolution whose kernel looks at places moved by offsets, each weighted by a mask.
#[derive(Debug)]
struct DeformConv {
    windows: Windows,
    kernel: Option<Vec<i64>>,
    groups: usize,
    offset_groups: usize,
    bias: Option<usize>,
    mask: Option<usize>,
}

impl DeformConv {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let groups = |name| {
            let count = attributes.int(name).unwrap_or(1);
            let groups = usize::try_from(count).ok().filter(|&groups| groups > 0);
            groups.ok_or_else(|| attributes.refuse(name, format!("{count} groups")))
        };
        Ok(Self {
            windows: Windows::new(attributes)?,
            kernel: attributes.has("kernel_shape").then(|| attributes.ints("kernel_shape")),
            groups: groups("group")?,
            offset_groups: groups("offset_group")?,
            bias: attributes.input(3),
            mask: attributes.input(4),
        })
    }

    /// The output's shape, once everything fits.
    fn shape(&self, shapes: [&[usize]; 3], bias: Option<&[usize]>, mask: Option<&[usize]>) -> Result<Vec<usize>> {
        let [image, kernel, offset] = shapes;
        let wrong = || {
            mismatch(format!(
                "images {image:?}, kernels {kernel:?}, offsets {offset:?}, bias {bias:?} and mask {mask:?}"
            ))
        };
        let (&[batch, channels, ..], &[made, per_group, rows, columns], 4, 4) =
            (image, kernel, image.len(), offset.len())
        else {
            return Err(wrong());
        };
        let mut sizes = [0; 2];
        for axis in 0..2 {
            let (stride, dilation, before, after) = self.windows.axis(axis, 2)?;
            let reach =
                [rows, columns][axis].checked_sub(1).ok_or_else(wrong)?.saturating_mul(dilation).saturating_add(1);
            let free = (image[2 + axis] + before + after).checked_sub(reach).ok_or_else(wrong)?;
            sizes[axis] = free / stride + 1;
        }
        let taps = rows.checked_mul(columns).and_then(|taps| taps.checked_mul(2)?.checked_mul(self.offset_groups));
        let taps = taps.ok_or_else(wrong)? / 2;
        let fits = per_group.checked_mul(self.groups) == Some(channels)
            && made.is_multiple_of(self.groups)
            && channels.is_multiple_of(self.offset_groups)
            && self.kernel.as_ref().is_none_or(|stated| *stated == [rows as i64, columns as i64])
            && *offset == [batch, 2 * taps, sizes[0], sizes[1]]
            && bias.is_none_or(|bias| *bias == [made])
            && mask.is_none_or(|mask| *mask == [batch, taps, sizes[0], sizes[1]]);
        if !fits {
            return Err(wrong());
        }
        let shape = vec![batch, made, sizes[0], sizes[1]];
        bounded(&shape)?;
        Ok(shape)
    }
}

/// The value between pixels; zeros lie all around the image.
fn between(image: &[f64], height: usize, width: usize, y: f64, x: f64) -> f64 {
    let (top, left) = (y.floor(), x.floor());
    let (down, across) = (y - top, x - left);
    let pixel = |y: f64, x: f64| match y >= 0.0 && x >= 0.0 && y < height as f64 && x < width as f64 {
        true => image[y as usize * width + x as usize],
        false => 0.0,
    };
    let above = pixel(top, left) * (1.0 - across) + pixel(top, left + 1.0) * across;
    let below = pixel(top + 1.0, left) * (1.0 - across) + pixel(top + 1.0, left + 1.0) * across;
    above * (1.0 - down) + below * down
}

impl Operator for DeformConv {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).map(|fact| fact.shape.as_slice());
        let (bias, mask) = (self.bias.map(at).transpose()?, self.mask.map(at).transpose()?);
        Ok(vec![Fact::new(inputs[0].element, self.shape([at(0)?, at(1)?, at(2)?], bias, mask)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (bias, mask) = (self.bias.map(at).transpose()?, self.mask.map(at).transpose()?);
        let shapes = [at(0)?.shape(), at(1)?.shape(), at(2)?.shape()];
        let shape = self.shape(shapes, bias.map(Tensor::shape), mask.map(Tensor::shape))?;
        let (images, kernels, offsets) = (wide(at(0)?)?, wide(at(1)?)?, wide(at(2)?)?);
        let (bias, mask) = (bias.map(wide).transpose()?, mask.map(wide).transpose()?);
        let (&[_, channels, height, width], &[made, per_group, rows, columns]) = (shapes[0], shapes[1]) else {
            return Err(mismatch("images and kernels of rank 4 are needed"));
        };
        let [batch, _, down, across] = [shape[0], shape[1], shape[2], shape[3]];
        let windows = [self.windows.axis(0, 2)?, self.windows.axis(1, 2)?];
        let (taps, places) = (rows * columns, down * across);
        let mut output = vec![0.0; bounded(&shape)?];
        for (sample, place) in (0..batch).flat_map(|sample| (0..places).map(move |place| (sample, place))) {
            let (row, column) = (place / across, place % across);
            for channel in 0..channels {
                let image = &images[(sample * channels + channel) * height * width..][..height * width];
                let (group, within) = (channel / per_group, channel % per_group);
                let moved = sample * self.offset_groups + channel / (channels / self.offset_groups);
                for tap in 0..taps {
                    let offset = |axis: usize| offsets[((moved * taps + tap) * 2 + axis) * places + place];
                    let start = |axis: usize, window: usize, tap: usize| {
                        let (stride, dilation, before, _) = windows[axis];
                        (window * stride + tap * dilation) as f64 - before as f64
                    };
                    let (y, x) =
                        (start(0, row, tap / columns) + offset(0), start(1, column, tap % columns) + offset(1));
                    let weight = mask.as_ref().map_or(1.0, |mask| mask[(moved * taps + tap) * places + place]);
                    let value = between(image, height, width, y, x) * weight;
                    let own = made / self.groups;
                    for kernel in group * own..(group + 1) * own {
                        output[(sample * made + kernel) * places + place] +=
                            value * kernels[(kernel * per_group + within) * taps + tap];
                    }
                }
            }
        }
        if let Some(bias) = bias {
            output.chunks_mut(places.max(1)).enumerate().for_each(|(image, values)| {
                values.iter_mut().for_each(|value| *value += bias[image % made]);
            });
        }
        like(at(0)?, shape, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(shape: &[usize], values: &[f64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F64(values.to_vec())).unwrap()
    }

    fn ints(values: &[i64]) -> Tensor {
        Tensor::new(vec![values.len()], Data::I64(values.to_vec())).unwrap()
    }

    #[test]
    fn regions_are_sampled_between_pixels() {
        let align = RoiAlign { height: 1, width: 1, points: 1, scale: 1.0, largest: false, half_pixel: true };
        let image = doubles(&[1, 1, 2, 2], &[0.0, 1.0, 2.0, 3.0]);
        let run = |align: &RoiAlign, region: &[f64], index| {
            let outputs = align.run(&[image.clone(), doubles(&[1, 4], region), ints(&[index])]);
            outputs.map(|mut outputs| outputs.remove(0).into_data())
        };
        assert_eq!(run(&align, &[0.0, 0.0, 2.0, 2.0], 0).unwrap(), Data::F64(vec![1.5]));
        assert!(run(&align, &[0.0, 0.0, 2.0, 2.0], 1).is_err());
        let adaptive = RoiAlign { points: 0, ..align };
        assert!(run(&adaptive, &[0.0, 0.0, 1e9, 1e9], 0).is_err());
        assert_eq!(run(&adaptive, &[0.0, 0.0, -1.0, -1.0], 0).unwrap(), Data::F64(vec![0.0]));
        assert!(run(&adaptive, &[f64::NAN; 4], 0).is_ok());
    }

    #[test]
    fn grids_reach_the_edges_or_the_corners() {
        let grid = |corners| {
            let maps = doubles(&[1, 2, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 10.0]);
            AffineGrid { corners }.run(&[maps, ints(&[1, 1, 1, 2])]).unwrap().remove(0)
        };
        assert_eq!(grid(false), doubles(&[1, 1, 2, 2], &[-0.5, 10.0, 0.5, 10.0]));
        assert_eq!(grid(true), doubles(&[1, 1, 2, 2], &[-1.0, 10.0, 1.0, 10.0]));
    }

    #[test]
    fn kernels_look_where_the_offsets_point() {
        let node = tract_onnx::pb::NodeProto::default();
        let conv = DeformConv { mask: Some(3), ..DeformConv::new(&Attributes::new(&node, 22)).unwrap() };
        let image = doubles(&[1, 1, 1, 2], &[4.0, 8.0]);
        let offsets = doubles(&[1, 2, 1, 2], &[0.0, 0.5, 0.5, 0.0]);
        let inputs = [image, doubles(&[1, 1, 1, 1], &[2.0]), offsets, doubles(&[1, 1, 1, 2], &[1.0, 0.5])];
        assert_eq!(conv.run(&inputs).unwrap()[0], doubles(&[1, 1, 1, 2], &[12.0, 4.0]));
    }
}
