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

#[cfg(test)]
mod tests {
    use super::*;

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
