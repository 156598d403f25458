//! What onnxruntime's tools write: quantised operators, and operators fused from several of the standard set.

use super::fold::fold;
use super::quantized::{self, Constants};
use super::transformer;
use super::writer::{Writer, float, int};
use crate::error::Result;
use crate::onnx::check::subgraphs_mut;
use crate::onnx::tensor_proto::read_tensor;
use crate::tensor::{Data, Tensor};
use std::collections::HashMap;
use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::f16;

/// Replaces the operators of com.microsoft that are made of others, and the quantised operators of the standard set.
///
/// Fails with `unsupported-operator` for a variant that has no counterpart, and with `invalid-model` for a node without
/// its inputs; both name the node. `opset` is the version of the standard set.
pub fn lower(graph: &mut GraphProto, opset: i64) -> Result<()> {
    let mut nodes = Vec::with_capacity(graph.node.len());
    let mut added = Vec::new();
    {
        let known: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let constants = |name: &str| known.get(name).copied();
        for mut node in std::mem::take(&mut graph.node) {
            subgraphs_mut(&mut node).try_for_each(|graph| lower(graph, opset))?;
            let mut writer = Writer::new(&node, opset);
            let (domain, operator) = (node.domain.as_str(), node.op_type.as_str());
            let replaced = quantized::lower(domain, operator, &mut writer, &constants)?
                || (domain == "com.microsoft" && fused(operator, &mut writer, &constants)?);
            if !replaced {
                nodes.push(node);
                continue;
            }
            let (written, tensors) = writer.finish();
            nodes.extend(written);
            added.extend(tensors);
        }
    }
    graph.node = nodes;
    graph.initializer.extend(added);
    fold(graph, opset);
    Ok(())
}

fn fused(operator: &str, w: &mut Writer<'_>, constants: &Constants<'_>) -> Result<bool> {
    match operator {
        "Attention" => transformer::attention(w, constants)?,
        "EmbedLayerNormalization" => transformer::embeddings(w)?,
        "FusedConv" => convolution(w)?,
        "FusedGemm" => gemm(w)?,
        "FusedMatMul" | "TransposeMatMul" => product(w)?,
        "MatMulNBits" => return bits(w, constants),
        _ => return Ok(false),
    }
    Ok(true)
}

fn scalar(w: &mut Writer<'_>, value: f32) -> Result<String> {
    w.constant(&Tensor::new(vec![], Data::F32(vec![value]))?)
}

fn convolution(w: &mut Writer<'_>) -> Result<()> {
    let activation = w.attributes.string("activation").unwrap_or_default();
    let parameters = w.attributes.floats("activation_params");
    let conv = w.attributes_without(&["activation", "activation_params"]);
    let mut value = w.add("Conv", &[w.input(0)?, w.input(1)?, w.optional(2)], conv);
    if !w.optional(3).is_empty() {
        value = w.add("Add", &[&value, w.optional(3)], vec![]);
    }
    let names: &[&str] = match activation.as_str() {
        "" => return Ok(()),
        "Relu" | "Tanh" | "Sigmoid" => &[],
        "LeakyRelu" => &["alpha"],
        "HardSigmoid" => &["alpha", "beta"],
        "Clip" => &["min", "max"],
        other => return Err(w.refuse("activation", &format!("{other} is not supported"))),
    };
    if parameters.len() != names.len() {
        let why = format!("{} where {activation} takes {}", parameters.len(), names.len());
        return Err(w.refuse("activation_params", &why));
    }
    if activation == "Clip" && w.attributes.opset >= 11 {
        let (least, greatest) = (scalar(w, parameters[0])?, scalar(w, parameters[1])?);
        w.add("Clip", &[&value, &least, &greatest], vec![]);
    } else {
        let parameters = names.iter().zip(parameters).map(|(name, value)| float(name, value)).collect();
        w.add(&activation, &[&value], parameters);
    }
    Ok(())
}

fn gemm(w: &mut Writer<'_>) -> Result<()> {
    let activation = w.attributes.string("activation").unwrap_or_default();
    let named = ["alpha", "beta", "gamma"].map(|name| (name, w.attributes.float(&format!("activation_{name}"))));
    let plain = w.attributes_without(&["activation", "activation_alpha", "activation_beta", "activation_gamma"]);
    let value = w.add("Gemm", &[w.input(0)?, w.input(1)?, w.optional(2)], plain);
    let takes: &[&str] = match activation.as_str() {
        "" => return Ok(()),
        "Relu" | "Sigmoid" | "Softplus" | "Softsign" | "Tanh" => &[],
        "Elu" | "LeakyRelu" | "ThresholdedRelu" => &["alpha"],
        "HardSigmoid" => &["alpha", "beta"],
        other => return Err(w.refuse("activation", &format!("{other} is not supported"))),
    };
    let given = named.into_iter().filter(|(name, _)| takes.contains(name));
    let parameters = given.filter_map(|(name, value)| Some(float(name, value?))).collect();
    w.add(&activation, &[&value], parameters);
    Ok(())
}

fn product(w: &mut Writer<'_>) -> Result<()> {
    let mut sides = [w.input(0)?.to_owned(), w.input(1)?.to_owned()];
    for (side, [matrix, batch]) in sides.iter_mut().zip([["transA", "transBatchA"], ["transB", "transBatchB"]]) {
        let (matrix, batch) = (w.attributes.flag(matrix, false), w.attributes.flag(batch, false));
        if matrix || batch {
            let how = vec![int("matrix", matrix.into()), int("batch", batch.into())];
            *side = w.add_own("TransposeMatrix", &[side], how);
        }
    }
    let value = w.add("MatMul", &[&sides[0], &sides[1]], vec![]);
    let alpha = w.attributes.float("alpha").unwrap_or(1.0);
    if alpha != 1.0 {
        let alpha = scalar(w, alpha)?;
        w.add("Mul", &[&value, &alpha], vec![]);
    }
    Ok(())
}

/// Leaves those weights to tract that it keeps small and reads right; all others become a matrix of numbers.
fn bits(w: &mut Writer<'_>, constants: &Constants<'_>) -> Result<bool> {
    if !w.optional(4).is_empty() {
        return Err(w.refuse("g_idx", "weights in another order than their scales are not supported"));
    }
    if stays_small(w, constants) {
        return Ok(false);
    }
    let size = ["K", "N", "bits", "block_size"].map(|name| (name, w.attributes.int(name)));
    let size = size.into_iter().filter_map(|(name, value)| Some(int(name, value?))).collect();
    let matrix = w.add_own("DequantizeBits", &[w.input(1)?, w.input(2)?, w.optional(3)], size);
    let value = w.add("MatMul", &[w.input(0)?, &matrix], vec![]);
    if !w.optional(5).is_empty() {
        w.add("Add", &[&value, w.optional(5)], vec![]);
    }
    Ok(true)
}

/// Whether tract reads the weights of MatMulNBits as they are: constants of the sizes that the attributes tell, in
/// blocks that it can keep packed, with scales that it does not round.
fn stays_small(w: &Writer<'_>, constants: &Constants<'_>) -> bool {
    let size = |name: &str| w.attributes.int(name).and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0);
    let (Some(rows), Some(columns), Some(block)) = (size("K"), size("N"), size("block_size")) else { return false };
    if w.attributes.int("bits").unwrap_or(4) != 4 || block != 32 || rows % 32 != 0 {
        return false;
    }
    let count = |place: usize| {
        let tensor = read_tensor(constants(w.optional(place))?).ok()?;
        Some((tensor.data().len(), matches!(tensor.data(), Data::U8(_))))
    };
    let blocks = rows / 32;
    let whole = rows.checked_mul(columns).is_some_and(|weights| count(1) == Some((weights / 2, true)));
    let zeros = w.optional(3).is_empty() || count(3) == Some((blocks.div_ceil(2) * columns, true));
    let exact = |scales: &[f32]| scales.iter().all(|&scale| f16::from_f32(scale).to_f32() == scale);
    let scales = constants(w.optional(2)).and_then(|tensor| read_tensor(tensor).ok());
    let scales = scales.is_some_and(|tensor| match tensor.data() {
        Data::F32(scales) => scales.len() == blocks * columns && exact(scales),
        _ => false,
    });
    whole && zeros && scales
}

#[cfg(test)]
#[path = "microsoft_tests.rs"]
mod tests;
