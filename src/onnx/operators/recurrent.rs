//! LSTM, GRU and RNN with everything that tract leaves out or gets wrong: the reverse direction, sequence lengths,
//! peepholes, clipping, other activations. A plain forward layer stays with tract, which is faster.

// Rows of several matrices go by one number, as in the specification's formulas.
#![allow(clippy::needless_range_loop)]

use super::{Attributes, Fact, Family, ONNX, Operator, bounded, floats, integers};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "LSTM", lstm), (ONNX, "GRU", gru), (ONNX, "RNN", rnn)];

/// A long short-term memory.
pub fn lstm(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(Recurrent::new(attributes, Cell::Lstm)?))
}

/// A gated recurrent unit.
pub fn gru(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(Recurrent::new(attributes, Cell::Gru)?))
}

/// A plain recurrent layer.
pub fn rnn(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(Recurrent::new(attributes, Cell::Rnn)?))
}

/// Whether tract computes a node of this family right: one forward direction and no option.
pub fn is_plain(node: &NodeProto) -> bool {
    let attributes = Attributes::new(node, 0);
    let direction = attributes.string("direction");
    let options = ["activations", "activation_alpha", "activation_beta", "clip", "input_forget", "layout"];
    direction.is_none_or(|direction| direction == "forward")
        && !options.iter().any(|option| attributes.has(option))
        && !attributes.has_input(4)
        && !attributes.has_input(7)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Lstm,
    Gru,
    Rnn,
}

impl Cell {
    /// How many gates a cell has.
    const fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Rnn => 1,
        }
    }

    const fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Self::Gru => &["Sigmoid", "Tanh"],
            Self::Rnn => &["Tanh"],
        }
    }
}

/// A function of one number with its parameters.
#[derive(Debug, Clone, Copy)]
enum Activation {
    Sigmoid,
    Tanh,
    Relu,
    Affine(f32, f32),
    LeakyRelu(f32),
    ThresholdedRelu(f32),
    ScaledTanh(f32, f32),
    HardSigmoid(f32, f32),
    Elu(f32),
    Softsign,
    Softplus,
}

impl Activation {
    fn new(name: &str, alpha: Option<f32>, beta: Option<f32>) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "affine" => Self::Affine(alpha.unwrap_or(1.0), beta.unwrap_or(0.0)),
            "leakyrelu" => Self::LeakyRelu(alpha.unwrap_or(0.01)),
            "thresholdedrelu" => Self::ThresholdedRelu(alpha.unwrap_or(1.0)),
            "scaledtanh" => Self::ScaledTanh(alpha.unwrap_or(1.0), beta.unwrap_or(1.0)),
            "hardsigmoid" => Self::HardSigmoid(alpha.unwrap_or(0.2), beta.unwrap_or(0.5)),
            "elu" => Self::Elu(alpha.unwrap_or(1.0)),
            "softsign" => Self::Softsign,
            "softplus" => Self::Softplus,
            _ => return None,
        })
    }

    /// Whether it takes a parameter alpha, and beta: they stand in one list for all activations that take one.
    fn takes(name: &str) -> (bool, bool) {
        match name.to_ascii_lowercase().as_str() {
            "affine" | "scaledtanh" | "hardsigmoid" => (true, true),
            "leakyrelu" | "thresholdedrelu" | "elu" => (true, false),
            _ => (false, false),
        }
    }

    fn of(self, x: f32) -> f32 {
        match self {
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::Affine(alpha, beta) => alpha * x + beta,
            Self::LeakyRelu(alpha) => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Self::ThresholdedRelu(alpha) => {
                if x > alpha {
                    x
                } else {
                    0.0
                }
            }
            Self::ScaledTanh(alpha, beta) => alpha * (beta * x).tanh(),
            Self::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
            Self::Elu(alpha) => {
                if x < 0.0 {
                    alpha * x.exp_m1()
                } else {
                    x
                }
            }
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        }
    }
}

/// One layer: both directions, its options, and which inputs it has.
#[derive(Debug)]
struct Recurrent {
    cell: Cell,
    /// For each direction, whether it runs backwards.
    directions: Vec<bool>,
    activations: Vec<Activation>,
    clip: f32,
    input_forget: bool,
    linear_before_reset: bool,
    batch_first: bool,
    /// Where B, sequence_lens, initial_h, initial_c and P stand among the inputs that are there.
    optional: [Option<usize>; 5],
    /// Which of Y, Y_h and Y_c are asked for.
    outputs: [bool; 3],
}

/// The sizes of one run.
struct Sizes {
    steps: usize,
    batch: usize,
    input: usize,
    hidden: usize,
}

impl Recurrent {
    fn new(attributes: &Attributes<'_>, cell: Cell) -> Result<Self> {
        let directions = match attributes.string("direction").as_deref() {
            None | Some("forward") => vec![false],
            Some("reverse") => vec![true],
            Some("bidirectional") => vec![false, true],
            Some(other) => return Err(attributes.refuse("direction", format!("there is no direction {other}"))),
        };
        let mut names = attributes.strings("activations");
        if names.is_empty() {
            names = directions.iter().flat_map(|_| cell.activations().iter().map(|name| (*name).to_owned())).collect();
        }
        if names.len() != cell.activations().len() * directions.len() {
            return Err(attributes.refuse("activations", format!("{} activations are given", names.len())));
        }
        let (mut alphas, mut betas) =
            (attributes.floats("activation_alpha").into_iter(), attributes.floats("activation_beta").into_iter());
        let mut activations = Vec::with_capacity(names.len());
        for name in &names {
            let (alpha, beta) = Activation::takes(name);
            let (alpha, beta) = (if alpha { alphas.next() } else { None }, if beta { betas.next() } else { None });
            let activation = Activation::new(name, alpha, beta);
            activations
                .push(activation.ok_or_else(|| attributes.refuse("activations", format!("there is no {name}")))?);
        }
        let initial_c = if cell == Cell::Lstm { attributes.input(6) } else { None };
        let peepholes = if cell == Cell::Lstm { attributes.input(7) } else { None };
        Ok(Self {
            cell,
            directions,
            activations,
            clip: attributes.float("clip").unwrap_or(f32::INFINITY),
            input_forget: attributes.flag("input_forget", false),
            linear_before_reset: attributes.flag("linear_before_reset", false),
            batch_first: attributes.flag("layout", false),
            optional: [attributes.input(3), attributes.input(4), attributes.input(5), initial_c, peepholes],
            outputs: [attributes.has_output(0), attributes.has_output(1), attributes.has_output(2)],
        })
    }

    fn sizes(&self, x: &[usize], w: &[usize], r: &[usize]) -> Result<Sizes> {
        let wrong = || {
            let message = format!("the shapes {x:?}, {w:?} and {r:?} of X, W and R do not fit together");
            Error::new(ErrorKind::WrongShape, message)
        };
        let (&[first, second, input], &[directions, gates, wide], &[_, _, hidden]) = (x, w, r) else {
            return Err(wrong());
        };
        let (batch, steps) = if self.batch_first { (first, second) } else { (second, first) };
        let fits = directions == self.directions.len()
            && gates == self.cell.gates() * hidden
            && wide == input
            && *r == [directions, gates, hidden];
        if fits { Ok(Sizes { steps, batch, input, hidden }) } else { Err(wrong()) }
    }

    fn shapes(&self, sizes: &Sizes) -> [Vec<usize>; 3] {
        let (directions, Sizes { steps, batch, hidden, .. }) = (self.directions.len(), sizes);
        let state = match self.batch_first {
            true => vec![*batch, directions, *hidden],
            false => vec![directions, *batch, *hidden],
        };
        let all = match self.batch_first {
            true => vec![*batch, *steps, directions, *hidden],
            false => vec![*steps, directions, *batch, *hidden],
        };
        [all, state.clone(), state]
    }

    /// An optional input as float32, checked for its length; zeros where it is absent.
    fn optional(&self, inputs: &[Tensor], which: usize, length: usize) -> Result<Vec<f32>> {
        let Some(input) = self.optional[which].and_then(|place| inputs.get(place)) else {
            return Ok(vec![0.0; length]);
        };
        let values = floats(input)?;
        if values.len() != length {
            let message = format!("an input has the shape {:?}, {length} values are needed", input.shape());
            return Err(Error::new(ErrorKind::WrongShape, message));
        }
        Ok(values)
    }

    /// A state as `[direction][batch][hidden]`, from either layout.
    fn state(&self, inputs: &[Tensor], which: usize, sizes: &Sizes) -> Result<Vec<f32>> {
        let (directions, Sizes { batch, hidden, .. }) = (self.directions.len(), sizes);
        let values = self.optional(inputs, which, directions * batch * hidden)?;
        if !self.batch_first {
            return Ok(values);
        }
        let mut turned = Vec::with_capacity(values.len());
        for direction in 0..directions {
            for row in 0..*batch {
                turned.extend_from_slice(&values[(row * directions + direction) * hidden..][..*hidden]);
            }
        }
        Ok(turned)
    }
}

/// Σ a·b in eight lanes, so that the compiler may use vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

impl Operator for Recurrent {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [x, w, r, ..] = inputs else { return Err(Error::new(ErrorKind::InvalidModel, "X, W and R are needed")) };
        let shapes = self.shapes(&self.sizes(&x.shape, &w.shape, &r.shape)?);
        let asked = shapes.into_iter().zip(self.outputs).filter(|(_, asked)| *asked);
        Ok(asked.map(|(shape, _)| Fact::new(ElementType::F32, shape)).collect())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let [x, w, r, ..] = inputs else { return Err(Error::new(ErrorKind::InvalidModel, "X, W and R are needed")) };
        let sizes = self.sizes(x.shape(), w.shape(), r.shape())?;
        let Sizes { steps, batch, input, hidden } = sizes;
        let (directions, gates) = (self.directions.len(), self.cell.gates());
        let (x, w, r) = (floats(x)?, floats(w)?, floats(r)?);
        let bias = self.optional(inputs, 0, directions * 2 * gates * hidden)?;
        let peepholes = self.optional(inputs, 4, directions * 3 * hidden)?;
        let mut h = self.state(inputs, 2, &sizes)?;
        let mut c = self.state(inputs, 3, &sizes)?;
        let lengths = match self.optional[1].and_then(|place| inputs.get(place)) {
            Some(lengths) => integers(lengths)?,
            None => vec![steps as i64; batch],
        };
        if lengths.len() != batch || lengths.iter().any(|&length| length < 0 || length as usize > steps) {
            return Err(Error::new(ErrorKind::WrongShape, format!("sequence lengths {lengths:?} for {steps} steps")));
        }
        let mut y = vec![0.0; bounded(&[steps, directions, batch, hidden])?];
        let mut gate = vec![0.0; gates * hidden];
        for (direction, &backwards) in self.directions.iter().enumerate() {
            let weights = Weights {
                w: &w[direction * gates * hidden * input..][..gates * hidden * input],
                r: &r[direction * gates * hidden * hidden..][..gates * hidden * hidden],
                bias: &bias[direction * 2 * gates * hidden..][..2 * gates * hidden],
                peepholes: &peepholes[direction * 3 * hidden..][..3 * hidden],
                activations: &self.activations[direction * self.cell.activations().len()..],
            };
            for row in 0..batch {
                let state = (direction * batch + row) * hidden;
                let length = lengths[row] as usize;
                for turn in 0..length {
                    let step = if backwards { length - 1 - turn } else { turn };
                    let at = if self.batch_first { row * steps + step } else { step * batch + row };
                    let x = &x[at * input..][..input];
                    self.step(&weights, x, &mut h[state..][..hidden], &mut c[state..][..hidden], &mut gate);
                    let place = match self.batch_first {
                        true => (row * steps + step) * directions + direction,
                        false => (step * directions + direction) * batch + row,
                    };
                    y[place * hidden..][..hidden].copy_from_slice(&h[state..][..hidden]);
                }
            }
        }
        let turn = |values: Vec<f32>| match self.batch_first {
            false => values,
            true => {
                let rows = (0..batch).flat_map(|row| (0..directions).map(move |direction| direction * batch + row));
                rows.flat_map(|place| values[place * hidden..][..hidden].to_vec()).collect()
            }
        };
        let all = [y, turn(h), turn(c)];
        let shapes = self.shapes(&sizes);
        let asked = all.into_iter().zip(shapes).zip(self.outputs).filter(|(_, asked)| *asked);
        asked.map(|((values, shape), _)| Tensor::new(shape, Data::F32(values))).collect()
    }
}

/// The weights of one direction.
struct Weights<'a> {
    w: &'a [f32],
    r: &'a [f32],
    bias: &'a [f32],
    peepholes: &'a [f32],
    activations: &'a [Activation],
}

impl Recurrent {
    /// One step of one row: from the input and the states to the next states. Formulas: the ONNX operator
    /// specification, gates in the order i, o, f, c (LSTM) and z, r, h (GRU).
    fn step(&self, weights: &Weights<'_>, x: &[f32], h: &mut [f32], c: &mut [f32], gate: &mut [f32]) {
        let (hidden, gates) = (h.len(), self.cell.gates());
        let (wb, rb) = weights.bias.split_at(gates * hidden);
        let given = |row: usize| dot(&weights.w[row * x.len()..][..x.len()], x) + wb[row];
        let kept = |row: usize, h: &[f32]| dot(&weights.r[row * hidden..][..hidden], h) + rb[row];
        let clip = |value: f32| value.clamp(-self.clip, self.clip);
        let f = weights.activations;
        match self.cell {
            Cell::Rnn => {
                for row in 0..hidden {
                    gate[row] = f[0].of(clip(given(row) + kept(row, h)));
                }
                h.copy_from_slice(gate);
            }
            Cell::Gru => {
                for row in 0..2 * hidden {
                    gate[row] = f[0].of(clip(given(row) + kept(row, h)));
                }
                let reset: Vec<f32> = gate[hidden..2 * hidden].iter().zip(h.iter()).map(|(r, h)| r * h).collect();
                for place in 0..hidden {
                    let row = 2 * hidden + place;
                    let past = match self.linear_before_reset {
                        true => gate[hidden + place] * kept(row, h),
                        false => kept(row, &reset),
                    };
                    gate[row] = f[1].of(clip(given(row) + past));
                }
                for place in 0..hidden {
                    let z = gate[place];
                    h[place] = (1.0 - z) * gate[2 * hidden + place] + z * h[place];
                }
            }
            Cell::Lstm => {
                for (row, gate) in gate.iter_mut().enumerate() {
                    *gate = given(row) + kept(row, h);
                }
                let p = weights.peepholes;
                for place in 0..hidden {
                    let input = f[0].of(clip(gate[place] + p[place] * c[place]));
                    let forget = match self.input_forget {
                        true => 1.0 - input,
                        false => f[0].of(clip(gate[2 * hidden + place] + p[2 * hidden + place] * c[place])),
                    };
                    c[place] = forget * c[place] + input * f[1].of(clip(gate[3 * hidden + place]));
                    let output = f[0].of(clip(gate[hidden + place] + p[hidden + place] * c[place]));
                    h[place] = output * f[2].of(c[place]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
    }

    fn rnn(directions: Vec<bool>) -> Recurrent {
        Recurrent {
            cell: Cell::Rnn,
            activations: directions.iter().map(|_| Activation::Affine(1.0, 0.0)).collect(),
            directions,
            clip: f32::INFINITY,
            input_forget: false,
            linear_before_reset: false,
            batch_first: false,
            optional: [None; 5],
            outputs: [true, true, false],
        }
    }

    /// With identity weights a layer adds up its inputs: from the front, and from the end.
    #[test]
    fn both_directions_read_their_own_way() {
        let (x, one) = (tensor(&[3, 1, 1], &[1.0, 2.0, 4.0]), tensor(&[2, 1, 1], &[1.0, 1.0]));
        let outputs = rnn(vec![false, true]).run(&[x, one.clone(), one]).unwrap();
        assert_eq!(outputs[0].data(), &Data::F32(vec![1.0, 7.0, 3.0, 6.0, 7.0, 4.0]));
        assert_eq!(outputs[1].data(), &Data::F32(vec![7.0, 7.0]));
    }

    #[test]
    fn a_shorter_sequence_ends_earlier() {
        let mut layer = rnn(vec![true]);
        layer.optional[1] = Some(3);
        let (x, one) = (tensor(&[3, 1, 1], &[1.0, 2.0, 4.0]), tensor(&[1, 1, 1], &[1.0]));
        let lengths = Tensor::new(vec![1], Data::I32(vec![2])).unwrap();
        let outputs = layer.run(&[x.clone(), one.clone(), one.clone(), lengths]).unwrap();
        assert_eq!(outputs[0].data(), &Data::F32(vec![3.0, 2.0, 0.0]));
        let longer = Tensor::new(vec![1], Data::I32(vec![4])).unwrap();
        assert_eq!(layer.run(&[x, one.clone(), one, longer]).unwrap_err().kind(), ErrorKind::WrongShape);
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let (x, one) = (tensor(&[3, 1, 2], &[0.0; 6]), tensor(&[1, 1, 1], &[1.0]));
        assert_eq!(rnn(vec![false]).run(&[x, one.clone(), one]).unwrap_err().kind(), ErrorKind::WrongShape);
    }
}
