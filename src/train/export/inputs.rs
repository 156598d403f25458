//! From raw values to prepared columns, as nodes.

use super::{index, number, port};
use crate::canvas::FeatureKind;
use crate::error::Result;
use crate::onnx::{Attribute, GraphBuilder};
use crate::tensor::{Data, ElementType, Tensor};
use crate::train::{Expansion, FittedFeature, Step};

/// Adds the nodes of one feature; gives the name of its `[batch, width]` columns.
pub(super) fn prepared(graph: &mut GraphBuilder, feature: &FittedFeature) -> Result<String> {
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
        Expansion::Ranks { ranks } => {
            let places: Vec<i64> = (0..ranks.len() as i64).collect();
            let places = index(graph, &places)?;
            let equal = graph.node("Equal", &[&value, &places], &[]);
            let one_hot = to_float(graph, &equal);
            let ranks: Vec<f32> = ranks.iter().map(|&rank| rank as f32).collect();
            let ranks = graph.constant(&Tensor::new(vec![ranks.len(), 1], Data::F32(ranks))?)?;
            Ok(graph.node("MatMul", &[&one_hot, &ranks], &[]))
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
