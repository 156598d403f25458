//! Einsum of any kind, computed term by term: for sums to a scalar, which tract takes for no output at all, and for what
//! else it refuses.

use super::elements::{mismatch, strides};
use super::{Attributes, Fact, Family, ONNX, Operator, bounded, not_numbers};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "Einsum", |attributes| Ok(Box::new(Einsum::new(attributes)?)))];

/// The most products that one sum may have: it is slow here.
const MAX_STEPS: usize = 1 << 30;

/// Whether tract's own is right: it reads an empty right side as a missing one.
pub fn is_plain(node: &NodeProto) -> bool {
    Attributes::new(node, 0).string("equation").is_none_or(|equation| !equation.trim_end().ends_with("->"))
}

#[derive(Debug)]
struct Einsum {
    inputs: Vec<String>,
    /// The labels of the output, where the equation tells them.
    output: Option<String>,
}

/// Stands for `...` among the labels.
const ELLIPSIS: char = '.';

/// Labels with their sizes: those of the output first, then those that are summed over.
struct Labels {
    names: Vec<Label>,
    sizes: Vec<usize>,
    outer: usize,
}

/// A letter, or an axis that an ellipsis stands for, counted from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Hidden(std::cmp::Reverse<usize>),
    Letter(char),
}

impl Einsum {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let equation: String = attributes.string("equation").unwrap_or_default();
        let equation = equation.replace(char::is_whitespace, "").replace("...", ".");
        let (left, right) = match equation.split_once("->") {
            Some((left, right)) => (left, Some(right.to_owned())),
            None => (equation.as_str(), None),
        };
        let fits = |labels: &str| {
            labels.chars().all(|label| label.is_ascii_alphabetic() || label == ELLIPSIS)
                && labels.matches(ELLIPSIS).count() <= 1
        };
        let inputs: Vec<String> = left.split(',').map(str::to_owned).collect();
        if !inputs.iter().chain(&right).all(|labels| fits(labels)) {
            return Err(attributes.refuse("equation", format!("{equation} cannot be read")));
        }
        Ok(Self { inputs, output: right })
    }

    /// The label of each axis of an input.
    fn axes(labels: &str, rank: usize) -> Result<Vec<Label>> {
        let letters = labels.chars().filter(|&label| label != ELLIPSIS).count();
        let hidden = rank.checked_sub(letters).filter(|&hidden| hidden == 0 || labels.contains(ELLIPSIS));
        let hidden = hidden.ok_or_else(|| mismatch(format!("labels {labels} for a tensor of rank {rank}")))?;
        Ok(Self::spelled(labels, hidden))
    }

    fn spelled(labels: &str, hidden: usize) -> Vec<Label> {
        let spell = |label: char| match label {
            ELLIPSIS => (0..hidden).rev().map(|place| Label::Hidden(std::cmp::Reverse(place))).collect(),
            letter => vec![Label::Letter(letter)],
        };
        labels.chars().flat_map(spell).collect()
    }

    fn labels(&self, shapes: &[&[usize]]) -> Result<(Labels, Vec<Vec<Label>>)> {
        if shapes.len() != self.inputs.len() {
            return Err(mismatch(format!("{} inputs for an equation of {}", shapes.len(), self.inputs.len())));
        }
        let axes: Vec<Vec<Label>> = self
            .inputs
            .iter()
            .zip(shapes)
            .map(|(labels, shape)| Self::axes(labels, shape.len()))
            .collect::<Result<_>>()?;
        let mut sizes: std::collections::BTreeMap<Label, (usize, usize)> = std::collections::BTreeMap::new();
        for (label, &size) in axes.iter().flatten().zip(shapes.iter().copied().flatten()) {
            let (known, uses) = sizes.entry(*label).or_insert((size, 0));
            *uses += 1;
            match (*known, size) {
                (one, other) if one == other => {}
                (1, other) => *known = other,
                (_, 1) => {}
                (one, other) => {
                    return Err(mismatch(format!("sizes {one} and {other} for one label of {:?}", self.inputs)));
                }
            }
        }
        let hidden = sizes.keys().filter(|label| matches!(label, Label::Hidden(_))).count();
        let mut names = match &self.output {
            Some(labels) => Self::spelled(labels, hidden),
            // Without a right side: the hidden axes, then what occurs once, by the alphabet.
            None => {
                let once = sizes.iter().filter(|(label, (_, uses))| *uses == 1 || matches!(label, Label::Hidden(_)));
                once.map(|(label, _)| *label).collect()
            }
        };
        let outer = names.len();
        let known = |label: &Label| sizes.contains_key(label);
        if !names.iter().all(known) || (1..outer).any(|place| names[..place].contains(&names[place])) {
            return Err(mismatch(format!("the right side of {:?} → {:?} cannot be made", self.inputs, self.output)));
        }
        names.extend(sizes.keys().filter(|label| !names[..outer].contains(label)).copied().collect::<Vec<_>>());
        let sizes: Vec<usize> = names.iter().map(|name| sizes[name].0).collect();
        bounded(&sizes[..outer])?;
        let steps =
            sizes.iter().try_fold(1usize, |steps, &size| steps.checked_mul(size)).filter(|&steps| steps <= MAX_STEPS);
        if steps.is_none() {
            return Err(Error::new(ErrorKind::WrongShape, "the sum has too many terms").help("feed smaller inputs"));
        }
        Ok((Labels { names, sizes, outer }, axes))
    }

    fn of<T: Copy>(
        labels: &Labels,
        places: &[Vec<usize>],
        values: &[&[T]],
        zero: T,
        add: impl Fn(T, T) -> T,
        times: impl Fn(T, T) -> T,
    ) -> Vec<T> {
        let (outer, inner) = labels.sizes.split_at(labels.outer);
        let (count, terms): (usize, usize) = (outer.iter().product(), inner.iter().product());
        let mut output = Vec::with_capacity(count);
        let mut index = vec![0; labels.sizes.len()];
        let mut at = vec![0; values.len()];
        for _ in 0..count {
            let mut sum = zero;
            for _ in 0..terms {
                let factors = values.iter().zip(&at).map(|(values, &at)| values[at]);
                if let Some(product) = factors.reduce(&times) {
                    sum = add(sum, product);
                }
                Self::advance(labels, places, &mut index, &mut at, labels.outer);
            }
            output.push(sum);
            Self::advance(labels, places, &mut index[..labels.outer], &mut at, 0);
        }
        output
    }

    /// Counts the index up from its last place down to `first`, and moves along in every input.
    fn advance(labels: &Labels, places: &[Vec<usize>], index: &mut [usize], at: &mut [usize], first: usize) {
        for place in (first..index.len()).rev() {
            index[place] += 1;
            at.iter_mut().zip(places).for_each(|(at, steps)| *at += steps[place]);
            if index[place] < labels.sizes[place] {
                return;
            }
            index[place] = 0;
            at.iter_mut().zip(places).for_each(|(at, steps)| *at -= steps[place] * labels.sizes[place]);
        }
    }
}

impl Operator for Einsum {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
        let (labels, _) = self.labels(&shapes)?;
        Ok(vec![Fact::new(inputs[0].element, &labels.sizes[..labels.outer])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        let (labels, axes) = self.labels(&shapes)?;
        // How far each label moves in each input; a label that stands twice moves along the diagonal.
        let step = |(axes, shape): (&Vec<Label>, &&[usize])| {
            let steps = strides(shape);
            let along = |name: &Label| {
                let own =
                    axes.iter().zip(&steps).zip(*shape).filter(|((label, _), size)| *label == name && **size != 1);
                own.map(|((_, step), _)| *step).sum()
            };
            labels.names.iter().map(along).collect::<Vec<usize>>()
        };
        let places: Vec<Vec<usize>> = axes.iter().zip(&shapes).map(step).collect();
        let shape = labels.sizes[..labels.outer].to_vec();
        macro_rules! sums {
            ($variant:ident, $zero:expr, $add:expr, $times:expr) => {{
                let mut values = Vec::with_capacity(inputs.len());
                for input in inputs {
                    match input.data() {
                        Data::$variant(own) => values.push(own.as_slice()),
                        _ => return Err(not_numbers(input)),
                    }
                }
                Data::$variant(Self::of(&labels, &places, &values, $zero, $add, $times))
            }};
        }
        let data = match inputs[0].data() {
            Data::F32(_) => sums!(F32, 0.0, |a, b| a + b, |a, b| a * b),
            Data::F64(_) => sums!(F64, 0.0, |a, b| a + b, |a, b| a * b),
            Data::I64(_) => sums!(I64, 0, i64::wrapping_add, i64::wrapping_mul),
            Data::I32(_) => sums!(I32, 0, i32::wrapping_add, i32::wrapping_mul),
            _ => return Err(not_numbers(&inputs[0])),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(equation: &str, shapes: &[&[usize]]) -> Result<Tensor> {
        let attribute = tract_onnx::pb::AttributeProto {
            name: "equation".to_owned(),
            s: equation.as_bytes().to_vec(),
            ..Default::default()
        };
        let node = NodeProto { attribute: vec![attribute], ..NodeProto::default() };
        let einsum = Einsum::new(&Attributes::new(&node, 12))?;
        let tensor = |shape: &&[usize]| {
            let count = shape.iter().product::<usize>() as i64;
            Tensor::new(shape.to_vec(), Data::I64((1..=count).collect()))
        };
        let inputs: Vec<Tensor> = shapes.iter().map(tensor).collect::<Result<_>>()?;
        let facts: Vec<Fact> = inputs.iter().map(|input| Fact::new(input.element_type(), input.shape())).collect();
        let output = einsum.run(&inputs)?.remove(0);
        assert_eq!(output.shape(), einsum.facts(&facts)?[0].shape);
        Ok(output)
    }

    fn ints(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap()
    }

    #[test]
    fn sums_diagonals_products_and_hidden_axes() {
        assert_eq!(run("ij->", &[&[2, 2]]).unwrap(), ints(&[], &[10]));
        assert_eq!(run("ii->i", &[&[2, 2]]).unwrap(), ints(&[2], &[1, 4]));
        assert_eq!(run("ij , jk", &[&[1, 2], &[2, 1]]).unwrap(), ints(&[1, 1], &[5]));
        assert_eq!(run("ba", &[&[1, 2]]).unwrap(), ints(&[2, 1], &[1, 2]));
        assert_eq!(run("...i,...i->...", &[&[2, 1, 2], &[1, 2]]).unwrap(), ints(&[2, 1], &[5, 11]));
        assert_eq!(run("i->i", &[&[0]]).unwrap(), ints(&[0], &[]));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (equation, shapes) in [
            ("ij->k", &[&[1usize, 1][..]][..]),
            ("ij", &[&[1]]),
            ("i,i", &[&[2], &[3]]),
            ("i->ii", &[&[1]]),
            ("%", &[&[1]]),
        ] {
            assert!(run(equation, shapes).is_err(), "{equation}");
        }
    }
}
