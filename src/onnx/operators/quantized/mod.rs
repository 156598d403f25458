//! Operators on quantised tensors: small integers q that stand for (q − zero point) · scale.
//!
//! The integers are plain tensors here, so that tract never fuses what stands between them. All other quantised
//! operators are rewritten into these and the float ones, in `rewrite`.

mod bits;
mod dynamic;
mod linear;
mod parameters;
mod transpose;

use super::{Attributes, Family, MICROSOFT, ONNX};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::rewrite::OWN;
use crate::tensor::Tensor;

/// The operators of this folder.
pub const FAMILY: Family = &[
    (ONNX, "QuantizeLinear", linear::quantize),
    (ONNX, "DequantizeLinear", linear::dequantize),
    (ONNX, "DynamicQuantizeLinear", dynamic::build),
    (MICROSOFT, "QuantizeLinear", linear::quantize),
    (MICROSOFT, "DequantizeLinear", linear::dequantize),
    (OWN, "Requantize", linear::requantize),
    (OWN, "DequantizeBits", bits::build),
    (OWN, "TransposeMatrix", transpose::build),
];

/// Where an input that must be there stands among those that are connected.
fn required(attributes: &Attributes<'_>, place: usize) -> Result<usize> {
    attributes.input(place).ok_or_else(|| {
        let error = Error::new(ErrorKind::InvalidModel, format!("input {place} is missing")).item(attributes.place());
        error.help("the file is broken; export it again")
    })
}

/// An input by its place among those that are connected.
fn input(inputs: &[Tensor], place: usize) -> Result<&Tensor> {
    inputs.get(place).ok_or_else(|| Error::new(ErrorKind::InvalidModel, format!("input {place} is missing")))
}
