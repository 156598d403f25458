//! Functions value by value.

use crate::math::{erf, exp, sigmoid, tanh};

/// A function of one value and two parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unary {
    Abs,
    Ceil,
    Elu,
    Erf,
    Exp,
    Floor,
    Gelu,
    GeluTanh,
    HardSigmoid,
    HardSwish,
    IsNan,
    LeakyRelu,
    Log,
    Neg,
    Not,
    Reciprocal,
    Relu,
    Round,
    Selu,
    Sigmoid,
    Sign,
    Softplus,
    Softsign,
    Sqrt,
    Swish,
    Tanh,
    ThresholdedRelu,
    /// Held between the parameters.
    Clip,
    Mish,
}

/// A function of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    Mod,
    Equal,
    Less,
    LessOrEqual,
    And,
    Or,
    Xor,
    /// The first value where it is above 0, the second times it elsewhere.
    PRelu,
}

/// A function with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activation {
    /// The function.
    pub function: Unary,
    /// Its parameters.
    pub parameters: [f32; 2],
}

/// Puts a function in the place of each value. What is not a number stays so.
pub fn apply(Activation { function, parameters: [a, b] }: Activation, values: &mut [f32]) {
    macro_rules! each {
        ($value:ident => $of:expr) => {
            values.iter_mut().for_each(|value| {
                let $value = *value;
                *value = $of;
            })
        };
    }
    match function {
        Unary::Abs => each!(x => x.abs()),
        Unary::Ceil => each!(x => x.ceil()),
        Unary::Clip => each!(x => held(x, a, b)),
        Unary::Elu => each!(x => if x < 0.0 { a * x.exp_m1() } else { x }),
        Unary::Erf => each!(x => erf(x)),
        Unary::Exp => each!(x => exp(x)),
        Unary::Floor => each!(x => x.floor()),
        Unary::Gelu => each!(x => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))),
        Unary::GeluTanh => each!(x => 0.5 * x * (1.0 + tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))),
        Unary::HardSigmoid => each!(x => held(a * x + b, 0.0, 1.0)),
        Unary::HardSwish => each!(x => x * held(x / 6.0 + 0.5, 0.0, 1.0)),
        Unary::IsNan => each!(x => f32::from(u8::from(x.is_nan()))),
        Unary::LeakyRelu => each!(x => if x < 0.0 { a * x } else { x }),
        Unary::Log => each!(x => x.ln()),
        Unary::Mish => each!(x => x * tanh(softplus(x))),
        Unary::Neg => each!(x => -x),
        Unary::Not => each!(x => f32::from(u8::from(x == 0.0))),
        Unary::Reciprocal => each!(x => 1.0 / x),
        Unary::Relu => each!(x => if x < 0.0 { 0.0 } else { x }),
        Unary::Round => each!(x => x.round_ties_even()),
        Unary::Selu => each!(x => b * if x <= 0.0 { a * x.exp_m1() } else { x }),
        Unary::Sigmoid => each!(x => sigmoid(x)),
        Unary::Sign => each!(x => if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x }),
        Unary::Softplus => each!(x => softplus(x)),
        Unary::Softsign => each!(x => x / (1.0 + x.abs())),
        Unary::Sqrt => each!(x => x.sqrt()),
        Unary::Swish => each!(x => x * sigmoid(a * x)),
        Unary::Tanh => each!(x => tanh(x)),
        Unary::ThresholdedRelu => each!(x => if x > a { x } else { 0.0 }),
    }
}

#[inline(always)]
fn held(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

fn softplus(x: f32) -> f32 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + (-x.abs()).exp().ln_1p()
}

/// Adds one number to each value.
pub fn shift(values: &mut [f32], by: f32) {
    values.iter_mut().for_each(|value| *value += by);
}

/// Fills the output with a function of two slices of its length.
pub fn binary(function: Binary, left: &[f32], right: &[f32], output: &mut [f32]) {
    macro_rules! each {
        ($a:ident, $b:ident => $of:expr) => {
            output.iter_mut().zip(left).zip(right).for_each(|((output, &$a), &$b)| *output = $of)
        };
    }
    let truth = |is: bool| f32::from(u8::from(is));
    match function {
        Binary::Add => each!(a, b => a + b),
        Binary::Sub => each!(a, b => a - b),
        Binary::Mul => each!(a, b => a * b),
        Binary::Div => each!(a, b => a / b),
        Binary::Pow => each!(a, b => if b == 2.0 { a * a } else { a.powf(b) }),
        Binary::Max => each!(a, b => if a > b || a.is_nan() { a } else { b }),
        Binary::Min => each!(a, b => if a < b || a.is_nan() { a } else { b }),
        Binary::Mod => each!(a, b => a % b),
        Binary::Equal => each!(a, b => truth(a == b)),
        Binary::Less => each!(a, b => truth(a < b)),
        Binary::LessOrEqual => each!(a, b => truth(a <= b)),
        Binary::And => each!(a, b => truth(a != 0.0 && b != 0.0)),
        Binary::Or => each!(a, b => truth(a != 0.0 || b != 0.0)),
        Binary::Xor => each!(a, b => truth((a != 0.0) != (b != 0.0))),
        Binary::PRelu => each!(a, b => if a < 0.0 { a * b } else { a }),
    }
}
