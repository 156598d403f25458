//! Running products and sums along an axis. tract has no CumProd, and takes no axis of rank 1 for CumSum.

use super::elements::around;
use super::{Attributes, Fact, Family, ONNX, Operator, axis, integers, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "CumProd", |attributes| Ok(Box::new(Running::new(attributes, true))))];

/// What stands in for tract's own.
pub const STAND_INS: Family = &[(ONNX, "CumSum", |attributes| Ok(Box::new(Running::new(attributes, false))))];

/// The product, or the sum, of all values up to each one.
#[derive(Debug)]
struct Running {
    product: bool,
    exclusive: bool,
    reverse: bool,
}

impl Running {
    fn new(attributes: &Attributes<'_>, product: bool) -> Self {
        Self { product, exclusive: attributes.flag("exclusive", false), reverse: attributes.flag("reverse", false) }
    }
}

impl Operator for Running {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, along) = (required(inputs, Some(0))?, integers(required(inputs, Some(1))?)?);
        let along = axis(along.first().copied().unwrap_or_default(), input.shape().len())?;
        let (before, size, after) = around(input.shape(), along);
        macro_rules! running {
            ($variant:ident, $values:expr, $one:expr, $zero:expr, $times:expr, $plus:expr) => {{
                let mut found = $values.clone();
                for outer in 0..before {
                    for inner in 0..after {
                        let mut running = if self.product { $one } else { $zero };
                        for step in 0..size {
                            let step = if self.reverse { size - 1 - step } else { step };
                            let place = (outer * size + step) * after + inner;
                            let value = $values[place];
                            let next = if self.product { $times(running, value) } else { $plus(running, value) };
                            found[place] = if self.exclusive { running } else { next };
                            running = next;
                        }
                    }
                }
                Data::$variant(found)
            }};
        }
        let data = match input.data() {
            Data::F32(values) => running!(F32, values, 1.0, 0.0, |a: f32, b: f32| a * b, |a: f32, b: f32| a + b),
            Data::F64(values) => running!(F64, values, 1.0, 0.0, |a: f64, b: f64| a * b, |a: f64, b: f64| a + b),
            Data::I64(values) => running!(I64, values, 1, 0, i64::wrapping_mul, i64::wrapping_add),
            Data::I32(values) => running!(I32, values, 1, 0, i32::wrapping_mul, i32::wrapping_add),
            Data::U64(values) => running!(U64, values, 1, 0, u64::wrapping_mul, u64::wrapping_add),
            Data::U32(values) => running!(U32, values, 1, 0, u32::wrapping_mul, u32::wrapping_add),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_sums_run_both_ways() {
        let input = || Tensor::new(vec![3], Data::I32(vec![1, 2, 3])).unwrap();
        let axis = || Tensor::new(vec![1], Data::I32(vec![-1])).unwrap();
        let run = |product, exclusive, reverse| {
            Running { product, exclusive, reverse }.run(&[input(), axis()]).unwrap().remove(0).into_data()
        };
        assert_eq!(run(true, false, false), Data::I32(vec![1, 2, 6]));
        assert_eq!(run(true, true, false), Data::I32(vec![1, 1, 2]));
        assert_eq!(run(true, false, true), Data::I32(vec![6, 6, 3]));
        assert_eq!(run(true, true, true), Data::I32(vec![6, 3, 1]));
        assert_eq!(run(false, false, false), Data::I32(vec![1, 3, 6]));
        assert_eq!(run(false, true, true), Data::I32(vec![5, 3, 0]));
    }
}
