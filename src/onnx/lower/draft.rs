//! A plan while it is written: tensors by the names of the graph, steps in order, buffers not yet given.

use super::buffers;
use super::probe::Known;
use super::refuse;
use crate::error::Result;
use crate::onnx::operators::Attributes;
use crate::onnx::read::OnnxModel;
use crate::plan::{Activation, Constant, Kind, Op, Plan, PlanPort, Size, Step, Unary, Values};
use crate::tensor::{Data, ElementType, Tensor};
use std::collections::HashMap;
use tract_onnx::pb::{GraphProto, NodeProto};

/// A tensor.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) shape: Vec<Size>,
    pub(super) held: Held,
}

/// What holds its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Constant(usize),
    /// Tensors of one group are the same values, in several shapes.
    Group(usize),
}

/// The draft of a plan.
pub(super) struct Draft<'a> {
    graph: &'a GraphProto,
    pub(super) opset: i64,
    known: HashMap<String, Known>,
    places: Vec<Place>,
    constants: Vec<Constant>,
    pub(super) forests: Vec<crate::tensor::trees::Forest<f32>>,
    steps: Vec<Step>,
    groups: usize,
    names: HashMap<String, usize>,
    /// How often each name is used, by nodes and as an output of the graph.
    uses: HashMap<String, usize>,
    inputs: Vec<usize>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(model: &'a OnnxModel, known: HashMap<String, Known>) -> Result<Self> {
        let graph = &*model.graph;
        let mut uses: HashMap<String, usize> = HashMap::new();
        let outputs = graph.output.iter().map(|output| &output.name);
        for name in graph.node.iter().flat_map(|node| &node.input).chain(outputs) {
            *uses.entry(name.clone()).or_default() += 1;
        }
        let mut draft = Self {
            graph,
            opset: model.opset,
            known,
            places: vec![],
            constants: vec![],
            forests: vec![],
            steps: vec![],
            groups: 0,
            names: HashMap::new(),
            uses,
            inputs: vec![],
        };
        for port in &model.signature.inputs {
            let place = draft.named(&port.name)?;
            draft.inputs.push(place);
        }
        Ok(draft)
    }

    /// Whether everything that the node gives is constant, nobody's business, or of sizes: whoever needs that asks for it.
    pub(super) fn is_settled(&self, node: &NodeProto) -> bool {
        let used = |name: &&String| self.uses.get(*name).is_some_and(|&uses| uses > 0);
        let settled =
            |name: &String| self.known.get(name).is_some_and(|known| known.constant.is_some() || known.of_sizes);
        node.output.iter().filter(used).all(settled)
    }

    pub(super) fn attributes<'n>(&self, node: &'n NodeProto) -> Attributes<'n> {
        Attributes::new(node, self.opset)
    }

    /// The value of a tensor that never changes.
    pub(super) fn constant(&self, name: &str) -> Option<&Tensor> {
        self.known.get(name).and_then(|known| known.constant.as_ref())
    }

    /// The whole numbers of a tensor that never changes.
    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        match self.constant(name).map(Tensor::data) {
            Some(Data::I64(values)) => Ok(values.clone()),
            Some(Data::I32(values)) => Ok(values.iter().map(|&value| value.into()).collect()),
            _ => Err(refuse(format!("{name} is no constant"))),
        }
    }

    /// The numbers of a tensor that never changes.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        match self.constant(name).map(Tensor::data) {
            Some(Data::F32(values)) => Ok(values.clone()),
            _ => Err(refuse(format!("{name} is no constant"))),
        }
    }

    pub(super) fn known(&self, name: &str) -> Result<&Known> {
        let help = "its shape hangs on values, or is a sum of chosen sizes";
        self.known.get(name).ok_or_else(|| refuse(format!("{name}: {help}")))
    }

    pub(super) fn shape(&self, name: &str) -> Result<Vec<Size>> {
        self.known(name).map(|known| known.shape.clone())
    }

    pub(super) fn element(&self, name: &str) -> Result<ElementType> {
        self.known(name).map(|known| known.element)
    }

    pub(super) fn place(&self, place: usize) -> &Place {
        &self.places[place]
    }

    /// The tensor of a name: what a node made of it, a constant, or a new one.
    pub(super) fn named(&mut self, name: &str) -> Result<usize> {
        if let Some(&place) = self.names.get(name) {
            return Ok(place);
        }
        let known = self.known(name)?;
        let (element, shape, of_sizes) = (known.element, known.shape.clone(), known.of_sizes);
        let place = match (known.constant.clone(), known.uniform.clone()) {
            (Some(constant), _) => self.tensor(&constant)?,
            (None, Some(value)) => {
                let value = self.tensor(&value)?;
                let kind = self.places[value].kind;
                self.step(Op::Spread, vec![value], kind, shape)
            }
            (None, None) if of_sizes => return Err(refuse(format!("{name} is computed of the sizes that are sent"))),
            (None, None) => {
                let kind = Kind::of(element).ok_or_else(|| refuse(format!("{name} is {}", element.name())))?;
                self.fresh(kind, shape)
            }
        };
        self.names.insert(name.to_owned(), place);
        Ok(place)
    }

    /// The tensor of an input of a node.
    pub(super) fn input(&mut self, node: &NodeProto, at: usize) -> Result<usize> {
        match node.input.get(at).filter(|name| !name.is_empty()) {
            Some(name) => self.named(name),
            None => Err(refuse(format!("input {at} is missing"))),
        }
    }

    /// A new tensor that a step will fill.
    pub(super) fn fresh(&mut self, kind: Kind, shape: Vec<Size>) -> usize {
        self.groups += 1;
        self.places.push(Place { kind, shape, held: Held::Group(self.groups - 1) });
        self.places.len() - 1
    }

    /// A constant.
    pub(super) fn tensor(&mut self, tensor: &Tensor) -> Result<usize> {
        let whole = |values: Vec<i64>| Values::I64(values);
        let values = match tensor.data() {
            Data::F32(values) => Values::F32(values.clone()),
            Data::Bool(values) => Values::F32(values.iter().map(|&value| f32::from(u8::from(value))).collect()),
            Data::I64(values) => whole(values.clone()),
            Data::I32(values) => whole(values.iter().map(|&value| value.into()).collect()),
            Data::U8(values) => whole(values.iter().map(|&value| value.into()).collect()),
            Data::I8(values) => whole(values.iter().map(|&value| value.into()).collect()),
            Data::Text(values) => Values::Text(values.clone()),
            other => return Err(refuse(format!("a constant is {}", other.element_type().name()))),
        };
        let shape = tensor.shape().iter().map(|&size| Size::fixed(size)).collect();
        Ok(self.values(values, shape))
    }

    /// A constant of numbers.
    pub(super) fn numbers(&mut self, values: Vec<f32>, shape: &[usize]) -> usize {
        self.values(Values::F32(values), shape.iter().map(|&size| Size::fixed(size)).collect())
    }

    /// A constant.
    pub(super) fn values(&mut self, values: Values, shape: Vec<Size>) -> usize {
        let kind = values.kind();
        self.constants.push(Constant { values });
        self.places.push(Place { kind, shape, held: Held::Constant(self.constants.len() - 1) });
        self.places.len() - 1
    }

    /// The same values in another shape.
    pub(super) fn reshaped(&mut self, place: usize, shape: Vec<Size>) -> usize {
        let Place { kind, held, .. } = self.places[place];
        self.places.push(Place { kind, shape, held });
        self.places.len() - 1
    }

    /// Adds a step that makes a new tensor.
    pub(super) fn step(&mut self, op: Op, inputs: Vec<usize>, kind: Kind, shape: Vec<Size>) -> usize {
        let output = self.fresh(kind, shape);
        self.steps.push(Step { op, inputs, outputs: vec![output] });
        output
    }

    /// Adds a step with several outputs.
    pub(super) fn steps(&mut self, op: Op, inputs: Vec<usize>, outputs: Vec<usize>) {
        self.steps.push(Step { op, inputs, outputs });
    }

    /// Says which tensor an output of a node is.
    pub(super) fn output(&mut self, node: &NodeProto, at: usize, place: usize) -> Result<()> {
        if let Some(name) = node.output.get(at).filter(|name| !name.is_empty()) {
            let shape = self.shape(name)?;
            let place = if self.places[place].shape == shape { place } else { self.reshaped(place, shape) };
            self.names.insert(name.clone(), place);
        }
        Ok(())
    }

    /// A function of a tensor. Where nothing else uses what a product or a convolution has just made, it is done in the
    /// same pass; `name` is what the graph calls that.
    pub(super) fn function(&mut self, name: Option<&str>, input: usize, activation: Activation) -> usize {
        let once = name.is_some_and(|name| self.uses.get(name) == Some(&1));
        let held = self.places[input].held;
        if let Some(Step { op: Op::MatMul { then, .. } | Op::Conv { then, .. }, outputs, .. }) = self.steps.last_mut()
            && once
            && then.is_none()
            && self.places[outputs[0]].held == held
        {
            *then = Some(activation);
            return input;
        }
        let Place { kind, shape, .. } = self.places[input].clone();
        let kind = if activation.function == Unary::IsNan { Kind::F32 } else { kind };
        self.step(Op::Unary(activation), vec![input], kind, shape)
    }

    /// The last step, where it made this tensor and nothing else uses that.
    pub(super) fn last_made(&mut self, name: &str) -> Option<&mut Step> {
        let place = *self.names.get(name)?;
        let held = self.places[place].held;
        if self.uses.get(name) != Some(&1) {
            return None;
        }
        let step = self.steps.last_mut()?;
        (self.places[step.outputs[0]].held == held).then_some(step)
    }

    /// Takes back the exchange of the last two axes of a tensor that the last step has turned for nothing but this, since a
    /// product reads its second factor either way. Gives whether there was one.
    pub(super) fn turn_back(&mut self, name: &str) -> bool {
        let Some(step) = self.last_made(name) else { return false };
        let Op::Transpose { order } = &mut step.op else { return false };
        let output = step.outputs[0];
        let [.., one, other] = order.as_mut_slice() else { return false };
        std::mem::swap(one, other);
        let held = self.places[output].held;
        for place in self.places.iter_mut().filter(|place| place.held == held) {
            if let [.., one, other] = place.shape.as_mut_slice() {
                std::mem::swap(one, other);
            }
        }
        true
    }

    /// The values of a constant.
    pub(super) fn constant_of(&self, place: usize) -> Option<&Values> {
        match self.places[place].held {
            Held::Constant(constant) => Some(&self.constants[constant].values),
            Held::Group(_) => None,
        }
    }

    /// The plan.
    pub(super) fn finish(mut self, model: &OnnxModel) -> Result<Plan> {
        let mut outputs = Vec::new();
        for (info, port) in self.graph.output.iter().zip(&model.signature.outputs) {
            let mut port = port.clone();
            // The type of a list of dictionaries is that of the tensor it was made of.
            port.element_type = self.element(&info.name)?;
            if Kind::of(port.element_type).is_none() {
                return Err(refuse(format!("output {} is {}", info.name, port.element_type.name())));
            }
            outputs.push(PlanPort { port, spot: self.named(&info.name)? });
        }
        let inputs = model.signature.inputs.iter().zip(&self.inputs);
        let inputs = inputs.map(|(port, &spot)| PlanPort { port: port.clone(), spot }).collect();
        Ok(buffers::assign(self.places, self.constants, self.forests, self.steps, inputs, outputs))
    }
}
