//! Weights that make group and label independent.

use std::collections::BTreeMap;

/// One weight per row: `P(group) · P(label) / P(group, label)`, so that among the weighted rows every group has the
/// same share of positive labels. They sum to the number of rows (Kamiran and Calders, "Data preprocessing techniques
/// for classification without discrimination", 2012). Rows without a group are a group of their own.
pub fn reweigh(groups: &[Option<String>], labels: &[bool]) -> Vec<f64> {
    let rows = labels.len() as f64;
    let mut by_group: BTreeMap<Option<&str>, [f64; 2]> = BTreeMap::new();
    let mut by_label = [0.0; 2];
    for (group, &label) in groups.iter().zip(labels) {
        by_group.entry(group.as_deref()).or_default()[usize::from(label)] += 1.0;
        by_label[usize::from(label)] += 1.0;
    }
    let weight = |(group, &label): (&Option<String>, &bool)| {
        let cell = by_group.get(&group.as_deref()).copied().unwrap_or_default();
        let label = usize::from(label);
        (cell[0] + cell[1]) * by_label[label] / (rows * cell[label])
    };
    groups.iter().zip(labels).map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_gets_the_same_weighted_share() {
        // The example of the paper's section 4.3.1 in small: a: 3 of 4 positive, b: 1 of 2.
        let groups: Vec<_> = ["a", "a", "a", "a", "b", "b"].iter().map(|group| Some((*group).to_owned())).collect();
        let labels = [true, true, true, false, true, false];
        let weights = reweigh(&groups, &labels);
        assert!((weights[0] - 4.0 * 4.0 / (6.0 * 3.0)).abs() < 1e-15);
        assert!((weights[3] - 4.0 * 2.0 / (6.0 * 1.0)).abs() < 1e-15);
        assert!((weights.iter().sum::<f64>() - 6.0).abs() < 1e-12);
        let share = |rows: std::ops::Range<usize>| {
            let positive: f64 = rows.clone().filter(|&row| labels[row]).map(|row| weights[row]).sum();
            positive / rows.map(|row| weights[row]).sum::<f64>()
        };
        assert!((share(0..4) - 4.0 / 6.0).abs() < 1e-15);
        assert!((share(4..6) - 4.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn independent_rows_keep_their_weight() {
        let groups = [Some("a".to_owned()), Some("a".to_owned()), None, None];
        assert_eq!(reweigh(&groups, &[true, false, true, false]), [1.0; 4]);
    }
}
