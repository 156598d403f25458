//! The attributes of a node, by name and type.

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::tensor_proto::read_tensor;
use crate::tensor::Tensor;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// What an operator is made from: the attributes of its node, which inputs and outputs are connected, and the version
/// of the operator set.
pub struct Attributes<'a> {
    node: &'a NodeProto,
    /// The version of the standard operator set that the file imports.
    pub opset: i64,
}

impl<'a> Attributes<'a> {
    /// The attributes of a node.
    pub fn new(node: &'a NodeProto, opset: i64) -> Self {
        Self { node, opset }
    }

    /// The name of the operator.
    pub fn operator(&self) -> &'a str {
        &self.node.op_type
    }

    /// Operator and node, for messages.
    pub fn place(&self) -> String {
        let name = match (self.node.name.as_str(), self.node.output.first()) {
            ("", Some(output)) => format!("of output {output}"),
            (name, _) => name.to_owned(),
        };
        format!("{} {name}", self.node.op_type)
    }

    /// Whether the input at this place of the operator's definition is connected.
    pub fn has_input(&self, place: usize) -> bool {
        self.node.input.get(place).is_some_and(|name| !name.is_empty())
    }

    /// Where the input at this place of the operator's definition stands among those that are connected.
    pub fn input(&self, place: usize) -> Option<usize> {
        let before = self.node.input.iter().take(place).filter(|name| !name.is_empty()).count();
        self.has_input(place).then_some(before)
    }

    /// Whether the output at this place is used by name.
    pub fn has_output(&self, place: usize) -> bool {
        self.node.output.get(place).is_some_and(|name| !name.is_empty())
    }

    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// Whether the node has this attribute.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.find(name).map(|attribute| attribute.i)
    }

    /// A whole number that stands for yes (1) or no (0).
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    /// A number.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.find(name).map(|attribute| attribute.f)
    }

    /// A text. Bytes that are no UTF-8 are replaced.
    pub fn string(&self, name: &str) -> Option<String> {
        self.find(name).map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned())
    }

    /// Whole numbers; none when the attribute is absent.
    pub fn ints(&self, name: &str) -> Vec<i64> {
        self.find(name).map(|attribute| attribute.ints.clone()).unwrap_or_default()
    }

    /// Numbers; none when the attribute is absent.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.find(name).map(|attribute| attribute.floats.clone()).unwrap_or_default()
    }

    /// Texts; none when the attribute is absent.
    pub fn strings(&self, name: &str) -> Vec<String> {
        let texts = self.find(name).map(|attribute| attribute.strings.as_slice()).unwrap_or_default();
        texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// A tensor.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(tensor) = self.find(name).and_then(|attribute| attribute.t.as_ref()) else { return Ok(None) };
        read_tensor(tensor).map(Some).map_err(|error| error.item(self.place()))
    }

    /// The error for an attribute that is missing, contradictory, or asks for what is not supported.
    pub fn refuse(&self, name: &str, why: impl std::fmt::Display) -> Error {
        let error = Error::new(ErrorKind::UnsupportedOperator, format!("attribute {name}: {why}")).item(self.place());
        error.help("export the model without it, or report the model")
    }
}
