//! Exponential functions without a branch, so that a loop over them becomes vectors. Within 2 units in the last place of float32
//! unless stated; what is not a number stays so.

/// e to the power of `x`: Cephes' polynomial (Moshier, 1989) on what is left of `x` beyond a power of two.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let power = (x * std::f32::consts::LOG2_E).round_ties_even();
    let power = if power > 130.0 { 130.0 } else { power };
    let power = if power < -152.0 { -152.0 } else { power };
    let rest = (x - power * LN2_HIGH) - power * LN2_LOW;
    let rest = if rest > 0.5 { 0.5 } else { rest };
    let rest = if rest < -0.5 { -0.5 } else { rest };
    let series = 1.987_569_1e-4;
    let series = series * rest + 1.398_2e-3;
    let series = series * rest + 8.333_452e-3;
    let series = series * rest + 4.166_579_6e-2;
    let series = series * rest + 0.166_666_65;
    let series = series * rest + 0.5;
    let value = series * rest * rest + rest + 1.0;
    // In two steps, so that the ends of the range become 0 and infinity by rounding.
    let whole = power as i32;
    let half = whole >> 1;
    value * two_to(half) * two_to(whole - half)
}

#[inline(always)]
fn two_to(power: i32) -> f32 {
    f32::from_bits(((power + 127) << 23).cast_unsigned())
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent: Cephes' polynomial near 0, by the exponential elsewhere.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let series = -5.704_988_7e-3;
    let series = series * square + 2.063_909e-2;
    let series = series * square - 5.373_971_6e-2;
    let series = series * square + 0.133_314_42;
    let series = series * square - 0.333_332_8;
    let near = series * square * x + x;
    let far = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    if size < 0.625 { near } else { far }
}

/// The error function, within 3e-7: its Taylor series near 0, Abramowitz and Stegun's 7.1.26 elsewhere.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let series = -8.548_327e-4;
    let series = series * square + 5.223_977_6e-3;
    let series = series * square - 2.686_617_3e-2;
    let series = series * square + 0.112_837_92;
    let series = series * square - 0.376_126_4;
    let near = (series * square + std::f32::consts::FRAC_2_SQRT_PI) * x;
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let tail = 1.061_405_4;
    let tail = tail * t - 1.453_152;
    let tail = tail * t + 1.421_413_7;
    let tail = tail * t - 0.284_496_74;
    let tail = tail * t + 0.254_829_6;
    let far = (1.0 - tail * t * exp(-square)).copysign(x);
    if size < 0.5 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(what: &str, of: fn(f32) -> f32, wanted: fn(f64) -> f64, tolerance: f64) {
        for step in -200_000..200_000 {
            let x = step as f32 * 5.1e-4;
            let (found, wanted) = (f64::from(of(x)), wanted(x.into()));
            let off = (found - wanted).abs() / wanted.abs().max(1e-30);
            assert!(off <= tolerance || (found - wanted).abs() < 1e-38, "{what}({x}) is {found}, not {wanted}");
        }
    }

    #[test]
    fn functions_are_near_those_of_float64() {
        close("exp", |x| if x < 88.0 { exp(x) } else { 1.0 }, |x| if x < 88.0 { x.exp() } else { 1.0 }, 3e-7);
        close("tanh", tanh, f64::tanh, 3e-7);
        close(
            "sigmoid",
            |x| if x > -87.0 { sigmoid(x) } else { 1.0 },
            |x| if x > -87.0 { 1.0 / (1.0 + (-x).exp()) } else { 1.0 },
            4e-7,
        );
    }

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 7.1.
        for (x, wanted) in [
            (0.0, 0.0),
            (1e-3, 1.128_378_8e-3),
            (0.3, 0.328_626_76),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.0, 0.995_322_3),
            (6.0, 1.0),
        ] {
            assert!((erf(x) - wanted).abs() <= 3e-7, "{x}: {} {wanted}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
    }

    #[test]
    fn the_ends_of_the_range_are_right() {
        for of in [exp, sigmoid, tanh, erf] {
            assert!(of(f32::NAN).is_nan());
        }
        assert_eq!(
            [exp(f32::INFINITY), exp(f32::NEG_INFINITY), exp(200.0), exp(-200.0)],
            [f32::INFINITY, 0.0, f32::INFINITY, 0.0]
        );
        assert_eq!(
            [tanh(f32::INFINITY), tanh(f32::NEG_INFINITY), sigmoid(-200.0), sigmoid(200.0)],
            [1.0, -1.0, 0.0, 1.0]
        );
        assert_eq!([erf(f32::INFINITY), erf(f32::NEG_INFINITY)], [1.0, -1.0]);
        assert!(exp(-100.0) > 0.0 && exp(-100.0) < 1e-43);
    }
}
