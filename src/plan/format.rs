//! What a plan says. The bytes are those of `write` and `read`, in the order of the fields here.

pub use nearside_kernels::{Activation, Binary, Pool, Unary, Window};

use crate::tensor::trees::Forest;
use crate::tensor::{ElementType, Port};

/// What a buffer holds. Booleans are 0 and 1 as float32, integers of every width are int64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// float32.
    F32,
    /// int64.
    I64,
    /// Strings.
    Text,
}

/// Values of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// float32.
    F32(Vec<f32>),
    /// int64.
    I64(Vec<i64>),
    /// Strings.
    Text(Vec<String>),
}

/// A size: a number times powers of the sizes that each call chooses, the batch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The number.
    pub factor: usize,
    /// The powers of the chosen sizes.
    pub powers: [u8; Size::SYMBOLS],
}

impl Size {
    /// How many sizes a call may choose.
    pub const SYMBOLS: usize = 2;

    /// A size that never changes.
    pub const fn fixed(factor: usize) -> Self {
        Self { factor, powers: [0; Self::SYMBOLS] }
    }

    /// The size for chosen ones; nothing beyond what a `usize` holds.
    pub fn of(&self, chosen: &[usize; Self::SYMBOLS]) -> Option<usize> {
        let mut size = self.factor;
        for (&power, &chosen) in self.powers.iter().zip(chosen) {
            size = size.checked_mul(chosen.checked_pow(power.into())?)?;
        }
        Some(size)
    }
}

/// Where a tensor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// What it holds.
    pub kind: Kind,
    /// Its sizes, outermost first.
    pub shape: Vec<Size>,
    /// Its buffer; constants come first, and are never written. Tensors whose lives do not overlap, and those that are the
    /// same values in another shape, share one.
    pub buffer: usize,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The values.
    pub values: Values,
}

/// An input or output: what the model calls it, and which tensor it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanPort {
    /// Name, type and shape in the model.
    pub port: Port,
    /// Its place in [`Plan::spots`].
    pub spot: usize,
}

/// What a reduction takes of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reduce {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    L1,
    L2,
    SumSquare,
    LogSumExp,
}

/// What a step does. Activations are what follows a product or a convolution, in the same pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A function, value by value.
    Unary(Activation),
    /// A function of two tensors, spread to the shape of the output.
    Binary(Binary),
    /// The second input where the first is not 0, the third elsewhere, spread to the shape of the output.
    Where,
    /// A product of matrices, over outer axes that are spread. A third input is added to each row; a constant second
    /// input may stand turned.
    MatMul {
        /// Whether the second input is stored with its columns as rows.
        turned: bool,
        /// What follows.
        then: Option<Activation>,
    },
    /// A convolution of `[batch, channels, height, width]` with weights `[filters, channels / groups, …]` and an optional
    /// bias.
    Conv {
        /// Height and width of the windows.
        window: Window,
        /// How many groups of channels keep to themselves.
        groups: usize,
        /// What follows.
        then: Option<Activation>,
    },
    /// Windows of `[batch, channels, height, width]`, each to one value.
    Pool {
        /// Height and width of the windows.
        window: Window,
        /// What is taken.
        take: Pool,
    },
    /// Over some axes, to one value. The output has them as 1 or not at all: they are those on which bit `axis` is set.
    Reduce {
        /// What is taken.
        take: Reduce,
        /// The axes.
        axes: u32,
    },
    /// Shares of an exponential, along an axis; or their logarithms.
    Softmax {
        /// The axis.
        axis: usize,
        /// Whether logarithms are wanted.
        log: bool,
    },
    /// Values along the last axes from `axis` on, less their mean and divided by their deviation, times the second input plus the third,
    /// where there are such.
    Normalise {
        /// The first of the axes.
        axis: usize,
        /// What is added to the variance.
        epsilon: f32,
    },
    /// Axes in another order.
    Transpose {
        /// For each axis of the output, that of the input.
        order: Vec<usize>,
    },
    /// Tensors one after the other along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Every `steps`th value from `starts` on, along each axis, as many as the output has.
    Slice {
        /// The first place.
        starts: Vec<usize>,
        /// How far to the next; backwards where negative.
        steps: Vec<i64>,
    },
    /// The slices of the first input along an axis that the second names, negative ones counted from the end.
    Gather {
        /// The axis.
        axis: usize,
    },
    /// The input with `before` values in front along each axis, and after it as many as the output has room for.
    Pad {
        /// How many in front.
        before: Vec<usize>,
        /// The value.
        value: f32,
    },
    /// The input, spread to the shape of the output.
    Spread,
    /// Where the largest value along an axis stands, the first of several; as int64.
    ArgMax {
        /// The axis.
        axis: usize,
        /// Whether the smallest is looked for.
        smallest: bool,
    },
    /// The same values as another kind; to int64 towards 0.
    Cast,
    /// For each value, the place of the entry of the second input that equals it, or -1; as int64.
    Find,
    /// Sums over the trees of a forest: for each row, one per target.
    Trees {
        /// Its place in the plan's forests.
        forest: usize,
    },
    /// A recurrent layer. Inputs: X `[steps, batch, input]`, W, R, and as they are there B, initial h and c.
    Recurrent {
        /// Which cell: 0 LSTM, 1 GRU, 2 GRU whose reset gate comes before the product.
        cell: u8,
        /// Whether it runs backwards.
        backwards: bool,
        /// Which of B, initial h and initial c come.
        has: [bool; 3],
    },
}

/// One step: what is done, on which tensors, into which.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// Places in [`Plan::spots`].
    pub inputs: Vec<usize>,
    /// Places in [`Plan::spots`].
    pub outputs: Vec<usize>,
}

/// A model, ready to run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What it takes.
    pub inputs: Vec<PlanPort>,
    /// What it gives.
    pub outputs: Vec<PlanPort>,
    /// The constants, which are the first buffers.
    pub constants: Vec<Constant>,
    /// The trees.
    pub forests: Vec<Forest<f32>>,
    /// How many buffers there are beside the constants.
    pub buffers: usize,
    /// Where every tensor stands.
    pub spots: Vec<Spot>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are.
    pub fn kind(&self) -> Kind {
        match self {
            Self::F32(_) => Kind::F32,
            Self::I64(_) => Kind::I64,
            Self::Text(_) => Kind::Text,
        }
    }
}

impl Kind {
    /// How values of that type are held; nothing for float64, which plans do not compute in.
    pub fn of(element: ElementType) -> Option<Self> {
        Some(match element {
            ElementType::F32 | ElementType::Bool => Self::F32,
            ElementType::F64 | ElementType::U64 => return None,
            ElementType::Text => Self::Text,
            _ => Self::I64,
        })
    }
}
