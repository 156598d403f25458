//! Operators that keep a value which is not a number (NaN): tract's own make an ordinary number of it, which would hide
//! a missing input behind a prediction. They are slower, and stand only where `rewrite::careful` puts them.

use super::activations::{each, swish};
use super::elements::{around, broadcast, every, every_pair, mismatch, spread};
use super::{Attributes, Fact, Family, MICROSOFT, ONNX, Operator, axis, not_numbers, recurrent, required};
use crate::error::Result;
use crate::onnx::rewrite::OWN;
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file, under the private domain: the file's own name for each is that of the standard set.
pub const FAMILY: Family = &[
    (OWN, "ArgMax", |attributes| Ok(Box::new(Place::new(attributes, true, false)))),
    (OWN, "ArgMin", |attributes| Ok(Box::new(Place::new(attributes, false, false)))),
    (OWN, "Clip", |attributes| Ok(Box::new(Clip::new(attributes)))),
    (OWN, "Elu", |attributes| {
        Ok(each(attributes, "alpha", 1.0, |x, alpha| if x < 0.0 { alpha * x.exp_m1() } else { x }))
    }),
    (OWN, "GRU", recurrent::gru),
    (OWN, "Hardmax", |attributes| Ok(Box::new(Place::new(attributes, true, true)))),
    (OWN, "HardSigmoid", |attributes| Ok(hard_sigmoid(attributes))),
    (OWN, "LSTM", recurrent::lstm),
    (OWN, "Max", |_| Ok(Box::new(Extreme { largest: true }))),
    (OWN, "Min", |_| Ok(Box::new(Extreme { largest: false }))),
    (OWN, "RNN", recurrent::rnn),
    (OWN, "QuickGelu", |attributes| Ok(each(attributes, "alpha", 1.702, swish))),
    (OWN, "Relu", |_| Ok(Box::new(Clip { from: Some(0.0), to: None, given: [None, None] }))),
    (OWN, "Selu", |attributes| Ok(selu(attributes))),
    (OWN, "Sigmoid", |attributes| Ok(each(attributes, "", 0.0, |x, _| 1.0 / (1.0 + (-x).exp())))),
    (OWN, "Swish", |attributes| Ok(each(attributes, "alpha", 1.0, swish))),
    (OWN, "Tanh", |attributes| Ok(each(attributes, "", 0.0, |x, _| x.tanh()))),
];

/// Whether this file has an operator in the place of that node's.
pub fn has(node: &NodeProto) -> bool {
    let domain = if node.op_type == "QuickGelu" { MICROSOFT } else { ONNX };
    let is_of = node.domain == domain || (domain == ONNX && node.domain == "ai.onnx");
    is_of && FAMILY.iter().any(|(_, known, _)| *known == node.op_type)
}

/// The larger or smaller of two values; of which one is not a number, that one.
fn pick<T: PartialOrd + Clone>(one: &T, other: &T, largest: bool) -> T {
    let is_number = |value: &T| value.partial_cmp(value).is_some();
    let keeps = !is_number(one) || (is_number(other) && if largest { one >= other } else { one <= other });
    if keeps { one.clone() } else { other.clone() }
}

/// A function of one value and two attributes, element by element.
#[derive(Debug)]
struct Curve {
    parameters: [f64; 2],
    of: fn(f64, [f64; 2]) -> f64,
}

/// `max(0, min(1, α·x + β))`.
fn hard_sigmoid(attributes: &Attributes<'_>) -> Box<dyn Operator> {
    let parameters = [attributes.float("alpha").unwrap_or(0.2), attributes.float("beta").unwrap_or(0.5)];
    let of = |x: f64, [alpha, beta]: [f64; 2]| (alpha * x + beta).clamp(0.0, 1.0);
    Box::new(Curve { parameters: parameters.map(f64::from), of })
}

/// `γ·x` above 0, `γ·α·(exp(x) − 1)` below.
fn selu(attributes: &Attributes<'_>) -> Box<dyn Operator> {
    let parameters = [attributes.float("alpha").unwrap_or(1.673_263_2), attributes.float("gamma").unwrap_or(1.050_701)];
    let of = |x: f64, [alpha, gamma]: [f64; 2]| gamma * if x <= 0.0 { alpha * x.exp_m1() } else { x };
    Box::new(Curve { parameters: parameters.map(f64::from), of })
}

impl Operator for Curve {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        same(inputs)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let of = |value| (self.of)(value, self.parameters);
        let data = match input.data() {
            Data::F32(values) => Data::F32(values.iter().map(|&value| of(value.into()) as f32).collect()),
            Data::F64(values) => Data::F64(values.iter().map(|&value| of(value)).collect()),
            _ => return Err(not_numbers(input)),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }
}

/// The first input's type and shape.
fn same(inputs: &[Fact]) -> Result<Vec<Fact>> {
    let input = required(inputs, Some(0))?;
    Ok(vec![Fact::new(input.element, input.shape.clone())])
}

/// Values held between two bounds. Where the lower one is above the upper one, the upper one is taken.
#[derive(Debug)]
struct Clip {
    /// The bounds as attributes, as before version 11.
    from: Option<f64>,
    to: Option<f64>,
    /// The inputs with the bounds.
    given: [Option<usize>; 2],
}

impl Clip {
    fn new(attributes: &Attributes<'_>) -> Self {
        let bound = |name: &str| attributes.float(name).map(f64::from);
        Self { from: bound("min"), to: bound("max"), given: [attributes.input(1), attributes.input(2)] }
    }
}

impl Operator for Clip {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        same(inputs)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let mut data = input.data().clone();
        for (place, attribute, largest) in [(0, self.from, true), (1, self.to, false)] {
            let bound = match (self.given[place].and_then(|place| inputs.get(place)), attribute) {
                (Some(given), _) => given.data().clone(),
                (None, Some(bound)) => number(bound, input)?,
                (None, None) => continue,
            };
            let held = every_pair!(&data, &bound, values, bound => match bound.first() {
                Some(bound) => values.iter().map(|value| pick(value, bound, largest)).collect(),
                None => values.clone(),
            });
            data = held.ok_or_else(|| not_numbers(input))?;
        }
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }
}

/// One number in the type of a tensor.
fn number(value: f64, like: &Tensor) -> Result<Data> {
    Ok(match like.element_type() {
        ElementType::F32 => Data::F32(vec![value as f32]),
        ElementType::F64 => Data::F64(vec![value]),
        ElementType::I64 => Data::I64(vec![value as i64]),
        ElementType::I32 => Data::I32(vec![value as i32]),
        ElementType::I16 => Data::I16(vec![value as i16]),
        ElementType::I8 => Data::I8(vec![value as i8]),
        _ => return Err(not_numbers(like)),
    })
}

/// The largest or smallest of any number of tensors, element by element.
#[derive(Debug)]
struct Extreme {
    largest: bool,
}

impl Operator for Extreme {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let first = required(inputs, Some(0))?;
        let shape = inputs[1..].iter().try_fold(first.shape.clone(), |shape, input| broadcast(&shape, &input.shape));
        Ok(vec![Fact::new(first.element, shape?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut found = required(inputs, Some(0))?.clone();
        for input in &inputs[1..] {
            let shape = broadcast(found.shape(), input.shape())?;
            let places = spread(found.shape(), &shape)?.zip(spread(input.shape(), &shape)?);
            let data = every_pair!(found.data(), input.data(), a, b => {
                places.map(|(one, other)| pick(&a[one], &b[other], self.largest)).collect()
            });
            found = Tensor::new(shape, data.ok_or_else(|| mismatch("inputs of different types cannot be compared"))?)?;
        }
        Ok(vec![found])
    }
}

/// Where the largest or smallest value along an axis stands: its place (ArgMax, ArgMin), or a 1 there (Hardmax). A value
/// that is not a number is passed over, unless it comes first: so onnxruntime decides what the standard leaves open.
#[derive(Debug)]
struct Place {
    largest: bool,
    mark: bool,
    axis: i64,
    keep: bool,
    last: bool,
    /// Whether all axes from the stated one on are taken together, as Hardmax did before version 13.
    together: bool,
}

impl Place {
    fn new(attributes: &Attributes<'_>, largest: bool, mark: bool) -> Self {
        let together = mark && attributes.opset < 13;
        let usual = match (mark, together) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => -1,
        };
        Self {
            largest,
            mark,
            axis: attributes.int("axis").unwrap_or(usual),
            keep: attributes.flag("keepdims", true),
            last: attributes.flag("select_last_index", false),
            together,
        }
    }

    fn shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        let place = axis(self.axis, shape.len())?;
        let mut left = shape.to_vec();
        match (self.mark, self.keep) {
            (true, _) => {}
            (false, true) => left[place] = 1,
            (false, false) => drop(left.remove(place)),
        }
        Ok(left)
    }

    fn find<T: PartialOrd>(&self, values: &[T], size: usize, step: usize) -> usize {
        (1..size).fold(0, |best, place| {
            let (value, found) = (&values[place * step], &values[best * step]);
            let wins = if self.largest { value > found } else { value < found };
            if wins || (self.last && value == found) { place } else { best }
        })
    }
}

impl Operator for Place {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let input = required(inputs, Some(0))?;
        let element = if self.mark { input.element } else { ElementType::I64 };
        Ok(vec![Fact::new(element, self.shape(&input.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let input = required(inputs, Some(0))?;
        let shape = self.shape(input.shape())?;
        let (before, mut size, mut after) = around(input.shape(), axis(self.axis, input.shape().len())?);
        if self.together {
            (size, after) = (size * after, 1);
        }
        if size == 0 && before * after > 0 {
            return Err(mismatch("there is no largest or smallest of no values"));
        }
        let starts = (0..before).flat_map(|outer| (0..after).map(move |inner| outer * size * after + inner));
        let mut places = Vec::with_capacity(before * after);
        // The data is only read: the same code for every type.
        let _ = every!(input.data(), values => {
            places.extend(starts.clone().map(|start| self.find(&values[start..], size, after)));
            Vec::new()
        });
        let data = match self.mark {
            false => Data::I64(places.iter().map(|&place| place as i64).collect()),
            true => {
                let mut marks = vec![0.0; input.data().len()];
                starts.zip(&places).for_each(|(start, place)| marks[start + place * after] = 1.0);
                match input.data() {
                    Data::F32(_) => Data::F32(marks.into_iter().map(|mark| mark as f32).collect()),
                    Data::F64(_) => Data::F64(marks),
                    _ => return Err(not_numbers(input)),
                }
            }
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::AttributeProto;

    const NAN: f32 = f32::NAN;

    fn run(name: &str, attributes: &[(&str, i64)], inputs: &[&[f32]]) -> Vec<Tensor> {
        let attribute = attributes
            .iter()
            .map(|&(name, i)| AttributeProto { name: name.to_owned(), i, ..AttributeProto::default() })
            .collect();
        let input = (0..inputs.len()).map(|place| place.to_string()).collect();
        let node = NodeProto { op_type: name.to_owned(), input, attribute, ..NodeProto::default() };
        let (_, _, build) = FAMILY.iter().find(|(_, known, _)| *known == name).unwrap();
        let operator = build(&Attributes::new(&node, 18)).unwrap();
        let tensor = |values: &&[f32]| {
            let shape = if values.len() == 1 { vec![] } else { vec![1, values.len()] };
            Tensor::new(shape, Data::F32(values.to_vec())).unwrap()
        };
        let inputs: Vec<Tensor> = inputs.iter().map(tensor).collect();
        let facts: Vec<Fact> = inputs.iter().map(|input| Fact::new(input.element_type(), input.shape())).collect();
        let outputs = operator.run(&inputs).unwrap();
        for (fact, output) in operator.facts(&facts).unwrap().iter().zip(&outputs) {
            assert_eq!((fact.element, fact.shape.as_slice()), (output.element_type(), output.shape()), "{name}");
        }
        outputs
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for name in ["Relu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Selu", "Max", "Min"] {
            let inputs: &[&[f32]] = match name {
                "Clip" => &[&[NAN, 7.0, -7.0], &[-1.0], &[1.0]],
                "Max" | "Min" => &[&[NAN, 1.0, 1.0], &[0.0, NAN, 2.0]],
                _ => &[&[NAN, 7.0, -7.0]],
            };
            let values = super::super::floats(&run(name, &[], inputs)[0]).unwrap();
            assert!(values[0].is_nan() && !values[2].is_nan(), "{name}: {values:?}");
            assert_eq!(values[1].is_nan(), matches!(name, "Max" | "Min"), "{name}: {values:?}");
        }
    }

    #[test]
    fn places_pass_over_what_is_not_a_number() {
        let row: &[f32] = &[1.0, NAN, 3.0, -5.0, 3.0];
        let place = |name, attributes: &[(&str, i64)]| run(name, attributes, &[row]).remove(0).into_data();
        assert_eq!(place("ArgMax", &[("axis", 1)]), Data::I64(vec![2]));
        assert_eq!(place("ArgMax", &[("axis", 1), ("select_last_index", 1), ("keepdims", 0)]), Data::I64(vec![4]));
        assert_eq!(place("ArgMin", &[("axis", 1)]), Data::I64(vec![3]));
        assert_eq!(place("Hardmax", &[]), Data::F32(vec![0.0, 0.0, 1.0, 0.0, 0.0]));
    }

    #[test]
    fn ordinary_numbers_are_as_they_were() {
        let values = |name, inputs: &[&[f32]]| super::super::floats(&run(name, &[], inputs)[0]).unwrap();
        assert_eq!(values("Relu", &[&[-1.0, 0.5, f32::INFINITY]]), [0.0, 0.5, f32::INFINITY]);
        assert_eq!(values("Clip", &[&[-3.0, 0.5, 9.0], &[-1.0], &[1.0]]), [-1.0, 0.5, 1.0]);
        assert_eq!(values("Clip", &[&[0.0, 9.0], &[2.0], &[1.0]]), [1.0, 1.0]);
        assert_eq!(values("Max", &[&[1.0, 2.0], &[1.5]]), [1.5, 2.0]);
        assert_eq!(values("HardSigmoid", &[&[-9.0, 0.0, 9.0]]), [0.0, 0.5, 1.0]);
    }
}
