//! The values of one column, each kind in the tightest form that holds it.

use crate::features::Value;
use std::collections::HashMap;

/// The code of a missing text.
pub const NO_WORD: u32 = u32::MAX;

/// The values of one column.
#[derive(Debug, Clone)]
pub enum Cells {
    /// Numbers; NaN where the value is missing.
    Numbers(Vec<f64>),
    /// Truth values; `None` where the value is missing.
    Flags(Vec<Option<bool>>),
    /// Texts, each different one kept once.
    Texts {
        /// The place in `words` of each row's text; [`NO_WORD`] where the value is missing.
        codes: Vec<u32>,
        /// The different texts, in the order they first came.
        words: Vec<String>,
    },
    /// Values of several types.
    Mixed(Vec<Value>),
}

impl Cells {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Flags(flags) => flags.len(),
            Self::Texts { codes, .. } => codes.len(),
            Self::Mixed(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row; missing beyond the last.
    pub fn value(&self, row: usize) -> Value {
        match self {
            Self::Numbers(numbers) => {
                numbers.get(row).filter(|number| !number.is_nan()).map_or(Value::Missing, |number| (*number).into())
            }
            Self::Flags(flags) => flags.get(row).copied().flatten().map_or(Value::Missing, Value::Bool),
            Self::Texts { codes, words } => {
                let word = codes.get(row).and_then(|code| words.get(*code as usize));
                word.map_or(Value::Missing, |word| Value::Text(word.clone()))
            }
            Self::Mixed(values) => values.get(row).cloned().unwrap_or(Value::Missing),
        }
    }

    /// Whether a row has no value.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.get(row).is_none_or(|number| number.is_nan()),
            Self::Flags(flags) => flags.get(row).is_none_or(Option::is_none),
            Self::Texts { codes, .. } => codes.get(row).is_none_or(|code| *code == NO_WORD),
            Self::Mixed(values) => values.get(row).is_none_or(|value| *value == Value::Missing),
        }
    }

    /// How many rows have no value.
    pub fn missing(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.iter().filter(|number| number.is_nan()).count(),
            Self::Flags(flags) => flags.iter().filter(|flag| flag.is_none()).count(),
            Self::Texts { codes, .. } => codes.iter().filter(|code| **code == NO_WORD).count(),
            Self::Mixed(values) => values.iter().filter(|value| **value == Value::Missing).count(),
        }
    }

    /// The rows at these places, in this order. A place beyond the last is left out; texts keep all their words.
    pub fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(all: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().filter_map(|&row| all.get(row).cloned()).collect()
        }
        match self {
            Self::Numbers(numbers) => Self::Numbers(pick(numbers, rows)),
            Self::Flags(flags) => Self::Flags(pick(flags, rows)),
            Self::Texts { codes, words } => Self::Texts { codes: pick(codes, rows), words: words.clone() },
            Self::Mixed(values) => Self::Mixed(pick(values, rows)),
        }
    }
}

/// Equal where every row has the same value, however it is kept.
impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && (0..self.len()).all(|row| self.value(row) == other.value(row))
    }
}

/// Cells that grow. The first value decides how they are kept; a value of another type makes them mixed.
#[derive(Debug, Clone)]
pub(super) struct Growing {
    cells: Cells,
    /// Whether no value but missing ones came yet.
    blank: bool,
    /// The code of each word, for texts.
    codes: HashMap<String, u32>,
}

impl Growing {
    pub(super) fn new() -> Self {
        Self { cells: Cells::Numbers(Vec::new()), blank: true, codes: HashMap::new() }
    }

    pub(super) fn from_cells(cells: Cells) -> Self {
        let codes = match &cells {
            Cells::Texts { words, .. } => words.iter().cloned().zip(0..).collect(),
            _ => HashMap::new(),
        };
        Self { blank: cells.missing() == cells.len(), codes, cells }
    }

    pub(super) fn finish(self) -> Cells {
        self.cells
    }

    pub(super) fn push(&mut self, value: Value) {
        match value {
            Value::Number(number) => self.push_number(number),
            Value::Bool(flag) => self.push_flag(flag),
            Value::Text(text) => self.push_text(&text),
            Value::Missing => self.push_missing(),
        }
    }

    pub(super) fn push_missing(&mut self) {
        match &mut self.cells {
            Cells::Numbers(numbers) => numbers.push(f64::NAN),
            Cells::Flags(flags) => flags.push(None),
            Cells::Texts { codes, .. } => codes.push(NO_WORD),
            Cells::Mixed(values) => values.push(Value::Missing),
        }
    }

    pub(super) fn push_number(&mut self, number: f64) {
        if self.blank && !number.is_nan() {
            self.start(Cells::Numbers(Vec::new()));
        }
        match &mut self.cells {
            Cells::Numbers(numbers) => numbers.push(number),
            _ if number.is_nan() => self.push_missing(),
            _ => self.mixed().push(number.into()),
        }
    }

    pub(super) fn push_flag(&mut self, flag: bool) {
        if self.blank {
            self.start(Cells::Flags(Vec::new()));
        }
        match &mut self.cells {
            Cells::Flags(flags) => flags.push(Some(flag)),
            _ => self.mixed().push(flag.into()),
        }
    }

    pub(super) fn push_text(&mut self, text: &str) {
        if self.blank {
            self.start(Cells::Texts { codes: Vec::new(), words: Vec::new() });
        }
        match &mut self.cells {
            Cells::Texts { codes, words } => codes.push(code(words, &mut self.codes, text)),
            _ => self.mixed().push(text.into()),
        }
    }

    /// Adds all rows of other cells.
    pub(super) fn append(&mut self, more: Cells) {
        let blank = more.missing() == more.len();
        if self.blank && !blank && self.cells.is_empty() {
            *self = Self::from_cells(more);
            return;
        }
        if self.blank && !blank {
            self.start(match &more {
                Cells::Numbers(_) => Cells::Numbers(Vec::new()),
                Cells::Flags(_) => Cells::Flags(Vec::new()),
                Cells::Texts { .. } => Cells::Texts { codes: Vec::new(), words: Vec::new() },
                Cells::Mixed(_) => Cells::Mixed(Vec::new()),
            });
        }
        match (&mut self.cells, more) {
            (_, more) if blank => (0..more.len()).for_each(|_| self.push_missing()),
            (Cells::Numbers(numbers), Cells::Numbers(more)) => numbers.extend(more),
            (Cells::Flags(flags), Cells::Flags(more)) => flags.extend(more),
            (Cells::Texts { codes, words }, Cells::Texts { codes: more, words: new }) => {
                let places: Vec<u32> = new.iter().map(|word| code(words, &mut self.codes, word)).collect();
                codes.extend(more.iter().map(|code| places.get(*code as usize).copied().unwrap_or(NO_WORD)));
            }
            (_, more) => {
                let mixed = self.mixed();
                mixed.extend((0..more.len()).map(|row| more.value(row)));
            }
        }
    }

    /// Turns blank cells into those of a type, with as many missing values.
    fn start(&mut self, cells: Cells) {
        let missing = self.cells.len();
        self.cells = cells;
        self.blank = false;
        (0..missing).for_each(|_| self.push_missing());
    }

    fn mixed(&mut self) -> &mut Vec<Value> {
        if !matches!(self.cells, Cells::Mixed(_)) {
            let values = (0..self.cells.len()).map(|row| self.cells.value(row)).collect();
            self.cells = Cells::Mixed(values);
            self.codes = HashMap::new();
        }
        match &mut self.cells {
            Cells::Mixed(values) => values,
            _ => unreachable!("the cells were just made mixed"),
        }
    }
}

/// The code of a word, new or known.
fn code(words: &mut Vec<String>, codes: &mut HashMap<String, u32>, word: &str) -> u32 {
    if let Some(&code) = codes.get(word) {
        return code;
    }
    let code = words.len() as u32;
    words.push(word.to_owned());
    codes.insert(word.to_owned(), code);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(values: &[Value]) -> Cells {
        let mut cells = Growing::new();
        values.iter().for_each(|value| cells.push(value.clone()));
        cells.finish()
    }

    #[test]
    fn the_tightest_form_is_picked() {
        assert!(matches!(grown(&[Value::Missing, 1.0.into()]), Cells::Numbers(numbers) if numbers[0].is_nan()));
        assert!(matches!(grown(&[Value::Missing, true.into()]), Cells::Flags(flags) if flags == [None, Some(true)]));
        let Cells::Texts { codes, words } = grown(&[Value::Missing, "b".into(), "a".into(), "b".into()]) else {
            panic!("texts are kept as codes")
        };
        assert_eq!((codes, words), (vec![NO_WORD, 0, 1, 0], vec!["b".to_owned(), "a".to_owned()]));
        let values = [1.0.into(), Value::Missing, "a".into(), true.into()];
        let mixed = grown(&values);
        assert!(matches!(&mixed, Cells::Mixed(kept) if *kept == values));
        assert_eq!(mixed.missing(), 1);
    }

    #[test]
    fn cells_are_joined_by_value() {
        let mut cells = Growing::from_cells(grown(&["a".into(), "b".into()]));
        cells.append(grown(&["c".into(), "b".into(), Value::Missing]));
        cells.append(grown(&[Value::Missing]));
        let wanted = ["a".into(), "b".into(), "c".into(), "b".into(), Value::Missing, Value::Missing];
        assert_eq!(cells.cells, grown(&wanted));
        let mut blank = Growing::from_cells(grown(&[Value::Missing]));
        blank.append(grown(&[true.into()]));
        assert!(matches!(blank.cells, Cells::Flags(_)));
        blank.append(grown(&[1.0.into()]));
        assert_eq!(blank.finish(), grown(&[Value::Missing, true.into(), 1.0.into()]));
    }
}
