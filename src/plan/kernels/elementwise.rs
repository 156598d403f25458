//! Functions value by value, of one tensor, two, or three.

use super::super::format::{Activation, Binary, Unary, Values};
use super::{Rows, View, at, floats, misfit, spread_strides};
use crate::error::Result;

/// Fills the output with a function of each value.
pub(super) fn unary(activation: Activation, input: View<'_>, output: &mut Values) -> Result<()> {
    if let (Values::I64(values), Values::I64(output)) = (input.values, &mut *output) {
        let of: fn(i64) -> i64 = match activation.function {
            Unary::Abs => i64::wrapping_abs,
            Unary::Neg => i64::wrapping_neg,
            Unary::Sign => i64::signum,
            _ => return Err(misfit()),
        };
        output.iter_mut().zip(values).for_each(|(output, &value)| *output = of(value));
        return Ok(());
    }
    let (values, output) = (input.f32()?, floats(output)?);
    if values.len() != output.len() {
        return Err(misfit());
    }
    output.copy_from_slice(values);
    apply(activation, output);
    Ok(())
}

/// Puts a function in the place of each value. What is not a number stays so.
pub(super) fn apply(Activation { function, parameters: [a, b] }: Activation, values: &mut [f32]) {
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
        Unary::Clip => each!(x => if x < a { a } else if x > b { b } else { x }),
        Unary::Cos => each!(x => x.cos()),
        Unary::Elu => each!(x => if x < 0.0 { a * x.exp_m1() } else { x }),
        Unary::Erf => each!(x => erf(x)),
        Unary::Exp => each!(x => x.exp()),
        Unary::Floor => each!(x => x.floor()),
        Unary::Gelu => each!(x => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))),
        Unary::GeluTanh => each!(x => 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh())),
        Unary::HardSigmoid => each!(x => (a * x + b).clamp(0.0, 1.0)),
        Unary::HardSwish => each!(x => x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        Unary::IsNan => each!(x => f32::from(u8::from(x.is_nan()))),
        Unary::LeakyRelu => each!(x => if x < 0.0 { a * x } else { x }),
        Unary::Log => each!(x => x.ln()),
        Unary::Mish => each!(x => x * softplus(x).tanh()),
        Unary::Neg => each!(x => -x),
        Unary::Not => each!(x => f32::from(u8::from(x == 0.0))),
        Unary::Reciprocal => each!(x => 1.0 / x),
        Unary::Relu => each!(x => if x < 0.0 { 0.0 } else { x }),
        Unary::Round => each!(x => x.round_ties_even()),
        Unary::Selu => each!(x => b * if x <= 0.0 { a * x.exp_m1() } else { x }),
        Unary::Sigmoid => each!(x => sigmoid(x)),
        Unary::Sign => each!(x => if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x }),
        Unary::Sin => each!(x => x.sin()),
        Unary::Softplus => each!(x => softplus(x)),
        Unary::Softsign => each!(x => x / (1.0 + x.abs())),
        Unary::Sqrt => each!(x => x.sqrt()),
        Unary::Swish => each!(x => x * sigmoid(a * x)),
        Unary::Tanh => each!(x => x.tanh()),
        Unary::ThresholdedRelu => each!(x => if x > a { x } else { 0.0 }),
    }
}

/// `1 / (1 + e⁻ˣ)`.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f32) -> f32 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + (-x.abs()).exp().ln_1p()
}

/// The error function, within 2e-7: Numerical Recipes' rational Chebyshev approximation of its complement, in float64.
fn erf(x: f32) -> f32 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let z = f64::from(x).abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let series = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let complement = t * (series - z * z).exp();
    let value = (1.0 - complement) as f32;
    if x < 0.0 { -value } else { value }
}

/// Fills the output with a function of two values.
pub(super) fn binary(
    function: Binary,
    left: View<'_>,
    right: View<'_>,
    output: &mut Values,
    shape: &[usize],
) -> Result<()> {
    macro_rules! pairs {
        ($a:expr, $b:expr, $output:expr, $of:expr) => {
            each_pair($a, left.shape, $b, right.shape, $output, shape, $of)
        };
    }
    let truth = |is: bool| f32::from(u8::from(is));
    match (left.values, right.values, output) {
        (Values::F32(_), Values::F32(_), output) => {
            let (a, b, output) = (left.f32()?, right.f32()?, floats(output)?);
            match function {
                Binary::Add => pairs!(a, b, output, |a: f32, b: f32| a + b),
                Binary::Sub => pairs!(a, b, output, |a: f32, b: f32| a - b),
                Binary::Mul => pairs!(a, b, output, |a: f32, b: f32| a * b),
                Binary::Div => pairs!(a, b, output, |a: f32, b: f32| a / b),
                Binary::Pow => pairs!(a, b, output, |a: f32, b: f32| if b == 2.0 { a * a } else { a.powf(b) }),
                Binary::Max => pairs!(a, b, output, |a: f32, b: f32| if a > b || a.is_nan() { a } else { b }),
                Binary::Min => pairs!(a, b, output, |a: f32, b: f32| if a < b || a.is_nan() { a } else { b }),
                Binary::Mod => pairs!(a, b, output, |a: f32, b: f32| a % b),
                Binary::Equal => pairs!(a, b, output, |a: f32, b: f32| truth(a == b)),
                Binary::Less => pairs!(a, b, output, |a: f32, b: f32| truth(a < b)),
                Binary::LessOrEqual => pairs!(a, b, output, |a: f32, b: f32| truth(a <= b)),
                Binary::And => pairs!(a, b, output, |a: f32, b: f32| truth(a != 0.0 && b != 0.0)),
                Binary::Or => pairs!(a, b, output, |a: f32, b: f32| truth(a != 0.0 || b != 0.0)),
                Binary::Xor => pairs!(a, b, output, |a: f32, b: f32| truth((a != 0.0) != (b != 0.0))),
                Binary::PRelu => pairs!(a, b, output, |a: f32, b: f32| if a < 0.0 { a * b } else { a }),
            }
        }
        (Values::I64(_), Values::I64(_), Values::I64(output)) => {
            let (a, b) = (left.i64()?, right.i64()?);
            let of: fn(i64, i64) -> i64 = match function {
                Binary::Add => i64::wrapping_add,
                Binary::Sub => i64::wrapping_sub,
                Binary::Mul => i64::wrapping_mul,
                Binary::Max => i64::max,
                Binary::Min => i64::min,
                Binary::Div => |a, b| a.checked_div(b).unwrap_or_default(),
                Binary::Mod => |a, b| a.checked_rem_euclid(b).unwrap_or_default(),
                _ => return Err(misfit()),
            };
            pairs!(a, b, output, of)
        }
        (Values::I64(_), Values::I64(_), Values::F32(output)) => {
            let (a, b) = (left.i64()?, right.i64()?);
            let of: fn(i64, i64) -> f32 = match function {
                Binary::Equal => |a, b| f32::from(u8::from(a == b)),
                Binary::Less => |a, b| f32::from(u8::from(a < b)),
                Binary::LessOrEqual => |a, b| f32::from(u8::from(a <= b)),
                _ => return Err(misfit()),
            };
            pairs!(a, b, output, of)
        }
        (Values::Text(a), Values::Text(b), Values::F32(output)) if function == Binary::Equal => {
            pairs!(a.as_slice(), b.as_slice(), output, |a: String, b: String| truth(a == b))
        }
        _ => Err(misfit()),
    }
}

/// Row by row of the output; within a row, each input goes along or stays.
fn each_pair<A: Clone, B>(
    a: &[A],
    a_shape: &[usize],
    b: &[A],
    b_shape: &[usize],
    output: &mut [B],
    shape: &[usize],
    of: impl Fn(A, A) -> B,
) -> Result<()> {
    let strides = [spread_strides(a_shape, shape)?, spread_strides(b_shape, shape)?];
    if a.is_empty() || b.is_empty() || output.is_empty() {
        return if output.is_empty() { Ok(()) } else { Err(misfit()) };
    }
    let whole = [a.len() == output.len(), b.len() == output.len()];
    match whole {
        [true, true] => {
            let pairs = a.iter().zip(b);
            output.iter_mut().zip(pairs).for_each(|(output, (a, b))| *output = of(a.clone(), b.clone()));
            return Ok(());
        }
        [true, false] if b.len() == 1 => {
            output.iter_mut().zip(a).for_each(|(output, a)| *output = of(a.clone(), b[0].clone()));
            return Ok(());
        }
        _ => {}
    }
    let Some((&width, outer)) = shape.split_last() else {
        output[0] = of(a[0].clone(), b[0].clone());
        return Ok(());
    };
    let (steps, rest): (Vec<usize>, Vec<&[usize]>) =
        strides.iter().map(|strides| (strides[outer.len()], &strides[..outer.len()])).unzip();
    let rows = Rows::new(outer, [rest[0], rest[1]]);
    for ([mut left, mut right], output) in rows.zip(output.chunks_mut(width.max(1))) {
        for output in output {
            *output = of(a[left].clone(), b[right].clone());
            left += steps[0];
            right += steps[1];
        }
    }
    Ok(())
}

/// Fills the output with the second or the third input, as the first says.
pub(super) fn choose(inputs: &[View<'_>], output: &mut Values, shape: &[usize]) -> Result<()> {
    let (condition, one, other) = (at(inputs, 0)?, at(inputs, 1)?, at(inputs, 2)?);
    let truths = condition.f32()?;
    let strides = [condition.shape, one.shape, other.shape].map(|input| spread_strides(input, shape));
    let [c, a, b] = strides;
    let (c, a, b) = (c?, a?, b?);
    let places = Rows::new(shape, [&c, &a, &b]);
    macro_rules! fill {
        ($one:expr, $other:expr, $output:expr) => {
            for ([condition, one, other], output) in places.zip($output) {
                let taken = if truths[condition] != 0.0 { &$one[one] } else { &$other[other] };
                output.clone_from(taken);
            }
        };
    }
    match (one.values, other.values, output) {
        (Values::F32(_), Values::F32(_), Values::F32(output)) => fill!(one.f32()?, other.f32()?, output),
        (Values::I64(_), Values::I64(_), Values::I64(output)) => fill!(one.i64()?, other.i64()?, output),
        (Values::Text(one), Values::Text(other), Values::Text(output)) => fill!(one, other, output),
        _ => return Err(misfit()),
    }
    Ok(())
}

/// The same values as another kind.
pub(super) fn cast(input: View<'_>, output: &mut Values) -> Result<()> {
    match (input.values, output) {
        (Values::F32(values), Values::I64(output)) if values.len() == output.len() => {
            output.iter_mut().zip(values).for_each(|(output, &value)| *output = value as i64);
        }
        (Values::I64(values), Values::F32(output)) if values.len() == output.len() => {
            output.iter_mut().zip(values).for_each(|(output, &value)| *output = value as f32);
        }
        _ => return Err(misfit()),
    }
    Ok(())
}

/// For each value, the place of the entry that equals it, or -1.
pub(super) fn find(input: View<'_>, entries: View<'_>, output: &mut Values) -> Result<()> {
    let Values::I64(output) = output else { return Err(misfit()) };
    macro_rules! places {
        ($values:expr, $entries:expr, $same:expr) => {{
            if $values.len() != output.len() {
                return Err(misfit());
            }
            for (output, value) in output.iter_mut().zip($values) {
                let place = $entries.iter().position(|entry| $same(entry, value));
                *output = place.map_or(-1, |place| place as i64);
            }
        }};
    }
    match (input.values, entries.values) {
        (Values::Text(values), Values::Text(entries)) => places!(values, entries, |a: &String, b: &String| a == b),
        (Values::I64(values), Values::I64(entries)) => places!(values, entries, |a: &i64, b: &i64| a == b),
        (Values::F32(values), Values::F32(entries)) => {
            places!(values, entries, |a: &f32, b: &f32| a == b || (a.is_nan() && b.is_nan()))
        }
        _ => return Err(misfit()),
    }
    Ok(())
}
