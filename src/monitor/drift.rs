//! Drift of each feature: effect and evidence, over the same bins that the reference rows were counted in.

use super::evidence::{MINIMUM_COUNT, share};
use super::report::Counts;
use super::words::number;
use crate::bundle::{Baseline, BaselineFeature, Manifest};
use crate::features::FeatureSchema;
use crate::profile::Layout;
use crate::stats::{benjamini_hochberg, chi_square_survival, noise, psi};
use serde::{Deserialize, Serialize};

/// From this PSI on a feature is worth a warning, and from the second one on an alarm (Siddiqi, 2006).
pub(super) const WARN: f64 = 0.1;
pub(super) const ALARM: f64 = 0.25;

/// Chance alone exceeds the noise of a PSI in one of a hundred windows.
const NOISE_LEVEL: f64 = 0.99;

/// The share of false discoveries among the features that alarm.
pub(super) const FALSE_DISCOVERIES: f64 = 0.05;

/// How far the live values of one feature are from the reference rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// The feature.
    pub feature: String,
    /// What its values are: `number`, `integer`, `category` or `boolean`.
    pub kind: String,
    /// What it comes to.
    pub state: DriftState,
    /// The population stability index over all bins, missing values and values out of range included.
    pub psi: Option<f64>,
    /// What the PSI must exceed for a warning: 0.1, or the noise (below `needed` values twice the noise) where that is
    /// more.
    pub threshold: f64,
    /// The PSI that chance alone exceeds in one of a hundred windows of this size.
    pub noise: f64,
    /// The probability of such a PSI without drift, adjusted for the number of features.
    pub p_value: Option<f64>,
    /// How many values were counted: fewer than there were predictions, since small frames tell of some features only.
    pub count: u64,
    /// How many are needed before an alarming drift stands out of the noise; nothing without a baseline, or with one
    /// of too few rows.
    pub needed: Option<u64>,
    /// The share of missing values.
    pub missing_share: Option<f64>,
    /// The same in the reference rows.
    pub reference_missing_share: Option<f64>,
    /// The mean of a number. Frames tell it in half bins, and not at all of few numbers.
    pub mean: Option<f64>,
    /// The same in the reference rows.
    pub reference_mean: Option<f64>,
    /// The unit of a number.
    pub unit: Option<String>,
    /// The regular bins, then missing values, then values below and above the range, or unseen categories.
    pub bins: Vec<Bin>,
}

/// One bin of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// What lies in it.
    pub label: String,
    /// The live share; 0 when nothing was counted.
    pub share: f64,
    /// The share of the reference rows; nothing without a baseline.
    pub reference: Option<f64>,
}

/// What the drift of a feature comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftState {
    /// An alarming drift would stand out by now, and none does.
    Ok,
    /// A PSI above 0.1 and above its noise.
    Warn,
    /// A PSI above 0.25 and above its noise, significant beside all other features.
    Alarm,
    /// Too few values, or no baseline.
    NotEnoughEvidence,
}

pub(super) fn features(
    manifest: &Manifest,
    layout: &Layout,
    counts: Counts<'_>,
    baseline: Option<&Baseline>,
    effect: f64,
) -> Vec<FeatureDrift> {
    let mut all: Vec<FeatureDrift> = manifest
        .features
        .iter()
        .enumerate()
        .map(|(index, feature)| {
            let reference = baseline.and_then(|baseline| baseline.features.get(index));
            compare(feature, index, layout, counts, reference, effect)
        })
        .collect();
    let (judged, p_values): (Vec<usize>, Vec<f64>) =
        all.iter().enumerate().filter_map(|(index, drift)| Some((index, drift.p_value?))).unzip();
    for (index, adjusted) in judged.into_iter().zip(benjamini_hochberg(&p_values)) {
        all[index].p_value = Some(adjusted);
    }
    for drift in &mut all {
        drift.threshold = drift.evidence().max(WARN);
        drift.state = drift.judge(WARN, ALARM, MINIMUM_COUNT);
    }
    all
}

fn compare(
    feature: &FeatureSchema,
    index: usize,
    layout: &Layout,
    counts: Counts<'_>,
    reference: Option<&BaselineFeature>,
    effect: f64,
) -> FeatureDrift {
    let live = counts.all(layout.feature(index));
    let known = reference.map(|reference| &reference.counts[..]).filter(|known| known.len() == live.len());
    let missing = layout.regular_bins(index);
    let (count, rows) = (live.iter().sum::<u64>(), known.map_or(0, |known| known.iter().sum()));
    // A bin that is empty on both sides adds neither effect nor noise.
    let occupied = known.map_or(0, |known| known.iter().zip(live).filter(|(a, b)| **a > 0 || **b > 0).count());
    let effective = count as f64 / effect;
    let noise = noise(effective, rows as f64, occupied, NOISE_LEVEL);
    let psi = known.and_then(|known| psi(known, live));
    let moments = counts.profile.moments.get(index).filter(|moments| moments.count > 0);
    FeatureDrift {
        feature: feature.name.clone(),
        kind: feature.kind.name().to_owned(),
        state: DriftState::NotEnoughEvidence,
        psi,
        threshold: WARN,
        noise,
        p_value: psi.map(|psi| p_value(psi, effective, rows as f64, occupied)),
        count,
        needed: needed(rows as f64, occupied, effect),
        missing_share: live.get(missing).and_then(|&missing| share(missing, count)),
        reference_missing_share: known.and_then(|known| share(known[missing], rows)),
        mean: moments.map(|moments| moments.mean),
        reference_mean: reference.and_then(|reference| reference.mean),
        unit: feature.unit.clone(),
        bins: bins(feature, live, known),
    }
}

/// The probability of such a PSI without drift: divided by `1/n + 1/m` it is close to chi-square distributed.
fn p_value(psi: f64, n: f64, m: f64, occupied: usize) -> f64 {
    chi_square_survival(psi / (1.0 / n + 1.0 / m), occupied.saturating_sub(1) as f64)
}

/// The count from which on the noise is at most [`ALARM`].
fn needed(rows: f64, occupied: usize, effect: f64) -> Option<u64> {
    // `noise` with both counts at 1 is twice the quantile.
    let quantile = noise(1.0, 1.0, occupied, NOISE_LEVEL) / 2.0;
    let left = ALARM - quantile / rows.max(1.0);
    let count = (quantile / left * effect).ceil();
    (rows > 0.0 && left > 0.0).then_some((count as u64).max(MINIMUM_COUNT))
}

impl FeatureDrift {
    /// What it comes to with other limits: `warn` and `alarm` are PSI values, `minimum` is a count.
    pub(super) fn judge(&self, warn: f64, alarm: f64, minimum: u64) -> DriftState {
        let (Some(psi), Some(p_value)) = (self.psi, self.p_value) else { return DriftState::NotEnoughEvidence };
        if self.count < minimum {
            DriftState::NotEnoughEvidence
        } else if psi > alarm.max(self.evidence()) && p_value <= FALSE_DISCOVERIES {
            DriftState::Alarm
        } else if psi > warn.max(self.evidence()) {
            DriftState::Warn
        } else if self.evidence() > if alarm.is_finite() { alarm } else { warn } {
            DriftState::NotEnoughEvidence
        } else {
            DriftState::Ok
        }
    }

    /// What the PSI must exceed to be evidence. With few values in a bin a PSI is no longer close to chi-square
    /// distributed: its upper tail is heavier, so twice the noise is asked.
    pub(super) fn evidence(&self) -> f64 {
        if self.needed.is_some_and(|needed| self.count >= needed) { self.noise } else { 2.0 * self.noise }
    }
}

fn bins(feature: &FeatureSchema, live: &[u64], known: Option<&[u64]>) -> Vec<Bin> {
    let (total, rows) = (live.iter().sum(), known.map_or(0, |known| known.iter().sum()));
    let bin = |(index, (label, &count)): (usize, (String, &u64))| Bin {
        label,
        share: share(count, total).unwrap_or(0.0),
        reference: known.and_then(|known| share(known[index], rows)),
    };
    labels(feature).into_iter().zip(live).enumerate().map(bin).collect()
}

fn labels(feature: &FeatureSchema) -> Vec<String> {
    let mut labels = Vec::new();
    let numeric = feature.kind.is_numeric();
    if numeric {
        let edges = &feature.bins;
        for bin in 0..=edges.len() {
            let low = bin.checked_sub(1).map(|below| number(edges[below]));
            let high = edges.get(bin).map(|&edge| number(edge));
            labels.push(match (low, high) {
                (None, Some(high)) => ["< ", &high].concat(),
                (Some(low), Some(high)) => [&low, " – ", &high].concat(),
                (Some(low), None) => ["≥ ", &low].concat(),
                (None, None) => "any".to_owned(),
            });
        }
    } else {
        labels.extend(feature.values.iter().cloned());
    }
    let special: &[&str] = if numeric { &["missing", "below range", "above range"] } else { &["missing", "unseen"] };
    labels.extend(special.iter().map(|&label| label.to_owned()));
    labels
}
