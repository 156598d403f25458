//! GatherND and ScatterND with indices from the end, which tract does not take; and Slice where it gives up.

use super::elements::{gather, mismatch, strides};
use super::shapes::{Table, known, show};
use super::{Attributes, Fact, Family, ONNX, Operator, axis, bounded, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, Tensor};

/// The operators of this file that are better than tract's.
pub const FAMILY: Family = &[
    (ONNX, "GatherND", |attributes| Ok(Box::new(GatherNd::new(attributes)?))),
    (ONNX, "ScatterND", |attributes| Ok(Box::new(ScatterNd::new(attributes)?))),
];

/// The operators of this file that stand in for tract's.
pub const STAND_INS: Family = &[(ONNX, "Slice", |attributes| Ok(Box::new(Slice::new(attributes))))];

/// Where the slices begin that rows of indices point to, in a tensor of that shape.
fn pointed(indices: &[i64], shape: &[usize], depth: usize) -> Result<Vec<usize>> {
    let steps = strides(shape);
    let start = |row: &[i64]| {
        row.iter().zip(shape).zip(&steps).try_fold(0, |start, ((&index, &size), step)| {
            let place = if index < 0 { index.saturating_add(size as i64) } else { index };
            let place = usize::try_from(place).ok().filter(|&place| place < size);
            place
                .map(|place| start + place * step)
                .ok_or_else(|| mismatch(format!("index {index} where there are {size} elements")))
        })
    };
    match depth {
        0 => Ok(Vec::new()),
        _ => indices.chunks(depth).map(start).collect(),
    }
}

/// The slices that rows of indices point to, sample by sample.
#[derive(Debug)]
struct GatherNd {
    batch: usize,
}

impl GatherNd {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let batch = attributes.int("batch_dims").unwrap_or_default();
        let batch = usize::try_from(batch).map_err(|_| attributes.refuse("batch_dims", format!("{batch} axes")))?;
        Ok(Self { batch })
    }

    /// The output's shape, and how many indices point to one slice.
    fn shape(&self, data: &[usize], indices: &[usize]) -> Result<(Vec<usize>, usize)> {
        let wrong = || mismatch(format!("indices {indices:?} into {data:?} with {} batch axes", self.batch));
        let (&depth, outer) = indices.split_last().ok_or_else(wrong)?;
        let fits = outer.len() >= self.batch
            && data.len() >= self.batch + depth
            && outer[..self.batch] == data[..self.batch]
            && depth > 0;
        if !fits {
            return Err(wrong());
        }
        let shape: Vec<usize> = outer.iter().chain(&data[self.batch + depth..]).copied().collect();
        bounded(&shape)?;
        Ok((shape, depth))
    }
}

impl Operator for GatherNd {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (data, indices) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        Ok(vec![Fact::new(data.element, self.shape(&data.shape, &indices.shape)?.0)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (data, given) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let (shape, depth) = self.shape(data.shape(), given.shape())?;
        let (samples, own) = data.shape().split_at(self.batch);
        let starts = pointed(&integers(given)?, own, depth)?;
        let (size, slice): (usize, usize) = (own.iter().product(), own[depth..].iter().product());
        let each = (starts.len() / samples.iter().product::<usize>().max(1)).max(1);
        let starts = starts.into_iter().enumerate().map(|(row, start)| row / each * size + start);
        let values = gather(data.data(), starts.flat_map(|start| start..start + slice));
        Ok(vec![Tensor::new(shape, values)?])
    }
}

/// Writes slices to where rows of indices point.
#[derive(Debug)]
struct ScatterNd {
    reduction: Reduction,
}

#[derive(Debug, Clone, Copy)]
enum Reduction {
    None,
    Add,
    Times,
    Largest,
    Smallest,
}

impl ScatterNd {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let reduction = match attributes.string("reduction").as_deref() {
            None | Some("none") => Reduction::None,
            Some("add") => Reduction::Add,
            Some("mul") => Reduction::Times,
            Some("max") => Reduction::Largest,
            Some("min") => Reduction::Smallest,
            Some(other) => return Err(attributes.refuse("reduction", format!("there is no reduction {other}"))),
        };
        Ok(Self { reduction })
    }

    fn check(data: &[usize], indices: &[usize], updates: &[usize]) -> Result<usize> {
        let wrong = || mismatch(format!("updates {updates:?} by indices {indices:?} to {data:?}"));
        let (&depth, outer) = indices.split_last().ok_or_else(wrong)?;
        let slice = data.get(depth..).filter(|_| depth > 0).ok_or_else(wrong)?;
        if !updates.iter().eq(outer.iter().chain(slice)) {
            return Err(wrong());
        }
        Ok(depth)
    }
}

impl Operator for ScatterNd {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let data = required(inputs, Some(0))?;
        Self::check(&data.shape, &required(inputs, Some(1))?.shape, &required(inputs, Some(2))?.shape)?;
        Ok(vec![Fact::new(data.element, data.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (data, given, updates) =
            (required(inputs, Some(0))?, required(inputs, Some(1))?, required(inputs, Some(2))?);
        let depth = Self::check(data.shape(), given.shape(), updates.shape())?;
        let starts = pointed(&integers(given)?, data.shape(), depth)?;
        let slice: usize = data.shape()[depth..].iter().product();
        let targets = starts.into_iter().flat_map(|start| start..start + slice);
        macro_rules! write {
            ($variant:ident, $old:expr, $new:expr, $add:expr, $times:expr) => {{
                let mut values = $old.clone();
                for (target, &update) in targets.zip($new) {
                    let old = values[target];
                    values[target] = match self.reduction {
                        Reduction::None => update,
                        Reduction::Add => $add(old, update),
                        Reduction::Times => $times(old, update),
                        Reduction::Largest => {
                            if update > old {
                                update
                            } else {
                                old
                            }
                        }
                        Reduction::Smallest => {
                            if update < old {
                                update
                            } else {
                                old
                            }
                        }
                    };
                }
                Data::$variant(values)
            }};
        }
        let values = match (data.data(), updates.data()) {
            (Data::F32(old), Data::F32(new)) => write!(F32, old, new, |a, b| a + b, |a, b| a * b),
            (Data::F64(old), Data::F64(new)) => write!(F64, old, new, |a, b| a + b, |a, b| a * b),
            (Data::I64(old), Data::I64(new)) => write!(I64, old, new, i64::wrapping_add, i64::wrapping_mul),
            (Data::I32(old), Data::I32(new)) => write!(I32, old, new, i32::wrapping_add, i32::wrapping_mul),
            (Data::U8(old), Data::U8(new)) => write!(U8, old, new, u8::wrapping_add, u8::wrapping_mul),
            (Data::Bool(old), Data::Bool(new)) => write!(Bool, old, new, |a, b| a | b, |a, b| a & b),
            _ => return Err(not_numbers(updates)),
        };
        Ok(vec![Tensor::new(data.shape().to_vec(), values)?])
    }
}

/// A part of a tensor along some axes, forwards or backwards.
#[derive(Debug)]
struct Slice {
    /// Begin, end and axes where they are attributes: before version 10.
    stated: Option<[Option<Vec<i64>>; 3]>,
    axes: Option<usize>,
    steps: Option<usize>,
}

impl Slice {
    fn new(attributes: &Attributes<'_>) -> Self {
        let list = |name| attributes.has(name).then(|| attributes.ints(name));
        let stated = (!attributes.has_input(1)).then(|| [list("starts"), list("ends"), list("axes")]);
        Self { stated, axes: attributes.input(3), steps: attributes.input(4) }
    }

    fn tables(shape: &[usize], [starts, ends, axes, steps]: [Option<Vec<i64>>; 4]) -> Result<Vec<Table>> {
        let (starts, ends) = (starts.unwrap_or_default(), ends.unwrap_or_default());
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] || steps.contains(&0) {
            return Err(mismatch(format!("a slice from {starts:?} to {ends:?} along {axes:?} by {steps:?}")));
        }
        let mut tables: Vec<Table> = shape.iter().map(|&size| (0..size).map(Some).collect()).collect();
        for (index, &place) in axes.iter().enumerate() {
            let place = axis(place, shape.len())?;
            let (size, step) = (shape[place] as i64, steps[index]);
            let (low, high) = if step < 0 { (-1, size - 1) } else { (0, size) };
            let clamp = |at: i64| if at < 0 { at.saturating_add(size) } else { at }.clamp(low, high);
            let (start, end) = (clamp(starts[index]), clamp(ends[index]));
            let inside = |at: &i64| if step < 0 { *at > end } else { *at < end };
            let walk = std::iter::successors(Some(start), |at| at.checked_add(step)).take_while(inside);
            tables[place] = walk.map(|at| usize::try_from(at).ok()).collect();
        }
        Ok(tables)
    }
}

impl Operator for Slice {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        let lists = match &self.stated {
            Some([starts, ends, axes]) => [starts.clone(), ends.clone(), axes.clone(), None],
            None => {
                let list = |place: Option<usize>| place.map(|place| known(inputs, Some(place))).transpose();
                [list(Some(1))?, list(Some(2))?, list(self.axes)?, list(self.steps)?]
            }
        };
        let tables = Self::tables(&input.shape, lists)?;
        Ok(vec![Fact::new(input.element, tables.iter().map(Vec::len).collect::<Vec<_>>())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let lists = match &self.stated {
            Some([starts, ends, axes]) => [starts.clone(), ends.clone(), axes.clone(), None],
            None => {
                let list = |place: Option<usize>| {
                    place.map(|place| required(inputs, Some(place)).and_then(integers)).transpose()
                };
                [list(Some(1))?, list(Some(2))?, list(self.axes)?, list(self.steps)?]
            }
        };
        Ok(vec![show(input, &Self::tables(input.shape(), lists)?, None)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap()
    }

    #[test]
    fn indices_count_from_either_end() {
        let data = || ints(&[2, 2], &[1, 2, 3, 4]);
        let gather = |batch, indices| GatherNd { batch }.run(&[data(), indices]).map(|mut outputs| outputs.remove(0));
        assert_eq!(gather(0, ints(&[1, 2], &[-1, 0])).unwrap(), ints(&[1], &[3]));
        assert_eq!(gather(0, ints(&[2, 1], &[1, -2])).unwrap(), ints(&[2, 2], &[3, 4, 1, 2]));
        assert_eq!(gather(1, ints(&[2, 1], &[1, -2])).unwrap(), ints(&[2], &[2, 3]));
        assert!(gather(0, ints(&[1, 1], &[2])).is_err() && gather(0, ints(&[1, 1], &[i64::MIN])).is_err());
        assert!(gather(3, ints(&[1, 1], &[0])).is_err() && gather(0, ints(&[1, 3], &[0; 3])).is_err());
    }

    #[test]
    fn slices_are_written_or_joined() {
        let scatter = |reduction| {
            let inputs = [ints(&[3], &[1, 2, 3]), ints(&[2, 1], &[-1, -1]), ints(&[2], &[5, 4])];
            ScatterNd { reduction }.run(&inputs).unwrap().remove(0)
        };
        assert_eq!(scatter(Reduction::None), ints(&[3], &[1, 2, 4]));
        assert_eq!(scatter(Reduction::Add), ints(&[3], &[1, 2, 12]));
        assert_eq!(scatter(Reduction::Largest), ints(&[3], &[1, 2, 5]));
    }

    #[test]
    fn slices_go_both_ways_and_may_be_empty() {
        let slice = |start, end, step| {
            let list = |value| Some(vec![value]);
            let tables = Slice::tables(&[4], [list(start), list(end), None, list(step)]).unwrap();
            tables[0].iter().map(|place| place.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(slice(-1, i64::MIN, -2), [3, 1]);
        assert_eq!(slice(i64::MIN, i64::MAX, 3), [0, 3]);
        assert_eq!(slice(100, -100, -1), [3, 2, 1, 0]);
        assert!(slice(2, 1, 1).is_empty() && slice(1, 2, -1).is_empty());
    }
}
