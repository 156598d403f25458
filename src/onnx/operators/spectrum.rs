//! STFT of signals of rank 2, or whose window or frames come as inputs, which tract does not take.

use super::elements::mismatch;
use super::{
    Attributes, Fact, Family, ONNX, Operator, bounded, depends_on_values, floats, integers, not_numbers, required,
};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// What stands in for tract's own.
pub const STAND_INS: Family = &[(ONNX, "STFT", |attributes| Ok(Box::new(Stft::new(attributes))))];

/// The discrete Fourier transforms of overlapping pieces of a signal, `Σ w·x·exp(−2πi·k·n / N)`.
#[derive(Debug)]
struct Stft {
    onesided: bool,
    window: Option<usize>,
    length: Option<usize>,
}

impl Stft {
    fn new(attributes: &Attributes<'_>) -> Self {
        let onesided = attributes.flag("onesided", true);
        Self { onesided, window: attributes.input(2), length: attributes.input(3) }
    }
}

impl Operator for Stft {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Err(depends_on_values())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let signal = required(inputs, Some(0))?;
        let wrong = || mismatch(format!("a signal of the shape {:?}", signal.shape()));
        let (batch, samples, parts) = match *signal.shape() {
            [batch, samples] => (batch, samples, 1),
            [batch, samples, parts] if parts == 1 || parts == 2 => (batch, samples, parts),
            _ => return Err(wrong()),
        };
        let number = |place: usize| {
            let value = integers(required(inputs, Some(place))?)?.first().copied().unwrap_or_default();
            usize::try_from(value).ok().filter(|&value| value > 0).ok_or_else(|| mismatch(format!("{value} samples")))
        };
        let step = number(1)?;
        let window = self.window.map(|place| required(inputs, Some(place)).and_then(floats)).transpose()?;
        let length = match (self.length, &window) {
            (Some(place), _) => number(place)?,
            (None, Some(window)) => window.len(),
            (None, None) => return Err(mismatch("neither a window nor a frame length is given")),
        };
        if length > samples || length == 0 || window.as_ref().is_some_and(|window| window.len() != length) {
            return Err(mismatch(format!("frames of {length} from {samples} samples")));
        }
        let frames = (samples - length) / step + 1;
        let bins = if self.onesided && parts == 1 { length / 2 + 1 } else { length };
        let shape = vec![batch, frames, bins, 2];
        let mut output = Vec::with_capacity(bounded(&shape)?);
        let values = signal.data().to_f64().ok_or_else(|| not_numbers(signal))?;
        let turn = -2.0 * std::f64::consts::PI / length as f64;
        let circle: Vec<(f64, f64)> = (0..length).map(|place| (turn * place as f64).sin_cos()).collect();
        for sample in 0..batch {
            for frame in 0..frames {
                for bin in 0..bins {
                    let (mut real, mut imaginary) = (0.0, 0.0);
                    for place in 0..length {
                        let at = (sample * samples + frame * step + place) * parts;
                        let weight = window.as_ref().map_or(1.0, |window| window[place].into());
                        let (sine, cosine) = circle[bin * place % length];
                        let (a, b) = (weight * values[at], if parts == 2 { weight * values[at + 1] } else { 0.0 });
                        real += a * cosine - b * sine;
                        imaginary += a * sine + b * cosine;
                    }
                    output.extend([real, imaginary]);
                }
            }
        }
        let data = match signal.element_type() {
            ElementType::F64 => Data::F64(output),
            ElementType::F32 => Data::F32(output.into_iter().map(|value| value as f32).collect()),
            _ => return Err(not_numbers(signal)),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_has_one_frequency() {
        let whole = |value: i64| Tensor::new(vec![], Data::I64(vec![value])).unwrap();
        let signal = Tensor::new(vec![1, 6], Data::F32(vec![1.0; 6])).unwrap();
        let operator = Stft { onesided: true, window: None, length: Some(2) };
        let output = operator.run(&[signal, whole(2), whole(4)]).unwrap().remove(0);
        assert_eq!(output.shape(), [1, 2, 3, 2]);
        let values = floats(&output).unwrap();
        assert!((values[0] - 4.0).abs() < 1e-6 && values[1..6].iter().all(|value| value.abs() < 1e-6), "{values:?}");
    }
}
