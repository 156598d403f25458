//! What models are made of beside layers: scalers, encoders, linear models and trees of `ai.onnx.ml`, and recurrent layers.

use super::draft::Draft;
use super::refuse;
use crate::error::Result;
use crate::onnx::operators::{Attributes, forest_of};
use crate::plan::{Activation, Binary, Kind, Op, Reduce, Size, Unary, Values};
use crate::tensor::ElementType;
use crate::tensor::scores::PostTransform;
use crate::tensor::trees::{Aggregate, Forest};
use tract_onnx::pb::NodeProto;

/// Writes the steps of a node. Gives false for an operator that is not one of these.
pub(super) fn lower(draft: &mut Draft<'_>, node: &NodeProto) -> Result<bool> {
    match (node.domain.as_str(), node.op_type.as_str()) {
        ("ai.onnx.ml", "Scaler") => scaler(draft, node)?,
        ("ai.onnx.ml", "Imputer") => imputer(draft, node)?,
        ("ai.onnx.ml", "Normalizer") => normalizer(draft, node)?,
        ("ai.onnx.ml", "Binarizer") => binarizer(draft, node)?,
        ("ai.onnx.ml", "OneHotEncoder") => one_hot(draft, node)?,
        ("ai.onnx.ml", "LabelEncoder") => labels(draft, node)?,
        ("ai.onnx.ml", "ArrayFeatureExtractor") => extractor(draft, node)?,
        ("ai.onnx.ml", "FeatureVectorizer") => vectorizer(draft, node)?,
        ("ai.onnx.ml", "LinearRegressor") => linear_regressor(draft, node)?,
        ("ai.onnx.ml", "LinearClassifier") => linear_classifier(draft, node)?,
        ("ai.onnx.ml", "TreeEnsembleRegressor") => tree_regressor(draft, node)?,
        ("ai.onnx.ml", "TreeEnsembleClassifier") => tree_classifier(draft, node)?,
        (_, "LSTM" | "GRU") => recurrent(draft, node)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// An input as float32.
fn floats(draft: &mut Draft<'_>, node: &NodeProto, at: usize) -> Result<usize> {
    let input = draft.input(node, at)?;
    let shape = draft.place(input).shape.clone();
    match draft.place(input).kind {
        Kind::F32 => Ok(input),
        Kind::I64 => Ok(draft.step(Op::Cast, vec![input], Kind::F32, shape)),
        Kind::Text => Err(refuse("strings where numbers are needed")),
    }
}

/// A matrix: a vector is one row.
fn matrix(draft: &mut Draft<'_>, place: usize) -> Result<usize> {
    let shape = draft.place(place).shape.clone();
    match shape.len() {
        2 => Ok(place),
        1 => Ok(draft.reshaped(place, vec![Size::fixed(1), shape[0]])),
        axes => Err(refuse(format!("{axes} axes where rows and columns are needed"))),
    }
}

fn binary(draft: &mut Draft<'_>, function: Binary, left: usize, right: usize, kind: Kind, shape: &[Size]) -> usize {
    draft.step(Op::Binary(function), vec![left, right], kind, shape.to_vec())
}

fn scaler(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let (offset, scale) = (attributes.floats("offset"), attributes.floats("scale"));
    let input = floats(draft, node, 0)?;
    let shape = draft.place(input).shape.clone();
    let mut made = input;
    if !offset.is_empty() {
        let (width, offset) = (offset.len(), offset);
        let offset = draft.numbers(offset, &[width]);
        made = binary(draft, Binary::Sub, made, offset, Kind::F32, &shape);
    }
    if !scale.is_empty() {
        let width = scale.len();
        let scale = draft.numbers(scale, &[width]);
        made = binary(draft, Binary::Mul, made, scale, Kind::F32, &shape);
    }
    draft.output(node, 0, made)
}

fn imputer(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let imputed = attributes.floats("imputed_value_floats");
    if imputed.is_empty() {
        return Err(refuse("attribute imputed_value_int64s"));
    }
    let replaced = attributes.float("replaced_value_float").unwrap_or_default();
    let input = draft.input(node, 0)?;
    if draft.place(input).kind != Kind::F32 {
        return Err(refuse("whole numbers"));
    }
    let shape = draft.place(input).shape.clone();
    let missing = match replaced.is_nan() {
        true => draft.function(None, input, Activation { function: Unary::IsNan, parameters: [0.0; 2] }),
        false => {
            let replaced = draft.numbers(vec![replaced], &[]);
            binary(draft, Binary::Equal, input, replaced, Kind::F32, &shape)
        }
    };
    let width = imputed.len();
    let imputed = draft.numbers(imputed, &[width]);
    let output = draft.step(Op::Where, vec![missing, imputed, input], Kind::F32, shape);
    draft.output(node, 0, output)
}

fn normalizer(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let take = match draft.attributes(node).string("norm").as_deref() {
        None | Some("MAX") => Reduce::Max,
        Some("L1") => Reduce::L1,
        Some("L2") => Reduce::L2,
        Some(other) => return Err(refuse(format!("attribute norm: {other}"))),
    };
    if take == Reduce::Max {
        return Err(refuse("attribute norm: MAX"));
    }
    let input = floats(draft, node, 0)?;
    let input = matrix(draft, input)?;
    let shape = draft.place(input).shape.clone();
    let each = vec![shape[0], Size::fixed(1)];
    let norm = draft.step(Op::Reduce { take, axes: 2 }, vec![input], Kind::F32, each.clone());
    // Rows of zeros stay as they are.
    let (zero, one) = (draft.numbers(vec![0.0], &[]), draft.numbers(vec![1.0], &[]));
    let is_zero = binary(draft, Binary::Equal, norm, zero, Kind::F32, &each);
    let norm = draft.step(Op::Where, vec![is_zero, one, norm], Kind::F32, each);
    let output = binary(draft, Binary::Div, input, norm, Kind::F32, &shape);
    draft.output(node, 0, output)
}

fn binarizer(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let threshold = draft.attributes(node).float("threshold").unwrap_or_default();
    let input = floats(draft, node, 0)?;
    let shape = draft.place(input).shape.clone();
    let threshold = draft.numbers(vec![threshold], &[]);
    let output = binary(draft, Binary::Less, threshold, input, Kind::F32, &shape);
    draft.output(node, 0, output)
}

fn one_hot(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if !attributes.flag("zeros", true) {
        return Err(refuse("attribute zeros"));
    }
    let (texts, whole) = (attributes.strings("cats_strings"), attributes.ints("cats_int64s"));
    let mut input = draft.input(node, 0)?;
    let mut shape = draft.place(input).shape.clone();
    let (count, categories) = match draft.place(input).kind {
        Kind::Text => (texts.len(), Values::Text(texts)),
        kind => {
            if kind == Kind::F32 {
                input = draft.step(Op::Cast, vec![input], Kind::I64, shape.clone());
            }
            (whole.len(), Values::I64(whole))
        }
    };
    let categories = draft.values(categories, vec![Size::fixed(count)]);
    shape.push(Size::fixed(1));
    let column = draft.reshaped(input, shape.clone());
    if let Some(last) = shape.last_mut() {
        *last = Size::fixed(count);
    }
    let output = binary(draft, Binary::Equal, column, categories, Kind::F32, &shape);
    draft.output(node, 0, output)
}

fn labels(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if ["keys_tensor", "values_tensor", "classes_strings"].iter().any(|name| attributes.has(name)) {
        return Err(refuse("keys or values as tensors"));
    }
    let input = draft.input(node, 0)?;
    let shape = draft.place(input).shape.clone();
    let keys = match draft.place(input).kind {
        Kind::Text => Values::Text(attributes.strings("keys_strings")),
        Kind::I64 => Values::I64(attributes.ints("keys_int64s")),
        Kind::F32 => Values::F32(attributes.floats("keys_floats")),
    };
    // The default comes last, where the place -1 finds it.
    let values = match draft.element(&node.output[0])? {
        ElementType::Text => {
            let mut values = attributes.strings("values_strings");
            values.push(attributes.string("default_string").unwrap_or_else(|| "_Unused".to_owned()));
            Values::Text(values)
        }
        ElementType::I64 => {
            let mut values = attributes.ints("values_int64s");
            values.push(attributes.int("default_int64").unwrap_or(-1));
            Values::I64(values)
        }
        ElementType::F32 => {
            let mut values = attributes.floats("values_floats");
            values.push(attributes.float("default_float").unwrap_or(-0.0));
            Values::F32(values)
        }
        other => return Err(refuse(format!("values of {}", other.name()))),
    };
    if keys.is_empty() || keys.len() + 1 != values.len() {
        return Err(refuse("keys and values of other types"));
    }
    let (kind, count) = (values.kind(), values.len());
    let keys = draft.values(keys, vec![Size::fixed(count - 1)]);
    let values = draft.values(values, vec![Size::fixed(count)]);
    let found = draft.step(Op::Find, vec![input, keys], Kind::I64, shape.clone());
    let output = draft.step(Op::Gather { axis: 0 }, vec![values, found], kind, shape);
    draft.output(node, 0, output)
}

fn extractor(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let (input, indices) = (draft.input(node, 0)?, draft.input(node, 1)?);
    let (kind, mut shape) = (draft.place(input).kind, draft.place(input).shape.clone());
    let flat = draft.place(indices).shape.iter().fold(Size::fixed(1), |product, size| Size {
        factor: product.factor * size.factor,
        powers: std::array::from_fn(|symbol| product.powers[symbol] + size.powers[symbol]),
    });
    let Some(last) = shape.last_mut() else { return Err(refuse("a single value")) };
    *last = flat;
    let axis = shape.len() - 1;
    let indices = draft.reshaped(indices, vec![flat]);
    let output = draft.step(Op::Gather { axis }, vec![input, indices], kind, shape);
    draft.output(node, 0, output)
}

fn vectorizer(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let mut inputs = Vec::new();
    for at in 0..node.input.len() {
        let input = floats(draft, node, at)?;
        inputs.push(matrix(draft, input)?);
    }
    let shape = draft.shape(&node.output[0])?;
    let output = draft.step(Op::Concat { axis: 1 }, inputs, Kind::F32, shape);
    draft.output(node, 0, output)
}

/// The product with `coefficients`, a row for each target, plus the intercepts.
fn scores(draft: &mut Draft<'_>, node: &NodeProto, targets: usize) -> Result<usize> {
    let attributes = draft.attributes(node);
    let (weights, intercepts) = (attributes.floats("coefficients"), attributes.floats("intercepts"));
    let input = floats(draft, node, 0)?;
    let input = matrix(draft, input)?;
    let shape = draft.place(input).shape.clone();
    let width = shape[1].factor;
    if shape[1].powers != [0; Size::SYMBOLS] || weights.len() != targets * width {
        return Err(refuse("attribute coefficients"));
    }
    let mut inputs = vec![input, draft.numbers(weights, &[targets, width])];
    match intercepts.len() {
        0 => {}
        count if count == targets => inputs.push(draft.numbers(intercepts, &[targets])),
        _ => return Err(refuse("attribute intercepts")),
    }
    let op = Op::MatMul { turned: true, then: None };
    Ok(draft.step(op, inputs, Kind::F32, vec![shape[0], Size::fixed(targets)]))
}

fn post(attributes: &Attributes<'_>) -> Result<PostTransform> {
    let name = attributes.string("post_transform").unwrap_or_else(|| "NONE".to_owned());
    PostTransform::from_name(&name).ok_or_else(|| refuse(format!("attribute post_transform: {name}")))
}

fn linear_regressor(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    if post(&attributes)? != PostTransform::None {
        return Err(refuse("attribute post_transform"));
    }
    let targets = usize::try_from(attributes.int("targets").unwrap_or(1)).unwrap_or(1);
    let output = scores(draft, node, targets)?;
    draft.output(node, 0, output)
}

/// Scores of all classes after the transform that the node names.
fn transformed(draft: &mut Draft<'_>, post: PostTransform, scores: usize) -> Result<usize> {
    let shape = draft.place(scores).shape.clone();
    match post {
        PostTransform::None => Ok(scores),
        PostTransform::Logistic => {
            Ok(draft.function(None, scores, Activation { function: Unary::Sigmoid, parameters: [0.0; 2] }))
        }
        PostTransform::Softmax => Ok(draft.step(Op::Softmax { axis: 1, log: false }, vec![scores], Kind::F32, shape)),
        _ => Err(refuse("attribute post_transform")),
    }
}

/// The labels of the classes at these places.
fn name_of(draft: &mut Draft<'_>, attributes: &Attributes<'_>, ints: &str, places: usize) -> Result<usize> {
    let (texts, whole) = (attributes.strings("classlabels_strings"), attributes.ints(ints));
    let labels = if texts.is_empty() { Values::I64(whole) } else { Values::Text(texts) };
    let (kind, count) = (labels.kind(), labels.len());
    let shape = draft.place(places).shape.clone();
    let labels = draft.values(labels, vec![Size::fixed(count)]);
    Ok(draft.step(Op::Gather { axis: 0 }, vec![labels, places], kind, shape))
}

/// How many classes a node names.
fn classes(attributes: &Attributes<'_>, ints: &str) -> usize {
    attributes.strings("classlabels_strings").len().max(attributes.ints(ints).len())
}

fn linear_classifier(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let (classes, post) = (classes(&attributes, "classlabels_ints"), post(&attributes)?);
    let targets = attributes.floats("intercepts").len();
    if targets != classes || classes < 2 {
        return Err(refuse("one score for two classes"));
    }
    let scores = scores(draft, node, classes)?;
    let rows = vec![draft.place(scores).shape[0]];
    let winner = draft.step(Op::ArgMax { axis: 1, smallest: false }, vec![scores], Kind::I64, rows);
    let label = name_of(draft, &attributes, "classlabels_ints", winner)?;
    draft.output(node, 0, label)?;
    let probabilities = transformed(draft, post, scores)?;
    draft.output(node, 1, probabilities)
}

/// The sums of a forest's leaves plus the base values.
fn sums(draft: &mut Draft<'_>, node: &NodeProto, prefix: &str, targets: usize) -> Result<(usize, Leaves)> {
    let attributes = draft.attributes(node);
    let (listing, base, double) = forest_of(&attributes, prefix, targets)?;
    if double {
        return Err(refuse("trees in float64"));
    }
    let input = floats(draft, node, 0)?;
    let input = matrix(draft, input)?;
    let columns: Vec<usize> = listing.votes.iter().map(|vote| vote.0).collect();
    let leaves = Leaves {
        all_positive: !listing.votes.iter().any(|vote| vote.1 < 0.0),
        first_only: columns.iter().all(|&column| column == 0),
        one_column: columns.iter().all(|column| Some(column) == columns.first()),
        trees: listing.roots.len(),
    };
    draft.forests.push(Forest::new(&listing, Aggregate::Sum)?);
    let forest = draft.forests.len() - 1;
    let shape = vec![draft.place(input).shape[0], Size::fixed(targets)];
    let mut made = draft.step(Op::Trees { forest }, vec![input], Kind::F32, shape.clone());
    if base.len() == targets || (base.len() == 1 && leaves.one_column) {
        let width = base.len();
        let base = draft.numbers(base.iter().map(|&value| value as f32).collect(), &[width]);
        made = binary(draft, Binary::Add, made, base, Kind::F32, &shape);
    } else if !base.is_empty() && base != [0.0] {
        return Err(refuse("attribute base_values"));
    }
    Ok((made, leaves))
}

/// What is to be known of the votes of a forest.
struct Leaves {
    all_positive: bool,
    first_only: bool,
    one_column: bool,
    trees: usize,
}

fn tree_regressor(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let targets = usize::try_from(attributes.int("n_targets").unwrap_or(1)).unwrap_or(1);
    if post(&attributes)? != PostTransform::None {
        return Err(refuse("attribute post_transform"));
    }
    let aggregate = match attributes.string("aggregate_function").as_deref() {
        None | Some("SUM") => Aggregate::Sum,
        Some("AVERAGE") if attributes.floats("base_values").is_empty() => Aggregate::Average,
        Some(other) => return Err(refuse(format!("attribute aggregate_function: {other}"))),
    };
    let (mut made, leaves) = sums(draft, node, "target", targets)?;
    if aggregate == Aggregate::Average {
        let shape = draft.place(made).shape.clone();
        let trees = draft.numbers(vec![leaves.trees as f32], &[]);
        made = binary(draft, Binary::Div, made, trees, Kind::F32, &shape);
    }
    draft.output(node, 0, made)
}

fn tree_classifier(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let (classes, post) = (classes(&attributes, "classlabels_int64s"), post(&attributes)?);
    if classes < 2 {
        return Err(refuse("fewer than two classes"));
    }
    let (sums, leaves) = sums(draft, node, "class", classes)?;
    let rows = draft.place(sums).shape[0];
    if classes > 2 || !leaves.one_column {
        let winner = draft.step(Op::ArgMax { axis: 1, smallest: false }, vec![sums], Kind::I64, vec![rows]);
        let label = name_of(draft, &attributes, "classlabels_int64s", winner)?;
        draft.output(node, 0, label)?;
        let scores = transformed(draft, post, sums)?;
        return draft.output(node, 1, scores);
    }
    // Leaves that vote in one column vote for the second class: by a probability where none is negative, by a margin
    // otherwise.
    let column = usize::from(!leaves.first_only);
    let cut = Op::Slice { starts: vec![0, column], steps: vec![1, 1] };
    let margin = draft.step(cut, vec![sums], Kind::F32, vec![rows, Size::fixed(1)]);
    let each = [rows, Size::fixed(1)];
    let threshold = draft.numbers(vec![if leaves.all_positive { 0.5 } else { 0.0 }], &[]);
    let positive = binary(draft, Binary::Less, threshold, margin, Kind::F32, &each);
    let place = draft.step(Op::Cast, vec![positive], Kind::I64, each.to_vec());
    let place = draft.reshaped(place, vec![rows]);
    let label = name_of(draft, &attributes, "classlabels_int64s", place)?;
    draft.output(node, 0, label)?;
    let one = draft.numbers(vec![1.0], &[]);
    let (no, yes) = match (post, leaves.all_positive) {
        (PostTransform::None, true) => (binary(draft, Binary::Sub, one, margin, Kind::F32, &each), margin),
        (PostTransform::None, false) => {
            (draft.function(None, margin, Activation { function: Unary::Neg, parameters: [0.0; 2] }), margin)
        }
        (PostTransform::Logistic, false) => {
            let sigmoid = Activation { function: Unary::Sigmoid, parameters: [0.0; 2] };
            let yes = draft.function(None, margin, sigmoid);
            let turned = draft.function(None, margin, Activation { function: Unary::Neg, parameters: [0.0; 2] });
            (draft.function(None, turned, sigmoid), yes)
        }
        _ => return Err(refuse("attribute post_transform")),
    };
    let shape = vec![rows, Size::fixed(2)];
    let scores = draft.step(Op::Concat { axis: 1 }, vec![no, yes], Kind::F32, shape);
    draft.output(node, 1, scores)
}

/// An LSTM or GRU, direction by direction.
fn recurrent(draft: &mut Draft<'_>, node: &NodeProto) -> Result<()> {
    let attributes = draft.attributes(node);
    let options = ["activation_alpha", "activation_beta", "clip"];
    let stated =
        |option: &&&str| attributes.has(option) && !(attributes.floats(option).is_empty() && **option != "clip");
    if let Some(option) = options.iter().find(stated) {
        return Err(refuse(format!("attribute {option}")));
    }
    if let Some(option) = ["input_forget", "layout"].iter().find(|option| attributes.flag(option, false)) {
        return Err(refuse(format!("attribute {option}")));
    }
    let usual: &[&str] = if node.op_type == "LSTM" { &["sigmoid", "tanh", "tanh"] } else { &["sigmoid", "tanh"] };
    let functions = attributes.strings("activations");
    if functions.iter().enumerate().any(|(at, name)| name.to_ascii_lowercase() != usual[at % usual.len()]) {
        return Err(refuse("attribute activations"));
    }
    if attributes.has_input(4) || attributes.has_input(7) {
        return Err(refuse("sequence lengths or peepholes"));
    }
    let directions: &[bool] = match attributes.string("direction").as_deref() {
        None | Some("forward") => &[false],
        Some("reverse") => &[true],
        Some("bidirectional") => &[false, true],
        Some(other) => return Err(refuse(format!("attribute direction: {other}"))),
    };
    let lstm = node.op_type == "LSTM";
    let cell = match (lstm, attributes.flag("linear_before_reset", false)) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let x = draft.input(node, 0)?;
    let &[steps, batch, _] = draft.place(x).shape.as_slice() else { return Err(refuse("an input of other axes")) };
    let r = draft.input(node, 2)?;
    let &[_, _, hidden] = draft.place(r).shape.as_slice() else { return Err(refuse("weights of other axes")) };
    let (mut all, mut last) = (Vec::new(), [Vec::new(), Vec::new()]);
    for (at, &backwards) in directions.iter().enumerate() {
        let mut inputs = vec![x, part(draft, node, 1, at, directions)?, part(draft, node, 2, at, directions)?];
        let mut has = [false; 3];
        for (slot, place) in [(0, 3), (1, 5), (2, 6)] {
            if attributes.has_input(place) && (place < 6 || lstm) {
                has[slot] = true;
                inputs.push(part(draft, node, place, at, directions)?);
            }
        }
        let state = || vec![batch, hidden];
        let mut outputs = vec![draft.fresh(Kind::F32, vec![steps, batch, hidden]), draft.fresh(Kind::F32, state())];
        if lstm {
            outputs.push(draft.fresh(Kind::F32, state()));
        }
        draft.steps(Op::Recurrent { cell, backwards, has }, inputs, outputs.clone());
        let one = Size::fixed(1);
        all.push(draft.reshaped(outputs[0], vec![steps, one, batch, hidden]));
        for (last, &output) in last.iter_mut().zip(&outputs[1..]) {
            last.push(draft.reshaped(output, vec![one, batch, hidden]));
        }
    }
    for (at, (parts, axis)) in [(all, 1), (last[0].clone(), 0), (last[1].clone(), 0)].into_iter().enumerate() {
        if node.output.get(at).is_none_or(String::is_empty) || parts.is_empty() {
            continue;
        }
        let joined = match parts.as_slice() {
            [one] => *one,
            parts => {
                let shape = draft.shape(&node.output[at])?;
                draft.step(Op::Concat { axis }, parts.to_vec(), Kind::F32, shape)
            }
        };
        draft.output(node, at, joined)?;
    }
    Ok(())
}

/// The part of an input that belongs to one direction, without that axis.
fn part(draft: &mut Draft<'_>, node: &NodeProto, at: usize, direction: usize, directions: &[bool]) -> Result<usize> {
    let input = draft.input(node, at)?;
    let shape = draft.place(input).shape.clone();
    if draft.place(input).kind != Kind::F32 || shape.is_empty() {
        return Err(refuse("a state of another type"));
    }
    let own = shape[1..].to_vec();
    if directions.len() == 1 {
        return Ok(draft.reshaped(input, own));
    }
    if let Some(Values::F32(values)) = draft.constant_of(input) {
        let each = values.len() / directions.len();
        let values = values[direction * each..][..each].to_vec();
        let sizes: Vec<usize> = own.iter().map(|size| size.factor).collect();
        return Ok(draft.numbers(values, &sizes));
    }
    let mut starts = vec![0; shape.len()];
    starts[0] = direction;
    let mut one = shape;
    one[0] = Size::fixed(1);
    let rank = one.len();
    let cut = draft.step(Op::Slice { starts, steps: vec![1; rank] }, vec![input], Kind::F32, one);
    Ok(draft.reshaped(cut, own))
}
