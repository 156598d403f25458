//! Resize and Upsample: one axis after the other, each by a table of neighbours and weights.
//!
//! Coordinates are computed in float32, as onnxruntime does, so that ties fall to the same side.

use super::elements::{Real, around, mismatch};
use super::{
    Attributes, Fact, Family, ONNX, Operator, axis, bounded, depends_on_values, floats, integers, not_numbers, required,
};
use crate::error::Result;
use crate::tensor::{Data, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "Resize", |attributes| Ok(Box::new(Resize::new(attributes)?))),
    (ONNX, "Upsample", |attributes| Ok(Box::new(Resize::new(attributes)?))),
];

#[derive(Debug)]
struct Resize {
    mode: Mode,
    coordinates: Coordinates,
    nearest: Nearest,
    /// The slope of cubic curves.
    cubic: f32,
    antialias: bool,
    /// Whether neighbours outside the tensor do not count; otherwise the edge stands for them.
    exclude_outside: bool,
    extrapolation: f32,
    policy: Policy,
    axes: Option<Vec<i64>>,
    /// The scales where they are an attribute: Upsample before version 9.
    stated: Option<Vec<f32>>,
    roi: Option<usize>,
    scales: Option<usize>,
    sizes: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    Crop,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Nearest {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// Before version 11: down when growing, up when shrinking.
    Simple,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    Stretch,
    NotLarger,
    NotSmaller,
}

/// One axis: from how many to how many elements, by which scale, and the part that is cropped.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    from: usize,
    to: usize,
    scale: f32,
    crop: (f32, f32),
}

impl Span {
    fn is_identity(&self) -> bool {
        self.from == self.to && self.scale == 1.0 && self.crop == (0.0, 1.0)
    }
}

/// What one element along an axis is made of: a value from outside, or neighbours from the first on with their weights.
struct Tap {
    neighbours: Vec<(usize, f32)>,
    outside: bool,
}

impl Resize {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let old = attributes.opset < 11 || attributes.operator() == "Upsample";
        let unknown = |name: &str, value: &str| attributes.refuse(name, format!("there is no mode {value}"));
        let mode = match attributes.string("mode").as_deref() {
            None | Some("nearest") => Mode::Nearest,
            Some("linear" | "bilinear") => Mode::Linear,
            Some("cubic") => Mode::Cubic,
            Some(other) => return Err(unknown("mode", other)),
        };
        let coordinates = match attributes.string("coordinate_transformation_mode").as_deref() {
            None if old => Coordinates::Asymmetric,
            None | Some("half_pixel") => Coordinates::HalfPixel,
            Some("half_pixel_symmetric") => Coordinates::HalfPixelSymmetric,
            Some("pytorch_half_pixel") => Coordinates::PytorchHalfPixel,
            Some("align_corners") => Coordinates::AlignCorners,
            Some("asymmetric") => Coordinates::Asymmetric,
            Some("tf_crop_and_resize") => Coordinates::Crop,
            Some(other) => return Err(unknown("coordinate_transformation_mode", other)),
        };
        let nearest = match attributes.string("nearest_mode").as_deref() {
            None if old => Nearest::Simple,
            None | Some("round_prefer_floor") => Nearest::PreferFloor,
            Some("round_prefer_ceil") => Nearest::PreferCeil,
            Some("floor") => Nearest::Floor,
            Some("ceil") => Nearest::Ceil,
            Some(other) => return Err(unknown("nearest_mode", other)),
        };
        let policy = match attributes.string("keep_aspect_ratio_policy").as_deref() {
            None | Some("stretch") => Policy::Stretch,
            Some("not_larger") => Policy::NotLarger,
            Some("not_smaller") => Policy::NotSmaller,
            Some(other) => return Err(unknown("keep_aspect_ratio_policy", other)),
        };
        let stated = attributes.has("scales").then(|| attributes.floats("scales"));
        let (roi, scales, sizes) = match old {
            true => (None, attributes.input(1), None),
            false => (attributes.input(1), attributes.input(2), attributes.input(3)),
        };
        Ok(Self {
            mode,
            coordinates,
            nearest,
            cubic: attributes.float("cubic_coeff_a").unwrap_or(-0.75),
            antialias: attributes.flag("antialias", false),
            exclude_outside: attributes.flag("exclude_outside", false),
            extrapolation: attributes.float("extrapolation_value").unwrap_or_default(),
            policy,
            axes: attributes.has("axes").then(|| attributes.ints("axes")),
            stated,
            roi: roi.filter(|_| coordinates == Coordinates::Crop),
            scales,
            sizes,
        })
    }

    /// What happens along each axis, where scales, sizes and region are given: of these, empty ones count as absent.
    fn spans(&self, shape: &[usize], scales: &[f32], sizes: &[i64], roi: &[f32]) -> Result<Vec<Span>> {
        let wrong = || mismatch(format!("the shape {shape:?} cannot be resized by {scales:?} or to {sizes:?}"));
        let axes: Vec<usize> = match &self.axes {
            Some(axes) => axes.iter().map(|&place| axis(place, shape.len())).collect::<Result<_>>()?,
            None => (0..shape.len()).collect(),
        };
        let mut spans: Vec<Span> =
            shape.iter().map(|&size| Span { from: size, to: size, scale: 1.0, crop: (0.0, 1.0) }).collect();
        if !sizes.is_empty() {
            if sizes.len() != axes.len() {
                return Err(wrong());
            }
            for (&place, &size) in axes.iter().zip(sizes) {
                let to = usize::try_from(size).map_err(|_| wrong())?;
                let scale = if to == spans[place].from { 1.0 } else { to as f32 / spans[place].from as f32 };
                spans[place] = Span { to, scale, ..spans[place] };
            }
            let scales = axes.iter().map(|&place| spans[place].scale);
            let kept = match self.policy {
                Policy::Stretch => None,
                Policy::NotLarger => scales.reduce(f32::min),
                Policy::NotSmaller => scales.reduce(f32::max),
            };
            for &place in axes.iter().filter(|_| kept.is_some()) {
                let scale = kept.unwrap_or(1.0);
                let to = (scale * spans[place].from as f32 + 0.5).floor() as usize;
                spans[place] = Span { to, scale, ..spans[place] };
            }
        } else {
            if scales.len() != axes.len() {
                return Err(wrong());
            }
            for (&place, &scale) in axes.iter().zip(scales) {
                if scale.is_nan() || scale <= 0.0 {
                    return Err(wrong());
                }
                let to = (spans[place].from as f32 * scale).floor() as usize;
                spans[place] = Span { to, scale, ..spans[place] };
            }
        }
        if self.coordinates == Coordinates::Crop {
            if roi.len() != 2 * axes.len() {
                return Err(mismatch(format!("a region of {} numbers for {} axes", roi.len(), axes.len())));
            }
            for (index, &place) in axes.iter().enumerate() {
                spans[place].crop = (roi[index], roi[index + axes.len()]);
            }
        }
        bounded(&spans.iter().map(|span| span.to).collect::<Vec<_>>())?;
        match spans.iter().any(|span| span.from == 0 && span.to > 0) {
            true => Err(wrong()),
            false => Ok(spans),
        }
    }

    /// Where an element of the output lies in the input.
    fn origin(&self, at: usize, span: &Span) -> f32 {
        let (x, from) = (at as f32, span.from as f32);
        // The length as the scale tells it, which may be no whole number.
        let length = span.scale * from;
        match self.coordinates {
            Coordinates::HalfPixel => (x + 0.5) / span.scale - 0.5,
            Coordinates::PytorchHalfPixel if span.to <= 1 => 0.0,
            Coordinates::PytorchHalfPixel => (x + 0.5) / span.scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let offset = from / 2.0 * (1.0 - span.to as f32 / length);
                offset + (x + 0.5) / span.scale - 0.5
            }
            Coordinates::AlignCorners if length == 1.0 => 0.0,
            Coordinates::AlignCorners => x * (from - 1.0) / (length - 1.0),
            Coordinates::Asymmetric => x / span.scale,
            Coordinates::Crop => {
                let (start, end) = span.crop;
                let inside = match span.to {
                    0 | 1 => 0.5 * (end - start) * (from - 1.0),
                    _ => x * (end - start) * (from - 1.0) / (length - 1.0),
                };
                start * (from - 1.0) + inside
            }
        }
    }

    fn taps(&self, span: &Span) -> Vec<Tap> {
        let last = span.from.saturating_sub(1);
        let clamp = |place: i64| place.clamp(0, last as i64) as usize;
        let tap = |at: usize| {
            let x = self.origin(at, span);
            if self.coordinates == Coordinates::Crop && (x < 0.0 || x > last as f32) {
                return Tap { neighbours: Vec::new(), outside: true };
            }
            if self.mode == Mode::Nearest {
                let place = match self.nearest {
                    Nearest::PreferFloor => (x - 0.5).ceil(),
                    Nearest::PreferCeil => (x + 0.5).floor(),
                    Nearest::Floor => x.floor(),
                    Nearest::Ceil => x.ceil(),
                    Nearest::Simple if span.scale < 1.0 => x.ceil(),
                    Nearest::Simple => x.floor(),
                };
                return Tap { neighbours: vec![(clamp(place as i64), 1.0)], outside: false };
            }
            // The neighbour on the left lies truly left of the point.
            let left = x.ceil() - 1.0;
            let (first, mut weights) = self.weights(x - left, span.scale);
            let place = |index: usize| (left as i64).saturating_add(first + index as i64);
            if self.exclude_outside {
                let outside = |index: usize| !(0..=last as i64).contains(&place(index));
                (0..weights.len()).filter(|&index| outside(index)).for_each(|index| weights[index] = 0.0);
                let sum: f32 = weights.iter().sum();
                weights.iter_mut().for_each(|weight| *weight /= if sum == 0.0 { 1.0 } else { sum });
            }
            let neighbours = weights.into_iter().enumerate().map(|(index, weight)| (clamp(place(index)), weight));
            Tap { neighbours: neighbours.filter(|(_, weight)| *weight != 0.0).collect(), outside: false }
        };
        (0..span.to).map(tap).collect()
    }

    /// The first neighbour, counted from the one on the left, and the weights from there on, for a point at this
    /// distance behind it.
    fn weights(&self, distance: f32, scale: f32) -> (i64, Vec<f32>) {
        let reach = if self.mode == Mode::Cubic { 2.0 } else { 1.0 };
        let curve = |x: f32| {
            let (x, a) = (x.abs(), self.cubic);
            match self.mode {
                Mode::Cubic if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
                Mode::Cubic if x < 2.0 => ((x - 5.0) * x + 8.0) * x * a - 4.0 * a,
                Mode::Cubic => 0.0,
                _ => (1.0 - x).max(0.0),
            }
        };
        if !self.antialias {
            let first = 1 - reach as i64;
            return (first, (first..=reach as i64).map(|index| curve(index as f32 - distance)).collect());
        }
        // Shrinking, the curve widens, so that every element counts.
        let scale = scale.clamp(1e-9, 1.0);
        let first = (-reach / scale).floor() as i64 + 1;
        let weights: Vec<f32> = (first..2 - first).map(|index| curve((index as f32 - distance) * scale)).collect();
        let sum: f32 = weights.iter().sum();
        (first, weights.into_iter().map(|weight| weight / sum).collect())
    }
}

/// Resizes one axis of float values.
fn blend<T: Real>(values: &[T], shape: &[usize], place: usize, taps: &[Tap], outside: T) -> Vec<T> {
    let (before, size, after) = around(shape, place);
    let mut output = Vec::with_capacity(before * taps.len() * after);
    for block in values.chunks(size * after).take(before) {
        for tap in taps {
            let start = output.len();
            output.resize(start + after, if tap.outside { outside } else { T::default() });
            for &(neighbour, weight) in &tap.neighbours {
                let weight = T::of(weight.into());
                let row = &block[neighbour * after..][..after];
                output[start..].iter_mut().zip(row).for_each(|(sum, &value)| *sum = *sum + weight * value);
            }
        }
    }
    output
}

/// Resizes one axis of any values by their nearest neighbours; nothing where one lies outside.
fn pick<T: Clone>(values: &[T], shape: &[usize], place: usize, taps: &[Tap]) -> Option<Vec<T>> {
    let (before, size, after) = around(shape, place);
    let mut output = Vec::with_capacity(before * taps.len() * after);
    for block in values.chunks(size * after).take(before) {
        for tap in taps {
            let &(neighbour, _) = tap.neighbours.first()?;
            output.extend_from_slice(&block[neighbour * after..][..after]);
        }
    }
    Some(output)
}

impl Resize {
    fn resized(&self, input: &Tensor, spans: &[Span]) -> Result<Tensor> {
        let mut shape = input.shape().to_vec();
        let mut data = input.data().clone();
        // Axes that shrink come first: there is less to do for the others.
        let mut order: Vec<usize> = (0..spans.len()).filter(|&place| !spans[place].is_identity()).collect();
        order.sort_by(|&a, &b| spans[a].scale.total_cmp(&spans[b].scale));
        let whole = !matches!(data, Data::F32(_) | Data::F64(_)) && self.mode != Mode::Nearest;
        if whole {
            data = Data::F32(floats(input)?);
        }
        for place in order {
            let taps = self.taps(&spans[place]);
            let outside = self.extrapolation;
            shape[place] = spans[place].to;
            bounded(&shape)?;
            let before = {
                let mut before = shape.clone();
                before[place] = spans[place].from;
                before
            };
            data = match data {
                Data::F32(values) => Data::F32(blend(&values, &before, place, &taps, outside)),
                Data::F64(values) => Data::F64(blend(&values, &before, place, &taps, outside.into())),
                Data::U8(values) => Data::U8(pick(&values, &before, place, &taps).ok_or_else(|| not_numbers(input))?),
                Data::I8(values) => Data::I8(pick(&values, &before, place, &taps).ok_or_else(|| not_numbers(input))?),
                Data::I32(values) => Data::I32(pick(&values, &before, place, &taps).ok_or_else(|| not_numbers(input))?),
                Data::I64(values) => Data::I64(pick(&values, &before, place, &taps).ok_or_else(|| not_numbers(input))?),
                Data::Bool(values) => {
                    Data::Bool(pick(&values, &before, place, &taps).ok_or_else(|| not_numbers(input))?)
                }
                _ => return Err(not_numbers(input)),
            };
        }
        if whole {
            let Data::F32(values) = data else { return Err(not_numbers(input)) };
            data = match input.data() {
                Data::U8(_) => Data::U8(values.into_iter().map(|value| value as u8).collect()),
                Data::I8(_) => Data::I8(values.into_iter().map(|value| value as i8).collect()),
                Data::I32(_) => Data::I32(values.into_iter().map(|value| value as i32).collect()),
                _ => return Err(not_numbers(input)),
            };
        }
        Tensor::new(shape, data)
    }
}

impl Operator for Resize {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        let value = |place: Option<usize>| match place {
            None => Ok(None),
            Some(place) => match inputs.get(place) {
                Some(fact) if fact.elements()? == 0 => Ok(None),
                Some(Fact { value: Some(value), .. }) => Ok(Some(value)),
                _ => Err(depends_on_values()),
            },
        };
        let scales = value(self.scales)?.map(floats).transpose()?.or_else(|| self.stated.clone()).unwrap_or_default();
        let sizes = value(self.sizes)?.map(integers).transpose()?.unwrap_or_default();
        // The region has no part in the shape.
        let any = vec![0.0; 2 * self.axes.as_ref().map_or(input.shape.len(), Vec::len)];
        let spans = self.spans(&input.shape, &scales, &sizes, &any)?;
        Ok(vec![Fact::new(input.element, spans.iter().map(|span| span.to).collect::<Vec<_>>())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let at =
            |place: Option<usize>| place.and_then(|place| inputs.get(place)).filter(|value| !value.data().is_empty());
        let scales = at(self.scales).map(floats).transpose()?.or_else(|| self.stated.clone()).unwrap_or_default();
        let sizes = at(self.sizes).map(integers).transpose()?.unwrap_or_default();
        let roi = at(self.roi).map(floats).transpose()?.unwrap_or_default();
        let spans = self.spans(input.shape(), &scales, &sizes, &roi)?;
        Ok(vec![self.resized(input, &spans)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, NodeProto};

    fn resize(texts: &[(&str, &str)]) -> Resize {
        let attribute = texts.iter().map(|(name, text)| AttributeProto {
            name: (*name).to_owned(),
            s: text.as_bytes().to_vec(),
            ..AttributeProto::default()
        });
        let node = NodeProto {
            op_type: "Resize".to_owned(),
            input: ["x", "", "", "sizes"].map(str::to_owned).to_vec(),
            attribute: attribute.collect(),
            ..NodeProto::default()
        };
        Resize::new(&Attributes::new(&node, 19)).unwrap()
    }

    fn to(resize: &Resize, values: &[f32], size: i64) -> Vec<f32> {
        let input = Tensor::new(vec![values.len()], Data::F32(values.to_vec())).unwrap();
        let size = Tensor::new(vec![1], Data::I64(vec![size])).unwrap();
        let fact = Fact { value: Some(size.clone()), ..Fact::new(size.element_type(), [1]) };
        let facts = resize.facts(&[Fact::new(input.element_type(), input.shape()), fact]).unwrap();
        let output = resize.run(&[input, size]).unwrap().remove(0);
        assert_eq!(output.shape(), facts[0].shape);
        floats(&output).unwrap()
    }

    #[test]
    fn each_mode_finds_its_neighbours() {
        assert_eq!(to(&resize(&[]), &[1.0, 2.0], 4), [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(to(&resize(&[("mode", "linear")]), &[1.0, 2.0], 4), [1.0, 1.25, 1.75, 2.0]);
        let corners = resize(&[("mode", "linear"), ("coordinate_transformation_mode", "align_corners")]);
        assert_eq!(to(&corners, &[1.0, 3.0], 3), [1.0, 2.0, 3.0]);
        let cubic = to(&resize(&[("mode", "cubic")]), &[1.0, 2.0, 4.0, 8.0], 4);
        assert_eq!(cubic, [1.0, 2.0, 4.0, 8.0]);
    }

    #[test]
    fn one_pixel_is_the_first_as_pytorch_has_it() {
        let pytorch = resize(&[("mode", "linear"), ("coordinate_transformation_mode", "pytorch_half_pixel")]);
        assert_eq!(to(&pytorch, &[1.0, 2.0, 4.0], 1), [1.0]);
        assert_eq!(to(&resize(&[("mode", "linear")]), &[1.0, 2.0, 4.0], 1), [2.0]);
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let input = Tensor::new(vec![1, 1], Data::F32(vec![1.0])).unwrap();
        let run = |sizes: [i64; 2]| {
            resize(&[]).run(&[input.clone(), Tensor::new(vec![2], Data::I64(sizes.to_vec())).unwrap()])
        };
        assert!(run([1 << 40, 1 << 40]).is_err() && run([-1, 1]).is_err());
        let empty = Tensor::new(vec![0], Data::F32(vec![])).unwrap();
        assert!(resize(&[]).run(&[empty, Tensor::new(vec![1], Data::I64(vec![2])).unwrap()]).is_err());
    }
}
