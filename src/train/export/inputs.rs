//! From raw values to prepared columns, as nodes.

use super::{dates, index, number, port, texts};
use crate::canvas::{Derivation, FeatureKind};
use crate::error::Result;
use crate::onnx::{Attribute, GraphBuilder};
use crate::tensor::{Data, ElementType, Tensor};
use crate::train::{Derived, Expansion, FittedFeature, Step};

/// The nodes of one feature, by name.
pub(super) struct Prepared {
    /// Its value after the imputation, `[batch, 1]`.
    value: String,
    /// Its columns, `[batch, width]`; none for a feature that others are derived from and nothing else.
    pub(super) columns: Option<String>,
}

/// Adds the nodes of one feature. `before` are those that it may be derived from.
pub(super) fn prepared(graph: &mut GraphBuilder, feature: &FittedFeature, before: &[Prepared]) -> Result<Prepared> {
    if let Expansion::Terms { terms, weights } = &feature.expansion {
        let value = graph.input(&port(&feature.name, ElementType::Text, &[1]));
        let columns = Some(texts::columns(graph, &value, terms, weights)?);
        return Ok(Prepared { value, columns });
    }
    let value = match feature.derived {
        None => imputed(graph, feature)?,
        Some(derived) => {
            let [left, right] = derived.of.map(|place| before[place].value.as_str());
            apart(graph, derived, left, right)?
        }
    };
    let columns = match &feature.expansion {
        Expansion::Dates { columns, .. } if columns.is_empty() => None,
        Expansion::Dates { since, columns } => Some(dates::columns(graph, &value, *since, columns)?),
        _ => Some(columns(graph, feature, value.clone())?),
    };
    Ok(Prepared { value, columns })
}

/// The input of a feature, with what stands in for a missing value.
fn imputed(graph: &mut GraphBuilder, feature: &FittedFeature) -> Result<String> {
    let element = match feature.kind {
        FeatureKind::Category | FeatureKind::Timestamp => ElementType::I64,
        _ => ElementType::F32,
    };
    let value = graph.input(&port(&feature.name, element, &[1]));
    let Some(impute) = feature.impute else { return Ok(value) };
    let (missing, stand_in) = match feature.kind {
        FeatureKind::Category => {
            let zero = index(graph, &[0])?;
            (graph.node("Less", &[&value, &zero], &[]), index(graph, &[impute as i64])?)
        }
        FeatureKind::Timestamp => {
            let nothing = index(graph, &[i64::MIN])?;
            (graph.node("Equal", &[&value, &nothing], &[]), index(graph, &[impute as i64])?)
        }
        _ => (graph.node("IsNaN", &[&value], &[]), number(graph, impute)?),
    };
    Ok(graph.node("Where", &[&missing, &stand_in, &value], &[]))
}

/// A number derived from two.
fn apart(graph: &mut GraphBuilder, derived: Derived, left: &str, right: &str) -> Result<String> {
    Ok(match derived.derivation {
        Derivation::Difference if derived.moments => {
            let ms = graph.node("Sub", &[left, right], &[]);
            let (ms, day) = (to_float(graph, &ms), number(graph, 86_400_000.0)?);
            graph.node("Div", &[&ms, &day], &[])
        }
        Derivation::Difference => graph.node("Sub", &[left, right], &[]),
        Derivation::Ratio => {
            let zero = number(graph, 0.0)?;
            let is_zero = graph.node("Equal", &[right, &zero], &[]);
            let ratio = graph.node("Div", &[left, right], &[]);
            graph.node("Where", &[&is_zero, &zero, &ratio], &[])
        }
    })
}

/// From a value to its columns: steps and expansion.
fn columns(graph: &mut GraphBuilder, feature: &FittedFeature, mut value: String) -> Result<String> {
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
        // These have nodes of their own.
        Expansion::Dates { .. } | Expansion::Terms { .. } => Ok(value),
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

pub(super) fn to_float(graph: &mut GraphBuilder, value: &str) -> String {
    const FLOAT: i64 = 1;
    graph.node("Cast", &[value], &[Attribute::Int("to", FLOAT)])
}
