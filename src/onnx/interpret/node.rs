//! One node with all of its inputs known: by an operator of the kit, or as a small graph of tract's.

use super::Value;
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::convert::{datum_type, element_of, from_tract, onnx_datum, to_tract};
use crate::onnx::operators::{Operator, named_only, predicted};
use crate::onnx::read::framework;
use crate::onnx::runner::failed;
use crate::tensor::ElementType;
use std::sync::Arc;
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TypeProto, ValueInfoProto};
use tract_onnx::prelude::{Framework, InferenceModelExt, IntoArcTensor, IntoRunnable, Tensor, tvec};
use tract_onnx::tract_hir::internal::InferenceFact;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;

/// The types of those inputs that are tensors.
pub(super) fn types(inputs: &[Option<Value>]) -> Vec<ElementType> {
    let tensors = inputs.iter().flatten().filter_map(|value| value.tensor().ok());
    tensors.filter_map(|tensor| element_of(tensor.datum_type())).collect()
}

/// Runs an operator of the kit. It gives only those outputs that have a name; the others are nothing.
pub(super) fn own(operator: &dyn Operator, node: &NodeProto, inputs: &[Option<Value>]) -> Result<Vec<Value>> {
    let inputs: Vec<_> = inputs.iter().flatten().map(|value| from_tract(value.tensor()?)).collect::<Result<_>>()?;
    let named: Vec<bool> = node.output.iter().map(|name| !name.is_empty()).collect();
    let mut outputs = named_only(operator.run(&inputs)?, &named).into_iter();
    let value = |name: &String| {
        let output = if name.is_empty() { None } else { outputs.next() };
        let Some(output) = output else { return Ok(Value::Nothing) };
        let datum = datum_type(output.element_type());
        Ok(Value::Tensor(Arc::new(to_tract(output, datum)?)))
    };
    node.output.iter().map(value).collect()
}

/// Runs an operator of tract: a graph of this one node, its inputs as constants.
pub(super) fn tract(node: &NodeProto, inputs: &[Option<Value>], opset: i64) -> Result<Vec<Value>> {
    let shape = |value: &Option<Value>| value.as_ref()?.tensor().ok().map(|tensor| tensor.shape().to_vec());
    let shapes: Vec<Option<Vec<usize>>> = inputs.iter().map(shape).collect();
    predicted(node, &shapes.iter().map(Option::as_deref).collect::<Vec<_>>())?;
    let mut alone = node.clone();
    let (mut infos, mut tensors): (Vec<ValueInfoProto>, Vec<&Arc<Tensor>>) = (vec![], vec![]);
    for (index, value) in inputs.iter().enumerate() {
        let Some(value) = value else { continue };
        let (name, tensor) = (format!("input {index}"), value.tensor()?);
        alone.input[index].clone_from(&name);
        let kind = TensorType { elem_type: onnx_datum(tensor.datum_type())?, shape: None };
        let kind = TypeProto { value: Some(TypeValue::TensorType(kind)), ..TypeProto::default() };
        infos.push(ValueInfoProto { name, r#type: Some(kind), ..ValueInfoProto::default() });
        tensors.push(tensor);
    }
    // Outputs without a name are none of the node's: its last named one tells how many there are.
    let outputs: Vec<ValueInfoProto> = node
        .output
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| ValueInfoProto { name: name.clone(), ..ValueInfoProto::default() })
        .collect();
    let graph = GraphProto { node: vec![alone], input: infos, output: outputs, ..GraphProto::default() };
    let proto = ModelProto {
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        graph: Some(graph),
        ..ModelProto::default()
    };
    let failed = |error: tract_onnx::prelude::TractError| failed(&error);
    let mut model = framework().model_for_proto_model(&proto).map_err(failed)?;
    let sources = model.inputs.clone();
    for (outlet, tensor) in sources.iter().zip(tensors) {
        let constant = Const::new(tensor.clone()).map_err(failed)?;
        model.node_mut(outlet.node).op = constant.into();
        let fact = InferenceFact::try_from(tensor).map_err(failed)?;
        model.set_outlet_fact(*outlet, fact).map_err(failed)?;
    }
    model.inputs.clear();
    let plan = model.into_typed().and_then(|model| model.into_runnable()).map_err(failed)?;
    let values = plan.run(tvec!()).map_err(failed)?;
    let mut values = values.into_iter();
    let mut outputs = Vec::with_capacity(node.output.len());
    for name in &node.output {
        outputs.push(match name.is_empty() {
            true => Value::Nothing,
            false => {
                let value = values.next().ok_or_else(|| Error::new(ErrorKind::EngineFailed, "an output is missing"))?;
                Value::Tensor(value.into_arc_tensor())
            }
        });
    }
    Ok(outputs)
}
