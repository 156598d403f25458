//! QuantizeLinear, DequantizeLinear, and the step from an integer sum to a quantised one.

use super::parameters::{Layout, Parameters};
use super::{input, required};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::convert::element_type;
use crate::onnx::operators::{Attributes, Fact, Operator};
use crate::tensor::{Data, ElementType, Tensor};

/// saturate(round(x / scale) + zero point), a half rounded to even.
#[derive(Debug)]
struct Quantize {
    value: usize,
    layout: Layout,
    /// The type of the output where there is no zero point that tells it.
    element: ElementType,
    /// x · scale in place of x / scale.
    multiplies: bool,
}

/// Makes QuantizeLinear.
pub(super) fn quantize(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    build(attributes, false)
}

/// Makes the private operator Requantize: QuantizeLinear with a factor in place of a scale.
///
/// Its inputs are the sum of products of a quantised convolution or matrix product, as float32, the factor
/// `x_scale · w_scale / y_scale`, and the zero point of the output. The order of the operations is that of onnxruntime,
/// so that halves are rounded alike.
pub(super) fn requantize(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    build(attributes, true)
}

fn build(attributes: &Attributes<'_>, multiplies: bool) -> Result<Box<dyn Operator>> {
    let element = match attributes.int("output_dtype").unwrap_or_default() {
        0 => ElementType::U8,
        number => i32::try_from(number)
            .ok()
            .and_then(element_type)
            .filter(|&element| is_quantized(element))
            .ok_or_else(|| attributes.refuse("output_dtype", format!("type {number} is not supported")))?,
    };
    Ok(Box::new(Quantize { value: required(attributes, 0)?, layout: Layout::new(attributes)?, element, multiplies }))
}

/// Whether values may be quantised to this type.
fn is_quantized(element: ElementType) -> bool {
    matches!(element, ElementType::U8 | ElementType::I8 | ElementType::U16 | ElementType::I16)
}

fn wrong_type(element: ElementType) -> Error {
    Error::new(ErrorKind::WrongType, format!("{} is no type of quantised values here", element.name()))
}

impl Quantize {
    fn output(&self, zero: Option<ElementType>) -> Result<ElementType> {
        let element = zero.unwrap_or(self.element);
        if is_quantized(element) { Ok(element) } else { Err(wrong_type(element)) }
    }

    fn steps(&self, values: impl Iterator<Item = f32>, parameters: &Parameters) -> Vec<f32> {
        let step = |(value, (scale, zero)): (f32, (f32, i64))| {
            let steps = if self.multiplies { value * scale } else { value / scale };
            steps.round_ties_even() + zero as f32
        };
        match parameters.single() {
            Some(same) => values.map(|value| step((value, same))).collect(),
            None => values.zip(parameters.each()).map(step).collect(),
        }
    }
}

impl Operator for Quantize {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let missing = || Error::new(ErrorKind::InvalidModel, "an input is missing");
        let zero = self.layout.zero.map(|place| inputs.get(place).map(|zero| zero.element).ok_or_else(missing));
        let shape = inputs.get(self.value).ok_or_else(missing)?.shape.clone();
        Ok(vec![Fact::new(self.output(zero.transpose()?)?, shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let value = input(inputs, self.value)?;
        let zero = self.layout.zero.map(|place| input(inputs, place).map(Tensor::element_type)).transpose()?;
        let parameters = self.layout.read(inputs, value.shape())?;
        let steps = match value.data() {
            Data::F32(values) => self.steps(values.iter().copied(), &parameters),
            Data::I32(values) => self.steps(values.iter().map(|&value| value as f32), &parameters),
            other => return Err(wrong_type(other.element_type())),
        };
        let data = saturate(steps, self.output(zero)?)?;
        Ok(vec![Tensor::new(value.shape().to_vec(), data)?])
    }
}

/// The nearest values of the type, which must be one of the quantised ones. Not-a-number becomes the least.
pub(super) fn saturate(steps: Vec<f32>, element: ElementType) -> Result<Data> {
    macro_rules! saturated {
        ($rust:ty) => {
            steps.into_iter().map(|step| step.max(<$rust>::MIN.into()).min(<$rust>::MAX.into()) as $rust).collect()
        };
    }
    Ok(match element {
        ElementType::U8 => Data::U8(saturated!(u8)),
        ElementType::I8 => Data::I8(saturated!(i8)),
        ElementType::U16 => Data::U16(saturated!(u16)),
        ElementType::I16 => Data::I16(saturated!(i16)),
        other => return Err(wrong_type(other)),
    })
}

/// (x − zero point) · scale.
#[derive(Debug)]
struct Dequantize {
    value: usize,
    layout: Layout,
}

/// Makes DequantizeLinear.
pub(super) fn dequantize(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(Dequantize { value: required(attributes, 0)?, layout: Layout::new(attributes)? }))
}

fn dequantized<T: Copy + Into<i64>>(values: &[T], parameters: &Parameters) -> Vec<f32> {
    let value = |(value, (scale, zero)): (T, (f32, i64))| (value.into() - zero) as f32 * scale;
    let values = values.iter().copied();
    match parameters.single() {
        Some(same) => values.map(|step| value((step, same))).collect(),
        None => values.zip(parameters.each()).map(value).collect(),
    }
}

impl Operator for Dequantize {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let value = inputs.get(self.value).ok_or_else(|| Error::new(ErrorKind::InvalidModel, "an input is missing"))?;
        Ok(vec![Fact::new(ElementType::F32, value.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let value = input(inputs, self.value)?;
        let parameters = self.layout.read(inputs, value.shape())?;
        let values = match value.data() {
            Data::U8(values) => dequantized(values, &parameters),
            Data::I8(values) => dequantized(values, &parameters),
            Data::U16(values) => dequantized(values, &parameters),
            Data::I16(values) => dequantized(values, &parameters),
            Data::I32(values) => dequantized(values, &parameters),
            other => return Err(wrong_type(other.element_type())),
        };
        Ok(vec![Tensor::new(value.shape().to_vec(), Data::F32(values))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, NodeProto};

    fn node(inputs: usize, attributes: &[(&str, i64)]) -> NodeProto {
        let attribute = |(name, i): &(&str, i64)| AttributeProto { name: (*name).into(), i: *i, ..Default::default() };
        NodeProto {
            input: (0..inputs).map(|place| format!("input {place}")).collect(),
            attribute: attributes.iter().map(attribute).collect(),
            ..Default::default()
        }
    }

    fn tensor(shape: &[usize], data: Data) -> Tensor {
        Tensor::new(shape.to_vec(), data).unwrap()
    }

    fn run(build: crate::onnx::operators::Build, attributes: &[(&str, i64)], inputs: Vec<Tensor>) -> Result<Data> {
        let operator = build(&Attributes::new(&node(inputs.len(), attributes), 21))?;
        let facts: Vec<Fact> = inputs.iter().map(|input| Fact::new(input.element_type(), input.shape())).collect();
        let output = operator.run(&inputs)?.remove(0);
        assert_eq!(operator.facts(&facts)?, [Fact::new(output.element_type(), output.shape())]);
        Ok(output.into_data())
    }

    #[test]
    fn values_are_rounded_to_even_and_saturated() {
        let values = tensor(&[7], Data::F32(vec![-3.0, 0.5, 1.5, 2.5, 1e9, f32::NEG_INFINITY, f32::NAN]));
        let one = tensor(&[], Data::F32(vec![1.0]));
        let plain = run(quantize, &[], vec![values.clone(), one.clone()]).unwrap();
        assert_eq!(plain, Data::U8(vec![0, 0, 2, 2, 255, 0, 0]));
        let signed = run(quantize, &[], vec![values.clone(), one.clone(), tensor(&[1], Data::I8(vec![-2]))]).unwrap();
        assert_eq!(signed, Data::I8(vec![-5, -2, 0, 0, 127, -128, -128]));
        let wide = run(quantize, &[("output_dtype", 5)], vec![values, one]).unwrap();
        assert_eq!(wide, Data::I16(vec![-3, 0, 2, 2, 32767, -32768, -32768]));
    }

    #[test]
    fn a_factor_multiplies_where_a_scale_divides() {
        let sums = tensor(&[1, 2, 1], Data::F32(vec![3.0, 3.0]));
        let by = tensor(&[2], Data::F32(vec![0.5, 2.0]));
        let zero = tensor(&[], Data::U8(vec![10]));
        assert_eq!(run(requantize, &[], vec![sums.clone(), by.clone(), zero.clone()]).unwrap(), Data::U8(vec![12, 16]));
        assert_eq!(run(quantize, &[], vec![sums, by, zero]).unwrap(), Data::U8(vec![16, 12]));
    }

    #[test]
    fn integers_become_numbers_again() {
        let bytes = tensor(&[2, 2], Data::U8(vec![0, 128, 255, 3]));
        let scales = tensor(&[2], Data::F32(vec![0.5, 2.0]));
        let zeros = tensor(&[2], Data::U8(vec![128, 3]));
        let rows = run(dequantize, &[("axis", 0)], vec![bytes.clone(), scales.clone(), zeros.clone()]).unwrap();
        assert_eq!(rows, Data::F32(vec![-64.0, 0.0, 504.0, 0.0]));
        let columns = run(dequantize, &[("axis", -1)], vec![bytes, scales, zeros]).unwrap();
        assert_eq!(columns, Data::F32(vec![-64.0, 250.0, 63.5, 0.0]));
        let wide = vec![tensor(&[1], Data::I32(vec![i32::MIN])), tensor(&[], Data::F32(vec![1.0]))];
        assert_eq!(run(dequantize, &[], wide).unwrap(), Data::F32(vec![-2147483648.0]));
    }

    #[test]
    fn hostile_nodes_are_errors() {
        let bytes = || tensor(&[2, 2], Data::U8(vec![0; 4]));
        let scale = |count: usize| tensor(&[count], Data::F32(vec![1.0; count]));
        assert!(run(dequantize, &[], vec![bytes()]).is_err());
        assert!(run(dequantize, &[], vec![]).is_err());
        assert!(run(dequantize, &[("block_size", -1)], vec![bytes(), scale(1)]).is_err());
        assert!(run(dequantize, &[("axis", i64::MAX)], vec![bytes(), scale(2)]).is_err());
        assert!(run(dequantize, &[("axis", i64::MIN)], vec![bytes(), scale(2)]).is_err());
        assert!(run(dequantize, &[], vec![bytes(), scale(0)]).is_err());
        assert!(run(dequantize, &[], vec![bytes(), scale(3)]).is_err());
        assert!(run(dequantize, &[], vec![bytes(), bytes()]).is_err());
        assert!(run(dequantize, &[], vec![scale(1), scale(1)]).is_err());
        assert!(run(quantize, &[("output_dtype", 17)], vec![scale(1), scale(1)]).is_err());
        assert!(run(quantize, &[], vec![scale(1), scale(1), tensor(&[], Data::I64(vec![0]))]).is_err());
    }
}
