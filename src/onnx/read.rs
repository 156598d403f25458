//! From the bytes of an ONNX file to a checked graph with its signature.

use super::check::{check, visit};
use super::convert::element_type;
use super::rewrite;
use crate::error::{Error, ErrorKind, Result};
use crate::predict::Signature;
use crate::tensor::{Dimension, ElementType, Port};
use prost::Message;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Size;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

/// An ONNX file that was read and checked: its nodes are in order, its tensors are whole, its operators are known.
pub struct OnnxModel {
    /// What is run.
    pub graph: Arc<GraphProto>,
    /// The version of the standard operator set.
    pub opset: i64,
    /// What the model takes and gives.
    pub signature: Signature,
    /// What the file says of itself.
    pub description: Description,
}

impl OnnxModel {
    /// The numbers that were learned, as far as the file tells them apart: those of its constants, and the thresholds
    /// and votes of its trees.
    pub fn parameters(&self) -> usize {
        let sizes = self.graph.initializer.iter().map(|tensor| tensor.dims.iter().product::<i64>().max(0) as usize);
        let of = |attributes: &[tract_onnx::pb::AttributeProto]| -> usize {
            let constants = attributes.iter().filter_map(|attribute| attribute.t.as_ref());
            let sizes = constants.map(|tensor| tensor.dims.iter().product::<i64>().max(0) as usize);
            attributes.iter().map(|attribute| attribute.floats.len()).sum::<usize>() + sizes.sum::<usize>()
        };
        sizes.sum::<usize>() + self.graph.node.iter().map(|node| of(&node.attribute)).sum::<usize>()
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Description {
    /// The program that wrote it, with its version.
    pub producer: String,
    /// The versions of the operator sets, by domain.
    pub opset: BTreeMap<String, i64>,
    /// What each output's columns stand for: the keys of a ZipMap, or the classes of a classifier.
    pub classes: BTreeMap<String, Vec<String>>,
    /// The key–value pairs that the exporter left.
    pub metadata: BTreeMap<String, String>,
}

/// Reads an ONNX file.
///
/// Fails with `invalid-model` when the bytes are not one or contradict themselves, and with `unsupported-operator` when
/// it uses an operator that no engine here has; the message names each of them.
pub fn read(bytes: &[u8]) -> Result<OnnxModel> {
    let not_onnx = |why: String| {
        let help = "give the bytes of a complete .onnx file";
        Error::new(ErrorKind::InvalidModel, format!("this is not an ONNX model: {why}")).help(help)
    };
    if bytes.is_empty() {
        return Err(not_onnx("there are no bytes".into()));
    }
    let mut proto = ModelProto::decode(bytes).map_err(|error| not_onnx(error.to_string()))?;
    let Some(mut graph) = proto.graph.take() else {
        return Err(not_onnx("it has no graph".into()));
    };
    if graph.node.is_empty() && graph.output.is_empty() {
        return Err(not_onnx("its graph is empty".into()));
    }
    rewrite::inline(&mut graph, &proto.functions)?;
    let keys = rewrite::lower_zip_maps(&mut graph);
    rewrite::unpack(&mut graph);
    rewrite::widen(&mut graph)?;
    let standard = proto.opset_import.iter().find(|import| matches!(import.domain.as_str(), "" | "ai.onnx"));
    let version = standard.map_or(0, |import| import.version);
    rewrite::lower_microsoft(&mut graph, version)?;
    rewrite::renew_old(&mut graph, version);
    check(&mut graph)?;
    rewrite::bring_slices_near(&mut graph);
    rewrite::careful_where_needed(&mut graph, version);
    let signature = signature(&graph, &keys)?;
    let description = describe(&proto, &graph, keys);
    let opset = description.opset.get("ai.onnx").copied().unwrap_or_default();
    Ok(OnnxModel { graph: Arc::new(graph), opset, signature, description })
}

/// tract's reader, told to trust nothing that a file declares about the tensors in its middle and at its end:
/// many exporters write shapes there that are right for one batch size only.
pub fn framework() -> Onnx {
    let mut onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_output_types(true);
    onnx.ignore_value_info = true;
    onnx
}

fn describe(proto: &ModelProto, graph: &GraphProto, keys: BTreeMap<String, Vec<String>>) -> Description {
    let producer = format!("{} {}", proto.producer_name, proto.producer_version).trim().to_owned();
    let mut opset = BTreeMap::new();
    for import in &proto.opset_import {
        let domain = if import.domain.is_empty() { "ai.onnx" } else { &import.domain };
        opset.insert(domain.to_owned(), import.version);
    }
    let mut classes = keys;
    visit(graph, &mut |node| {
        for attribute in &node.attribute {
            let labels: Vec<String> = match attribute.name.as_str() {
                "classlabels_strings" => {
                    attribute.strings.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
                }
                "classlabels_int64s" | "classlabels_ints" => attribute.ints.iter().map(i64::to_string).collect(),
                _ => continue,
            };
            // A classifier's second output has a column for each class.
            if let Some(scores) = node.output.get(1).filter(|_| !labels.is_empty()) {
                classes.entry(scores.clone()).or_insert(labels);
            }
        }
    });
    classes.retain(|name, _| graph.output.iter().any(|output| &output.name == name));
    let pairs = proto.metadata_props.iter().map(|pair| (pair.key.clone(), pair.value.clone()));
    Description { producer, opset, classes, metadata: pairs.collect() }
}

fn signature(graph: &GraphProto, keys: &BTreeMap<String, Vec<String>>) -> Result<Signature> {
    let constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs = graph.input.iter().filter(|input| !constant(&input.name));
    let inputs = inputs.map(|input| port(input, true)).collect::<Result<_>>()?;
    let outputs = graph.output.iter().map(|output| {
        let mut port = port(output, false)?;
        if let Some(keys) = keys.get(&output.name) {
            port.shape = vec![Dimension::Symbol("batch".into()), Dimension::Fixed(keys.len())];
        }
        Ok(port)
    });
    Ok(Signature { inputs, outputs: outputs.collect::<Result<_>>()? })
}

fn port(info: &ValueInfoProto, is_input: bool) -> Result<Port> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(TypeValue::TensorType(tensor)) = tensor else {
        if !is_input {
            // A sequence or map: what it holds is known only when it runs.
            return Ok(Port { name: info.name.clone(), element_type: ElementType::F32, shape: vec![] });
        }
        let message = "the input is not a tensor";
        return Err(Error::new(ErrorKind::InvalidModel, message).item(&info.name).help("export it with tensor inputs"));
    };
    let Some(element_type) = element_type(tensor.elem_type) else {
        let name = DataType::try_from(tensor.elem_type)
            .map_or_else(|_| format!("number {}", tensor.elem_type), |known| known.as_str_name().to_lowercase());
        let message = format!("element type {name} is not supported");
        return Err(Error::new(ErrorKind::WrongType, message).item(&info.name).help("cast it inside the model"));
    };
    let sizes = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let shape = sizes
        .iter()
        .enumerate()
        .map(|(axis, size)| match &size.value {
            Some(Size::DimValue(value)) if *value > 0 => Dimension::Fixed(*value as usize),
            Some(Size::DimParam(name)) if !name.is_empty() => Dimension::Symbol(name.clone()),
            _ => Dimension::Symbol(if axis == 0 { "batch".into() } else { format!("d{axis}") }),
        })
        .collect();
    Ok(Port { name: info.name.clone(), element_type, shape })
}
