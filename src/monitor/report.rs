//! The report: everything that counters, a baseline and the limits of a manifest say together.

use super::evidence::{design_effect, share};
use super::{
    BoundaryReport, BusinessValue, FairnessReport, FeatureDrift, Loads, Performance, StageLatency, Verdict, boundary,
    business, drift, fairness, latency, pages, performance, verdict,
};
use crate::bundle::{Baseline, Manifest};
use crate::profile::{Layout, LossReason, Profile};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The moments between which a profile was counted; nothing where they are not known, as in a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The start.
    pub from: Option<Millis>,
    /// The end.
    pub to: Option<Millis>,
}

/// What a version of a model did, and how that compares with what it was made for.
///
/// Every share is 0…1, every time is in milliseconds, every interval has the level [`super::LEVEL`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The name of the service.
    pub model: String,
    /// The version of the model.
    pub version: String,
    /// The start of what was counted.
    pub from: Option<Millis>,
    /// The end of what was counted.
    pub to: Option<Millis>,
    /// Predictions that were answered.
    pub predictions: u64,
    /// Page sessions that made at least one prediction.
    pub sessions: u64,
    /// Records that were refused.
    pub refused: u64,
    /// Page loads, with those that were left before an answer.
    pub loads: Loads,
    /// One entry per stage that was timed.
    pub latency: Vec<StageLatency>,
    /// The distribution of the scores.
    pub scores: Scores,
    /// What was decided, in the order of the bands.
    pub actions: Vec<ActionShare>,
    /// The boundaries that were crossed.
    pub boundary: BoundaryReport,
    /// One entry per feature, in the order of the manifest.
    pub drift: Vec<FeatureDrift>,
    /// One entry per group and metric.
    pub fairness: Vec<FairnessReport>,
    /// The metrics that need labels.
    pub performance: Performance,
    /// The numbers of the business.
    pub business: Vec<BusinessValue>,
    /// Frames that were lost or late, by reason; reasons that did not occur are left out.
    pub loss: Vec<LossCount>,
    /// All of it in words.
    pub verdict: Verdict,
}

/// The scores in 20 equal bins of 0…1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The 21 edges of the bins.
    pub edges: Vec<f64>,
    /// The live counts.
    pub counts: Vec<u64>,
    /// The shares of the reference rows; empty without a baseline.
    pub reference: Vec<f64>,
}

/// How often an action was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionShare {
    /// The action.
    pub action: String,
    /// How often, among the predictions whose actions were told: small frames tell of groups or of actions.
    pub count: u64,
    /// Among all that ended in an action and were told; 0 when there are none.
    pub share: f64,
    /// Whether it favours the person concerned.
    pub favourable: bool,
}

/// Frames that were lost or late for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossCount {
    /// The reason, as [`LossReason::name`] gives it.
    pub reason: String,
    /// How many frames.
    pub frames: u64,
}

/// What the counters of one version say. The profile must have the layout of the manifest.
pub fn report(manifest: &Manifest, baseline: Option<&Baseline>, profile: &Profile, span: Span) -> Report {
    let layout = Layout::new(manifest);
    let counts = Counts { profile };
    let (predictions, sessions) = (counts.at(layout.predictions()), counts.at(layout.sessions()));
    let effect = design_effect(predictions, sessions);
    let mut report = Report {
        model: manifest.name.clone(),
        version: manifest.version.clone(),
        from: span.from,
        to: span.to,
        predictions,
        sessions,
        refused: counts.at(layout.refused()),
        loads: pages::loads(manifest, &layout, counts),
        latency: latency::stages(manifest, &layout, counts, effect),
        scores: scores(&layout, counts, baseline),
        actions: actions(manifest, &layout, counts),
        boundary: boundary::boundary(manifest, &layout, counts),
        drift: drift::features(manifest, &layout, counts, baseline, effect),
        fairness: fairness::groups(manifest, &layout, counts, effect),
        performance: performance::labelled(manifest, &layout, counts),
        business: business::metrics(manifest, profile),
        loss: losses(&layout, counts),
        verdict: Verdict::default(),
    };
    report.verdict = verdict::verdict(&report);
    report
}

/// The counters of a profile. A place that it does not have counts 0, so that a profile of another layout is wrong but
/// never a panic.
#[derive(Clone, Copy)]
pub(super) struct Counts<'a> {
    pub(super) profile: &'a Profile,
}

impl<'a> Counts<'a> {
    pub(super) fn at(self, place: usize) -> u64 {
        self.profile.counts.get(place).copied().unwrap_or(0)
    }

    pub(super) fn all(self, places: std::ops::Range<usize>) -> &'a [u64] {
        self.profile.counts.get(places).unwrap_or(&[])
    }
}

const SCORE_BARS: usize = 20;

fn scores(layout: &Layout, counts: Counts<'_>, baseline: Option<&Baseline>) -> Scores {
    let reference = baseline.map(|baseline| bars(&baseline.scores)).unwrap_or_default();
    let total: u64 = reference.iter().sum();
    Scores {
        edges: (0..=SCORE_BARS).map(|edge| edge as f64 / SCORE_BARS as f64).collect(),
        counts: bars(counts.all(layout.scores())),
        reference: reference.iter().filter_map(|&count| share(count, total)).collect(),
    }
}

/// The fine bins in [`SCORE_BARS`] coarse ones, each fine bin where its middle lies.
fn bars(fine: &[u64]) -> Vec<u64> {
    let mut bars = vec![0; SCORE_BARS];
    for (bin, count) in fine.iter().enumerate() {
        bars[(2 * bin + 1) * SCORE_BARS / (2 * fine.len())] += count;
    }
    bars
}

fn actions(manifest: &Manifest, layout: &Layout, counts: Counts<'_>) -> Vec<ActionShare> {
    let taken = counts.all(layout.actions());
    let total = taken.iter().sum();
    let names = manifest.actions();
    let entry = |(index, (name, &count)): (usize, (&&str, &u64))| ActionShare {
        action: (*name).to_owned(),
        count,
        share: share(count, total).unwrap_or(0.0),
        favourable: manifest.is_favourable(index),
    };
    names.iter().zip(taken).enumerate().map(entry).collect()
}

fn losses(layout: &Layout, counts: Counts<'_>) -> Vec<LossCount> {
    let reasons = LossReason::ALL.iter();
    let all =
        reasons.map(|&reason| LossCount { reason: reason.name().to_owned(), frames: counts.at(layout.loss(reason)) });
    all.filter(|loss| loss.frames > 0).collect()
}
