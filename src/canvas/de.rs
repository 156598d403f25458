//! From a TOML tree to typed values, collecting every fault with its key path.
//!
//! The types themselves, through serde, say which keys and values they accept: there is no second list to keep.

use super::nearest::suggest;
use super::tree::{Content, Node, is_within};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    /// The key path of the value, or of the table that lacks a key.
    path: Option<String>,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq)]
enum Problem {
    UnknownKey { key: String, accepted: &'static [&'static str] },
    UnknownValue { value: String, accepted: &'static [&'static str] },
    MissingKey(&'static str),
    WrongLength { message: String },
    Other { message: String, help: &'static str },
}

impl Fault {
    /// The key path that a reader looks for.
    pub(crate) fn key_path(&self) -> String {
        let path = self.path.clone().unwrap_or_default();
        match &self.problem {
            Problem::MissingKey(key) if path.is_empty() => (*key).to_owned(),
            Problem::MissingKey(key) => format!("{path}.{key}"),
            _ => path,
        }
    }

    /// Whether the key is one that nothing reads.
    pub(crate) fn is_unknown_key(&self) -> bool {
        matches!(self.problem, Problem::UnknownKey { .. })
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn words(&self) -> (String, String) {
        match &self.problem {
            Problem::UnknownKey { key, accepted } => {
                (format!("unknown key \"{key}\""), suggest(key, accepted.iter().copied()))
            }
            Problem::UnknownValue { value, accepted } => {
                (format!("unknown value \"{value}\""), suggest(value, accepted.iter().copied()))
            }
            Problem::MissingKey(key) => ("a required key is missing".to_owned(), format!("add \"{key}\"")),
            Problem::WrongLength { message } => (message.clone(), "write exactly that many values".to_owned()),
            Problem::Other { message, help } => (message.clone(), (*help).to_owned()),
        }
    }

    fn new(problem: Problem) -> Self {
        Self { path: None, problem }
    }

    fn at(mut self, path: &str) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }
}

/// Reads `tree` as a `T`. Each value that does not fit is one fault; it is taken out and the reading goes on, so that
/// all faults are found at once. There is no value when something required did not survive.
pub(crate) fn read<T: DeserializeOwned>(tree: &Node) -> (Option<T>, Vec<Fault>) {
    let mut tree = tree.clone();
    let mut faults: Vec<Fault> = Vec::new();
    loop {
        let fault = match T::deserialize(&tree) {
            Ok(value) => return (Some(value), faults),
            Err(fault) => fault,
        };
        let removed = fault.path.clone().unwrap_or_default();
        // A key that was taken out, or a list that is shorter since, is not a second fault.
        let follows = match &fault.problem {
            Problem::MissingKey(_) => {
                let key = fault.key_path();
                faults.iter().any(|earlier| is_within(&earlier.key_path(), &key))
            }
            Problem::WrongLength { .. } => faults.iter().any(|earlier| is_within(&earlier.key_path(), &removed)),
            _ => false,
        };
        if !follows {
            faults.push(fault);
        }
        if removed.is_empty() || !tree.remove(&removed) {
            return (None, faults);
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, help) = self.words();
        write!(f, "{}: {message}; {help}", self.key_path())
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Other { message: message.to_string(), help: "correct the value" })
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let wanted = wanted.to_string();
        let (wanted, help) = in_words(&wanted);
        Self::new(Problem::Other { message: format!("{} where {wanted} belongs", unexpected(found)), help })
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn invalid_length(length: usize, wanted: &dyn Expected) -> Self {
        let wanted = wanted.to_string().replace("an array of length ", "a list of ");
        Self::new(Problem::WrongLength { message: format!("{length} values where {wanted} belongs") })
    }

    fn unknown_variant(value: &str, accepted: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownValue { value: value.to_owned(), accepted })
    }

    fn unknown_field(key: &str, accepted: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownKey { key: key.to_owned(), accepted })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Problem::MissingKey(key))
    }
}

fn unexpected(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(text) => format!("the text \"{text}\""),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Bool(flag) => format!("{flag}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// serde's name of what it expected, in the words of somebody who writes TOML.
fn in_words(wanted: &str) -> (&str, &'static str) {
    match wanted {
        "f32" | "f64" => ("a number", "write it without quotes, for example 0.8"),
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            ("a whole number of at least 0", "write it without quotes, for example 7")
        }
        "i32" | "i64" => ("a whole number", "write it without quotes, for example 7"),
        "a string" => ("a text", "put it in quotes"),
        "a boolean" => ("true or false", "write true or false without quotes"),
        "a sequence" => ("a list", "put the values in square brackets: [ … ]"),
        wanted if wanted.starts_with("struct ") => ("a table", "write key = value pairs in braces: { … }"),
        wanted if wanted.starts_with("an array") => ("a list", "put the values in square brackets: [ … ]"),
        wanted if wanted.starts_with("enum ") => ("one of its names", "put the name in quotes"),
        wanted => (wanted, "correct the value"),
    }
}

impl<'de> Deserializer<'de> for &Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.content {
            Content::Text(text) => visitor.visit_str(text),
            Content::Integer(number) => visitor.visit_i64(*number),
            Content::Float(number) if !number.is_finite() => Err(Fault::new(Problem::Other {
                message: format!("{number} is not a finite number"),
                help: "write a finite number, or leave the key out",
            })),
            Content::Float(number) => visitor.visit_f64(*number),
            Content::Bool(flag) => visitor.visit_bool(*flag),
            Content::Date(date) => visitor.visit_str(date),
            Content::List(elements) => {
                let mut rest = elements.iter();
                visitor.visit_seq(Elements { rest: &mut rest }).and_then(|value| match rest.len() {
                    0 => Ok(value),
                    _ => Err(Fault::new(Problem::WrongLength {
                        message: format!(
                            "{} values where a list of {} belongs",
                            elements.len(),
                            elements.len() - rest.len()
                        ),
                    })),
                })
            }
            Content::Table(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        };
        result.map_err(|fault| fault.at(&self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.content {
            Content::Text(text) => {
                let name: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
                name.deserialize_enum("", variants, visitor)
            }
            // Whatever else it is, any visitor refuses it with the type that was found.
            _ => self.deserialize_any(Never { name, variants }).map(|never| match never {}),
        }
        .map_err(|fault| fault.at(&self.path))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// Accepts nothing: its errors say what was found where one of the variants belongs.
struct Never {
    name: &'static str,
    variants: &'static [&'static str],
}

impl Visitor<'_> for Never {
    type Value = std::convert::Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variants {
            [] => write!(f, "enum {}", self.name),
            variants => write!(f, "one of the texts {}", variants.join(", ")),
        }
    }
}

struct Elements<'a, 'b> {
    rest: &'b mut std::slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.rest.next().map(|node| seed.deserialize(node).map_err(|fault| fault.at(&node.path))).transpose()
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, (String, Node)>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, node)) = self.rest.next() else { return Ok(None) };
        self.value = Some(node);
        let name: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|fault| fault.at(&node.path))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        match self.value.take() {
            Some(node) => seed.deserialize(node).map_err(|fault| fault.at(&node.path)),
            None => Err(serde::de::Error::custom("a value was asked for before its key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::parse;
    use super::*;
    use crate::canvas::Canvas;

    fn faults(text: &str) -> Vec<String> {
        let (_, faults) = read::<Canvas>(&parse(text).unwrap());
        faults.iter().map(ToString::to_string).collect()
    }

    const TASK: &str = "[prediction_task]\nkind = \"classification\"\ntarget = \"y\"\n";

    #[test]
    fn every_fault_is_found_at_once() {
        let text = format!(
            "nmae = \"a\"\n{TASK}[[features]]\nname = \"x\"\ntype = \"numbr\"\nrange = [0, \"1\"]\n[offline_evaluation]\n\
             gates = [{{ metric = \"f1\", min = \"0.5\" }}, {{ min = 1 }}]\n[building_models]\nseed = -1\n"
        );
        let found = faults(&text);
        let wanted = [
            "nmae: unknown key \"nmae\"; did you mean \"name\"?",
            "features[0].type: unknown value \"numbr\"; did you mean \"number\"? accepted: number, integer, category, boolean",
            "features[0].range[1]: the text \"1\" where a number, or a date like \"2024-01-31\" belongs",
            "offline_evaluation.gates[0].min: the text \"0.5\" where a number belongs",
            "offline_evaluation.gates[1].metric: a required key is missing; add \"metric\"",
            "building_models.seed: the number -1 where a whole number of at least 0 belongs",
            "name: a required key is missing",
        ];
        assert_eq!(found.len(), wanted.len(), "{found:#?}");
        for words in wanted {
            assert!(found.iter().any(|fault| fault.contains(words)), "{words}\n{found:#?}");
        }
    }

    #[test]
    fn lengths_kinds_and_numbers_without_end_are_faults() {
        let text = format!(
            "name = \"a\"\n{TASK}[[features]]\nname = \"x\"\ntype = 3\nrange = [0, 1, 2]\n[decisions]\nbands = \
             [{{ at_least = nan, action = \"a\" }}]\nreview = 3\n"
        );
        let found = faults(&text);
        for words in [
            "features[0].type: the number 3 where one of the texts number, integer, category, boolean, text, timestamp belongs",
            "features[0].range: 3 values where a list of 2 belongs",
            "decisions.bands[0].at_least: NaN is not a finite number",
            "decisions.review: the number 3 where a table belongs",
        ] {
            assert!(found.iter().any(|fault| fault.contains(words)), "{words}\n{found:#?}");
        }
        assert_eq!(found.len(), 4, "{found:#?}");
    }

    #[test]
    fn a_whole_number_is_a_number() {
        let text =
            format!("name = \"a\"\n{TASK}[[features]]\nname = \"x\"\ntype = \"number\"\nrange = [0, 1_000_000]\n");
        let (canvas, faults) = read::<Canvas>(&parse(&text).unwrap());
        assert_eq!(faults, []);
        assert_eq!(canvas.unwrap().features[0].range, Some([0.0, 1e6]));
    }
}
