//! What the first records say of a feature: whether nearly all of its values lie where hardly any did in training. That
//! is not the slow change that drift is, but a mistake between training and page: cents for euros, a name misspelt.

use super::drift::FeatureDrift;
use super::words::{count, join, number, percent};

/// From this share on nearly all values are off.
const NEARLY_ALL: f64 = 0.9;

/// Up to this share of the reference rows hardly any were there.
const HARDLY_ANY: f64 = 0.2;

/// Chance puts so many values there with a probability of at most `exp(−30)`, by Chernoff's bound. That is strict, because
/// the values of one visitor are alike: of cases that are worth 3.7 times less, it is one in three thousand.
const EVIDENCE: f64 = 30.0;

/// A mean is another unit's when it is so many times as large, or as small.
const FACTOR: f64 = 5.0;

/// What is wrong with the first values of a feature, in words; nothing where they look like the reference rows, there is
/// no baseline, or too few were counted. Of values that all lie in the highest decile 14 are enough.
///
/// It looks at nothing but the shares of the bins, and so works on a page's own report as on the collector's.
pub fn mismatch(drift: &FeatureDrift) -> Option<String> {
    let numeric = matches!(drift.kind.as_str(), "number" | "integer" | "timestamp");
    let regular = drift.bins.len().checked_sub(if numeric { 3 } else { 2 })?;
    let of = |text: &str| join(&[" of ", &count(drift.count), " values ", text]);
    let off = |places: &[usize]| off(drift, places);
    if let Some((share, reference)) = off(&[regular]) {
        let help = ": is it sent, and under this name?";
        return Some(join(&[&percent(share), &of("are missing, in training "), &percent(reference), help]));
    }
    if !numeric {
        let (share, _) = off(&[regular + 1])?;
        return Some(join(&[&percent(share), &of("were never seen in training: are they written in another way?")]));
    }
    // A number without reference bins has but its range.
    let (lowest, highest) = if regular > 1 {
        (vec![0, regular + 1], vec![regular - 1, regular + 2])
    } else {
        (vec![regular + 1], vec![regular + 2])
    };
    let (side, (share, reference)) = match (off(&lowest), off(&highest)) {
        (Some(found), _) => ("are below ", found),
        (_, found) => ("are above ", found?),
    };
    let others = if reference == 0.0 { "all".to_owned() } else { percent(1.0 - reference) };
    let factor = drift.mean.zip(drift.reference_mean).map(|(mean, reference)| mean / reference);
    let factor = factor.filter(|factor| *factor > 0.0 && (*factor > FACTOR || *factor < 1.0 / FACTOR));
    let times = factor.map(|factor| join(&[", the mean is ", &number(factor), " times that of training"]));
    let times = times.unwrap_or_default();
    Some(join(&[&percent(share), &of(side), &others, " of those in training", &times, ": another unit?"]))
}

/// The share of values in these bins and that of the reference rows, where nearly all are in them and hardly any were.
fn off(drift: &FeatureDrift, places: &[usize]) -> Option<(f64, f64)> {
    let mut sums = (0.0, 0.0);
    for &place in places {
        let bin = drift.bins.get(place)?;
        sums = (sums.0 + bin.share, sums.1 + bin.reference?);
    }
    let (share, reference) = (sums.0.min(1.0), sums.1);
    // Where no reference row was, a thousandth of them may have been.
    let known = reference.max(0.001);
    let part = |share: f64, known: f64| if share > 0.0 { share * (share / known).ln() } else { 0.0 };
    let evidence = drift.count as f64 * (part(share, known) + part(1.0 - share, 1.0 - known));
    (share >= NEARLY_ALL && reference <= HARDLY_ANY && evidence >= EVIDENCE).then_some((share, reference))
}
