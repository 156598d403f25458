//! Correction for looking at many things at once.

/// The p-values adjusted by Benjamini and Hochberg (1995), in the order they came in. Whoever acts on those of at most
/// `q` is wrong in at most the share `q` of what they act on.
///
/// ```
/// assert_eq!(nearside::stats::benjamini_hochberg(&[0.01, 0.5]), [0.02, 0.5]);
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    super::order(&mut order, |&a, &b| p_values[b].total_cmp(&p_values[a]).is_lt());
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0f64;
    for (place, &index) in order.iter().enumerate() {
        let rank = p_values.len() - place;
        least = least.min(p_values[index] * p_values.len() as f64 / rank as f64);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adjusted_values_are_those_of_statsmodels() {
        // statsmodels 0.15.0, multipletests(method="fdr_bh")
        let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.6]);
        for (ours, wanted) in adjusted.iter().zip([0.025, 0.05, 0.05, 0.025, 0.6]) {
            assert!((ours - wanted).abs() < 1e-15, "{adjusted:?}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
        assert_eq!(benjamini_hochberg(&[0.2, 0.2]), [0.2, 0.2]);
    }
}
