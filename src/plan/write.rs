//! Plans as bytes: writing, on the machine that packs.

use super::format::{Activation, Op, Plan, PlanPort, Size, Spot, Step, Values, Window};
use super::read::{BINARIES, ELEMENTS, KINDS, MAGIC, POOLS, REDUCES, UNARIES, at_rest};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Dimension;
use crate::wire::{Wire, put_varint};

/// How the float32 weights of a plan are kept at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// As they are.
    Float32,
    /// Rounded to float16; those that float16 cannot hold stay as they are.
    Float16,
    /// Matrices and filters of at least 1,024 values as int8, with a scale for each row of the first axis; the rest as float16.
    Int8,
}

/// The bytes of a plan. Fails with `internal` for a type that plans do not name.
pub fn write(plan: &Plan, weights: Weights) -> Result<Vec<u8>> {
    let mut bytes = Bytes { bytes: MAGIC.to_vec(), weights };
    bytes.list(&plan.inputs, Bytes::port)?;
    bytes.list(&plan.outputs, Bytes::port)?;
    let rows = rows(plan);
    bytes.number(plan.constants.len());
    for (constant, rows) in plan.constants.iter().zip(rows) {
        bytes.constant(&constant.values, rows);
    }
    plan.forests.put(&mut bytes.bytes);
    bytes.number(plan.buffers);
    bytes.list(&plan.spots, Bytes::spot)?;
    bytes.list(&plan.steps, Bytes::step)?;
    Ok(bytes.bytes)
}

/// Of each constant, how many rows its first axis has.
fn rows(plan: &Plan) -> Vec<usize> {
    let mut rows = vec![1; plan.constants.len()];
    for spot in &plan.spots {
        if let (Some(rows), [first, _, ..]) = (rows.get_mut(spot.buffer), spot.shape.as_slice()) {
            *rows = first.factor;
        }
    }
    rows
}

struct Bytes {
    bytes: Vec<u8>,
    weights: Weights,
}

/// The bits of the float16 that is nearest, a half rounded to even; nothing where it would be infinite.
fn half(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    if value.is_nan() {
        return Some(sign | 0x7e00);
    }
    if value.is_infinite() {
        return Some(sign | 0x7c00);
    }
    let size = value.abs();
    if size >= 65_520.0 {
        return None;
    }
    if size < 2f32.powi(-14) {
        return Some(sign | (size * 2f32.powi(24)).round_ties_even() as u16);
    }
    let rounded = (bits & 0x7fff_ffff) + 0xfff + (bits >> 13 & 1);
    Some(sign | ((rounded >> 13) - (112 << 10)) as u16)
}

fn place<T: PartialEq>(of: &[T], item: &T) -> Result<u8> {
    let place = of.iter().position(|known| known == item);
    let unknown =
        || Error::new(ErrorKind::Internal, "a plan has something that has no number").help("report the model");
    place.map(|place| place as u8).ok_or_else(unknown)
}

impl Bytes {
    fn number(&mut self, number: usize) {
        put_varint(&mut self.bytes, number as u64);
    }

    fn signed(&mut self, number: i64) {
        put_varint(&mut self.bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn float(&mut self, number: f32) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.bytes.push(flag.into());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes.extend(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T) -> Result<()>) -> Result<()> {
        self.number(items.len());
        items.iter().try_for_each(|one| item(self, one))
    }

    fn numbers(&mut self, numbers: &[usize]) {
        self.number(numbers.len());
        numbers.iter().for_each(|&number| self.number(number));
    }

    fn one<T: PartialEq>(&mut self, of: &[T], item: &T) -> Result<()> {
        self.bytes.push(place(of, item)?);
        Ok(())
    }

    fn port(&mut self, port: &PlanPort) -> Result<()> {
        self.text(&port.port.name);
        self.one(&ELEMENTS, &port.port.element_type)?;
        self.number(port.port.shape.len());
        for size in &port.port.shape {
            match size {
                Dimension::Fixed(size) => self.number(size + 1),
                Dimension::Symbol(name) => {
                    self.number(0);
                    self.text(name);
                }
            }
        }
        self.number(port.spot);
        Ok(())
    }

    fn constant(&mut self, values: &Values, rows: usize) {
        match values {
            Values::F32(values) => {
                let large = values.len() >= 1024 && rows > 1 && values.iter().all(|value| value.is_finite());
                let halves: Option<Vec<u16>> = values.iter().map(|&value| half(value)).collect();
                match (self.weights, halves) {
                    (Weights::Int8, _) if large => self.scaled(values, rows),
                    (Weights::Float16 | Weights::Int8, Some(halves)) => {
                        self.bytes.push(at_rest::HALF);
                        self.number(values.len());
                        halves.iter().for_each(|half| self.bytes.extend(half.to_le_bytes()));
                    }
                    _ => {
                        self.bytes.push(at_rest::FLOAT);
                        self.number(values.len());
                        values.iter().for_each(|&value| self.float(value));
                    }
                }
            }
            Values::I64(values) => {
                self.bytes.push(at_rest::WHOLE);
                self.number(values.len());
                values.iter().for_each(|&value| self.signed(value));
            }
            Values::Text(values) => {
                self.bytes.push(at_rest::TEXT);
                self.number(values.len());
                values.iter().for_each(|value| self.text(value));
            }
        }
    }

    /// Values as whole numbers from -127 to 127, each row with its own scale.
    fn scaled(&mut self, values: &[f32], rows: usize) {
        self.bytes.push(at_rest::BYTES);
        self.number(values.len());
        self.number(rows);
        let width = values.len() / rows;
        let scales: Vec<f32> = values
            .chunks(width)
            .map(|row| row.iter().fold(0f32, |most, value| most.max(value.abs())) / 127.0)
            .collect();
        scales.iter().for_each(|&scale| self.float(scale));
        for (row, &scale) in values.chunks(width).zip(&scales) {
            let step = |value: &f32| if scale > 0.0 { (value / scale).round_ties_even() as i8 } else { 0 };
            self.bytes.extend(row.iter().map(|value| step(value).cast_unsigned()));
        }
    }

    fn spot(&mut self, spot: &Spot) -> Result<()> {
        self.one(&KINDS, &spot.kind)?;
        self.number(spot.shape.len());
        for size in &spot.shape {
            let chosen = size.powers != [0; Size::SYMBOLS];
            self.number(size.factor << 1 | usize::from(chosen));
            if chosen {
                self.bytes.extend(size.powers);
            }
        }
        self.number(spot.buffer);
        Ok(())
    }

    fn activation(&mut self, activation: &Activation) -> Result<()> {
        self.one(&UNARIES, &activation.function)?;
        activation.parameters.iter().for_each(|&parameter| self.float(parameter));
        Ok(())
    }

    fn then(&mut self, then: Option<&Activation>) -> Result<()> {
        self.flag(then.is_some());
        then.map_or(Ok(()), |activation| self.activation(activation))
    }

    fn window(&mut self, window: &Window) {
        for [one, other] in [window.kernel, window.stride, window.dilation, window.pad] {
            self.number(one);
            self.number(other);
        }
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        let number = match &step.op {
            Op::Unary(_) => 0,
            Op::Binary(_) => 1,
            Op::Where => 2,
            Op::MatMul { .. } => 3,
            Op::Conv { .. } => 4,
            Op::Pool { .. } => 5,
            Op::Reduce { .. } => 6,
            Op::Softmax { .. } => 7,
            Op::Normalise { .. } => 8,
            Op::Transpose { .. } => 9,
            Op::Concat { .. } => 10,
            Op::Slice { .. } => 11,
            Op::Gather { .. } => 12,
            Op::Pad { .. } => 13,
            Op::Spread => 14,
            Op::ArgMax { .. } => 15,
            Op::Cast => 16,
            Op::Find => 17,
            Op::Trees { .. } => 18,
            Op::Recurrent { .. } => 19,
        };
        self.bytes.push(number);
        match &step.op {
            Op::Unary(activation) => self.activation(activation)?,
            Op::Binary(function) => self.one(&BINARIES, function)?,
            Op::Where | Op::Spread | Op::Cast | Op::Find => {}
            Op::MatMul { turned, then } => {
                self.flag(*turned);
                self.then(then.as_ref())?;
            }
            Op::Conv { window, groups, then } => {
                self.window(window);
                self.number(*groups);
                self.then(then.as_ref())?;
            }
            Op::Pool { window, take } => {
                self.window(window);
                self.one(&POOLS, take)?;
            }
            Op::Reduce { take, axes } => {
                self.one(&REDUCES, take)?;
                self.number(*axes as usize);
            }
            Op::Softmax { axis, log } => {
                self.number(*axis);
                self.flag(*log);
            }
            Op::Normalise { axis, epsilon } => {
                self.number(*axis);
                self.float(*epsilon);
            }
            Op::Transpose { order } => self.numbers(order),
            Op::Concat { axis } | Op::Gather { axis } => self.number(*axis),
            Op::Slice { starts, steps } => {
                self.numbers(starts);
                self.number(steps.len());
                steps.iter().for_each(|&step| self.signed(step));
            }
            Op::Pad { before, value } => {
                self.numbers(before);
                self.float(*value);
            }
            Op::ArgMax { axis, smallest } => {
                self.number(*axis);
                self.flag(*smallest);
            }
            Op::Trees { forest } => self.number(*forest),
            Op::Recurrent { cell, backwards, has } => {
                self.bytes.push(*cell);
                self.flag(*backwards);
                has.iter().for_each(|&has| self.flag(has));
            }
        }
        self.numbers(&step.inputs);
        self.numbers(&step.outputs);
        Ok(())
    }
}
