//! Counters as plain numbers, on their way from the predictor that counted to the one that keeps them.
//!
//! A profile is three lists, each with its length before it: counters that are not 0 as place and count, then moments
//! by feature and by business metric as index, count, mean, m2, lowest, highest.

use crate::error::{Error, ErrorKind, Result};
use crate::profile::{Layout, Moments, Profile};

/// Appends what a profile has seen.
pub fn write(profile: &Profile, numbers: &mut Vec<f64>) {
    let counted = || profile.counts.iter().enumerate().filter(|(_, count)| **count > 0);
    numbers.push(counted().count() as f64);
    numbers.extend(counted().flat_map(|(place, &count)| [place as f64, count as f64]));
    for all in [&profile.moments, &profile.business] {
        let some = || all.iter().enumerate().filter(|(_, moments)| moments.count > 0);
        numbers.push(some().count() as f64);
        numbers.extend(some().flat_map(|(index, moments)| {
            let Moments { count, mean, m2, min, max } = *moments;
            [index as f64, count as f64, mean, m2, min, max]
        }));
    }
}

/// Reads the next profile. Fails with `internal` when the numbers are not of this layout.
pub fn read(numbers: &mut impl Iterator<Item = f64>, layout: &Layout) -> Result<Profile> {
    let mut profile = Profile::new(layout);
    let mut next = || numbers.next().ok_or_else(strange);
    for _ in 0..next()? as usize {
        let (place, count) = (next()? as usize, next()? as u64);
        *profile.counts.get_mut(place).ok_or_else(strange)? = count;
    }
    for all in [&mut profile.moments, &mut profile.business] {
        for _ in 0..next()? as usize {
            let index = next()? as usize;
            let moments = Moments { count: next()? as u64, mean: next()?, m2: next()?, min: next()?, max: next()? };
            *all.get_mut(index).ok_or_else(strange)? = moments;
        }
    }
    Ok(profile)
}

fn strange() -> Error {
    let error = Error::new(ErrorKind::Internal, "the counters are not of this model version");
    error.help("use the worker script that came with this version of nearside")
}
