//! Attention of the standard domain: scaled dot products of queries and keys, masked, soft-maxed, over values.
//!
//! Source: the ONNX operators Attention 23, 24 and 25. A query that may look at no key gives zeros. Keys that a mask
//! excludes take no part at all, whatever stands in them.

use super::elements::{Real, mismatch};
use super::{Attributes, Fact, Family, ONNX, Operator, bounded, integers, not_numbers, required};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::tensor_proto::DataType;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "Attention", |attributes| Ok(Box::new(Attention::new(attributes)?)))];

/// Scaled dot product attention.
#[derive(Debug)]
pub(super) struct Attention {
    scale: Option<f32>,
    causal: bool,
    /// The heads of queries, and of keys and values, as the attributes state them for inputs of rank 3.
    heads: Option<(usize, usize)>,
    softcap: f32,
    /// What the fourth output holds.
    scores: Scores,
    /// How many keys before and after a query's own position it may look at.
    left: Option<usize>,
    right: Option<usize>,
    mask: Option<usize>,
    past: Option<(usize, usize)>,
    nonpad: Option<usize>,
    /// Which outputs have a name.
    outputs: [bool; 4],
}

/// What [`Attention::packed`] is made from.
pub(super) struct Options {
    /// What the scores are multiplied by; the inverse root of the head's size where nothing is stated.
    pub scale: Option<f32>,
    /// Whether queries see no later keys.
    pub causal: bool,
    /// The heads of queries, keys and values.
    pub heads: usize,
    /// The input with the mask.
    pub mask: Option<usize>,
    /// The inputs with earlier keys and values.
    pub past: Option<(usize, usize)>,
    /// Which of output, keys and values have a name.
    pub outputs: [bool; 3],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scores {
    Raw,
    Capped,
    Masked,
    Probabilities,
}

impl Attention {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let heads = |name| match attributes.int(name) {
            None => Ok(None),
            Some(heads) => match usize::try_from(heads) {
                Ok(heads) if heads > 0 => Ok(Some(heads)),
                _ => Err(attributes.refuse(name, format!("{heads} heads"))),
            },
        };
        let window = |name| match attributes.int(name) {
            None | Some(-1) => Ok(None),
            Some(keys) => match usize::try_from(keys) {
                Ok(keys) => Ok(Some(keys)),
                Err(_) => Err(attributes.refuse(name, format!("{keys} keys"))),
            },
        };
        let scores = match attributes.int("qk_matmul_output_mode").unwrap_or_default() {
            0 => Scores::Raw,
            1 => Scores::Capped,
            2 => Scores::Masked,
            3 => Scores::Probabilities,
            mode => return Err(attributes.refuse("qk_matmul_output_mode", format!("there is no mode {mode}"))),
        };
        // Everything is computed in float32 or float64; asking for less costs nothing but for the 8 bits of bfloat16.
        if attributes.int("softmax_precision") == Some(DataType::Bfloat16 as i64) {
            return Err(attributes.refuse("softmax_precision", "bfloat16 is not supported"));
        }
        let past = match (attributes.input(4), attributes.input(5)) {
            (Some(key), Some(value)) => Some((key, value)),
            (None, None) => None,
            _ => return Err(attributes.refuse("past_key", "it comes together with past_value")),
        };
        let nonpad = attributes.input(6);
        if past.is_some() && nonpad.is_some() {
            return Err(attributes.refuse("nonpad_kv_seqlen", "it cannot be combined with past_key"));
        }
        Ok(Self {
            scale: attributes.float("scale"),
            causal: attributes.flag("is_causal", false),
            heads: heads("q_num_heads")?.zip(heads("kv_num_heads")?),
            softcap: attributes.float("softcap").unwrap_or_default(),
            scores,
            left: window("left_window_size")?,
            right: window("right_window_size")?,
            mask: attributes.input(3),
            past,
            nonpad,
            outputs: [0, 1, 2, 3].map(|place| attributes.has_output(place)),
        })
    }

    /// Attention for inputs of rank 3, whose heads lie beside each other.
    pub(super) fn packed(options: Options) -> Self {
        let Options { scale, causal, heads, mask, past, outputs: [output, keys, values] } = options;
        Self {
            scale,
            causal,
            heads: Some((heads, heads)),
            softcap: 0.0,
            scores: Scores::Raw,
            left: None,
            right: None,
            mask,
            past,
            nonpad: None,
            outputs: [output, keys, values, false],
        }
    }

    /// The sizes of everything. Fails with `wrong-shape` where the inputs contradict each other.
    fn sizes(&self, q: &[usize], k: &[usize], v: &[usize], past: Option<(&[usize], &[usize])>) -> Result<Sizes> {
        let wrong = || mismatch(format!("queries {q:?}, keys {k:?}, values {v:?} and past {past:?} do not fit"));
        let sizes = match (q, k, v) {
            (&[batch, heads, queries, head], &[_, kv_heads, keys, _], &[_, _, _, value]) => {
                Sizes { batch, heads, kv_heads, queries, keys, past: 0, head, value, packed: false }
            }
            (&[batch, queries, q_hidden], &[_, keys, k_hidden], &[_, _, v_hidden]) => {
                let missing = || {
                    let message = "q_num_heads and kv_num_heads are needed for inputs of rank 3";
                    Error::new(ErrorKind::InvalidModel, message).help("the file is broken; export it again")
                };
                let (heads, kv_heads) = self.heads.ok_or_else(missing)?;
                if !q_hidden.is_multiple_of(heads)
                    || !k_hidden.is_multiple_of(kv_heads)
                    || !v_hidden.is_multiple_of(kv_heads)
                    || q_hidden / heads != k_hidden / kv_heads
                {
                    return Err(wrong());
                }
                let (head, value) = (q_hidden / heads, v_hidden / kv_heads);
                Sizes { batch, heads, kv_heads, queries, keys, past: 0, head, value, packed: true }
            }
            _ => return Err(wrong()),
        };
        let Sizes { batch, kv_heads, keys, head, value, packed, .. } = sizes;
        let fits = match packed {
            true => k[0] == batch && v[..2] == [batch, keys],
            false => k[0] == batch && k[3] == head && v[..3] == [batch, kv_heads, keys],
        };
        let divisible = kv_heads > 0 && sizes.heads.is_multiple_of(kv_heads);
        let before = match past {
            None => Some(0),
            Some((&[b, h, before, d], &[vb, vh, vbefore, vd]))
                if [b, h, d] == [batch, kv_heads, head]
                    && [vb, vh, vbefore, vd] == [batch, kv_heads, before, value] =>
            {
                Some(before)
            }
            Some(_) => None,
        };
        match before {
            Some(before) if fits && divisible => {
                bounded(&[batch, sizes.heads, sizes.queries, value.max(1)])?;
                bounded(&[batch, kv_heads, keys.saturating_add(before), head.max(value)])?;
                Ok(Sizes { past: before, ..sizes })
            }
            _ => Err(wrong()),
        }
    }

    /// The shapes of the outputs that have a name.
    fn shapes(&self, sizes: &Sizes) -> Vec<Vec<usize>> {
        let &Sizes { batch, heads, kv_heads, queries, head, value, packed, .. } = sizes;
        let all = [
            if packed { vec![batch, queries, heads * value] } else { vec![batch, heads, queries, value] },
            vec![batch, kv_heads, sizes.total(), head],
            vec![batch, kv_heads, sizes.total(), value],
            vec![batch, heads, queries, sizes.total()],
        ];
        all.into_iter().zip(self.outputs).filter(|(_, named)| *named).map(|(shape, _)| shape).collect()
    }

    fn attend<T: Real>(&self, sizes: &Sizes, given: &Given<'_, T>, bias: &Bias<T>) -> [Vec<T>; 4] {
        let &Sizes { batch, heads, kv_heads, queries, head, value, .. } = sizes;
        let total = sizes.total();
        let keys = joined(given.k, given.past.map(|past| past.0), sizes, head);
        let values = joined(given.v, given.past.map(|past| past.1), sizes, value);
        let scale = match self.scale {
            Some(scale) => T::of(scale.into()),
            None => T::of(1.0 / (head.max(1) as f64).sqrt()),
        };
        let mut output = vec![T::default(); batch * heads * queries * value];
        let mut kept = vec![T::default(); if self.outputs[3] { batch * heads * queries * total } else { 0 }];
        let (mut query_row, mut row) = (vec![T::default(); head], vec![T::default(); total]);
        for sample in 0..batch {
            let (valid, offset) = match given.nonpad {
                Some(lengths) => {
                    let length = lengths.get(sample).copied().unwrap_or_default();
                    (length.clamp(0, total as i64) as usize, length.saturating_sub(queries as i64))
                }
                None => (total, sizes.past as i64),
            };
            for index in 0..heads {
                let shared = sample * kv_heads + index / (heads / kv_heads);
                let keys = &keys[shared * total * head..][..total * head];
                let values = &values[shared * total * value..][..total * value];
                for query in 0..queries {
                    let (first, last) = self.visible(query, offset, valid);
                    let at = sizes.row(sample, index, query);
                    for (scaled, &plain) in query_row.iter_mut().zip(&given.q[at * head..][..head]) {
                        *scaled = plain * scale;
                    }
                    let kept = match self.outputs[3] {
                        true => &mut kept[((sample * heads + index) * queries + query) * total..][..total],
                        false => &mut [],
                    };
                    let mask = bias.row(sample, index, query);
                    // Scores that nobody sees are not computed.
                    let (from, to) = if kept.is_empty() { (first, last) } else { (0, total) };
                    for place in from..to {
                        row[place] = dot(&query_row, &keys[place * head..][..head]);
                    }
                    if self.scores == Scores::Raw {
                        kept.copy_from_slice(if kept.is_empty() { &[] } else { &row });
                    }
                    if self.softcap > 0.0 {
                        let cap = T::of(self.softcap.into());
                        row[from..to].iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
                    }
                    if self.scores == Scores::Capped {
                        kept.copy_from_slice(if kept.is_empty() { &[] } else { &row });
                    }
                    row[from..to].iter_mut().enumerate().for_each(|(place, score)| {
                        let place = from + place;
                        *score = if place < first || place >= last { T::LOWEST } else { mask.apply(place, *score) };
                    });
                    if self.scores == Scores::Masked {
                        kept.copy_from_slice(if kept.is_empty() { &[] } else { &row });
                    }
                    softmax(&mut row[first..last]);
                    if self.scores == Scores::Probabilities && !kept.is_empty() {
                        kept[first..last].copy_from_slice(&row[first..last]);
                    }
                    let target = &mut output[at * value..][..value];
                    for place in first..last {
                        let share = row[place];
                        if share > T::default() {
                            let from = &values[place * value..][..value];
                            target.iter_mut().zip(from).for_each(|(sum, &value)| *sum = *sum + share * value);
                        } else if share.wide().is_nan() {
                            target.fill(share);
                        }
                    }
                }
            }
        }
        [output, keys.into_owned(), values.into_owned(), kept]
    }

    /// The keys that a query may look at, before any mask: from the first, up to and without the last.
    fn visible(&self, query: usize, offset: i64, valid: usize) -> (usize, usize) {
        let position = offset.saturating_add(query as i64);
        let mut last = valid as i64;
        if self.causal {
            last = last.min(position.saturating_add(1));
        }
        if let Some(right) = self.right {
            last = last.min(position.saturating_add(right as i64).saturating_add(1));
        }
        let first = self.left.map_or(0, |left| position.saturating_sub(left as i64).max(0));
        let last = last.max(0) as usize;
        ((first as usize).min(last), last)
    }
}

/// The sizes of one call.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    /// The keys that are new.
    keys: usize,
    /// The keys from before.
    past: usize,
    head: usize,
    value: usize,
    /// Whether heads lie beside each other in the last axis, as in inputs of rank 3.
    packed: bool,
}

impl Sizes {
    fn total(&self) -> usize {
        self.past + self.keys
    }

    /// Where a query's row lies, in rows of one head.
    fn row(&self, sample: usize, head: usize, query: usize) -> usize {
        match self.packed {
            true => (sample * self.queries + query) * self.heads + head,
            false => (sample * self.heads + head) * self.queries + query,
        }
    }
}

struct Given<'a, T> {
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
    past: Option<(&'a [T], &'a [T])>,
    nonpad: Option<&'a [i64]>,
}

/// Keys or values as `[batch, heads, total, width]`, with those from before in front.
fn joined<'a, T: Real>(new: &'a [T], past: Option<&'a [T]>, sizes: &Sizes, width: usize) -> std::borrow::Cow<'a, [T]> {
    let &Sizes { batch, kv_heads, keys, packed, .. } = sizes;
    if past.is_none() && !packed {
        return new.into();
    }
    let before = sizes.past * width;
    let mut all = Vec::with_capacity(batch * kv_heads * sizes.total() * width);
    for sample in 0..batch {
        for head in 0..kv_heads {
            all.extend_from_slice(&past.unwrap_or_default()[(sample * kv_heads + head) * before..][..before]);
            match packed {
                false => all.extend_from_slice(&new[(sample * kv_heads + head) * keys * width..][..keys * width]),
                true => (0..keys).for_each(|key| {
                    all.extend_from_slice(&new[((sample * keys + key) * kv_heads + head) * width..][..width]);
                }),
            }
        }
    }
    all.into()
}

/// What is added to the scores, spread over `[batch, heads, queries, keys]`; keys beyond its end are excluded.
enum Bias<T> {
    None,
    Allowed(Vec<bool>, Layout),
    Added(Vec<T>, Layout),
}

struct Layout {
    /// How far samples, heads and queries lie apart; 0 where they share.
    strides: [usize; 3],
    keys: usize,
}

enum BiasRow<'a, T> {
    None,
    Allowed(&'a [bool]),
    Added(&'a [T]),
}

impl<T: Real> Bias<T> {
    fn new(mask: Option<&Tensor>, sizes: &Sizes) -> Result<Self> {
        let Some(mask) = mask else { return Ok(Self::None) };
        let shape = mask.shape();
        let wrong = || {
            let wanted = [sizes.batch, sizes.heads, sizes.queries, sizes.total()];
            mismatch(format!("a mask of the shape {shape:?} cannot be spread to {wanted:?}"))
        };
        let (&keys, outer) = shape.split_last().ok_or_else(wrong)?;
        if outer.len() > 3 || keys > sizes.total() {
            return Err(wrong());
        }
        let mut strides = [0; 3];
        let mut step = keys;
        for (place, wanted) in [(2, sizes.queries), (1, sizes.heads), (0, sizes.batch)] {
            let size = (place + outer.len()).checked_sub(3).map_or(1, |place| outer[place]);
            if size != 1 && size != wanted {
                return Err(wrong());
            }
            strides[place] = if size == 1 { 0 } else { step };
            step *= size;
        }
        let layout = Layout { strides, keys };
        match mask.data() {
            Data::Bool(values) => Ok(Self::Allowed(values.clone(), layout)),
            data => {
                let values = data.to_f64().ok_or_else(|| not_numbers(mask))?;
                Ok(Self::Added(values.into_iter().map(T::of).collect(), layout))
            }
        }
    }

    fn row(&self, sample: usize, head: usize, query: usize) -> BiasRow<'_, T> {
        let at = |layout: &Layout| {
            let [a, b, c] = layout.strides;
            let start = sample * a + head * b + query * c;
            start..start + layout.keys
        };
        match self {
            Self::None => BiasRow::None,
            Self::Allowed(values, layout) => BiasRow::Allowed(&values[at(layout)]),
            Self::Added(values, layout) => BiasRow::Added(&values[at(layout)]),
        }
    }
}

impl<T: Real> BiasRow<'_, T> {
    fn apply(&self, key: usize, score: T) -> T {
        match self {
            Self::None => score,
            Self::Allowed(allowed) if allowed.get(key) == Some(&true) => score,
            Self::Allowed(_) => T::LOWEST,
            Self::Added(added) => match added.get(key) {
                // Whatever the score is, minus infinity excludes the key.
                Some(&added) if added > T::LOWEST => score + added,
                Some(added) if added.wide().is_nan() => *added,
                _ => T::LOWEST,
            },
        }
    }
}

/// The sum of products, in eight sums side by side.
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::default(); 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = left.remainder().iter().zip(right.remainder()).fold(T::default(), |sum, (&a, &b)| sum + a * b);
    for (a, b) in left.zip(right) {
        for lane in 0..8 {
            sums[lane] = sums[lane] + a[lane] * b[lane];
        }
    }
    sums.into_iter().fold(rest, |sum, lane| sum + lane)
}

/// Shares that sum to 1; zeros where all scores are minus infinity.
fn softmax<T: Real>(row: &mut [T]) {
    let largest = row.iter().fold(T::LOWEST, |largest, &score| if score > largest { score } else { largest });
    if largest.wide() == f64::NEG_INFINITY && !row.iter().any(|score| score.wide().is_nan()) {
        return row.fill(T::default());
    }
    let mut sum = T::default();
    for score in &mut *row {
        *score = (*score - largest).exp();
        sum = sum + *score;
    }
    row.iter_mut().for_each(|share| *share = *share / sum);
}

impl Operator for Attention {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let at = |place| required(inputs, Some(place)).map(|fact| fact.shape.as_slice());
        let past = match self.past {
            Some((key, value)) => Some((at(key)?, at(value)?)),
            None => None,
        };
        let sizes = self.sizes(at(0)?, at(1)?, at(2)?, past)?;
        Ok(self.shapes(&sizes).into_iter().map(|shape| Fact::new(inputs[0].element, shape)).collect())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let (q, k, v) = (at(0)?, at(1)?, at(2)?);
        let past = match self.past {
            Some((key, value)) => Some((at(key)?, at(value)?)),
            None => None,
        };
        let sizes =
            self.sizes(q.shape(), k.shape(), v.shape(), past.map(|(key, value)| (key.shape(), value.shape())))?;
        let shapes = self.shapes(&sizes);
        shapes.iter().try_for_each(|shape| bounded(shape).map(|_| ()))?;
        let nonpad = self.nonpad.map(|place| at(place).and_then(integers)).transpose()?;
        if nonpad.as_ref().is_some_and(|lengths| lengths.len() != sizes.batch) {
            return Err(mismatch(format!("{:?} values of nonpad_kv_seqlen for {} samples", nonpad, sizes.batch)));
        }
        let mask = self.mask.map(at).transpose()?;
        macro_rules! attend {
            ($variant:ident, $rust:ty) => {{
                fn values(tensor: &Tensor) -> Result<&[$rust]> {
                    match tensor.data() {
                        Data::$variant(values) => Ok(values),
                        _ => Err(not_numbers(tensor)),
                    }
                }
                let past = match past {
                    Some((key, value)) => Some((values(key)?, values(value)?)),
                    None => None,
                };
                let given = Given { q: values(q)?, k: values(k)?, v: values(v)?, past, nonpad: nonpad.as_deref() };
                let outputs = self.attend(&sizes, &given, &Bias::new(mask, &sizes)?);
                let named = outputs.into_iter().zip(self.outputs).filter(|(_, named)| *named);
                named.zip(shapes).map(|((values, _), shape)| Tensor::new(shape, Data::$variant(values))).collect()
            }};
        }
        match q.data() {
            Data::F32(_) => attend!(F32, f32),
            Data::F64(_) => attend!(F64, f64),
            _ => Err(not_numbers(q)),
        }
    }
}

#[cfg(test)]
mod tests;
