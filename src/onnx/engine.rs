//! The engine: tract, with one plan per set of input shapes, and the interpreter where there can be none.

use super::convert::{from_tract, to_tract};
use super::interpret::Interpreter;
use super::operators::{self, Failure};
use super::read::{Description, OnnxModel, framework, read};
use crate::error::{Error, ErrorKind, Result};
use crate::predict::{Engine, Signature};
use crate::tensor::{Dimension, Port, Tensor};
use std::sync::Arc;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto};
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, IntoTValue, TractError,
    TypedRunnableModel, tvec,
};

/// How many sets of input shapes keep their plan. The oldest makes room.
const PLANS: usize = 8;

/// Runs any ONNX model whose operators are known.
///
/// A plan is made the first time a set of input shapes is seen, so that models whose inner shapes depend on the batch
/// run as well as all others. Where no plan can be made, the graph is run node by node.
pub struct TractEngine {
    signature: Signature,
    description: Description,
    graph: Arc<GraphProto>,
    opset: i64,
    /// tract's own reading of the graph, or why there is none.
    model: Result<InferenceModel>,
    types: Vec<DatumType>,
    plans: Vec<(Vec<Vec<usize>>, Plan)>,
    interpreter: Option<Interpreter>,
}

/// How inputs of these shapes are run.
#[derive(Clone)]
enum Plan {
    Tract(Arc<TypedRunnableModel>),
    NodeByNode,
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
        let parsed = guarded(|| parse(&graph, opset, &types));
        if let Err(error) = &parsed
            && error.kind() == ErrorKind::UnsupportedOperator
        {
            return Err(error.clone());
        }
        Ok(Self { signature, description, graph, opset, model: parsed, types, plans: Vec::new(), interpreter: None })
    }

    /// What the file says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Makes the plan for these input shapes now, so that the first run does not pay for it.
    pub fn prepare(&mut self, shapes: Vec<Vec<usize>>) -> Result<()> {
        self.plan(shapes).map(|_| ())
    }

    fn plan(&mut self, shapes: Vec<Vec<usize>>) -> Result<Plan> {
        if let Some((_, plan)) = self.plans.iter().find(|(known, _)| *known == shapes) {
            return Ok(plan.clone());
        }
        let plan = match self.tract_plan(&shapes) {
            Ok(plan) => Plan::Tract(plan),
            Err(error) if error.kind() == ErrorKind::UnsupportedOperator => return Err(error),
            Err(_) => Plan::NodeByNode,
        };
        self.keep(shapes, plan.clone());
        Ok(plan)
    }

    fn keep(&mut self, shapes: Vec<Vec<usize>>, plan: Plan) {
        self.plans.retain(|(known, _)| *known != shapes);
        if self.plans.len() == PLANS {
            self.plans.remove(0);
        }
        self.plans.push((shapes, plan));
    }

    fn tract_plan(&self, shapes: &[Vec<usize>]) -> Result<Arc<TypedRunnableModel>> {
        guarded(|| self.unguarded_plan(shapes))
    }

    fn unguarded_plan(&self, shapes: &[Vec<usize>]) -> Result<Arc<TypedRunnableModel>> {
        let mut model = self.model.clone()?;
        for (index, shape) in shapes.iter().enumerate() {
            let fact = InferenceFact::dt_shape(self.types[index], shape.as_slice());
            model.set_input_fact(index, fact).map_err(|error| failed(&error))?;
        }
        let model = model.into_typed().map_err(|error| failed(&error))?;
        operators::check_plan(&model)?;
        model.into_optimized().and_then(|model| model.into_runnable()).map_err(|error| failed(&error))
    }

    fn node_by_node(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let interpreter = match &self.interpreter {
            Some(interpreter) => interpreter,
            None => self.interpreter.insert(Interpreter::new(self.graph.clone(), self.opset)?),
        };
        let mut named = Vec::with_capacity(inputs.len());
        for ((port, tensor), &datum) in self.signature.inputs.iter().zip(inputs).zip(&self.types) {
            named.push((port.name.as_str(), to_tract(tensor, datum)?));
        }
        guarded(|| interpreter.run(named))?.iter().map(from_tract).collect()
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
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|tensor| tensor.shape().to_vec()).collect();
        let Plan::Tract(plan) = self.plan(shapes.clone())? else { return self.node_by_node(inputs) };
        let mut values = tvec!();
        for (tensor, &datum) in inputs.iter().zip(&self.types) {
            values.push(to_tract(tensor.clone(), datum)?.into_tvalue());
        }
        match guarded(|| plan.run(values).map_err(|error| failed(&error))) {
            Ok(outputs) => outputs.iter().map(|output| from_tract(output)).collect(),
            Err(error) => {
                // A plan that fails while it runs met a shape that it could not foresee; or the input is wrong, and
                // then the interpreter says at which node.
                let outputs = self.node_by_node(inputs).map_err(|found| better(found, error))?;
                self.keep(shapes, Plan::NodeByNode);
                Ok(outputs)
            }
        }
    }
}

/// A panic of tract on a file that it did not foresee is an error of this model, where panics can be caught. In
/// WebAssembly they end the instance, and the SDK starts a new one.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    #[cfg(not(target_arch = "wasm32"))]
    {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(Error::new(ErrorKind::EngineFailed, format!("the engine gave up: {text}")))
        })
    }
    #[cfg(target_arch = "wasm32")]
    run()
}

/// Of two errors for one cause, the one that a person can do more with.
fn better(found: Error, plan: Error) -> Error {
    if matches!(found.kind(), ErrorKind::EngineFailed | ErrorKind::UnsupportedOperator) { found } else { plan }
}

/// tract's reading of a graph, with the kit's operators in it.
fn parse(graph: &GraphProto, opset: i64, types: &[DatumType]) -> Result<InferenceModel> {
    let mut framework = framework();
    let mut graph = graph.clone();
    operators::register(&mut framework, &mut graph);
    let proto = ModelProto {
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        graph: Some(graph),
        ..ModelProto::default()
    };
    let mut model = framework.model_for_proto_model(&proto).map_err(|error| failed(&error))?;
    for (index, &datum) in types.iter().enumerate() {
        model.set_input_fact(index, InferenceFact::dt(datum)).map_err(|error| failed(&error))?;
    }
    Ok(model)
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

/// The kit's error for one of tract's. An error of the kit that came through tract is taken out again.
pub(super) fn failed(error: &TractError) -> Error {
    if let Some(Failure(own)) = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        return own.clone();
    }
    // tract's chain goes from the node down to the cause; both ends matter to the reader.
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let help = "the file may be broken; `nearside verify` on its test data tells more";
    Error::new(ErrorKind::EngineFailed, chain.join(": ")).help(help)
}
