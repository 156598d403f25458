//! From the features of the canvas and the training rows to what a model is fed: imputation, steps, expansion.

use super::dates::{DateColumn, DateForm, cycle, part};
use super::fit::{DAY_MS, Derived, Expansion, FittedFeature, Step};
use super::terms;
use super::trees::Binned;
use crate::canvas::{Canvas, DatePart, Feature, FeatureKind, MAX_TERMS, Missing, Monotonic, Transform};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FeatureSchema, Observation, Value, encode};
use crate::sources::{Cells, Table};
use std::collections::BTreeMap;

/// What the prepared columns are for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Preparation<'a> {
    /// A model that weighs columns.
    Weights,
    /// A model that compares columns with thresholds.
    Trees {
        /// What each training row should give, where categories are to be ranked by it.
        rank_by: Option<&'a [f64]>,
    },
}

/// Learns the preparation of every input of the canvas from the training rows. Weights play no part in it.
///
/// - The median is that of `numpy.median`, the standard deviation that of the population (as in scikit-learn's
///   `StandardScaler`), the mode the most frequent value, and the smallest of several.
/// - A step learns from the values as the imputation and the steps before it leave them. A column that is constant is
///   moved to 0 and not stretched.
/// - The edges of bins lie halfway between two neighbouring values of the training rows, so that rounding cannot move
///   a known value over an edge.
///
/// - For trees a category that the canvas does not want in columns becomes one: its rank by the mean target of its rows,
///   shrunk towards the mean of all.
/// - Of a date, a model that weighs columns sees hour, weekday and month as places on a circle, and day, year and
///   `days_since` standardised; trees see plain numbers.
///
/// # Errors
/// `invalid-data` with column and row: a value of another type, no value at all, or a missing value that the canvas
/// has no rule for. `invalid-canvas`: a rule or transform that does not fit the kind of the feature or of the model.
pub fn prepare(canvas: &Canvas, table: &Table, rows: &[usize], model: Preparation<'_>) -> Result<Vec<FittedFeature>> {
    let mut features: Vec<FittedFeature> = Vec::new();
    for feature in canvas.inputs().chain(canvas.derived()) {
        let fitted = learn(canvas, feature, &features, table, rows, model)?;
        features.push(fitted);
    }
    if width(&features) == 0 {
        let error =
            Error::new(ErrorKind::InvalidCanvas, "there is no feature that a model could take").item("features");
        return Err(error.help("state at least one feature that is not sensitive"));
    }
    Ok(features)
}

/// The prepared columns of `rows`, row by row: `rows.len()` times the width of all features.
///
/// # Errors
/// `invalid-data` with column and row, for a value that a record would be refused for, too.
pub fn design(canvas: &Canvas, features: &[FittedFeature], table: &Table, rows: &[usize]) -> Result<Vec<f64>> {
    let width = width(features);
    let mut all = vec![0.0; rows.len() * width];
    for (place, feature) in features.iter().enumerate().filter(|(_, feature)| !feature.columns.is_empty()) {
        let columns = columns(canvas, features, place, table, rows)?;
        for (columns, row) in columns.chunks_exact(feature.columns.len()).zip(all.chunks_exact_mut(width)) {
            row[feature.columns.clone()].copy_from_slice(columns);
        }
    }
    Ok(all)
}

/// The prepared columns of `rows` in bins, one column after the other; their edges come from `rows`, too.
///
/// # Errors
/// As [`design`].
pub fn binned(canvas: &Canvas, features: &[FittedFeature], table: &Table, rows: &[usize]) -> Result<Binned> {
    let mut binned = Binned::default();
    let all: Vec<usize> = (0..rows.len()).collect();
    for (place, feature) in features.iter().enumerate().filter(|(_, feature)| !feature.columns.is_empty()) {
        let width = feature.columns.len();
        let columns = columns(canvas, features, place, table, rows)?;
        for place in 0..width {
            let column: Vec<f64> = columns.iter().skip(place).step_by(width).copied().collect();
            binned.push(&column, &all);
        }
    }
    Ok(binned)
}

/// The number of columns of all features.
fn width(features: &[FittedFeature]) -> usize {
    features.last().map_or(0, |feature| feature.columns.end)
}

/// The prepared columns of one feature, row by row.
fn columns(
    canvas: &Canvas,
    features: &[FittedFeature],
    place: usize,
    table: &Table,
    rows: &[usize],
) -> Result<Vec<f64>> {
    let feature = &features[place];
    let mut columns = vec![0.0; rows.len() * feature.columns.len()];
    let cells = columns.chunks_exact_mut(feature.columns.len());
    if let Expansion::Terms { .. } = feature.expansion {
        let texts = texts(stated(canvas, feature)?, table, rows)?;
        texts.into_iter().zip(cells).for_each(|(text, cells)| feature.write_text(text, cells));
        return Ok(columns);
    }
    let values = match feature.derived {
        None => raw(stated(canvas, feature)?, &feature.values, table, rows)?,
        Some(derived) => derive(canvas, features, derived, table, rows)?,
    };
    values.into_iter().zip(cells).for_each(|(value, cells)| feature.write(value, cells));
    Ok(columns)
}

/// What the canvas says of a feature.
fn stated<'c>(canvas: &'c Canvas, fitted: &FittedFeature) -> Result<&'c Feature> {
    let found = canvas.features.iter().find(|feature| feature.name == fitted.name);
    found.ok_or_else(|| Error::new(ErrorKind::InvalidCanvas, "it is no feature of this canvas").item(&fitted.name))
}

/// The derived numbers of rows; nothing where one of the two has no value.
fn derive(
    canvas: &Canvas,
    features: &[FittedFeature],
    derived: Derived,
    table: &Table,
    rows: &[usize],
) -> Result<Vec<Option<f64>>> {
    let read = |place: usize| -> Result<Vec<Option<f64>>> {
        let feature = &features[place];
        let values = raw(stated(canvas, feature)?, &feature.values, table, rows)?;
        Ok(values.into_iter().map(|value| value.or(feature.impute)).collect())
    };
    let (left, right) = (read(derived.of[0])?, read(derived.of[1])?);
    Ok(left.into_iter().zip(right).map(|(left, right)| Some(derived.apply(left?, right?))).collect())
}

/// The texts of rows; one that is missing is empty.
fn texts<'t>(feature: &Feature, table: &'t Table, rows: &[usize]) -> Result<Vec<&'t str>> {
    raw(feature, &[], table, rows)?;
    let column = table.column(feature.column())?;
    let text = |&row: &usize| match column.cells() {
        Cells::Texts { codes, words } => {
            codes.get(row).and_then(|code| words.get(*code as usize)).map_or("", String::as_str)
        }
        // What `raw` lets through is a text, or missing.
        _ => "",
    };
    Ok(rows.iter().map(text).collect())
}

/// The raw values of one feature as a model is fed them: a number rounded to float32, the whole milliseconds of a timestamp,
/// 0 or 1 of a boolean, the index of a category, 0 for any text, or nothing where the value is missing or the category is
/// not in `known`.
///
/// # Errors
/// `invalid-data` with column and row: a value of another type, or a missing one without a rule for it.
pub fn raw(feature: &Feature, known: &[String], table: &Table, rows: &[usize]) -> Result<Vec<Option<f64>>> {
    let column = table.column(feature.column())?;
    let schema = feature_schema(feature, known);
    let error = |row: usize, message: String| {
        Error::new(ErrorKind::InvalidData, message).place(&table.source).row(row + 1).item(&column.name)
    };
    let read = |row: usize, value: Option<&Value>| match encode(&schema, value) {
        Observation::Number(number) if feature.kind == FeatureKind::Timestamp => Ok(Some(number.trunc())),
        Observation::Number(number) if (number as f32).is_finite() => Ok(Some(single(number))),
        Observation::Category(index) => Ok(Some(index as f64)),
        Observation::Unseen => Ok(None),
        Observation::Missing if !feature.needs_value() => Ok(None),
        Observation::Missing => {
            let help = "state a rule for missing values of the feature, or remove the row";
            Err(error(row, "there is no value, and the canvas refuses a record without it".into()).help(help))
        }
        Observation::Number(number) => Err(error(row, format!("{number} is beyond what float32 holds"))),
        Observation::Invalid => {
            let value = value.unwrap_or(&Value::Missing);
            Err(error(row, format!("{value} is not {}", wanted(feature.kind)))
                .help("correct the value or the feature's type"))
        }
    };
    match column.cells() {
        // Each word is encoded once, at the first row that has it.
        Cells::Texts { codes, words } => {
            let mut encoded: Vec<Option<Option<f64>>> = vec![None; words.len()];
            let mut of = |&row: &usize| {
                let code = codes.get(row).map_or(usize::MAX, |code| *code as usize);
                let (Some(known), Some(word)) = (encoded.get_mut(code), words.get(code)) else {
                    return read(row, None);
                };
                match *known {
                    Some(encoded) => Ok(encoded),
                    None => Ok(*known.insert(read(row, Some(&Value::Text(word.clone())))?)),
                }
            };
            rows.iter().map(&mut of).collect()
        }
        _ => rows.iter().map(|&row| read(row, Some(&column.value(row)))).collect(),
    }
}

/// The schema of one feature that records are read with, with `known` as the values of a category.
pub fn feature_schema(feature: &Feature, known: &[String]) -> FeatureSchema {
    FeatureSchema {
        name: feature.name.clone(),
        kind: feature.kind,
        unit: feature.unit.clone(),
        range: feature.range,
        values: known.to_vec(),
        // A text that is missing is the empty text, whatever the canvas says.
        missing: if feature.kind == FeatureKind::Text { Missing::Model } else { feature.missing },
        note: feature.note.clone(),
        bins: Vec::new(),
        example: Value::Missing,
        feeds: None,
    }
}

/// Rounds to float32, which is what the graph computes with.
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

const fn wanted(kind: FeatureKind) -> &'static str {
    match kind {
        FeatureKind::Number => "a finite number",
        FeatureKind::Integer => "a whole number",
        FeatureKind::Category => "a text",
        FeatureKind::Boolean => "true or false",
        FeatureKind::Text => "a text",
        FeatureKind::Timestamp => "a date or the milliseconds of one",
    }
}

/// What free text is counted as.
pub const ANY_TEXT: &str = "any text";

/// Learns one feature. `before` are those that it may be derived from.
fn learn(
    canvas: &Canvas,
    feature: &Feature,
    before: &[FittedFeature],
    table: &Table,
    rows: &[usize],
    model: Preparation<'_>,
) -> Result<FittedFeature> {
    check(feature, model != Preparation::Weights)?;
    let derived = derivation(feature, before)?;
    let values = if derived.is_none() { known_values(feature, table, rows)? } else { Vec::new() };
    let raw = match derived {
        None => raw(feature, &values, table, rows)?,
        Some(derived) => derive(canvas, before, derived, table, rows)?,
    };
    if let Some((row, _)) = raw.iter().zip(rows).find_map(|(value, row)| Some((row, value.filter(|v| !v.is_finite())?)))
    {
        let error = Error::new(ErrorKind::InvalidData, "it is beyond what float32 holds").place(&table.source);
        return Err(error.item(&feature.name).row(row + 1).help("correct the row, or leave the feature out"));
    }
    let known: Vec<f64> = raw.iter().flatten().copied().collect();
    if known.is_empty() {
        let error = Error::new(ErrorKind::InvalidData, "no training row has a value").place(&table.source);
        return Err(error.item(feature.column()).help("remove the feature, or gather rows that have it"));
    }
    let impute = imputation(feature, &known);
    let mut prepared: Vec<f64> = raw.iter().filter_map(|value| value.or(impute)).collect();
    let mut steps = Vec::new();
    let columns_wanted = feature.transform.contains(&Transform::OneHot);
    let mut expansion = match (feature.kind, model) {
        (FeatureKind::Category, Preparation::Trees { rank_by: Some(targets) }) if !columns_wanted => {
            let imputed: Vec<Option<f64>> = raw.iter().map(|value| value.or(impute)).collect();
            Expansion::Ranks { ranks: ranks(&imputed, values.len(), targets) }
        }
        (FeatureKind::Category, _) => Expansion::OneHot { values: values.len() },
        // What a timestamp is without its parts: something to take another one from.
        (FeatureKind::Timestamp, _) => Expansion::Dates { since: 0, columns: Vec::new() },
        _ => Expansion::Identity,
    };
    for transform in &feature.transform {
        let step = match transform {
            Transform::Clip => {
                let [low, high] = feature.range.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
                Step::Clip { low: single(low), high: single(high) }
            }
            Transform::Log1p => Step::Log1p,
            Transform::Standardize => standardize(&prepared),
            Transform::MinMax => min_max(&prepared),
            Transform::Bins => {
                expansion = Expansion::Bins { edges: edges(&prepared, feature.bins.unwrap_or(0)) };
                continue;
            }
            Transform::OneHot => continue,
            Transform::Ordinal => {
                expansion = Expansion::Ranks { ranks: (1..=values.len()).map(|rank| rank as f64).collect() };
                continue;
            }
            Transform::DateParts => {
                expansion = dates(&feature.parts, &prepared, model);
                continue;
            }
            Transform::TfIdf => {
                expansion = term_columns(feature, table, rows)?;
                continue;
            }
        };
        prepared.iter_mut().for_each(|value| *value = step.apply(*value));
        steps.push(step);
    }
    let first = width(before);
    let (name, kind, columns) = (feature.name.clone(), feature.kind, first..first + expansion.width());
    Ok(FittedFeature { name, kind, values, derived, impute, steps, expansion, columns })
}

/// What a feature is derived from, by the places of the two.
fn derivation(feature: &Feature, before: &[FittedFeature]) -> Result<Option<Derived>> {
    let Some((derivation, of)) = feature.derived() else { return Ok(None) };
    let error = |message: String| Error::new(ErrorKind::InvalidCanvas, message).item(&feature.name);
    let find = |name: &String| {
        let place = before.iter().position(|known| known.name == *name && known.derived.is_none());
        place.ok_or_else(|| error(format!("\"{name}\" is no input to derive from")).help("name two numeric inputs"))
    };
    let of = [find(&of[0])?, find(&of[1])?];
    let kinds = of.map(|place| before[place].kind);
    let moments = kinds[0] == FeatureKind::Timestamp;
    if kinds.iter().any(|kind| !kind.is_numeric() || (*kind == FeatureKind::Timestamp) != moments) {
        return Err(error("it is derived from what are no two numbers".into()).help("name two numeric inputs"));
    }
    Ok(Some(Derived { derivation, of, moments }))
}

/// The columns of a date. Standardised parts learn from these moments.
fn dates(parts: &[DatePart], moments: &[f64], model: Preparation<'_>) -> Expansion {
    let since = moments.iter().map(|&ms| (ms as i64).div_euclid(DAY_MS)).min().unwrap_or(0);
    let form = |name: DatePart| match (model, cycle(name)) {
        (Preparation::Trees { .. }, _) => DateForm::Number { shift: 0.0, scale: 1.0 },
        (Preparation::Weights, Some((period, _))) => DateForm::Cycle { period },
        (Preparation::Weights, None) => {
            let values: Vec<f64> = moments.iter().map(|&ms| part(name, ms as i64, since) as f64).collect();
            match standardize(&values) {
                Step::Affine { shift, scale } => DateForm::Number { shift, scale },
                _ => DateForm::Number { shift: 0.0, scale: 1.0 },
            }
        }
    };
    let columns = parts.iter().map(|&part| DateColumn { part, form: form(part) }).collect();
    Expansion::Dates { since, columns }
}

fn term_columns(feature: &Feature, table: &Table, rows: &[usize]) -> Result<Expansion> {
    let texts = texts(feature, table, rows)?;
    let expansion = terms::learn(texts.into_iter(), feature.max_terms.unwrap_or(MAX_TERMS));
    if expansion.width() == 0 {
        let error = Error::new(ErrorKind::InvalidData, "no training row has a term of two letters or more");
        return Err(error.place(&table.source).item(feature.column()).help("take the feature out of the canvas"));
    }
    Ok(expansion)
}

/// Refuses rules and transforms that do not fit the kind of the feature.
fn check(feature: &Feature, trees: bool) -> Result<()> {
    let error = |message: String| Error::new(ErrorKind::InvalidCanvas, message).item(&feature.name);
    let (kind, numeric) = (feature.kind.name(), feature.kind.is_numeric());
    let fills = match (feature.kind, feature.missing) {
        (_, Missing::Error | Missing::Mode | Missing::Model) => {
            feature.kind != FeatureKind::Text || feature.missing != Missing::Mode
        }
        (FeatureKind::Timestamp, Missing::Mean | Missing::Zero) => false,
        (FeatureKind::Boolean, Missing::Zero) => true,
        _ => numeric,
    };
    if !fills {
        let help = if feature.kind == FeatureKind::Text { "leave `missing` out" } else { "use missing = \"mode\"" };
        return Err(error(format!("a {kind} cannot be filled in this way")).help(help));
    }
    for (place, transform) in feature.transform.iter().enumerate() {
        if !transform.fits(feature.kind) {
            return Err(error(format!("the transform {transform:?} does not fit a {kind}")).help("remove it"));
        }
        match transform {
            Transform::Clip if feature.range.is_none() => {
                return Err(error("the transform \"clip\" needs a range".into()).help("state the feature's range"));
            }
            Transform::Bins if place + 1 < feature.transform.len() => {
                return Err(error("no transform can follow \"bins\"".into()).help("make it the last one"));
            }
            Transform::Bins if feature.bins.unwrap_or(0) < 2 => {
                return Err(error("fewer than 2 bins tell nothing apart".into()).help("set bins to 2 or more"));
            }
            Transform::Bins if feature.monotonic.is_some() => {
                let help = "remove one of the two; a feature without bins can be monotonic";
                return Err(error("a feature in bins cannot be held monotonic".into()).help(help));
            }
            _ => {}
        }
    }
    if feature.kind == FeatureKind::Text && feature.transform.is_empty() {
        let message = "a text that nothing counts is for adopted models";
        return Err(error(message.into()).help("add transform = [\"tf_idf\"]"));
    }
    if feature.missing == Missing::Model && feature.kind == FeatureKind::Timestamp {
        return Err(error("a date that is missing has no parts".into()).help("use missing = \"median\" or \"mode\""));
    }
    let whole = feature.transform.is_empty() && feature.derived().is_none();
    if feature.missing == Missing::Model && feature.kind != FeatureKind::Text && !(trees && whole) {
        let message =
            "only trees deal with missing values themselves, and only where nothing is done to the value before";
        return Err(
            error(message.into()).help("use missing = \"median\" or another rule, or trainer = gradient_boosting")
        );
    }
    if feature.monotonic.is_some() && !feature.has_order() {
        return Err(error(format!("a {kind} has no order to be monotonic in")).help("remove \"monotonic\""));
    }
    Ok(())
}

/// The values of a category: those of the canvas, or those of the training rows in the order of their names.
fn known_values(feature: &Feature, table: &Table, rows: &[usize]) -> Result<Vec<String>> {
    Ok(match feature.kind {
        FeatureKind::Number | FeatureKind::Integer | FeatureKind::Timestamp => Vec::new(),
        FeatureKind::Text => vec![ANY_TEXT.to_owned()],
        FeatureKind::Boolean => vec!["false".into(), "true".into()],
        FeatureKind::Category if !feature.values.is_empty() => feature.values.clone(),
        FeatureKind::Category => {
            let column = table.column(feature.column())?;
            let mut values: Vec<String> = Vec::new();
            for &row in rows {
                if let Value::Text(text) = column.value(row)
                    && let Err(place) = values.binary_search(&text)
                {
                    values.insert(place, text);
                }
            }
            values
        }
    })
}

fn imputation(feature: &Feature, known: &[f64]) -> Option<f64> {
    let value = match feature.missing {
        Missing::Error | Missing::Model => return None,
        Missing::Zero => 0.0,
        Missing::Mean => known.iter().sum::<f64>() / known.len() as f64,
        Missing::Median => median(known),
        Missing::Mode => mode(known),
    };
    match feature.kind {
        FeatureKind::Timestamp => Some(value.floor()),
        FeatureKind::Text => None,
        _ => Some(single(value)),
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(values: &[f64]) -> f64 {
    crate::stats::of_sorted(&sorted(values), 0.5).unwrap_or(0.0)
}

fn mode(values: &[f64]) -> f64 {
    let mut counts: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
    for &value in values {
        // −0 and 0 are one value.
        let value = value + 0.0;
        counts.entry(value.to_bits()).or_insert((value, 0)).1 += 1;
    }
    let better = |best: (f64, usize), next: (f64, usize)| match next.1.cmp(&best.1) {
        std::cmp::Ordering::Greater => next,
        std::cmp::Ordering::Equal if next.0 < best.0 => next,
        _ => best,
    };
    counts.into_values().reduce(better).map_or(0.0, |(value, _)| value)
}

fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)))
}

fn affine(shift: f64, spread: f64) -> Step {
    let scale = single(1.0 / spread);
    let usable = scale.is_finite() && scale > 0.0;
    Step::Affine { shift: single(shift), scale: if usable { scale } else { 1.0 } }
}

fn standardize(values: &[f64]) -> Step {
    let (low, high) = extent(values);
    if low == high {
        return Step::Affine { shift: single(low), scale: 1.0 };
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    affine(mean, variance.sqrt())
}

fn min_max(values: &[f64]) -> Step {
    let (low, high) = extent(values);
    affine(low, high - low)
}

/// The inner edges of `bins` bins with about the same number of values each. Where one value is so frequent that it
/// fills several, there are fewer.
fn edges(values: &[f64], bins: usize) -> Vec<f64> {
    let sorted = sorted(values);
    let mut edges: Vec<f64> = Vec::new();
    for bin in 1..bins {
        let Some(&below) = sorted.get((bin * sorted.len() / bins).saturating_sub(1)) else { continue };
        let Some(&above) = sorted.get(sorted.partition_point(|&value| value <= below)) else { break };
        let middle = single(below + (above - below) / 2.0);
        let edge = if middle > below { middle } else { single(above) };
        if edges.last().is_none_or(|&last| last < edge) {
            edges.push(edge);
        }
    }
    edges
}

/// How many rows of the mean a category has beside its own.
const SHRINK: f64 = 10.0;

/// The rank of each category from 1 on, by the mean target of its rows.
fn ranks(values: &[Option<f64>], categories: usize, targets: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); categories];
    for (value, target) in values.iter().zip(targets) {
        if let Some(sum) = value.and_then(|value| sums.get_mut(value as usize)) {
            *sum = (sum.0 + target, sum.1 + 1.0);
        }
    }
    let mean = targets.iter().sum::<f64>() / targets.len().max(1) as f64;
    let of = |place: usize| (sums[place].0 + SHRINK * mean) / (sums[place].1 + SHRINK);
    let mut order: Vec<usize> = (0..categories).collect();
    order.sort_by(|&a, &b| of(a).total_cmp(&of(b)));
    let mut ranks = vec![0.0; categories];
    order.into_iter().enumerate().for_each(|(rank, category)| ranks[category] = rank as f64 + 1.0);
    ranks
}

/// The sign that each column's weight must keep to: 1 for not below 0, −1 for not above, 0 for any.
pub(super) fn signs(canvas: &Canvas, features: &[FittedFeature]) -> Vec<i8> {
    let sign = |feature: &Feature| match feature.monotonic {
        Some(Monotonic::Increasing) => 1,
        Some(Monotonic::Decreasing) => -1,
        None => 0,
    };
    canvas
        .inputs()
        .chain(canvas.derived())
        .zip(features)
        .flat_map(|(stated, fitted)| fitted.columns.clone().map(move |_| sign(stated)))
        .collect()
}

/// What each column is called in errors: the feature, with the category or bin where it has several columns.
pub(super) fn column_names(features: &[FittedFeature]) -> Vec<String> {
    let name = |feature: &FittedFeature, place: usize| match &feature.expansion {
        Expansion::Identity | Expansion::Ranks { .. } => feature.name.clone(),
        Expansion::OneHot { .. } => {
            format!("{} = {}", feature.name, feature.values.get(place).map_or("?", String::as_str))
        }
        Expansion::Bins { .. } => format!("{} (bin {place})", feature.name),
        Expansion::Dates { .. } => format!("{} (part {place})", feature.name),
        Expansion::Terms { terms, .. } => {
            format!("{} (\"{}\")", feature.name, terms.get(place).map_or("?", String::as_str))
        }
    };
    let names = |feature| (0..feature_width(feature)).map(move |place| name(feature, place));
    features.iter().flat_map(names).collect()
}

fn feature_width(feature: &FittedFeature) -> usize {
    feature.columns.len()
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
