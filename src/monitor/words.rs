//! Numbers as text for people: few digits, a unit, no false precision.

use crate::decimal::decimal;

/// A number with three significant digits, or whole with its thousands apart from 1,000 on: `0.312`, `41.5`, `12,400`.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    if value.abs() >= 999.5 {
        return whole(value);
    }
    let digits = if value == 0.0 { 0 } else { 2 - value.abs().log10().floor() as i32 };
    let scale = 10f64.powi(digits.clamp(0, 6));
    // Adding 0 turns −0 into 0.
    decimal((value * scale).round() / scale + 0.0)
}

/// A count with its thousands apart.
pub(super) fn count(value: u64) -> String {
    whole(value as f64)
}

fn whole(value: f64) -> String {
    let digits = (value.abs().round() as u64).to_string();
    let mut text = String::new();
    if value < 0.0 {
        text.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as per cent: `93.1 %`.
pub(super) fn percent(share: f64) -> String {
    join(&[&number(share * 100.0), " %"])
}

/// A time in milliseconds: `8.2 ms`, from a second on `1.4 s`.
pub(super) fn duration(ms: f64) -> String {
    if ms < 1000.0 { join(&[&number(ms), " ms"]) } else { join(&[&number(ms / 1000.0), " s"]) }
}

/// How long ago something was: `3 h ago`.
pub(super) fn age(ms: u64) -> String {
    let (length, unit) = match ms / 1000 {
        seconds if seconds < 60 => (seconds, " s ago"),
        seconds if seconds < 3_600 => (seconds / 60, " min ago"),
        seconds if seconds < 172_800 => (seconds / 3_600, " h ago"),
        seconds => (seconds / 86_400, " days ago"),
    };
    join(&[&count(length), unit])
}

/// A number with its unit, where it has one.
pub(super) fn with_unit(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some(unit) if !unit.is_empty() => join(&[&number(value), " ", unit]),
        _ => number(value),
    }
}

/// A name of the canvas for people: `income_per_year` becomes `Income per year`.
pub(super) fn title(name: &str) -> String {
    let mut text = spaced(name);
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A name of the canvas within a sentence: underscores become spaces, and `roc_auc` is written as people write it.
pub(super) fn spaced(name: &str) -> String {
    match name {
        "roc_auc" => "ROC AUC".to_owned(),
        name => name.replace('_', " "),
    }
}

/// The parts one after the other. One function instead of many formats keeps the page's wasm small.
pub(super) fn join(parts: &[&str]) -> String {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_apart_thousands() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.31249, "0.312"),
            (0.000123456, "0.000123"),
            (1e-9, "0"),
            (1.0, "1"),
            (41.46, "41.5"),
            (999.4, "999"),
            (999.6, "1,000"),
            (12_400.2, "12,400"),
            (1_234_567.0, "1,234,567"),
            (-5_000.0, "−5,000"),
            (-0.5, "-0.5"),
            (f64::NAN, "unknown"),
        ];
        for (value, wanted) in cases {
            assert_eq!(number(value), wanted);
        }
        assert_eq!(percent(0.931), "93.1 %");
        assert_eq!(duration(1_400.0), "1.4 s");
        assert_eq!(duration(8.21), "8.21 ms");
        assert_eq!(age(7_300_000), "2 h ago");
        assert_eq!(title("income_per_year"), "Income per year");
        assert_eq!(title("état"), "état");
        assert_eq!((title("roc_auc"), spaced("true_positive_rate")), ("ROC AUC".into(), "true positive rate".into()));
    }
}
