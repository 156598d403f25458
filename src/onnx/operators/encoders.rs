//! Categories to numbers and back: OneHotEncoder, LabelEncoder, CategoryMapper, DictVectorizer (ai.onnx.ml).

use super::{Attributes, Fact, Family, ML, Operator, bounded, not_numbers};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, ElementType, Tensor};
use std::collections::HashMap;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ML, "OneHotEncoder", |attributes| Ok(Box::new(OneHotEncoder::new(attributes)?))),
    (ML, "LabelEncoder", |attributes| Ok(Box::new(LabelEncoder::new(attributes)?))),
    (ML, "CategoryMapper", |attributes| Ok(Box::new(LabelEncoder::category_mapper(attributes)?))),
    (ML, "DictVectorizer", |attributes| {
        Err(attributes.refuse("string_vocabulary", "inputs that are dictionaries are not supported"))
    }),
];

/// What may be looked up: a string, a whole number, or a float by its bits, all NaN being one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Int(i64),
    Float(u64),
}

impl Key {
    fn float(value: f64) -> Self {
        // −0 is 0, and one NaN is as good as another.
        let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
        Self::Float(value.to_bits())
    }
}

/// The keys of a tensor; numbers come as whole numbers where `whole` is set.
fn keys(tensor: &Tensor, whole: bool) -> Result<Vec<Key>> {
    Ok(match tensor.data() {
        Data::Text(values) => values.iter().cloned().map(Key::Text).collect(),
        Data::I64(values) => values.iter().copied().map(Key::Int).collect(),
        Data::I32(values) => values.iter().map(|&value| Key::Int(value.into())).collect(),
        Data::I16(values) => values.iter().map(|&value| Key::Int(value.into())).collect(),
        Data::Bool(values) => values.iter().map(|&value| Key::Int(value.into())).collect(),
        Data::F32(values) if whole => values.iter().map(|&value| Key::Int(value as i64)).collect(),
        Data::F64(values) if whole => values.iter().map(|&value| Key::Int(value as i64)).collect(),
        Data::F32(values) => values.iter().map(|&value| Key::float(value.into())).collect(),
        Data::F64(values) => values.iter().map(|&value| Key::float(value)).collect(),
        _ => return Err(not_numbers(tensor)),
    })
}

/// One column per known category: 1 in the column of the category, 0 in the others. `zeros` allows unknown ones.
#[derive(Debug)]
struct OneHotEncoder {
    places: HashMap<Key, usize>,
    width: usize,
    zeros: bool,
}

impl OneHotEncoder {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let (numbers, texts) = (attributes.ints("cats_int64s"), attributes.strings("cats_strings"));
        if numbers.is_empty() == texts.is_empty() {
            return Err(attributes.refuse("cats_int64s", "exactly one list of categories is needed"));
        }
        let categories: Vec<Key> = match numbers.is_empty() {
            true => texts.into_iter().map(Key::Text).collect(),
            false => numbers.into_iter().map(Key::Int).collect(),
        };
        let width = categories.len();
        let places = categories.into_iter().enumerate().map(|(place, key)| (key, place)).collect();
        Ok(Self { places, width, zeros: attributes.flag("zeros", true) })
    }

    fn shape(&self, input: &[usize]) -> Vec<usize> {
        input.iter().copied().chain([self.width]).collect()
    }
}

impl Operator for OneHotEncoder {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(ElementType::F32, self.shape(&inputs[0].shape))])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shape = self.shape(inputs[0].shape());
        let mut values = vec![0.0; bounded(&shape)?];
        for (row, key) in keys(&inputs[0], true)?.iter().enumerate() {
            match self.places.get(key) {
                Some(place) => values[row * self.width + place] = 1.0,
                None if self.zeros => {}
                None => {
                    let message = format!("row {row} holds a category that the model does not know");
                    return Err(Error::new(ErrorKind::InvalidRecord, message).help("feed known categories only"));
                }
            }
        }
        Ok(vec![Tensor::new(shape, Data::F32(values))?])
    }
}

/// Keys to values, with a default for unknown keys. Keys and values are strings, whole numbers or floats.
#[derive(Debug)]
struct LabelEncoder {
    places: HashMap<Key, usize>,
    /// Whether the keys are whole numbers, though the tensor may hold floats.
    whole: bool,
    values: Data,
    default: Data,
}

impl LabelEncoder {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        // Version 1 maps a list of classes to their places, and back.
        let classes = attributes.strings("classes_strings");
        if !classes.is_empty() {
            return Ok(Self::between_places(classes, attributes));
        }
        let keys = list(attributes, "keys")?;
        let values = list(attributes, "values")?;
        let (Some(keys), Some(values)) = (keys, values) else {
            return Err(attributes.refuse("keys", "keys and values are needed"));
        };
        if keys.len() != values.len() {
            return Err(attributes.refuse("keys", format!("{} keys for {} values", keys.len(), values.len())));
        }
        let default = default(attributes, &values)?;
        let shape = vec![keys.len()];
        let whole = matches!(keys, Data::I64(_) | Data::I32(_) | Data::I16(_));
        let mut places = HashMap::new();
        for (place, key) in self::keys(&Tensor::new(shape, keys)?, whole)?.into_iter().enumerate() {
            places.entry(key).or_insert(place);
        }
        Ok(Self { places, whole, values, default })
    }

    /// CategoryMapper: strings to whole numbers or back, whichever the input asks for.
    fn category_mapper(attributes: &Attributes<'_>) -> Result<Self> {
        let (texts, numbers) = (attributes.strings("cats_strings"), attributes.ints("cats_int64s"));
        if texts.len() != numbers.len() {
            let why = format!("{} strings for {} whole numbers", texts.len(), numbers.len());
            return Err(attributes.refuse("cats_strings", why));
        }
        let default_number = attributes.int("default_int64").unwrap_or(-1);
        let default_text = attributes.string("default_string").unwrap_or_else(|| "_Unused".to_owned());
        Ok(Self::both_ways(texts, numbers, default_text, default_number))
    }

    fn between_places(classes: Vec<String>, attributes: &Attributes<'_>) -> Self {
        let numbers = (0..classes.len() as i64).collect();
        let default_text = attributes.string("default_string").unwrap_or_else(|| "_Unused".to_owned());
        Self::both_ways(classes, numbers, default_text, attributes.int("default_int64").unwrap_or(-1))
    }

    /// Strings stand in the first half of the values' places, whole numbers in the second.
    fn both_ways(texts: Vec<String>, numbers: Vec<i64>, default_text: String, default_number: i64) -> Self {
        let mut places = HashMap::new();
        for (place, (text, &number)) in texts.iter().zip(&numbers).enumerate() {
            places.entry(Key::Text(text.clone())).or_insert(place);
            places.entry(Key::Int(number)).or_insert(place);
        }
        // Which of the two is given decides at run time: both lists are kept, joined by their place.
        let joined = texts.into_iter().zip(numbers).map(|(text, number)| format!("{number}\n{text}")).collect();
        let default = Data::Text(vec![format!("{default_number}\n{default_text}")]);
        Self { places, whole: true, values: Data::Text(joined), default }
    }

    fn is_both_ways(&self) -> bool {
        matches!(&self.default, Data::Text(text) if text.first().is_some_and(|text| text.contains('\n')))
    }

    fn element(&self, input: ElementType) -> ElementType {
        match (self.is_both_ways(), input) {
            (true, ElementType::Text) => ElementType::I64,
            (true, _) => ElementType::Text,
            (false, _) => self.values.element_type(),
        }
    }
}

/// The values of `keys_*` or `values_*`, in whichever type the node has them.
fn list(attributes: &Attributes<'_>, what: &str) -> Result<Option<Data>> {
    let name = |kind: &str| format!("{what}_{kind}");
    Ok(if attributes.has(&name("tensor")) {
        attributes.tensor(&name("tensor"))?.map(Tensor::into_data)
    } else if attributes.has(&name("strings")) {
        Some(Data::Text(attributes.strings(&name("strings"))))
    } else if attributes.has(&name("int64s")) {
        Some(Data::I64(attributes.ints(&name("int64s"))))
    } else if attributes.has(&name("floats")) {
        Some(Data::F32(attributes.floats(&name("floats"))))
    } else {
        None
    })
}

/// The value for unknown keys, in the type of the values.
fn default(attributes: &Attributes<'_>, values: &Data) -> Result<Data> {
    if let Some(tensor) = attributes.tensor("default_tensor")? {
        return Ok(tensor.into_data());
    }
    let number = attributes.float("default_float").unwrap_or(-0.0);
    Ok(match values {
        Data::Text(_) => Data::Text(vec![attributes.string("default_string").unwrap_or_else(|| "_Unused".to_owned())]),
        Data::I64(_) => Data::I64(vec![attributes.int("default_int64").unwrap_or(-1)]),
        Data::I16(_) => Data::I16(vec![-1]),
        Data::F32(_) => Data::F32(vec![number]),
        Data::F64(_) => Data::F64(vec![number.into()]),
        other => {
            let why = format!("values of type {} are not supported", other.element_type().name());
            return Err(attributes.refuse("values_tensor", why));
        }
    })
}

impl Operator for LabelEncoder {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(self.element(inputs[0].element), inputs[0].shape.clone())])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let places: Vec<Option<usize>> =
            keys(&inputs[0], self.whole)?.iter().map(|key| self.places.get(key).copied()).collect();
        let missing = || Error::new(ErrorKind::InvalidModel, "keys and values are not of one length");
        macro_rules! look_up {
            ($variant:ident, $values:expr, $default:expr) => {{
                let default = $default.first().ok_or_else(missing)?;
                let value =
                    |place: &Option<usize>| place.and_then(|place| $values.get(place)).unwrap_or(default).clone();
                Data::$variant(places.iter().map(value).collect())
            }};
        }
        let data = match (&self.values, &self.default) {
            (Data::Text(values), Data::Text(default)) => look_up!(Text, values, default),
            (Data::I64(values), Data::I64(default)) => look_up!(I64, values, default),
            (Data::I16(values), Data::I16(default)) => look_up!(I16, values, default),
            (Data::F32(values), Data::F32(default)) => look_up!(F32, values, default),
            (Data::F64(values), Data::F64(default)) => look_up!(F64, values, default),
            _ => return Err(Error::new(ErrorKind::InvalidModel, "the default has another type than the values")),
        };
        let data = match (self.is_both_ways(), data) {
            (true, Data::Text(joined)) => {
                let halves = joined.iter().map(|joined| joined.split_once('\n').unwrap_or_default());
                match inputs[0].element_type() {
                    ElementType::Text => Data::I64(halves.map(|(number, _)| number.parse().unwrap_or(-1)).collect()),
                    _ => Data::Text(halves.map(|(_, text)| text.to_owned()).collect()),
                }
            }
            (_, data) => data,
        };
        Ok(vec![Tensor::new(inputs[0].shape().to_vec(), data)?])
    }
}
