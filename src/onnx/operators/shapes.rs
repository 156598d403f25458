//! Operators that move elements: Pad, CenterCropPad, Expand, Tile, SpaceToDepth and ReverseSequence. Sizes that a file
//! asks for are bounded before anything is allocated.

use super::elements::{Places, around, broadcast, every, every_pair, gather, mismatch, spread, strides};
use super::{
    Attributes, Fact, Family, ONNX, Operator, axis, bounded, depends_on_values, integers, not_numbers, required,
};
use crate::error::Result;
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "Pad", |attributes| Ok(Box::new(Pad::new(attributes)?))),
    (ONNX, "CenterCropPad", |attributes| Ok(Box::new(CenterCropPad::new(attributes)))),
    (ONNX, "Expand", |_| Ok(Box::new(Expand))),
    (ONNX, "Tile", |attributes| Ok(Box::new(Tile::new(attributes)?))),
    (ONNX, "SpaceToDepth", |attributes| Ok(Box::new(SpaceToDepth::new(attributes)?))),
    (ONNX, "ReverseSequence", |attributes| Ok(Box::new(ReverseSequence::new(attributes)))),
];

/// Whether tract's own SpaceToDepth is right: it knows one order of the depths only.
pub fn is_plain(node: &NodeProto) -> bool {
    Attributes::new(node, 0).string("mode").is_none_or(|mode| mode == "DCR")
}

/// The integers of an input that decides about shapes.
pub(super) fn known(inputs: &[Fact], place: Option<usize>) -> Result<Vec<i64>> {
    required(inputs, place)?.value.as_ref().map_or_else(|| Err(depends_on_values()), integers)
}

/// Sizes that a tensor holds. Fails with `wrong-shape` for negative ones.
pub(super) fn sizes(values: &[i64]) -> Result<Vec<usize>> {
    let size = |&value: &i64| usize::try_from(value).map_err(|_| mismatch(format!("{value} is no size: {values:?}")));
    let sizes: Vec<usize> = values.iter().map(size).collect::<Result<_>>()?;
    bounded(&sizes)?;
    Ok(sizes)
}

/// For each index along an axis of the output, the index of the input that it shows, or nothing for the fill value.
pub(super) type Table = Vec<Option<usize>>;

/// The elements of an output whose axes show those indices of the input.
fn shown<T: Clone>(values: &[T], shape: &[usize], tables: &[Table], fill: &T) -> Vec<T> {
    let Some((inner, outer)) = tables.split_last() else { return values.to_vec() };
    let steps = strides(shape);
    let count: usize = outer.iter().map(Vec::len).product();
    let mut output = Vec::with_capacity(count * inner.len());
    let mut index = vec![0; outer.len()];
    for _ in 0..count {
        let start = index
            .iter()
            .zip(outer)
            .zip(&steps)
            .try_fold(0, |start, ((&index, table), step)| table[index].map(|place| start + place * step));
        match start {
            Some(start) => {
                output.extend(inner.iter().map(|place| place.map_or(fill, |place| &values[start + place]).clone()));
            }
            None => output.resize(output.len() + inner.len(), fill.clone()),
        }
        for (index, table) in index.iter_mut().zip(outer).rev() {
            *index += 1;
            if *index < table.len() {
                break;
            }
            *index = 0;
        }
    }
    output
}

/// [`shown`] for data of any type; without a fill value the zero of the type stands in.
pub(super) fn show(input: &Tensor, tables: &[Table], fill: Option<&Tensor>) -> Result<Tensor> {
    let shape: Vec<usize> = tables.iter().map(Vec::len).collect();
    bounded(&shape)?;
    let data = match fill {
        Some(fill) => every_pair!(input.data(), fill.data(), values, fill => {
            shown(values, input.shape(), tables, fill.first().unwrap_or(&Default::default()))
        }),
        None => Some(every!(input.data(), values => shown(values, input.shape(), tables, &Default::default()))),
    };
    Tensor::new(shape, data.ok_or_else(|| not_numbers(input))?)
}

/// Adds elements around a tensor, or cuts them off where their number is negative.
#[derive(Debug)]
struct Pad {
    mode: PadMode,
    /// How many at the beginning and end of each axis, where they are no input: before version 11.
    pads: Option<Vec<i64>>,
    /// The fill value, where it is no input: before version 11.
    value: Option<f32>,
    fill: Option<usize>,
    axes: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum PadMode {
    Constant,
    Reflect,
    Edge,
    Wrap,
}

impl Pad {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let mode = match attributes.string("mode").as_deref() {
            None | Some("constant") => PadMode::Constant,
            Some("reflect") => PadMode::Reflect,
            Some("edge") => PadMode::Edge,
            Some("wrap") => PadMode::Wrap,
            Some(other) => return Err(attributes.refuse("mode", format!("there is no mode {other}"))),
        };
        let name = if attributes.opset == 1 { "paddings" } else { "pads" };
        let pads = (!attributes.has_input(1)).then(|| attributes.ints(name));
        Ok(Self { mode, pads, value: attributes.float("value"), fill: attributes.input(2), axes: attributes.input(3) })
    }

    fn tables(&self, shape: &[usize], pads: &[i64], axes: Option<&[i64]>) -> Result<Vec<Table>> {
        let places: Vec<usize> = match axes {
            Some(axes) => axes.iter().map(|&place| axis(place, shape.len())).collect::<Result<_>>()?,
            None => (0..shape.len()).collect(),
        };
        if pads.len() != 2 * places.len() {
            return Err(mismatch(format!("{} pads for {} axes", pads.len(), places.len())));
        }
        let mut around = vec![(0, 0); shape.len()];
        for (index, &place) in places.iter().enumerate() {
            around[place] = (pads[index], pads[index + places.len()]);
        }
        let padded: Option<Vec<usize>> = shape
            .iter()
            .zip(&around)
            .map(|(&size, &(left, right))| usize::try_from((size as i64).checked_add(left)?.checked_add(right)?).ok())
            .collect();
        let padded = padded.ok_or_else(|| mismatch(format!("the shape {shape:?} cannot be padded by {around:?}")))?;
        bounded(&padded)?;
        let tables = shape
            .iter()
            .zip(&around)
            .zip(&padded)
            .map(|((&size, &(left, right)), &length)| self.table(size, left, right, length));
        tables.collect()
    }

    /// What one axis shows: first it is cut, then padded.
    fn table(&self, size: usize, left: i64, right: i64, length: usize) -> Result<Table> {
        let (size, before) = (size as i64, left.max(0));
        let start = left.saturating_neg().max(0).min(size);
        let rest = (size - start).saturating_sub(right.saturating_neg().max(0)).max(0);
        if rest == 0 && length > 0 && self.mode != PadMode::Constant {
            return Err(mismatch(format!(
                "nothing to repeat along an axis of size {size} padded by {left} and {right}"
            )));
        }
        let show = |index: usize| {
            let index = index as i64 - before;
            let place = match self.mode {
                _ if (0..rest).contains(&index) => index,
                PadMode::Constant => return None,
                PadMode::Edge => index.clamp(0, rest - 1),
                PadMode::Wrap => index.rem_euclid(rest),
                PadMode::Reflect => {
                    let turn = (2 * (rest - 1)).max(1);
                    let place = index.rem_euclid(turn);
                    place.min(turn - place).min(rest - 1)
                }
            };
            usize::try_from(start + place).ok()
        };
        Ok((0..length).map(show).collect())
    }
}

impl Operator for Pad {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        let pads = self.pads.clone().map_or_else(|| known(inputs, Some(1)), Ok)?;
        let axes = self.axes.map(|axes| known(inputs, Some(axes))).transpose()?;
        let tables = self.tables(&input.shape, &pads, axes.as_deref())?;
        Ok(vec![Fact::new(input.element, tables.iter().map(Vec::len).collect::<Vec<_>>())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let pads = self.pads.clone().map_or_else(|| required(inputs, Some(1)).and_then(integers), Ok)?;
        let axes = self.axes.map(|axes| required(inputs, Some(axes)).and_then(integers)).transpose()?;
        let tables = self.tables(input.shape(), &pads, axes.as_deref())?;
        let value = match (input.data(), self.value) {
            (Data::F32(_), Some(value)) => Some(Tensor::cell(Data::F32(vec![value]))?),
            (Data::F64(_), Some(value)) => Some(Tensor::cell(Data::F64(vec![value.into()]))?),
            _ => None,
        };
        let fill = self.fill.map(|fill| required(inputs, Some(fill))).transpose()?.or(value.as_ref());
        Ok(vec![show(input, &tables, fill)?])
    }
}

/// Cuts or pads around the middle; where the difference is odd, one more at the end.
#[derive(Debug)]
struct CenterCropPad {
    axes: Option<Vec<i64>>,
}

impl CenterCropPad {
    fn new(attributes: &Attributes<'_>) -> Self {
        Self { axes: attributes.has("axes").then(|| attributes.ints("axes")) }
    }

    fn tables(&self, shape: &[usize], wanted: &[i64]) -> Result<Vec<Table>> {
        let wanted = sizes(wanted)?;
        let places: Vec<usize> = match &self.axes {
            Some(axes) => axes.iter().map(|&place| axis(place, shape.len())).collect::<Result<_>>()?,
            None => (0..shape.len()).collect(),
        };
        if places.len() != wanted.len() {
            return Err(mismatch(format!("{} sizes for {} axes", wanted.len(), places.len())));
        }
        let mut target = shape.to_vec();
        places.iter().zip(wanted).for_each(|(&place, wanted)| target[place] = wanted);
        bounded(&target)?;
        let table = |(&size, &target): (&usize, &usize)| {
            let (cut, before) = (size.saturating_sub(target) / 2, target.saturating_sub(size) / 2);
            let show = |index: usize| index.checked_sub(before).map(|index| index + cut).filter(|&index| index < size);
            (0..target).map(show).collect()
        };
        Ok(shape.iter().zip(&target).map(table).collect())
    }
}

impl Operator for CenterCropPad {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let tables = self.tables(&required(inputs, Some(0))?.shape, &known(inputs, Some(1))?)?;
        Ok(vec![Fact::new(inputs[0].element, tables.iter().map(Vec::len).collect::<Vec<_>>())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let tables = self.tables(input.shape(), &integers(required(inputs, Some(1))?)?)?;
        Ok(vec![show(input, &tables, None)?])
    }
}

/// Spreads a tensor to a shape, both ways.
#[derive(Debug)]
struct Expand;

impl Operator for Expand {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, broadcast(&input.shape, &sizes(&known(inputs, Some(1))?)?)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = broadcast(input.shape(), &sizes(&integers(required(inputs, Some(1))?)?)?)?;
        if shape == input.shape() {
            return Ok(vec![input.clone()]);
        }
        Ok(vec![Tensor::new(shape.clone(), gather(input.data(), spread(input.shape(), &shape)?))?])
    }
}

/// Repeats a tensor along its axes.
#[derive(Debug)]
struct Tile;

impl Tile {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        match attributes.opset {
            1..=5 => Err(attributes.refuse("repeats", "Tile of operator set 1 is not supported")),
            _ => Ok(Self),
        }
    }

    fn shape(shape: &[usize], repeats: &[usize]) -> Result<Vec<usize>> {
        let times = |(&size, &times): (&usize, &usize)| size.checked_mul(times);
        let tiled: Option<Vec<usize>> = shape.iter().zip(repeats).map(times).collect();
        let fits = tiled.filter(|_| shape.len() == repeats.len());
        let tiled =
            fits.ok_or_else(|| mismatch(format!("the shape {shape:?} cannot be repeated {repeats:?} times")))?;
        bounded(&tiled)?;
        Ok(tiled)
    }
}

impl Operator for Tile {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, Self::shape(&input.shape, &sizes(&known(inputs, Some(1))?)?)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = input.shape();
        let tiled = Self::shape(shape, &sizes(&integers(required(inputs, Some(1))?)?)?)?;
        let tables: Vec<Table> = tiled
            .iter()
            .zip(shape)
            .map(|(&length, &size)| (0..length).map(|index| Some(index % size)).collect())
            .collect();
        Ok(vec![show(input, &tables, None)?])
    }
}

/// Blocks of pixels become depths: with CRD the block lies inside each channel, with DCR channels inside the block.
#[derive(Debug)]
struct SpaceToDepth {
    block: usize,
    inside: bool,
}

impl SpaceToDepth {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let block = attributes
            .int("blocksize")
            .and_then(|block| usize::try_from(block).ok())
            .filter(|block| (1..=1 << 15).contains(block));
        let block =
            block.ok_or_else(|| attributes.refuse("blocksize", "a positive number is needed, and not a huge one"))?;
        match attributes.string("mode").as_deref() {
            None | Some("DCR") => Ok(Self { block, inside: false }),
            Some("CRD") => Ok(Self { block, inside: true }),
            Some(other) => Err(attributes.refuse("mode", format!("there is no mode {other}"))),
        }
    }

    fn shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        match *shape {
            [batch, channels, height, width]
                if height.is_multiple_of(self.block) && width.is_multiple_of(self.block) =>
            {
                let depth = self.block.checked_mul(self.block).and_then(|area| channels.checked_mul(area));
                let depth = depth.ok_or_else(|| mismatch(format!("blocks of {} are too large", self.block)))?;
                Ok(vec![batch, depth, height / self.block, width / self.block])
            }
            _ => Err(mismatch(format!("the shape {shape:?} has no blocks of {}", self.block))),
        }
    }
}

impl Operator for SpaceToDepth {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, self.shape(&input.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = self.shape(input.shape())?;
        let (channels, block, [rows, columns]) = (input.shape()[1], self.block, [shape[2], shape[3]]);
        let step = strides(input.shape());
        let (down, across) = ((block, step[2]), (block, step[3]));
        let depth = if self.inside { [(channels, step[1]), down, across] } else { [down, across, (channels, step[1])] };
        let outer = [(shape[0], step[0])];
        let inner = [(rows, block * step[2]), (columns, block * step[3])];
        let (walk, steps): (Vec<usize>, Vec<usize>) = outer.into_iter().chain(depth).chain(inner).unzip();
        Ok(vec![Tensor::new(shape, gather(input.data(), Places::new(&walk, steps)?))?])
    }
}

/// Turns the beginning of each sequence of a batch around.
#[derive(Debug)]
struct ReverseSequence {
    time: i64,
    batch: i64,
}

impl ReverseSequence {
    fn new(attributes: &Attributes<'_>) -> Self {
        Self { time: attributes.int("time_axis").unwrap_or(0), batch: attributes.int("batch_axis").unwrap_or(1) }
    }
}

impl Operator for ReverseSequence {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, lengths) = (required(inputs, Some(0))?, integers(required(inputs, Some(1))?)?);
        let shape = input.shape();
        let (time, batch) = (axis(self.time, shape.len())?, axis(self.batch, shape.len())?);
        let (steps, lengths) = (shape[time], sizes_up_to(&lengths, shape[time])?);
        if time == batch || lengths.len() != shape[batch] {
            let message = format!("{} lengths along axis {batch} of {shape:?}, time is axis {time}", lengths.len());
            return Err(mismatch(message));
        }
        let (_, _, after) = around(shape, time);
        let (_, _, inner) = around(shape, batch);
        let place = |place: usize| {
            let (at, length) = (place / after % steps, lengths[place / inner % shape[batch]]);
            if at < length { place + after * (length - 1) - 2 * after * at } else { place }
        };
        let reversed = gather(input.data(), (0..input.data().len()).map(place));
        Ok(vec![Tensor::new(shape.to_vec(), reversed)?])
    }
}

fn sizes_up_to(values: &[i64], most: usize) -> Result<Vec<usize>> {
    let size = |&value: &i64| usize::try_from(value).ok().filter(|&size| size <= most);
    let sizes: Option<Vec<usize>> = values.iter().map(size).collect();
    sizes.ok_or_else(|| mismatch(format!("lengths of {values:?} in an axis of size {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(operator: &dyn Operator, inputs: &[Tensor]) -> Tensor {
        let facts: Vec<Fact> = inputs
            .iter()
            .map(|input| Fact { value: Some(input.clone()), ..Fact::new(input.element_type(), input.shape()) })
            .collect();
        let fact = operator.facts(&facts).unwrap().remove(0);
        let output = operator.run(inputs).unwrap().remove(0);
        assert_eq!((output.shape(), output.element_type()), (fact.shape.as_slice(), fact.element));
        output
    }

    fn ints(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap()
    }

    fn pad(mode: PadMode, pads: &[i64], values: &[i64]) -> Vec<i64> {
        let pad = Pad { mode, pads: None, value: None, fill: None, axes: None };
        integers(&run(&pad, &[ints(&[values.len()], values), ints(&[2], pads)])).unwrap()
    }

    #[test]
    fn each_mode_pads_in_its_way_and_negative_pads_cut() {
        assert_eq!(pad(PadMode::Constant, &[1, 2], &[5, 6]), [0, 5, 6, 0, 0]);
        assert_eq!(pad(PadMode::Constant, &[-1, 1], &[5, 6, 7]), [6, 7, 0]);
        assert_eq!(pad(PadMode::Edge, &[2, 1], &[5, 6]), [5, 5, 5, 6, 6]);
        assert_eq!(pad(PadMode::Reflect, &[2, 3], &[5, 6, 7]), [7, 6, 5, 6, 7, 6, 5, 6]);
        assert_eq!(pad(PadMode::Reflect, &[1, 1], &[5]), [5, 5, 5]);
        assert_eq!(pad(PadMode::Wrap, &[3, 2], &[5, 6, 7]), [5, 6, 7, 5, 6, 7, 5, 6]);
        assert_eq!(pad(PadMode::Reflect, &[-1, 2], &[5, 6, 7]), [6, 7, 6, 7]);
        assert_eq!(pad(PadMode::Constant, &[-3, 1], &[5, 6]), Vec::<i64>::new());
        let pad = Pad { mode: PadMode::Edge, pads: Some(vec![1, 0]), value: None, fill: None, axes: None };
        assert!(pad.run(&[ints(&[0], &[])]).is_err());
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let huge = [ints(&[1], &[0]), ints(&[2], &[1 << 40, 1 << 40])];
        for operator in [&Expand as &dyn Operator, &Tile] {
            assert!(operator.run(&huge).is_err());
        }
        let pad = Pad { mode: PadMode::Edge, pads: None, value: None, fill: None, axes: None };
        assert!(pad.run(&huge).is_err());
        assert!(pad.run(&[ints(&[1], &[0]), ints(&[2], &[i64::MAX, i64::MAX])]).is_err());
        assert!(pad.run(&[ints(&[1], &[0]), ints(&[2], &[i64::MIN, 0])]).is_err());
        assert!(pad.run(&[ints(&[2], &[0, 0]), ints(&[2], &[i64::MIN, i64::MAX])]).is_err());
        assert!(Expand.run(&[ints(&[1], &[0]), ints(&[1], &[-1])]).is_err());
    }

    #[test]
    fn the_middle_is_cut_and_padded() {
        let crop = CenterCropPad { axes: Some(vec![-1]) };
        let input = ints(&[1, 4], &[1, 2, 3, 4]);
        assert_eq!(integers(&run(&crop, &[input.clone(), ints(&[1], &[1])])).unwrap(), [2]);
        assert_eq!(integers(&run(&crop, &[input, ints(&[1], &[7])])).unwrap(), [0, 1, 2, 3, 4, 0, 0]);
    }

    #[test]
    fn tensors_are_repeated() {
        let input = ints(&[2, 1], &[1, 2]);
        assert_eq!(integers(&run(&Tile, &[input.clone(), ints(&[2], &[2, 2])])).unwrap(), [1, 1, 2, 2, 1, 1, 2, 2]);
        assert_eq!(integers(&run(&Expand, &[input, ints(&[3], &[1, 1, 2])])).unwrap(), [1, 1, 2, 2]);
    }

    #[test]
    fn blocks_lie_inside_their_channel() {
        let blocks = SpaceToDepth { block: 2, inside: true };
        let input = ints(&[1, 2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(integers(&run(&blocks, std::slice::from_ref(&input))).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        let blocks = SpaceToDepth { block: 2, inside: false };
        assert_eq!(integers(&run(&blocks, &[input])).unwrap(), [0, 4, 1, 5, 2, 6, 3, 7]);
    }

    #[test]
    fn only_the_stated_length_is_turned_around() {
        let reverse = ReverseSequence { time: 1, batch: 0 };
        let input = ints(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(integers(&run(&reverse, &[input.clone(), ints(&[2], &[2, 3])])).unwrap(), [2, 1, 3, 6, 5, 4]);
        assert!(reverse.run(&[input, ints(&[2], &[4, 0])]).is_err());
    }
}
