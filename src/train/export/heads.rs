//! From sums to what a prediction says, as nodes.

use super::{number, port};
use crate::canvas::MODEL_OUTPUTS;
use crate::error::Result;
use crate::onnx::{Attribute, GraphBuilder};
use crate::tensor::ElementType;
use crate::train::Head;

const LABEL: &str = MODEL_OUTPUTS[0];
const PROBABILITIES: &str = MODEL_OUTPUTS[1];
const MARGIN: &str = MODEL_OUTPUTS[2];
const PREDICTION: &str = MODEL_OUTPUTS[3];

/// What the sums are called in the graph.
pub(super) fn sums_name(head: &Head) -> &'static str {
    match head {
        Head::Value => PREDICTION,
        Head::Two { .. } | Head::Many { .. } | Head::Depths { .. } => MARGIN,
    }
}

/// Adds what follows the sums, and the outputs.
pub(super) fn head(graph: &mut GraphBuilder, head: &Head) -> Result<()> {
    let axis = Attribute::Int("axis", 1);
    let classes = match head {
        Head::Value => {
            graph.output(&port(PREDICTION, ElementType::F32, &[1]));
            return Ok(());
        }
        Head::Many { classes } => {
            graph.named_node(PROBABILITIES, "Softmax", &[MARGIN], &[axis]);
            classes.len()
        }
        Head::Two { positive, .. } => {
            let score = graph.node("Sigmoid", &[MARGIN], &[]);
            both(graph, &score, *positive)?
        }
        Head::Depths { positive, scale, .. } => {
            // 2^x as e^(x·ln 2): every engine has Exp.
            let scale = number(graph, -std::f64::consts::LN_2 / scale)?;
            let exponent = graph.node("Mul", &[MARGIN, &scale], &[]);
            let score = graph.node("Exp", &[&exponent], &[]);
            both(graph, &score, *positive)?
        }
    };
    graph.named_node(LABEL, "ArgMax", &[PROBABILITIES], &[axis, Attribute::Int("keepdims", 0)]);
    graph.output(&port(LABEL, ElementType::I64, &[]));
    graph.output(&port(PROBABILITIES, ElementType::F32, &[classes]));
    if classes == 2 {
        graph.output(&port(MARGIN, ElementType::F32, &[1]));
    }
    Ok(())
}

/// The probabilities of two classes from that of the positive one.
fn both(graph: &mut GraphBuilder, score: &str, positive: usize) -> Result<usize> {
    let one = number(graph, 1.0)?;
    let other = graph.node("Sub", &[&one, score], &[]);
    let both = if positive == 0 { [score, &other] } else { [&other, score] };
    graph.named_node(PROBABILITIES, "Concat", &both, &[Attribute::Int("axis", 1)]);
    Ok(2)
}
