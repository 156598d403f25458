//! What a frame leaves out: what would tell of one person, and what would make it too large.

use super::checksum::mix;
use crate::profile::{Layout, LossReason, Moments, PageStage, Profile, Stage};

/// A frame of fewer predictions than this has no moments, and tells either of some of the features, with scores and
/// actions, or of the groups; and so few numbers of a feature have no moments in any frame.
pub const FEW: u64 = 5;

/// So many frames of a session leave out the same features: a page never tells the others by sending often, and a
/// server that runs for months does tell of each of them in the end.
const FRAMES_ALIKE: u64 = 256;

/// Stands where [`shuffled`] has a number of frames, which is never as high: what decides on the features of a session
/// does not decide whether it tells of features.
const SIDE: u64 = u64::MAX;

/// How many features a frame of fewer than [`FEW`] predictions may tell of, among so many: half of them, at least one.
pub fn features_of_few(features: usize) -> usize {
    (features / 2).max(1)
}

/// Whether the frames of fewer than [`FEW`] predictions of a session tell of the groups, and not of features: half of
/// all sessions do, where the manifest has groups. It is so for as long as the session lasts, since both together would
/// be one visitor's record with their group.
pub(super) fn tells_of_groups(layout: &Layout, session: u64) -> bool {
    layout.groups() > 0 && mix(session ^ mix(SIDE)) & 1 == 1
}

/// Takes out what would tell of one person.
pub(super) fn for_privacy(profile: &mut Profile, layout: &Layout, session: u64, sequence: u64) {
    let few = profile.counts.get(layout.predictions()).is_none_or(|&predictions| predictions < FEW);
    for (feature, moments) in profile.moments.iter_mut().enumerate() {
        *moments = if few { None } else { coarse(moments, layout, feature) }.unwrap_or_default();
    }
    if !few {
        return;
    }
    if tells_of_groups(layout, session) {
        (0..layout.features()).for_each(|feature| Part::Feature(feature).remove(profile, layout));
        Part::Decisions.remove(profile, layout);
        return;
    }
    let order = shuffled(layout.features(), session, sequence / FRAMES_ALIKE);
    for &feature in order.iter().skip(features_of_few(order.len())) {
        Part::Feature(feature).remove(profile, layout);
    }
    (0..layout.groups()).for_each(|group| Part::Group(group).remove(profile, layout));
}

/// Mean and standard deviation to half the width of the bin that the mean lies in: equal numbers, as those of a visitor
/// who asks again and again, are told hardly better than by their bin. Nothing for few numbers, or without bins.
fn coarse(moments: &Moments, layout: &Layout, feature: usize) -> Option<Moments> {
    let Moments { count, mean, .. } = *moments;
    let step = layout.bin_width(feature, mean).filter(|_| count >= FEW)? / 2.0;
    let deviation = (moments.standard_deviation()? / step).round() * step;
    let (mean, m2) = ((mean / step).round() * step, deviation * deviation * count as f64);
    Some(Moments::bounded(count, mean, m2))
}

/// What can be left out of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The moments of a feature.
    Moments(usize),
    /// All that is counted of a feature.
    Feature(usize),
    /// All that is counted of a group.
    Group(usize),
    /// The bins of the score, and the actions.
    Decisions,
    /// The times of a stage.
    Stage(Stage),
    /// Everything but page loads and losses.
    Predictions,
}

impl Part {
    /// The parts of a frame that would be too large, in the order in which they are left out: moments, then whole
    /// features, each in an order that is another one in each frame; then groups, and times; in the end everything that
    /// is no fixed number of bytes.
    pub(super) fn in_order(layout: &Layout, session: u64, sequence: u64) -> Vec<Self> {
        // Not the order of `for_privacy`, which must not depend on the frame.
        let order = shuffled(layout.features(), !session, sequence);
        let mut parts: Vec<Self> = order.iter().map(|&feature| Self::Moments(feature)).collect();
        parts.extend(order.iter().map(|&feature| Self::Feature(feature)));
        parts.extend((0..layout.groups()).map(Self::Group));
        parts.extend(Stage::ALL.iter().map(|&stage| Self::Stage(stage)));
        parts.push(Self::Predictions);
        parts
    }

    /// Takes the part out.
    pub(super) fn remove(self, profile: &mut Profile, layout: &Layout) {
        let moments = match self {
            Self::Moments(feature) | Self::Feature(feature) => profile.moments.get_mut(feature),
            _ => None,
        };
        if let Some(moments) = moments {
            *moments = Moments::default();
        }
        let mut clear = |places: std::ops::Range<usize>| {
            if let Some(counters) = profile.counts.get_mut(places) {
                counters.fill(0);
            }
        };
        match self {
            Self::Moments(_) => {}
            Self::Feature(feature) => {
                clear(layout.feature(feature));
                clear(layout.violations(feature));
            }
            Self::Group(group) => clear(layout.group_places(group)),
            Self::Decisions => {
                clear(layout.scores());
                clear(layout.actions());
            }
            Self::Stage(stage) => {
                clear(layout.stage(stage));
                if stage == Stage::Answer {
                    clear(layout.over_latency()..layout.over_latency() + 1);
                }
            }
            Self::Predictions => {
                let mut rest = Profile::new(layout);
                let pages = PageStage::ALL.iter().map(|&stage| layout.page(stage)).chain([layout.within_budget()]);
                for place in pages.chain(LossReason::ALL.iter().map(|&reason| layout.loss(reason))) {
                    rest.add(place, profile.counts.get(place).copied().unwrap_or(0));
                }
                *profile = rest;
            }
        }
    }
}

/// The numbers below `count` in an order that the two other numbers decide.
fn shuffled(count: usize, session: u64, number: u64) -> Vec<usize> {
    let seed = mix(session ^ mix(number.wrapping_add(1)));
    let mut order: Vec<usize> = (0..count).collect();
    let key = |index: usize| mix(seed ^ mix(index as u64 + 1));
    crate::stats::order(&mut order, |&a, &b| key(a) < key(b));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn told(session: u64, sequence: u64) -> BTreeSet<usize> {
        shuffled(11, session, sequence / FRAMES_ALIKE).into_iter().take(features_of_few(11)).collect()
    }

    #[test]
    fn a_session_tells_of_the_same_features_and_all_sessions_together_of_each() {
        let first = told(7, 0);
        assert_eq!(first.len(), 5);
        assert!((0..FRAMES_ALIKE).all(|sequence| told(7, sequence) == first));
        assert_ne!(told(7, FRAMES_ALIKE), first);
        let mut counts = [0; 11];
        for session in 0..2_200 {
            told(session, 0).into_iter().for_each(|feature| counts[feature] += 1);
        }
        // 1,000 are expected of each, with a standard deviation of 23.
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    /// Two numbers, and a group where it is asked for.
    fn layout(group: bool) -> Layout {
        let feature = |name: &str| {
            json!({ "name": name, "kind": "number", "unit": null, "range": null, "values": [], "missing": "median",
                    "note": null, "bins": [1.0], "example": 1.5 })
        };
        let groups = if group { json!([{ "name": "sex", "values": ["female", "male"] }]) } else { json!([]) };
        let manifest = json!({
            "format": 1, "name": "m", "version": "0a1b2c3d4e5f", "canvas_digest": "", "engine": "tract", "files": {},
            "task": { "kind": "classification", "target": "late", "classes": ["no", "yes"], "positive": "yes" },
            "inputs": [], "outputs": [], "roles": {}, "features": [feature("x"), feature("y")], "groups": groups,
            "bands": [], "favourable": [], "fallback": null, "explanation": null,
            "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
            "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": null }, "business_metrics": [],
        });
        Layout::new(&serde_json::from_value(manifest).unwrap())
    }

    #[test]
    fn half_of_the_sessions_tell_of_groups_whatever_features_the_others_tell_of() {
        let with_groups = layout(true);
        // By whether the session tells of groups, and by the feature that it would tell of.
        let mut counts = [[0; 2]; 2];
        for session in 0..4_000 {
            let feature = shuffled(2, session, 0)[0];
            counts[usize::from(tells_of_groups(&with_groups, session))][feature] += 1;
        }
        // 1,000 are expected of each, with a standard deviation of 27.
        assert!(counts.iter().flatten().all(|count| (890..1_110).contains(count)), "{counts:?}");
        assert!((0..100).all(|session| !tells_of_groups(&layout(false), session)), "there is nothing else to tell");
    }

    #[test]
    fn half_of_the_features_and_at_least_one() {
        assert_eq!([1, 2, 3, 4, 11, 300].map(features_of_few), [1, 1, 1, 2, 5, 150]);
    }
}
