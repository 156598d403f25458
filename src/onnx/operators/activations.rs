//! Activations that tract lacks or gets wrong: Celu, Swish with a slope, SwiGLU, Softplus and LogSoftmax of large numbers;
//! and of float64, which tract does not take, some more.

use super::elements::{Places, Real, around, mismatch};
use super::{Attributes, Fact, Family, ONNX, Operator, axis, not_numbers, required};
use crate::error::Result;
use crate::onnx::rewrite::OWN;
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "Celu", |attributes| Ok(each(attributes, "alpha", 1.0, celu))),
    (ONNX, "LogSoftmax", |attributes| Ok(Box::new(LogSoftmax::new(attributes)))),
    (ONNX, "Softplus", |attributes| Ok(each(attributes, "", 0.0, |x, _| x.max(0.0) + (-x.abs()).exp().ln_1p()))),
    (ONNX, "SwiGLU", |attributes| Ok(Box::new(SwiGlu { alpha: attributes.float("alpha").unwrap_or(1.0) }))),
    (ONNX, "Swish", |attributes| Ok(each(attributes, "alpha", 1.0, swish))),
    (OWN, "PRelu", |_| Ok(Box::new(ChannelPRelu))),
];

/// What stands in for tract's own, which take float32 only.
pub const WIDE: Family = &[
    (ONNX, "Erf", |attributes| Ok(each(attributes, "", 0.0, |x, _| erf(x)))),
    (ONNX, "Gelu", |attributes| Ok(each(attributes, "", 0.0, gelu(attributes)))),
    (ONNX, "HardSwish", |attributes| Ok(each(attributes, "", 0.0, |x, _| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)))),
    (ONNX, "LeakyRelu", |attributes| {
        Ok(each(attributes, "alpha", 0.01, |x, slope| if x < 0.0 { slope * x } else { x }))
    }),
    (ONNX, "Round", |attributes| Ok(each(attributes, "", 0.0, |x, _| x.round_ties_even()))),
    (ONNX, "Sigmoid", |attributes| Ok(each(attributes, "", 0.0, |x, _| 1.0 / (1.0 + (-x).exp())))),
    (ONNX, "Swish", |attributes| Ok(each(attributes, "alpha", 1.0, swish))),
];

/// Whether tract's own Swish is right: it knows no slope.
pub fn is_plain(node: &NodeProto) -> bool {
    Attributes::new(node, 0).float("alpha").is_none_or(|alpha| alpha == 1.0)
}

/// A function of one value and one attribute, element by element.
#[derive(Debug)]
struct Each {
    attribute: f64,
    function: fn(f64, f64) -> f64,
}

pub(super) fn each(
    attributes: &Attributes<'_>,
    name: &str,
    default: f32,
    function: fn(f64, f64) -> f64,
) -> Box<dyn Operator> {
    Box::new(Each { attribute: attributes.float(name).unwrap_or(default).into(), function })
}

/// `max(0, x) + min(0, α · (exp(x / α) − 1))`.
fn celu(x: f64, alpha: f64) -> f64 {
    if x.is_nan() { x } else { x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0) }
}

/// `x · sigmoid(α · x)`.
pub(super) fn swish(x: f64, alpha: f64) -> f64 {
    x / (1.0 + (-alpha * x).exp())
}

fn gelu(attributes: &Attributes<'_>) -> fn(f64, f64) -> f64 {
    match attributes.string("approximate").as_deref() {
        Some("tanh") => |x, _| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        },
        _ => |x, _| 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
    }
}

/// The error function: its power series near 0, the continued fraction of its complement beyond.
fn erf(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() || size > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    if size < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let fraction = (1..=80).rev().fold(0.0, |below, n| f64::from(n) / 2.0 / (size + below));
    let complement = (-size * size).exp() / (size + fraction) * std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    x.signum() * (1.0 - complement)
}

impl Operator for Each {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let of = |value: f64| (self.function)(value, self.attribute);
        let data = match input.data() {
            Data::F32(values) => Data::F32(values.iter().map(|&value| of(value.into()) as f32).collect()),
            Data::F64(values) => Data::F64(values.iter().map(|&value| of(value)).collect()),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }
}

/// PRelu of before version 7: one slope for all values, or one for each channel, on axis 1.
#[derive(Debug)]
struct ChannelPRelu;

impl Operator for ChannelPRelu {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, slope) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let (shape, slopes) = (input.shape(), slope.data().len());
        let mut steps = vec![0; shape.len()];
        if slopes != 1 {
            match shape.get(1) {
                Some(&channels) if channels == slopes => steps[1] = 1,
                _ => return Err(mismatch(format!("{slopes} slopes for the shape {shape:?}"))),
            }
        }
        let places = Places::new(shape, steps)?;
        let data = match (input.data(), slope.data()) {
            (Data::F32(values), Data::F32(slopes)) => Data::F32(Self::of(values, slopes, places)),
            (Data::F64(values), Data::F64(slopes)) => Data::F64(Self::of(values, slopes, places)),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(shape.to_vec(), data)?])
    }
}

impl ChannelPRelu {
    fn of<T: Real>(values: &[T], slopes: &[T], places: Places) -> Vec<T> {
        let bent = |(&value, place): (&T, usize)| if value < T::default() { slopes[place] * value } else { value };
        values.iter().zip(places).map(bent).collect()
    }
}

/// `a · sigmoid(α · a) · b`.
#[derive(Debug)]
struct SwiGlu {
    alpha: f32,
}

impl SwiGlu {
    fn of<T: Real>(&self, gate: &[T], value: &[T]) -> Vec<T> {
        let product = |(gate, value): (&T, &T)| T::of(swish(gate.wide(), self.alpha.into()) * value.wide());
        gate.iter().zip(value).map(product).collect()
    }
}

impl Operator for SwiGlu {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (gate, value) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        if gate.shape != value.shape {
            return Err(mismatch(format!("gate {:?} and value {:?} differ", gate.shape, value.shape)));
        }
        Ok(vec![Fact::new(gate.element, gate.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (gate, value) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        if gate.shape() != value.shape() {
            return Err(mismatch(format!("gate {:?} and value {:?} differ", gate.shape(), value.shape())));
        }
        let data = match (gate.data(), value.data()) {
            (Data::F32(gate), Data::F32(value)) => Data::F32(self.of(gate, value)),
            (Data::F64(gate), Data::F64(value)) => Data::F64(self.of(gate, value)),
            _ => return Err(not_numbers(gate)),
        };
        Ok(vec![Tensor::new(gate.shape().to_vec(), data)?])
    }
}

/// `x − m − log Σ exp(x − m)` with `m` the largest value; tract's own takes the logarithm of shares that are 0.
#[derive(Debug)]
struct LogSoftmax {
    axis: i64,
    /// Whether all axes from the stated one on are taken together, as before version 13.
    together: bool,
}

impl LogSoftmax {
    fn new(attributes: &Attributes<'_>) -> Self {
        let together = attributes.opset < 13;
        Self { axis: attributes.int("axis").unwrap_or(if together { 1 } else { -1 }), together }
    }

    fn of<T: Real>(values: &[T], size: usize, after: usize) -> Vec<T> {
        let mut logs = values.to_vec();
        for block in logs.chunks_mut((size * after).max(1)) {
            for inner in 0..after {
                let column = || block[inner..].iter().step_by(after).map(|value| value.wide());
                let largest = column().fold(f64::NEG_INFINITY, f64::max);
                let shift = largest + column().map(|value| (value - largest).exp()).sum::<f64>().ln();
                block[inner..].iter_mut().step_by(after).for_each(|value| *value = T::of(value.wide() - shift));
            }
        }
        logs
    }
}

impl Operator for LogSoftmax {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = input.shape();
        // Taken together, an axis behind the last one is allowed: every value stands alone.
        let place =
            if self.together && self.axis == shape.len() as i64 { None } else { Some(axis(self.axis, shape.len())?) };
        let (size, after) = match place {
            None => (1, 1),
            Some(place) => {
                let (_, size, after) = around(shape, place);
                if self.together { (size * after, 1) } else { (size, after) }
            }
        };
        let data = match input.data() {
            Data::F32(values) => Data::F32(Self::of(values, size, after)),
            Data::F64(values) => Data::F64(Self::of(values, size, after)),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(shape.to_vec(), data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::NodeProto;

    fn run(name: &str, values: &[f32]) -> Vec<f32> {
        let node = NodeProto { op_type: name.to_owned(), ..NodeProto::default() };
        let (_, _, build) = FAMILY.iter().find(|(_, known, _)| *known == name).unwrap();
        let input = Tensor::new(vec![1, values.len()], Data::F32(values.to_vec())).unwrap();
        let output = build(&Attributes::new(&node, 20)).unwrap().run(&[input]).unwrap().remove(0);
        super::super::floats(&output).unwrap()
    }

    #[test]
    fn large_numbers_stay_finite() {
        assert_eq!(run("Softplus", &[100.0, -100.0, f32::INFINITY]), [100.0, (-100f32).exp(), f32::INFINITY]);
        assert_eq!(run("LogSoftmax", &[1e4, 0.0]), [0.0, -1e4]);
        assert_eq!(run("LogSoftmax", &[1e4, 1e4]), [-(2f32.ln()), -(2f32.ln())]);
        assert_eq!(run("Swish", &[-1e9, 0.0]), [0.0, 0.0]);
        assert!(["Celu", "Softplus", "Swish"].iter().all(|name| run(name, &[f32::NAN])[0].is_nan()));
    }

    #[test]
    fn slopes_belonged_to_channels() {
        let tensor = |shape: &[usize], values: &[f32]| Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap();
        let run = |slopes: &[f32]| {
            let inputs = [tensor(&[1, 2, 2], &[-1.0, 1.0, -1.0, f32::NAN]), tensor(&[slopes.len()], slopes)];
            ChannelPRelu.run(&inputs).map(|outputs| super::super::floats(&outputs[0]).unwrap())
        };
        assert_eq!(run(&[0.5, 0.25]).unwrap()[..3], [-0.5, 1.0, -0.25]);
        assert!(run(&[0.5]).unwrap()[3].is_nan() && run(&[1.0, 2.0, 3.0]).is_err());
    }

    #[test]
    fn the_error_function_is_exact_on_both_sides() {
        for (x, wanted) in
            [(0.5, 0.520_499_877_813_046_5), (2.4, 0.999_311_486_103_354_9), (3.0, 0.999_977_909_503_001_4)]
        {
            assert!((erf(x) - wanted).abs() < 1e-14 && erf(-x) == -erf(x), "{x}: {}", erf(x));
        }
        assert_eq!((erf(0.0), erf(7.0), erf(f64::NEG_INFINITY)), (0.0, 1.0, -1.0));
    }

    #[test]
    fn axes_are_taken_together_in_old_versions() {
        let input = Tensor::new(vec![1, 2, 2], Data::F32(vec![0.0; 4])).unwrap();
        let log = |together, axis| {
            let output = LogSoftmax { axis, together }.run(std::slice::from_ref(&input)).unwrap().remove(0);
            super::super::floats(&output).unwrap()[0]
        };
        assert_eq!((log(true, 1), log(false, 1), log(true, 3)), (-(4f32.ln()), -(2f32.ln()), 0.0));
    }
}
