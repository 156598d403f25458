//! Branches and loops: the nodes that run graphs.

use super::sequence::{axis, condition, gather, input, integers};
use super::{Run, Scope, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::operators::Attributes;
use crate::onnx::runner::failed;
use std::collections::HashMap;
use std::sync::Arc;
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::{Tensor, tensor0};

impl Run<'_> {
    /// Runs the node when it is one of these operators.
    pub(super) fn control(
        &mut self,
        node: &NodeProto,
        inputs: &[Option<Value>],
        scope: &Scope<'_>,
    ) -> Result<Option<Vec<Value>>> {
        match node.op_type.as_str() {
            "If" => {
                let name = if condition(input(inputs, 0)?)? { "then_branch" } else { "else_branch" };
                self.graph(body(node, name)?, HashMap::new(), Some(scope)).map(Some)
            }
            "Loop" => self.repeat(node, inputs, scope).map(Some),
            "Scan" => self.scan(node, inputs, scope).map(Some),
            "SequenceMap" => self.map(node, inputs, scope).map(Some),
            _ => Ok(None),
        }
    }

    /// Loop: carried values, and scan outputs stacked turn by turn.
    fn repeat(&mut self, node: &NodeProto, inputs: &[Option<Value>], scope: &Scope<'_>) -> Result<Vec<Value>> {
        let body = body(node, "body")?;
        let most = match inputs.first().and_then(Option::as_ref) {
            Some(value) => integers(value)?.first().copied().unwrap_or_default(),
            None => i64::MAX,
        };
        let mut go_on = match inputs.get(1).and_then(Option::as_ref) {
            Some(value) => condition(value)?,
            None => true,
        };
        let mut carried: Vec<Value> = inputs.iter().skip(2).flatten().cloned().collect();
        let outputs = body.output.len().checked_sub(1 + carried.len());
        let outputs = outputs.ok_or_else(|| wrong("the loop's body has fewer outputs than it carries values"))?;
        let mut gathered: Vec<Vec<Arc<Tensor>>> = vec![vec![]; outputs];
        let mut turn = 0;
        while go_on && turn < most {
            self.step()?;
            let mut given = vec![Value::Tensor(Arc::new(tensor0(turn))), Value::Tensor(Arc::new(tensor0(go_on)))];
            given.extend(carried);
            let mut results = self.graph(body, named(body, given)?, Some(scope))?.into_iter();
            go_on = condition(&results.next().ok_or_else(|| wrong("the loop's body gives no condition"))?)?;
            let rest = body.output.len() - 1 - outputs;
            carried = results.by_ref().take(rest).collect();
            for (gathered, value) in gathered.iter_mut().zip(results) {
                gathered.push(value.tensor()?.clone());
            }
            turn += 1;
        }
        for tensors in gathered {
            carried.push(stacked(&tensors, 0)?);
        }
        Ok(carried)
    }

    /// Scan (version 9 on): carried states, inputs taken slice by slice, outputs stacked.
    fn scan(&mut self, node: &NodeProto, inputs: &[Option<Value>], scope: &Scope<'_>) -> Result<Vec<Value>> {
        let attributes = Attributes::new(node, self.opset);
        let body = body(node, "body")?;
        if self.opset < 9 {
            return Err(attributes.refuse("body", "scans of operator set 8 are not supported"));
        }
        let scanned = attributes.int("num_scan_inputs").and_then(|count| usize::try_from(count).ok());
        let states = scanned.and_then(|scanned| inputs.len().checked_sub(scanned));
        let states = states.ok_or_else(|| attributes.refuse("num_scan_inputs", "there are not so many inputs"))?;
        let (axes, directions) = (attributes.ints("scan_input_axes"), attributes.ints("scan_input_directions"));
        let mut carried: Vec<Value> = inputs[..states].iter().flatten().cloned().collect();
        let mut slices = Vec::new();
        let mut turns = None;
        for (index, value) in inputs[states..].iter().flatten().enumerate() {
            let tensor = value.tensor()?.clone();
            let along = axis(axes.get(index).copied().unwrap_or_default(), tensor.rank())?;
            let size = tensor.shape()[along];
            if *turns.get_or_insert(size) != size {
                return Err(wrong("the scanned inputs differ in length"));
            }
            slices.push((tensor, along, directions.get(index) == Some(&1)));
        }
        let turns = turns.unwrap_or_default();
        let outputs = body.output.len().checked_sub(states);
        let outputs = outputs.ok_or_else(|| wrong("the scan's body has fewer outputs than states"))?;
        let mut gathered: Vec<Vec<Arc<Tensor>>> = vec![vec![]; outputs];
        for turn in 0..turns {
            let mut given = carried;
            for (tensor, along, backwards) in &slices {
                let at = if *backwards { turns - 1 - turn } else { turn };
                let mut slice = tensor.slice(*along, at, at + 1).map_err(|error| failed(&error))?;
                slice.remove_axis(*along).map_err(|error| failed(&error))?;
                given.push(Value::Tensor(Arc::new(slice)));
            }
            let mut results = self.graph(body, named(body, given)?, Some(scope))?.into_iter();
            carried = results.by_ref().take(states).collect();
            for (gathered, value) in gathered.iter_mut().zip(results) {
                gathered.push(value.tensor()?.clone());
            }
        }
        let (axes, directions) = (attributes.ints("scan_output_axes"), attributes.ints("scan_output_directions"));
        for (index, mut tensors) in gathered.into_iter().enumerate() {
            if directions.get(index) == Some(&1) {
                tensors.reverse();
            }
            carried.push(stacked(&tensors, axes.get(index).copied().unwrap_or_default())?);
        }
        Ok(carried)
    }

    /// SequenceMap: the body on each element; inputs that are no sequences come as they are.
    fn map(&mut self, node: &NodeProto, inputs: &[Option<Value>], scope: &Scope<'_>) -> Result<Vec<Value>> {
        let body = body(node, "body")?;
        let count = input(inputs, 0)?.sequence()?.len();
        let mut outputs: Vec<Vec<Arc<Tensor>>> = vec![vec![]; body.output.len()];
        for turn in 0..count {
            let mut given = Vec::new();
            for value in inputs.iter().flatten() {
                given.push(match value {
                    Value::Sequence(tensors) => {
                        let tensor = tensors.get(turn).ok_or_else(|| wrong("the sequences differ in length"))?;
                        Value::Tensor(tensor.clone())
                    }
                    value => value.clone(),
                });
            }
            let results = self.graph(body, named(body, given)?, Some(scope))?;
            for (output, value) in outputs.iter_mut().zip(results) {
                output.push(value.tensor()?.clone());
            }
        }
        Ok(outputs.into_iter().map(Value::Sequence).collect())
    }
}

fn stacked(tensors: &[Arc<Tensor>], along: i64) -> Result<Value> {
    if tensors.is_empty() {
        let error = Error::new(ErrorKind::EngineFailed, "a loop that takes no turn gives an output of unknown shape");
        return Err(error.help("feed inputs for which it runs at least once"));
    }
    Ok(Value::Tensor(Arc::new(gather(tensors, along)?)))
}

fn body<'a>(node: &'a NodeProto, name: &str) -> Result<&'a GraphProto> {
    let attribute = node.attribute.iter().find(|attribute| attribute.name == name);
    attribute.and_then(|attribute| attribute.g.as_ref()).ok_or_else(|| wrong(&format!("attribute {name} has no graph")))
}

fn named(body: &GraphProto, given: Vec<Value>) -> Result<HashMap<&str, Value>> {
    if given.len() != body.input.len() {
        return Err(wrong(&format!("the body takes {} inputs and gets {}", body.input.len(), given.len())));
    }
    Ok(body.input.iter().map(|input| input.name.as_str()).zip(given).collect())
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::InvalidModel, message).help("the file is broken; export it again")
}
