//! The engine for any ONNX file: what the model takes, checked; and which of its readings runs.

use super::read::{Description, OnnxModel, read};
use super::rewrite;
use super::runner::Runner;
use crate::error::{Error, ErrorKind, Result};
use crate::predict::{Engine, Signature};
use crate::tensor::{Data, Dimension, Port, Tensor};
use std::sync::Arc;
use tract_onnx::pb::GraphProto;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::prelude::DatumType;

/// Beyond this size, sums and products of ordinary weights may become infinite in float32.
const LARGE: f64 = 1e15;

/// Runs any ONNX model whose operators are known.
///
/// Values that are not a number reach the outputs: inputs that hold one, or are infinite or very large, run through the
/// careful reading of the graph (`rewrite::careful`), which is made when the first such input comes.
pub struct TractEngine {
    signature: Signature,
    description: Description,
    types: Vec<DatumType>,
    opset: i64,
    graph: Arc<GraphProto>,
    runner: Runner,
    careful: Careful,
}

/// The reading of the graph for inputs that are not all finite.
enum Careful {
    NotMade,
    /// It would not differ.
    Same,
    Own(Box<Runner>),
}

impl TractEngine {
    /// An engine for the bytes of an ONNX file. Errors are those of [`read`].
    pub fn new(bytes: &[u8]) -> Result<Self> {
        Self::from_model(read(bytes)?)
    }

    /// An engine for a model that was read.
    pub fn from_model(model: OnnxModel) -> Result<Self> {
        let OnnxModel { graph, opset, signature, description } = model;
        let types = input_types(&graph, &signature)?;
        let runner = Runner::new(graph.clone(), opset, &types)?;
        Ok(Self { signature, description, types, opset, graph, runner, careful: Careful::NotMade })
    }

    /// What the file says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Makes the plan for these input shapes now, so that the first run does not pay for it.
    pub fn prepare(&mut self, shapes: Vec<Vec<usize>>) -> Result<()> {
        self.runner.prepare(shapes)
    }

    /// What runs these inputs.
    fn runner(&mut self, inputs: &[Tensor]) -> Result<&mut Runner> {
        if matches!(self.careful, Careful::Same) || inputs.iter().all(is_tame) {
            return Ok(&mut self.runner);
        }
        if matches!(self.careful, Careful::NotMade) {
            let mut graph = GraphProto::clone(&self.graph);
            self.careful = match rewrite::careful_everywhere(&mut graph) {
                true => Careful::Own(Box::new(Runner::new(Arc::new(graph), self.opset, &self.types)?)),
                false => Careful::Same,
            };
        }
        Ok(match &mut self.careful {
            Careful::Own(careful) => careful,
            _ => &mut self.runner,
        })
    }
}

impl Engine for TractEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        if inputs.len() != self.signature.inputs.len() {
            let message = format!("{} inputs for a model that takes {}", inputs.len(), self.signature.inputs.len());
            return Err(Error::new(ErrorKind::WrongInput, message));
        }
        for (port, tensor) in self.signature.inputs.iter().zip(&inputs) {
            fits(port, tensor)?;
        }
        self.runner(&inputs)?.run(inputs)
    }
}

/// Whether no value is infinite, very large, or not a number.
fn is_tame(tensor: &Tensor) -> bool {
    match tensor.data() {
        Data::F32(values) => values.iter().all(|value| f64::from(value.abs()) < LARGE),
        Data::F64(values) => values.iter().all(|value| value.abs() < LARGE),
        _ => true,
    }
}

fn input_types(graph: &GraphProto, signature: &Signature) -> Result<Vec<DatumType>> {
    let datum = |port: &Port| {
        let info = graph.input.iter().find(|info| info.name == port.name)?;
        let Some(TypeValue::TensorType(tensor)) = info.r#type.as_ref()?.value.as_ref() else { return None };
        let onnx = tract_onnx::pb::tensor_proto::DataType::try_from(tensor.elem_type).ok()?;
        DatumType::try_from(onnx).ok()
    };
    let unknown = |port: &Port| Error::new(ErrorKind::WrongType, "the input has no usable type").item(&port.name);
    signature.inputs.iter().map(|port| datum(port).ok_or_else(|| unknown(port))).collect()
}

fn fits(port: &Port, tensor: &Tensor) -> Result<()> {
    if tensor.element_type() != port.element_type {
        let message = format!("{} where the model takes {}", tensor.element_type().name(), port.element_type.name());
        let help = format!("send it with type \"{}\"", port.element_type.name());
        return Err(Error::new(ErrorKind::WrongType, message).item(&port.name).help(help));
    }
    let same = |(wanted, &size): (&Dimension, &usize)| match wanted {
        Dimension::Fixed(wanted) => *wanted == size,
        Dimension::Symbol(_) => true,
    };
    let shape = tensor.shape();
    if port.shape.is_empty() || (shape.len() == port.shape.len() && port.shape.iter().zip(shape).all(same)) {
        return Ok(());
    }
    let sizes = port.shape.iter().map(|size| match size {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Symbol(name) => name.clone(),
    });
    let wanted = sizes.collect::<Vec<_>>().join(", ");
    let message = format!("the shape {shape:?} where the model takes [{wanted}]");
    Err(Error::new(ErrorKind::WrongShape, message).item(&port.name).help("send the values with that shape"))
}
