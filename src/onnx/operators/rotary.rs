//! RotaryEmbedding of com.microsoft: pairs of values of each head are turned by an angle that grows with the position.
//!
//! Source: onnxruntime's description of its contributed operators.

use super::elements::mismatch;
use super::{Attributes, Fact, Family, MICROSOFT, Operator, floats, integers, required};
use crate::error::Result;
use crate::tensor::{Data, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[(MICROSOFT, "RotaryEmbedding", |attributes| Ok(Box::new(Rotary::new(attributes)?)))];

#[derive(Debug)]
struct Rotary {
    /// Whether the two values of a pair lie beside each other, or half of the turned part apart.
    interleaved: bool,
    /// How many heads lie in the last axis of an input of rank 3; 0 where the angles tell.
    heads: usize,
    /// How many values of a head are turned; 0 for all.
    width: usize,
}

/// Where the values of an input lie.
struct Sizes {
    batch: usize,
    steps: usize,
    heads: usize,
    head: usize,
    /// Whether heads come before steps, as in inputs of rank 4.
    split: bool,
}

impl Rotary {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        if attributes.flag("is_packed_batching", false) {
            return Err(attributes.refuse("is_packed_batching", "packed batches are not supported"));
        }
        if attributes.float("scale").is_some_and(|scale| scale != 1.0) {
            return Err(attributes.refuse("scale", "a scale is not supported"));
        }
        let count = |name: &str| usize::try_from(attributes.int(name).unwrap_or_default()).unwrap_or_default();
        let interleaved = attributes.flag("interleaved", false);
        Ok(Self { interleaved, heads: count("num_heads"), width: count("rotary_embedding_dim") })
    }

    fn sizes(&self, shape: &[usize], angles: usize) -> Result<Sizes> {
        let wrong = || mismatch(format!("an input of the shape {shape:?} for {angles} angles"));
        let sizes = match *shape {
            [batch, heads, steps, head] => Sizes { batch, steps, heads, head, split: true },
            [batch, steps, hidden] => {
                let head = match (self.width, self.heads) {
                    (0, _) | (_, 0) => 2 * angles,
                    (_, heads) => hidden / heads,
                };
                if head == 0 || !hidden.is_multiple_of(head) {
                    return Err(wrong());
                }
                Sizes { batch, steps, heads: hidden / head, head, split: false }
            }
            _ => return Err(wrong()),
        };
        if 2 * angles > sizes.head { Err(wrong()) } else { Ok(sizes) }
    }
}

impl Operator for Rotary {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        Ok(vec![Fact::new(input.element, input.shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = |place| required(inputs, Some(place));
        let input = at(0)?;
        let (positions, cosines, sines) = (integers(at(1)?)?, floats(at(2)?)?, floats(at(3)?)?);
        let &[most, angles] = at(2)?.shape() else { return Err(mismatch("the cosines are no matrix")) };
        if at(3)?.shape() != [most, angles] {
            return Err(mismatch("the sines are not of the shape of the cosines"));
        }
        let Sizes { batch, steps, heads, head, split } = self.sizes(input.shape(), angles)?;
        let mut values = floats(input)?;
        for sample in 0..batch {
            for step in 0..steps {
                // One position is that of the first step; otherwise each step has its own.
                let position = match positions.as_slice() {
                    [first] if batch * steps != 1 => first + step as i64,
                    all => *all.get(sample * steps + step).ok_or_else(|| mismatch("a step has no position"))?,
                };
                let row = usize::try_from(position).ok().filter(|&row| row < most);
                let row = row.ok_or_else(|| mismatch(format!("position {position} where there are {most}")))?;
                let (cosines, sines) = (&cosines[row * angles..][..angles], &sines[row * angles..][..angles]);
                for index in 0..heads {
                    let start = match split {
                        true => ((sample * heads + index) * steps + step) * head,
                        false => ((sample * steps + step) * heads + index) * head,
                    };
                    for place in 0..angles {
                        let (one, other) = match self.interleaved {
                            true => (start + 2 * place, start + 2 * place + 1),
                            false => (start + place, start + angles + place),
                        };
                        let (a, b) = (values[one], values[other]);
                        values[one] = a * cosines[place] - b * sines[place];
                        values[other] = a * sines[place] + b * cosines[place];
                    }
                }
            }
        }
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::F32(values))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(interleaved: bool, shape: &[usize], values: &[f32]) -> Vec<f32> {
        let floats = |shape: &[usize], values: &[f32]| Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap();
        let inputs = [
            floats(shape, values),
            Tensor::new(vec![1], Data::I64(vec![0])).unwrap(),
            floats(&[2, 1], &[1.0, 0.0]),
            floats(&[2, 1], &[0.0, 1.0]),
        ];
        super::super::floats(&Rotary { interleaved, heads: 0, width: 0 }.run(&inputs).unwrap()[0]).unwrap()
    }

    #[test]
    fn the_first_step_stays_and_the_second_is_turned() {
        let turned = run(true, &[1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(turned, [1.0, 2.0, 3.0, 4.0, -2.0, 1.0, -4.0, 3.0]);
        // Heads before steps: the same rows in another order.
        let turned = run(false, &[1, 2, 2, 2], &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(turned, [1.0, 2.0, -2.0, 1.0, 3.0, 4.0, -4.0, 3.0]);
    }
}
