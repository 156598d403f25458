//! Functions value by value, of one tensor, two, or three.

use super::super::format::{Activation, Binary, Unary, Values};
use super::{Rows, View, at, floats, misfit, spread_strides};
use crate::error::Result;
use nearside_kernels::{self as kernels, apply};

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

/// Fills the output with a function of two values.
pub(super) fn binary(
    function: Binary,
    left: View<'_>,
    right: View<'_>,
    output: &mut Values,
    shape: &[usize],
) -> Result<()> {
    if let (Values::F32(a), Values::F32(b), Values::F32(output)) = (left.values, right.values, &mut *output)
        && left.shape == shape
        && right.shape == shape
        && [a.len(), b.len()] == [output.len(); 2]
    {
        kernels::binary(function, a, b, output);
        return Ok(());
    }
    let pairs = Pairs::new(left.shape, right.shape, shape)?;
    match (left.values, right.values, output) {
        (Values::F32(_), Values::F32(_), output) => {
            floats_by_row(function, left, right, floats(output)?, shape, &pairs)
        }
        (Values::I64(_), Values::I64(_), Values::I64(output)) => {
            let (a, b) = (left.i64()?, right.i64()?);
            for (output, [left, right]) in output.iter_mut().zip(pairs.places(shape)) {
                *output = whole(function, a[left], b[right])?;
            }
            Ok(())
        }
        (Values::I64(_), Values::I64(_), Values::F32(output)) => {
            let (a, b) = (left.i64()?, right.i64()?);
            for (output, [left, right]) in output.iter_mut().zip(pairs.places(shape)) {
                let (a, b) = (a[left], b[right]);
                let is = match function {
                    Binary::Equal => a == b,
                    Binary::Less => a < b,
                    Binary::LessOrEqual => a <= b,
                    _ => return Err(misfit()),
                };
                *output = f32::from(u8::from(is));
            }
            Ok(())
        }
        (Values::Text(a), Values::Text(b), Values::F32(output)) if function == Binary::Equal => {
            if [a.len(), b.len()] != [left.length(), right.length()] {
                return Err(misfit());
            }
            for (output, [left, right]) in output.iter_mut().zip(pairs.places(shape)) {
                *output = f32::from(u8::from(a[left] == b[right]));
            }
            Ok(())
        }
        _ => Err(misfit()),
    }
}

fn whole(function: Binary, a: i64, b: i64) -> Result<i64> {
    Ok(match function {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        Binary::Div => a.checked_div(b).unwrap_or_default(),
        Binary::Mod => a.checked_rem_euclid(b).unwrap_or_default(),
        _ => return Err(misfit()),
    })
}

/// Where two tensors stand that are spread to one shape.
struct Pairs {
    strides: [Vec<usize>; 2],
}

impl Pairs {
    fn new(left: &[usize], right: &[usize], shape: &[usize]) -> Result<Self> {
        Ok(Self { strides: [spread_strides(left, shape)?, spread_strides(right, shape)?] })
    }

    /// The places of each pair.
    fn places<'a>(&'a self, shape: &'a [usize]) -> Rows<'a, 2> {
        Rows::new(shape, self.strides.each_ref().map(Vec::as_slice))
    }
}

/// Values that are laid out before they go through a function together.
const BLOCK: usize = 256;

/// Whether a tensor goes along the last axes or stays, and from which axis on it does: they are one long row.
fn tail(strides: &[usize], shape: &[usize]) -> (bool, usize) {
    let mut goes = None;
    let (mut axis, mut width) = (shape.len(), 1);
    while let Some(next) = axis.checked_sub(1) {
        if shape[next] != 1 {
            let wanted = if *goes.get_or_insert(strides[next] != 0) { width } else { 0 };
            if strides[next] != wanted {
                break;
            }
        }
        width *= shape[next];
        axis = next;
    }
    (goes.unwrap_or_default(), axis)
}

/// Row by row of the output: what goes along is a slice as it is, what stays is repeated in a block of its own.
fn floats_by_row(
    function: Binary,
    left: View<'_>,
    right: View<'_>,
    output: &mut [f32],
    shape: &[usize],
    Pairs { strides }: &Pairs,
) -> Result<()> {
    let values = [left.f32()?, right.f32()?];
    let tails = strides.each_ref().map(|strides| tail(strides, shape));
    let axis = tails[0].1.max(tails[1].1);
    let width = shape[axis..].iter().product::<usize>().max(1);
    let mut blocks = [[0.0; BLOCK]; 2];
    let rows = Rows::new(&shape[..axis], strides.each_ref().map(|strides| &strides[..axis]));
    for (places, output) in rows.zip(output.chunks_mut(width)) {
        for (index, output) in output.chunks_mut(BLOCK).enumerate() {
            let [first, second] = &mut blocks;
            let mut part = [&mut first[..output.len()], &mut second[..output.len()]];
            for (side, part) in part.iter_mut().enumerate() {
                match tails[side].0 {
                    true => part.copy_from_slice(&values[side][places[side] + index * BLOCK..][..part.len()]),
                    false => part.fill(values[side][places[side]]),
                }
            }
            kernels::binary(function, part[0], part[1], output);
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
