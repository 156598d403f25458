//! How far two histograms over the same bins are apart.

use super::chi_square_quantile;

/// The least share that a bin is taken to have, so that an empty one has a logarithm.
pub const EPSILON: f64 = 1e-4;

/// The population stability index, `Σ (p − q)·ln(p / q)` over shares of at least [`EPSILON`]. Symmetric; 0 for equal
/// distributions. Nothing when one side has counted nothing.
///
/// ```
/// assert_eq!(nearside::stats::psi(&[10, 20], &[100, 200]), Some(0.0));
/// ```
pub fn psi(reference: &[u64], live: &[u64]) -> Option<f64> {
    let sum = shares(reference, live)?.map(|(p, q)| {
        let (p, q) = (p.max(EPSILON), q.max(EPSILON));
        (p - q) * (p / q).ln()
    });
    Some(sum.sum())
}

/// The Jensen–Shannon distance with base 2, 0…1: the square root of the divergence, as SciPy's `jensenshannon` gives it.
pub fn jensen_shannon(reference: &[u64], live: &[u64]) -> Option<f64> {
    let toward = |p: f64, middle: f64| if p > 0.0 { p * (p / middle).log2() } else { 0.0 };
    let sum = shares(reference, live)?.map(|(p, q)| {
        let middle = (p + q) / 2.0;
        toward(p, middle) + toward(q, middle)
    });
    Some((sum.sum::<f64>() / 2.0).max(0.0).sqrt())
}

/// The PSI that chance alone exceeds in 1 − `level` of windows without any drift: `(1/n + 1/m)·χ²(B − 1, level)`, where
/// `n` and `m` are the (effective) counts of both sides, and `bins` how many bins hold anything.
pub fn noise(n: f64, m: f64, bins: usize, level: f64) -> f64 {
    (1.0 / n.max(1.0) + 1.0 / m.max(1.0)) * chi_square_quantile(level, bins.saturating_sub(1) as f64)
}

fn shares<'a>(reference: &'a [u64], live: &'a [u64]) -> Option<impl Iterator<Item = (f64, f64)> + 'a> {
    let (all, seen) = (total(reference)?, total(live)?);
    Some(reference.iter().zip(live).map(move |(&p, &q)| (p as f64 / all, q as f64 / seen)))
}

fn total(counts: &[u64]) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    (total > 0).then_some(total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: [u64; 5] = [120, 80, 300, 0, 500];
    const LIVE: [u64; 5] = [30, 40, 10, 5, 15];

    #[test]
    fn both_are_symmetric_and_those_of_the_reference_formula() {
        // numpy 2.4.6 with clipped shares; scipy 1.17.1, jensenshannon(base=2)
        let (index, distance) = (psi(&REFERENCE, &LIVE).unwrap(), jensen_shannon(&REFERENCE, &LIVE).unwrap());
        assert!((index - 1.631174347075227).abs() < 1e-12, "{index}");
        assert!((distance - 0.49718706478914776).abs() < 1e-12, "{distance}");
        assert!((psi(&LIVE, &REFERENCE).unwrap() - index).abs() < 1e-12);
        assert_eq!(jensen_shannon(&[7, 0], &[0, 3]), Some(1.0));
        assert_eq!((psi(&[1, 2], &[0, 0]), jensen_shannon(&[0, 0], &[1, 2])), (None, None));
    }

    #[test]
    fn the_noise_is_that_of_the_size_aware_rule() {
        // scipy 1.17.1: (1/n + 1/5000)·chi2.ppf(.99, 9), before the floor of 0.1
        for (n, wanted) in [(50.0, 0.4376530855359308), (100.0, 0.22099314220131163), (200.0, 0.11266317053400201)] {
            assert!((noise(n, 5_000.0, 10, 0.99) - wanted).abs() < 1e-10, "{n}: {}", noise(n, 5_000.0, 10, 0.99));
        }
        assert_eq!(noise(100.0, 100.0, 1, 0.99), 0.0);
        assert!(noise(0.0, 0.0, 10, 0.99).is_finite());
    }

    #[test]
    fn the_thresholds_are_those_of_the_golden_file() {
        let Some(golden) = crate::stats::golden::read("golden2.json") else { return };
        let rule = golden["psi_size_aware"].as_object().unwrap();
        assert!(rule.len() >= 5);
        for (n, values) in rule {
            let ours = noise(n.parse().unwrap(), 5_000.0, 10, 0.99).max(0.1);
            // The file holds three digits.
            assert!((ours - values["thr"].as_f64().unwrap()).abs() <= 5e-4, "{n}: {ours}");
        }
    }
}
