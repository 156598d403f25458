//! Comparisons of types that tract does not compare: Equal of booleans, IsInf and IsNaN of float64.

use super::elements::{broadcast, every_pair, mismatch, spread};
use super::{Attributes, Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// What stands in for tract's own.
pub const STAND_INS: Family = &[
    (ONNX, "Equal", |_| Ok(Box::new(Equal))),
    (ONNX, "IsInf", |attributes| Ok(is_inf(attributes))),
    (ONNX, "IsNaN", |_| Ok(Box::new(Is { of: |value, _| value.is_nan(), signs: [true; 2] }))),
];

/// Whether two tensors hold the same, element by element.
#[derive(Debug)]
struct Equal;

impl Operator for Equal {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (left, right) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        Ok(vec![Fact::new(ElementType::Bool, broadcast(&left.shape, &right.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let shape = broadcast(left.shape(), right.shape())?;
        let places = spread(left.shape(), &shape)?.zip(spread(right.shape(), &shape)?);
        let mut same = Vec::with_capacity(shape.iter().product());
        let compared = every_pair!(left.data(), right.data(), a, b => {
            same.extend(places.map(|(one, other)| a[one] == b[other]));
            Vec::new()
        });
        compared.ok_or_else(|| mismatch("tensors of different types cannot be compared"))?;
        Ok(vec![Tensor::new(shape, Data::Bool(same))?])
    }
}

/// Whether values are of a kind: not a number, or infinite with one of these signs, minus and plus.
#[derive(Debug)]
struct Is {
    of: fn(f64, [bool; 2]) -> bool,
    signs: [bool; 2],
}

fn is_inf(attributes: &Attributes<'_>) -> Box<dyn Operator> {
    let signs = [attributes.flag("detect_negative", true), attributes.flag("detect_positive", true)];
    let of = |value: f64, [minus, plus]: [bool; 2]| value.is_infinite() && if value < 0.0 { minus } else { plus };
    Box::new(Is { of, signs })
}

impl Operator for Is {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(ElementType::Bool, required(inputs, Some(0))?.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let found = match input.data() {
            Data::F32(values) => values.iter().map(|&value| (self.of)(value.into(), self.signs)).collect(),
            Data::F64(values) => values.iter().map(|&value| (self.of)(value, self.signs)).collect(),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Bool(found))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_and_texts_are_compared() {
        let tensor = |data: Data| Tensor::new(vec![data.len()], data).unwrap();
        let equal = |a, b| Equal.run(&[tensor(a), tensor(b)]).map(|mut outputs| outputs.remove(0).into_data());
        assert_eq!(
            equal(Data::Bool(vec![true, false]), Data::Bool(vec![true])).unwrap(),
            Data::Bool(vec![true, false])
        );
        assert_eq!(equal(Data::Text(vec!["a".into()]), Data::Text(vec!["b".into()])).unwrap(), Data::Bool(vec![false]));
        assert!(equal(Data::Bool(vec![true]), Data::I8(vec![1])).is_err());
    }

    #[test]
    fn signs_of_infinity_are_told_apart() {
        let input = Tensor::new(vec![3], Data::F64(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN])).unwrap();
        let is = |signs| {
            let of =
                |value: f64, [minus, plus]: [bool; 2]| value.is_infinite() && if value < 0.0 { minus } else { plus };
            Is { of, signs }.run(std::slice::from_ref(&input)).unwrap().remove(0).into_data()
        };
        assert_eq!(is([false, true]), Data::Bool(vec![true, false, false]));
        assert_eq!(is([true, false]), Data::Bool(vec![false, true, false]));
    }
}
