//! LSTM and GRU, one direction.

use super::super::format::Values;
use super::{View, at, floats, misfit};
use crate::error::Result;
use nearside_kernels::{Panels, sigmoid, tanh};

/// Outputs: Y `[steps, batch, hidden]`, the last h `[batch, hidden]`, and of an LSTM the last c; as many as are wanted.
pub(super) fn run(
    cell: u8,
    backwards: bool,
    has: [bool; 3],
    inputs: &[View<'_>],
    outputs: &mut [Values],
    shapes: &[&[usize]],
) -> Result<()> {
    let gates = if cell == 0 { 4 } else { 3 };
    let (x, w, r) = (at(inputs, 0)?, at(inputs, 1)?, at(inputs, 2)?);
    let &[steps, batch, hidden] = shapes.first().copied().ok_or_else(misfit)? else { return Err(misfit()) };
    let width = *x.shape.last().ok_or_else(misfit)?;
    let fits = x.shape == [steps, batch, width]
        && w.length() == gates * hidden * width
        && r.length() == gates * hidden * hidden;
    if !fits {
        return Err(misfit());
    }
    let mut next = 3;
    let mut optional = |has: bool, length: usize| -> Result<Vec<f32>> {
        if !has {
            return Ok(vec![0.0; length]);
        }
        let values = at(inputs, next)?.f32()?;
        next += 1;
        if values.len() == length { Ok(values.to_vec()) } else { Err(misfit()) }
    };
    let bias = optional(has[0], 2 * gates * hidden)?;
    let mut h = optional(has[1], batch * hidden)?;
    let mut c = optional(has[2], batch * hidden)?;
    let (of_input, of_state) = bias.split_at(gates * hidden);
    // The inputs of all steps go through their matrix at once.
    let mut given = vec![0.0; steps * batch * gates * hidden];
    Panels::turned(w.f32()?, width, gates * hidden).multiply(x.f32()?, &mut given);
    for row in given.chunks_exact_mut((gates * hidden).max(1)) {
        row.iter_mut().zip(of_input).for_each(|(value, bias)| *value += bias);
    }
    let kept = Panels::turned(r.f32()?, hidden, gates * hidden);
    // A reset gate in front of the product needs the part of the hidden gate by itself.
    let fresh = match cell {
        2 => Some(Panels::turned(&r.f32()?[2 * hidden * hidden..], hidden, hidden)),
        _ => None,
    };
    let mut past = vec![0.0; batch * gates * hidden];
    let mut reset = vec![0.0; batch * hidden];
    let mut hidden_part = vec![0.0; batch * hidden];
    for turn in 0..steps {
        let step = if backwards { steps - 1 - turn } else { turn };
        let given = &given[step * batch * gates * hidden..][..batch * gates * hidden];
        kept.multiply(&h, &mut past);
        past.chunks_exact_mut((gates * hidden).max(1)).for_each(|row| {
            row.iter_mut().zip(of_state).for_each(|(value, bias)| *value += bias);
        });
        let gate = |past: &[f32], sample: usize, gate: usize, place: usize| {
            let at = (sample * gates + gate) * hidden + place;
            (given[at], past[at])
        };
        if cell == 0 {
            for sample in 0..batch {
                for place in 0..hidden {
                    // The order of the gates: input, output, forget, cell.
                    let [i, o, f, g] = [0, 1, 2, 3].map(|index| {
                        let (given, past) = gate(&past, sample, index, place);
                        given + past
                    });
                    let at = sample * hidden + place;
                    c[at] = sigmoid(f) * c[at] + sigmoid(i) * tanh(g);
                    h[at] = sigmoid(o) * tanh(c[at]);
                }
            }
        } else {
            if let Some(fresh) = &fresh {
                for at in 0..batch * hidden {
                    let (given, past) = gate(&past, at / hidden, 1, at % hidden);
                    reset[at] = sigmoid(given + past) * h[at];
                }
                fresh.multiply(&reset, &mut hidden_part);
            }
            for at in 0..batch * hidden {
                let (sample, place) = (at / hidden, at % hidden);
                let sum = |index: usize| {
                    let (given, past) = gate(&past, sample, index, place);
                    given + past
                };
                let (z, (new, old)) = (sigmoid(sum(0)), gate(&past, sample, 2, place));
                let new = match cell {
                    1 => new + sigmoid(sum(1)) * old,
                    _ => new + hidden_part[at] + of_state[2 * hidden + place],
                };
                h[at] = (1.0 - z) * tanh(new) + z * h[at];
            }
        }
        let target = floats(&mut outputs[0])?.get_mut(step * batch * hidden..).ok_or_else(misfit)?;
        target[..batch * hidden].copy_from_slice(&h);
    }
    for (state, output) in [&h, &c].into_iter().zip(outputs.iter_mut().skip(1)) {
        let target = floats(output)?;
        if target.len() != state.len() {
            return Err(misfit());
        }
        target.copy_from_slice(state);
    }
    Ok(())
}
