//! The same metrics, one value of a feature at a time.

use super::cases::Cases;
use super::decision::{Answer, DecisionRule};
use super::held_out::Partition;
use super::interval::delong;
use super::metrics::{Confusion, roc_auc};
use super::report::{Measured, share};
use serde::{Deserialize, Serialize};

/// The held-out rows with one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The feature or column.
    pub feature: String,
    /// Its value, or from where to where it lies; `missing` for rows without one.
    pub value: String,
    /// How many rows.
    pub rows: usize,
    /// The share of them that is positive.
    pub positive_share: Option<f64>,
    /// `roc_auc`, `accuracy` and `selection_rate`.
    pub metrics: Vec<Measured>,
}

/// One slice per value, and one for missing values where there are any.
pub(super) fn slices(partition: &Partition, rule: &DecisionRule, answers: &[Answer], labels: &[bool]) -> Vec<Slice> {
    let places = (0..partition.values.len()).map(Some).chain([None]);
    let slice = |place: Option<usize>| {
        let rows: Vec<usize> = (0..answers.len()).filter(|&row| partition.of.get(row) == Some(&place)).collect();
        if place.is_none() && rows.is_empty() {
            return None;
        }
        let cases = Cases::new(rows.iter().map(|&row| (answers[row].score, labels[row], rule.positive(&answers[row]))));
        let selected = rows.iter().filter(|&&row| rule.favours(&answers[row])).count() as f64;
        let interval = delong(&cases);
        let total = rows.len() as f64;
        Some(Slice {
            feature: partition.name.clone(),
            value: place.and_then(|place| partition.values.get(place).cloned()).unwrap_or_else(|| "missing".into()),
            rows: rows.len(),
            positive_share: (total > 0.0).then(|| cases.classes().0 / total),
            metrics: vec![
                Measured::new("roc_auc", roc_auc(&cases), interval),
                share("accuracy", Confusion::of(&cases).accuracy()),
                share("selection_rate", (selected, total)),
            ],
        })
    };
    places.filter_map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::super::reference::answers;
    use super::*;
    use crate::canvas::Canvas;

    #[test]
    fn every_row_is_in_one_slice() {
        let partition = Partition {
            name: "purpose".into(),
            values: vec!["car".into(), "home".into(), "boat".into()],
            of: vec![Some(0), Some(0), Some(1), None, Some(0)],
        };
        let (scores, labels) = ([0.9, 0.2, 0.4, 0.6, 0.3], [true, false, true, true, false]);
        let slices =
            slices(&partition, &DecisionRule::of(&Canvas::default()), &answers(&Canvas::default(), &scores), &labels);
        let rows: Vec<_> = slices.iter().map(|slice| (slice.value.as_str(), slice.rows)).collect();
        assert_eq!(rows, [("car", 3), ("home", 1), ("boat", 0), ("missing", 1)]);
        let values = |slice: usize| slices[slice].metrics.iter().map(|metric| metric.value).collect::<Vec<_>>();
        assert_eq!(values(0), [Some(1.0), Some(1.0), Some(1.0 / 3.0)]);
        assert_eq!(values(1), [None, Some(0.0), Some(0.0)]);
        assert_eq!(values(2), [None, None, None]);
    }
}
