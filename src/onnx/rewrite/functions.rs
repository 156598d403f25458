//! Functions that a file defines itself: their nodes take the place of each call.

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::check::subgraphs_mut;
use std::collections::HashMap;
use tract_onnx::pb::{FunctionProto, GraphProto, NodeProto};

/// How deep functions may call each other.
const MAX_DEPTH: usize = 16;

/// Replaces every call of a function of the file by the function's nodes.
pub fn inline(graph: &mut GraphProto, functions: &[FunctionProto]) -> Result<()> {
    let mut calls = 0;
    for _ in 0..MAX_DEPTH {
        if functions.is_empty() || !expand(graph, functions, &mut calls)? {
            return Ok(());
        }
    }
    let error = Error::new(ErrorKind::InvalidModel, "functions of the file call themselves, or each other without end");
    Err(error.help("the file is broken; export it again"))
}

fn expand(graph: &mut GraphProto, functions: &[FunctionProto], calls: &mut usize) -> Result<bool> {
    let mut found = false;
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        for graph in subgraphs_mut(&mut node) {
            found |= expand(graph, functions, calls)?;
        }
        let called = functions.iter().find(|function| {
            function.name.as_deref() == Some(&node.op_type)
                && function.domain.as_deref().unwrap_or_default() == node.domain
        });
        match called {
            Some(function) => {
                found = true;
                *calls += 1;
                nodes.extend(body(function, &node, *calls)?);
            }
            None => nodes.push(node),
        }
    }
    graph.node = nodes;
    Ok(found)
}

fn body(function: &FunctionProto, call: &NodeProto, number: usize) -> Result<Vec<NodeProto>> {
    let mut names: HashMap<&str, String> = HashMap::new();
    for (formal, actual) in [(&function.input, &call.input), (&function.output, &call.output)] {
        for (place, formal) in formal.iter().enumerate() {
            names.insert(formal, actual.get(place).cloned().unwrap_or_default());
        }
    }
    let prefix = format!("{}:{number}:", call.op_type);
    let mut nodes = Vec::with_capacity(function.node.len());
    for node in &function.node {
        let mut node = node.clone();
        if crate::onnx::check::subgraphs(&node).next().is_some() {
            let message = format!("function {} of the file holds branches or loops", call.op_type);
            return Err(Error::new(ErrorKind::UnsupportedOperator, message)
                .item(&call.name)
                .help("export the model without functions"));
        }
        for name in node.input.iter_mut().chain(&mut node.output) {
            if let Some(outer) = names.get(name.as_str()) {
                name.clone_from(outer);
            } else if !name.is_empty() {
                *name = format!("{prefix}{name}");
            }
        }
        node.name = format!("{prefix}{}", node.name);
        // An attribute may be handed through from the call.
        node.attribute = std::mem::take(&mut node.attribute)
            .into_iter()
            .filter_map(|attribute| match attribute.ref_attr_name.as_str() {
                "" => Some(attribute),
                outer => {
                    let mut given = call.attribute.iter().find(|given| given.name == outer)?.clone();
                    given.name = attribute.name;
                    Some(given)
                }
            })
            .collect();
        nodes.push(node);
    }
    Ok(nodes)
}
