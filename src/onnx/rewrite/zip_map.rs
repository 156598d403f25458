//! ZipMap: a list of dictionaries from class to probability. Here the plain tensor comes out, and the signature says the
//! keys of its columns.

use crate::onnx::check::subgraphs_mut;
use std::collections::BTreeMap;
use tract_onnx::pb::GraphProto;

/// Replaces every ZipMap by the tensor it was made from. Gives the keys by output name.
pub fn lower(graph: &mut GraphProto) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::new();
    for node in &mut graph.node {
        for graph in subgraphs_mut(node) {
            keys.extend(lower(graph));
        }
        if node.op_type != "ZipMap" || node.domain != "ai.onnx.ml" {
            continue;
        }
        let mut classes: Vec<String> = Vec::new();
        for attribute in &node.attribute {
            match attribute.name.as_str() {
                "classlabels_strings" => {
                    classes.extend(attribute.strings.iter().map(|text| String::from_utf8_lossy(text).into_owned()));
                }
                "classlabels_int64s" => classes.extend(attribute.ints.iter().map(i64::to_string)),
                _ => {}
            }
        }
        keys.extend(node.output.iter().map(|output| (output.clone(), classes.clone())));
        node.attribute.clear();
        node.domain.clear();
        node.op_type = "Identity".to_owned();
    }
    keys
}
