//! Writing ONNX: a graph built node by node, in the operator set that everybody reads.

use super::convert::onnx_type;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Dimension, ElementType, Port, Tensor};
use prost::Message;
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
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;

/// An attribute of a node.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// A whole number.
    Int(&'a str, i64),
}

/// Builds an ONNX model. Every node has one output, named after its operator and place unless it is named.
pub struct GraphBuilder {
    graph: GraphProto,
}

impl GraphBuilder {
    /// An empty graph of that name.
    pub fn new(name: &str) -> Self {
        Self { graph: GraphProto { name: name.to_owned(), ..GraphProto::default() } }
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

    /// Adds a constant; gives its name. Strings cannot be constants here.
    pub fn constant(&mut self, tensor: &Tensor) -> Result<String> {
        let name = format!("c{}", self.graph.initializer.len());
        let proto = tensor_proto(&name, tensor)?;
        self.graph.initializer.push(proto);
        Ok(name)
    }

    /// Adds a node; gives the name of its output.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let name = format!("{}_{}", operator.to_lowercase(), self.graph.node.len());
        self.named_node(&name, operator, inputs, attributes)
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

    /// The bytes of the `.onnx` file.
    pub fn finish(self) -> Vec<u8> {
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "nearside".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }
}

fn attribute(attribute: &Attribute<'_>) -> AttributeProto {
    match *attribute {
        Attribute::Int(name, value) => AttributeProto {
            name: name.to_owned(),
            r#type: AttributeType::Int as i32,
            i: value,
            ..AttributeProto::default()
        },
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
