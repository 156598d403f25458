//! The names of classes that the classifiers of a file carry.

use crate::error::{Error, ErrorKind, Result};
use prost::Message;
use tract_onnx::pb::ModelProto;

/// The lists of class names in the attributes of a file's nodes, those nearest to the outputs first and each once:
/// strings as they are, integers written out.
///
/// # Errors
/// `invalid-model` when the bytes are no ONNX file.
pub fn class_labels(bytes: &[u8]) -> Result<Vec<Vec<String>>> {
    let model = ModelProto::decode(bytes).map_err(|error| {
        let error = Error::new(ErrorKind::InvalidModel, format!("this is not an ONNX file: {error}"));
        error.help("export the model again")
    })?;
    let mut lists: Vec<Vec<String>> = Vec::new();
    for attribute in model.graph.iter().flat_map(|graph| graph.node.iter().rev()).flat_map(|node| &node.attribute) {
        let list: Vec<String> = match attribute.name.as_str() {
            "classlabels_strings" => {
                attribute.strings.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
            }
            "classlabels_int64s" | "classlabels_ints" => attribute.ints.iter().map(i64::to_string).collect(),
            _ => continue,
        };
        if !list.is_empty() && !lists.contains(&list) {
            lists.push(list);
        }
    }
    Ok(lists)
}
