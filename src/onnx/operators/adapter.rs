//! Own operators as nodes of tract's graphs.

use super::{Fact, Operator, bounded, build, find, key, named_only};
use crate::error::{Error, ErrorKind};
use crate::onnx::convert::{datum_type, element_of, from_tract, to_tract};
use std::sync::Arc;
use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::{DatumType, IntoTValue, SpecialOps, TDim, TValue, TVec, TractResult, tvec};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::{
    EvalContext, EvalOp, Expansion, InferenceOp, InferenceResult, IntoExp, Op, OutletId, ShapeFactoid, Solver,
    StaticName, TensorProxy, TypedFact, TypedModel, TypedOp, as_op, expand, format_err, op_as_typed_op, op_out_of_plan,
};

/// Tells tract of every own operator that a graph uses, and names them so that tract finds them.
pub fn register(framework: &mut Onnx, graph: &mut GraphProto) {
    for node in &mut graph.node {
        if find(node).is_some() {
            let key = key(&node.domain, &node.op_type);
            framework.op_register.0.insert(key.clone(), parse);
            // The domain keeps the operator's own name for `parse`.
            node.domain = format!("{}\n{}", node.domain, node.op_type);
            node.op_type = key;
        }
        for attribute in &mut node.attribute {
            attribute.g.iter_mut().for_each(|graph| register(framework, graph));
            attribute.graphs.iter_mut().for_each(|graph| register(framework, graph));
        }
    }
}

fn parse(context: &ParsingContext<'_>, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let mut original = node.clone();
    if let Some((domain, name)) = node.domain.split_once('\n') {
        (original.domain, original.op_type) = (domain.to_owned(), name.to_owned());
    }
    let named = original.output.iter().map(|name| !name.is_empty()).collect();
    let built = build(&original, context.onnx_operator_set_version);
    let operator = built.ok_or_else(|| format_err!("{} is no operator of the kit", original.op_type))?;
    let operator = operator.map_err(|error| format_err!(Failure(error)))?;
    let own = Own { name: original.op_type, operator: operator.into(), named };
    Ok((expand(own), vec![]))
}

/// Fails where tract would panic over a plan or run it wrong: products of matrices of whole numbers that it has no kernels for, and
/// tensors that no memory holds.
pub fn check_plan(model: &TypedModel) -> crate::error::Result<()> {
    for node in &model.nodes {
        for output in &node.outputs {
            if let Some(shape) = output.fact.shape.as_concrete() {
                bounded(shape).map_err(|error| error.item(&node.name))?;
            }
            if node.op.name() == "Pow" && output.fact.datum_type.is_integer() {
                let message = "there is no plan for powers of whole numbers";
                return Err(Error::new(ErrorKind::EngineFailed, message).item(&node.name));
            }
        }
    }
    for node in model.nodes.iter().filter(|node| node.op_is::<EinSum>()) {
        for input in &node.inputs {
            let datum = model.outlet_fact(*input).map(|fact| fact.datum_type);
            if matches!(datum, Ok(DatumType::I64 | DatumType::I16 | DatumType::U64 | DatumType::U32 | DatumType::U16)) {
                let message = "there is no plan for products of such whole numbers";
                return Err(Error::new(ErrorKind::EngineFailed, message).item(&node.name));
            }
        }
    }
    Ok(())
}

/// An error of the kit on its way through tract.
#[derive(Debug, Clone)]
pub struct Failure(pub Error);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

#[derive(Debug, Clone)]
struct Own {
    name: String,
    operator: Arc<dyn Operator>,
    /// Which outputs of the operator have a name.
    named: Vec<bool>,
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.operator, &other.operator)
    }
}

impl Eq for Own {}

impl Expansion for Own {
    fn name(&self) -> StaticName {
        self.name.clone().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.named.iter().filter(|named| **named).count())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let types: Vec<_> = inputs.iter().map(|input| (&input.datum_type).bex()).collect();
        solver.given_all(types, move |solver, types: Vec<DatumType>| {
            let shapes: Vec<_> = inputs.iter().map(|input| (&input.shape).bex()).collect();
            solver.given_all(shapes, move |solver, shapes: Vec<TVec<TDim>>| {
                let facts: Option<Vec<Fact>> =
                    types.iter().zip(&shapes).map(|(&datum, shape)| known(datum, shape.iter().cloned())).collect();
                let Some(found) = facts.and_then(|facts| self.operator.facts(&facts).ok()) else { return Ok(()) };
                for (output, fact) in outputs.iter().zip(named_only(found, &self.named)) {
                    solver.equals(&output.datum_type, datum_type(fact.element))?;
                    let shape: TVec<TDim> = fact.shape.iter().map(|&size| TDim::from(size as i64)).collect();
                    solver.equals(&output.shape, ShapeFactoid::from(shape))?;
                }
                Ok(())
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

/// What an operator of the kit is told of a fact of tract; nothing while a size is not known.
fn known(datum: DatumType, shape: impl Iterator<Item = TDim>) -> Option<Fact> {
    let shape: Option<Vec<usize>> =
        shape.map(|size| size.to_i64().ok().and_then(|size| usize::try_from(size).ok())).collect();
    Some(Fact::new(element_of(datum)?, shape?))
}

impl Op for Own {
    fn name(&self) -> StaticName {
        self.name.clone().into()
    }

    op_as_typed_op!();
}

impl EvalOp for Own {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs: Result<Vec<_>, _> = inputs.iter().map(|input| from_tract(input)).collect();
        let outputs =
            inputs.and_then(|inputs| self.operator.run(&inputs)).map_err(|error| format_err!(Failure(error)))?;
        let mut values = tvec!();
        for output in named_only(outputs, &self.named) {
            let datum = datum_type(output.element_type());
            values.push(to_tract(output, datum).map_err(|error| format_err!(Failure(error)))?.into_tvalue());
        }
        Ok(values)
    }
}

impl TypedOp for Own {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut facts = Vec::with_capacity(inputs.len());
        for input in inputs {
            let unknown = || format_err!(Failure(super::depends_on_values()));
            let mut fact = known(input.datum_type, input.shape.iter().cloned()).ok_or_else(unknown)?;
            fact.value = match &input.konst {
                Some(tensor) => Some(from_tract(tensor).map_err(|error| format_err!(Failure(error)))?),
                None => None,
            };
            facts.push(fact);
        }
        let outputs = self.operator.facts(&facts).map_err(|error| format_err!(Failure(error)))?;
        let error = |error: Error| format_err!(Failure(error));
        let mut typed = tvec!();
        for fact in named_only(outputs, &self.named) {
            fact.elements().map_err(error)?;
            typed.push(TypedFact::dt_shape(datum_type(fact.element), fact.shape.as_slice()));
        }
        Ok(typed)
    }
}
