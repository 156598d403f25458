//! The engine: tract, with one plan per set of input shapes.

use super::convert::{from_tract, to_tract};
use super::read::{OnnxModel, framework, read};
use crate::error::{Error, ErrorKind, Result};
use crate::predict::{Engine, Signature};
use crate::tensor::{Dimension, Port, Tensor};
use std::sync::Arc;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, IntoTValue, TractError,
    TypedRunnableModel, tvec,
};

/// How many sets of input shapes keep their plan. The oldest makes room.
const PLANS: usize = 8;

/// Runs any ONNX model whose operators tract has.
///
/// A plan is made the first time a set of input shapes is seen, so that models whose inner shapes depend on the batch
/// run as well as all others.
pub struct TractEngine {
    signature: Signature,
    model: InferenceModel,
    types: Vec<DatumType>,
    plans: Vec<(Vec<Vec<usize>>, Arc<TypedRunnableModel>)>,
}

impl TractEngine {
    /// An engine for the bytes of an ONNX file. Errors are those of [`read`].
    pub fn new(bytes: &[u8]) -> Result<Self> {
        Self::from_model(read(bytes)?)
    }

    /// An engine for a model that was read.
    pub fn from_model(model: OnnxModel) -> Result<Self> {
        let OnnxModel { proto, signature } = model;
        let types = input_types(&proto, &signature)?;
        let mut model = framework().model_for_proto_model(&proto).map_err(|error| failed(&error))?;
        for (index, &datum) in types.iter().enumerate() {
            model.set_input_fact(index, InferenceFact::dt(datum)).map_err(|error| failed(&error))?;
        }
        Ok(Self { signature, model, types, plans: Vec::new() })
    }

    /// Makes the plan for these input shapes now, so that the first run does not pay for it.
    pub fn prepare(&mut self, shapes: Vec<Vec<usize>>) -> Result<()> {
        self.plan(shapes).map(|_| ())
    }

    fn plan(&mut self, shapes: Vec<Vec<usize>>) -> Result<Arc<TypedRunnableModel>> {
        if let Some((_, plan)) = self.plans.iter().find(|(known, _)| *known == shapes) {
            return Ok(plan.clone());
        }
        let mut model = self.model.clone();
        for (index, shape) in shapes.iter().enumerate() {
            let fact = InferenceFact::dt_shape(self.types[index], shape.as_slice());
            model.set_input_fact(index, fact).map_err(|error| failed(&error))?;
        }
        let plan = model.into_optimized().and_then(|model| model.into_runnable()).map_err(|error| failed(&error))?;
        if self.plans.len() == PLANS {
            self.plans.remove(0);
        }
        self.plans.push((shapes, plan.clone()));
        Ok(plan)
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
        let plan = self.plan(inputs.iter().map(|tensor| tensor.shape().to_vec()).collect())?;
        let mut values = tvec!();
        for (tensor, &datum) in inputs.into_iter().zip(&self.types) {
            values.push(to_tract(tensor, datum)?.into_tvalue());
        }
        let outputs = plan.run(values).map_err(|error| failed(&error))?;
        outputs.iter().map(|output| from_tract(output)).collect()
    }
}

fn input_types(proto: &tract_onnx::pb::ModelProto, signature: &Signature) -> Result<Vec<DatumType>> {
    let inputs = proto.graph.iter().flat_map(|graph| &graph.input);
    let inputs: Vec<_> = inputs.collect();
    let datum = |port: &Port| {
        let info = inputs.iter().find(|info| info.name == port.name)?;
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

fn failed(error: &TractError) -> Error {
    // tract's chain goes from the node down to the cause; both ends matter to the reader.
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let help = "the file may be broken; `nearside verify` on its test data tells more";
    Error::new(ErrorKind::EngineFailed, chain.join(": ")).help(help)
}
