//! Arithmetic that tract lacks or gets wrong: BitShift and BitCast element by element, and Det of matrices.

use super::elements::{broadcast, mismatch, spread};
use super::{Attributes, Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::convert::element_type;
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::tensor_proto::DataType;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "BitShift", |attributes| Ok(Box::new(BitShift::new(attributes)?))),
    (ONNX, "BitCast", |attributes| Ok(Box::new(BitCast::new(attributes)?))),
    (ONNX, "Det", |_| Ok(Box::new(Det))),
];

/// Shifts bits. By a negative amount, or by the width or more, nothing but the sign is left.
#[derive(Debug)]
struct BitShift {
    right: bool,
}

impl BitShift {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        match attributes.string("direction").as_deref() {
            Some("LEFT") => Ok(Self { right: false }),
            Some("RIGHT") => Ok(Self { right: true }),
            other => Err(attributes.refuse("direction", format!("it is LEFT or RIGHT, not {other:?}"))),
        }
    }
}

impl Operator for BitShift {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (input, amount) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        Ok(vec![Fact::new(input.element, broadcast(&input.shape, &amount.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, amount) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let shape = broadcast(input.shape(), amount.shape())?;
        let places = spread(input.shape(), &shape)?.zip(spread(amount.shape(), &shape)?);
        macro_rules! shift {
            ($variant:ident, $a:expr, $b:expr) => {
                Data::$variant(
                    places
                        .map(|(value, amount)| {
                            let (value, amount) = ($a[value], u32::try_from($b[amount]).unwrap_or(u32::MAX));
                            match self.right {
                                true => {
                                    value.checked_shr(amount).unwrap_or(if value < Default::default() { !0 } else { 0 })
                                }
                                false => value.checked_shl(amount).unwrap_or(0),
                            }
                        })
                        .collect(),
                )
            };
        }
        #[allow(unused_comparisons)]
        let data = match (input.data(), amount.data()) {
            (Data::U8(a), Data::U8(b)) => shift!(U8, a, b),
            (Data::U16(a), Data::U16(b)) => shift!(U16, a, b),
            (Data::U32(a), Data::U32(b)) => shift!(U32, a, b),
            (Data::U64(a), Data::U64(b)) => shift!(U64, a, b),
            (Data::I8(a), Data::I8(b)) => shift!(I8, a, b),
            (Data::I16(a), Data::I16(b)) => shift!(I16, a, b),
            (Data::I32(a), Data::I32(b)) => shift!(I32, a, b),
            (Data::I64(a), Data::I64(b)) => shift!(I64, a, b),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

/// The same bits as another type of the same width.
#[derive(Debug)]
struct BitCast {
    to: ElementType,
}

impl BitCast {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let to = attributes.int("to").and_then(|to| i32::try_from(to).ok());
        // float16 is computed as float32 here: it has other bits.
        let known = to.filter(|&to| to != DataType::Float16 as i32).and_then(element_type);
        match known.filter(|&known| known != ElementType::Text) {
            Some(to) => Ok(Self { to }),
            None => Err(attributes.refuse("to", format!("there is no type number {to:?} here"))),
        }
    }
}

impl Operator for BitCast {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(self.to, required(inputs, Some(0))?.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        macro_rules! bytes {
            ($values:expr, $rust:ty) => {
                (size_of::<$rust>(), $values.iter().flat_map(|value| value.to_le_bytes()).collect())
            };
        }
        let (width, bytes): (usize, Vec<u8>) = match input.data() {
            Data::F32(values) => bytes!(values, f32),
            Data::F64(values) => bytes!(values, f64),
            Data::I64(values) => bytes!(values, i64),
            Data::I32(values) => bytes!(values, i32),
            Data::I16(values) => bytes!(values, i16),
            Data::I8(values) => bytes!(values, i8),
            Data::U64(values) => bytes!(values, u64),
            Data::U32(values) => bytes!(values, u32),
            Data::U16(values) => bytes!(values, u16),
            Data::U8(values) => (1, values.clone()),
            Data::Bool(values) => (1, values.iter().map(|&value| u8::from(value)).collect()),
            Data::Text(_) => return Err(not_numbers(input)),
        };
        macro_rules! read {
            ($variant:ident, $rust:ty) => {
                (size_of::<$rust>() == width).then(|| {
                    let chunks = bytes.chunks_exact(size_of::<$rust>());
                    Data::$variant(
                        chunks.filter_map(|chunk| chunk.try_into().ok().map(<$rust>::from_le_bytes)).collect(),
                    )
                })
            };
        }
        let data = match self.to {
            ElementType::F32 => read!(F32, f32),
            ElementType::F64 => read!(F64, f64),
            ElementType::I64 => read!(I64, i64),
            ElementType::I32 => read!(I32, i32),
            ElementType::I16 => read!(I16, i16),
            ElementType::I8 => read!(I8, i8),
            ElementType::U64 => read!(U64, u64),
            ElementType::U32 => read!(U32, u32),
            ElementType::U16 => read!(U16, u16),
            ElementType::U8 => read!(U8, u8),
            ElementType::Bool => (width == 1).then(|| Data::Bool(bytes.iter().map(|&byte| byte != 0).collect())),
            ElementType::Text => None,
        };
        let data = data.ok_or_else(|| {
            let (from, to) = (input.element_type().name(), self.to.name());
            Error::new(ErrorKind::UnsupportedOperator, format!("the bits of {from} cannot be read as {to}"))
        })?;
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }
}

/// The determinants of square matrices.
#[derive(Debug)]
struct Det;

/// The outer sizes and the size of the matrices.
fn matrices(shape: &[usize]) -> Result<(&[usize], usize)> {
    match shape {
        [outer @ .., rows, columns] if rows == columns => Ok((outer, *rows)),
        _ => Err(mismatch(format!("a tensor of shape {shape:?} holds no square matrices"))),
    }
}

/// Gaussian elimination with the largest pivot of each column.
fn determinant(matrix: &mut [f64], size: usize) -> f64 {
    let mut product = 1.0;
    for column in 0..size {
        let largest = |a: &usize, b: &usize| {
            let [a, b] = [a, b].map(|row| matrix[row * size + column].abs());
            a.total_cmp(&b)
        };
        let Some(pivot) = (column..size).rev().max_by(largest) else { return product };
        if pivot != column {
            product = -product;
            (0..size).for_each(|place| matrix.swap(pivot * size + place, column * size + place));
        }
        let head = matrix[column * size + column];
        product *= head;
        if head == 0.0 {
            return 0.0;
        }
        for row in column + 1..size {
            let factor = matrix[row * size + column] / head;
            for place in column..size {
                matrix[row * size + place] -= factor * matrix[column * size + place];
            }
        }
    }
    product
}

impl Operator for Det {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, matrices(&input.shape)?.0)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let (outer, size) = matrices(input.shape())?;
        let count: usize = outer.iter().product();
        let mut values = input.data().to_f64().ok_or_else(|| not_numbers(input))?;
        let found: Vec<f64> = match size {
            0 => vec![1.0; count],
            _ => values.chunks_mut(size * size).map(|matrix| determinant(matrix, size)).collect(),
        };
        let data = match input.element_type() {
            ElementType::F64 => Data::F64(found),
            ElementType::F32 => Data::F32(found.into_iter().map(|value| value as f32).collect()),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(outer.to_vec(), data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(data: Data) -> Tensor {
        Tensor::new(vec![data.len()], data).unwrap()
    }

    #[test]
    fn shifts_beyond_the_width_leave_the_sign() {
        let shift = |right, data, amount| {
            BitShift { right }.run(&[vector(data), vector(amount)]).unwrap().remove(0).into_data()
        };
        assert_eq!(
            shift(true, Data::I8(vec![-8, -8, -8, 8]), Data::I8(vec![1, 8, -1, 8])),
            Data::I8(vec![-4, -1, -1, 0])
        );
        assert_eq!(
            shift(false, Data::I32(vec![1, 1, -1]), Data::I32(vec![31, 32, -1])),
            Data::I32(vec![i32::MIN, 0, 0])
        );
        assert_eq!(shift(true, Data::U8(vec![255, 255]), Data::U8(vec![7, 8])), Data::U8(vec![1, 0]));
        assert_eq!(shift(false, Data::U64(vec![1]), Data::U64(vec![u64::MAX])), Data::U64(vec![0]));
    }

    #[test]
    fn determinants_know_swapped_rows_and_empty_matrices() {
        let det = |shape: &[usize], values: &[f64]| {
            Det.run(&[Tensor::new(shape.to_vec(), Data::F64(values.to_vec())).unwrap()]).unwrap().remove(0).into_data()
        };
        assert_eq!(det(&[2, 2, 2], &[0.0, 1.0, 1.0, 0.0, 2.0, 0.0, 4.0, 3.0]), Data::F64(vec![-1.0, 6.0]));
        assert_eq!(det(&[2, 2], &[1.0, 2.0, 2.0, 4.0]), Data::F64(vec![0.0]));
        assert_eq!(det(&[1, 0, 0], &[]), Data::F64(vec![1.0]));
        assert!(Det.run(&[vector(Data::F64(vec![1.0]))]).is_err());
    }

    #[test]
    fn bits_are_read_as_another_type_of_the_same_width_only() {
        let cast = |to| BitCast { to }.run(&[vector(Data::F32(vec![1.0, -2.0]))]);
        assert_eq!(cast(ElementType::I32).unwrap()[0].data(), &Data::I32(vec![0x3f80_0000, 0xc000_0000_u32 as i32]));
        assert_eq!(cast(ElementType::I16).unwrap_err().kind(), ErrorKind::UnsupportedOperator);
    }
}
