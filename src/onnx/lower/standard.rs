//! Operators that compute: functions, products, convolutions, reductions, normalisation.

use super::draft::Draft;
use super::refuse;
use crate::error::Result;
use crate::onnx::operators::axis;
use crate::onnx::rewrite::OWN;
use crate::plan::{Activation, Binary, Kind, Op, Pool, Reduce, Size, Unary, Values, Window};
use crate::tensor::{Data, ElementType};
use tract_onnx::pb::NodeProto;

/// Writes the steps of a node. Gives false for an operator that is not one of these.
pub(super) fn lower(draft: &mut Draft<'_>, node: &NodeProto) -> Result<bool> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx" | "com.microsoft") && node.domain != OWN {
        return Ok(false);
    }
    match node.op_type.as_str() {
        "MatMul" => matmul(draft, node)?,
        "Gemm" => gemm(draft, node)?,
        "Add" if bias(draft, node)? => {}
        "Conv" => convolution(draft, node)?,
        "BatchNormalization" => batch_norm(draft, node)?,
        "LayerNormalization" => layer_norm(draft, node)?,
        "MaxPool" | "AveragePool" => pool(draft, node)?,
        "GlobalAveragePool" | "GlobalMaxPool" => global_pool(draft, node)?,
        "Softmax" | "LogSoftmax" => softmax(draft, node)?,
        "Clip" => clip(draft, node)?,
        "Where" => {
            let inputs = vec![draft.input(node, 0)?, draft.input(node, 1)?, draft.input(node, 2)?];
            let kind = draft.place(inputs[1]).kind;
            make(draft, node, Op::Where, inputs, kind)?;
        }
        "Sum" | "Mean" | "Max" | "Min" => several(draft, node)?,
        "InstanceNormalization" => instance_norm(draft, node)?,
        "LpNormalization" => lp_norm(draft, node)?,
        "ArgMax" | "ArgMin" => arg_max(draft, node)?,
        "BiasGelu" => {
            let (input, bias) = (draft.input(node, 0)?, draft.input(node, 1)?);
            let shape = draft.shape(&node.output[0])?;
            let sum = draft.step(Op::Binary(Binary::Add), vec![input, bias], Kind::F32, shape);
            let output = draft.function(None, sum, plain(Unary::Gelu));
            draft.output(node, 0, output)?;
        }
        name => {
            if let Some(activation) = function(draft, node)? {
                let input = draft.input(node, 0)?;
                let output = draft.function(Some(&node.input[0]), input, activation);
                draft.output(node, 0, output)?;
            } else if let Some((function, swapped)) = pair(name) {
                binary(draft, node, function, swapped)?;
            } else if let Some(take) = reduction(name) {
                reduce(draft, node, take)?;
            } else {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn plain(function: Unary) -> Activation {
    Activation { function, parameters: [1.0, 1.0] }
}

/// Adds the step whose output is the first of the node.
fn make(draft: &mut Draft<'_>, node: &NodeProto, op: Op, inputs: Vec<usize>, kind: Kind) -> Result<()> {
    let shape = draft.shape(&node.output[0])?;
    let output = draft.step(op, inputs, kind, shape);
    draft.output(node, 0, output)
}

/// The function of one value that a node is.
fn function(draft: &Draft<'_>, node: &NodeProto) -> Result<Option<Activation>> {
    let attributes = draft.attributes(node);
    let number = |name: &str, default: f32| attributes.float(name).unwrap_or(default);
    let with = |function, a, b| Some(Activation { function, parameters: [a, b] });
    let tanh = attributes.string("approximate").as_deref() == Some("tanh");
    Ok(match node.op_type.as_str() {
        "Abs" => with(Unary::Abs, 0.0, 0.0),
        "Ceil" => with(Unary::Ceil, 0.0, 0.0),
        "Celu" => None,
        "Elu" => with(Unary::Elu, number("alpha", 1.0), 0.0),
        "Erf" => with(Unary::Erf, 0.0, 0.0),
        "Exp" => with(Unary::Exp, 0.0, 0.0),
        "FastGelu" if node.input.len() == 1 => with(Unary::GeluTanh, 0.0, 0.0),
        "Floor" => with(Unary::Floor, 0.0, 0.0),
        "Gelu" => with(if tanh { Unary::GeluTanh } else { Unary::Gelu }, 0.0, 0.0),
        "HardSigmoid" => with(Unary::HardSigmoid, number("alpha", 0.2), number("beta", 0.5)),
        "HardSwish" => with(Unary::HardSwish, 0.0, 0.0),
        "IsNaN" => with(Unary::IsNan, 0.0, 0.0),
        "LeakyRelu" => with(Unary::LeakyRelu, number("alpha", 0.01), 0.0),
        "Log" => with(Unary::Log, 0.0, 0.0),
        "Mish" => with(Unary::Mish, 0.0, 0.0),
        "Neg" => with(Unary::Neg, 0.0, 0.0),
        "Not" => with(Unary::Not, 0.0, 0.0),
        "QuickGelu" => with(Unary::Swish, number("alpha", 1.702), 0.0),
        "Reciprocal" => with(Unary::Reciprocal, 0.0, 0.0),
        "Relu" => with(Unary::Relu, 0.0, 0.0),
        "Round" => with(Unary::Round, 0.0, 0.0),
        "Selu" => with(Unary::Selu, number("alpha", 1.673_263_2), number("gamma", 1.050_701)),
        "Sigmoid" => with(Unary::Sigmoid, 0.0, 0.0),
        "Sign" => with(Unary::Sign, 0.0, 0.0),
        "Softplus" => with(Unary::Softplus, 0.0, 0.0),
        "Softsign" => with(Unary::Softsign, 0.0, 0.0),
        "Sqrt" => with(Unary::Sqrt, 0.0, 0.0),
        "Swish" => with(Unary::Swish, number("alpha", 1.0), 0.0),
        "Tanh" => with(Unary::Tanh, 0.0, 0.0),
        "ThresholdedRelu" => with(Unary::ThresholdedRelu, number("alpha", 1.0), 0.0),
        _ => None,
    })
}

/// The function of two values that an operator is, and whether they are exchanged.
fn pair(name: &str) -> Option<(Binary, bool)> {
    Some(match name {
        "Add" => (Binary::Add, false),
        "Sub" => (Binary::Sub, false),
        "Mul" => (Binary::Mul, false),
        "Div" => (Binary::Div, false),
        "Pow" => (Binary::Pow, false),
        "Mod" => (Binary::Mod, false),
        "Equal" => (Binary::Equal, false),
        "Less" => (Binary::Less, false),
        "Greater" => (Binary::Less, true),
        "LessOrEqual" => (Binary::LessOrEqual, false),
        "GreaterOrEqual" => (Binary::LessOrEqual, true),
        "And" => (Binary::And, false),
        "Or" => (Binary::Or, false),
        "Xor" => (Binary::Xor, false),
        "PRelu" => (Binary::PRelu, false),
        _ => return None,
    })
}

fn binary(draft: &mut Draft<'_>, node: &NodeProto, function: Binary, swapped: bool) -> Result<()> {
    let attributes = draft.attributes(node);
    if attributes.has("broadcast") || attributes.has("axis") {
        return Err(refuse("an old way of spreading"));
    }
    let mut inputs = vec![draft.input(node, 0)?, draft.input(node, 1)?];
    let (kind, other) = (draft.place(inputs[0]).kind, draft.place(inputs[1]).kind);
    let compares = matches!(function, Binary::Equal | Binary::Less | Binary::LessOrEqual);
    let logic = matches!(function, Binary::And | Binary::Or | Binary::Xor);
    let whole = matches!(function, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div);
    let fits = match kind {
        Kind::F32 => function != Binary::Mod || draft.attributes(node).flag("fmod", false),
        Kind::I64 => compares || whole,
        Kind::Text => function == Binary::Equal,
    };
    if kind != other || !fits {
        return Err(refuse(format!("no kernel for these types: {kind:?} and {other:?}")));
    }
    let wide = matches!(draft.element(&node.input[0])?, ElementType::I64 | ElementType::I32);
    if kind == Kind::I64 && !wide && !compares {
        return Err(refuse("whole numbers of another width"));
    }
    if swapped {
        inputs.swap(0, 1);
    }
    make(draft, node, Op::Binary(function), inputs, if compares || logic { Kind::F32 } else { kind })
}

/// A constant row that is added to what a product has just made.
fn bias(draft: &mut Draft<'_>, node: &NodeProto) -> Result<bool> {
    for (made, added) in [(0, 1), (1, 0)] {
        let (Some(made), Some(added)) = (node.input.get(made), node.input.get(added)) else { return Ok(false) };
        let is_row = match draft.constant(added) {
            Some(tensor) => {
                let width = draft.known(made).ok().and_then(|known| known.shape.last().copied());
                let ones = tensor.shape().split_last().map(|(last, rest)| (*last, rest.iter().all(|&size| size == 1)));
                matches!((tensor.data(), ones, width), (Data::F32(_), Some((last, true)), Some(width)) if width == Size::fixed(last))
                    && tensor.shape().len() <= draft.known(made)?.shape.len()
            }
            None => false,
        };
        if !is_row || draft.shape(&node.output[0])? != draft.shape(made)? {
            continue;
        }
        let Data::F32(values) = draft.constant(added).map_or(&Data::F32(vec![]), |tensor| tensor.data()).clone() else {
            continue;
        };
        let fuses = draft
            .last_made(made)
            .is_some_and(|step| matches!(step.op, Op::MatMul { then: None, .. }) && step.inputs.len() == 2);
        if fuses {
            let width = values.len();
            let row = draft.numbers(values, &[width]);
            if let Some(step) = draft.last_made(made) {
                step.inputs.push(row);
            }
            let place = draft.named(made)?;
            draft.output(node, 0, place)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn matmul(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let (left, right) = (draft.input(node, 0)?, draft.input(node, 1)?);
    if [left, right].iter().any(|&place| draft.place(place).kind != Kind::F32) {
        return Err(refuse("a product of whole numbers"));
    }
    let (mut left_shape, mut right_shape) = (draft.place(left).shape.clone(), draft.place(right).shape.clone());
    let mut shape = draft.shape(&node.output[0])?;
    let (mut left, mut right) = (left, right);
    if left_shape.len() == 1 {
        left_shape.insert(0, Size::fixed(1));
        left = draft.reshaped(left, left_shape);
        shape.insert(shape.len() - usize::from(right_shape.len() > 1), Size::fixed(1));
    }
    if right_shape.len() == 1 {
        right_shape.push(Size::fixed(1));
        right = draft.reshaped(right, right_shape);
        shape.push(Size::fixed(1));
    }
    let turned = draft.turn_back(&node.input[1]);
    let output = draft.step(Op::MatMul { turned, then: None }, vec![left, right], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn gemm(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let number = |name: &str| attributes.float(name).unwrap_or(1.0);
    let (alpha, beta) = (number("alpha"), number("beta"));
    if attributes.flag("transA", false) {
        return Err(refuse("attribute transA"));
    }
    let turned = attributes.flag("transB", false);
    let (left, mut right) = (draft.input(node, 0)?, draft.input(node, 1)?);
    if alpha != 1.0 {
        let shape: Vec<usize> = draft.place(right).shape.iter().map(|size| size.factor).collect();
        let Some(Values::F32(values)) = draft.constant_of(right) else { return Err(refuse("attribute alpha")) };
        let scaled = values.iter().map(|value| alpha * value).collect();
        right = draft.numbers(scaled, &shape);
    }
    let mut inputs = vec![left, right];
    if node.input.get(2).is_some_and(|name| !name.is_empty()) {
        let mut bias = draft.input(node, 2)?;
        if beta != 1.0 {
            let shape: Vec<usize> = draft.place(bias).shape.iter().map(|size| size.factor).collect();
            let Some(Values::F32(values)) = draft.constant_of(bias) else { return Err(refuse("attribute beta")) };
            let scaled = values.iter().map(|value| beta * value).collect();
            bias = draft.numbers(scaled, &shape);
        }
        inputs.push(bias);
    }
    if inputs.iter().any(|&place| draft.place(place).kind != Kind::F32) {
        return Err(refuse("a product of whole numbers"));
    }
    make(draft, node, Op::MatMul { turned, then: None }, inputs, Kind::F32)
}

/// An image as `[batch, channels, height, width]`; a signal is one of height 1.
fn image(draft: &mut Draft<'_>, place: usize) -> Result<(usize, bool)> {
    let mut shape = draft.place(place).shape.clone();
    match shape.len() {
        4 => Ok((place, false)),
        3 => {
            shape.insert(2, Size::fixed(1));
            Ok((draft.reshaped(place, shape), true))
        }
        axes => Err(refuse(format!("an image of {axes} axes"))),
    }
}

/// How a node's windows lie, for a kernel of that size over an image with an output of those sizes.
fn window(
    draft: &Draft<'_>,
    node: &NodeProto,
    kernel: &[usize],
    image: &[Size],
    output: &[Size],
    signal: bool,
) -> Result<Window> {
    let attributes = draft.attributes(node);
    let axes = kernel.len();
    let list = |name: &str, default: usize, length: usize| -> Result<Vec<usize>> {
        let given = attributes.ints(name);
        if given.is_empty() {
            return Ok(vec![default; length]);
        }
        let sizes: Option<Vec<usize>> = given.iter().map(|&size| usize::try_from(size).ok()).collect();
        sizes.filter(|sizes| sizes.len() == length).ok_or_else(|| refuse(format!("attribute {name}: {given:?}")))
    };
    let (strides, dilations) = (list("strides", 1, axes)?, list("dilations", 1, axes)?);
    let mut pads = list("pads", 0, 2 * axes)?;
    let fixed = |size: &Size| {
        if size.powers == [0; Size::SYMBOLS] { Ok(size.factor) } else { Err(refuse("an image of chosen sizes")) }
    };
    let automatic = attributes.string("auto_pad").unwrap_or_default();
    if automatic.starts_with("SAME") {
        for axis in 0..axes {
            let (size, wanted) = (fixed(&image[axis])?, fixed(&output[axis])?);
            let span = (wanted.saturating_sub(1)) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
            let total = span.saturating_sub(size);
            pads[axis] = if automatic == "SAME_LOWER" { total.div_ceil(2) } else { total / 2 };
        }
    }
    let two = |list: &[usize], fill: usize| match (signal, list) {
        (true, [one, ..]) => Ok([fill, *one]),
        (false, [one, other, ..]) => Ok([*one, *other]),
        _ => Err(refuse("windows of other than one or two axes")),
    };
    Ok(Window {
        kernel: two(kernel, 1)?,
        stride: two(&strides, 1)?,
        dilation: two(&dilations, 1)?,
        pad: two(&pads, 0)?,
    })
}

fn convolution(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let groups = usize::try_from(draft.attributes(node).int("group").unwrap_or(1)).unwrap_or(1);
    let (given, weights) = (draft.input(node, 0)?, draft.input(node, 1)?);
    let (input, signal) = image(draft, given)?;
    let (weights, _) = image(draft, weights)?;
    let name = &node.output[0];
    let out = draft.shape(name)?;
    let kernel: Vec<usize> = draft.place(weights).shape[2..].iter().map(|size| size.factor).collect();
    let kernel = if signal { kernel[1..].to_vec() } else { kernel };
    let own = draft.place(given).shape[2..].to_vec();
    let window = window(draft, node, &kernel, &own, &out[2..], signal)?;
    let mut inputs = vec![input, weights];
    if node.input.get(2).is_some_and(|name| !name.is_empty()) {
        inputs.push(draft.input(node, 2)?);
    }
    let mut shape = out;
    if signal {
        shape.insert(2, Size::fixed(1));
    }
    let output = draft.step(Op::Conv { window, groups, then: None }, inputs, Kind::F32, shape);
    draft.output(node, 0, output)
}

/// Scale and shift of each channel; in the weights, where a convolution has just made the input.
fn batch_norm(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if attributes.flag("training_mode", false) || node.output[1..].iter().any(|name| !name.is_empty()) {
        return Err(refuse("attribute training_mode"));
    }
    let epsilon = attributes.float("epsilon").unwrap_or(1e-5);
    let [scale, shift, mean, variance] =
        [1, 2, 3, 4].map(|at| draft.floats(node.input.get(at).map_or("", String::as_str)));
    let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
    let factor: Vec<f32> =
        scale.iter().zip(&variance).map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
    let added: Vec<f32> = (0..factor.len()).map(|at| shift[at] - mean[at] * factor[at]).collect();
    let channels = factor.len();
    let made = node.input[0].clone();
    let conv = draft.last_made(&made).and_then(|step| match step.op {
        Op::Conv { then: None, .. } => Some(step.inputs.clone()),
        _ => None,
    });
    if let Some(inputs) = conv
        && let Some(Values::F32(weights)) = draft.constant_of(inputs[1])
    {
        let each = weights.len() / channels.max(1);
        let weights: Vec<f32> = weights.iter().enumerate().map(|(at, weight)| weight * factor[at / each]).collect();
        let bias = match inputs.get(2) {
            None => Some(vec![0.0; channels]),
            Some(&bias) => match draft.constant_of(bias) {
                Some(Values::F32(values)) => Some(values.clone()),
                _ => None,
            },
        };
        if let Some(bias) = bias {
            let shape: Vec<usize> = draft.place(inputs[1]).shape.iter().map(|size| size.factor).collect();
            let bias = (0..channels).map(|at| bias[at] * factor[at] + added[at]).collect();
            let (weights, bias) = (draft.numbers(weights, &shape), draft.numbers(bias, &[channels]));
            if let Some(step) = draft.last_made(&made) {
                step.inputs = vec![inputs[0], weights, bias];
            }
            let place = draft.named(&made)?;
            return draft.output(node, 0, place);
        }
    }
    let input = draft.input(node, 0)?;
    let shape = draft.place(input).shape.clone();
    let mut spread = vec![1; shape.len().saturating_sub(1)];
    if let Some(first) = spread.first_mut() {
        *first = channels;
    }
    let (factor, added) = (draft.numbers(factor, &spread), draft.numbers(added, &spread));
    let scaled = draft.step(Op::Binary(Binary::Mul), vec![input, factor], Kind::F32, shape.clone());
    let output = draft.step(Op::Binary(Binary::Add), vec![scaled, added], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn layer_norm(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    if node.output.get(1..).is_some_and(|rest| rest.iter().any(|name| !name.is_empty())) {
        return Err(refuse("mean and deviation as outputs"));
    }
    let attributes = draft.attributes(node);
    let (at, epsilon) = (attributes.int("axis").unwrap_or(-1), attributes.float("epsilon").unwrap_or(1e-5));
    let input = draft.input(node, 0)?;
    let shape = draft.place(input).shape.clone();
    let axis = axis(at, shape.len())?;
    let width: usize = shape[axis..].iter().map(|size| size.factor).product();
    if shape[axis..].iter().any(|size| size.powers != [0; Size::SYMBOLS]) {
        return Err(refuse("an axis of a chosen size"));
    }
    let mut inputs = vec![input];
    for at in [1, 2] {
        if node.input.get(at).is_none_or(String::is_empty) {
            continue;
        }
        let values = draft.floats(&node.input[at])?;
        if values.len() != width {
            return Err(refuse("a scale of another shape"));
        }
        inputs.push(draft.numbers(values, &[width]));
    }
    make(draft, node, Op::Normalise { axis, epsilon }, inputs, Kind::F32)
}

/// Each channel of each sample by itself, then scale and shift of the channel.
fn instance_norm(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let epsilon = draft.attributes(node).float("epsilon").unwrap_or(1e-5);
    let input = draft.input(node, 0)?;
    let shape = draft.place(input).shape.clone();
    let (scale, shift) = (draft.floats(&node.input[1])?, draft.floats(&node.input[2])?);
    if shape.len() < 3 || shape[2..].iter().any(|size| size.powers != [0; Size::SYMBOLS]) {
        return Err(refuse("an image of chosen sizes"));
    }
    let normal = draft.step(Op::Normalise { axis: 2, epsilon }, vec![input], Kind::F32, shape.clone());
    let mut spread = vec![1; shape.len() - 1];
    spread[0] = scale.len();
    let (scale, shift) = (draft.numbers(scale, &spread), draft.numbers(shift, &spread));
    let scaled = draft.step(Op::Binary(Binary::Mul), vec![normal, scale], Kind::F32, shape.clone());
    let output = draft.step(Op::Binary(Binary::Add), vec![scaled, shift], Kind::F32, shape);
    draft.output(node, 0, output)
}

/// Values divided by their norm along an axis.
fn lp_norm(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let take = match attributes.int("p").unwrap_or(2) {
        1 => Reduce::L1,
        2 => Reduce::L2,
        p => return Err(refuse(format!("attribute p: {p}"))),
    };
    let input = draft.input(node, 0)?;
    let shape = draft.place(input).shape.clone();
    let axis = axis(attributes.int("axis").unwrap_or(-1), shape.len())?;
    let mut each = shape.clone();
    each[axis] = Size::fixed(1);
    let norm = draft.step(Op::Reduce { take, axes: 1 << axis }, vec![input], Kind::F32, each);
    let output = draft.step(Op::Binary(Binary::Div), vec![input, norm], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn pool(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if node.output.get(1).is_some_and(|name| !name.is_empty()) {
        return Err(refuse("places as a second output"));
    }
    let padded = attributes.flag("count_include_pad", false);
    if padded && attributes.flag("ceil_mode", false) {
        return Err(refuse("attribute count_include_pad together with ceil_mode"));
    }
    let take = match (node.op_type.as_str(), padded) {
        ("MaxPool", _) => Pool::Max,
        (_, false) => Pool::Mean,
        (_, true) => Pool::MeanPadded,
    };
    let kernel: Vec<usize> = attributes.ints("kernel_shape").iter().map(|&size| size.max(1) as usize).collect();
    let given = draft.input(node, 0)?;
    let (input, signal) = image(draft, given)?;
    let mut shape = draft.shape(&node.output[0])?;
    let own = draft.place(given).shape[2..].to_vec();
    if kernel.len() != own.len() {
        return Err(refuse("attribute kernel_shape"));
    }
    let window = window(draft, node, &kernel, &own, &shape[2..], signal)?;
    if signal {
        shape.insert(2, Size::fixed(1));
    }
    let output = draft.step(Op::Pool { window, take }, vec![input], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn global_pool(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let take = if node.op_type == "GlobalMaxPool" { Reduce::Max } else { Reduce::Mean };
    let input = draft.input(node, 0)?;
    let axes = (2..draft.place(input).shape.len()).fold(0, |axes, axis| axes | 1 << axis);
    make(draft, node, Op::Reduce { take, axes }, vec![input], Kind::F32)
}

fn reduction(name: &str) -> Option<Reduce> {
    Some(match name {
        "ReduceSum" => Reduce::Sum,
        "ReduceMean" => Reduce::Mean,
        "ReduceMax" => Reduce::Max,
        "ReduceMin" => Reduce::Min,
        "ReduceProd" => Reduce::Prod,
        "ReduceL1" => Reduce::L1,
        "ReduceL2" => Reduce::L2,
        "ReduceSumSquare" => Reduce::SumSquare,
        "ReduceLogSumExp" => Reduce::LogSumExp,
        _ => return None,
    })
}

fn reduce(draft: &mut Draft<'_>, node: &NodeProto, take: Reduce) -> Result<()> {
    let attributes = draft.attributes(node);
    let input = draft.input(node, 0)?;
    let rank = draft.place(input).shape.len();
    if draft.place(input).kind != Kind::F32 || rank > 31 {
        return Err(refuse("a reduction of whole numbers"));
    }
    let given = match node.input.get(1).filter(|name| !name.is_empty()) {
        Some(name) => draft.integers(name)?,
        None => attributes.ints("axes"),
    };
    if given.is_empty() && attributes.flag("noop_with_empty_axes", false) {
        return draft.output(node, 0, input);
    }
    let mut axes = if given.is_empty() { (1u32 << rank) - 1 } else { 0 };
    for at in given {
        axes |= 1 << axis(at, rank)?;
    }
    make(draft, node, Op::Reduce { take, axes }, vec![input], Kind::F32)
}

fn softmax(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let together = draft.opset < 13;
    let at = draft.attributes(node).int("axis").unwrap_or(if together { 1 } else { -1 });
    let log = node.op_type == "LogSoftmax";
    let mut input = draft.input(node, 0)?;
    let mut shape = draft.place(input).shape.clone();
    let mut axis = axis(at, shape.len())?;
    if together && axis + 1 < shape.len() {
        // Before version 13, all axes from the stated one on are one.
        let product = |sizes: &[Size]| {
            sizes.iter().fold(Size::fixed(1), |product, size| Size {
                factor: product.factor * size.factor,
                powers: std::array::from_fn(|symbol| product.powers[symbol] + size.powers[symbol]),
            })
        };
        shape = vec![product(&shape[..axis]), product(&shape[axis..])];
        input = draft.reshaped(input, shape.clone());
        axis = 1;
    }
    let output = draft.step(Op::Softmax { axis, log }, vec![input], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn clip(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let input = draft.input(node, 0)?;
    if draft.place(input).kind != Kind::F32 {
        return Err(refuse("bounds of whole numbers"));
    }
    let bound = |at: usize, name: &str, none: f32| match node.input.get(at).filter(|name| !name.is_empty()) {
        Some(name) => draft.floats(name).map(|values| values.first().copied().unwrap_or(none)),
        None => Ok(attributes.float(name).unwrap_or(none)),
    };
    let parameters = [bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?];
    let output = draft.function(Some(&node.input[0]), input, Activation { function: Unary::Clip, parameters });
    draft.output(node, 0, output)
}

fn several(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let function = match node.op_type.as_str() {
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        _ => Binary::Add,
    };
    let shape = draft.shape(&node.output[0])?;
    let mut made = draft.input(node, 0)?;
    if draft.place(made).kind != Kind::F32 {
        return Err(refuse("whole numbers"));
    }
    for at in 1..node.input.len() {
        let next = draft.input(node, at)?;
        made = draft.step(Op::Binary(function), vec![made, next], Kind::F32, shape.clone());
    }
    if node.op_type == "Mean" {
        let share = draft.numbers(vec![1.0 / node.input.len() as f32], &[]);
        made = draft.step(Op::Binary(Binary::Mul), vec![made, share], Kind::F32, shape);
    }
    draft.output(node, 0, made)
}

fn arg_max(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if attributes.flag("select_last_index", false) {
        return Err(refuse("attribute select_last_index"));
    }
    let input = draft.input(node, 0)?;
    let rank = draft.place(input).shape.len();
    if draft.place(input).kind != Kind::F32 {
        return Err(refuse("whole numbers"));
    }
    let axis = axis(attributes.int("axis").unwrap_or_default(), rank)?;
    let smallest = node.op_type == "ArgMin";
    make(draft, node, Op::ArgMax { axis, smallest }, vec![input], Kind::I64)
}
