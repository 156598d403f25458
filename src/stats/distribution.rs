//! The normal and the chi-square distribution, by the regularised incomplete gamma function.

use std::f64::consts::PI;

/// The share of a standard normal distribution below `z`.
pub fn normal_cdf(z: f64) -> f64 {
    let tail = 0.5 * upper_gamma(0.5, z * z / 2.0);
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// The number that the share `p` of a standard normal distribution lies below; infinite at 0 and 1, NaN outside.
///
/// The rational approximation of Acklam (2003), then one step of Halley's method, which takes its relative error of
/// 1e-9 to the last digits.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let start = if p < 0.02425 {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&TAIL_ABOVE, q) / (polynomial(&TAIL_BELOW, q) * q + 1.0)
    } else {
        let (q, r) = (p - 0.5, (p - 0.5) * (p - 0.5));
        polynomial(&MIDDLE_ABOVE, r) * q / (polynomial(&MIDDLE_BELOW, r) * r + 1.0)
    };
    let error = (normal_cdf(start) - p) * (2.0 * PI).sqrt() * (start * start / 2.0).exp();
    start - error / (1.0 + start * error / 2.0)
}

const MIDDLE_ABOVE: [f64; 6] = [
    -3.969683028665376e+01,
    2.209460984245205e+02,
    -2.759285104469687e+02,
    1.38357751867269e+02,
    -3.066479806614716e+01,
    2.506628277459239e+00,
];
const MIDDLE_BELOW: [f64; 5] = [
    -5.447609879822406e+01,
    1.615858368580409e+02,
    -1.556989798598866e+02,
    6.680131188771972e+01,
    -1.328068155288572e+01,
];
const TAIL_ABOVE: [f64; 6] = [
    -7.784894002430293e-03,
    -3.223964580411365e-01,
    -2.400758277161838e+00,
    -2.549732539343734e+00,
    4.374664141464968e+00,
    2.938163982698783e+00,
];
const TAIL_BELOW: [f64; 4] =
    [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00];

/// Horner's rule; the coefficient of the highest power comes first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// The share of a chi-square distribution with `freedom` degrees above `x`. With no degrees, nothing lies above 0.
pub fn chi_square_survival(x: f64, freedom: f64) -> f64 {
    if freedom <= 0.0 {
        return if x > 0.0 { 0.0 } else { 1.0 };
    }
    upper_gamma(freedom / 2.0, x / 2.0)
}

/// The number that the share `p` (below 1) of a chi-square distribution with `freedom` degrees lies below.
///
/// The approximation of Wilson and Hilferty (1931) brackets the root, bisection finds it to 12 digits.
pub fn chi_square_quantile(p: f64, freedom: f64) -> f64 {
    if freedom <= 0.0 || p <= 0.0 {
        return 0.0;
    }
    let spread = 2.0 / (9.0 * freedom);
    let guess = freedom * (1.0 - spread + normal_quantile(p) * spread.sqrt()).powi(3);
    let (mut low, mut high) = (0.0, guess.max(1.0) * 2.0 + 10.0);
    while high - low > 1e-12 * high {
        let middle = (low + high) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if chi_square_survival(middle, freedom) > 1.0 - p { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The regularised upper incomplete gamma function Q(a, x): a series below a + 1, Lentz's continued fraction above
/// (Press et al., Numerical Recipes, section 6.2).
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - sum * scale;
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for i in 1..500 {
        let i = f64::from(i);
        let factor = -i * (i - a);
        b += 2.0;
        d = 1.0 / not_zero(factor * d + b, tiny);
        c = not_zero(b + factor / c, tiny);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction * scale
}

fn not_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// The logarithm of the gamma function for a > 0, by Lanczos (1964) with g = 7 and nine terms, which are good from a half on.
fn ln_gamma(a: f64) -> f64 {
    if a < 0.5 {
        return ln_gamma(a + 1.0) - a.ln();
    }
    let a = a - 1.0;
    let terms = LANCZOS.iter().enumerate().map(|(i, term)| term / (a + i as f64 + 1.0));
    let sum: f64 = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    let t = a + 7.5;
    0.5 * (2.0 * PI).ln() + (a + 0.5) * t.ln() - t + sum.ln()
}

const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, wanted: f64, what: impl std::fmt::Debug) {
        let allowed = 1e-10 * wanted.abs().max(1e-300);
        assert!((value - wanted).abs() <= allowed.max(1e-15), "{what:?}: {value}, not {wanted}");
    }

    // The numbers below are those of scipy 1.17.1.

    #[test]
    fn the_normal_distribution_is_that_of_scipy() {
        for (p, wanted) in [
            (1e-10, -6.361340902404056),
            (0.0001, -3.7190164854556804),
            (0.01, -2.3263478740408408),
            (0.025, -1.9599639845400545),
            (0.3, -0.5244005127080409),
            (0.5, 0.0),
            (0.8, 0.8416212335729143),
            (0.975, 1.959963984540054),
            (0.999999, 4.753424308817087),
        ] {
            close(normal_quantile(p), wanted, p);
        }
        for (z, wanted) in [
            (-8.0, 6.22096057427174e-16),
            (-3.0, 0.0013498980316300933),
            (-1.0, 0.15865525393145707),
            (-0.1, 0.460172162722971),
            (0.0, 0.5),
            (0.5, 0.6914624612740131),
            (1.96, 0.9750021048517795),
            (5.0, 0.9999997133484281),
        ] {
            close(normal_cdf(z), wanted, z);
        }
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(f64::NAN).is_nan());
    }

    #[test]
    fn the_chi_square_distribution_is_that_of_scipy() {
        for (p, freedom, wanted) in [
            (0.99, 1.0, 6.6348966010212145),
            (0.99, 9.0, 21.665994333461924),
            (0.99, 12.0, 26.216967305535853),
            (0.95, 34.0, 48.602367367294164),
            (0.5, 2.0, 1.386294361119891),
            (0.01, 5.0, 0.5542980767282772),
            (0.99, 300.0, 359.9064259503349),
        ] {
            close(chi_square_quantile(p, freedom), wanted, (p, freedom));
        }
        for (x, freedom, wanted) in [
            (0.1, 1.0, 0.7518296340458492),
            (3.84, 1.0, 0.05004352124870519),
            (21.67, 9.0, 0.009985789299578333),
            (60.0, 12.0, 2.257348746396286e-08),
            (5.0, 34.0, 0.9999999984420929),
            (200.0, 12.0, 3.261456366720447e-36),
            (300.0, 290.0, 0.3306365313224728),
        ] {
            close(chi_square_survival(x, freedom), wanted, (x, freedom));
        }
        assert_eq!((chi_square_survival(0.0, 3.0), chi_square_survival(1.0, 0.0)), (1.0, 0.0));
        assert_eq!(chi_square_quantile(0.99, 0.0), 0.0);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn both_agree_with_statrs_over_a_grid() {
        use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
        let normal = Normal::standard();
        for step in 1..200 {
            let p = f64::from(step) / 200.0;
            assert!((normal_quantile(p) - normal.inverse_cdf(p)).abs() < 1e-8, "{p}");
            for freedom in [1.0, 2.0, 7.0, 12.0, 40.0] {
                let chi = ChiSquared::new(freedom).unwrap();
                let x = chi_square_quantile(p, freedom);
                assert!((chi.cdf(x) - p).abs() < 1e-9, "{p} {freedom}");
                assert!((chi_square_survival(x, freedom) - chi.sf(x)).abs() < 1e-9, "{p} {freedom}");
            }
        }
    }
}
