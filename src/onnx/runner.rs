//! Takes a checked graph; runs it: by tract, with one plan per set of input shapes, and by the interpreter where there can
//! be no plan.

use super::check::visit;
use super::convert::{from_tract, to_tract};
use super::interpret::Interpreter;
use super::operators::{self, Failure};
use super::read::framework;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;
use std::sync::Arc;
use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto};
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, IntoTValue, TractError,
    TypedRunnableModel, tvec,
};

/// How many sets of input shapes keep their plan. The oldest makes room.
const PLANS: usize = 8;

/// One reading of a graph.
///
/// A plan is made the first time a set of input shapes is seen, so that models whose inner shapes depend on the batch
/// run as well as all others. Where no plan can be made, the graph is run node by node.
pub(super) struct Runner {
    graph: Arc<GraphProto>,
    opset: i64,
    /// tract's own reading of the graph, or why there is none.
    model: Result<InferenceModel>,
    types: Vec<DatumType>,
    plans: Vec<(Vec<Vec<usize>>, Plan)>,
    interpreter: Option<Interpreter>,
    /// A node that is right for one sequence at a time only.
    single: Option<String>,
}

/// How inputs of these shapes are run.
#[derive(Clone)]
enum Plan {
    Tract(Arc<TypedRunnableModel>),
    NodeByNode,
}

impl Runner {
    /// Reads a graph whose inputs, but for those that are constants, have these types. Fails with
    /// `unsupported-operator` where an attribute asks for what nobody here does.
    pub(super) fn new(graph: Arc<GraphProto>, opset: i64, types: &[DatumType]) -> Result<Self> {
        let model = guarded(|| parse(&graph, opset, types));
        if let Err(error) = &model
            && error.kind() == ErrorKind::UnsupportedOperator
        {
            return Err(error.clone());
        }
        let mut single = None;
        visit(&graph, &mut |node| {
            // tract takes the length of the first sequence for that of all.
            if node.op_type == "GroupQueryAttention" {
                single.get_or_insert_with(|| operators::Attributes::new(node, opset).place());
            }
        });
        Ok(Self { graph, opset, model, types: types.to_vec(), plans: Vec::new(), interpreter: None, single })
    }

    /// Makes the plan for these input shapes.
    pub(super) fn prepare(&mut self, shapes: Vec<Vec<usize>>) -> Result<()> {
        self.plan(shapes).map(|_| ())
    }

    /// Runs the graph on inputs of its types, in its order.
    pub(super) fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        if let Some(place) = &self.single
            && inputs.iter().any(|input| input.shape().len() > 1 && input.shape()[0] > 1)
        {
            let error = Error::new(ErrorKind::UnsupportedOperator, "several sequences at once are not supported");
            return Err(error.item(place).help("run one sequence at a time"));
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
        let graph = &self.graph;
        let constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let names = graph.input.iter().map(|info| info.name.as_str()).filter(|name| !constant(name));
        let mut named = Vec::with_capacity(inputs.len());
        for ((name, tensor), &datum) in names.zip(inputs).zip(&self.types) {
            named.push((name, to_tract(tensor, datum)?));
        }
        guarded(|| interpreter.run(named))?.iter().map(from_tract).collect()
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
