//! Takes a node that tract has no operator for, or a wrong one; gives an operator of the kit's own, one family per file.
//! Next: `adapter` puts it into tract's graphs, `interpret` runs it by itself. An operator is a pure function of its
//! attributes and input tensors; it knows nothing of tract, and never answers where it cannot be right: it refuses.

mod activations;
mod adapter;
mod arithmetic;
mod attention;
mod attributes;
mod batch_norm;
mod careful;
mod cast;
mod compare;
mod contributed;
mod conv_transpose;
mod cumulative;
mod distance;
mod einsum;
mod elements;
mod encoders;
mod extremes;
mod fill;
mod grid_sample;
mod image;
mod index_nd;
mod linear;
mod losses;
mod pooling;
mod products;
mod quantized;
mod recurrent;
mod reduce;
mod refused;
mod resize;
mod rotary;
mod scaling;
mod select;
mod shapes;
mod sizes;
mod spectrum;
mod state;
mod svm;
mod text;
mod trees;

pub use adapter::{Failure, check_plan, register};
pub use attributes::Attributes;
pub use careful::has as has_careful;
pub use sizes::predicted;
#[cfg(not(target_arch = "wasm32"))]
pub use trees::forest_of;

use crate::error::{Error, ErrorKind, Result};
#[cfg(not(target_arch = "wasm32"))]
use crate::onnx::rewrite::OWN;
use crate::tensor::{Data, ElementType, Tensor};
use std::fmt::Debug;
use tract_onnx::pb::NodeProto;

/// The most elements that one output may have: 1 GiB of float32. A file that asks for more is hostile, or not for here.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// What is known of a tensor before it is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The type of one element.
    pub element: ElementType,
    /// The sizes, outermost first.
    pub shape: Vec<usize>,
    /// The tensor itself, where it is a constant.
    pub value: Option<Tensor>,
}

impl Fact {
    /// A tensor of that type and shape, whatever its values.
    pub fn new(element: ElementType, shape: impl Into<Vec<usize>>) -> Self {
        Self { element, shape: shape.into(), value: None }
    }

    /// How many elements it has. Fails with `wrong-shape` beyond [`MAX_ELEMENTS`].
    pub fn elements(&self) -> Result<usize> {
        bounded(&self.shape)
    }
}

/// The number of elements of a shape. Fails with `wrong-shape` beyond [`MAX_ELEMENTS`].
pub fn bounded(shape: &[usize]) -> Result<usize> {
    let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    elements.filter(|&elements| elements <= MAX_ELEMENTS).ok_or_else(|| {
        let message = format!("a tensor of the shape {shape:?} is larger than {MAX_ELEMENTS} elements");
        Error::new(ErrorKind::WrongShape, message)
            .help("feed smaller inputs, or check the sizes that the file asks for")
    })
}

/// One operator with its attributes.
pub trait Operator: Debug + Send + Sync {
    /// The types and shapes of the outputs for inputs like these; only those inputs come that the node has.
    ///
    /// Fails with [`depends_on_values`] when a shape is known only once the operator has run: the model is then
    /// interpreted node by node.
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>>;

    /// Computes the outputs.
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>>;
}

/// Of what an operator gives, the outputs that have a name in the node. An operator may give just those, or all of them
/// in the order of its definition.
pub fn named_only<T>(outputs: Vec<T>, named: &[bool]) -> Vec<T> {
    if outputs.len() <= named.iter().filter(|named| **named).count() {
        return outputs;
    }
    outputs.into_iter().zip(named).filter(|(_, named)| **named).map(|(output, _)| output).collect()
}

/// The error of [`Operator::facts`] for a shape that depends on values.
pub fn depends_on_values() -> Error {
    Error::new(ErrorKind::EngineFailed, "the output shape depends on values")
}

/// Makes an operator from a node.
pub type Build = fn(&Attributes<'_>) -> Result<Box<dyn Operator>>;

/// The operators of one family: domain, name, and what makes one.
pub type Family = &'static [(&'static str, &'static str, Build)];

/// The standard domain, written empty or so.
pub const ONNX: &str = "";
/// Classical machine learning.
pub const ML: &str = "ai.onnx.ml";
/// What onnxruntime's tools write.
pub const MICROSOFT: &str = "com.microsoft";

/// Every family.
const FAMILIES: &[Family] = &[
    activations::FAMILY,
    arithmetic::FAMILY,
    attention::FAMILY,
    batch_norm::FAMILY,
    careful::FAMILY,
    cast::FAMILY,
    contributed::FAMILY,
    conv_transpose::FAMILY,
    cumulative::FAMILY,
    distance::FAMILY,
    einsum::FAMILY,
    encoders::FAMILY,
    extremes::FAMILY,
    fill::FAMILY,
    grid_sample::FAMILY,
    image::FAMILY,
    index_nd::FAMILY,
    linear::FAMILY,
    losses::FAMILY,
    pooling::FAMILY,
    quantized::FAMILY,
    recurrent::FAMILY,
    reduce::FAMILY,
    refused::MISREAD,
    refused::RANDOM,
    resize::FAMILY,
    rotary::FAMILY,
    scaling::FAMILY,
    select::FAMILY,
    shapes::FAMILY,
    state::FAMILY,
    svm::FAMILY,
    text::FAMILY,
    trees::FAMILY,
];

/// What stands in where tract's own operator fails on a node.
const FALLBACKS: &[Family] = &[
    activations::WIDE,
    batch_norm::FAMILY,
    cast::FAMILY,
    compare::STAND_INS,
    conv_transpose::FAMILY,
    cumulative::STAND_INS,
    einsum::FAMILY,
    index_nd::STAND_INS,
    products::STAND_INS,
    reduce::WHOLE,
    refused::TRAINING,
    spectrum::STAND_INS,
];

/// Says whether tract's own operator is right for a node.
type IsPlain = fn(&NodeProto) -> bool;

/// Operators of the standard domain of which tract's own are right for some nodes, and which those are.
const SHARED: &[(&str, IsPlain)] = &[
    ("BatchNormalization", batch_norm::is_plain),
    ("Cast", cast::is_plain),
    ("ConvTranspose", conv_transpose::is_plain),
    ("Einsum", einsum::is_plain),
    ("GRU", recurrent::is_plain),
    ("GridSample", grid_sample::is_plain),
    ("LRN", refused::is_plain),
    ("LSTM", recurrent::is_plain),
    ("NonMaxSuppression", refused::is_plain),
    ("RNN", recurrent::is_plain),
    ("SpaceToDepth", shapes::is_plain),
    ("Swish", activations::is_plain),
];

fn is_plain(node: &NodeProto) -> bool {
    SHARED.iter().any(|(name, is_plain)| *name == node.op_type && is_plain(node))
}

/// Whether tract's own operator must not be asked about inputs of these types: it would panic, or be wrong.
pub fn is_dangerous(node: &NodeProto, inputs: &[ElementType]) -> bool {
    use ElementType::{I16, I32, I64, U16, U32, U64};
    let whole = |elements: &[ElementType]| elements.iter().any(|element| inputs.contains(element));
    match node.op_type.as_str() {
        "MatMul" => whole(&[I64, I16, U64, U32, U16]),
        "Pow" => matches!(inputs.first(), Some(I64 | I32)),
        _ => false,
    }
}

/// The operator that stands in for tract's own, which failed on this node.
pub fn fallback(node: &NodeProto, opset: i64) -> Option<Result<Box<dyn Operator>>> {
    if !matches!(node.domain.as_str(), ONNX | "ai.onnx") {
        return None;
    }
    let mut all = FALLBACKS.iter().flat_map(|family| family.iter());
    let (_, _, build) = all.find(|(_, operator, _)| *operator == node.op_type)?;
    let attributes = Attributes::new(node, opset);
    Some(build(&attributes).map_err(|error| error.item(attributes.place())))
}

/// What makes the operator of this node; nothing when tract's own is used.
pub fn find(node: &NodeProto) -> Option<Build> {
    let (domain, name) = (node.domain.as_str(), node.op_type.as_str());
    let domain = if domain == "ai.onnx" { ONNX } else { domain };
    if domain == ONNX && is_plain(node) {
        return None;
    }
    let mut all = FAMILIES.iter().flat_map(|family| family.iter());
    all.find(|(known, operator, _)| *known == domain && *operator == name).map(|(_, _, build)| *build)
}

/// The operator of a node, where it is the kit's own. Errors name operator and node.
pub fn build(node: &NodeProto, opset: i64) -> Option<Result<Box<dyn Operator>>> {
    let build = find(node)?;
    let attributes = Attributes::new(node, opset);
    Some(build(&attributes).map_err(|error| error.item(attributes.place())))
}

/// Whether the operator of this name gives random values, and is refused.
#[cfg(not(target_arch = "wasm32"))]
pub fn is_random(name: &str) -> bool {
    refused::RANDOM.iter().any(|(_, known, _)| *known == name)
}

/// The names of the kit's operators with their domain, written out; and whether tract's own run some of their nodes.
#[cfg(not(target_arch = "wasm32"))]
pub fn names() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let all = FAMILIES.iter().flat_map(|family| family.iter()).map(|(domain, name, _)| (*domain, *name, false));
    let stand_ins = FALLBACKS.iter().flat_map(|family| family.iter()).map(|(domain, name, _)| (*domain, *name, true));
    all.chain(stand_ins).filter(|(domain, name, _)| *domain != OWN && !is_random(name)).map(|(domain, name, shared)| {
        (
            if domain == ONNX { "ai.onnx" } else { domain },
            name,
            shared || SHARED.iter().any(|(known, _)| *known == name),
        )
    })
}

/// The key under which an own operator stands in tract's register. tract knows operators by their name alone; with the
/// domain before it, operators of the same name stay apart.
pub fn key(domain: &str, name: &str) -> String {
    format!("nearside:{domain}:{name}")
}

/// The values of a numeric tensor as float32. Fails with `wrong-type` for strings.
pub fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    if let Data::F32(values) = tensor.data() {
        return Ok(values.clone());
    }
    let wide = tensor.data().to_f64().ok_or_else(|| not_numbers(tensor))?;
    Ok(wide.into_iter().map(|value| value as f32).collect())
}

/// The values of an integer tensor. Fails with `wrong-type` for any other.
pub fn integers(tensor: &Tensor) -> Result<Vec<i64>> {
    Ok(match tensor.data() {
        Data::I64(values) => values.clone(),
        Data::I32(values) => values.iter().map(|&value| value.into()).collect(),
        Data::U8(values) => values.iter().map(|&value| value.into()).collect(),
        Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
        _ => return Err(not_numbers(tensor)),
    })
}

/// The error for a tensor of a type that the operator does not take.
pub fn not_numbers(tensor: &Tensor) -> Error {
    let message = format!("an input of type {} is not taken here", tensor.element_type().name());
    Error::new(ErrorKind::WrongType, message).help("cast it inside the model")
}

/// The place of an axis that may be counted from the end. Fails with `wrong-shape` where the rank has no such axis.
pub fn axis(axis: i64, rank: usize) -> Result<usize> {
    let absolute = if axis < 0 { axis + rank as i64 } else { axis };
    let place = usize::try_from(absolute).ok().filter(|&place| place < rank);
    place.ok_or_else(|| Error::new(ErrorKind::WrongShape, format!("axis {axis} of a tensor of rank {rank}")))
}

/// An input that the operator cannot do without.
pub fn required<T>(inputs: &[T], place: Option<usize>) -> Result<&T> {
    place.and_then(|place| inputs.get(place)).ok_or_else(|| {
        let error = Error::new(ErrorKind::InvalidModel, "an input that the operator needs is missing");
        error.help("the file is broken; export it again")
    })
}
