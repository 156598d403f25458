//! Cast to int64, which tract sends through 32 bits, and between numbers and strings, written as onnxruntime writes them.

use super::{Attributes, Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::convert::element_type;
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "Cast", |attributes| Ok(Box::new(Cast::new(attributes)?)))];

/// Whether tract's own is right: between numbers, but for int64.
pub fn is_plain(node: &NodeProto) -> bool {
    let to = Attributes::new(node, 0).int("to");
    to != Some(DataType::Int64 as i64) && to != Some(DataType::String as i64)
}

/// The same values as another type. Numbers beyond its range become its ends; of whole numbers the low bits are kept.
#[derive(Debug)]
struct Cast {
    to: ElementType,
}

impl Cast {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let to = attributes.int("to").and_then(|to| i32::try_from(to).ok());
        // float16 would need its own rounding.
        let known = to.filter(|&to| to != DataType::Float16 as i32).and_then(element_type);
        known
            .map(|to| Self { to })
            .ok_or_else(|| attributes.refuse("to", format!("there is no type number {to:?} here")))
    }
}

/// A number with eight digits at most, as C writes it with `%.8g`.
fn written(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let digits = format!("{value:.7e}");
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trimmed = |number: &str| match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => number.to_owned(),
    };
    match exponent {
        -4..8 => trimmed(&format!("{value:.*}", (7 - exponent) as usize)),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
        }
    }
}

fn parsed(text: &str) -> Result<f64> {
    text.trim().parse().map_err(|_| {
        Error::new(ErrorKind::WrongInput, format!("the text \"{text}\" is no number"))
            .help("feed numbers, or texts that are numbers")
    })
}

/// A whole number; of one with a fraction, what stands before the point.
fn whole(text: &str) -> Result<i64> {
    match text.trim().parse() {
        Ok(value) => Ok(value),
        Err(_) => parsed(text).map(|value| value as i64),
    }
}

impl Cast {
    fn texts(&self, texts: &[String]) -> Result<Data> {
        macro_rules! read {
            ($variant:ident, $rust:ty, $read:expr) => {
                Data::$variant(texts.iter().map(|text| $read(text).map(|value| value as $rust)).collect::<Result<_>>()?)
            };
        }
        Ok(match self.to {
            ElementType::F32 => read!(F32, f32, parsed),
            ElementType::F64 => read!(F64, f64, parsed),
            ElementType::I64 => read!(I64, i64, whole),
            ElementType::I32 => read!(I32, i32, whole),
            ElementType::I16 => read!(I16, i16, whole),
            ElementType::I8 => read!(I8, i8, whole),
            ElementType::U64 => read!(U64, u64, whole),
            ElementType::U32 => read!(U32, u32, whole),
            ElementType::U16 => read!(U16, u16, whole),
            ElementType::U8 => read!(U8, u8, whole),
            ElementType::Bool => {
                Data::Bool(texts.iter().map(|text| whole(text).map(|value| value != 0)).collect::<Result<_>>()?)
            }
            ElementType::Text => Data::Text(texts.to_vec()),
        })
    }

    fn numbers(&self, input: &Tensor) -> Result<Data> {
        macro_rules! to {
            ($values:expr, $one:ty) => {
                match self.to {
                    ElementType::F32 => Data::F32($values.iter().map(|&value| value as $one as f32).collect()),
                    ElementType::F64 => Data::F64($values.iter().map(|&value| value as $one as f64).collect()),
                    ElementType::I64 => Data::I64($values.iter().map(|&value| value as $one as i64).collect()),
                    ElementType::I32 => Data::I32($values.iter().map(|&value| value as $one as i32).collect()),
                    ElementType::I16 => Data::I16($values.iter().map(|&value| value as $one as i16).collect()),
                    ElementType::I8 => Data::I8($values.iter().map(|&value| value as $one as i8).collect()),
                    ElementType::U64 => Data::U64($values.iter().map(|&value| value as $one as u64).collect()),
                    ElementType::U32 => Data::U32($values.iter().map(|&value| value as $one as u32).collect()),
                    ElementType::U16 => Data::U16($values.iter().map(|&value| value as $one as u16).collect()),
                    ElementType::U8 => Data::U8($values.iter().map(|&value| value as $one as u8).collect()),
                    ElementType::Bool => Data::Bool($values.iter().map(|&value| value as $one != 0 as $one).collect()),
                    ElementType::Text => Data::Text($values.iter().map(|&value| (value as $one).to_string()).collect()),
                }
            };
        }
        Ok(match (input.data(), self.to) {
            (Data::F32(values), ElementType::Text) => {
                Data::Text(values.iter().map(|&value| written(value.into())).collect())
            }
            (Data::F64(values), ElementType::Text) => Data::Text(values.iter().map(|&value| written(value)).collect()),
            (Data::F32(values), _) => to!(values, f32),
            (Data::F64(values), _) => to!(values, f64),
            (Data::I64(values), _) => to!(values, i64),
            (Data::I32(values), _) => to!(values, i32),
            (Data::I16(values), _) => to!(values, i16),
            (Data::I8(values), _) => to!(values, i8),
            (Data::U64(values), _) => to!(values, u64),
            (Data::U32(values), _) => to!(values, u32),
            (Data::U16(values), _) => to!(values, u16),
            (Data::U8(values), _) => to!(values, u8),
            (Data::Bool(values), _) => to!(values, u8),
            (Data::Text(_), _) => return Err(not_numbers(input)),
        })
    }
}

impl Operator for Cast {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(self.to, required(inputs, Some(0))?.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let data = match input.data() {
            Data::Text(texts) => self.texts(texts)?,
            _ => self.numbers(input)?,
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(to: ElementType, data: Data) -> Result<Data> {
        let input = Tensor::new(vec![data.len()], data).unwrap();
        Ok(Cast { to }.run(&[input])?.remove(0).into_data())
    }

    #[test]
    fn all_64_bits_are_kept() {
        assert_eq!(
            cast(ElementType::I64, Data::F64(vec![1.7e12, -1.5, f64::NAN])).unwrap(),
            Data::I64(vec![1_700_000_000_000, -1, 0])
        );
        assert_eq!(cast(ElementType::I64, Data::U64(vec![(1 << 63) + 5])).unwrap(), Data::I64(vec![i64::MIN + 5]));
        assert_eq!(cast(ElementType::I64, Data::I64(vec![1 << 40])).unwrap(), Data::I64(vec![1 << 40]));
        assert_eq!(cast(ElementType::U8, Data::I64(vec![300, -1])).unwrap(), Data::U8(vec![44, 255]));
    }

    #[test]
    fn numbers_are_written_as_onnxruntime_writes_them() {
        let values = [
            0.1 + 0.2,
            1.0 / 3.0,
            1e22,
            123_456_789.123,
            f64::NAN,
            f64::NEG_INFINITY,
            1e-5,
            0.0001,
            12_345_678.0,
            -0.0,
        ];
        let texts = ["0.3", "0.33333333", "1e+22", "1.2345679e+08", "NaN", "-INF", "1e-05", "0.0001", "12345678", "-0"];
        assert_eq!(
            cast(ElementType::Text, Data::F64(values.to_vec())).unwrap(),
            Data::Text(texts.map(str::to_owned).to_vec())
        );
        let flags = cast(ElementType::Text, Data::Bool(vec![true, false])).unwrap();
        assert_eq!(flags, Data::Text(vec!["1".to_owned(), "0".to_owned()]));
    }

    #[test]
    fn texts_are_read_or_named() {
        let texts = |texts: &[&str]| Data::Text(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(
            cast(ElementType::F32, texts(&["1.5", "+INF", "3e2"])).unwrap(),
            Data::F32(vec![1.5, f32::INFINITY, 300.0])
        );
        assert_eq!(cast(ElementType::I64, texts(&["15", "-2", "1.5"])).unwrap(), Data::I64(vec![15, -2, 1]));
        assert!(cast(ElementType::I64, texts(&["abc"])).unwrap_err().to_string().contains("abc"));
    }
}
