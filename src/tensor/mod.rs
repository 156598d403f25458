//! Takes typed numbers and strings with a shape; gives tensors that engines and hosts exchange.
//! Next: `predict` hands them to an engine. Only `trees` and `scores` compute: what every runtime shares, whatever it
//! reads models from. It never knows a file format.

mod element;
// Without tract nothing reads forests from files yet.
#[cfg_attr(not(feature = "tract"), allow(dead_code))]
pub(crate) mod scores;
#[cfg_attr(not(feature = "tract"), allow(dead_code))]
pub(crate) mod trees;

pub use element::{Data, ElementType};

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// A dense tensor in row-major order.
///
/// ```
/// use nearside::{Data, Tensor};
/// let tensor = Tensor::new(vec![2, 2], Data::F32(vec![1.0, 2.0, 3.0, 4.0])).unwrap();
/// assert_eq!(tensor.shape(), [2, 2]);
/// assert!(Tensor::new(vec![3], Data::F32(vec![1.0])).is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

impl Tensor {
    /// A tensor of `shape`. Fails with `wrong-shape` when the product of `shape` is not the number of elements.
    pub fn new(shape: Vec<usize>, data: Data) -> Result<Self> {
        let wanted = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        if wanted != Some(data.len()) {
            let message = format!("{} values for the shape {}", data.len(), shape_text(&shape));
            let help = "the sizes of the shape must multiply to the number of values";
            return Err(Error::new(ErrorKind::WrongShape, message).help(help));
        }
        Ok(Self { shape, data })
    }

    /// One row of one value, the shape `[1, 1]` of a raw feature.
    pub fn cell(data: Data) -> Result<Self> {
        Self::new(vec![1, 1], data)
    }

    /// The sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values in row-major order.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The values, given away.
    pub fn into_data(self) -> Data {
        self.data
    }

    /// The type of one element.
    pub fn element_type(&self) -> ElementType {
        self.data.element_type()
    }
}

/// A size of a [`Port`]: a number, or the name of a size that is known when the model runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dimension {
    /// A size that never changes.
    Fixed(usize),
    /// A size that each call may choose, by the name that the model gives it.
    Symbol(String),
}

/// A shape as text: `[1, 4]`. Without the formatter of lists, which is more code than all of this module.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    ["[", &sizes.join(", "), "]"].concat()
}

/// An input or an output of a model: name, element type and shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The name in the model.
    pub name: String,
    /// The type of one element.
    #[serde(rename = "type")]
    pub element_type: ElementType,
    /// The sizes, outermost first. Empty for a scalar, and for an output whose shape the file does not tell.
    pub shape: Vec<Dimension>,
}

impl Port {
    /// How many columns each row has: the second size, and 1 where there is none or it is not fixed.
    pub fn width(&self) -> usize {
        match self.shape.get(1) {
            Some(Dimension::Fixed(width)) => *width,
            _ => 1,
        }
    }
}
