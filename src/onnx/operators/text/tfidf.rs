//! TfIdfVectorizer: counts n-grams of strings or integers.

use super::{input, wrong_shape};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::operators::{Attributes, Fact, Operator, bounded};
use crate::tensor::{Data, ElementType, Tensor};
use std::collections::HashMap;

/// What a count becomes.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// The count.
    Frequency,
    /// The weight, where the n-gram occurs.
    Occurrence,
    /// The count times the weight.
    Weighted,
}

/// The operator.
#[derive(Debug)]
struct TfIdfVectorizer {
    mode: Mode,
    /// The shortest and longest n-grams that are counted.
    lengths: (usize, usize),
    /// How many words may lie between two words of an n-gram.
    skips: usize,
    words: Words,
    /// From the numbers of its words to the column and the weight of an n-gram.
    grams: HashMap<Vec<u32>, (usize, f32)>,
    columns: usize,
}

/// The words that occur in n-grams, numbered.
#[derive(Debug)]
enum Words {
    Texts(HashMap<String, u32>),
    Integers(HashMap<i64, u32>),
}

/// Makes the operator.
pub(super) fn build(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let mode = match attributes.string("mode").as_deref() {
        Some("TF") => Mode::Frequency,
        Some("IDF") => Mode::Occurrence,
        Some("TFIDF") => Mode::Weighted,
        other => return Err(attributes.refuse("mode", format!("{other:?} is not known"))),
    };
    let count = |name: &str, least: i64| {
        let value = attributes.int(name).unwrap_or(-1);
        let count = usize::try_from(value).ok().filter(|_| value >= least);
        count.ok_or_else(|| attributes.refuse(name, format!("{value} is less than {least}")))
    };
    let lengths = (count("min_gram_length", 1)?, count("max_gram_length", 1)?);
    let skips = count("max_skip_count", 0)?;
    let starts = attributes.ints("ngram_counts");
    if lengths.0 > lengths.1 || lengths.1 > starts.len() {
        let why = format!("n-grams of {} to {} words, where {} lengths are given", lengths.0, lengths.1, starts.len());
        return Err(attributes.refuse("max_gram_length", why));
    }
    let columns = columns(attributes)?;
    let width = columns.iter().max().map_or(0, |greatest| greatest + 1);
    bounded(&[width]).map_err(|error| error.item(attributes.place()))?;
    let weights = attributes.floats("weights");
    if !weights.is_empty() && weights.len() != columns.len() {
        let why = format!("{} weights for {} n-grams", weights.len(), columns.len());
        return Err(attributes.refuse("weights", why));
    }
    let (pool, words) = match (attributes.strings("pool_strings"), attributes.ints("pool_int64s")) {
        (texts, integers) if !texts.is_empty() && integers.is_empty() => {
            let (pool, words) = number(texts);
            (pool, Words::Texts(words))
        }
        (texts, integers) if texts.is_empty() && !integers.is_empty() => {
            let (pool, words) = number(integers);
            (pool, Words::Integers(words))
        }
        _ => return Err(attributes.refuse("pool_strings", "one of pool_strings and pool_int64s is wanted")),
    };
    let mut grams = HashMap::new();
    let mut place = 0;
    for (index, &start) in starts.iter().enumerate() {
        let length = index + 1;
        let end = starts.get(length).copied().unwrap_or(pool.len() as i64);
        let part = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let items = part.and_then(|(start, end)| pool.get(start..end)).filter(|items| items.len() % length == 0);
        let Some(items) = items else {
            let why = format!("items {start} to {end} of {} are no n-grams of {length} words", pool.len());
            return Err(attributes.refuse("ngram_counts", why));
        };
        for gram in items.chunks_exact(length) {
            let Some(&column) = columns.get(place) else {
                return Err(attributes.refuse("ngram_indexes", "there are fewer than n-grams"));
            };
            // A weight belongs to the n-gram, not to the column that it is counted in.
            let weight = weights.get(place).copied().unwrap_or(1.0);
            place += 1;
            if (lengths.0..=lengths.1).contains(&length) && grams.insert(gram.to_vec(), (column, weight)).is_some() {
                return Err(
                    attributes.refuse("ngram_counts", format!("an n-gram of {length} words stands there twice"))
                );
            }
        }
    }
    Ok(Box::new(TfIdfVectorizer { mode, lengths, skips, words, grams, columns: width }))
}

/// The column of each n-gram.
fn columns(attributes: &Attributes<'_>) -> Result<Vec<usize>> {
    let indexes = attributes.ints("ngram_indexes");
    if indexes.is_empty() {
        return Err(attributes.refuse("ngram_indexes", "there are none"));
    }
    let column = |&index: &i64| {
        let column = usize::try_from(index).ok().filter(|&column| column < usize::MAX);
        column.ok_or_else(|| attributes.refuse("ngram_indexes", format!("{index} is no column")))
    };
    indexes.iter().map(column).collect()
}

/// Gives each different item a number.
fn number<T: Eq + std::hash::Hash>(items: Vec<T>) -> (Vec<u32>, HashMap<T, u32>) {
    let mut known = HashMap::new();
    let pool = items.into_iter().map(|item| {
        let next = known.len() as u32;
        *known.entry(item).or_insert(next)
    });
    (pool.collect(), known)
}

impl TfIdfVectorizer {
    /// The shape of the output, and how many rows there are.
    fn shape(&self, input: &[usize]) -> Result<(Vec<usize>, usize)> {
        match input {
            [] | [_] => Ok((vec![self.columns], 1)),
            [rows, _] if *rows > 0 => Ok((vec![*rows, self.columns], *rows)),
            _ => Err(wrong_shape(input, "[C] or [B, C]")),
        }
    }

    /// Scores the n-grams of one row of word numbers; a word without a number is in no n-gram.
    fn count(&self, row: &[Option<u32>], scores: &mut [f32]) {
        let (mut shortest, longest) = self.lengths;
        if shortest == 1 {
            for word in row.iter().flatten() {
                self.find(&[*word], scores);
            }
            shortest = 2;
        }
        if longest < shortest {
            return;
        }
        let mut gram = Vec::with_capacity(longest.min(row.len()));
        for distance in 1..=self.skips.saturating_add(1) {
            if (shortest - 1).saturating_mul(distance) >= row.len() {
                break;
            }
            for start in 0..row.len() {
                gram.clear();
                for word in row[start..].iter().step_by(distance).take(longest) {
                    let Some(word) = word else { break };
                    gram.push(*word);
                    if gram.len() >= shortest {
                        self.find(&gram, scores);
                    }
                }
            }
        }
    }

    fn find(&self, gram: &[u32], scores: &mut [f32]) {
        if let Some(&(column, weight)) = self.grams.get(gram) {
            match self.mode {
                Mode::Frequency => scores[column] += 1.0,
                Mode::Occurrence => scores[column] = weight,
                Mode::Weighted => scores[column] += weight,
            }
        }
    }
}

impl Operator for TfIdfVectorizer {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let shape = inputs.first().map_or(&[][..], |input| &input.shape);
        Ok(vec![Fact::new(ElementType::F32, self.shape(shape)?.0)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let items = input(inputs, 0)?;
        let (shape, rows) = self.shape(items.shape())?;
        let numbers: Vec<Option<u32>> = match (items.data(), &self.words) {
            (Data::Text(items), Words::Texts(known)) => items.iter().map(|item| known.get(item).copied()).collect(),
            (Data::I64(items), Words::Integers(known)) => items.iter().map(|item| known.get(item).copied()).collect(),
            (Data::I32(items), Words::Integers(known)) => {
                items.iter().map(|&item| known.get(&i64::from(item)).copied()).collect()
            }
            (other, _) => {
                let message = format!("n-grams of another type than the input's, {}", other.element_type().name());
                return Err(Error::new(ErrorKind::WrongType, message));
            }
        };
        let mut values = vec![0.0; bounded(&shape)?];
        let width = numbers.len() / rows;
        if width > 0 && self.columns > 0 {
            for (row, scores) in numbers.chunks_exact(width).zip(values.chunks_exact_mut(self.columns)) {
                self.count(row, scores);
            }
        }
        Ok(vec![Tensor::new(shape, Data::F32(values))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, NodeProto};

    /// The pool of the examples in the specification: 1-grams 2, 3, 5, 4 and 2-grams 5 6, 7 8, 6 7.
    fn node(mode: &str, lengths: (i64, i64), skips: i64) -> NodeProto {
        let ints =
            |name: &str, ints: &[i64]| AttributeProto { name: name.into(), ints: ints.into(), ..Default::default() };
        let int = |name: &str, i: i64| AttributeProto { name: name.into(), i, ..Default::default() };
        let mode = AttributeProto { name: "mode".into(), s: mode.into(), ..Default::default() };
        let attribute = vec![
            mode,
            int("min_gram_length", lengths.0),
            int("max_gram_length", lengths.1),
            int("max_skip_count", skips),
            ints("ngram_counts", &[0, 4]),
            ints("ngram_indexes", &[0, 1, 2, 3, 4, 5, 6]),
            ints("pool_int64s", &[2, 3, 5, 4, 5, 6, 7, 8, 6, 7]),
        ];
        NodeProto { op_type: "TfIdfVectorizer".into(), attribute, ..Default::default() }
    }

    fn set(node: &mut NodeProto, name: &str, change: impl FnOnce(&mut AttributeProto)) {
        node.attribute.retain(|attribute| attribute.name != name);
        let mut attribute = AttributeProto { name: name.into(), ..Default::default() };
        change(&mut attribute);
        node.attribute.push(attribute);
    }

    fn run(node: &NodeProto, shape: &[usize], items: &[i64]) -> Vec<f32> {
        let operator = build(&Attributes::new(node, 9)).unwrap();
        let input = Tensor::new(shape.to_vec(), Data::I64(items.to_vec())).unwrap();
        let facts = operator.facts(&[Fact::new(ElementType::I64, shape)]).unwrap();
        let output = operator.run(&[input]).unwrap().remove(0);
        assert_eq!(facts[0].shape, output.shape());
        let Data::F32(values) = output.into_data() else { unreachable!() };
        values
    }

    const ITEMS: [i64; 12] = [1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8];

    #[test]
    fn n_grams_are_counted_as_in_the_examples_of_the_specification() {
        assert_eq!(run(&node("TF", (2, 2), 0), &[12], &ITEMS), [0., 0., 0., 0., 1., 1., 1.]);
        assert_eq!(run(&node("TF", (2, 2), 5), &[12], &ITEMS), [0., 0., 0., 0., 1., 3., 1.]);
        assert_eq!(run(&node("TF", (1, 2), 5), &[12], &ITEMS), [0., 3., 1., 0., 1., 3., 1.]);
        let rows = [0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1., 0., 1.];
        assert_eq!(run(&node("TF", (2, 2), 0), &[2, 6], &ITEMS), rows);
    }

    #[test]
    fn weights_belong_to_n_grams_and_scale_occurrences_or_counts() {
        let mut idf = node("IDF", (1, 2), 5);
        set(&mut idf, "weights", |attribute| attribute.floats = vec![1., 2., 3., 4., 5., 6., 7.]);
        assert_eq!(run(&idf, &[12], &ITEMS), [0., 2., 3., 0., 5., 6., 7.]);
        set(&mut idf, "mode", |attribute| attribute.s = b"TFIDF".to_vec());
        assert_eq!(run(&idf, &[12], &ITEMS), [0., 6., 3., 0., 5., 18., 7.]);
        set(&mut idf, "ngram_indexes", |attribute| attribute.ints = vec![6, 5, 4, 3, 2, 1, 0]);
        assert_eq!(run(&idf, &[12], &ITEMS), [7., 18., 5., 0., 3., 6., 0.]);
    }

    #[test]
    fn hostile_attributes_and_inputs_are_errors() {
        #[allow(clippy::type_complexity)]
        let bad: [(&str, fn(&mut AttributeProto)); 8] = [
            ("mode", |a| a.s = b"TFX".to_vec()),
            ("min_gram_length", |a| a.i = 0),
            ("max_gram_length", |a| a.i = i64::MAX),
            ("max_skip_count", |a| a.i = -1),
            ("ngram_counts", |a| a.ints = vec![0, 5]),
            ("ngram_counts", |a| a.ints = vec![-1, 4]),
            ("ngram_indexes", |a| a.ints = vec![0, 1, 2, 3, 4, 5, i64::MAX]),
            ("weights", |a| a.floats = vec![1.0]),
        ];
        for (name, change) in bad {
            let mut node = node("TF", (1, 2), 0);
            set(&mut node, name, change);
            assert!(build(&Attributes::new(&node, 9)).is_err(), "{name}");
        }
        let endless = node("TF", (2, 2), i64::MAX);
        assert_eq!(run(&endless, &[3], &[5, 1, 6]), [0., 0., 0., 0., 1., 0., 0.]);
        let operator = build(&Attributes::new(&endless, 9)).unwrap();
        assert!(operator.run(&[]).is_err());
        assert!(operator.run(&[Tensor::new(vec![1], Data::Text(vec![String::new()])).unwrap()]).is_err());
        assert!(operator.run(&[Tensor::new(vec![0, 2], Data::I64(vec![])).unwrap()]).is_err());
        assert_eq!(run(&endless, &[2, 0], &[]), [0.; 14]);
    }
}
