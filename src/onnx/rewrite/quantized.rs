//! Quantised operators: between a DequantizeLinear and a QuantizeLinear stands the float operator.
//!
//! Convolutions and matrix products are taken over the integers themselves, less their zero points, as float32: each
//! such product is a whole number, and so is their sum, exactly while it stays below 2^24 and to 24 digits beyond. It is
//! scaled once, at the end, as onnxruntime does it.

use super::writer::{Writer, int};
use crate::error::Result;
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

/// Writes what takes the place of the node. Gives false for an operator that is not one of these.
pub(super) fn lower(domain: &str, operator: &str, w: &mut Writer<'_>, constants: &Constants<'_>) -> Result<bool> {
    match (domain, operator) {
        ("" | "ai.onnx", "MatMulInteger") => integer_product(w)?,
        ("" | "ai.onnx", "ConvInteger") => integer_convolution(w)?,
        ("" | "ai.onnx", "QLinearMatMul") => product(w, constants)?,
        ("" | "ai.onnx" | "com.microsoft", "QLinearConv") => convolution(w)?,
        ("com.microsoft", "QGemm") => gemm(w)?,
        ("com.microsoft", "MatMulIntegerToFloat") => float_product(w)?,
        ("com.microsoft", "DynamicQuantizeMatMul") => dynamic_product(w)?,
        ("com.microsoft", "DynamicQuantizeLSTM") => lstm(w, constants)?,
        ("com.microsoft", "QLinearAdd") => pair(w, "Add")?,
        ("com.microsoft", "QLinearMul") => pair(w, "Mul")?,
        ("com.microsoft", "QLinearAveragePool") => unary(w, "AveragePool")?,
        ("com.microsoft", "QLinearGlobalAveragePool") => unary(w, "GlobalAveragePool")?,
        ("com.microsoft", "QLinearSigmoid") => unary(w, "Sigmoid")?,
        ("com.microsoft", "QLinearLeakyRelu") => unary(w, "LeakyRelu")?,
        ("com.microsoft", "QLinearSoftmax") => softmax(w)?,
        ("com.microsoft", "QLinearConcat") => concat(w)?,
        ("com.microsoft", "QLinearWhere") => choice(w)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The constants of a graph by name.
pub(super) type Constants<'a> = dyn Fn(&str) -> Option<&'a TensorProto> + 'a;

fn refuse_channels_last(w: &Writer<'_>) -> Result<()> {
    match w.attributes.flag("channels_last", false) {
        true => Err(w.refuse("channels_last", "channels are wanted before height and width")),
        false => Ok(()),
    }
}

/// The numbers that integers stand for.
fn numbers(w: &mut Writer<'_>, value: &str, scale: &str, zero: &str) -> String {
    w.add("DequantizeLinear", &[value, scale, zero], vec![])
}

/// Integers less their zero points, as float32.
fn centred(w: &mut Writer<'_>, value: &str, zero: &str, axis: i64) -> Result<String> {
    let one = w.constant(&Tensor::new(vec![], Data::F32(vec![1.0]))?)?;
    Ok(w.add("DequantizeLinear", &[value, &one, zero], vec![int("axis", axis)]))
}

fn cast(w: &mut Writer<'_>, value: &str, to: DataType) -> String {
    w.add("Cast", &[value], vec![int("to", to as i64)])
}

/// The matrix product of two inputs less their zero points, which belong to rows on the left and columns on the right.
fn centred_product(w: &mut Writer<'_>, places: [usize; 2], zeros: [&str; 2]) -> Result<String> {
    let left = centred(w, w.input(places[0])?, zeros[0], -2)?;
    let right = centred(w, w.input(places[1])?, zeros[1], -1)?;
    Ok(w.add("MatMul", &[&left, &right], vec![]))
}

fn integer_product(w: &mut Writer<'_>) -> Result<()> {
    let sum = centred_product(w, [0, 1], [w.optional(2), w.optional(3)])?;
    cast(w, &sum, DataType::Int32);
    Ok(())
}

fn integer_convolution(w: &mut Writer<'_>) -> Result<()> {
    let value = centred(w, w.input(0)?, w.optional(2), 1)?;
    let weights = centred(w, w.input(1)?, w.optional(3), 0)?;
    let sum = w.add("Conv", &[&value, &weights], w.attributes_without(&[]));
    cast(w, &sum, DataType::Int32);
    Ok(())
}

/// Scales a sum to the quantised output: by both scales of the inputs and by that of the output.
fn requantize(w: &mut Writer<'_>, sum: &str, factor: &str, scale: usize, axis: i64) -> Result<()> {
    let factor = w.add("Div", &[factor, w.input(scale)?], vec![]);
    w.add_own("Requantize", &[sum, &factor, w.input(scale + 1)?], vec![int("axis", axis)]);
    Ok(())
}

fn product(w: &mut Writer<'_>, constants: &Constants<'_>) -> Result<()> {
    // A scale for each row of the left matrix would be taken for one of each column.
    if constants(w.input(1)?).is_some_and(|scale| scale.dims.iter().any(|&size| size != 1)) {
        return Err(w.refuse("a_scale", "one scale is wanted for the whole left matrix"));
    }
    let sum = centred_product(w, [0, 3], [w.input(2)?, w.input(5)?])?;
    let factor = w.add("Mul", &[w.input(1)?, w.input(4)?], vec![]);
    requantize(w, &sum, &factor, 6, -1)
}

fn convolution(w: &mut Writer<'_>) -> Result<()> {
    refuse_channels_last(w)?;
    let value = centred(w, w.input(0)?, w.input(2)?, 1)?;
    let weights = centred(w, w.input(3)?, w.input(5)?, 0)?;
    let bias = match w.optional(8) {
        "" => String::new(),
        bias => cast(w, bias, DataType::Float),
    };
    let sum = w.add("Conv", &[&value, &weights, &bias], w.attributes_without(&["channels_last"]));
    let factor = w.add("Mul", &[w.input(1)?, w.input(4)?], vec![]);
    requantize(w, &sum, &factor, 6, 1)
}

fn gemm(w: &mut Writer<'_>) -> Result<()> {
    let alpha = w.attributes.float("alpha").unwrap_or(1.0);
    // Zero points belong to columns of the product, wherever those stand in the right matrix.
    let axis = if w.attributes.flag("transB", false) { 0 } else { 1 };
    let left = centred(w, w.input(0)?, w.optional(2), 0)?;
    let right = centred(w, w.input(3)?, w.optional(5), axis)?;
    let bias = match w.optional(6) {
        "" => String::new(),
        bias => cast(w, bias, DataType::Float),
    };
    let sum = w.add("Gemm", &[&left, &right, &bias], w.attributes_without(&["alpha"]));
    let mut scale = w.input(1)?.to_owned();
    if alpha != 1.0 {
        let alpha = w.constant(&Tensor::new(vec![], Data::F32(vec![alpha]))?)?;
        scale = w.add("Mul", &[&alpha, &scale], vec![]);
    }
    let factor = w.add("Mul", &[&scale, w.input(4)?], vec![]);
    match (w.optional(7), w.optional(8)) {
        ("", "") => {
            w.add("Mul", &[&sum, &factor], vec![]);
            Ok(())
        }
        _ => requantize(w, &sum, &factor, 7, -1),
    }
}

/// Scales a sum to a float output, and adds what may be added.
fn rescale(w: &mut Writer<'_>, sum: &str, scales: [&str; 2], bias: &str) {
    let factor = w.add("Mul", &scales, vec![]);
    let scaled = w.add("Mul", &[sum, &factor], vec![]);
    if !bias.is_empty() {
        w.add("Add", &[&scaled, bias], vec![]);
    }
}

fn float_product(w: &mut Writer<'_>) -> Result<()> {
    let sum = centred_product(w, [0, 1], [w.optional(4), w.optional(5)])?;
    rescale(w, &sum, [w.input(2)?, w.input(3)?], w.optional(6));
    Ok(())
}

fn dynamic_product(w: &mut Writer<'_>) -> Result<()> {
    let left = w.add_outputs("", "DynamicQuantizeLinear", &[w.input(0)?], vec![], 3);
    let value = centred(w, &left[0], &left[2], 0)?;
    let weights = centred(w, w.input(1)?, w.optional(3), -1)?;
    let sum = w.add("MatMul", &[&value, &weights], vec![]);
    rescale(w, &sum, [&left[1], w.input(2)?], w.optional(4));
    Ok(())
}

/// The input is rounded as onnxruntime rounds it; the hidden state, which it rounds at every step, stays as it is.
fn lstm(w: &mut Writer<'_>, constants: &Constants<'_>) -> Result<()> {
    let quantized = w.add_outputs("", "DynamicQuantizeLinear", &[w.input(0)?], vec![], 3);
    let value = numbers(w, &quantized[0], &quantized[1], &quantized[2]);
    let weights = lstm_weights(w, constants, [1, 8, 9])?;
    let recurrence = lstm_weights(w, constants, [2, 10, 11])?;
    let rest = [3, 4, 5, 6, 7].map(|place| w.optional(place));
    let inputs = [&[value.as_str(), &weights, &recurrence], &rest[..]].concat();
    w.add("LSTM", &inputs, w.attributes_without(&[]));
    Ok(())
}

/// Weights [directions, from, to] with a scale for each direction, or for each place of `to` in it, as [directions, to,
/// from], the order of LSTM.
fn lstm_weights(w: &mut Writer<'_>, constants: &Constants<'_>, places: [usize; 3]) -> Result<String> {
    let [value, scale, zero] = [w.input(places[0])?, w.input(places[1])?, w.input(places[2])?];
    let (Some(from), Some(scales), Some(zeros)) =
        (constants(value).and_then(|tensor| tensor.dims.get(1)), constants(scale), constants(zero))
    else {
        return Err(w.refuse("W_scale", "weights, scales and zero points must be constants"));
    };
    let from = *from;
    let mut spread = |tensor: &TensorProto| {
        let mut tensor = tensor.clone();
        if tensor.dims.len() == 2 {
            tensor.dims.insert(1, 1);
        }
        w.proto(tensor)
    };
    let per_place = scales.dims.len() == 2;
    let (scale, zero) = (spread(scales), spread(zeros));
    let attributes = if per_place { vec![int("axis", 1), int("block_size", from)] } else { vec![int("axis", 0)] };
    let value = w.add("DequantizeLinear", &[value, &scale, &zero], attributes);
    Ok(w.add_own("TransposeMatrix", &[&value], vec![]))
}

/// Quantises what a float operator gave. The zero point tells the type, so it must be there.
fn finish(w: &mut Writer<'_>, value: &str, scale: usize) -> Result<()> {
    w.add("QuantizeLinear", &[value, w.input(scale)?, w.input(scale + 1)?], vec![]);
    Ok(())
}

fn pair(w: &mut Writer<'_>, operator: &str) -> Result<()> {
    let left = numbers(w, w.input(0)?, w.input(1)?, w.optional(2));
    let right = numbers(w, w.input(3)?, w.input(4)?, w.optional(5));
    let value = w.add(operator, &[&left, &right], vec![]);
    finish(w, &value, 6)
}

fn unary(w: &mut Writer<'_>, operator: &str) -> Result<()> {
    refuse_channels_last(w)?;
    let value = numbers(w, w.input(0)?, w.input(1)?, w.optional(2));
    let value = w.add(operator, &[&value], w.attributes_without(&["channels_last"]));
    finish(w, &value, 3)
}

fn softmax(w: &mut Writer<'_>) -> Result<()> {
    let axis = w.attributes.int("axis").unwrap_or(-1);
    let meant = w.attributes.int("opset").unwrap_or(w.attributes.opset);
    // Before opset 13, all axes from this one on were taken together.
    if axis != -1 && (meant < 13) != (w.attributes.opset < 13) {
        return Err(w.refuse("opset", "another meaning of the axis than the model's operator set"));
    }
    let value = numbers(w, w.input(0)?, w.input(1)?, w.optional(2));
    let value = w.add("Softmax", &[&value], vec![int("axis", axis)]);
    finish(w, &value, 3)
}

fn concat(w: &mut Writer<'_>) -> Result<()> {
    let count = w.inputs().saturating_sub(2) / 3;
    let mut parts = Vec::with_capacity(count);
    for place in (0..count).map(|part| 2 + 3 * part) {
        parts.push(numbers(w, w.input(place)?, w.input(place + 1)?, w.input(place + 2)?));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let value = w.add("Concat", &parts, w.attributes_without(&[]));
    finish(w, &value, 0)
}

fn choice(w: &mut Writer<'_>) -> Result<()> {
    let yes = numbers(w, w.input(1)?, w.input(2)?, w.input(3)?);
    let no = numbers(w, w.input(4)?, w.input(5)?, w.input(6)?);
    let value = w.add("Where", &[w.input(0)?, &yes, &no], vec![]);
    finish(w, &value, 7)
}
