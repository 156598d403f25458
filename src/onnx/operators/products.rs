//! Products and powers that tract does not do, or does wrong: of whole numbers, and of float64. Only the interpreter comes
//! here, where tract has failed or must not be asked.

use super::elements::{broadcast, mismatch, spread};
use super::{Attributes, Fact, Family, ONNX, Operator, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};

/// What stands in for tract's own.
pub const STAND_INS: Family = &[
    (ONNX, "Gemm", |attributes| Ok(Box::new(Gemm::new(attributes)))),
    (ONNX, "MatMul", |_| Ok(Box::new(MatMul))),
    (ONNX, "Pow", |_| Ok(Box::new(WholePow))),
];

/// Products of matrices of any rank, as numpy has them; of vectors too.
#[derive(Debug)]
struct MatMul;

/// The outer shape, then rows, inner size and columns; and whether rows and columns are part of the output's shape.
struct Product {
    outer: Vec<usize>,
    sizes: [usize; 3],
    left: Vec<usize>,
    right: Vec<usize>,
    shape: Vec<usize>,
}

impl Product {
    fn new(left: &[usize], right: &[usize]) -> Result<Self> {
        let wrong = || mismatch(format!("the shapes {left:?} and {right:?} cannot be multiplied"));
        let (left_outer, rows, inner) = match left {
            [] => return Err(wrong()),
            [inner] => (&[][..], None, *inner),
            [outer @ .., rows, inner] => (outer, Some(*rows), *inner),
        };
        let (right_outer, same, columns) = match right {
            [] => return Err(wrong()),
            [same] => (&[][..], *same, None),
            [outer @ .., same, columns] => (outer, *same, Some(*columns)),
        };
        if inner != same {
            return Err(wrong());
        }
        let outer = broadcast(left_outer, right_outer)?;
        let shape: Vec<usize> = outer.iter().copied().chain(rows).chain(columns).collect();
        super::bounded(&shape)?;
        let sizes = [rows.unwrap_or(1), inner, columns.unwrap_or(1)];
        Ok(Self { outer, sizes, left: left_outer.to_vec(), right: right_outer.to_vec(), shape })
    }

    fn of<T: Copy>(&self, left: &[T], right: &[T], zero: T, add: impl Fn(T, T, T) -> T) -> Result<Vec<T>> {
        let [rows, inner, columns] = self.sizes;
        let mut output = Vec::with_capacity(self.shape.iter().product());
        for (a, b) in spread(&self.left, &self.outer)?.zip(spread(&self.right, &self.outer)?) {
            let (left, right) = (&left[a * rows * inner..], &right[b * inner * columns..]);
            for row in 0..rows {
                for column in 0..columns {
                    output.push(
                        (0..inner).fold(zero, |sum, place| {
                            add(sum, left[row * inner + place], right[place * columns + column])
                        }),
                    );
                }
            }
        }
        Ok(output)
    }
}

impl Operator for MatMul {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let product = Product::new(&required(inputs, Some(0))?.shape, &required(inputs, Some(1))?.shape)?;
        Ok(vec![Fact::new(inputs[0].element, product.shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let product = Product::new(left.shape(), right.shape())?;
        macro_rules! whole {
            ($variant:ident, $rust:ty, $a:expr, $b:expr) => {
                Data::$variant(product.of($a, $b, 0, |sum, a: $rust, b: $rust| sum.wrapping_add(a.wrapping_mul(b)))?)
            };
        }
        let data = match (left.data(), right.data()) {
            (Data::F32(a), Data::F32(b)) => Data::F32(product.of(a, b, 0.0, |sum, a, b| sum + a * b)?),
            (Data::F64(a), Data::F64(b)) => Data::F64(product.of(a, b, 0.0, |sum, a, b| sum + a * b)?),
            (Data::I64(a), Data::I64(b)) => whole!(I64, i64, a, b),
            (Data::I32(a), Data::I32(b)) => whole!(I32, i32, a, b),
            (Data::U64(a), Data::U64(b)) => whole!(U64, u64, a, b),
            (Data::U32(a), Data::U32(b)) => whole!(U32, u32, a, b),
            _ => return Err(not_numbers(right)),
        };
        Ok(vec![Tensor::new(product.shape, data)?])
    }
}

/// `α · A · B + β · C`, of float64 too; A and B may be turned.
#[derive(Debug)]
struct Gemm {
    alpha: f64,
    beta: f64,
    turned: [bool; 2],
}

impl Gemm {
    fn new(attributes: &Attributes<'_>) -> Self {
        let factor = |name: &str| attributes.float(name).unwrap_or(1.0).into();
        let turned = [attributes.flag("transA", false), attributes.flag("transB", false)];
        Self { alpha: factor("alpha"), beta: factor("beta"), turned }
    }

    /// Rows and columns of a matrix, and the steps between them.
    fn side(shape: &[usize], turned: bool) -> Result<[usize; 4]> {
        match (shape, turned) {
            (&[rows, columns], false) => Ok([rows, columns, columns, 1]),
            (&[columns, rows], true) => Ok([rows, columns, 1, rows]),
            _ => Err(mismatch(format!("the shape {shape:?} is no matrix"))),
        }
    }

    fn shape(&self, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
        let ([rows, inner, ..], [same, columns, ..]) = (Self::side(a, self.turned[0])?, Self::side(b, self.turned[1])?);
        if inner != same {
            return Err(mismatch(format!("the shapes {a:?} and {b:?} cannot be multiplied")));
        }
        super::bounded(&[rows, columns])?;
        Ok(vec![rows, columns])
    }
}

impl Operator for Gemm {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (a, b) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        Ok(vec![Fact::new(a.element, self.shape(&a.shape, &b.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (a, b) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let shape = self.shape(a.shape(), b.shape())?;
        let ([rows, inner, a_row, a_step], [_, columns, b_row, b_step]) =
            (Self::side(a.shape(), self.turned[0])?, Self::side(b.shape(), self.turned[1])?);
        let values = |tensor: &Tensor| tensor.data().to_f64().ok_or_else(|| not_numbers(tensor));
        let (left, right) = (values(a)?, values(b)?);
        let mut output = vec![0.0; rows * columns];
        if let Some(c) = inputs.get(2) {
            let added = values(c)?;
            for (value, place) in output.iter_mut().zip(spread(c.shape(), &shape)?) {
                *value = self.beta * added[place];
            }
        }
        for (place, value) in output.iter_mut().enumerate() {
            let (row, column) = (place / columns, place % columns);
            let product = (0..inner).map(|k| left[row * a_row + k * a_step] * right[k * b_row + column * b_step]);
            *value += self.alpha * product.sum::<f64>();
        }
        let data = match a.element_type() {
            ElementType::F32 => Data::F32(output.into_iter().map(|value| value as f32).collect()),
            ElementType::F64 => Data::F64(output),
            _ => return Err(not_numbers(a)),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

/// Powers of whole numbers: tract takes a negative exponent for a huge one. Rounded towards 0, as a division is.
#[derive(Debug)]
struct WholePow;

impl Operator for WholePow {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (base, exponent) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        Ok(vec![Fact::new(base.element, broadcast(&base.shape, &exponent.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (base, exponent) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let shape = broadcast(base.shape(), exponent.shape())?;
        let exponents = exponent.data().to_f64().ok_or_else(|| not_numbers(exponent))?;
        let places = spread(base.shape(), &shape)?.zip(spread(exponent.shape(), &shape)?);
        macro_rules! powers {
            ($variant:ident, $rust:ty, $values:expr) => {
                Data::$variant(
                    places
                        .map(|(base, exponent)| {
                            let (base, exponent) = ($values[base], exponents[exponent]);
                            match exponent >= 0.0 && exponent.fract() == 0.0 && exponent < 4_294_967_296.0 {
                                true => base.wrapping_pow(exponent as u32),
                                false => (base as f64).powf(exponent) as $rust,
                            }
                        })
                        .collect(),
                )
            };
        }
        let data = match base.data() {
            Data::I64(values) => powers!(I64, i64, values),
            Data::I32(values) => powers!(I32, i32, values),
            _ => return Err(not_numbers(base)),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_stacks_of_matrices_are_multiplied() {
        let product = |a: &[usize], b: &[usize]| {
            let tensor = |shape: &[usize]| {
                let count: i64 = shape.iter().product::<usize>() as i64;
                Tensor::new(shape.to_vec(), Data::I64((1..=count).collect())).unwrap()
            };
            MatMul.run(&[tensor(a), tensor(b)]).map(|mut outputs| outputs.remove(0))
        };
        let tensor = |shape: &[usize], values: &[i64]| Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap();
        assert_eq!(product(&[3], &[3]).unwrap(), tensor(&[], &[14]));
        assert_eq!(product(&[2], &[2, 2]).unwrap(), tensor(&[2], &[7, 10]));
        assert_eq!(product(&[2, 1, 2], &[2, 1]).unwrap(), tensor(&[2, 1, 1], &[5, 11]));
        assert_eq!(product(&[0], &[0]).unwrap(), tensor(&[], &[0]));
        assert!(product(&[2], &[3]).is_err() && product(&[], &[1]).is_err());
    }

    #[test]
    fn matrices_are_turned_and_added() {
        let tensor = |shape: &[usize], values: &[f64]| Tensor::new(shape.to_vec(), Data::F64(values.to_vec())).unwrap();
        let gemm = Gemm { alpha: 2.0, beta: 0.5, turned: [true, false] };
        let inputs =
            [tensor(&[2, 1], &[1.0, 2.0]), tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), tensor(&[2], &[10.0, 20.0])];
        assert_eq!(gemm.run(&inputs).unwrap(), [tensor(&[1, 2], &[19.0, 30.0])]);
        assert!(gemm.run(&[tensor(&[1, 2], &[1.0, 2.0]), tensor(&[2, 1], &[1.0, 2.0])]).is_err());
    }

    #[test]
    fn negative_exponents_of_whole_numbers_give_0_or_1() {
        let tensor = |values: &[i64]| Tensor::new(vec![values.len()], Data::I64(values.to_vec())).unwrap();
        let powers = WholePow.run(&[tensor(&[3, 1, -2, -1]), tensor(&[-2, -5, 3, -3])]).unwrap();
        assert_eq!(powers, [tensor(&[0, 1, -8, -1])]);
    }
}
