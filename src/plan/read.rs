//! Plans as bytes: reading. `write` is the other way; both follow the fields of `format`, numbers as LEB128.

use super::format::{
    Activation, Binary, Constant, Kind, Op, Plan, PlanPort, Pool, Reduce, Size, Spot, Step, Unary, Values, Window,
};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Dimension, ElementType, Port};
use crate::wire::{Reader, Wire};

/// What a plan begins with; the last byte is the version.
pub(super) const MAGIC: [u8; 4] = *b"NSP\x02";

/// How a constant's float32 values are kept.
pub(super) mod at_rest {
    pub(in super::super) const FLOAT: u8 = 0;
    pub(in super::super) const HALF: u8 = 1;
    /// One byte each, with a scale for each row of the first axis.
    pub(in super::super) const BYTES: u8 = 2;
    pub(in super::super) const WHOLE: u8 = 3;
    pub(in super::super) const TEXT: u8 = 4;
}

pub(super) const ELEMENTS: [ElementType; 9] = [
    ElementType::F32,
    ElementType::I64,
    ElementType::I32,
    ElementType::Text,
    ElementType::Bool,
    ElementType::U8,
    ElementType::I8,
    ElementType::I16,
    ElementType::U16,
];
pub(super) const KINDS: [Kind; 3] = [Kind::F32, Kind::I64, Kind::Text];
pub(super) const BINARIES: [Binary; 15] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Pow,
    Binary::Max,
    Binary::Min,
    Binary::Mod,
    Binary::Equal,
    Binary::Less,
    Binary::LessOrEqual,
    Binary::And,
    Binary::Or,
    Binary::Xor,
    Binary::PRelu,
];
pub(super) const REDUCES: [Reduce; 9] = [
    Reduce::Sum,
    Reduce::Mean,
    Reduce::Max,
    Reduce::Min,
    Reduce::Prod,
    Reduce::L1,
    Reduce::L2,
    Reduce::SumSquare,
    Reduce::LogSumExp,
];
pub(super) const POOLS: [Pool; 3] = [Pool::Max, Pool::Mean, Pool::MeanPadded];
pub(super) const UNARIES: [Unary; 29] = [
    Unary::Abs,
    Unary::Ceil,
    Unary::Elu,
    Unary::Erf,
    Unary::Exp,
    Unary::Floor,
    Unary::Gelu,
    Unary::GeluTanh,
    Unary::HardSigmoid,
    Unary::HardSwish,
    Unary::IsNan,
    Unary::LeakyRelu,
    Unary::Log,
    Unary::Neg,
    Unary::Not,
    Unary::Reciprocal,
    Unary::Relu,
    Unary::Round,
    Unary::Selu,
    Unary::Sigmoid,
    Unary::Sign,
    Unary::Softplus,
    Unary::Softsign,
    Unary::Sqrt,
    Unary::Swish,
    Unary::Tanh,
    Unary::ThresholdedRelu,
    Unary::Clip,
    Unary::Mish,
];

/// The bytes of a plan. Its fields stand behind each other, lists with their length in front.
struct Bytes<'a> {
    reader: Reader<'a>,
}

/// Reads the bytes of a plan. Fails with `invalid-model` where they end too early, or name what there is not.
pub(super) fn read(bytes: &[u8]) -> Result<Plan> {
    let mut bytes = Bytes { reader: Reader::new(bytes) };
    bytes.plan().map_err(|error| match error.kind() {
        ErrorKind::InvalidModel => error,
        _ => broken(error.message()),
    })
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::InvalidModel, format!("this is not a plan: {why}")).help("pack the model again")
}

/// Whether bytes begin as those of a plan do, of whichever version.
pub fn is_plan(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..3])
}

/// The nearest float32 of the bits of a float16.
pub fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(bits >> 15) << 31, u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match (exponent, fraction) {
        // Small numbers without a leading one.
        (0, _) => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        (31, _) => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

impl Bytes<'_> {
    fn plan(&mut self) -> Result<Plan> {
        if self.reader.array()? != MAGIC {
            return Err(broken("it begins otherwise, or is of another version"));
        }
        let plan = Plan {
            inputs: self.list(Self::port)?,
            outputs: self.list(Self::port)?,
            constants: self.list(|bytes| Ok(Constant { values: bytes.constant()? }))?,
            forests: Wire::read(&mut self.reader)?,
            buffers: self.number()?,
            spots: self.list(Self::spot)?,
            steps: self.list(Self::step)?,
        };
        self.reader.end()?;
        // A buffer for each tensor is the most that makes sense.
        if plan.buffers > plan.spots.len() { Err(broken("it has more buffers than tensors")) } else { Ok(plan) }
    }

    fn number(&mut self) -> Result<usize> {
        Ok(self.reader.varint()? as usize)
    }

    fn signed(&mut self) -> Result<i64> {
        let number = self.reader.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn float(&mut self) -> Result<f32> {
        Ok(f32::from_le_bytes(self.reader.array()?))
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.number()?;
        // No vector is made for a length that the bytes do not hold.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.number()?;
        let bytes = self.reader.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| broken("a name is no UTF-8"))
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> Result<T> {
        let place = self.reader.byte()?;
        of.get(usize::from(place)).copied().ok_or_else(|| broken("it names something unknown"))
    }

    fn port(&mut self) -> Result<PlanPort> {
        let name = self.text()?;
        let element_type = self.one(&ELEMENTS)?;
        let shape = self.list(|bytes| match bytes.number()? {
            0 => bytes.text().map(Dimension::Symbol),
            size => Ok(Dimension::Fixed(size - 1)),
        })?;
        Ok(PlanPort { port: Port { name, element_type, shape }, spot: self.number()? })
    }

    fn constant(&mut self) -> Result<Values> {
        let (how, count) = (self.reader.byte()?, self.number()?);
        let bytes = |width: usize| count.checked_mul(width).ok_or_else(|| broken("a constant is too long"));
        Ok(match how {
            at_rest::FLOAT => {
                let bytes = self.reader.take(bytes(4)?)?;
                Values::F32(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
            at_rest::HALF => {
                let bytes = self.reader.take(bytes(2)?)?;
                Values::F32(bytes.chunks_exact(2).map(|b| half(u16::from_le_bytes([b[0], b[1]]))).collect())
            }
            at_rest::BYTES => {
                let rows = self.number()?;
                if rows == 0 || !count.is_multiple_of(rows) {
                    return Err(broken("a constant has no whole rows"));
                }
                let scales = self.reader.take(rows.checked_mul(4).ok_or_else(|| broken("a constant is too long"))?)?;
                let scales: Vec<f32> =
                    scales.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
                let bytes = self.reader.take(count)?;
                let values = bytes.iter().enumerate();
                Values::F32(values.map(|(at, &b)| f32::from(b.cast_signed()) * scales[at / (count / rows)]).collect())
            }
            at_rest::WHOLE => Values::I64((0..count).map(|_| self.signed()).collect::<Result<_>>()?),
            at_rest::TEXT => Values::Text((0..count).map(|_| self.text()).collect::<Result<_>>()?),
            _ => return Err(broken("a constant is kept in an unknown way")),
        })
    }

    fn spot(&mut self) -> Result<Spot> {
        let kind = self.one(&KINDS)?;
        let shape = self.list(|bytes| {
            let size = bytes.number()?;
            let mut powers = [0; Size::SYMBOLS];
            if size & 1 == 1 {
                powers = bytes.reader.array()?;
            }
            Ok(Size { factor: size >> 1, powers })
        })?;
        Ok(Spot { kind, shape, buffer: self.number()? })
    }

    fn activation(&mut self) -> Result<Activation> {
        Ok(Activation { function: self.one(&UNARIES)?, parameters: [self.float()?, self.float()?] })
    }

    fn then(&mut self) -> Result<Option<Activation>> {
        if self.flag()? { self.activation().map(Some) } else { Ok(None) }
    }

    fn flag(&mut self) -> Result<bool> {
        Ok(self.reader.byte()? != 0)
    }

    fn pair(&mut self) -> Result<[usize; 2]> {
        Ok([self.number()?, self.number()?])
    }

    fn window(&mut self) -> Result<Window> {
        let window = Window { kernel: self.pair()?, stride: self.pair()?, dilation: self.pair()?, pad: self.pair()? };
        let small = |sizes: [usize; 2]| sizes.iter().all(|size| *size <= 1 << 16);
        let fits = [window.kernel, window.stride, window.dilation, window.pad].into_iter().all(small);
        if fits && !window.stride.contains(&0) { Ok(window) } else { Err(broken("a window is too large")) }
    }

    fn step(&mut self) -> Result<Step> {
        let op = match self.reader.byte()? {
            0 => Op::Unary(self.activation()?),
            1 => Op::Binary(self.one(&BINARIES)?),
            2 => Op::Where,
            3 => Op::MatMul { turned: self.flag()?, then: self.then()? },
            4 => Op::Conv { window: self.window()?, groups: self.number()?, then: self.then()? },
            5 => Op::Pool { window: self.window()?, take: self.one(&POOLS)? },
            6 => Op::Reduce { take: self.one(&REDUCES)?, axes: self.number()? as u32 },
            7 => Op::Softmax { axis: self.number()?, log: self.flag()? },
            8 => Op::Normalise { axis: self.number()?, epsilon: self.float()? },
            9 => Op::Transpose { order: self.list(Self::number)? },
            10 => Op::Concat { axis: self.number()? },
            11 => Op::Slice { starts: self.list(Self::number)?, steps: self.list(Self::signed)? },
            12 => Op::Gather { axis: self.number()? },
            13 => Op::Pad { before: self.list(Self::number)?, value: self.float()? },
            14 => Op::Spread,
            15 => Op::ArgMax { axis: self.number()?, smallest: self.flag()? },
            16 => Op::Cast,
            17 => Op::Find,
            18 => Op::Trees { forest: self.number()? },
            19 => Op::Recurrent {
                cell: self.reader.byte()?,
                backwards: self.flag()?,
                has: [self.flag()?, self.flag()?, self.flag()?],
            },
            _ => return Err(broken("it has a step of an unknown kind")),
        };
        Ok(Step { op, inputs: self.list(Self::number)?, outputs: self.list(Self::number)? })
    }
}
