//! Losses: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, which exports of whole training steps hold.

use super::elements::mismatch;
use super::{Attributes, Fact, Family, ONNX, Operator, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "NegativeLogLikelihoodLoss", |attributes| Ok(Box::new(Loss::new(attributes, false)?))),
    (ONNX, "SoftmaxCrossEntropyLoss", |attributes| Ok(Box::new(Loss::new(attributes, true)?))),
];

/// `−log p` of the true class, weighted by class, for each place of a tensor `[batch, classes, …]`.
#[derive(Debug)]
struct Loss {
    /// Whether the input holds scores, not logarithms of probabilities.
    scores: bool,
    reduction: Reduction,
    /// A label that stands for no class: its place has no loss and no weight.
    ignored: Option<i64>,
    weight: Option<usize>,
    /// Whether the loss and the logarithms of the probabilities have a name.
    outputs: [bool; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Reduction {
    None,
    Sum,
    /// The sum over the sum of weights.
    Mean,
}

impl Loss {
    fn new(attributes: &Attributes<'_>, scores: bool) -> Result<Self> {
        let reduction = match attributes.string("reduction").as_deref() {
            Some("none") => Reduction::None,
            Some("sum") => Reduction::Sum,
            None | Some("mean") => Reduction::Mean,
            Some(other) => return Err(attributes.refuse("reduction", format!("there is no reduction {other}"))),
        };
        Ok(Self {
            scores,
            reduction,
            ignored: attributes.int("ignore_index"),
            weight: attributes.input(2),
            outputs: [attributes.has_output(0), attributes.has_output(1)],
        })
    }

    fn shapes(&self, input: &[usize], labels: &[usize], weight: Option<&[usize]>) -> Result<[Vec<usize>; 2]> {
        let fits = match input {
            [batch, classes, rest @ ..] => {
                labels.first() == Some(batch)
                    && labels[1..] == *rest
                    && weight.is_none_or(|weight| weight == [*classes])
            }
            _ => false,
        };
        if !fits {
            let message = format!("inputs {input:?}, labels {labels:?} and weights {weight:?} do not fit");
            return Err(mismatch(message));
        }
        let loss = if self.reduction == Reduction::None { labels.to_vec() } else { vec![] };
        Ok([loss, input.to_vec()])
    }

    fn named<T>(&self, outputs: [T; 2]) -> impl Iterator<Item = T> {
        outputs.into_iter().zip(self.outputs).filter(|(_, named)| *named).map(|(output, _)| output)
    }
}

/// The logarithm of the softmax over the classes, shifted by the largest score.
fn log_softmax(scores: &mut [f64], classes: usize, places: usize) {
    for sample in scores.chunks_mut((classes * places).max(1)) {
        for place in 0..places {
            let of = |sample: &[f64]| sample[place..].iter().step_by(places).copied().collect::<Vec<f64>>();
            let column = of(sample);
            let largest = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shift = largest + column.iter().map(|score| (score - largest).exp()).sum::<f64>().ln();
            sample[place..].iter_mut().step_by(places).for_each(|score| *score -= shift);
        }
    }
}

impl Operator for Loss {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (input, labels) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let weight = self.weight.map(|weight| required(inputs, Some(weight))).transpose()?;
        let shapes = self.shapes(&input.shape, &labels.shape, weight.map(|weight| weight.shape.as_slice()))?;
        Ok(self.named(shapes).map(|shape| Fact::new(input.element, shape)).collect())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, labels) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let weight = self.weight.map(|weight| required(inputs, Some(weight))).transpose()?;
        let shapes = self.shapes(input.shape(), labels.shape(), weight.map(Tensor::shape))?;
        let wide = |tensor: &Tensor| tensor.data().to_f64().ok_or_else(|| not_numbers(tensor));
        let (mut logs, labels, weight) = (wide(input)?, integers(labels)?, weight.map(wide).transpose()?);
        let (classes, places) = (input.shape()[1], input.shape()[2..].iter().product::<usize>());
        if self.scores {
            log_softmax(&mut logs, classes, places);
        }
        let (mut losses, mut weights) = (Vec::with_capacity(labels.len()), 0.0);
        for (place, &label) in labels.iter().enumerate() {
            if self.ignored == Some(label) {
                losses.push(0.0);
                continue;
            }
            let class = usize::try_from(label).ok().filter(|&class| class < classes);
            let class = class.ok_or_else(|| mismatch(format!("label {label} where there are {classes} classes")))?;
            let own = weight.as_ref().map_or(1.0, |weight| weight[class]);
            let (sample, place) = (place / places, place % places);
            losses.push(-logs[(sample * classes + class) * places + place] * own);
            weights += own;
        }
        let sum: f64 = losses.iter().sum();
        let losses = match self.reduction {
            Reduction::None => losses,
            Reduction::Sum => vec![sum],
            Reduction::Mean => vec![sum / weights],
        };
        let output = |(values, shape): (Vec<f64>, Vec<usize>)| {
            let data = match input.element_type() {
                ElementType::F32 => Data::F32(values.into_iter().map(|value| value as f32).collect()),
                ElementType::F64 => Data::F64(values),
                _ => return Err(not_numbers(input)),
            };
            Tensor::new(shape, data)
        };
        let [loss, log] = shapes;
        self.named([(losses, loss), (logs, log)]).map(output).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(scores: bool, reduction: Reduction, ignored: Option<i64>, weight: bool) -> Loss {
        Loss { scores, reduction, ignored, weight: weight.then_some(2), outputs: [true, scores] }
    }

    fn inputs(labels: &[i64]) -> [Tensor; 3] {
        let input = vec![1.0, 2.0, 2.0, 2.0, 3.0, 2.0, 0.0, 1.0, 2.0, 2.0, 1.0, 2.0];
        [
            Tensor::new(vec![2, 3, 2], Data::F64(input)).unwrap(),
            Tensor::new(vec![2, 2], Data::I64(labels.to_vec())).unwrap(),
            Tensor::new(vec![3], Data::F64(vec![0.2, 0.3, 0.1])).unwrap(),
        ]
    }

    #[test]
    fn the_examples_of_the_specification_are_met() {
        let labels = [2, 1, 0, 2];
        let plain = loss(false, Reduction::None, None, false).run(&inputs(&labels)).unwrap().remove(0);
        assert_eq!(plain, Tensor::new(vec![2, 2], Data::F64(vec![-3.0, -2.0, 0.0, -2.0])).unwrap());
        let number = |reduction, ignored| {
            let output = loss(false, reduction, ignored, true).run(&inputs(&labels)).unwrap().remove(0);
            assert!(output.shape().is_empty());
            output.data().to_f64().unwrap()[0]
        };
        assert!((number(Reduction::Sum, None) + 1.1).abs() < 1e-12);
        assert!((number(Reduction::Mean, None) + 1.1 / 0.7).abs() < 1e-12);
        assert!((number(Reduction::Mean, Some(2)) + 0.6 / 0.5).abs() < 1e-12);
    }

    #[test]
    fn scores_become_probabilities_and_stay_finite() {
        let input = Tensor::new(vec![1, 2], Data::F32(vec![1000.0, 1000.0])).unwrap();
        let label = Tensor::new(vec![1], Data::I32(vec![1])).unwrap();
        let outputs = loss(true, Reduction::Mean, None, false).run(&[input, label]).unwrap();
        let half = 2f32.ln();
        assert_eq!((outputs[0].data(), outputs[1].data()), (&Data::F32(vec![half]), &Data::F32(vec![-half, -half])));
    }

    #[test]
    fn labels_that_are_no_class_are_refused() {
        for label in [3, -1] {
            let run = |ignored| loss(false, Reduction::Sum, ignored, false).run(&inputs(&[0, 0, 0, label]));
            assert!(run(None).is_err() && run(Some(label)).is_ok());
        }
    }
}
