//! Time without a clock: whoever calls the core brings the moment along.

use serde::{Deserialize, Serialize};

/// Milliseconds: a moment since 1970-01-01 UTC, or a length of time. Never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// One minute.
    pub const MINUTE: Self = Self(60_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600_000);
    /// One day.
    pub const DAY: Self = Self(86_400_000);

    /// The moment `length` earlier, or 0 where that would be before 1970.
    pub const fn before(self, length: Self) -> Self {
        Self(self.0.saturating_sub(length.0))
    }

    /// The start of the `step` that this moment lies in. A step of 0 gives the moment itself.
    pub const fn floor(self, step: Self) -> Self {
        match step.0 {
            0 => self,
            step => Self(self.0 - self.0 % step),
        }
    }

    /// Reads a length written as a number and a unit: `90s`, `15m`, `6h`, `7d`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = match text.chars().last()? {
            's' => 1_000,
            'm' => Self::MINUTE.0,
            'h' => Self::HOUR.0,
            'd' => Self::DAY.0,
            _ => return None,
        };
        let count: u64 = text[..text.len() - 1].trim().parse().ok()?;
        count.checked_mul(unit).filter(|&length| length > 0).map(Self)
    }
}

/// The milliseconds since 1970-01-01 UTC of a date or moment in ISO 8601, which the SDK reads alike: `2024-02-29`,
/// `2024-02-29T08:30`, `2024-02-29 08:30:15.250`, each moment with `Z`, `+01:00`, `+0100` or nothing, which is UTC. Digits
/// after the third one behind the point are cut off. A plain number is the milliseconds themselves.
///
/// ```
/// use nearside::parse_timestamp;
/// assert_eq!(parse_timestamp("1970-01-02"), Some(86_400_000.0));
/// assert_eq!(parse_timestamp("1969-12-31T23:59:59Z"), Some(-1_000.0));
/// assert_eq!(parse_timestamp("1970-01-01T01:00+01:00"), Some(0.0));
/// assert_eq!(parse_timestamp("2023-02-29"), None);
/// ```
pub fn parse_timestamp(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !text.is_empty() && is_number(text.strip_prefix('-').unwrap_or(text)) {
        return text.parse().ok().filter(|ms: &f64| ms.abs() <= LAST_MS);
    }
    let (date, time) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1..=12 => [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1],
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    // Howard Hinnant's days_from_civil: years begin in March, so that a leap day is the last one.
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((days * 86_400_000 + time_of_day(time)?) as f64)
}

/// The last moment that JavaScript knows; the first one is as far on the other side of 1970.
pub(crate) const LAST_MS: f64 = 8.64e15;

/// The milliseconds of what follows a date: nothing, or a time with its zone.
fn time_of_day(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let text = text.strip_prefix(['T', ' '])?;
    let (text, zone) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, "Z"),
    };
    let (text, fraction) = text.split_once('.').map_or((text, None), |(text, fraction)| (text, Some(fraction)));
    let [hour, minute, second] = match text.len() {
        5 if fraction.is_none() => numbers(text, ':', [2, 2]).map(|[hour, minute]| [hour, minute, 0])?,
        _ => numbers(text, ':', [2, 2, 2])?,
    };
    let ms = match fraction {
        None => 0,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            [digits, "00"].concat().get(..3)?.parse::<i64>().ok()?
        }
        Some(_) => return None,
    };
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, rest) => {
            let [hours, minutes] = numbers(rest, ':', [2, 2]).or_else(|| {
                let (hours, minutes) = rest.split_at_checked(2)?;
                Some([numbers(hours, ':', [2])?[0], numbers(minutes, ':', [2])?[0]])
            })?;
            let within = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            if sign == "-" { -within } else { within }
        }
    };
    let fits = hour < 24 && minute < 60 && second < 60;
    fits.then_some(((hour * 60 + minute - offset) * 60 + second) * 1_000 + ms)
}

/// Numbers of exactly so many digits, with a character between them.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_accepted_form_and_no_other() {
        let cases = [
            ("1900-01-01", -2_208_988_800_000.0),
            ("1900-02-28T23:59:59.999", -2_203_891_200_001.0),
            ("1900-03-01", -2_203_891_200_000.0),
            ("2000-02-29T12:00Z", 951_825_600_000.0),
            ("2024-02-29 08:30:15.250", 1_709_195_415_250.0),
            ("2024-02-29T08:30:15.2509Z", 1_709_195_415_250.0),
            ("2024-02-29T00:30:00+01:00", 1_709_163_000_000.0),
            ("2024-02-28T19:00:00-0430", 1_709_163_000_000.0),
            ("2100-12-31T23:59:59.9Z", 4_133_980_799_900.0),
            ("-1000", -1_000.0),
            ("0", 0.0),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_timestamp(text), Some(ms), "{text}");
        }
        let wrong = [
            "",
            "-",
            "soon",
            "2024-2-29",
            "1900-02-29",
            "2100-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-32",
            "2024-01-01T24:00",
            "2024-01-01T08:60",
            "2024-01-01T08:30:60",
            "2024-01-01T8:30",
            "2024-01-01T08:30.5",
            "2024-01-01T08:30:15.",
            "2024-01-01T08:30+1",
            "2024-01-01T08:30+25:00",
            "2024-01-01x",
            "20240101T00",
            "+2024-01-01",
            "9e15",
            "9000000000000000",
            "2024–01–01",
            "٢٠٢٤-01-01",
        ];
        for text in wrong {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_are_read_with_their_unit() {
        assert_eq!(Millis::parse("7d"), Some(Millis(7 * 86_400_000)));
        assert_eq!(Millis::parse("90s"), Some(Millis(90_000)));
        for wrong in ["", "d", "7", "7w", "-1d", "0s", "99999999999999999999d"] {
            assert_eq!(Millis::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_falls_into_its_step() {
        assert_eq!(Millis(125_000).floor(Millis::MINUTE), Millis(120_000));
        assert_eq!(Millis(125_000).floor(Millis(0)), Millis(125_000));
    }
}
