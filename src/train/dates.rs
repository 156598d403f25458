//! The parts of a moment, and what becomes of them as columns.

use super::fit::DAY_MS;
use crate::canvas::DatePart;
use std::f64::consts::TAU;

/// What one part of a moment becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct DateColumn {
    /// The part.
    pub part: DatePart,
    /// Its form.
    pub form: DateForm,
}

/// The form of one part of a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DateForm {
    /// One column: `(part − shift) · scale`, both float32 values.
    Number {
        /// What is taken away.
        shift: f64,
        /// What the rest is multiplied by.
        scale: f64,
    },
    /// Two columns: the sine and the cosine of the part's place in a cycle of so many, so that 23 o'clock is next to 0.
    Cycle {
        /// How many values the part has.
        period: usize,
    },
}

/// The cycle of a part that has one: its length, and its first value.
pub(super) const fn cycle(part: DatePart) -> Option<(usize, i64)> {
    match part {
        DatePart::Hour => Some((24, 0)),
        DatePart::Weekday => Some((7, 0)),
        DatePart::Month => Some((12, 1)),
        DatePart::Day | DatePart::Year | DatePart::DaysSince => None,
    }
}

/// Sine and cosine of each place of a cycle, as float32 values.
pub(super) fn circle(period: usize) -> Vec<[f32; 2]> {
    let at = |place: usize| TAU * place as f64 / period as f64;
    (0..period).map(|place| [at(place).sin() as f32, at(place).cos() as f32]).collect()
}

impl DateColumn {
    /// The number of columns.
    pub fn width(&self) -> usize {
        match self.form {
            DateForm::Number { .. } => 1,
            DateForm::Cycle { .. } => 2,
        }
    }

    /// Writes the columns of a moment.
    pub(super) fn write(&self, ms: i64, since: i64, columns: &mut [f64]) {
        let value = part(self.part, ms, since);
        match self.form {
            DateForm::Number { shift, scale } => columns.fill((value as f64 - shift) * scale),
            DateForm::Cycle { period } => {
                let first = cycle(self.part).map_or(0, |(_, first)| first);
                let angle = circle(period)[(value - first) as usize];
                columns.iter_mut().zip(angle).for_each(|(column, value)| *column = value.into());
            }
        }
    }
}

/// One part of a moment in UTC. `since` is what `days_since` counts from, in days since 1970-01-01. Months and years are
/// those of the Gregorian calendar, by Howard Hinnant's `civil_from_days`, in which years begin in March.
pub(super) fn part(part: DatePart, ms: i64, since: i64) -> i64 {
    let day = ms.div_euclid(DAY_MS);
    let of_era = |day: i64| (day + 719_468).rem_euclid(146_097);
    let of_day = of_era(day);
    let year = (of_day - of_day / 1_460 + of_day / 36_524 - of_day / 146_096) / 365;
    let of_year = of_day - (365 * year + year / 4 - year / 100);
    // March is month 0 here.
    let month = (5 * of_year + 2) / 153;
    match part {
        DatePart::Hour => ms.rem_euclid(DAY_MS) / 3_600_000,
        DatePart::Weekday => (day + 3).rem_euclid(7),
        DatePart::Month => (month + 2) % 12 + 1,
        DatePart::Day => of_year - (153 * month + 2) / 5 + 1,
        DatePart::Year => (day + 719_468).div_euclid(146_097) * 400 + year + month / 10,
        DatePart::DaysSince => day - since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_timestamp;

    /// Year, month, day, hour and weekday by GNU `date`.
    const MOMENTS: [(&str, [i64; 5]); 12] = [
        ("1900-01-01T00:00", [1900, 1, 1, 0, 0]),
        ("1900-02-28T23:59:59.999", [1900, 2, 28, 23, 2]),
        ("1900-03-01T00:00", [1900, 3, 1, 0, 3]),
        ("1904-02-29T12:00", [1904, 2, 29, 12, 0]),
        ("1969-12-31T23:59:59.999", [1969, 12, 31, 23, 2]),
        ("1970-01-01T00:00", [1970, 1, 1, 0, 3]),
        ("1999-12-31T23:00", [1999, 12, 31, 23, 4]),
        ("2000-02-29T06:30", [2000, 2, 29, 6, 1]),
        ("2023-11-05T18:45", [2023, 11, 5, 18, 6]),
        ("2024-02-29T00:00", [2024, 2, 29, 0, 3]),
        ("2100-02-28T23:00", [2100, 2, 28, 23, 6]),
        ("2100-12-31T23:59:59.999", [2100, 12, 31, 23, 4]),
    ];

    #[test]
    fn the_parts_of_a_moment_are_those_of_the_calendar() {
        for (text, wanted) in MOMENTS {
            let ms = parse_timestamp(text).unwrap() as i64;
            let parts = [DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Hour, DatePart::Weekday];
            assert_eq!(parts.map(|name| part(name, ms, 0)), wanted, "{text}");
        }
    }

    #[test]
    fn every_day_of_two_centuries_follows_the_one_before() {
        let first = parse_timestamp("1900-01-01").unwrap() as i64;
        let of = |ms: i64| [DatePart::Year, DatePart::Month, DatePart::Day].map(|name| part(name, ms, 0));
        let mut before = of(first - 1);
        for day in 0..73_414 {
            let now = of(first + day * DAY_MS);
            let [year, month, of_month] = now;
            let text = format!("{year:04}-{month:02}-{of_month:02}");
            assert_eq!(parse_timestamp(&text), Some((first + day * DAY_MS) as f64), "{text}");
            assert!(now > before, "{before:?} {now:?}");
            assert_eq!(part(DatePart::DaysSince, first + day * DAY_MS, first / DAY_MS), day);
            before = now;
        }
        assert_eq!(before, [2100, 12, 31]);
    }
}
