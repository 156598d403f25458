//! What is known of every tensor of a graph once it has run on inputs of several sizes: its type, its sizes as products of
//! those that a call chooses, and its value where that hangs on nothing but the file.

use super::refuse;
use crate::error::Result;
use crate::onnx::convert::{from_tract, to_tract};
use crate::onnx::interpret::Interpreter;
use crate::onnx::read::OnnxModel;
use crate::plan::Size;
use crate::tensor::{Data, Dimension, ElementType, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};
use tract_onnx::prelude::DatumType;

/// What is known of one tensor.
pub(super) struct Known {
    pub(super) element: ElementType,
    pub(super) shape: Vec<Size>,
    /// The value, where it is the same whatever is sent.
    pub(super) constant: Option<Tensor>,
    /// Whether the values hang on the sizes that are sent, and on nothing else.
    pub(super) of_sizes: bool,
    /// The one value that all elements have, whatever the sizes.
    pub(super) uniform: Option<Tensor>,
}

/// Sizes to begin with, and what they become to see what depends on them: each chosen size doubles once, and then both
/// change to numbers that nothing else has.
const BASE: [usize; Size::SYMBOLS] = [2, 3];
const LAST: [usize; Size::SYMBOLS] = [5, 7];

/// The names of the sizes that a call chooses, in the order of the inputs.
fn symbols(model: &OnnxModel) -> Result<Vec<&str>> {
    let mut names: Vec<&str> = Vec::new();
    for size in model.signature.inputs.iter().flat_map(|port| &port.shape) {
        if let Dimension::Symbol(name) = size
            && !names.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    if names.len() > Size::SYMBOLS {
        return Err(refuse(format!("more than {} sizes may be chosen: {}", Size::SYMBOLS, names.join(", "))));
    }
    Ok(names)
}

/// Inputs of those sizes, with values that no operator minds: small, and different from each other.
pub(super) fn inputs(model: &OnnxModel, sizes: [usize; Size::SYMBOLS]) -> Result<Vec<Tensor>> {
    let names = symbols(model)?;
    let category = category(model);
    let ports = model.signature.inputs.iter().map(|port| {
        let size = |size: &Dimension| match size {
            Dimension::Fixed(size) => *size,
            Dimension::Symbol(name) => names.iter().position(|known| known == name).map_or(1, |place| sizes[place]),
        };
        let shape: Vec<usize> = port.shape.iter().map(size).collect();
        let count = shape.iter().product::<usize>();
        if count > 1 << 24 {
            return Err(refuse("an input is too large to be tried"));
        }
        let places = 0..count;
        let data = match port.element_type {
            ElementType::F32 => Data::F32(places.map(|place| (place * 37 % 101) as f32 / 50.0 - 1.0).collect()),
            ElementType::I64 => Data::I64(places.map(|place| (place % 2) as i64).collect()),
            ElementType::I32 => Data::I32(places.map(|place| (place % 2) as i32).collect()),
            ElementType::Bool => Data::Bool(places.map(|place| place % 2 == 0).collect()),
            ElementType::Text => Data::Text(places.map(|_| category.clone()).collect()),
            other => return Err(refuse(format!("input {}: plans do not compute with {}", port.name, other.name()))),
        };
        Tensor::new(shape, data)
    });
    ports.collect()
}

/// A text that the encoders of a model know, where it has such.
fn category(model: &OnnxModel) -> String {
    let lists = ["cats_strings", "keys_strings"];
    let mut nodes = model.graph.node.iter();
    let known = nodes.find_map(|node| {
        let attributes = crate::onnx::operators::Attributes::new(node, model.opset);
        lists.iter().find_map(|list| attributes.strings(list).into_iter().next())
    });
    known.unwrap_or_default()
}

/// What is known of every tensor.
pub(super) fn probe(model: &OnnxModel) -> Result<HashMap<String, Known>> {
    let interpreter = Interpreter::new(model.graph.clone(), model.opset)?;
    let run = |sizes| -> Result<BTreeMap<String, Tensor>> {
        let names = model.signature.inputs.iter().map(|port| port.name.as_str());
        let mut named = Vec::new();
        for (name, tensor) in names.zip(inputs(model, sizes)?) {
            let datum = crate::onnx::convert::datum_type(tensor.element_type());
            named.push((name, to_tract(tensor, datum)?));
        }
        let traced = interpreter.trace(named)?;
        // Types that the kit has no tensors for are those of tensors that no plan will hold.
        let known = traced.into_iter().filter(|(_, tensor)| tensor.datum_type() != DatumType::F16);
        known.map(|(name, tensor)| Ok((name, from_tract(&tensor)?))).collect()
    };
    let base = run(BASE)?;
    let mut doubled = Vec::new();
    for symbol in 0..symbols(model)?.len() {
        let mut sizes = BASE;
        sizes[symbol] *= 2;
        doubled.push(run(sizes)?);
    }
    let last = run(LAST)?;
    let (fixed, of_sizes) = constants(model, &base, &last);
    let mut known = HashMap::new();
    for (name, tensor) in base {
        let Some(others) = doubled.iter().map(|run| run.get(&name)).collect::<Option<Vec<_>>>() else { continue };
        let Some(at_last) = last.get(&name) else { continue };
        let Some(shape) = shape(tensor.shape(), &others, at_last.shape()) else {
            // A shape that hangs on values, or is a sum of chosen sizes: whoever needs this tensor says so.
            continue;
        };
        let constant = fixed.contains(&name).then(|| tensor.clone());
        let of_sizes = of_sizes.contains(&name);
        let uniform =
            if of_sizes { uniform(&tensor).filter(|value| uniform(at_last).as_ref() == Some(value)) } else { None };
        known.insert(name, Known { element: tensor.element_type(), shape, constant, of_sizes, uniform });
    }
    Ok(known)
}

/// The sizes of a tensor as products, seen from how they changed; nothing where they are none.
fn shape(base: &[usize], doubled: &[&Tensor], last: &[usize]) -> Option<Vec<Size>> {
    if doubled.iter().any(|run| run.shape().len() != base.len()) || last.len() != base.len() {
        return None;
    }
    let size = |axis: usize| {
        let mut size = Size::fixed(base[axis]);
        for (symbol, run) in doubled.iter().enumerate() {
            let ratio = run.shape()[axis].checked_div(base[axis])?;
            if ratio * base[axis] != run.shape()[axis] || !ratio.is_power_of_two() {
                return None;
            }
            size.powers[symbol] = ratio.trailing_zeros() as u8;
            let part = BASE[symbol].checked_pow(size.powers[symbol].into())?;
            size.factor = size.factor.is_multiple_of(part).then(|| size.factor / part)?;
        }
        (size.of(&LAST) == Some(last[axis])).then_some(size)
    };
    (0..base.len()).map(size).collect()
}

/// The one value of a tensor of numbers.
fn uniform(tensor: &Tensor) -> Option<Tensor> {
    let data = match tensor.data() {
        Data::F32(values) if values.iter().all(|value| Some(value) == values.first()) => {
            Data::F32(vec![*values.first()?])
        }
        Data::I64(values) if values.iter().all(|value| Some(value) == values.first()) => {
            Data::I64(vec![*values.first()?])
        }
        _ => return None,
    };
    Tensor::new(vec![], data).ok()
}

/// The names of the tensors whose values hang on the file alone: constants, what is computed of them, and what is computed
/// of shapes without coming out otherwise for other sizes. And those whose values hang on sizes.
fn constants(
    model: &OnnxModel,
    base: &BTreeMap<String, Tensor>,
    last: &BTreeMap<String, Tensor>,
) -> (HashSet<String>, HashSet<String>) {
    let inputs: HashSet<&str> = model.signature.inputs.iter().map(|port| port.name.as_str()).collect();
    let mut of_file: HashSet<String> = model.graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
    // What hangs on shapes, and not on values.
    let mut of_shapes: HashSet<String> = HashSet::new();
    for node in &model.graph.node {
        let names = || node.input.iter().filter(|name| !name.is_empty());
        let has_graphs = crate::onnx::check::subgraphs(node).next().is_some();
        let asks_shape = matches!(node.op_type.as_str(), "Shape" | "Size");
        let from_file = names().all(|name| of_file.contains(name)) && !has_graphs;
        let from_shapes = names().all(|name| of_file.contains(name) || of_shapes.contains(name)) && !has_graphs;
        for output in node.output.iter().filter(|name| !name.is_empty() && !inputs.contains(name.as_str())) {
            let same = || match (base.get(output), last.get(output)) {
                (Some(one), Some(other)) => one == other,
                _ => false,
            };
            if from_file || ((from_shapes || asks_shape) && same()) {
                of_file.insert(output.clone());
            } else if from_shapes || asks_shape {
                of_shapes.insert(output.clone());
            }
        }
    }
    (of_file, of_shapes)
}
