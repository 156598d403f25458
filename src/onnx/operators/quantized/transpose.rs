//! TransposeMatrix, a private operator: what FusedMatMul of com.microsoft does to its inputs before it multiplies.

use super::{input, required};
use crate::error::Result;
use crate::onnx::operators::elements::{Places, gather, mismatch, strides};
use crate::onnx::operators::{Attributes, Fact, Operator};
use crate::tensor::Tensor;

/// The operator. A stack of matrices stays one, or becomes one.
#[derive(Debug)]
struct TransposeMatrix {
    value: usize,
    /// Exchanges the last two axes.
    matrix: bool,
    /// Before that, moves the first axis behind all others but the last.
    batch: bool,
}

/// Makes the operator.
pub(super) fn build(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let (matrix, batch) = (attributes.flag("matrix", true), attributes.flag("batch", false));
    Ok(Box::new(TransposeMatrix { value: required(attributes, 0)?, matrix, batch }))
}

impl TransposeMatrix {
    /// For each axis of the output, the axis of the input.
    fn order(&self, rank: usize) -> Result<Vec<usize>> {
        if rank < 2 {
            return Err(mismatch(format!("a tensor of rank {rank} where a matrix is wanted")));
        }
        let mut order: Vec<usize> = (0..rank).collect();
        if self.batch {
            order[..rank - 1].rotate_left(1);
        }
        if self.matrix {
            order.swap(rank - 2, rank - 1);
        }
        Ok(order)
    }
}

impl Operator for TransposeMatrix {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let value = inputs.get(self.value).ok_or_else(|| mismatch("an input is missing"))?;
        let shape: Vec<usize> = self.order(value.shape.len())?.into_iter().map(|axis| value.shape[axis]).collect();
        Ok(vec![Fact::new(value.element, shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let value = input(inputs, self.value)?;
        let order = self.order(value.shape().len())?;
        let strides = strides(value.shape());
        let shape: Vec<usize> = order.iter().map(|&axis| value.shape()[axis]).collect();
        let places = Places::new(&shape, order.iter().map(|&axis| strides[axis]).collect())?;
        Ok(vec![Tensor::new(shape, gather(value.data(), places))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Data;

    fn run(matrix: bool, batch: bool, shape: &[usize]) -> Result<(Vec<usize>, Data)> {
        let count = shape.iter().product::<usize>();
        let value = Tensor::new(shape.to_vec(), Data::I64((0..count as i64).collect())).unwrap();
        let output = TransposeMatrix { value: 0, matrix, batch }.run(&[value])?.remove(0);
        Ok((output.shape().to_vec(), output.into_data()))
    }

    #[test]
    fn axes_change_their_places() {
        assert_eq!(run(true, false, &[2, 3]).unwrap(), (vec![3, 2], Data::I64(vec![0, 3, 1, 4, 2, 5])));
        assert_eq!(run(false, true, &[2, 3, 1]).unwrap(), (vec![3, 2, 1], Data::I64(vec![0, 3, 1, 4, 2, 5])));
        assert_eq!(run(true, true, &[2, 3, 1]).unwrap(), (vec![3, 1, 2], Data::I64(vec![0, 3, 1, 4, 2, 5])));
        assert_eq!(run(true, false, &[0, 3]).unwrap().0, [3, 0]);
    }

    #[test]
    fn what_is_no_matrix_is_an_error() {
        assert!(run(true, false, &[3]).is_err());
        assert!(run(true, true, &[]).is_err());
        assert!(TransposeMatrix { value: 0, matrix: true, batch: false }.run(&[]).is_err());
    }
}
