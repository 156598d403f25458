//! What a graph must hold before anything is computed: its nodes can be put in order, its tensors are whole, and every
//! operator is known. A hostile file ends here, with the name of the node.

use super::tensor_proto;
use super::{operators, read};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet};
use tract_onnx::Onnx;
#[cfg(not(target_arch = "wasm32"))]
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

/// How many nodes a file may have.
const MAX_NODES: usize = 1_000_000;
/// How deep graphs may lie in each other.
const MAX_DEPTH: usize = 16;

/// Checks a graph, and puts its nodes in order.
pub fn check(graph: &mut GraphProto) -> Result<()> {
    count(graph, 0, &mut 0)?;
    order(graph, &HashSet::new())?;
    tensors(graph)?;
    windows(graph)?;
    constants(graph, &HashMap::new())?;
    let mut unknown: Vec<String> = Vec::new();
    let framework = read::framework();
    visit(graph, &mut |node| {
        if !supported(&framework, node) {
            let name = full_name(node);
            if !unknown.contains(&name) {
                unknown.push(name);
            }
        }
    });
    if unknown.is_empty() {
        return Ok(());
    }
    let message = format!("the model uses operators that are not supported: {}", unknown.join(", "));
    let help = "export it with operators of the standard set, or report the model";
    Err(Error::new(ErrorKind::UnsupportedOperator, message).help(help))
}

fn full_name(node: &NodeProto) -> String {
    match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}

/// Operators that the interpreter runs itself.
const INTERPRETED: [&str; 16] = [
    "If",
    "Loop",
    "Scan",
    "SequenceMap",
    "SequenceEmpty",
    "SequenceConstruct",
    "SequenceLength",
    "SequenceAt",
    "SequenceInsert",
    "SequenceErase",
    "SplitToSequence",
    "ConcatFromSequence",
    "Optional",
    "OptionalHasElement",
    "OptionalGetElement",
    "Identity",
];

/// Operators outside the standard domain that tract reads as their authors mean them.
const CONTRIBUTED: [&str; 11] = [
    "Gelu",
    "BiasGelu",
    "FastGelu",
    "QuickGelu",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "SimplifiedLayerNormalization",
    "MultiHeadAttention",
    "GroupQueryAttention",
    "MatMulNBits",
    "GatherBlockQuantized",
];

fn supported(framework: &Onnx, node: &NodeProto) -> bool {
    if operators::find(node).is_some() {
        return true;
    }
    let name = node.op_type.as_str();
    match node.domain.as_str() {
        "" | "ai.onnx" => INTERPRETED.contains(&name) || framework.op_register.0.contains_key(name),
        "com.microsoft" => CONTRIBUTED.contains(&name) && framework.op_register.0.contains_key(name),
        _ => false,
    }
}

/// An operator that models may use.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownOperator {
    /// The operator set, written out: `ai.onnx` is the standard one.
    pub domain: &'static str,
    /// Its name there.
    pub name: String,
    /// Whose code runs it: `tract`, `kit`, `interpreter`, or `tract, kit` where the kit stands in for some attributes,
    /// types or values.
    pub run_by: &'static str,
}

/// Every operator that models may use, in alphabetical order.
#[cfg(not(target_arch = "wasm32"))]
pub fn known_operators() -> Vec<KnownOperator> {
    let framework = read::framework();
    let of_tract = |name: &str| framework.op_register.0.contains_key(name);
    let mut known = Vec::new();
    for (domain, name, shared) in operators::names() {
        let run_by = if shared && of_tract(name) { "tract, kit" } else { "kit" };
        known.push(KnownOperator { domain, name: name.to_owned(), run_by });
    }
    // tract knows names without domains: those of other domains are not the standard's.
    let of_other = |name: &str| {
        let of_both = ["Gelu", "RotaryEmbedding"].contains(&name);
        (CONTRIBUTED.contains(&name) && !of_both)
            || operators::is_random(name)
            || operators::names().any(|(domain, known, _)| domain != "ai.onnx" && known == name)
    };
    let standard = framework.op_register.0.keys().filter(|name| !of_other(name));
    let tract = |domain, name: &str| KnownOperator { domain, name: name.to_owned(), run_by: "tract" };
    known.extend(standard.map(|name| tract("ai.onnx", name)));
    known.extend(CONTRIBUTED.iter().filter(|name| of_tract(name)).map(|name| tract("com.microsoft", name)));
    known.extend(INTERPRETED.iter().map(|name| KnownOperator {
        domain: "ai.onnx",
        name: (*name).to_owned(),
        run_by: "interpreter",
    }));
    // Of several entries of one operator the first stays: the kit's own before tract's, tract's before the interpreter.
    let mut seen = HashSet::new();
    known.retain(|operator| seen.insert((operator.domain, operator.name.clone())));
    known.sort();
    known
}

/// Calls for every node of a graph and of those inside it.
pub fn visit<'a>(graph: &'a GraphProto, each: &mut dyn FnMut(&'a NodeProto)) {
    for node in &graph.node {
        each(node);
        subgraphs(node).for_each(|graph| visit(graph, each));
    }
}

/// Calls for every constant of a graph, of its nodes and of the graphs inside them.
#[cfg(not(target_arch = "wasm32"))]
pub fn visit_constants_mut(graph: &mut GraphProto, each: &mut dyn FnMut(&mut TensorProto)) {
    graph.initializer.iter_mut().for_each(&mut *each);
    for node in &mut graph.node {
        for AttributeProto { t, tensors, .. } in &mut node.attribute {
            t.iter_mut().chain(tensors).for_each(&mut *each);
        }
        subgraphs_mut(node).for_each(|graph| visit_constants_mut(graph, each));
    }
}

/// The graphs inside a node.
pub fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The graphs inside a node, to be changed.
pub fn subgraphs_mut(node: &mut NodeProto) -> impl Iterator<Item = &mut GraphProto> {
    node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
}

fn count(graph: &GraphProto, depth: usize, nodes: &mut usize) -> Result<()> {
    *nodes += graph.node.len();
    let too_much = match (depth > MAX_DEPTH, *nodes > MAX_NODES) {
        (true, _) => format!("graphs lie more than {MAX_DEPTH} deep"),
        (_, true) => format!("it has more than {MAX_NODES} nodes"),
        _ => return graph.node.iter().flat_map(subgraphs).try_for_each(|graph| count(graph, depth + 1, nodes)),
    };
    Err(Error::new(ErrorKind::InvalidModel, too_much).help("the file is broken; export it again"))
}

/// Puts the nodes behind those whose outputs they use. Fails with `invalid-model` for a circle, for an input that no
/// node makes, and for two nodes that make the same output.
fn order(graph: &mut GraphProto, around: &HashSet<String>) -> Result<()> {
    let broken = |message: String, node: &NodeProto| {
        let error = Error::new(ErrorKind::InvalidModel, message).item(place(node));
        error.help("the file is broken; export it again")
    };
    let mut known = around.clone();
    known.extend(graph.input.iter().map(|input| input.name.clone()));
    known.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if makers.insert(name, index).is_some() || (known.contains(name) && !around.contains(name)) {
                return Err(broken(format!("output {name} is made twice"), node));
            }
        }
    }
    let mut waiting: Vec<usize> = vec![0; graph.node.len()];
    let mut followers: Vec<Vec<usize>> = vec![vec![]; graph.node.len()];
    for (index, node) in graph.node.iter().enumerate() {
        let mut needed: Vec<&str> = Vec::new();
        uses(node, &mut |name| needed.push(name));
        needed.sort_unstable();
        needed.dedup();
        for name in needed {
            if let Some(&maker) = makers.get(name) {
                waiting[index] += 1;
                followers[maker].push(index);
            } else if !name.is_empty() && !known.contains(name) {
                return Err(broken(format!("input {name} is made by no node"), node));
            }
        }
    }
    let mut ready: std::collections::BinaryHeap<std::cmp::Reverse<usize>> = waiting
        .iter()
        .enumerate()
        .filter(|(_, count)| **count == 0)
        .map(|(index, _)| std::cmp::Reverse(index))
        .collect();
    let mut places = Vec::with_capacity(graph.node.len());
    while let Some(std::cmp::Reverse(index)) = ready.pop() {
        places.push(index);
        for &follower in &followers[index] {
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.push(std::cmp::Reverse(follower));
            }
        }
    }
    if places.len() < graph.node.len() {
        let stuck = waiting.iter().position(|&count| count > 0).unwrap_or_default();
        return Err(broken("the node depends on its own output".to_owned(), &graph.node[stuck]));
    }
    for output in &graph.output {
        if !makers.contains_key(output.name.as_str()) && !known.contains(&output.name) {
            let error = Error::new(ErrorKind::InvalidModel, "no node makes this output").item(&output.name);
            return Err(error.help("the file is broken; export it again"));
        }
    }
    known.extend(makers.keys().map(|name| (*name).to_owned()));
    let mut nodes: Vec<Option<NodeProto>> = std::mem::take(&mut graph.node).into_iter().map(Some).collect();
    graph.node = places.into_iter().filter_map(|index| nodes[index].take()).collect();
    for node in &mut graph.node {
        subgraphs_mut(node).try_for_each(|graph| order(graph, &known))?;
    }
    Ok(())
}

/// Every name that a node takes from outside: its inputs, and what the graphs inside it use of the graphs around.
fn uses<'a>(node: &'a NodeProto, each: &mut dyn FnMut(&'a str)) {
    node.input.iter().for_each(|name| each(name));
    for graph in subgraphs(node) {
        let mut own: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
        own.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
        own.extend(graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str)));
        for node in &graph.node {
            uses(node, &mut |name| {
                if !own.contains(name) {
                    each(name);
                }
            });
        }
        graph.output.iter().map(|output| output.name.as_str()).filter(|name| !own.contains(name)).for_each(&mut *each);
    }
}

/// Every constant is whole, and written so that tract reads it right.
fn tensors(graph: &mut GraphProto) -> Result<()> {
    if let Some(sparse) = graph.sparse_initializer.first() {
        let name = sparse.values.as_ref().map(|values| values.name.clone()).unwrap_or_default();
        let error = Error::new(ErrorKind::UnsupportedOperator, "sparse constants are not supported").item(name);
        return Err(error.help("export the model with dense weights"));
    }
    graph.initializer.iter_mut().try_for_each(tensor_proto::settle)?;
    for node in &mut graph.node {
        let at = place(node);
        for attribute in &mut node.attribute {
            let AttributeProto { t, tensors, .. } = attribute;
            let mut all = t.iter_mut().chain(tensors);
            all.try_for_each(tensor_proto::settle).map_err(|error| error.item(&at))?;
        }
        subgraphs_mut(node).try_for_each(self::tensors)?;
    }
    Ok(())
}

/// The most that a pad, a stride, a dilation or a side of a kernel may be.
const MAX_WINDOW: i64 = 1 << 16;

/// No window is so large that counting its places would not end.
fn windows(graph: &GraphProto) -> Result<()> {
    let mut found = Ok(());
    visit(graph, &mut |node| {
        let named = |name: &str| matches!(name, "pads" | "strides" | "dilations" | "kernel_shape" | "output_padding");
        for attribute in node.attribute.iter().filter(|attribute| named(&attribute.name)) {
            if found.is_ok() && attribute.ints.iter().any(|size| size.unsigned_abs() > MAX_WINDOW as u64) {
                let (name, ints) = (&attribute.name, &attribute.ints);
                let message = format!("attribute {name}: {ints:?} is larger than {MAX_WINDOW}");
                let error = Error::new(ErrorKind::InvalidModel, message).item(place(node));
                found = Err(error.help("the file is broken; export it again"));
            }
        }
    });
    found
}

/// What is made of constants alone, when the file is read, fits into memory.
fn constants(graph: &GraphProto, around: &HashMap<&str, Vec<usize>>) -> Result<()> {
    let mut shapes = around.clone();
    let sizes = |dims: &[i64]| dims.iter().map(|&size| size as usize).collect::<Vec<usize>>();
    shapes.extend(graph.initializer.iter().map(|tensor| (tensor.name.as_str(), sizes(&tensor.dims))));
    for node in &graph.node {
        let known: Vec<Option<&[usize]>> =
            node.input.iter().map(|name| shapes.get(name.as_str()).map(Vec::as_slice)).collect();
        let shape = match node.op_type.as_str() {
            "Constant" => node.attribute.iter().find_map(|attribute| attribute.t.as_ref()).map(|t| sizes(&t.dims)),
            _ => operators::predicted(node, &known)?,
        };
        if let (Some(shape), Some(output)) = (shape, node.output.first()) {
            shapes.insert(output, shape);
        }
        subgraphs(node).try_for_each(|graph| constants(graph, &shapes))?;
    }
    Ok(())
}

fn place(node: &NodeProto) -> String {
    operators::Attributes::new(node, 0).place()
}
