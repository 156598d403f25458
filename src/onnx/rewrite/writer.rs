//! Writing the nodes that take the place of one node.

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::graph::tensor_proto;
use crate::onnx::operators::Attributes;
use crate::tensor::Tensor;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

/// The domain of the kit's private operators, which only rewrites write.
pub const OWN: &str = "nearside";

/// The nodes and constants that take the place of a node.
pub(super) struct Writer<'a> {
    node: &'a NodeProto,
    /// The attributes of the node, for reading.
    pub(super) attributes: Attributes<'a>,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    /// What was written under another name than the output of the node that it is.
    outputs: Vec<(String, String)>,
}

impl<'a> Writer<'a> {
    /// Nothing is written yet.
    pub(super) fn new(node: &'a NodeProto, opset: i64) -> Self {
        Self {
            node,
            attributes: Attributes::new(node, opset),
            nodes: Vec::new(),
            constants: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The name of an input of the node; empty where it is not connected.
    pub(super) fn optional(&self, place: usize) -> &'a str {
        self.node.input.get(place).map_or("", String::as_str)
    }

    /// The name of an input that must be connected.
    pub(super) fn input(&self, place: usize) -> Result<&'a str> {
        match self.optional(place) {
            "" => {
                let error = Error::new(ErrorKind::InvalidModel, format!("input {place} is missing"));
                Err(error.item(self.attributes.place()).help("the file is broken; export it again"))
            }
            name => Ok(name),
        }
    }

    /// How many inputs the node has, connected or not.
    pub(super) fn inputs(&self) -> usize {
        self.node.input.len()
    }

    /// The attributes of the node but for those of these names.
    pub(super) fn attributes_without(&self, names: &[&str]) -> Vec<AttributeProto> {
        self.node.attribute.iter().filter(|attribute| !names.contains(&attribute.name.as_str())).cloned().collect()
    }

    /// The error for what the node asks for and the kit does not do.
    pub(super) fn refuse(&self, attribute: &str, why: &str) -> Error {
        self.attributes.refuse(attribute, why)
    }

    /// Adds a constant; gives its name.
    pub(super) fn constant(&mut self, tensor: &Tensor) -> Result<String> {
        let name = self.fresh();
        self.constants.push(tensor_proto(&name, tensor)?);
        Ok(name)
    }

    /// Adds a constant that is written already.
    pub(super) fn proto(&mut self, mut tensor: TensorProto) -> String {
        tensor.name = self.fresh();
        let name = tensor.name.clone();
        self.constants.push(tensor);
        name
    }

    /// Adds a standard node with one output; gives its name. Inputs at the end may be empty.
    pub(super) fn add(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        self.add_outputs("", operator, inputs, attributes, 1).remove(0)
    }

    /// Adds a node of the kit's own domain.
    pub(super) fn add_own(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        self.add_outputs(OWN, operator, inputs, attributes, 1).remove(0)
    }

    /// Adds a node with several outputs; gives their names.
    pub(super) fn add_outputs(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
        outputs: usize,
    ) -> Vec<String> {
        let base = self.fresh();
        let mut outputs: Vec<String> = (1..outputs).map(|place| format!("{base}.{place}")).collect();
        outputs.insert(0, base);
        let used = inputs.iter().rposition(|input| !input.is_empty()).map_or(0, |last| last + 1);
        self.nodes.push(NodeProto {
            name: outputs[0].clone(),
            domain: domain.to_owned(),
            op_type: operator.to_owned(),
            input: inputs[..used].iter().map(|&input| input.to_owned()).collect(),
            output: outputs.clone(),
            attribute: attributes,
            ..NodeProto::default()
        });
        outputs
    }

    /// Whether the node gives the output at this place.
    pub(super) fn gives(&self, place: usize) -> bool {
        self.attributes.has_output(place)
    }

    /// Says what the output at this place of the replaced node is, where the node gives it. Without that, the outputs of
    /// the last node are those of the replaced one.
    pub(super) fn output(&mut self, place: usize, written: &str) {
        if let Some(name) = self.node.output.get(place).filter(|name| !name.is_empty()) {
            self.outputs.push((written.to_owned(), name.clone()));
        }
    }

    /// What was written.
    pub(super) fn finish(mut self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        if self.outputs.is_empty()
            && let Some(last) = self.nodes.last_mut()
        {
            last.output.clone_from(&self.node.output);
        }
        for node in &mut self.nodes {
            for name in node.input.iter_mut().chain(&mut node.output) {
                if let Some((_, output)) = self.outputs.iter().find(|(written, _)| written == name) {
                    name.clone_from(output);
                }
            }
        }
        (self.nodes, self.constants)
    }

    fn fresh(&self) -> String {
        let output = self.node.output.iter().find(|output| !output.is_empty()).map_or("", String::as_str);
        format!("{output}:{}.{}", self.nodes.len(), self.constants.len())
    }
}

/// An attribute that is a whole number.
pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i, r#type: AttributeType::Int as i32, ..AttributeProto::default() }
}

/// An attribute that is a number.
pub(super) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f, r#type: AttributeType::Float as i32, ..AttributeProto::default() }
}
