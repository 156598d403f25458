//! StringNormalizer: leaves out stop words, and changes the case.

use super::regex_parser::{lower, upper};
use super::{input, texts, wrong_shape};
use crate::error::Result;
use crate::onnx::operators::{Attributes, Fact, Operator, depends_on_values};
use crate::tensor::{Data, ElementType, Tensor};
use std::collections::HashSet;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    Lower,
    Upper,
    Kept,
}

impl Case {
    /// Changes character by character, as onnxruntime does: one character stays one character.
    fn change(self, text: &str) -> String {
        match self {
            // The dotted I is the one letter whose small form Rust writes with two characters.
            Self::Lower => {
                text.chars().map(|character| if character == 'İ' { 'i' } else { lower(character) }).collect()
            }
            Self::Upper => text.chars().map(upper).collect(),
            Self::Kept => text.to_owned(),
        }
    }
}

/// The operator. The locale is not looked at: the rules are those of Unicode.
#[derive(Debug)]
struct StringNormalizer {
    change: Case,
    /// The case in which words are compared with the stop words.
    compare: Case,
    stop_words: HashSet<String>,
}

/// Makes the operator.
pub(super) fn build(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let change = match attributes.string("case_change_action").as_deref() {
        Some("LOWER") => Case::Lower,
        Some("UPPER") => Case::Upper,
        Some("NONE") | None => Case::Kept,
        Some(other) => return Err(attributes.refuse("case_change_action", format!("{other} is not known"))),
    };
    let compare = match (attributes.flag("is_case_sensitive", false), change) {
        (true, _) => Case::Kept,
        (false, Case::Upper) => Case::Upper,
        (false, _) => Case::Lower,
    };
    let stop_words = attributes.strings("stopwords").iter().map(|word| compare.change(word)).collect();
    Ok(Box::new(StringNormalizer { change, compare, stop_words }))
}

fn checked(shape: &[usize]) -> Result<()> {
    match shape {
        [count] | [1, count] if *count > 0 => Ok(()),
        _ => Err(wrong_shape(shape, "[C] or [1, C]")),
    }
}

impl Operator for StringNormalizer {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        match inputs.first() {
            Some(words) if self.stop_words.is_empty() => {
                checked(&words.shape)?;
                Ok(vec![Fact::new(ElementType::Text, words.shape.clone())])
            }
            _ => Err(depends_on_values()),
        }
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let words = texts(inputs, 0)?;
        let mut shape = input(inputs, 0)?.shape().to_vec();
        checked(&shape)?;
        let stays = |word: &&String| !self.stop_words.contains(&self.compare.change(word));
        let kept = words.iter().filter(|word| self.stop_words.is_empty() || stays(word));
        let mut kept: Vec<String> = kept.map(|word| self.change.change(word)).collect();
        if kept.is_empty() {
            kept.push(String::new());
        }
        if let Some(count) = shape.last_mut() {
            *count = kept.len();
        }
        Ok(vec![Tensor::new(shape, Data::Text(kept))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalizer(change: Case, compare: Case, stop_words: &[&str]) -> StringNormalizer {
        let stop_words = stop_words.iter().map(|word| compare.change(word)).collect();
        StringNormalizer { change, compare, stop_words }
    }

    fn run(operator: &StringNormalizer, shape: &[usize], words: &[&str]) -> Result<(Vec<usize>, Vec<String>)> {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let output = operator.run(&[Tensor::new(shape.to_vec(), Data::Text(words))?])?.remove(0);
        let shape = output.shape().to_vec();
        let Data::Text(words) = output.into_data() else { unreachable!() };
        Ok((shape, words))
    }

    #[test]
    fn stop_words_go_and_the_case_changes() {
        let days = ["Monday", "tuesday", "MONDAY"];
        let (shape, words) = run(&normalizer(Case::Upper, Case::Upper, &["monday"]), &[1, 3], &days).unwrap();
        assert_eq!((shape, words), (vec![1, 1], vec!["TUESDAY".to_owned()]));
        let (_, words) = run(&normalizer(Case::Kept, Case::Kept, &["Monday"]), &[3], &days).unwrap();
        assert_eq!(words, ["tuesday", "MONDAY"]);
        let (_, words) = run(&normalizer(Case::Lower, Case::Lower, &[]), &[2], &["ÄÉİΣ", "ß"]).unwrap();
        assert_eq!(words, ["äéiσ", "ß"]);
    }

    #[test]
    fn when_all_is_removed_one_empty_string_is_left() {
        let all = normalizer(Case::Kept, Case::Lower, &["a"]);
        assert_eq!(run(&all, &[2], &["a", "A"]).unwrap(), (vec![1], vec![String::new()]));
        assert_eq!(run(&all, &[1, 2], &["a", "A"]).unwrap().0, [1, 1]);
    }

    #[test]
    fn other_shapes_and_types_are_errors() {
        let operator = normalizer(Case::Kept, Case::Lower, &[]);
        assert!(run(&operator, &[2, 1], &["a", "b"]).is_err());
        assert!(run(&operator, &[], &["a"]).is_err());
        assert!(run(&operator, &[0], &[]).is_err());
        assert!(operator.run(&[]).is_err());
        assert!(operator.run(&[Tensor::new(vec![1], Data::I64(vec![1])).unwrap()]).is_err());
    }
}
