//! Operators with a state that a caller carries from step to step: TensorScatter, CausalConvWithState, LinearAttention.

use super::elements::{around, every_pair, mismatch};
use super::{Attributes, Fact, Family, ONNX, Operator, axis, bounded, floats, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ONNX, "TensorScatter", |attributes| Ok(Box::new(TensorScatter::new(attributes)?))),
    (ONNX, "CausalConvWithState", |attributes| Ok(Box::new(CausalConv::new(attributes)?))),
    (ONNX, "LinearAttention", |attributes| Ok(Box::new(LinearAttention::new(attributes)?))),
];

/// Those outputs that have a name.
fn named<T>(outputs: [T; 2], names: [bool; 2]) -> Vec<T> {
    outputs.into_iter().zip(names).filter(|(_, named)| *named).map(|(output, _)| output).collect()
}

/// Writes new steps into a cache, for each sample from its own place on.
#[derive(Debug)]
struct TensorScatter {
    axis: i64,
    /// Whether writing goes on at the beginning of the cache when its end is reached.
    circular: bool,
    starts: Option<usize>,
}

impl TensorScatter {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let circular = match attributes.string("mode").as_deref() {
            None | Some("linear") => false,
            Some("circular") => true,
            Some(other) => return Err(attributes.refuse("mode", format!("there is no mode {other}"))),
        };
        Ok(Self { axis: attributes.int("axis").unwrap_or(-2), circular, starts: attributes.input(2) })
    }
}

impl Operator for TensorScatter {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let cache = required(inputs, Some(0))?;
        Ok(vec![Fact::new(cache.element, cache.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (cache, update) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let shape = cache.shape();
        let wrong = || mismatch(format!("an update of {:?} to a cache of {shape:?}", update.shape()));
        let along = axis(self.axis, shape.len())?;
        let same = |place: usize| place == along || update.shape()[place] == shape[place];
        if along == 0 || update.shape().len() != shape.len() || !(0..shape.len()).all(same) {
            return Err(wrong());
        }
        let starts = self.starts.map(|starts| required(inputs, Some(starts)).and_then(integers)).transpose()?;
        let starts = starts.unwrap_or_else(|| vec![0; shape[0]]);
        let (before, size, after) = around(shape, along);
        let steps = update.shape()[along];
        if steps > size || starts.len() != shape[0] {
            return Err(wrong());
        }
        let fits = |&start: &i64| {
            usize::try_from(start)
                .ok()
                .filter(|start| self.circular || start.checked_add(steps).is_some_and(|end| end <= size))
        };
        let starts: Option<Vec<usize>> = starts.iter().map(fits).collect();
        let starts = starts.ok_or_else(|| mismatch(format!("{steps} new steps do not fit in a cache of {size}")))?;
        let each = before / shape[0].max(1);
        let data = every_pair!(cache.data(), update.data(), cache, update => {
            let mut present = cache.clone();
            for outer in 0..before {
                for step in 0..steps {
                    let to = (outer * size + (starts[outer / each] % size + step) % size) * after;
                    let from = (outer * steps + step) * after;
                    present[to..to + after].clone_from_slice(&update[from..from + after]);
                }
            }
            present
        });
        Ok(vec![Tensor::new(shape.to_vec(), data.ok_or_else(|| not_numbers(update))?)?])
    }
}

/// A convolution of each channel by itself over what came before; the last inputs are handed to the next call.
#[derive(Debug)]
struct CausalConv {
    silu: bool,
    bias: Option<usize>,
    past: Option<usize>,
    /// Which outputs have a name.
    outputs: [bool; 2],
}

impl CausalConv {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let silu = match attributes.string("activation").as_deref() {
            None | Some("none") => false,
            Some("silu" | "swish") => true,
            Some(other) => return Err(attributes.refuse("activation", format!("there is no activation {other}"))),
        };
        let outputs = [attributes.has_output(0), attributes.has_output(1)];
        Ok(Self { silu, bias: attributes.input(2), past: attributes.input(3), outputs })
    }

    /// The size of the kernel, once everything fits.
    fn kernel(
        &self,
        input: &[usize],
        weight: &[usize],
        bias: Option<&[usize]>,
        past: Option<&[usize]>,
    ) -> Result<usize> {
        match (input, weight) {
            (&[batch, channels, _], &[same, 1, kernel])
                if same == channels
                    && kernel > 0
                    && bias.is_none_or(|bias| *bias == [channels])
                    && past.is_none_or(|past| *past == [batch, channels, kernel - 1]) =>
            {
                bounded(&[batch, channels, kernel])?;
                Ok(kernel)
            }
            _ => Err(mismatch(format!("input {input:?}, weight {weight:?}, bias {bias:?} and past state {past:?}"))),
        }
    }
}

impl Operator for CausalConv {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).map(|fact| fact.shape.as_slice());
        let (bias, past) = (self.bias.map(at).transpose()?, self.past.map(at).transpose()?);
        let kernel = self.kernel(at(0)?, at(1)?, bias, past)?;
        let shapes = [at(0)?.to_vec(), vec![at(0)?[0], at(0)?[1], kernel - 1]];
        Ok(named(shapes, self.outputs).into_iter().map(|shape| Fact::new(inputs[0].element, shape)).collect())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (bias, past) = (self.bias.map(at).transpose()?, self.past.map(at).transpose()?);
        let kernel = self.kernel(at(0)?.shape(), at(1)?.shape(), bias.map(Tensor::shape), past.map(Tensor::shape))?;
        let (shape, input, weight) = (at(0)?.shape(), floats(at(0)?)?, floats(at(1)?)?);
        let (bias, past) = (bias.map(floats).transpose()?, past.map(floats).transpose()?);
        let (channels, length, before) = (shape[1], shape[2], kernel - 1);
        let (mut output, mut state) =
            (Vec::with_capacity(input.len()), Vec::with_capacity(shape[0] * channels * before));
        let mut whole = vec![0.0; before + length];
        for row in 0..shape[0] * channels {
            match &past {
                Some(past) => whole[..before].copy_from_slice(&past[row * before..][..before]),
                None => whole[..before].fill(0.0),
            }
            whole[before..].copy_from_slice(&input[row * length..][..length]);
            let weight = &weight[row % channels * kernel..][..kernel];
            let start = bias.as_ref().map_or(0.0, |bias| bias[row % channels]);
            output.extend((0..length).map(|step| {
                let sum = whole[step..step + kernel]
                    .iter()
                    .zip(weight)
                    .fold(start, |sum, (value, weight)| sum + value * weight);
                if self.silu { sum / (1.0 + (-sum).exp()) } else { sum }
            }));
            state.extend_from_slice(&whole[length..]);
        }
        let (shape, rest) = (shape.to_vec(), vec![shape[0], channels, before]);
        let outputs = [Tensor::new(shape, Data::F32(output))?, Tensor::new(rest, Data::F32(state))?];
        Ok(named(outputs, self.outputs))
    }
}

/// Attention as a recurrence: each head keeps a matrix from keys to values, fades it, corrects it, and reads it.
#[derive(Debug)]
struct LinearAttention {
    heads: usize,
    kv_heads: usize,
    scale: Option<f32>,
    /// Whether the new value is corrected by what the state already gives for its key.
    delta: bool,
    past: Option<usize>,
    decay: Option<usize>,
    beta: Option<usize>,
    /// Which outputs have a name.
    outputs: [bool; 2],
}

/// The sizes of one call.
struct Sizes {
    batch: usize,
    steps: usize,
    key: usize,
    value: usize,
    /// How many numbers each step's decay and update rate have.
    decay: usize,
    beta: usize,
}

impl LinearAttention {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let (gated, delta) = match attributes.string("update_rule").as_deref() {
            Some("linear") => (false, false),
            Some("gated") => (true, false),
            Some("delta") => (false, true),
            None | Some("gated_delta") => (true, true),
            Some(other) => return Err(attributes.refuse("update_rule", format!("there is no rule {other}"))),
        };
        let heads = |name| {
            let count = attributes.int(name).and_then(|heads| usize::try_from(heads).ok()).filter(|&heads| heads > 0);
            count.ok_or_else(|| attributes.refuse(name, "a positive number is needed"))
        };
        let (heads, kv_heads) = (heads("q_num_heads")?, heads("kv_num_heads")?);
        if !heads.is_multiple_of(kv_heads) {
            return Err(attributes.refuse("q_num_heads", format!("{heads} is no multiple of {kv_heads}")));
        }
        let (decay, beta) = (attributes.input(4), attributes.input(5));
        if decay.is_some() != gated || beta.is_some() != delta {
            return Err(attributes.refuse("update_rule", "it does not go with the inputs decay and beta"));
        }
        let scale = attributes.float("scale").filter(|&scale| scale != 0.0);
        let outputs = [attributes.has_output(0), attributes.has_output(1)];
        Ok(Self { heads, kv_heads, scale, delta, past: attributes.input(3), decay, beta, outputs })
    }

    fn sizes(&self, q: &[usize], k: &[usize], v: &[usize], others: [Option<&[usize]>; 3]) -> Result<Sizes> {
        let [past, decay, beta] = others;
        let wrong =
            || mismatch(format!("queries {q:?}, keys {k:?}, values {v:?}, past, decay and beta {others:?} do not fit"));
        let (&[batch, steps, q_hidden], &[_, _, k_hidden], &[_, _, v_hidden]) = (q, k, v) else { return Err(wrong()) };
        let (key, value) = (k_hidden / self.kv_heads, v_hidden / self.kv_heads);
        let last = |shape: Option<&[usize]>| match shape {
            None => Some(0),
            Some(&[b, t, last]) if [b, t] == [batch, steps] => Some(last),
            Some(_) => None,
        };
        let (decay, beta) = (last(decay).ok_or_else(wrong)?, last(beta).ok_or_else(wrong)?);
        let times = |size: usize, heads: usize| size.checked_mul(heads);
        let fits = times(key, self.heads) == Some(q_hidden)
            && times(key, self.kv_heads) == Some(k_hidden)
            && times(value, self.kv_heads) == Some(v_hidden)
            && times(value, self.heads).is_some()
            && k[..2] == q[..2]
            && v[..2] == q[..2]
            && past.is_none_or(|past| *past == [batch, self.kv_heads, key, value])
            && (self.decay.is_none() || decay == self.kv_heads || decay == k_hidden)
            && (self.beta.is_none() || beta == self.kv_heads || beta == 1);
        let sizes = Sizes { batch, steps, key, value, decay, beta };
        if !fits {
            return Err(wrong());
        }
        self.shapes(&sizes).iter().try_for_each(|shape| bounded(shape).map(|_| ()))?;
        Ok(sizes)
    }

    fn shapes(&self, sizes: &Sizes) -> [Vec<usize>; 2] {
        let &Sizes { batch, steps, key, value, .. } = sizes;
        [vec![batch, steps, self.heads * value], vec![batch, self.kv_heads, key, value]]
    }

    /// One step of one head: fades and corrects its state.
    fn step(&self, state: &mut [f32], key: &[f32], value: &mut [f32], decay: &[f32], beta: Option<f32>) {
        let wide = value.len();
        if !decay.is_empty() {
            for (place, row) in state.chunks_mut(wide).enumerate() {
                let fade = decay[if decay.len() == 1 { 0 } else { place }].exp();
                row.iter_mut().for_each(|value| *value *= fade);
            }
        }
        if self.delta {
            for (row, &key) in state.chunks(wide).zip(key) {
                value.iter_mut().zip(row).for_each(|(value, known)| *value -= known * key);
            }
            value.iter_mut().for_each(|value| *value *= beta.unwrap_or(1.0));
        }
        for (row, &key) in state.chunks_mut(wide).zip(key) {
            row.iter_mut().zip(&*value).for_each(|(state, &value)| *state += key * value);
        }
    }
}

impl Operator for LinearAttention {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).map(|fact| fact.shape.as_slice());
        let others = [self.past.map(at).transpose()?, self.decay.map(at).transpose()?, self.beta.map(at).transpose()?];
        let sizes = self.sizes(at(0)?, at(1)?, at(2)?, others)?;
        let state = self.past.map_or(inputs[0].element, |past| inputs[past].element);
        let [output, present] = self.shapes(&sizes);
        Ok(named([Fact::new(inputs[0].element, output), Fact::new(state, present)], self.outputs))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let others = [self.past.map(at).transpose()?, self.decay.map(at).transpose()?, self.beta.map(at).transpose()?];
        let sizes =
            self.sizes(at(0)?.shape(), at(1)?.shape(), at(2)?.shape(), others.map(|other| other.map(Tensor::shape)))?;
        let Sizes { batch, steps, key: wide_key, value: wide, .. } = sizes;
        let narrow = |tensor: &Tensor| match tensor.data() {
            Data::F32(values) => Ok(values.clone()),
            _ => Err(not_numbers(tensor)),
        };
        let (queries, keys, values) = (narrow(at(0)?)?, narrow(at(1)?)?, narrow(at(2)?)?);
        let [past, decay, beta] = others;
        let (decay, beta) = (decay.map(narrow).transpose()?, beta.map(narrow).transpose()?);
        let (heads, kv_heads) = (self.heads, self.kv_heads);
        let mut state = match past {
            Some(past) => narrow(past)?,
            None => vec![0.0; batch * kv_heads * wide_key * wide],
        };
        let scale = self.scale.unwrap_or_else(|| 1.0 / (wide_key.max(1) as f32).sqrt());
        let mut output = vec![0.0; batch * steps * heads * wide];
        let mut value = vec![0.0; wide];
        for (sample, step) in (0..batch).flat_map(|sample| (0..steps).map(move |step| (sample, step))) {
            let at = sample * steps + step;
            for head in 0..kv_heads {
                let key = &keys[(at * kv_heads + head) * wide_key..][..wide_key];
                value.copy_from_slice(&values[(at * kv_heads + head) * wide..][..wide]);
                let each = sizes.decay / kv_heads;
                let decay = decay.as_ref().map_or(&[][..], |decay| &decay[at * sizes.decay + head * each..][..each]);
                let beta = beta.as_ref().map(|beta| beta[at * sizes.beta + if sizes.beta == 1 { 0 } else { head }]);
                let state = &mut state[(sample * kv_heads + head) * wide_key * wide..][..wide_key * wide];
                if wide > 0 {
                    self.step(state, key, &mut value, decay, beta);
                }
                let group = heads / kv_heads;
                for query in head * group..(head + 1) * group {
                    let output = &mut output[(at * heads + query) * wide..][..wide];
                    for place in 0..wide_key {
                        let share = queries[(at * heads + query) * wide_key + place] * scale;
                        let row = &state[place * wide..][..wide];
                        output.iter_mut().zip(row).for_each(|(sum, value)| *sum += share * value);
                    }
                }
            }
        }
        let [shape, rest] = self.shapes(&sizes);
        let outputs = [Tensor::new(shape, Data::F32(output))?, Tensor::new(rest, Data::F32(state))?];
        Ok(named(outputs, self.outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    fn starts(values: &[i64]) -> Tensor {
        Tensor::new(vec![values.len()], Data::I64(values.to_vec())).unwrap()
    }

    #[test]
    fn caches_are_written_from_each_samples_own_place_on() {
        let scatter = |circular, from: &[i64]| {
            let scatter = TensorScatter { axis: 1, circular, starts: Some(2) };
            scatter.run(&[tensor(&[2, 3], &[0.0; 6]), tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), starts(from)])
        };
        assert_eq!(scatter(false, &[1, 0]).unwrap()[0], tensor(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 0.0]));
        assert_eq!(scatter(true, &[2, 4]).unwrap()[0], tensor(&[2, 3], &[2.0, 0.0, 1.0, 0.0, 3.0, 4.0]));
        assert!(scatter(false, &[2, 0]).is_err() && scatter(true, &[-1, 0]).is_err() && scatter(true, &[0]).is_err());
    }

    #[test]
    fn the_convolution_goes_on_where_it_stopped() {
        let conv = |past| CausalConv { silu: false, bias: None, past, outputs: [true; 2] };
        let weight = || tensor(&[1, 1, 3], &[1.0, 10.0, 100.0]);
        let whole = conv(None).run(&[tensor(&[1, 1, 4], &[1.0, 2.0, 3.0, 4.0]), weight()]).unwrap();
        assert_eq!(whole, [tensor(&[1, 1, 4], &[100.0, 210.0, 321.0, 432.0]), tensor(&[1, 1, 2], &[3.0, 4.0])]);
        let first = conv(None).run(&[tensor(&[1, 1, 1], &[1.0]), weight()]).unwrap();
        assert_eq!(first[1], tensor(&[1, 1, 2], &[0.0, 1.0]));
        let rest = conv(Some(2)).run(&[tensor(&[1, 1, 3], &[2.0, 3.0, 4.0]), weight(), first[1].clone()]).unwrap();
        assert_eq!(rest, [tensor(&[1, 1, 3], &[210.0, 321.0, 432.0]), tensor(&[1, 1, 2], &[3.0, 4.0])]);
    }

    #[test]
    fn the_state_fades_and_is_corrected() {
        let attention = |decay, beta| LinearAttention {
            heads: 2,
            kv_heads: 1,
            scale: Some(1.0),
            delta: beta,
            past: None,
            decay: if decay { Some(3) } else { None },
            beta: beta.then_some(3),
            outputs: [true; 2],
        };
        let (q, k, v) = (
            tensor(&[1, 2, 2], &[1.0, 2.0, 1.0, 2.0]),
            tensor(&[1, 2, 1], &[1.0, 1.0]),
            tensor(&[1, 2, 1], &[4.0, 6.0]),
        );
        let gate = |values: &[f32]| tensor(&[1, 2, 1], values);
        let run = |attention: LinearAttention, gate: Option<Tensor>| {
            let inputs: Vec<Tensor> = [q.clone(), k.clone(), v.clone()].into_iter().chain(gate).collect();
            attention.run(&inputs).unwrap()
        };
        let plain = run(attention(false, false), None);
        assert_eq!(plain, [tensor(&[1, 2, 2], &[4.0, 8.0, 10.0, 20.0]), tensor(&[1, 1, 1, 1], &[10.0])]);
        let faded = run(attention(true, false), Some(gate(&[0.0, f32::NEG_INFINITY])));
        assert_eq!(faded[1], tensor(&[1, 1, 1, 1], &[6.0]));
        let corrected = run(attention(false, true), Some(gate(&[1.0, 0.5])));
        assert_eq!(corrected[1], tensor(&[1, 1, 1, 1], &[5.0]));
    }
}
