//! Takes a checked ONNX graph and its inputs; gives its outputs, one node after the other, with everything known.
//! Next: `engine` comes here when no plan can be made for a graph as a whole: its shapes depend on values, its branches
//! differ in rank, it loops or holds sequences. It is slower than a plan, and never guesses: a node that fails is named.

mod control;
mod node;
mod sequence;

use super::operators::{self, Operator};
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::Tensor;

/// The most nodes that one run may visit, loops unrolled: a file that asks for more does not end in a page.
const MAX_STEPS: usize = 100_000;
/// How deep graphs may lie in each other.
const MAX_DEPTH: usize = 16;

/// What flows between nodes.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A tensor.
    Tensor(Arc<Tensor>),
    /// A sequence of tensors.
    Sequence(Vec<Arc<Tensor>>),
    /// An optional value that is not there.
    Nothing,
}

impl Value {
    fn tensor(&self) -> Result<&Arc<Tensor>> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            _ => Err(Error::new(ErrorKind::EngineFailed, "a tensor was expected, not a sequence")),
        }
    }

    fn sequence(&self) -> Result<&[Arc<Tensor>]> {
        match self {
            Self::Sequence(tensors) => Ok(tensors),
            _ => Err(Error::new(ErrorKind::EngineFailed, "a sequence was expected, not a tensor")),
        }
    }
}

/// A graph that is run node by node.
pub(super) struct Interpreter {
    graph: Arc<GraphProto>,
    opset: i64,
    /// The constants of the graph, by name.
    constants: HashMap<String, Value>,
    operators: HashMap<usize, Box<dyn Operator>>,
}

/// One run: how many steps are left, and the names of the graphs around.
struct Run<'a> {
    opset: i64,
    steps: usize,
    own: &'a HashMap<usize, Box<dyn Operator>>,
}

/// The values of one graph, and those of the graphs around it.
struct Scope<'a> {
    values: HashMap<&'a str, Value>,
    around: Option<&'a Scope<'a>>,
    depth: usize,
}

impl Scope<'_> {
    fn find(&self, name: &str) -> Option<&Value> {
        self.values.get(name).or_else(|| self.around.and_then(|around| around.find(name)))
    }
}

impl Interpreter {
    /// An interpreter for a graph that was checked.
    pub(super) fn new(graph: Arc<GraphProto>, opset: i64) -> Result<Self> {
        let mut constants = HashMap::new();
        for tensor in &graph.initializer {
            constants.insert(tensor.name.clone(), Value::Tensor(Arc::new(super::tensor_proto::load(tensor)?)));
        }
        let mut operators = HashMap::new();
        collect(&graph, opset, &mut operators)?;
        Ok(Self { graph, opset, constants, operators })
    }

    /// Runs the graph on inputs by name and gives every tensor at its top level, constants too. Sequences are left out.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn trace(&self, inputs: Vec<(&str, Tensor)>) -> Result<HashMap<String, Arc<Tensor>>> {
        let mut run = Run { opset: self.opset, steps: MAX_STEPS, own: &self.operators };
        let inputs = inputs.into_iter().map(|(name, tensor)| (name, Value::Tensor(Arc::new(tensor))));
        let constants = self.constants.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let mut scope = Scope { values: constants.chain(inputs).collect(), around: None, depth: 0 };
        for node in &self.graph.node {
            let outputs = run.node(node, &scope).map_err(|error| error.item(place(node)))?;
            for (name, value) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
                scope.values.insert(name, value);
            }
        }
        let tensors = scope.values.into_iter().filter_map(|(name, value)| match value {
            Value::Tensor(tensor) => Some((name.to_owned(), tensor)),
            _ => None,
        });
        Ok(tensors.collect())
    }

    /// Runs the graph on inputs by name.
    pub(super) fn run(&self, inputs: Vec<(&str, Tensor)>) -> Result<Vec<Tensor>> {
        let mut run = Run { opset: self.opset, steps: MAX_STEPS, own: &self.operators };
        let constants = Scope {
            values: self.constants.iter().map(|(name, value)| (name.as_str(), value.clone())).collect(),
            around: None,
            depth: 0,
        };
        let inputs = inputs.into_iter().map(|(name, tensor)| (name, Value::Tensor(Arc::new(tensor)))).collect();
        let outputs = run.graph(&self.graph, inputs, Some(&constants))?;
        let tensor = |value: Value| match value {
            Value::Tensor(tensor) => Ok(Arc::unwrap_or_clone(tensor)),
            _ => Err(Error::new(ErrorKind::UnsupportedOperator, "an output of the model is a sequence or optional")
                .help("give plain tensors as outputs")),
        };
        outputs.into_iter().map(tensor).collect()
    }
}

/// The own operators of a graph and of those inside it, by the address of their node, which does not move.
fn collect(graph: &GraphProto, opset: i64, found: &mut HashMap<usize, Box<dyn Operator>>) -> Result<()> {
    for node in &graph.node {
        if let Some(operator) = operators::build(node, opset) {
            found.insert(address(node), operator?);
        }
        for graph in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            collect(graph, opset, found)?;
        }
    }
    Ok(())
}

fn address(node: &NodeProto) -> usize {
    std::ptr::from_ref(node) as usize
}

impl Run<'_> {
    /// Counts a step: a node, or a turn of a loop, whose body may have none.
    fn step(&mut self) -> Result<()> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| {
            let error = Error::new(ErrorKind::EngineFailed, format!("the model did not end in {MAX_STEPS} steps"));
            error.help("it loops without end, or is too large for here")
        })?;
        Ok(())
    }

    /// Runs a graph whose inputs are known, inside the scope around it.
    fn graph<'a>(
        &mut self,
        graph: &'a GraphProto,
        inputs: HashMap<&'a str, Value>,
        around: Option<&'a Scope<'a>>,
    ) -> Result<Vec<Value>> {
        let depth = around.map_or(0, |around| around.depth + 1);
        if depth > MAX_DEPTH {
            let error = Error::new(ErrorKind::InvalidModel, format!("graphs lie more than {MAX_DEPTH} deep"));
            return Err(error.help("the file is broken; export it again"));
        }
        let mut scope = Scope { values: inputs, around, depth };
        if depth > 1 {
            for tensor in &graph.initializer {
                let value = Value::Tensor(Arc::new(super::tensor_proto::load(tensor)?));
                scope.values.entry(tensor.name.as_str()).or_insert(value);
            }
        }
        let last = last_uses(graph);
        for (index, node) in graph.node.iter().enumerate() {
            self.step()?;
            let outputs = self.node(node, &scope).map_err(|error| error.item(place(node)))?;
            let names = node.output.iter();
            for (name, value) in names.zip(outputs).filter(|(name, _)| !name.is_empty()) {
                scope.values.insert(name, value);
            }
            for name in last.get(&index).into_iter().flatten() {
                scope.values.remove(name);
            }
        }
        let output = |name: &str| {
            scope.find(name).cloned().ok_or_else(|| {
                let error = Error::new(ErrorKind::InvalidModel, "no node makes this output").item(name);
                error.help("the file is broken; export it again")
            })
        };
        graph.output.iter().map(|info| output(&info.name)).collect()
    }

    fn node(&mut self, node: &NodeProto, scope: &Scope<'_>) -> Result<Vec<Value>> {
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(match name.is_empty() {
                true => None,
                false => Some(scope.find(name).cloned().ok_or_else(|| unknown(name))?),
            });
        }
        if let Some(operator) = self.own.get(&address(node)) {
            return node::own(operator.as_ref(), node, &inputs);
        }
        if let Some(outputs) = self.control(node, &inputs, scope)? {
            return Ok(outputs);
        }
        if let Some(outputs) = sequence::run(node, &inputs)? {
            return Ok(outputs);
        }
        let stand_in = || operators::fallback(node, self.opset);
        if operators::is_dangerous(node, &node::types(&inputs))
            && let Some(operator) = stand_in()
        {
            return node::own(operator?.as_ref(), node, &inputs);
        }
        node::tract(node, &inputs, self.opset).or_else(|error| match stand_in() {
            Some(operator) => node::own(operator?.as_ref(), node, &inputs),
            // What tract says of the operators of onnxruntime is that it does not do some variant of them.
            None if node.domain == "com.microsoft" && error.kind() == ErrorKind::EngineFailed => {
                let refused = Error::new(ErrorKind::UnsupportedOperator, error.message());
                Err(refused.help("export the model without onnxruntime's own operators, or report it"))
            }
            None => Err(error),
        })
    }
}

fn unknown(name: &str) -> Error {
    let error = Error::new(ErrorKind::InvalidModel, format!("input {name} is made by no node before it"));
    error.help("the file is broken: its nodes are not in order, or form a circle; export it again")
}

/// Operator and node, for messages.
fn place(node: &NodeProto) -> String {
    super::operators::Attributes::new(node, 0).place()
}

/// The values that are not needed any more after each node. Outputs stay, and so does everything that comes from around.
fn last_uses(graph: &GraphProto) -> HashMap<usize, Vec<&str>> {
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        uses(node, &mut |name| {
            last.insert(name, index);
        });
        // An output that nobody uses goes at once.
        node.output.iter().for_each(|name| {
            last.insert(name, index);
        });
    }
    let mut after: HashMap<usize, Vec<&str>> = HashMap::new();
    let kept = |name: &str| graph.output.iter().any(|output| output.name == name);
    for (name, index) in last.into_iter().filter(|(name, _)| !kept(name)) {
        after.entry(index).or_default().push(name);
    }
    after
}

fn uses<'a>(node: &'a NodeProto, each: &mut dyn FnMut(&'a str)) {
    node.input.iter().for_each(|name| each(name));
    for graph in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
        graph.node.iter().for_each(|node| uses(node, each));
        graph.output.iter().for_each(|output| each(&output.name));
    }
}
