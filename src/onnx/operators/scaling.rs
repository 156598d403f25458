//! Numbers to numbers, column by column: Scaler, Imputer, Normalizer, Binarizer, FeatureVectorizer,
//! ArrayFeatureExtractor (ai.onnx.ml).

use super::{Attributes, Fact, Family, ML, Operator, bounded, floats, integers, not_numbers};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ML, "Scaler", |attributes| Ok(Box::new(Scaler::new(attributes)))),
    (ML, "Imputer", |attributes| Ok(Box::new(Imputer::new(attributes)?))),
    (ML, "Normalizer", |attributes| Ok(Box::new(Normalizer::new(attributes)?))),
    (ML, "Binarizer", |attributes| Ok(Box::new(Binarizer { threshold: attributes.float("threshold").unwrap_or(0.0) }))),
    (ML, "FeatureVectorizer", |attributes| {
        Ok(Box::new(FeatureVectorizer { columns: attributes.ints("inputdimensions") }))
    }),
    (ML, "ArrayFeatureExtractor", |_| Ok(Box::new(ArrayFeatureExtractor))),
];

/// The number of columns: the last size of a tensor.
fn columns(shape: &[usize]) -> usize {
    shape.last().copied().unwrap_or(1)
}

/// `(x − offset) · scale`, each of one value or one per column.
#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

impl Scaler {
    fn new(attributes: &Attributes<'_>) -> Self {
        Self { offset: attributes.floats("offset"), scale: attributes.floats("scale") }
    }

    fn check(&self, columns: usize) -> Result<()> {
        for (name, values) in [("offset", &self.offset), ("scale", &self.scale)] {
            if values.len() > 1 && values.len() != columns {
                let message = format!("{} values of {name} for {columns} columns", values.len());
                return Err(
                    Error::new(ErrorKind::WrongShape, message).help("feed as many columns as the model was fitted on")
                );
            }
        }
        Ok(())
    }
}

/// The value for a column: its own, the one for all, or `default` where there is none.
fn per_column(values: &[f32], column: usize, default: f32) -> f32 {
    match values {
        [] => default,
        [one] => *one,
        _ => values.get(column).copied().unwrap_or(default),
    }
}

impl Operator for Scaler {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        self.check(columns(&inputs[0].shape))?;
        Ok(vec![Fact::new(ElementType::F32, inputs[0].shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shape = inputs[0].shape().to_vec();
        let columns = columns(&shape).max(1);
        self.check(columns)?;
        let mut values = floats(&inputs[0])?;
        for row in values.chunks_mut(columns) {
            for (column, value) in row.iter_mut().enumerate() {
                *value = (*value - per_column(&self.offset, column, 0.0)) * per_column(&self.scale, column, 1.0);
            }
        }
        Ok(vec![Tensor::new(shape, Data::F32(values))?])
    }
}

/// Replaces one value, usually NaN, by one value or one per column.
#[derive(Debug)]
enum Imputer {
    Floats { replaced: f32, values: Vec<f32> },
    Integers { replaced: i64, values: Vec<i64> },
}

impl Imputer {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let (floats, integers) = (attributes.floats("imputed_value_floats"), attributes.ints("imputed_value_int64s"));
        match (floats.is_empty(), integers.is_empty()) {
            (false, true) => {
                Ok(Self::Floats { replaced: attributes.float("replaced_value_float").unwrap_or(0.0), values: floats })
            }
            (true, false) => {
                Ok(Self::Integers { replaced: attributes.int("replaced_value_int64").unwrap_or(0), values: integers })
            }
            _ => Err(attributes.refuse("imputed_value_floats", "exactly one list of imputed values is needed")),
        }
    }
}

impl Operator for Imputer {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let element = match self {
            Self::Floats { .. } if inputs[0].element == ElementType::F64 => ElementType::F64,
            Self::Floats { .. } => ElementType::F32,
            Self::Integers { .. } => ElementType::I64,
        };
        Ok(vec![Fact::new(element, inputs[0].shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shape = inputs[0].shape().to_vec();
        let wide = columns(&shape).max(1);
        let known = match self {
            Self::Floats { values, .. } => values.len(),
            Self::Integers { values, .. } => values.len(),
        };
        if known != 1 && known != wide {
            let message = format!("{known} imputed values for {wide} columns");
            return Err(
                Error::new(ErrorKind::WrongShape, message).help("feed as many columns as the model was fitted on")
            );
        }
        let data = match (self, inputs[0].data()) {
            (Self::Floats { replaced, values }, Data::F64(given)) => {
                let missing =
                    |value: f64| if replaced.is_nan() { value.is_nan() } else { value == f64::from(*replaced) };
                let value = |(place, &value): (usize, &f64)| match missing(value) {
                    true => f64::from(values[if known == 1 { 0 } else { place % wide }]),
                    false => value,
                };
                Data::F64(given.iter().enumerate().map(value).collect())
            }
            (Self::Floats { replaced, values }, _) => {
                let missing = |value: f32| if replaced.is_nan() { value.is_nan() } else { value == *replaced };
                let value = |(place, value): (usize, f32)| match missing(value) {
                    true => values[if known == 1 { 0 } else { place % wide }],
                    false => value,
                };
                Data::F32(floats(&inputs[0])?.into_iter().enumerate().map(value).collect())
            }
            (Self::Integers { replaced, values }, _) => {
                let value = |(place, value): (usize, i64)| match value == *replaced {
                    true => values[if known == 1 { 0 } else { place % wide }],
                    false => value,
                };
                Data::I64(integers(&inputs[0])?.into_iter().enumerate().map(value).collect())
            }
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

/// Divides each row by its largest absolute value, its sum of absolute values, or its Euclidean length. A row of
/// length 0 stays as it is.
#[derive(Debug)]
struct Normalizer {
    norm: Norm,
}

#[derive(Debug, Clone, Copy)]
enum Norm {
    Max,
    L1,
    L2,
}

impl Normalizer {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let norm = match attributes.string("norm").as_deref() {
            None | Some("MAX") => Norm::Max,
            Some("L1") => Norm::L1,
            Some("L2") => Norm::L2,
            Some(other) => return Err(attributes.refuse("norm", format!("there is no norm {other}"))),
        };
        Ok(Self { norm })
    }
}

impl Operator for Normalizer {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(ElementType::F32, inputs[0].shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shape = inputs[0].shape().to_vec();
        let mut values = floats(&inputs[0])?;
        for row in values.chunks_mut(columns(&shape).max(1)) {
            let length = match self.norm {
                // onnxruntime takes the largest value, not the largest absolute one.
                Norm::Max => row.iter().copied().fold(f32::MIN, f32::max),
                Norm::L1 => row.iter().map(|value| value.abs()).sum(),
                Norm::L2 => row.iter().map(|value| value * value).sum::<f32>().sqrt(),
            };
            if length != 0.0 {
                row.iter_mut().for_each(|value| *value /= length);
            }
        }
        Ok(vec![Tensor::new(shape, Data::F32(values))?])
    }
}

/// 1 above the threshold, 0 up to it.
#[derive(Debug)]
struct Binarizer {
    threshold: f32,
}

impl Operator for Binarizer {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(inputs[0].element, inputs[0].shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let above = |value: f64| value > f64::from(self.threshold);
        let data = match inputs[0].data() {
            Data::F32(values) => Data::F32(values.iter().map(|&v| f32::from(u8::from(above(v.into())))).collect()),
            Data::F64(values) => Data::F64(values.iter().map(|&v| f64::from(u8::from(above(v)))).collect()),
            Data::I64(values) => Data::I64(values.iter().map(|&v| i64::from(above(v as f64))).collect()),
            Data::I32(values) => Data::I32(values.iter().map(|&v| i32::from(above(v.into()))).collect()),
            _ => return Err(not_numbers(&inputs[0])),
        };
        Ok(vec![Tensor::new(inputs[0].shape().to_vec(), data)?])
    }
}

/// Puts the columns of its inputs side by side, each cut or filled with 0 to the width that the node states.
#[derive(Debug)]
struct FeatureVectorizer {
    columns: Vec<i64>,
}

impl FeatureVectorizer {
    fn widths(&self, shapes: &[&[usize]]) -> Result<Vec<usize>> {
        let width = |(place, shape): (usize, &&[usize])| match self.columns.get(place) {
            Some(&stated) => usize::try_from(stated)
                .map_err(|_| Error::new(ErrorKind::InvalidModel, format!("inputdimensions holds {stated}"))),
            None => Ok(columns(shape)),
        };
        shapes.iter().enumerate().map(width).collect()
    }
}

fn rows(shape: &[usize]) -> usize {
    if shape.len() < 2 { 1 } else { shape[0] }
}

impl Operator for FeatureVectorizer {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
        let width: usize = self.widths(&shapes)?.iter().sum();
        Ok(vec![Fact::new(ElementType::F32, vec![rows(shapes.first().copied().unwrap_or_default()), width])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        let widths = self.widths(&shapes)?;
        let rows = rows(shapes.first().copied().unwrap_or_default());
        let width: usize = widths.iter().sum();
        let mut values = vec![0.0; bounded(&[rows, width])?];
        let mut start = 0;
        for (input, &wide) in inputs.iter().zip(&widths) {
            let (given, own) = (floats(input)?, columns(input.shape()).max(1));
            for (row, cells) in given.chunks(own).take(rows).enumerate() {
                let cells = &cells[..own.min(wide).min(cells.len())];
                values[row * width + start..][..cells.len()].copy_from_slice(cells);
            }
            start += wide;
        }
        Ok(vec![Tensor::new(vec![rows, width], Data::F32(values))?])
    }
}

/// Picks columns by their places. A vector counts as one row.
#[derive(Debug)]
struct ArrayFeatureExtractor;

fn extracted(shape: &[usize], picked: usize) -> Vec<usize> {
    match shape {
        [] | [_] => vec![1, picked],
        [outer @ .., _] => outer.iter().copied().chain([picked]).collect(),
    }
}

impl Operator for ArrayFeatureExtractor {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let picked = super::required(inputs, Some(1))?.elements()?;
        Ok(vec![Fact::new(inputs[0].element, extracted(&inputs[0].shape, picked))])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let wide = columns(inputs[0].shape());
        let places = integers(super::required(inputs, Some(1))?)?;
        let mut picked = Vec::with_capacity(places.len());
        for place in places {
            let column = usize::try_from(place).ok().filter(|&column| column < wide);
            picked.push(column.ok_or_else(|| {
                Error::new(ErrorKind::WrongShape, format!("column {place} of a tensor with {wide} columns"))
            })?);
        }
        macro_rules! pick {
            ($variant:ident, $values:expr) => {
                Data::$variant(
                    $values.chunks(wide.max(1)).flat_map(|row| picked.iter().map(|&c| row[c].clone())).collect(),
                )
            };
        }
        let data = match inputs[0].data() {
            Data::F32(values) => pick!(F32, values),
            Data::F64(values) => pick!(F64, values),
            Data::I64(values) => pick!(I64, values),
            Data::I32(values) => pick!(I32, values),
            Data::Text(values) => pick!(Text, values),
            Data::Bool(values) => pick!(Bool, values),
            _ => return Err(not_numbers(&inputs[0])),
        };
        Ok(vec![Tensor::new(extracted(inputs[0].shape(), picked.len()), data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    fn values(outputs: &[Tensor]) -> Vec<f32> {
        floats(&outputs[0]).unwrap()
    }

    #[test]
    fn columns_are_scaled_by_their_own_values() {
        let scaler = Scaler { offset: vec![1.0, 2.0], scale: vec![10.0] };
        let input = tensor(&[2, 2], &[1.0, 2.0, 2.0, 4.0]);
        assert_eq!(values(&scaler.run(&[input]).unwrap()), [0.0, 0.0, 10.0, 20.0]);
        let error = scaler.run(&[tensor(&[1, 3], &[0.0; 3])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongShape);
        assert!(error.to_string().contains("2 values of offset for 3 columns"), "{error}");
    }

    #[test]
    fn what_is_missing_is_replaced() {
        let imputer = Imputer::Floats { replaced: f32::NAN, values: vec![5.0, 6.0] };
        assert_eq!(values(&imputer.run(&[tensor(&[1, 2], &[f32::NAN, 1.0])]).unwrap()), [5.0, 1.0]);
        let imputer = Imputer::Integers { replaced: -1, values: vec![9] };
        let input = Tensor::new(vec![2], Data::I64(vec![-1, 3])).unwrap();
        assert_eq!(imputer.run(&[input]).unwrap()[0].data(), &Data::I64(vec![9, 3]));
    }

    #[test]
    fn rows_get_length_one_unless_they_have_none() {
        let normalizer = Normalizer { norm: Norm::L2 };
        let input = tensor(&[2, 2], &[3.0, 4.0, 0.0, 0.0]);
        assert_eq!(values(&normalizer.run(&[input]).unwrap()), [0.6, 0.8, 0.0, 0.0]);
    }

    #[test]
    fn columns_are_picked_and_those_that_are_not_there_refused() {
        let places = |places: Vec<i64>| Tensor::new(vec![places.len()], Data::I64(places)).unwrap();
        let input = || tensor(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let picked = ArrayFeatureExtractor.run(&[input(), places(vec![2, 0])]).unwrap();
        assert_eq!((picked[0].shape(), values(&picked)), ([2, 2].as_slice(), vec![3.0, 1.0, 6.0, 4.0]));
        assert!(ArrayFeatureExtractor.run(&[input(), places(vec![3])]).is_err());
        let row = ArrayFeatureExtractor.run(&[tensor(&[3], &[1.0, 2.0, 3.0]), places(vec![1])]).unwrap();
        assert_eq!(row[0].shape(), [1, 1]);
    }

    #[test]
    fn inputs_are_put_side_by_side() {
        let vectorizer = FeatureVectorizer { columns: vec![1, 2] };
        let joined = vectorizer.run(&[tensor(&[2, 1], &[1.0, 2.0]), tensor(&[2, 2], &[3.0, 4.0, 5.0, 6.0])]).unwrap();
        assert_eq!(values(&joined), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
    }
}
