//! The terms of a text, as nodes on strings: the operators that sklearn-onnx writes, too.

use super::number;
use crate::error::Result;
use crate::onnx::{Attribute, GraphBuilder, MICROSOFT_DOMAIN};
use crate::tensor::{Data, Tensor};
use crate::train::terms::{SHORTEST, pattern};

/// Adds the nodes of the columns of a `[batch, 1]` text; gives the name of the columns.
pub(super) fn columns(graph: &mut GraphBuilder, text: &str, terms: &[String], weights: &[f64]) -> Result<String> {
    let list = graph.constant(&Tensor::new(vec![1], Data::I64(vec![-1]))?)?;
    let texts = graph.node("Reshape", &[text, &list], &[]);
    let change = [Attribute::Text("case_change_action", "LOWER"), Attribute::Int("is_case_sensitive", 1)];
    let lower = graph.node("StringNormalizer", &[&texts], &change);
    let pattern = pattern();
    let tokens = graph.node_of(
        MICROSOFT_DOMAIN,
        "Tokenizer",
        &[&lower],
        &[
            Attribute::Int("mark", 0),
            Attribute::Int("mincharnum", SHORTEST as i64),
            // What fills short rows up must be no term.
            Attribute::Text("pad_value", "#"),
            Attribute::Text("tokenexp", &pattern),
        ],
    );
    let places: Vec<i64> = (0..terms.len() as i64).collect();
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    let counts = graph.node(
        "TfIdfVectorizer",
        &[&tokens],
        &[
            Attribute::Text("mode", "TFIDF"),
            Attribute::Int("min_gram_length", 1),
            Attribute::Int("max_gram_length", 1),
            Attribute::Int("max_skip_count", 0),
            Attribute::Ints("ngram_counts", &[0]),
            Attribute::Ints("ngram_indexes", &places),
            Attribute::Strings("pool_strings", &terms),
            Attribute::Floats("weights", &weights),
        ],
    );
    let squares = graph.node("Mul", &[&counts, &counts], &[]);
    let axis = graph.constant(&Tensor::new(vec![1], Data::I64(vec![1]))?)?;
    let sum = graph.node("ReduceSum", &[&squares, &axis], &[Attribute::Int("keepdims", 1)]);
    let length = graph.node("Sqrt", &[&sum], &[]);
    // A row with any term in it is longer than 1, because no weight is below 1.
    let one = number(graph, 1.0)?;
    let length = graph.node("Max", &[&length, &one], &[]);
    Ok(graph.node("Div", &[&counts, &length], &[]))
}
