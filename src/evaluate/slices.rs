//! The same metrics, one value of a feature at a time.

use super::held_out::Partition;
use super::report::Measured;
use super::sample::{Sample, measure};
use serde::{Deserialize, Serialize};

/// The held-out rows with one value; of a ranking, the groups whose rows all have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The feature or column.
    pub feature: String,
    /// Its value, or from where to where it lies; `missing` for rows without one.
    pub value: String,
    /// How many rows, or groups of a ranking.
    pub rows: usize,
    /// The share of them that is positive, where there is a positive class.
    pub positive_share: Option<f64>,
    /// A few metrics of the task: for two classes `roc_auc`, `accuracy` and `selection_rate`.
    pub metrics: Vec<Measured>,
}

/// One slice per value, and one for missing values where there are any. `labels` is empty where no class is positive.
pub(super) fn slices(
    partition: &Partition,
    sample: &dyn Sample,
    names: &[&str],
    labels: &[bool],
    seed: u64,
) -> Vec<Slice> {
    let places = (0..partition.values.len()).map(Some).chain([None]);
    let slice = |place: Option<usize>| {
        let units: Vec<usize> = (0..sample.units()).filter(|&unit| partition.of.get(unit) == Some(&place)).collect();
        if place.is_none() && units.is_empty() {
            return None;
        }
        let positive = units.iter().filter(|&&unit| labels.get(unit) == Some(&true)).count() as f64;
        Some(Slice {
            feature: partition.name.clone(),
            value: place.and_then(|place| partition.values.get(place).cloned()).unwrap_or_else(|| "missing".into()),
            rows: units.len(),
            positive_share: (!units.is_empty() && !labels.is_empty()).then(|| positive / units.len() as f64),
            metrics: measure(sample, names, &units, seed),
        })
    };
    places.filter_map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::super::decision::DecisionRule;
    use super::super::reference::answers;
    use super::super::two::Two;
    use super::*;
    use crate::canvas::{Canvas, TaskKind};

    #[test]
    fn every_row_is_in_one_slice() {
        let partition = Partition {
            name: "purpose".into(),
            values: vec!["car".into(), "home".into(), "boat".into()],
            of: vec![Some(0), Some(0), Some(1), None, Some(0)],
        };
        let (scores, labels) = ([0.9, 0.2, 0.4, 0.6, 0.3], [true, false, true, true, false]);
        let (rule, answers) = (DecisionRule::of(&Canvas::default()), answers(&Canvas::default(), &scores));
        let sample = Two::new(TaskKind::Classification, &rule, &answers, &labels, None);
        let slices = slices(&partition, &sample, &["roc_auc", "accuracy", "selection_rate"], &labels, 1);
        assert_eq!(slices[0].positive_share, Some(1.0 / 3.0));
        let rows: Vec<_> = slices.iter().map(|slice| (slice.value.as_str(), slice.rows)).collect();
        assert_eq!(rows, [("car", 3), ("home", 1), ("boat", 0), ("missing", 1)]);
        let values = |slice: usize| slices[slice].metrics.iter().map(|metric| metric.value).collect::<Vec<_>>();
        assert_eq!(values(0), [Some(1.0), Some(1.0), Some(1.0 / 3.0)]);
        assert_eq!(values(1), [None, Some(0.0), Some(0.0)]);
        assert_eq!(values(2), [None, None, None]);
    }
}
