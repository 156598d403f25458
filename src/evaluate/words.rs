//! Numbers as people read them.

/// A number with four decimals at most, and no zeros behind the last one that counts.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "no limit".into() } else { "not known".into() };
    }
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// A value with its interval: `0.7312 (0.7105 to 0.7519)`.
pub(super) fn estimate(value: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match (value, low, high) {
        (None, ..) => "not known".into(),
        (Some(value), Some(low), Some(high)) => format!("{value:.4} ({low:.4} to {high:.4})"),
        (Some(value), Some(low), None) => format!("{value:.4} (from {low:.4})"),
        (Some(value), ..) => format!("{value:.4}"),
    }
}

/// A share as a percentage with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A count with its noun: `1 row`, `1,200 rows`.
pub(super) fn count(count: usize, noun: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!((number(0.8), number(-0.00001), number(1200.0)), ("0.8".into(), "0".into(), "1200".into()));
        assert_eq!((count(1, "row"), count(1_234_567, "row")), ("1 row".into(), "1,234,567 rows".into()));
        assert_eq!(estimate(Some(0.5), None, None), "0.5000");
    }
}
