//! DynamicQuantizeLinear: the scale and the zero point come from the values.

use super::linear::saturate;
use super::{input, required};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::operators::{Attributes, Fact, Operator};
use crate::tensor::{Data, ElementType, Tensor};

/// The operator. The range of the values, widened to hold 0, becomes that of uint8.
#[derive(Debug)]
struct DynamicQuantize {
    value: usize,
    /// Which outputs have a name.
    named: [bool; 3],
}

/// Makes the operator.
pub(super) fn build(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let named = [0, 1, 2].map(|place| attributes.has_output(place));
    Ok(Box::new(DynamicQuantize { value: required(attributes, 0)?, named }))
}

impl DynamicQuantize {
    fn named<T>(&self, outputs: [T; 3]) -> Vec<T> {
        outputs.into_iter().zip(self.named).filter(|(_, named)| *named).map(|(output, _)| output).collect()
    }
}

impl Operator for DynamicQuantize {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let value = inputs.get(self.value).ok_or_else(|| Error::new(ErrorKind::InvalidModel, "an input is missing"))?;
        let quantized = Fact::new(ElementType::U8, value.shape.clone());
        Ok(self.named([quantized, Fact::new(ElementType::F32, []), Fact::new(ElementType::U8, [])]))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let value = input(inputs, self.value)?;
        let Data::F32(values) = value.data() else {
            let message = format!("{} where float32 is wanted", value.element_type().name());
            return Err(Error::new(ErrorKind::WrongType, message));
        };
        let (least, greatest) =
            values.iter().fold((0f32, 0f32), |(least, greatest), &value| (least.min(value), greatest.max(value)));
        let range = greatest - least;
        let scale = if range == 0.0 { 1.0 } else { range / 255.0 };
        let zero = (-least / scale).clamp(0.0, 255.0).round_ties_even();
        let steps = values.iter().map(|value| (value / scale).round_ties_even() + zero).collect();
        Ok(self.named([
            Tensor::new(value.shape().to_vec(), saturate(steps, ElementType::U8)?)?,
            Tensor::new(vec![], Data::F32(vec![scale]))?,
            Tensor::new(vec![], saturate(vec![zero], ElementType::U8)?)?,
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[f32]) -> (Vec<u8>, f32, u8) {
        let operator = DynamicQuantize { value: 0, named: [true; 3] };
        let input = Tensor::new(vec![values.len()], Data::F32(values.to_vec())).unwrap();
        let mut outputs = operator.run(&[input]).unwrap().into_iter().map(Tensor::into_data);
        match (outputs.next(), outputs.next(), outputs.next()) {
            (Some(Data::U8(steps)), Some(Data::F32(scale)), Some(Data::U8(zero))) => (steps, scale[0], zero[0]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_range_of_the_values_becomes_that_of_the_bytes() {
        let (steps, scale, zero) = run(&[0.0, 2.0, -3.0, -2.5, 1.34, 0.5]);
        assert_eq!((steps, zero), (vec![153, 255, 0, 26, 221, 179], 153));
        assert!((scale - 5.0 / 255.0).abs() < 1e-9);
        assert_eq!(run(&[-127.0, 128.0, 0.5]), (vec![0, 255, 127], 1.0, 127));
        assert_eq!(run(&[-253.0, 257.0]), (vec![0, 254], 2.0, 126));
    }

    #[test]
    fn there_is_always_a_scale() {
        assert_eq!(run(&[0.0, 0.0]), (vec![0, 0], 1.0, 0));
        assert_eq!(run(&[]), (vec![], 1.0, 0));
        assert_eq!(run(&[-1.0]).2, 255);
    }

    #[test]
    fn only_outputs_with_a_name_come() {
        let operator = DynamicQuantize { value: 0, named: [false, true, false] };
        let input = Tensor::new(vec![1], Data::F32(vec![255.0])).unwrap();
        let outputs = operator.run(&[input]).unwrap();
        assert_eq!(outputs.len(), 1);
        assert_eq!(outputs[0].data(), &Data::F32(vec![1.0]));
        assert!(operator.run(&[]).is_err());
        assert!(operator.run(&[Tensor::new(vec![1], Data::U8(vec![1])).unwrap()]).is_err());
    }
}
