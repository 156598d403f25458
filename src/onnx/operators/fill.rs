//! Operators that make tensors of a size that their inputs state: ConstantOfShape, Range, EyeLike and OneHot. Sizes that
//! a file asks for are bounded before anything is allocated.

// One code for values of any type: strings are cloned, numbers only seem to be.
#![allow(clippy::clone_on_copy)]

use super::elements::{around, every, gather, mismatch};
use super::shapes::{known, sizes};
use super::{
    Attributes, Fact, Family, ONNX, Operator, axis, bounded, depends_on_values, integers, not_numbers, required,
};
use crate::error::Result;
use crate::onnx::convert::element_type;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "ConstantOfShape", |attributes| Ok(Box::new(ConstantOfShape::new(attributes)?))),
    (ONNX, "Range", |_| Ok(Box::new(Range))),
    (ONNX, "EyeLike", |attributes| Ok(Box::new(EyeLike::new(attributes)?))),
    (ONNX, "OneHot", |attributes| Ok(Box::new(OneHot { axis: attributes.int("axis").unwrap_or(-1) }))),
];

/// One value everywhere.
#[derive(Debug)]
struct ConstantOfShape {
    value: Data,
}

impl ConstantOfShape {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let value = attributes.tensor("value")?.map_or(Data::F32(vec![0.0]), Tensor::into_data);
        match value.len() {
            1 => Ok(Self { value }),
            other => Err(attributes.refuse("value", format!("one value is needed, not {other}"))),
        }
    }
}

impl Operator for ConstantOfShape {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(self.value.element_type(), sizes(&known(inputs, Some(0))?)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shape = sizes(&integers(required(inputs, Some(0))?)?)?;
        let elements = bounded(&shape)?;
        Ok(vec![Tensor::new(shape, every!(&self.value, value => vec![value[0].clone(); elements]))?])
    }
}

/// `start + i · delta` up to and without the limit.
#[derive(Debug)]
struct Range;

impl Range {
    fn of(start: &Tensor, limit: &Tensor, delta: &Tensor) -> Result<Data> {
        let wrong = || mismatch(format!("no range from {start:?} to {limit:?} by {delta:?}"));
        let count = |steps: f64| bounded(&[steps.ceil().max(0.0) as usize]);
        macro_rules! floats {
            ($variant:ident, $rust:ty, $from:expr, $to:expr, $by:expr) => {
                match ($from.as_slice(), $to.as_slice(), $by.as_slice()) {
                    (&[from], &[to], &[by]) if by != 0.0 => {
                        let steps = (f64::from(to) - f64::from(from)) / f64::from(by);
                        let steps = if steps.is_finite() { count(steps)? } else { return Err(wrong()) };
                        Data::$variant((0..steps).map(|step| from + step as $rust * by).collect())
                    }
                    _ => return Err(wrong()),
                }
            };
        }
        macro_rules! whole {
            ($variant:ident, $rust:ty, $from:expr, $to:expr, $by:expr) => {
                match ($from.as_slice(), $to.as_slice(), $by.as_slice()) {
                    (&[from], &[to], &[by]) if by != 0 => {
                        let (from, to, by) = (i128::from(from), i128::from(to), i128::from(by));
                        let (way, size) = ((to - from) * by.signum(), by.abs());
                        let steps = bounded(&[usize::try_from((way + size - 1).max(0) / size).map_err(|_| wrong())?])?;
                        Data::$variant((0..steps as i128).map(|step| (from + step * by) as $rust).collect())
                    }
                    _ => return Err(wrong()),
                }
            };
        }
        Ok(match (start.data(), limit.data(), delta.data()) {
            (Data::F32(a), Data::F32(b), Data::F32(c)) => floats!(F32, f32, a, b, c),
            (Data::F64(a), Data::F64(b), Data::F64(c)) => floats!(F64, f64, a, b, c),
            (Data::I64(a), Data::I64(b), Data::I64(c)) => whole!(I64, i64, a, b, c),
            (Data::I32(a), Data::I32(b), Data::I32(c)) => whole!(I32, i32, a, b, c),
            (Data::I16(a), Data::I16(b), Data::I16(c)) => whole!(I16, i16, a, b, c),
            _ => return Err(not_numbers(start)),
        })
    }
}

impl Operator for Range {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place))?.value.as_ref().ok_or_else(depends_on_values);
        let data = Self::of(at(0)?, at(1)?, at(2)?)?;
        Ok(vec![Fact::new(data.element_type(), vec![data.len()])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let data = Self::of(at(0)?, at(1)?, at(2)?)?;
        Ok(vec![Tensor::new(vec![data.len()], data)?])
    }
}

/// Ones on a diagonal, zeros elsewhere.
#[derive(Debug)]
struct EyeLike {
    element: Option<ElementType>,
    diagonal: i64,
}

impl EyeLike {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let element = match attributes.int("dtype") {
            None => None,
            Some(number) => match i32::try_from(number).ok().and_then(element_type) {
                Some(element) if element != ElementType::Text => Some(element),
                _ => return Err(attributes.refuse("dtype", format!("there is no type number {number} here"))),
            },
        };
        Ok(Self { element, diagonal: attributes.int("k").unwrap_or_default() })
    }
}

impl Operator for EyeLike {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(self.element.unwrap_or(input.element), input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let &[rows, columns] = input.shape() else {
            return Err(mismatch(format!("the shape {:?} is no matrix", input.shape())));
        };
        let one = |place: usize| {
            let (row, column) = (place / columns, place % columns);
            (row as i64).saturating_add(self.diagonal) == column as i64
        };
        let ones = (0..bounded(&[rows, columns])?).map(one);
        macro_rules! numbers {
            ($variant:ident, $rust:ty) => {
                Data::$variant(ones.map(|one| <$rust>::from(u8::from(one))).collect())
            };
        }
        let data = match self.element.unwrap_or(input.element_type()) {
            ElementType::F32 => numbers!(F32, f32),
            ElementType::F64 => numbers!(F64, f64),
            ElementType::I64 => numbers!(I64, i64),
            ElementType::I32 => numbers!(I32, i32),
            ElementType::I16 => numbers!(I16, i16),
            ElementType::I8 => Data::I8(ones.map(i8::from).collect()),
            ElementType::U64 => numbers!(U64, u64),
            ElementType::U32 => numbers!(U32, u32),
            ElementType::U16 => numbers!(U16, u16),
            ElementType::U8 => numbers!(U8, u8),
            ElementType::Bool => Data::Bool(ones.collect()),
            ElementType::Text => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(vec![rows, columns], data)?])
    }
}

/// One value where a class is meant, another elsewhere. An index outside the classes means none of them.
#[derive(Debug)]
struct OneHot {
    axis: i64,
}

impl OneHot {
    /// The shape, and the new axis.
    fn shape(&self, indices: &[usize], depth: Option<i64>) -> Result<(Vec<usize>, usize)> {
        let depth = depth.and_then(|depth| usize::try_from(depth).ok()).ok_or_else(|| mismatch("a depth is needed"))?;
        let place = axis(self.axis, indices.len() + 1)?;
        let mut shape = indices.to_vec();
        shape.insert(place, depth);
        bounded(&shape)?;
        Ok((shape, place))
    }
}

/// The first value as a whole number, whatever the type.
fn whole(tensor: &Tensor) -> Result<Option<i64>> {
    Ok(tensor.data().to_f64().ok_or_else(|| not_numbers(tensor))?.first().map(|&value| value as i64))
}

impl Operator for OneHot {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let depth = required(inputs, Some(1))?.value.as_ref().ok_or_else(depends_on_values)?;
        let (shape, _) = self.shape(&inputs[0].shape, whole(depth)?)?;
        Ok(vec![Fact::new(required(inputs, Some(2))?.element, shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (indices, values) = (required(inputs, Some(0))?, required(inputs, Some(2))?);
        let (shape, place) = self.shape(indices.shape(), whole(required(inputs, Some(1))?)?)?;
        if values.data().len() != 2 {
            return Err(mismatch(format!(
                "{} values where one for off and one for on are needed",
                values.data().len()
            )));
        }
        let (_, depth, after) = around(&shape, place);
        let classes = indices.data().to_f64().ok_or_else(|| not_numbers(indices))?;
        let classes: Vec<Option<usize>> = classes
            .into_iter()
            .map(|class| {
                let class = class as i64;
                let class = if class < 0 { class.saturating_add(depth as i64) } else { class };
                usize::try_from(class).ok()
            })
            .collect();
        let on = |place: usize| {
            let (outer, class, inner) = (place / (depth * after), place / after % depth, place % after);
            usize::from(classes[outer * after + inner] == Some(class))
        };
        let data = gather(values.data(), (0..bounded(&shape)?).map(on));
        Ok(vec![Tensor::new(shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn ints(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap()
    }

    #[test]
    fn classes_outside_the_depth_are_off_and_negative_ones_count_from_the_end() {
        let inputs = [ints(&[4], &[0, -1, 3, -4]), ints(&[], &[3]), ints(&[2], &[5, 7])];
        let output = OneHot { axis: -1 }.run(&inputs).unwrap().remove(0);
        assert_eq!(output, ints(&[4, 3], &[7, 5, 5, 5, 5, 7, 5, 5, 5, 5, 5, 5]));
        let output = OneHot { axis: 0 }.run(&inputs).unwrap().remove(0);
        assert_eq!(output, ints(&[3, 4], &[7, 5, 5, 5, 5, 5, 5, 5, 5, 7, 5, 5]));
        let hostile = [ints(&[1], &[0]), ints(&[], &[i64::MAX]), ints(&[2], &[5, 7])];
        assert_eq!(OneHot { axis: 0 }.run(&hostile).unwrap_err().kind(), ErrorKind::WrongShape);
    }

    #[test]
    fn ranges_end_before_their_limit() {
        let range = |a, b, c| Range.run(&[ints(&[], &[a]), ints(&[], &[b]), ints(&[1], &[c])]);
        assert_eq!(range(3, 9, 3).unwrap()[0], ints(&[2], &[3, 6]));
        assert_eq!(range(10, 4, -4).unwrap()[0], ints(&[2], &[10, 6]));
        assert_eq!(range(0, -5, 1).unwrap()[0], ints(&[0], &[]));
        assert!(range(0, i64::MAX, 1).is_err() && range(i64::MIN, i64::MAX, 1).is_err() && range(0, 1, 0).is_err());
        let floats = |values: [f32; 3]| {
            let inputs = values.map(|value| Tensor::new(vec![], Data::F32(vec![value])).unwrap());
            Range.run(&inputs)
        };
        assert_eq!(floats([0.0, 1.0, 0.25]).unwrap()[0].data(), &Data::F32(vec![0.0, 0.25, 0.5, 0.75]));
        assert!(floats([0.0, f32::INFINITY, 1.0]).is_err() && floats([0.0, 1e30, 1.0]).is_err());
    }

    #[test]
    fn hostile_shapes_are_refused() {
        let constant = ConstantOfShape { value: Data::I8(vec![1]) };
        assert!(constant.run(&[ints(&[3], &[1 << 30, 1 << 30, 1 << 30])]).is_err());
        assert!(constant.run(&[ints(&[1], &[-1])]).is_err());
        assert_eq!(constant.run(&[ints(&[0], &[])]).unwrap()[0].data(), &Data::I8(vec![1]));
        let unknown = [Fact::new(ElementType::I64, vec![1])];
        assert_eq!(constant.facts(&unknown).unwrap_err().kind(), ErrorKind::EngineFailed);
    }

    #[test]
    fn the_diagonal_may_lie_beside_the_middle() {
        let eye = EyeLike { element: Some(ElementType::I64), diagonal: -1 };
        let input = Tensor::new(vec![2, 3], Data::Bool(vec![false; 6])).unwrap();
        assert_eq!(eye.run(&[input]).unwrap()[0], ints(&[2, 3], &[0, 0, 0, 1, 0, 0]));
    }
}
