//! What can be said of the held-out rows without a model: what a model must be better than to be worth its bytes.

use super::decision::Predicted;
use super::held_out::values_of;
use crate::canvas::Canvas;
use crate::error::Result;
use crate::features::Value;
use crate::sources::Table;
use crate::train::{RowSplit, Target};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// One prediction for each held-out row, made from the training rows alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Naive {
    /// How it predicts, in words.
    pub words: String,
    /// Its predictions, in the order of the held-out rows.
    pub predicted: Vec<Predicted>,
}

impl Naive {
    /// The heuristic of the task: the shares of the classes for every row, the mean of a number, an order drawn by chance
    /// for a ranking, and for anomaly detection the distance from the mean of the training rows. Nothing where a detector
    /// has no number to measure a distance by.
    pub(super) fn read(canvas: &Canvas, table: &Table, parts: &RowSplit) -> Result<Option<Self>> {
        let rows = parts.test.len();
        let learned = Target::read(canvas, table)?.select(&parts.train);
        let naive = match &learned {
            Target::Classes(labels) => {
                let mut shares = vec![0.0; labels.classes.len()];
                labels.of.iter().for_each(|&class| shares[class] += 1.0 / labels.of.len() as f64);
                let (predicted, words) = match labels.positive {
                    Some(positive) => (Predicted::Score(shares[positive]), "the share of the positive class"),
                    None => (Predicted::classes(shares), "the shares of the classes"),
                };
                Self { words: format!("{words} among the training rows"), predicted: vec![predicted; rows] }
            }
            Target::Numbers(numbers) => {
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                Self { words: "the mean of the training rows".into(), predicted: vec![Predicted::Value(mean); rows] }
            }
            Target::Ranks(_) => {
                let mut rng = ChaCha8Rng::seed_from_u64(canvas.building_models.seed);
                let predicted = (0..rows).map(|_| Predicted::Value((rng.next_u64() >> 11) as f64)).collect();
                Self { words: "an order drawn by chance".into(), predicted }
            }
            Target::Anomalies(_) => return distances(canvas, table, parts),
        };
        Ok(Some(naive))
    }
}

/// The root of the mean squared distance from the training mean, in standard deviations, over the numeric inputs; a missing
/// value stands at the mean. It is brought into 0…1 by `d / (1 + d)`, which keeps the order.
fn distances(canvas: &Canvas, table: &Table, parts: &RowSplit) -> Result<Option<Naive>> {
    let mut squares = vec![0.0; parts.test.len()];
    let mut used = 0.0;
    for feature in canvas.inputs().filter(|feature| feature.kind.is_numeric()) {
        let column = table.column(feature.column())?;
        let number = |value: Value| match value {
            Value::Number(number) if number.is_finite() => Some(number),
            _ => None,
        };
        let known: Vec<f64> = values_of(column, &parts.train).into_iter().filter_map(number).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / known.len() as f64;
        if variance.is_nan() || variance <= 0.0 {
            continue;
        }
        used += 1.0;
        for (square, value) in squares.iter_mut().zip(values_of(column, &parts.test)) {
            *square += number(value).map_or(0.0, |value| (value - mean).powi(2) / variance);
        }
    }
    let score = |square: f64| {
        let distance = (square / used).sqrt();
        Predicted::Score(distance / (1.0 + distance))
    };
    Ok((used > 0.0).then(|| Naive {
        words: "the distance from the mean of the training rows, over the standardised numbers".into(),
        predicted: squares.into_iter().map(score).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::HeldOut;
    use super::*;
    use crate::canvas::parse_canvas;
    use crate::sources::Column;

    fn naive(task: &str) -> Option<Naive> {
        let text = format!(
            r#"
            name = "x"
            prediction_task = {{ {task} }}
            features = [{{ name = "a", type = "number" }}, {{ name = "b", type = "number" }}]
            offline_evaluation = {{ split = {{ kind = "time", column = "day", test = 0.5 }} }}
            "#
        );
        let numbers = |of: &dyn Fn(usize) -> f64| (0..40).map(of).collect::<Vec<f64>>();
        let columns = vec![
            Column::new("day", numbers(&|row| row as f64)),
            Column::new("a", numbers(&|row| if row == 30 { 60.0 } else { (row % 4) as f64 })),
            Column::new("b", numbers(&|_| 7.0)),
            Column::new("y", (0..40).map(|row| if row % 4 == 0 { "yes" } else { "no" })),
            Column::new("z", numbers(&|row| if row < 20 { (row % 2) as f64 } else { 9.0 })),
        ];
        let table = Table::new("rows.csv", columns).unwrap();
        HeldOut::read(&parse_canvas(&text, "canvas.toml").unwrap(), &table).unwrap().naive
    }

    #[test]
    fn only_training_rows_are_learned_from() {
        let two = naive(r#"kind = "classification", target = "y", positive = "yes""#).unwrap();
        assert_eq!(two.predicted.len(), 20);
        assert!(two.predicted.iter().all(|one| (one.score().unwrap() - 0.25).abs() < 1e-12));
        let mean = naive(r#"kind = "regression", target = "z""#).unwrap();
        assert_eq!(mean.predicted[0], Predicted::Value(0.5), "and not the 9 of the held-out rows");
    }

    #[test]
    fn a_row_far_from_the_others_is_the_most_unusual() {
        let distances = naive(r#"kind = "anomaly_detection""#).unwrap();
        let score = |place: usize| distances.predicted[place].score().unwrap();
        assert!(score(10) > 0.95 && (0..20).all(|place| place == 10 || score(place) < 0.6), "row 30 is 60");
        let constant = parse_canvas(
            "name = \"x\"\nprediction_task = { kind = \"anomaly_detection\" }\nfeatures = [{ name = \"b\", type = \"number\" }]\n",
            "canvas.toml",
        );
        let table = Table::new("rows.csv", vec![Column::new("b", vec![7.0; 40])]).unwrap();
        assert_eq!(HeldOut::read(&constant.unwrap(), &table).unwrap().naive, None, "nothing to measure by");
    }
}
