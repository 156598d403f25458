//! From a fit to an ONNX graph: a raw record goes in; label, probabilities and margin, or the predicted number, come out.
//!
//! Inputs are one `[batch, 1]` tensor per feature, named after it: float32 with NaN for a missing number or boolean,
//! the int64 index of a category with −1 for a missing or unknown one, the int64 milliseconds of a timestamp with the
//! lowest number that there is for a missing one, and a string for a text.

mod dates;
mod heads;
mod inputs;
mod texts;
mod trees;

use super::{Fitted, Model};
use crate::bundle::Roles;
use crate::canvas::{MODEL_OUTPUTS, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::{Attribute, GraphBuilder};
use crate::tensor::{Data, Dimension, ElementType, Port, Tensor};

/// The roles of the outputs that [`export`] writes.
pub fn roles(task: TaskKind, classes: usize) -> Roles {
    let [label, probabilities, margin, value] = MODEL_OUTPUTS.map(|name| Some(name.to_owned()));
    if task.predicts_value() {
        return Roles { value, margin: None, ..Roles::default() };
    }
    Roles { label, probabilities, margin: margin.filter(|_| classes <= 2), ..Roles::default() }
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
    let mut prepared: Vec<inputs::Prepared> = Vec::with_capacity(fitted.features.len());
    for feature in &fitted.features {
        let next = inputs::prepared(&mut graph, feature, &prepared)?;
        prepared.push(next);
    }
    let columns: Vec<&str> = prepared.iter().filter_map(|feature| feature.columns.as_deref()).collect();
    let matrix = graph.node("Concat", &columns, &[Attribute::Int("axis", 1)]);
    let sums = heads::sums_name(&fitted.head);
    match &fitted.model {
        Model::Linear { weights, intercepts } => linear(&mut graph, &matrix, weights, intercepts, sums)?,
        Model::Trees { listing, base } => trees::trees(&mut graph, &matrix, listing, base, sums)?,
    };
    heads::head(&mut graph, &fitted.head)?;
    Ok(graph.finish())
}

/// `matrix · weights + intercepts`, as an output of that name.
fn linear(graph: &mut GraphBuilder, matrix: &str, weights: &[f64], intercepts: &[f64], name: &str) -> Result<()> {
    let (outputs, width) = (intercepts.len(), weights.len() / intercepts.len().max(1));
    // Sum by sum here, column by column there.
    let turned = (0..width).flat_map(|column| (0..outputs).map(move |output| weights[output * width + column] as f32));
    let weights = graph.constant(&Tensor::new(vec![width, outputs], Data::F32(turned.collect()))?)?;
    let intercepts = intercepts.iter().map(|&intercept| intercept as f32).collect();
    let intercepts = graph.constant(&Tensor::new(vec![1, outputs], Data::F32(intercepts))?)?;
    let product = graph.node("MatMul", &[matrix, &weights], &[]);
    graph.named_node(name, "Add", &[&product, &intercepts], &[]);
    Ok(())
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
