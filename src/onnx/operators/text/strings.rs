//! StringConcat, StringSplit and RegexFullMatch.

use super::regex::Regex;
use super::{input, texts};
use crate::error::{Error, Result};
use crate::onnx::operators::elements::{broadcast, spread};
use crate::onnx::operators::{Attributes, Fact, Operator, bounded, depends_on_values};
use crate::tensor::{Data, ElementType, Tensor};

#[derive(Debug)]
struct StringConcat;

/// Makes StringConcat.
pub(super) fn concat(_attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    Ok(Box::new(StringConcat))
}

impl Operator for StringConcat {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let [one, other] = inputs else { return Err(depends_on_values()) };
        Ok(vec![Fact::new(ElementType::Text, broadcast(&one.shape, &other.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (left, right) = (texts(inputs, 0)?, texts(inputs, 1)?);
        let (one, other) = (input(inputs, 0)?.shape(), input(inputs, 1)?.shape());
        let shape = broadcast(one, other)?;
        let places = spread(one, &shape)?.zip(spread(other, &shape)?);
        let joined = places.map(|(one, other)| left[one].clone() + &right[other]).collect();
        Ok(vec![Tensor::new(shape, Data::Text(joined))?])
    }
}

#[derive(Debug)]
struct StringSplit {
    /// Empty for spaces, of which any number separate.
    delimiter: String,
    /// The most splits; none for as many as there are.
    most: Option<usize>,
    /// Which outputs have a name.
    named: [bool; 2],
}

/// Makes StringSplit.
pub(super) fn split(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let named = [0, 1].map(|place| attributes.has_output(place));
    let most = attributes.int("maxsplit").and_then(|most| usize::try_from(most).ok());
    Ok(Box::new(StringSplit { delimiter: attributes.string("delimiter").unwrap_or_default(), most, named }))
}

impl StringSplit {
    fn parts<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let most = self.most.map_or(usize::MAX, |most| most.saturating_add(1));
        if !self.delimiter.is_empty() {
            return if text.is_empty() { vec![] } else { text.splitn(most, &self.delimiter).collect() };
        }
        let mut parts = Vec::new();
        let mut rest = text.trim_matches(' ');
        while !rest.is_empty() {
            let end = if parts.len() + 1 < most { rest.find(' ') } else { None };
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            parts.push(part);
            rest = after.trim_start_matches(' ');
        }
        parts
    }
}

impl Operator for StringSplit {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Err(depends_on_values())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let rows: Vec<Vec<&str>> = texts(inputs, 0)?.iter().map(|text| self.parts(text)).collect();
        let outer = input(inputs, 0)?.shape().to_vec();
        let counts = rows.iter().map(|row| row.len() as i64).collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or_default();
        let shape = [outer.as_slice(), &[width]].concat();
        let mut values = Vec::with_capacity(bounded(&shape)?);
        for row in rows {
            let end = values.len() + width;
            values.extend(row.into_iter().map(str::to_owned));
            values.resize(end, String::new());
        }
        let outputs = [Tensor::new(shape, Data::Text(values))?, Tensor::new(outer, Data::I64(counts))?];
        Ok(outputs.into_iter().zip(self.named).filter(|(_, named)| *named).map(|(output, _)| output).collect())
    }
}

#[derive(Debug)]
struct RegexFullMatch(Regex);

/// Makes RegexFullMatch.
pub(super) fn full_match(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let Some(pattern) = attributes.string("pattern") else {
        return Err(attributes.refuse("pattern", "it is missing"));
    };
    let place = |error: Error| error.item(attributes.place());
    Ok(Box::new(RegexFullMatch(Regex::new(&pattern).map_err(place)?)))
}

impl Operator for RegexFullMatch {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape = inputs.first().map(|input| input.shape.clone()).unwrap_or_default();
        Ok(vec![Fact::new(ElementType::Bool, shape)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let matches = texts(inputs, 0)?.iter().map(|text| self.0.matches_all(text)).collect();
        Ok(vec![Tensor::new(input(inputs, 0)?.shape().to_vec(), Data::Bool(matches))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], texts: &[&str]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::Text(texts.iter().map(|&text| text.to_owned()).collect())).unwrap()
    }

    #[test]
    fn strings_are_joined_with_broadcasting() {
        let one = StringConcat.run(&[tensor(&[2, 1], &["a", "b"]), tensor(&[3], &["x", "y", "z"])]).unwrap();
        assert_eq!(one[0], tensor(&[2, 3], &["ax", "ay", "az", "bx", "by", "bz"]));
        let scalar = StringConcat.run(&[tensor(&[2], &["a", "b"]), tensor(&[], &["!"])]).unwrap();
        assert_eq!(scalar[0], tensor(&[2], &["a!", "b!"]));
        let empty = StringConcat.run(&[tensor(&[0], &[]), tensor(&[1], &["!"])]).unwrap();
        assert_eq!(empty[0], tensor(&[0], &[]));
        assert!(StringConcat.run(&[tensor(&[2], &["a", "b"]), tensor(&[3], &["x", "y", "z"])]).is_err());
        assert!(StringConcat.run(&[tensor(&[1], &["a"])]).is_err());
    }

    #[test]
    fn strings_are_split_and_padded() {
        let split = |delimiter: &str, most: Option<usize>, texts: &[&str]| {
            let operator = StringSplit { delimiter: delimiter.to_owned(), most, named: [true; 2] };
            operator.run(&[tensor(&[texts.len()], texts)]).unwrap()
        };
        let outputs = split(".", None, &["abc.com", "a.b."]);
        assert_eq!(outputs[0], tensor(&[2, 3], &["abc", "com", "", "a", "b", ""]));
        assert_eq!(outputs[1].data(), &Data::I64(vec![2, 3]));
        let outputs = split("", Some(1), &["  one  two three ", "", "x"]);
        assert_eq!(outputs[0], tensor(&[3, 2], &["one", "two three", "", "", "x", ""]));
        assert_eq!(outputs[1].data(), &Data::I64(vec![2, 0, 1]));
        assert_eq!(split("-", Some(0), &["a-b"])[0], tensor(&[1, 1], &["a-b"]));
        assert_eq!(split("", None, &[])[0], tensor(&[0, 0], &[]));
    }

    #[test]
    fn a_pattern_is_matched_against_whole_strings() {
        let operator = RegexFullMatch(Regex::new("www[0-9]*").unwrap());
        let output = operator.run(&[tensor(&[3], &["www1", "www", "xwww"])]).unwrap();
        assert_eq!(output[0].data(), &Data::Bool(vec![true, true, false]));
        assert!(operator.run(&[Tensor::new(vec![1], Data::I64(vec![1])).unwrap()]).is_err());
    }
}
