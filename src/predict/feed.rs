//! From observations to the tensors that a model is fed.

use crate::bundle::Manifest;
use crate::canvas::FeatureKind;
use crate::decimal::decimal;
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FeatureSchema, Observation, Record, Value};
use crate::tensor::{Data, ElementType, Tensor};

/// One row to feed.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// What was observed, in the order of the features.
    pub observations: &'a [Observation],
    /// What was observed it in: the words themselves, for a model that takes strings. Without it a category is fed as
    /// the schema writes it.
    pub record: Option<&'a Record>,
}

/// One tensor per input of the manifest, of its element type, with the columns that the features feed; see
/// [`Manifest::fed`].
///
/// Nothing is fed as NaN where the model takes floats, as −1 where it takes the index of a category, as the lowest number
/// that there is where it takes a timestamp, and as an empty text where it takes strings. Strings are fed as the record has them, so that the model itself deals with those that
/// it does not know.
///
/// # Errors
/// `bundle-format` for an input of a type that no feature can be; `invalid-record` for nothing where the model takes
/// whole numbers or booleans.
pub fn feed(manifest: &Manifest, rows: &[Row<'_>]) -> Result<Vec<Tensor>> {
    let mut columns: Vec<Vec<Option<usize>>> = manifest.inputs.iter().map(|input| vec![None; input.width()]).collect();
    for place in 0..manifest.features.len() {
        if let Some((input, column)) = manifest.fed(place)
            && let Some(cell) = columns.get_mut(input).and_then(|columns| columns.get_mut(column))
        {
            *cell = Some(place);
        }
    }
    let shapes = manifest.input_shapes(rows.len());
    let inputs = manifest.inputs.iter().zip(columns).zip(shapes);
    let tensors = inputs.map(|((input, columns), shape)| {
        let cells: Vec<Cell<'_>> = rows
            .iter()
            .flat_map(|row| columns.iter().map(move |place| (row, *place)))
            .filter_map(|(row, place)| Some(Cell { feature: manifest.features.get(place?)?, row: *row, place: place? }))
            .collect();
        let data = data(&cells, input.element_type).map_err(|error| error.model(&manifest.name))?;
        Tensor::new(shape, data).map_err(|error| error.model(&manifest.name).item(&input.name))
    });
    tensors.collect()
}

/// One feature of one row.
struct Cell<'a> {
    feature: &'a FeatureSchema,
    row: Row<'a>,
    place: usize,
}

fn data(cells: &[Cell<'_>], element: ElementType) -> Result<Data> {
    Ok(match element {
        ElementType::F32 => Data::F32(cells.iter().map(|cell| cell.observation().number()).collect()),
        ElementType::F64 => Data::F64(cells.iter().map(Cell::number).collect()),
        ElementType::I64 => Data::I64(cells.iter().map(Cell::integer).collect::<Result<_>>()?),
        ElementType::I32 => {
            Data::I32(cells.iter().map(|cell| cell.integer().map(|value| value as i32)).collect::<Result<_>>()?)
        }
        ElementType::Bool => {
            Data::Bool(cells.iter().map(|cell| cell.integer().map(|value| value != 0)).collect::<Result<_>>()?)
        }
        ElementType::Text => Data::Text(cells.iter().map(Cell::text).collect()),
        other => {
            let message = format!("no feature can be fed as {}", other.name());
            let item = cells.first().map_or("", |cell| cell.feature.name.as_str());
            return Err(Error::new(ErrorKind::BundleFormat, message).item(item).help("cast the input in the model"));
        }
    })
}

impl Cell<'_> {
    fn observation(&self) -> Observation {
        self.row.observations.get(self.place).copied().unwrap_or(Observation::Missing)
    }

    fn number(&self) -> f64 {
        match self.observation() {
            Observation::Number(number) => number,
            Observation::Category(index) => index as f64,
            _ => f64::NAN,
        }
    }

    fn integer(&self) -> Result<i64> {
        match (self.feature.kind, self.observation()) {
            (FeatureKind::Category, observation) => Ok(observation.category()),
            (_, Observation::Number(number)) => Ok(number as i64),
            (_, Observation::Category(index)) => Ok(index as i64),
            (FeatureKind::Timestamp, _) => Ok(i64::MIN),
            _ => {
                let message = format!("{} is missing, and the model takes no missing value there", self.feature.name);
                Err(Error::new(ErrorKind::InvalidRecord, message).help("send a value"))
            }
        }
    }

    fn text(&self) -> String {
        if let Some(Value::Text(text)) = self.row.record.and_then(|record| record.get(&self.feature.name)) {
            return text.clone();
        }
        match self.observation() {
            Observation::Category(index) => self.feature.values.get(index).cloned().unwrap_or_default(),
            Observation::Number(number) => decimal(number),
            _ => String::new(),
        }
    }
}
