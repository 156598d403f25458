//! Writing ONNX: a graph built node by node, in the operator set that everybody reads.

use super::convert::onnx_type;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Dimension, ElementType, Port, Tensor};
use prost::Message;
use std::collections::HashSet;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::Dimension as OnnxDimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Size;
use tract_onnx::pb::type_proto::{Tensor as OnnxTensorType, Value as TypeValue};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};

/// The operator set that the kit writes.
pub const OPSET: i64 = 18;
/// The domain of the operators of classical machine learning.
pub const ML_DOMAIN: &str = "ai.onnx.ml";
/// Their operator set that the kit writes.
pub const ML_OPSET: i64 = 3;
/// The domain of the operators that onnxruntime brings along.
pub const MICROSOFT_DOMAIN: &str = super::operators::MICROSOFT;
/// Their operator set that the kit writes.
const MICROSOFT_OPSET: i64 = 1;
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;

/// An attribute of a node.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// A whole number.
    Int(&'a str, i64),
    /// A text.
    Text(&'a str, &'a str),
    /// Whole numbers.
    Ints(&'a str, &'a [i64]),
    /// Numbers.
    Floats(&'a str, &'a [f32]),
    /// Texts.
    Strings(&'a str, &'a [&'a str]),
}

/// What a handle begins with: no name from outside does.
const HANDLE: char = '\0';

/// Builds an ONNX model. Every node has one output.
///
/// Inputs, outputs and named nodes are called what the caller calls them, whatever that is. Everything else gets its
/// name when the graph is finished: its operator and place, or what is still free near that. Until then a caller holds
/// a handle, which is good for the inputs of further nodes and nothing else.
pub struct GraphBuilder {
    graph: GraphProto,
    /// The name that each handle would like to have.
    wishes: Vec<String>,
}

impl GraphBuilder {
    /// An empty graph of that name.
    pub fn new(name: &str) -> Self {
        Self { graph: GraphProto { name: name.to_owned(), ..GraphProto::default() }, wishes: Vec::new() }
    }

    /// Adds an input; gives its name.
    pub fn input(&mut self, port: &Port) -> String {
        self.graph.input.push(value_info(port));
        port.name.clone()
    }

    /// Adds an output, which a node of that name must make.
    pub fn output(&mut self, port: &Port) {
        self.graph.output.push(value_info(port));
    }

    /// Adds a constant; gives its handle. Strings cannot be constants here.
    pub fn constant(&mut self, tensor: &Tensor) -> Result<String> {
        let handle = self.handle(format!("c{}", self.graph.initializer.len()));
        let proto = tensor_proto(&handle, tensor)?;
        self.graph.initializer.push(proto);
        Ok(handle)
    }

    /// Adds a node; gives the handle of its output.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let handle = self.handle(format!("{}_{}", operator.to_lowercase(), self.graph.node.len()));
        self.named_node(&handle, operator, inputs, attributes)
    }

    /// As [`Self::node`], with an operator of another domain.
    pub fn node_of(&mut self, domain: &str, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let handle = self.handle(format!("{}_{}", operator.to_lowercase(), self.graph.node.len()));
        self.named_node_of(domain, &handle, operator, inputs, attributes)
    }

    fn handle(&mut self, wish: String) -> String {
        self.wishes.push(wish);
        format!("{HANDLE}{}", self.wishes.len() - 1)
    }

    /// Adds a node whose output has that name; gives it back.
    pub fn named_node(&mut self, name: &str, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        self.graph.node.push(NodeProto {
            name: name.to_owned(),
            op_type: operator.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
        name.to_owned()
    }

    /// As [`Self::named_node`], with an operator of another domain: [`ML_DOMAIN`] or [`MICROSOFT_DOMAIN`].
    pub fn named_node_of(
        &mut self,
        domain: &str,
        name: &str,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> String {
        let name = self.named_node(name, operator, inputs, attributes);
        if let Some(node) = self.graph.node.last_mut() {
            node.domain = domain.to_owned();
        }
        name
    }

    /// The bytes of the `.onnx` file.
    pub fn finish(mut self) -> Vec<u8> {
        self.resolve();
        let opset_import = self.opsets();
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import,
            producer_name: "nearside".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }
}

impl GraphBuilder {
    fn opsets(&self) -> Vec<OperatorSetIdProto> {
        let mut sets = vec![OperatorSetIdProto { domain: String::new(), version: OPSET }];
        for (domain, version) in [(ML_DOMAIN, ML_OPSET), (MICROSOFT_DOMAIN, MICROSOFT_OPSET)] {
            if self.graph.node.iter().any(|node| node.domain == domain) {
                sets.push(OperatorSetIdProto { domain: domain.to_owned(), version });
            }
        }
        sets
    }

    /// Puts names into the places of the handles.
    fn resolve(&mut self) {
        let graph = &mut self.graph;
        let ports = graph.input.iter().chain(&graph.output).map(|port| port.name.clone());
        let nodes = graph.node.iter().flat_map(|node| node.output.iter().cloned());
        let mut taken: HashSet<String> = ports.chain(nodes).filter(|name| !name.starts_with(HANDLE)).collect();
        let names: Vec<String> = self
            .wishes
            .drain(..)
            .map(|mut name| {
                while !taken.insert(name.clone()) {
                    name.push('_');
                }
                name
            })
            .collect();
        let resolve = |name: &mut String| {
            let place = name.strip_prefix(HANDLE).and_then(|place| place.parse::<usize>().ok());
            if let Some(resolved) = place.and_then(|place| names.get(place)) {
                name.clone_from(resolved);
            }
        };
        graph.initializer.iter_mut().for_each(|tensor| resolve(&mut tensor.name));
        for node in &mut graph.node {
            resolve(&mut node.name);
            node.input.iter_mut().chain(&mut node.output).for_each(resolve);
        }
    }
}

fn attribute(attribute: &Attribute<'_>) -> AttributeProto {
    let of = |name: &str, kind: AttributeType| AttributeProto {
        name: name.to_owned(),
        r#type: kind as i32,
        ..AttributeProto::default()
    };
    match *attribute {
        Attribute::Int(name, value) => AttributeProto { i: value, ..of(name, AttributeType::Int) },
        Attribute::Text(name, value) => AttributeProto { s: value.into(), ..of(name, AttributeType::String) },
        Attribute::Ints(name, values) => AttributeProto { ints: values.to_vec(), ..of(name, AttributeType::Ints) },
        Attribute::Floats(name, values) => {
            AttributeProto { floats: values.to_vec(), ..of(name, AttributeType::Floats) }
        }
        Attribute::Strings(name, values) => {
            let strings = values.iter().map(|&value| value.into()).collect();
            AttributeProto { strings, ..of(name, AttributeType::Strings) }
        }
    }
}

fn value_info(port: &Port) -> ValueInfoProto {
    let dim = port.shape.iter().map(|size| OnnxDimension {
        value: Some(match size {
            Dimension::Fixed(size) => Size::DimValue(*size as i64),
            Dimension::Symbol(name) => Size::DimParam(name.clone()),
        }),
        ..OnnxDimension::default()
    });
    let tensor = OnnxTensorType {
        elem_type: onnx_type(port.element_type),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: port.name.clone(),
        r#type: Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

/// A tensor as ONNX writes it, with its values as little-endian bytes.
pub(super) fn tensor_proto(name: &str, tensor: &Tensor) -> Result<TensorProto> {
    macro_rules! raw {
        ($values:expr) => {
            $values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
    }
    let raw_data = match tensor.data() {
        Data::F32(values) => raw!(values),
        Data::F64(values) => raw!(values),
        Data::I64(values) => raw!(values),
        Data::I32(values) => raw!(values),
        Data::I16(values) => raw!(values),
        Data::I8(values) => raw!(values),
        Data::U64(values) => raw!(values),
        Data::U32(values) => raw!(values),
        Data::U16(values) => raw!(values),
        Data::U8(values) => values.clone(),
        Data::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
        Data::Text(values) => {
            let strings = values.iter().map(|value| value.as_bytes().to_vec()).collect();
            return Ok(TensorProto { string_data: strings, ..header(name, tensor.shape(), ElementType::Text)? });
        }
    };
    Ok(TensorProto { raw_data, ..header(name, tensor.shape(), tensor.element_type())? })
}

fn header(name: &str, shape: &[usize], element: ElementType) -> Result<TensorProto> {
    let dims = shape.iter().map(|&size| i64::try_from(size)).collect::<Result<_, _>>();
    let dims = dims.map_err(|_| Error::new(ErrorKind::WrongShape, "a size does not fit into 63 bits").item(name))?;
    Ok(TensorProto { name: name.to_owned(), dims, data_type: onnx_type(element), ..TensorProto::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::TractEngine;
    use crate::predict::Engine;

    fn port(name: &str) -> Port {
        let shape = vec![Dimension::Symbol("batch".into()), Dimension::Fixed(1)];
        Port { name: name.into(), element_type: ElementType::F32, shape }
    }

    /// Adds the inputs up, one after the other and each before the next is known, and 100 to all of it.
    fn sum(names: &[&str]) -> Vec<u8> {
        let mut graph = GraphBuilder::new("sum");
        let hundred = graph.constant(&Tensor::cell(Data::F32(vec![100.0])).unwrap()).unwrap();
        let last = names.iter().fold(hundred, |sum, name| {
            let input = graph.input(&port(name));
            graph.node("Add", &[&sum, &input], &[])
        });
        graph.named_node("c1", "Identity", &[&last], &[]);
        graph.output(&port("c1"));
        graph.finish()
    }

    #[test]
    fn whatever_inputs_are_called_the_graph_computes_the_same() {
        for names in
            [["x", "y", "z"], ["c0", "add_0", "add_0_"], ["add_2", "add_1", "add_0"], ["c0_", "identity_3", "c0"]]
        {
            let mut engine = TractEngine::new(&sum(&names)).unwrap();
            let inputs = [1.0, 10.0, 1000.0].map(|value| Tensor::cell(Data::F32(vec![value])).unwrap());
            let ports: Vec<&str> = engine.signature().inputs.iter().map(|port| port.name.as_str()).collect();
            assert_eq!(ports, names);
            assert_eq!(engine.run(inputs.to_vec()).unwrap()[0].data(), &Data::F32(vec![1111.0]), "{names:?}");
        }
    }

    #[test]
    fn every_name_comes_once() {
        let model = ModelProto::decode(sum(&["add_1", "c0", "add_0_"]).as_slice()).unwrap();
        let graph = model.graph.unwrap();
        let constants = graph.initializer.iter().map(|tensor| &tensor.name);
        let made = constants.chain(graph.input.iter().map(|port| &port.name)).chain(graph.node.iter().map(|n| &n.name));
        let names: Vec<&String> = made.collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
        assert!(names.iter().all(|name| !name.contains(HANDLE)), "{names:?}");
    }
}
