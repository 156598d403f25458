//! Operators that move values, or only change how they are looked at.

use super::draft::Draft;
use super::refuse;
use crate::error::Result;
use crate::onnx::operators::axis;
use crate::plan::{Activation, Kind, Op, Size, Unary};
use crate::tensor::ElementType;
use tract_onnx::pb::NodeProto;

/// Writes the steps of a node. Gives false for an operator that is not one of these.
pub(super) fn lower(draft: &mut Draft<'_>, node: &NodeProto) -> Result<bool> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") {
        return Ok(false);
    }
    match node.op_type.as_str() {
        "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Dropout" => {
            let input = draft.input(node, 0)?;
            draft.output(node, 0, input)?;
        }
        "Transpose" => transpose(draft, node)?,
        "Concat" => concat(draft, node)?,
        "Split" => split(draft, node)?,
        "Slice" => slice(draft, node)?,
        "Gather" => gather(draft, node)?,
        "Expand" => {
            let input = draft.input(node, 0)?;
            let (kind, shape) = (draft.place(input).kind, draft.shape(&node.output[0])?);
            let output = draft.step(Op::Spread, vec![input], kind, shape);
            draft.output(node, 0, output)?;
        }
        "Pad" => pad(draft, node)?,
        "Cast" => cast(draft, node)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn transpose(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let input = draft.input(node, 0)?;
    let (kind, rank) = (draft.place(input).kind, draft.place(input).shape.len());
    let given = draft.attributes(node).ints("perm");
    let order: Vec<usize> = match given.is_empty() {
        true => (0..rank).rev().collect(),
        false => given.iter().map(|&place| axis(place, rank)).collect::<Result<_>>()?,
    };
    let shape = draft.shape(&node.output[0])?;
    // Axes of size 1 may go anywhere: the values stay where they are.
    let moving: Vec<usize> =
        order.iter().copied().filter(|&axis| draft.place(input).shape[axis] != Size::fixed(1)).collect();
    if moving.is_sorted() {
        return draft.output(node, 0, input);
    }
    let output = draft.step(Op::Transpose { order }, vec![input], kind, shape);
    draft.output(node, 0, output)
}

fn concat(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let inputs: Vec<usize> = (0..node.input.len()).map(|at| draft.input(node, at)).collect::<Result<_>>()?;
    let shape = draft.shape(&node.output[0])?;
    let kind = draft.place(inputs[0]).kind;
    if inputs.iter().any(|&input| draft.place(input).kind != kind) {
        return Err(refuse("tensors of different types"));
    }
    let axis = axis(draft.attributes(node).int("axis").unwrap_or_default(), shape.len())?;
    let output = draft.step(Op::Concat { axis }, inputs, kind, shape);
    draft.output(node, 0, output)
}

fn split(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let input = draft.input(node, 0)?;
    let (kind, rank) = (draft.place(input).kind, draft.place(input).shape.len());
    let axis = axis(draft.attributes(node).int("axis").unwrap_or_default(), rank)?;
    let mut start = 0;
    for (at, name) in node.output.iter().enumerate() {
        let shape = draft.shape(name)?;
        if shape[axis].powers != [0; Size::SYMBOLS] {
            return Err(refuse("parts of a chosen size"));
        }
        let mut starts = vec![0; rank];
        starts[axis] = start;
        start += shape[axis].factor;
        let output = draft.step(Op::Slice { starts, steps: vec![1; rank] }, vec![input], kind, shape);
        draft.output(node, at, output)?;
    }
    Ok(())
}

fn slice(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let input = draft.input(node, 0)?;
    let (kind, own) = (draft.place(input).kind, draft.place(input).shape.clone());
    let shape = draft.shape(&node.output[0])?;
    let attributes = draft.attributes(node);
    let list = |at: usize, name: &str| match node.input.get(at).filter(|name| !name.is_empty()) {
        Some(name) => draft.integers(name).map(Some),
        None if attributes.has(name) => Ok(Some(attributes.ints(name))),
        None => Ok(None),
    };
    let starts = list(1, "starts")?.ok_or_else(|| refuse("no starts"))?;
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let by = list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    let (mut first, mut steps) = (vec![0; own.len()], vec![1; own.len()]);
    for ((&start, &place), &step) in starts.iter().zip(&axes).zip(&by) {
        let axis = axis(place, own.len())?;
        steps[axis] = step;
        let chosen = own[axis].powers != [0; Size::SYMBOLS];
        if chosen && (start < 0 || step < 0) {
            return Err(refuse("a slice counted from the end of a chosen size"));
        }
        let size = own[axis].factor as i64;
        let from = if start < 0 { start.saturating_add(size) } else { start };
        let most = if step < 0 { size - 1 } else { size };
        first[axis] = if chosen { from as usize } else { from.clamp(0, most.max(0)) as usize };
    }
    let output = draft.step(Op::Slice { starts: first, steps }, vec![input], kind, shape);
    draft.output(node, 0, output)
}

fn gather(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let (input, indices) = (draft.input(node, 0)?, draft.input(node, 1)?);
    let rank = draft.place(input).shape.len();
    let axis = axis(draft.attributes(node).int("axis").unwrap_or_default(), rank)?;
    let (kind, shape) = (draft.place(input).kind, draft.shape(&node.output[0])?);
    if draft.place(indices).kind != Kind::I64 {
        return Err(refuse("indices of another type"));
    }
    let output = draft.step(Op::Gather { axis }, vec![input, indices], kind, shape);
    draft.output(node, 0, output)
}

fn pad(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if attributes.string("mode").is_some_and(|mode| mode != "constant") {
        return Err(refuse("attribute mode"));
    }
    if node.input.get(3).is_some_and(|name| !name.is_empty()) {
        return Err(refuse("axes as an input"));
    }
    let input = draft.input(node, 0)?;
    if draft.place(input).kind != Kind::F32 {
        return Err(refuse("a pad of whole numbers"));
    }
    let pads = match node.input.get(1).filter(|name| !name.is_empty()) {
        Some(name) => draft.integers(name)?,
        None => attributes.ints("pads"),
    };
    let value = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => draft.floats(name)?.first().copied().unwrap_or_default(),
        None => attributes.float("value").unwrap_or_default(),
    };
    let rank = draft.place(input).shape.len();
    let before: Option<Vec<usize>> = pads.iter().take(rank).map(|&pad| usize::try_from(pad).ok()).collect();
    let before = before.filter(|_| pads.len() == 2 * rank && pads.iter().all(|&pad| pad >= 0));
    let before = before.ok_or_else(|| refuse("a negative pad"))?;
    let shape = draft.shape(&node.output[0])?;
    let output = draft.step(Op::Pad { before, value }, vec![input], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn cast(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let input = draft.input(node, 0)?;
    let (from, to) = (draft.element(&node.input[0])?, draft.element(&node.output[0])?);
    let shape = draft.place(input).shape.clone();
    let wide = |element| matches!(element, ElementType::I64 | ElementType::I32);
    let output = match (from, to) {
        (from, to) if from == to || (wide(from) && wide(to)) => input,
        (ElementType::Bool, ElementType::F32) => input,
        (from, ElementType::F32) if wide(from) => draft.step(Op::Cast, vec![input], Kind::F32, shape),
        (ElementType::F32 | ElementType::Bool, to) if wide(to) => draft.step(Op::Cast, vec![input], Kind::I64, shape),
        (ElementType::F32, ElementType::Bool) => {
            let not = Activation { function: Unary::Not, parameters: [0.0; 2] };
            let turned = draft.function(None, input, not);
            draft.function(None, turned, not)
        }
        (from, to) => return Err(refuse(format!("from {} to {}", from.name(), to.name()))),
    };
    draft.output(node, 0, output)
}
