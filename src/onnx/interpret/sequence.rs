//! Sequences and optional values.

use super::Value;
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::operators::Attributes;
use crate::onnx::runner::failed;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{Datum, Tensor, tensor0};

/// Runs the node when it is one of these operators.
pub(super) fn run(node: &NodeProto, inputs: &[Option<Value>]) -> Result<Option<Vec<Value>>> {
    let attributes = Attributes::new(node, 0);
    let one = |value: Value| Ok(Some(vec![value]));
    let scalar = |number: i64| Value::Tensor(Arc::new(tensor0(number)));
    let sequence = || input(inputs, 0)?.sequence();
    match node.op_type.as_str() {
        "SequenceEmpty" => one(Value::Sequence(vec![])),
        "SequenceConstruct" => {
            let tensors = inputs.iter().flatten().map(|value| value.tensor().cloned());
            one(Value::Sequence(tensors.collect::<Result<_>>()?))
        }
        "SequenceLength" => one(scalar(sequence()?.len() as i64)),
        "SequenceAt" => {
            let tensors = sequence()?;
            let place = place(input(inputs, 1)?, tensors.len(), false)?;
            one(Value::Tensor(tensors[place].clone()))
        }
        "SequenceInsert" => {
            let mut tensors = sequence()?.to_vec();
            let place = match inputs.get(2).and_then(Option::as_ref) {
                Some(position) => place(position, tensors.len(), true)?,
                None => tensors.len(),
            };
            tensors.insert(place, input(inputs, 1)?.tensor()?.clone());
            one(Value::Sequence(tensors))
        }
        "SequenceErase" => {
            let mut tensors = sequence()?.to_vec();
            let place = match inputs.get(1).and_then(Option::as_ref) {
                Some(position) => place(position, tensors.len(), false)?,
                None => tensors.len().checked_sub(1).ok_or_else(|| outside(0, 0))?,
            };
            tensors.remove(place);
            one(Value::Sequence(tensors))
        }
        "SplitToSequence" => one(Value::Sequence(split(&attributes, inputs)?)),
        "ConcatFromSequence" => {
            let tensors = sequence()?;
            let axis = attributes.int("axis").unwrap_or_default();
            one(Value::Tensor(Arc::new(concat(tensors, axis, attributes.flag("new_axis", false))?)))
        }
        "Optional" => one(inputs.first().cloned().flatten().unwrap_or(Value::Nothing)),
        "OptionalHasElement" => {
            let there = matches!(inputs.first(), Some(Some(Value::Tensor(_) | Value::Sequence(_))));
            one(Value::Tensor(Arc::new(tensor0(there))))
        }
        "OptionalGetElement" => match input(inputs, 0)? {
            Value::Nothing => Err(Error::new(ErrorKind::EngineFailed, "the optional value is not there")),
            value => one(value.clone()),
        },
        "Identity" if !matches!(inputs.first(), Some(Some(Value::Tensor(_)))) => one(input(inputs, 0)?.clone()),
        _ => Ok(None),
    }
}

/// An input that must be there.
pub(super) fn input(inputs: &[Option<Value>], place: usize) -> Result<&Value> {
    inputs.get(place).and_then(Option::as_ref).ok_or_else(|| {
        let error = Error::new(ErrorKind::InvalidModel, format!("input {place} is missing"));
        error.help("the file is broken; export it again")
    })
}

/// The integers of a tensor.
pub(super) fn integers(value: &Value) -> Result<Vec<i64>> {
    let cast = value.tensor()?.cast_to::<i64>().map_err(|error| failed(&error))?;
    let view = cast.to_plain_array_view::<i64>().map_err(|error| failed(&error))?;
    Ok(view.iter().copied().collect())
}

fn place(value: &Value, len: usize, end: bool) -> Result<usize> {
    let position = integers(value)?.first().copied().unwrap_or_default();
    let absolute = if position < 0 { position + len as i64 } else { position };
    let most = if end { len } else { len.saturating_sub(1) };
    usize::try_from(absolute)
        .ok()
        .filter(|&place| place <= most && (end || len > 0))
        .ok_or_else(|| outside(position, len))
}

fn outside(position: i64, len: usize) -> Error {
    Error::new(ErrorKind::EngineFailed, format!("position {position} is outside a sequence of {len}"))
}

/// The place of an axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let absolute = if axis < 0 { axis + rank as i64 } else { axis };
    let place = usize::try_from(absolute).ok().filter(|&place| place < rank);
    place.ok_or_else(|| Error::new(ErrorKind::WrongShape, format!("axis {axis} of a tensor of rank {rank}")))
}

fn split(attributes: &Attributes<'_>, inputs: &[Option<Value>]) -> Result<Vec<Arc<Tensor>>> {
    let tensor = input(inputs, 0)?.tensor()?;
    let along = axis(attributes.int("axis").unwrap_or_default(), tensor.rank())?;
    let size = tensor.shape()[along];
    let (lengths, keep) = match inputs.get(1).and_then(Option::as_ref) {
        Some(value) => {
            let given = integers(value)?;
            let lengths = match (value.tensor()?.rank(), given.as_slice()) {
                (0, [step]) if *step > 0 => {
                    let step = *step as usize;
                    (0..size.div_ceil(step)).map(|part| step.min(size - part * step)).collect()
                }
                _ => given.iter().map(|&length| usize::try_from(length).unwrap_or(usize::MAX)).collect::<Vec<_>>(),
            };
            (lengths, true)
        }
        None => (vec![1; size], attributes.flag("keepdims", true)),
    };
    if lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length)) != Some(size) {
        return Err(Error::new(ErrorKind::WrongShape, format!("parts of {lengths:?} do not make up {size}")));
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(lengths.len());
    for length in lengths {
        // tract slices no empty part off a tensor that is empty itself.
        let mut part = match length == size {
            true => Tensor::clone(tensor),
            false => tensor.slice(along, start, start + length).map_err(|error| failed(&error))?,
        };
        if !keep {
            part.remove_axis(along).map_err(|error| failed(&error))?;
        }
        parts.push(Arc::new(part));
        start += length;
    }
    Ok(parts)
}

fn concat(tensors: &[Arc<Tensor>], along: i64, new_axis: bool) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        return Err(Error::new(ErrorKind::EngineFailed, "an empty sequence cannot be joined"));
    };
    let along = axis(along, first.rank() + usize::from(new_axis))?;
    if !new_axis {
        return Tensor::stack_tensors(along, tensors).map_err(|error| failed(&error));
    }
    let mut wide = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let mut tensor = Tensor::clone(tensor);
        tensor.insert_axis(along).map_err(|error| failed(&error))?;
        wide.push(tensor);
    }
    Tensor::stack_tensors(along, &wide).map_err(|error| failed(&error))
}

/// Joins tensors along a new first axis, as loops and scans gather what each turn gives.
pub(super) fn gather(tensors: &[Arc<Tensor>], along: i64) -> Result<Tensor> {
    concat(tensors, along, true)
}

/// A condition: a tensor of one boolean.
pub(super) fn condition(value: &Value) -> Result<bool> {
    let tensor = value.tensor()?;
    let cast = tensor.cast_to_dt(bool::datum_type()).map_err(|error| failed(&error))?;
    let view = cast.to_plain_array_view::<bool>().map_err(|error| failed(&error))?;
    view.iter().next().copied().ok_or_else(|| Error::new(ErrorKind::EngineFailed, "the condition is empty"))
}
