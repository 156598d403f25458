//! What onnxruntime's own optimiser writes and tract reads in part: MultiHeadAttention with biases, masks and a past, and
//! SkipSimplifiedLayerNormalization with a bias.

use super::attention::{Attention, Options};
use super::elements::{broadcast, mismatch, spread};
use super::{Attributes, Fact, Family, MICROSOFT, Operator, floats, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (MICROSOFT, "MultiHeadAttention", |attributes| Ok(Box::new(MultiHead::new(attributes)?))),
    (MICROSOFT, "SkipSimplifiedLayerNormalization", |attributes| Ok(Box::new(SkipNorm::new(attributes)))),
];

/// Attention of as many heads for queries as for keys, whose inputs are projections without their biases.
#[derive(Debug)]
struct MultiHead {
    attention: Attention,
    heads: usize,
    bias: Option<usize>,
    /// 0 where a key is padding, or how many keys each sample has.
    mask: Option<usize>,
    /// What is added to the scores of keys that are padding.
    filter: f32,
    /// What is added to all scores.
    added: Option<usize>,
    past: Option<(usize, usize)>,
}

impl MultiHead {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let heads =
            attributes.int("num_heads").and_then(|heads| usize::try_from(heads).ok()).filter(|&heads| heads > 0);
        let heads = heads.ok_or_else(|| attributes.refuse("num_heads", "a positive number is needed"))?;
        if attributes.has_input(8) || attributes.has_input(9) || !attributes.has_input(1) || !attributes.has_input(2) {
            return Err(attributes.refuse("num_heads", "packed inputs and shared caches are not supported"));
        }
        let past = attributes.input(6).zip(attributes.input(7));
        if past.is_some() != (attributes.has_input(6) || attributes.has_input(7)) {
            return Err(attributes.refuse("past_key", "it comes together with past_value"));
        }
        if attributes.has_output(3) {
            return Err(attributes.refuse("qk", "giving out the scores is not supported"));
        }
        let (mask, added) = (attributes.input(4), attributes.input(5));
        let options = Options {
            scale: attributes.float("scale").filter(|&scale| scale != 0.0),
            causal: attributes.flag("unidirectional", false),
            heads,
            // The inputs of the attention inside, in its own order.
            mask: (mask.is_some() || added.is_some()).then_some(3),
            past: past.map(|_| if mask.is_some() || added.is_some() { (4, 5) } else { (3, 4) }),
            outputs: [0, 1, 2].map(|place| attributes.has_output(place)),
        };
        Ok(Self {
            attention: Attention::packed(options),
            heads,
            bias: attributes.input(3),
            mask,
            filter: attributes.float("mask_filter_value").unwrap_or(-10_000.0),
            added,
            past,
        })
    }

    /// The mask and what is added, as one tensor that is added to the scores.
    fn scores(
        &self,
        mask: Option<&Tensor>,
        added: Option<&Tensor>,
        [batch, queries, keys, past]: [usize; 4],
    ) -> Result<Option<Tensor>> {
        let total = keys + past;
        let masked = match mask {
            None => None,
            Some(mask) => {
                let values = integers(mask)?;
                let wrong = || mismatch(format!("a key_padding_mask of the shape {:?}", mask.shape()));
                let (shape, allowed): (_, Vec<bool>) = match *mask.shape() {
                    [samples] if samples == batch => {
                        let keys = values.iter().flat_map(|&length| (0..total).map(move |key| (key as i64) < length));
                        (vec![batch, 1, 1, total], keys.collect())
                    }
                    [samples, keys] if [samples, keys] == [batch, total] => {
                        (vec![batch, 1, 1, total], values.iter().map(|&value| value != 0).collect())
                    }
                    [samples, rows, keys] if [samples, rows, keys] == [batch, queries, total] => {
                        (vec![batch, 1, queries, total], values.iter().map(|&value| value != 0).collect())
                    }
                    _ => return Err(wrong()),
                };
                let scores = allowed.into_iter().map(|allowed| if allowed { 0.0 } else { self.filter });
                Some(Tensor::new(shape, Data::F32(scores.collect()))?)
            }
        };
        match (masked, added) {
            (Some(masked), Some(added)) => {
                let shape = broadcast(masked.shape(), added.shape())?;
                let (left, right) = (floats(&masked)?, floats(added)?);
                let places = spread(masked.shape(), &shape)?.zip(spread(added.shape(), &shape)?);
                let sums = places.map(|(a, b)| left[a] + right[b]).collect();
                Ok(Some(Tensor::new(shape, Data::F32(sums))?))
            }
            (Some(masked), None) => Ok(Some(masked)),
            (None, added) => Ok(added.cloned()),
        }
    }
}

/// Keys or values with their heads beside each other; those of a cross attention come with the heads apart.
fn beside(input: &Tensor) -> Result<Tensor> {
    let (&[batch, heads, keys, head], Data::F32(values)) = (input.shape(), input.data()) else {
        return Ok(input.clone());
    };
    let mut flat = Vec::with_capacity(values.len());
    for row in 0..batch * keys {
        let (sample, key) = (row / keys, row % keys);
        for index in 0..heads {
            flat.extend_from_slice(&values[((sample * heads + index) * keys + key) * head..][..head]);
        }
    }
    Tensor::new(vec![batch, keys, heads * head], Data::F32(flat))
}

/// A projection plus its part of the bias.
fn biased(input: &Tensor, bias: Option<&[f32]>, part: usize) -> Result<Tensor> {
    let Some(bias) = bias else { return Ok(input.clone()) };
    let width = input.shape().last().copied().unwrap_or_default();
    // Queries and keys are of one width; values are what is left.
    let start = match part {
        2 => bias.len().checked_sub(width),
        part => part.checked_mul(width),
    };
    let own = start.and_then(|start| bias.get(start..start + width)).filter(|own| !own.is_empty());
    let own = own.ok_or_else(|| mismatch(format!("a bias of {} for projections of {width}", bias.len())))?;
    let Data::F32(values) = input.data() else { return Err(not_numbers(input)) };
    let sums = values.chunks(width).flat_map(|row| row.iter().zip(own).map(|(value, bias)| value + bias));
    Tensor::new(input.shape().to_vec(), Data::F32(sums.collect()))
}

impl Operator for MultiHead {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).cloned();
        let flat = |mut fact: Fact| {
            if let [batch, heads, keys, head] = fact.shape[..] {
                fact.shape = vec![batch, keys, heads * head];
            }
            fact
        };
        let mut given = vec![at(0)?, flat(at(1)?), flat(at(2)?)];
        if self.mask.is_some() || self.added.is_some() {
            given.push(Fact::new(ElementType::F32, []));
        }
        if let Some((key, value)) = self.past {
            given.extend([at(key)?, at(value)?]);
        }
        self.attention.facts(&given)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (key, value) = (beside(at(1)?)?, beside(at(2)?)?);
        let (&[batch, queries, _], &[_, keys, _]) = (at(0)?.shape(), key.shape()) else {
            let message =
                format!("queries {:?} and keys {:?} for {} heads", at(0)?.shape(), at(1)?.shape(), self.heads);
            return Err(mismatch(message));
        };
        let past = match self.past {
            Some((key, value)) => Some((at(key)?, at(value)?)),
            None => None,
        };
        let before = past.and_then(|(key, _)| key.shape().get(2).copied()).unwrap_or_default();
        let bias = self.bias.map(|bias| at(bias).and_then(floats)).transpose()?;
        let mut given = vec![
            biased(at(0)?, bias.as_deref(), 0)?,
            biased(&key, bias.as_deref(), 1)?,
            biased(&value, bias.as_deref(), 2)?,
        ];
        let (mask, added) = (self.mask.map(at).transpose()?, self.added.map(at).transpose()?);
        given.extend(self.scores(mask, added, [batch, queries, keys, before])?);
        if let Some((key, value)) = past {
            given.extend([key.clone(), value.clone()]);
        }
        self.attention.run(&given)
    }
}

/// The sum of an input, what skipped a layer, and a bias, divided by its root mean square and scaled.
#[derive(Debug)]
struct SkipNorm {
    epsilon: f32,
    bias: Option<usize>,
    /// Which outputs have a name: the result, two that nothing stands for, and the sum.
    outputs: [bool; 4],
}

impl SkipNorm {
    fn new(attributes: &Attributes<'_>) -> Self {
        Self {
            epsilon: attributes.float("epsilon").unwrap_or(1e-12),
            bias: attributes.input(3),
            outputs: [0, 1, 2, 3].map(|place| attributes.has_output(place)),
        }
    }

    fn named<T: Clone>(&self, result: T, sum: T) -> Result<Vec<T>> {
        if self.outputs[1] || self.outputs[2] {
            return Err(mismatch("the mean and the deviation are not given out"));
        }
        let all = [result, sum].into_iter().zip([self.outputs[0], self.outputs[3]]);
        Ok(all.filter(|(_, named)| *named).map(|(output, _)| output).collect())
    }
}

impl Operator for SkipNorm {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let fact = Fact::new(ElementType::F32, required(inputs, Some(0))?.shape.clone());
        self.named(fact.clone(), fact)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (input, skip, scale) = (at(0)?, at(1)?, floats(at(2)?)?);
        let bias = self.bias.map(|bias| at(bias).and_then(floats)).transpose()?;
        let shape = input.shape().to_vec();
        let width = shape.last().copied().unwrap_or_default();
        if broadcast(&shape, skip.shape())? != shape
            || scale.len() != width
            || bias.as_ref().is_some_and(|bias| bias.len() != width)
            || width == 0
        {
            let message = format!("input {shape:?}, skip {:?} and a scale of {}", skip.shape(), scale.len());
            return Err(mismatch(message));
        }
        let (values, skipped) = (floats(input)?, floats(skip)?);
        let mut sums: Vec<f32> =
            values.iter().zip(spread(skip.shape(), &shape)?).map(|(value, place)| value + skipped[place]).collect();
        let mut results = Vec::with_capacity(sums.len());
        for row in sums.chunks_mut(width) {
            if let Some(bias) = &bias {
                row.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
            }
            let mean = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / width as f64;
            let length = (mean + f64::from(self.epsilon)).sqrt() as f32;
            results.extend(row.iter().zip(&scale).map(|(value, scale)| value / length * scale));
        }
        let tensor = |values| Tensor::new(shape.clone(), Data::F32(values));
        self.named(tensor(results)?, tensor(sums)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, NodeProto};

    fn node(inputs: &[&str], outputs: &[&str], ints: &[(&str, i64)]) -> NodeProto {
        let attribute =
            |(name, i): &(&str, i64)| AttributeProto { name: (*name).to_owned(), i: *i, ..Default::default() };
        NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: outputs.iter().map(|name| (*name).to_owned()).collect(),
            attribute: ints.iter().map(attribute).collect(),
            ..NodeProto::default()
        }
    }

    fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    #[test]
    fn padding_and_the_future_are_not_seen_and_biases_are_added() {
        let node = node(&["q", "k", "v", "b", "m"], &["y"], &[("num_heads", 1), ("unidirectional", 1)]);
        let attention = MultiHead::new(&Attributes::new(&node, 1)).unwrap();
        let mask = Tensor::new(vec![1, 3], Data::I32(vec![0, 1, 1])).unwrap();
        let inputs = [
            tensor(&[1, 3, 1], &[0.0; 3]),
            tensor(&[1, 3, 1], &[0.0; 3]),
            tensor(&[1, 3, 1], &[8.0, 2.0, 4.0]),
            tensor(&[3], &[0.0, 0.0, 1.0]),
            mask,
        ];
        let output = attention.run(&inputs).unwrap().remove(0);
        assert_eq!(output, tensor(&[1, 3, 1], &[9.0, 3.0, 4.0]));
    }

    #[test]
    fn the_bias_counts_for_the_length_too() {
        let node = node(&["x", "s", "g", "b"], &["y", "", "", "sum"], &[]);
        let norm = SkipNorm::new(&Attributes::new(&node, 1));
        let inputs = [
            tensor(&[1, 2], &[1.0, 2.0]),
            tensor(&[2], &[1.0, 1.0]),
            tensor(&[2], &[5.0, 1.0]),
            tensor(&[2], &[1.0, 1.0]),
        ];
        let outputs = norm.run(&inputs).unwrap();
        assert_eq!(outputs[1], tensor(&[1, 2], &[3.0, 4.0]));
        let length = 12.5f32.sqrt();
        assert_eq!(outputs[0], tensor(&[1, 2], &[15.0 / length, 4.0 / length]));
    }
}
