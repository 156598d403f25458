//! Operators on strings: normalising, splitting into tokens, counting n-grams.

mod normalize;
mod regex;
mod regex_parser;
mod strings;
mod tfidf;
mod tokenize;

use super::{Family, MICROSOFT, ONNX};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Tensor};

/// The operators of this folder.
pub const FAMILY: Family = &[
    (ONNX, "StringNormalizer", normalize::build),
    (ONNX, "TfIdfVectorizer", tfidf::build),
    (ONNX, "StringConcat", strings::concat),
    (ONNX, "StringSplit", strings::split),
    (ONNX, "RegexFullMatch", strings::full_match),
    (MICROSOFT, "Tokenizer", tokenize::build),
];

/// An input by its place.
fn input(inputs: &[Tensor], place: usize) -> Result<&Tensor> {
    inputs.get(place).ok_or_else(|| {
        let error = Error::new(ErrorKind::InvalidModel, format!("input {place} is missing"));
        error.help("the file is broken; export it again")
    })
}

/// The strings of an input.
fn texts(inputs: &[Tensor], place: usize) -> Result<&[String]> {
    match input(inputs, place)?.data() {
        Data::Text(texts) => Ok(texts),
        other => {
            let message = format!("input {place} has the type {}, not string", other.element_type().name());
            Err(Error::new(ErrorKind::WrongType, message))
        }
    }
}

/// The error for a shape that the operator does not take.
fn wrong_shape(shape: &[usize], wanted: &str) -> Error {
    Error::new(ErrorKind::WrongShape, format!("the shape {shape:?} where {wanted} is wanted"))
}
