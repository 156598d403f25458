//! BatchNormalization while training, which tract does not have, and with scales that are known only when it runs.

use super::elements::mismatch;
use super::{Attributes, Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "BatchNormalization", |attributes| Ok(Box::new(BatchNorm::new(attributes)?)))];

/// Whether tract's own is right: it knows no training.
pub fn is_plain(node: &NodeProto) -> bool {
    !Attributes::new(node, 0).flag("training_mode", false)
}

/// `(x − mean) / √(variance + ε) · scale + bias` for each channel, the second axis. While training, mean and variance
/// are those of the batch, and the running ones follow as outputs.
#[derive(Debug)]
struct BatchNorm {
    epsilon: f64,
    momentum: f64,
    training: bool,
    /// Which outputs have a name.
    outputs: [bool; 3],
}

impl BatchNorm {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let training = attributes.flag("training_mode", false);
        if !attributes.flag("spatial", true) {
            return Err(attributes.refuse("spatial", "normalising each place by itself is not supported"));
        }
        if !training && (1..5).any(|place| attributes.has_output(place)) {
            return Err(attributes.refuse("training_mode", "training as before operator set 14 is not supported"));
        }
        Ok(Self {
            epsilon: attributes.float("epsilon").unwrap_or(1e-5).into(),
            momentum: attributes.float("momentum").unwrap_or(0.9).into(),
            training,
            outputs: [0, 1, 2].map(|place| attributes.has_output(place)),
        })
    }
}

/// The samples, channels and elements of each channel of a sample.
fn sizes(shape: &[usize], parameters: [&[usize]; 4]) -> Result<(usize, usize, usize)> {
    let (batch, channels) = match shape {
        [] => return Err(mismatch("a scalar has no channels")),
        [batch] => (*batch, 1),
        [batch, channels, ..] => (*batch, *channels),
    };
    if parameters.iter().any(|shape| **shape != [channels]) {
        return Err(mismatch(format!("{channels} channels, and scale, bias, mean and variance of {parameters:?}")));
    }
    Ok((batch, channels, shape.iter().skip(2).product()))
}

impl Operator for BatchNorm {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place));
        let shapes = [&*at(1)?.shape, &*at(2)?.shape, &*at(3)?.shape, &*at(4)?.shape];
        sizes(&at(0)?.shape, shapes)?;
        let all = [at(0)?, at(3)?, at(4)?].into_iter().zip(self.outputs).filter(|(_, named)| *named);
        Ok(all.map(|(fact, _)| Fact::new(fact.element, fact.shape.clone())).collect())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let input = at(0)?;
        let shapes = [at(1)?.shape(), at(2)?.shape(), at(3)?.shape(), at(4)?.shape()];
        let (batch, channels, size) = sizes(input.shape(), shapes)?;
        let wide = |tensor: &Tensor| tensor.data().to_f64().ok_or_else(|| not_numbers(tensor));
        let (mut values, scale, bias) = (wide(input)?, wide(at(1)?)?, wide(at(2)?)?);
        let (mut means, mut variances) = (wide(at(3)?)?, wide(at(4)?)?);
        for channel in 0..channels {
            let place = |sample: usize| (sample * channels + channel) * size..(sample * channels + channel + 1) * size;
            let (mut mean, mut variance) = (means[channel], variances[channel]);
            if self.training {
                let count = (batch * size) as f64;
                let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
                    (0..batch).flat_map(|sample| &values[place(sample)]).map(|&value| of(value)).sum()
                };
                mean = sum(&|value| value) / count;
                variance = sum(&|value| (value - mean) * (value - mean)) / count;
                means[channel] = means[channel] * self.momentum + mean * (1.0 - self.momentum);
                variances[channel] = variances[channel] * self.momentum + variance * (1.0 - self.momentum);
            }
            let slope = scale[channel] / (variance + self.epsilon).sqrt();
            for sample in 0..batch {
                values[place(sample)].iter_mut().for_each(|value| *value = (*value - mean) * slope + bias[channel]);
            }
        }
        let all = [(at(0)?, values), (at(3)?, means), (at(4)?, variances)].into_iter().zip(self.outputs);
        let output = |(like, values): (&Tensor, Vec<f64>)| {
            let data = match like.element_type() {
                ElementType::F64 => Data::F64(values),
                ElementType::F32 => Data::F32(values.into_iter().map(|value| value as f32).collect()),
                _ => return Err(not_numbers(like)),
            };
            Tensor::new(like.shape().to_vec(), data)
        };
        all.filter(|(_, named)| *named).map(|(pair, _)| output(pair)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    #[test]
    fn while_training_the_batch_is_normalised_by_itself() {
        let norm = BatchNorm { epsilon: 0.0, momentum: 0.5, training: true, outputs: [true, false, true] };
        let one = |value: f32| floats(&[1], &[value]);
        let inputs = [floats(&[2, 1, 1], &[1.0, 5.0]), one(2.0), one(1.0), one(7.0), one(0.0)];
        let outputs = norm.run(&inputs).unwrap();
        assert_eq!(outputs, [floats(&[2, 1, 1], &[-1.0, 3.0]), one(2.0)]);
        let norm = BatchNorm { training: false, ..norm };
        let inputs = [floats(&[1, 1], &[3.0]), one(2.0), one(1.0), one(1.0), one(4.0)];
        assert_eq!(norm.run(&inputs).unwrap()[0], floats(&[1, 1], &[3.0]));
        assert!(norm.run(&[floats(&[1, 2], &[3.0; 2]), one(2.0), one(1.0), one(1.0), one(4.0)]).is_err());
    }
}
