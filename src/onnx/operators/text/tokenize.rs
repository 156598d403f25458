//! Tokenizer of com.microsoft: splits each string into tokens, by separators or by what a token looks like.

use super::regex::Regex;
use super::{input, texts, wrong_shape};
use crate::error::Result;
use crate::onnx::operators::{Attributes, Fact, Operator, bounded, depends_on_values};
use crate::tensor::{Data, Tensor};

/// What stands before and after the tokens of a string where the attribute `mark` is set.
const MARKS: [&str; 2] = ["\u{2}", "\u{3}"];

#[derive(Debug)]
enum By {
    /// Each character is a token.
    Characters,
    /// Tokens lie between separators; each separator splits what the one before it left.
    Separators(Vec<Regex>),
    /// Tokens look so.
    Tokens(Regex),
}

/// The operator.
#[derive(Debug)]
struct Tokenizer {
    by: By,
    mark: bool,
    pad: String,
    /// The fewest characters of a token; shorter ones are left out.
    least: usize,
}

/// Makes the operator.
pub(super) fn build(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let separators = attributes.strings("separators");
    let token = attributes.string("tokenexp").unwrap_or_default();
    let place = |error: crate::error::Error| error.item(attributes.place());
    let by = match (attributes.has("separators"), separators.as_slice()) {
        (true, []) => return Err(attributes.refuse("separators", "there are none")),
        (true, [only]) if only.is_empty() => By::Characters,
        (true, all) => By::Separators(all.iter().map(|text| Regex::new(text)).collect::<Result<_>>().map_err(place)?),
        (false, _) if token.is_empty() => return Err(attributes.refuse("tokenexp", "it is empty")),
        (false, _) if token == "." => By::Characters,
        (false, _) => By::Tokens(Regex::new(&token).map_err(place)?),
    };
    let least = attributes.int("mincharnum").unwrap_or(1);
    let Some(least) = usize::try_from(least).ok().filter(|&least| least > 0) else {
        return Err(attributes.refuse("mincharnum", format!("{least} is not positive")));
    };
    if matches!(by, By::Characters) && least > 1 {
        return Err(attributes.refuse("mincharnum", "single characters are shorter"));
    }
    let mark = attributes.flag("mark", false);
    let pad = attributes.string("pad_value").unwrap_or_default();
    Ok(Box::new(Tokenizer { by, mark, pad, least }))
}

impl Tokenizer {
    fn tokens<'t>(&self, text: &'t str) -> Vec<&'t str> {
        match &self.by {
            By::Characters => text.split_inclusive(|_| true).collect(),
            By::Separators(separators) => {
                let mut pieces = vec![text];
                for separator in separators {
                    pieces = pieces.iter().flat_map(|piece| self.between(piece, separator)).collect();
                }
                pieces
            }
            By::Tokens(token) => self.alike(text, token),
        }
    }

    fn long_enough(&self, text: &str) -> bool {
        text.chars().count() >= self.least
    }

    fn between<'t>(&self, text: &'t str, separator: &Regex) -> Vec<&'t str> {
        let mut pieces = Vec::new();
        let mut start = 0;
        while start <= text.len() {
            let Some((first, after)) = separator.find(text, start) else {
                pieces.push(&text[start..]);
                break;
            };
            pieces.push(&text[start..first]);
            // An empty separator takes the next character with it, as in onnxruntime.
            start = if after > first { after } else { next(text, first) };
        }
        pieces.retain(|piece| self.long_enough(piece));
        pieces
    }

    fn alike<'t>(&self, text: &'t str, token: &Regex) -> Vec<&'t str> {
        let mut found = Vec::new();
        let mut start = 0;
        while start <= text.len() {
            let Some((first, after)) = token.find(text, start) else { break };
            let piece = &text[first..after];
            if self.long_enough(piece) {
                found.push(piece);
                start = after;
            } else {
                start = next(text, first);
            }
        }
        found
    }
}

/// The byte after the character that starts at `at`; beyond the text at its end.
fn next(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

impl Operator for Tokenizer {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Err(depends_on_values())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let texts = texts(inputs, 0)?;
        let mut shape = input(inputs, 0)?.shape().to_vec();
        if !matches!(shape.len(), 1 | 2) {
            return Err(wrong_shape(&shape, "[C] or [N, C]"));
        }
        if texts.is_empty() {
            // onnxruntime leaves one axis out here.
            if let Some(last) = shape.last_mut() {
                *last = 0;
            }
            return Ok(vec![Tensor::new(shape, Data::Text(vec![]))?]);
        }
        let rows: Vec<Vec<&str>> = texts.iter().map(|text| self.tokens(text)).collect();
        let longest = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = if self.mark && longest > 0 { longest + 2 } else { longest };
        shape.push(width);
        let mut values = Vec::with_capacity(bounded(&shape)?);
        if width > 0 {
            for row in rows {
                let end = values.len() + width;
                let [start, stop] = MARKS.map(|mark| Some(mark).filter(|_| self.mark));
                values.extend(start.into_iter().chain(row).chain(stop).map(str::to_owned));
                values.resize(end, self.pad.clone());
            }
        }
        Ok(vec![Tensor::new(shape, Data::Text(values))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(by: By, mark: bool, least: usize, texts: &[&str]) -> (Vec<usize>, Vec<String>) {
        let operator = Tokenizer { by, mark, pad: "#".to_owned(), least };
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let output = operator.run(&[Tensor::new(vec![texts.len()], Data::Text(texts)).unwrap()]).unwrap().remove(0);
        let shape = output.shape().to_vec();
        let Data::Text(values) = output.into_data() else { unreachable!() };
        (shape, values)
    }

    fn separators(patterns: &[&str]) -> By {
        By::Separators(patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect())
    }

    #[test]
    fn characters_are_padded_to_the_longest() {
        assert_eq!(
            run(By::Characters, false, 1, &["aé", "b"]),
            (vec![2, 2], ["a", "é", "b", "#"].map(str::to_owned).into())
        );
        let (shape, values) = run(By::Characters, true, 1, &["ab", ""]);
        assert_eq!(shape, [2, 4]);
        assert_eq!(values, ["\u{2}", "a", "b", "\u{3}", "\u{2}", "\u{3}", "#", "#"]);
    }

    #[test]
    fn separators_split_one_after_the_other() {
        let (_, values) = run(separators(&["[ ]+", ","]), false, 1, &["one two,three ,", "a"]);
        assert_eq!(values, ["one", "two", "three", "a", "#", "#"]);
        let (_, values) = run(separators(&[" "]), false, 2, &["a bc d"]);
        assert_eq!(values, ["bc"]);
    }

    #[test]
    fn tokens_are_what_the_pattern_finds() {
        let (shape, values) = run(By::Tokens(Regex::new("[a-z]+").unwrap()), false, 2, &["ab c, def"]);
        assert_eq!((shape, values), (vec![1, 2], ["ab", "def"].map(str::to_owned).into()));
    }

    #[test]
    fn patterns_that_match_nothing_end() {
        assert_eq!(run(separators(&["x*"]), false, 1, &["abc"]).0, [1, 0]);
        assert_eq!(run(By::Tokens(Regex::new("x*").unwrap()), false, 1, &["axxb"]).1, ["xx"]);
        assert_eq!(run(separators(&[" "]), true, 1, &["", " "]).0, [2, 0]);
    }

    #[test]
    fn other_shapes_and_types_are_errors() {
        let operator = Tokenizer { by: By::Characters, mark: false, pad: String::new(), least: 1 };
        assert!(operator.run(&[]).is_err());
        assert!(operator.run(&[Tensor::new(vec![], Data::Text(vec![String::new()])).unwrap()]).is_err());
        assert!(operator.run(&[Tensor::new(vec![1], Data::F32(vec![0.0])).unwrap()]).is_err());
        let empty = operator.run(&[Tensor::new(vec![2, 0], Data::Text(vec![])).unwrap()]).unwrap();
        assert_eq!(empty[0].shape(), [2, 0]);
    }
}
