//! What onnxruntime's transformer optimiser writes: Attention with its projections inside, and the embeddings in front.

use super::quantized::Constants;
use super::writer::{Writer, float, int};
use crate::error::Result;
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::tensor_proto::DataType;

fn whole(w: &mut Writer<'_>, values: &[i64]) -> Result<String> {
    w.constant(&Tensor::new(vec![values.len()], Data::I64(values.to_vec()))?)
}

/// A tensor with another axis in front.
fn in_front(w: &mut Writer<'_>, value: &str) -> Result<String> {
    let axis = whole(w, &[0])?;
    Ok(w.add("Unsqueeze", &[value, &axis], vec![]))
}

/// Attention: the projections as a matrix product, then MultiHeadAttention.
pub(super) fn attention(w: &mut Writer<'_>, constants: &Constants<'_>) -> Result<()> {
    for refused in ["do_rotary", "past_present_share_buffer"] {
        if w.attributes.flag(refused, false) {
            return Err(w.refuse(refused, "it is not supported"));
        }
    }
    if w.attributes.opset < 13 {
        return Err(w.refuse("num_heads", "Attention beside an operator set before version 13 is not supported"));
    }
    let columns = constants(w.input(1)?).and_then(|weights| weights.dims.last().copied());
    let sizes = match (w.attributes.ints("qkv_hidden_sizes"), columns) {
        (sizes, _) if sizes.len() == 3 => sizes,
        (_, Some(columns)) => vec![columns / 3; 3],
        _ => return Err(w.refuse("qkv_hidden_sizes", "weights that are no constant are not supported")),
    };
    let mut projected = w.add("MatMul", &[w.input(0)?, w.input(1)?], vec![]);
    if !w.optional(2).is_empty() {
        projected = w.add("Add", &[&projected, w.optional(2)], vec![]);
    }
    let sizes = whole(w, &sizes)?;
    let parts = w.add_outputs("", "Split", &[&projected, &sizes], vec![int("axis", -1)], 3);
    let mut past = [String::new(), String::new()];
    if !w.optional(4).is_empty() {
        for (place, past) in past.iter_mut().enumerate() {
            let at = w.constant(&Tensor::new(vec![], Data::I64(vec![place as i64]))?)?;
            *past = w.add("Gather", &[w.optional(4), &at], vec![int("axis", 0)]);
        }
    }
    let attributes = w.attributes_without(&["qkv_hidden_sizes", "do_rotary", "past_present_share_buffer"]);
    let inputs = [&parts[0], &parts[1], &parts[2], "", w.optional(3), w.optional(5), &past[0], &past[1]];
    let outputs = if w.gives(1) { 3 } else { 1 };
    let attended = w.add_outputs("com.microsoft", "MultiHeadAttention", &inputs, attributes, outputs);
    w.output(0, &attended[0]);
    if w.gives(1) {
        let (keys, values) = (in_front(w, &attended[1])?, in_front(w, &attended[2])?);
        let present = w.add("Concat", &[&keys, &values], vec![int("axis", 0)]);
        w.output(1, &present);
    }
    Ok(())
}

/// EmbedLayerNormalization: the embeddings of words, positions and segments, summed and normalised.
pub(super) fn embeddings(w: &mut Writer<'_>) -> Result<()> {
    if w.attributes.opset < 17 {
        return Err(w.refuse("epsilon", "it is supported beside operator sets from version 17 on"));
    }
    let words = w.input(0)?;
    let mut sum = w.add("Gather", &[w.input(2)?, words], vec![int("axis", 0)]);
    let positions = match w.optional(8) {
        "" => {
            let shape = w.add("Shape", &[words], vec![]);
            let (from, to, axis) = (whole(w, &[1])?, whole(w, &[2])?, whole(w, &[0])?);
            let steps = w.add("Slice", &[&shape, &from, &to, &axis], vec![]);
            let start = whole(w, &[0])?;
            w.add("Slice", &[w.input(3)?, &start, &steps, &axis], vec![])
        }
        given => w.add("Gather", &[w.input(3)?, given], vec![int("axis", 0)]),
    };
    sum = w.add("Add", &[&sum, &positions], vec![]);
    if !w.optional(1).is_empty() && !w.optional(4).is_empty() {
        let segments = w.add("Gather", &[w.optional(4), w.optional(1)], vec![int("axis", 0)]);
        sum = w.add("Add", &[&sum, &segments], vec![]);
    }
    let epsilon = w.attributes.float("epsilon").unwrap_or(1e-12);
    let normal = [&sum, w.input(5)?, w.input(6)?];
    let normal = w.add("LayerNormalization", &normal, vec![int("axis", -1), float("epsilon", epsilon)]);
    w.output(0, &normal);
    if w.gives(1) {
        // How many words of each row are no padding; without a mask onnxruntime gives zeros.
        let axis = whole(w, &[1])?;
        let (mask, zero) = match w.optional(7) {
            "" => (words, true),
            mask => (mask, false),
        };
        let mask = w.add("Cast", &[mask], vec![int("to", DataType::Int32 as i64)]);
        let mask = if zero { w.add("Sub", &[&mask, &mask], vec![]) } else { mask };
        let counts = w.add("ReduceSum", &[&mask, &axis], vec![int("keepdims", 0)]);
        w.output(1, &counts);
    }
    w.output(2, &sum);
    Ok(())
}
