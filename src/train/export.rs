//! From a fit to an ONNX graph of plain operators: a raw record goes in, label, probabilities and margin come out.
//!
//! Inputs are one `[batch, 1]` tensor per feature, named after it: float32 with NaN for a missing number or boolean,
//! and the int64 index of a category with −1 for a missing or unknown one.

use super::{Expansion, Fitted, FittedFeature, Step};
use crate::bundle::Roles;
use crate::canvas::{FeatureKind, MODEL_OUTPUTS};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::{Attribute, GraphBuilder};
use crate::tensor::{Data, Dimension, ElementType, Port, Tensor};

const LABEL: &str = MODEL_OUTPUTS[0];
const PROBABILITIES: &str = MODEL_OUTPUTS[1];
const MARGIN: &str = MODEL_OUTPUTS[2];

/// The roles of the outputs that [`export`] writes.
pub fn roles() -> Roles {
    let [label, probabilities, margin] = MODEL_OUTPUTS.map(|name| Some(name.to_owned()));
    Roles { label, probabilities, margin, ..Roles::default() }
}

/// The bytes of the `.onnx` file of a fit.
///
/// # Errors
/// `invalid-canvas` when a feature is called as an output is.
pub fn export(name: &str, fitted: &Fitted) -> Result<Vec<u8>> {
    if let Some(feature) = fitted.features.iter().find(|feature| MODEL_OUTPUTS.contains(&feature.name.as_str())) {
        let message = "the feature has the name of an output of the model";
        let error = Error::new(ErrorKind::InvalidCanvas, message).item(&feature.name);
        return Err(error.help("choose another name, and name its column with `source`"));
    }
    let mut graph = GraphBuilder::new(name);
    let mut columns = Vec::with_capacity(fitted.features.len());
    for feature in &fitted.features {
        columns.push(prepared(&mut graph, feature)?);
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let matrix = graph.node("Concat", &columns, &[Attribute::Int("axis", 1)]);
    let weights = fitted.weights.iter().map(|&weight| weight as f32).collect();
    let weights = graph.constant(&Tensor::new(vec![fitted.weights.len(), 1], Data::F32(weights))?)?;
    let intercept = number(&mut graph, fitted.intercept)?;
    let product = graph.node("MatMul", &[&matrix, &weights], &[]);
    let margin = graph.named_node(MARGIN, "Add", &[&product, &intercept], &[]);
    let positive = graph.node("Sigmoid", &[&margin], &[]);
    let one = number(&mut graph, 1.0)?;
    let negative = graph.node("Sub", &[&one, &positive], &[]);
    let both = if fitted.positive == 0 { [&positive, &negative] } else { [&negative, &positive] };
    let axis = Attribute::Int("axis", 1);
    let probabilities = graph.named_node(PROBABILITIES, "Concat", &[both[0], both[1]], &[axis]);
    graph.named_node(LABEL, "ArgMax", &[&probabilities], &[axis, Attribute::Int("keepdims", 0)]);

    graph.output(&port(LABEL, ElementType::I64, &[]));
    graph.output(&port(PROBABILITIES, ElementType::F32, &[2]));
    graph.output(&port(MARGIN, ElementType::F32, &[1]));
    Ok(graph.finish())
}

/// Adds the nodes of one feature; gives the name of its `[batch, width]` columns.
fn prepared(graph: &mut GraphBuilder, feature: &FittedFeature) -> Result<String> {
    let is_category = feature.kind == FeatureKind::Category;
    let element = if is_category { ElementType::I64 } else { ElementType::F32 };
    let mut value = graph.input(&port(&feature.name, element, &[1]));
    if let Some(impute) = feature.impute {
        let (missing, stand_in) = if is_category {
            let zero = index(graph, &[0])?;
            (graph.node("Less", &[&value, &zero], &[]), index(graph, &[impute as i64])?)
        } else {
            (graph.node("IsNaN", &[&value], &[]), number(graph, impute)?)
        };
        value = graph.node("Where", &[&missing, &stand_in, &value], &[]);
    }
    for step in &feature.steps {
        value = match *step {
            Step::Clip { low, high } => {
                let (low, high) = (number(graph, low)?, number(graph, high)?);
                let raised = graph.node("Max", &[&value, &low], &[]);
                graph.node("Min", &[&raised, &high], &[])
            }
            Step::Log1p => {
                let (zero, one) = (number(graph, 0.0)?, number(graph, 1.0)?);
                let raised = graph.node("Max", &[&value, &zero], &[]);
                let plus_one = graph.node("Add", &[&raised, &one], &[]);
                graph.node("Log", &[&plus_one], &[])
            }
            Step::Affine { shift, scale } => {
                let (shift, scale) = (number(graph, shift)?, number(graph, scale)?);
                let moved = graph.node("Sub", &[&value, &shift], &[]);
                graph.node("Mul", &[&moved, &scale], &[])
            }
        };
    }
    match &feature.expansion {
        Expansion::Identity => Ok(value),
        Expansion::OneHot { values } => {
            let places: Vec<i64> = (0..*values as i64).collect();
            let places = index(graph, &places)?;
            let equal = graph.node("Equal", &[&value, &places], &[]);
            Ok(to_float(graph, &equal))
        }
        Expansion::Bins { edges } if edges.is_empty() => {
            // One bin holds everything: its column is 1 for every row.
            let zero = number(graph, 0.0)?;
            let one = number(graph, 1.0)?;
            let nothing = graph.node("Mul", &[&value, &zero], &[]);
            Ok(graph.node("Add", &[&nothing, &one], &[]))
        }
        Expansion::Bins { edges } => bins(graph, &value, edges),
    }
}

/// One column per bin. With `g_k` = 1 where the value has reached edge `k`, the columns are
/// `1 − g_0, g_0 − g_1, …, g_last`: one product with a matrix of −1 and 1, plus a row that is 1 in the first place.
fn bins(graph: &mut GraphBuilder, value: &str, edges: &[f64]) -> Result<String> {
    let width = edges.len() + 1;
    let row = edges.iter().map(|&edge| edge as f32).collect();
    let row = graph.constant(&Tensor::new(vec![1, edges.len()], Data::F32(row))?)?;
    let reached = graph.node("GreaterOrEqual", &[value, &row], &[]);
    let reached = to_float(graph, &reached);
    let mut steps = vec![0.0f32; edges.len() * width];
    for edge in 0..edges.len() {
        steps[edge * width + edge] = -1.0;
        steps[edge * width + edge + 1] = 1.0;
    }
    let steps = graph.constant(&Tensor::new(vec![edges.len(), width], Data::F32(steps))?)?;
    let mut first = vec![0.0f32; width];
    first[0] = 1.0;
    let first = graph.constant(&Tensor::new(vec![1, width], Data::F32(first))?)?;
    let moved = graph.node("MatMul", &[&reached, &steps], &[]);
    Ok(graph.node("Add", &[&moved, &first], &[]))
}

fn to_float(graph: &mut GraphBuilder, value: &str) -> String {
    const FLOAT: i64 = 1;
    graph.node("Cast", &[value], &[Attribute::Int("to", FLOAT)])
}

fn number(graph: &mut GraphBuilder, value: f64) -> Result<String> {
    graph.constant(&Tensor::cell(Data::F32(vec![value as f32]))?)
}

fn index(graph: &mut GraphBuilder, values: &[i64]) -> Result<String> {
    graph.constant(&Tensor::new(vec![1, values.len()], Data::I64(values.to_vec()))?)
}

fn port(name: &str, element_type: ElementType, sizes: &[usize]) -> Port {
    let batch = Dimension::Symbol("batch".into());
    let shape = std::iter::once(batch).chain(sizes.iter().map(|&size| Dimension::Fixed(size)));
    Port { name: name.to_owned(), element_type, shape: shape.collect() }
}
