//! Days and moments as text, by the proleptic Gregorian calendar.

/// Days since 1970-01-01 of a day written as `2024-01-31`.
pub(super) fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    // Years that start in March end with the leap day.
    let shifted = if month > 2 { year } else { year - 1 };
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let number = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
    (day_text(number) == text).then_some(number)
}

/// The day with this number, written as `2024-01-31`.
pub(super) fn day_text(number: i64) -> String {
    let days = number.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A moment in microseconds since 1970-01-01 UTC, written as `2024-01-31T12:30:00Z`, with six decimals where it has a
/// fraction of a second.
pub(super) fn moment_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}{fraction}Z", day_text(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_the_calendar() {
        assert_eq!(day_number("1970-01-01"), Some(0));
        assert_eq!(day_number("2024-02-29"), Some(19_782));
        assert_eq!(day_text(19_783), "2024-03-01");
        for wrong in ["2023-02-29", "2024-13-01", "2024-1-1", "today", ""] {
            assert_eq!(day_number(wrong), None, "{wrong}");
        }
        assert_eq!(moment_text(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(moment_text(19_783 * 86_400_000_000), "2024-03-01T00:00:00Z");
    }
}
