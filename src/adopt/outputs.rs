//! What the outputs mean: the task, the roles, the classes.

use super::Options;
use crate::bundle::Roles;
use crate::canvas::TaskKind;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Port, Tensor};
use std::collections::BTreeSet;

/// How far probabilities may be from adding up to 1.
const SUM_TOLERANCE: f64 = 1e-3;
/// The share of rows whose label must be the most likely class. Some classifiers vote for one and rate another.
const AGREEMENT: f64 = 0.5;

/// What was learned of the outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The kind of task.
    pub kind: TaskKind,
    /// Which output means what.
    pub roles: Roles,
    /// The classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// The class that the score stands for.
    pub positive: Option<String>,
    /// The output that is the prediction.
    pub output: String,
}

/// One output over all rows that were looked at.
struct Seen<'a> {
    name: &'a str,
    /// Labels as text, for an output of one string or integer per row.
    labels: Option<Vec<String>>,
    /// One list per row, for an output of floats.
    numbers: Option<Vec<Vec<f64>>>,
}

/// Learns from what the model gave: one list of outputs per row, each for that row alone. `known` are the values of the
/// target.
///
/// # Errors
/// `invalid-data` when the outputs are no prediction that is known here, or the classes cannot be told.
pub fn learn(
    ports: &[Port],
    rows: &[Vec<Tensor>],
    known: Option<&[&str]>,
    lists: &[Vec<String>],
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Learned> {
    let seen: Vec<Seen<'_>> = ports.iter().enumerate().map(|(place, port)| seen(port, place, rows)).collect();
    let label = seen.iter().find(|output| output.labels.is_some());
    let probabilities = seen.iter().find(|output| output.numbers.as_deref().is_some_and(are_probabilities));
    let single = seen.iter().find(|output| output.width() == Some(1));
    let score = single.filter(|output| output.numbers.as_deref().is_some_and(are_shares));
    let kind = options.task.unwrap_or_else(|| kind(label.is_some() || probabilities.is_some(), score, known));

    if kind.predicts_value() {
        let Some(value) = single else { return Err(nothing(&seen, "no output is one number per row")) };
        let roles = Roles { value: Some(value.name.to_owned()), ..Roles::default() };
        finite(value)?;
        return Ok(Learned { kind, roles, classes: vec![], positive: None, output: value.name.to_owned() });
    }
    // A single number beside a label is a score only where it says so: it may be a distance.
    let score = score.filter(|output| {
        let name = output.name.to_lowercase();
        probabilities.is_none() && (label.is_none() || name.contains("prob"))
    });
    let Some(output) = label.or(probabilities).or(score) else {
        return Err(nothing(&seen, "no output is a label, or a probability for each class"));
    };
    if let (Some(label), None) = (label, probabilities.or(score)) {
        notes.push(format!("{} names the class; no output is a probability, so there is no score", label.name));
    }
    let width = probabilities.and_then(Seen::width).or(score.map(|_| 2));
    let labels = label.and_then(|output| output.labels.as_deref());
    let classes = classes(width, labels, probabilities, known, lists, options, notes)?;
    let positive = match (&options.positive, classes.as_slice()) {
        (Some(positive), classes) if !classes.contains(positive) => {
            let message = format!("no class is called \"{positive}\"");
            let error = Error::new(ErrorKind::InvalidData, message).item("--positive");
            return Err(error.help(format!("classes: {}", classes.join(", "))));
        }
        (Some(positive), _) => Some(positive.clone()),
        (None, [_, second]) => {
            notes.push(format!("the positive class is {second}; --positive says otherwise"));
            Some(second.clone())
        }
        _ => None,
    };
    let name = |output: &Seen<'_>| output.name.to_owned();
    let roles = Roles {
        class: label.map(name),
        probabilities: probabilities.map(name),
        score: score.map(name),
        ..Roles::default()
    };
    Ok(Learned { kind, roles, classes, positive, output: output.name.to_owned() })
}

fn seen<'a>(port: &'a Port, place: usize, rows: &[Vec<Tensor>]) -> Seen<'a> {
    let tensors: Vec<&Tensor> = rows.iter().filter_map(|row| row.get(place)).collect();
    let label = |tensor: &&Tensor| match tensor.data() {
        Data::Text(values) if values.len() == 1 => values.first().cloned(),
        Data::I64(values) if values.len() == 1 => values.first().map(i64::to_string),
        Data::I32(values) if values.len() == 1 => values.first().map(i32::to_string),
        Data::Bool(values) if values.len() == 1 => values.first().map(bool::to_string),
        _ => None,
    };
    let floats = |tensor: &&Tensor| match tensor.data() {
        Data::F32(_) | Data::F64(_) => tensor.data().to_f64(),
        _ => None,
    };
    Seen {
        name: &port.name,
        labels: tensors.iter().map(label).collect(),
        numbers: tensors.iter().map(floats).collect(),
    }
}

impl Seen<'_> {
    /// How many numbers a row has, where that is the same for all.
    fn width(&self) -> Option<usize> {
        let numbers = self.numbers.as_deref()?;
        let width = numbers.first()?.len();
        numbers.iter().all(|row| row.len() == width).then_some(width)
    }
}

fn are_shares(rows: &[Vec<f64>]) -> bool {
    rows.iter().flatten().all(|value| (-1e-6..=1.0 + 1e-6).contains(value))
}

fn are_probabilities(rows: &[Vec<f64>]) -> bool {
    let sums = |row: &Vec<f64>| row.len() > 1 && (row.iter().sum::<f64>() - 1.0).abs() <= SUM_TOLERANCE;
    are_shares(rows) && rows.iter().all(sums)
}

/// A model without label and probabilities gives one number: the target, or else its name, tells what it is.
fn kind(is_classifier: bool, score: Option<&Seen<'_>>, known: Option<&[&str]>) -> TaskKind {
    let two = |known: &[&str]| known.iter().filter(|text| !text.is_empty()).collect::<BTreeSet<_>>().len() <= 2;
    let words = |known: &[&str]| known.iter().any(|text| !text.is_empty() && text.parse::<f64>().is_err());
    let named = |output: &Seen<'_>| {
        let name = output.name.to_lowercase();
        ["prob", "sigmoid", "score"].iter().any(|word| name.contains(word))
    };
    let scored = match known {
        Some(known) => score.is_some() && (two(known) || words(known)),
        None => score.is_some_and(named),
    };
    if is_classifier || scored { TaskKind::Classification } else { TaskKind::Regression }
}

fn finite(output: &Seen<'_>) -> Result<()> {
    let strange = output.numbers.iter().flatten().position(|row| row.iter().any(|value| !value.is_finite()));
    match strange {
        None => Ok(()),
        Some(row) => {
            let error = Error::new(ErrorKind::InvalidData, "the model gives no finite number for this row");
            let help = "if the row lacks values, the model does not deal with that: fill them, or leave the row out";
            Err(error.row(row + 1).item(output.name).help(help))
        }
    }
}

fn nothing(seen: &[Seen<'_>], message: &str) -> Error {
    if let Some(output) = seen.iter().find(|output| {
        output.numbers.as_deref().is_some_and(|rows| rows.iter().flatten().any(|value| !value.is_finite()))
    }) && let Err(error) = finite(output)
    {
        return error;
    }
    let words = seen.iter().map(|output| match (&output.labels, output.width()) {
        (Some(_), _) => format!("{}: a label", output.name),
        (None, Some(width)) => format!("{}: {width} numbers per row that are no probabilities", output.name),
        (None, None) => format!("{}: neither a label nor numbers of one width", output.name),
    });
    let words = words.collect::<Vec<_>>().join("; ");
    let help = "export a classifier with a label or with probabilities (end it in Softmax or Sigmoid), and a regression \
                with one number";
    Error::new(ErrorKind::InvalidData, format!("{message} ({words})")).help(help)
}

/// The classes in the order of the probabilities: as they are told, as the file says, as labels and target show.
fn classes(
    width: Option<usize>,
    labels: Option<&[String]>,
    probabilities: Option<&Seen<'_>>,
    known: Option<&[&str]>,
    lists: &[Vec<String>],
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Vec<String>> {
    let whole = labels.is_some_and(|labels| labels.iter().all(|label| label.parse::<i64>().is_ok()));
    let of_target = known.map(|known| sorted(known.iter().filter(|text| !text.is_empty()).map(|text| plain(text))));
    let mut candidates: Vec<Vec<String>> = Vec::new();
    if !options.classes.is_empty() {
        candidates.push(options.classes.clone());
    } else {
        candidates.extend(lists.iter().cloned());
        let shown = sorted(labels.into_iter().flatten().cloned());
        match labels {
            Some(_) => {
                let both = shown.iter().cloned().chain(of_target.into_iter().flatten());
                // A target in other words than the labels tells nothing of them.
                let both = sorted(both.filter(|name| shown.contains(name) || whole == name.parse::<i64>().is_ok()));
                candidates.extend([both, shown]);
            }
            None => candidates.extend(of_target),
        }
        candidates.extend(
            width
                .filter(|_| whole || labels.is_none())
                .map(|width| (0..width).map(|class| class.to_string()).collect()),
        );
    }
    let Some(width) = width else {
        return candidates
            .into_iter()
            .find(|list| list.len() > 1)
            .ok_or_else(|| too_few("the rows show one class only"));
    };
    candidates.retain(|list| list.len() == width);
    let agreement = |list: &[String]| match (labels, probabilities.and_then(|output| output.numbers.as_deref())) {
        (Some(labels), Some(rows)) => {
            let same = labels.iter().zip(rows).filter(|(label, row)| list.get(highest(row)) == Some(*label));
            same.count() as f64 / labels.len().max(1) as f64
        }
        _ => 1.0,
    };
    let mut best: Option<(f64, Vec<String>)> = None;
    for list in candidates {
        let agreement = agreement(&list);
        if best.as_ref().is_none_or(|(known, _)| agreement > *known) {
            best = Some((agreement, list));
        }
    }
    match best {
        Some((agreement, list)) if agreement >= AGREEMENT => {
            if agreement < 1.0 {
                let share = (agreement * 100.0).floor();
                notes.push(format!("the label is the most likely class in {share} % of the rows: both are given as the model gives them"));
            }
            Ok(list)
        }
        Some(_) => Err(too_few("the label is not the most likely class, whatever their order")),
        None => Err(too_few(&format!("the model tells {width} classes apart, and the rows do not show all of them"))),
    }
}

fn too_few(message: &str) -> Error {
    let help = "name the classes in the order of the probabilities: --classes no,yes";
    Error::new(ErrorKind::InvalidData, message).help(help)
}

fn highest(row: &[f64]) -> usize {
    (0..row.len()).reduce(|best, place| if row[place] > row[best] { place } else { best }).unwrap_or_default()
}

/// A value of the target as the name of a class: whole numbers without a point.
pub fn plain(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => text.to_owned(),
    }
}

/// Each once, in the order of numbers where all are numbers, and of letters otherwise.
fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().collect();
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        let number = |name: &String| name.parse::<f64>().unwrap_or_default();
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    names
}
