//! Where each counter of a profile stands. Page and collector derive the same layout from the same manifest.

use super::latency::{BUCKETS, upper_edge};
use crate::bundle::Manifest;
use crate::features::Observation;
use crate::guard::ViolationRule;
use sha2::{Digest, Sha256};

/// The number of equal bins that scores of 0…1 are counted in.
pub const SCORE_BINS: usize = 256;

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$variant_doc])* $variant,)* }

        impl $type {
            /// All of them, in the order of the profile and of the wire.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that JSON uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The one with that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named! {
    /// The stages whose time is counted.
    Stage {
        /// Fetching the files of model and runtime.
        Download = "download",
        /// Compiling the runtime.
        Compile = "compile",
        /// Reading the model and making it ready.
        Load = "load",
        /// From the navigation, or the click, to the first answer of a page. Budget: `first_prediction_ms`.
        First = "first",
        /// One prediction as its caller sees it, with the way to a worker and back. Budget: `latency_p95_ms`.
        Answer = "answer",
        /// The model alone, within one prediction.
        Run = "run",
    }
}

named! {
    /// How far a page load came before it was left, answered, or failed.
    PageStage {
        /// The page was opened.
        Navigated = "navigated",
        /// The script of the SDK ran.
        Script = "script",
        /// The runtime was there.
        Runtime = "runtime",
        /// The model was there.
        Model = "model",
        /// The first prediction was made.
        Predicted = "predicted",
        /// Something failed for good.
        Failed = "failed",
    }
}

named! {
    /// Why a frame did not arrive, or not at once.
    LossReason {
        /// The collector refused it.
        Refused = "refused",
        /// It was given up; or a part of it, because the frame would have been too large.
        Dropped = "dropped",
        /// It was sent again.
        Retried = "retried",
        /// Something on the way blocks the collector.
        Blocked = "blocked",
        /// The visitor did not agree.
        Consent = "consent",
    }
}

/// The places of the counters for one manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    features: Vec<FeaturePlaces>,
    groups: Vec<GroupPlaces>,
    actions: usize,
    business: usize,
    len: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct FeaturePlaces {
    start: usize,
    /// Inner edges of a number's bins.
    edges: Vec<f64>,
    range: Option<[f64; 2]>,
    /// Regular bins: deciles, or categories. After them: missing, then below and above (numbers) or unseen.
    regular: usize,
    numeric: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct GroupPlaces {
    start: usize,
    /// The declared values; one more place is for anything else.
    values: usize,
}

// The fixed head of every layout. New places are only ever added behind what is there, with a new frame format.
const PREDICTIONS: usize = 0;
const SESSIONS: usize = 1;
const REFUSED: usize = 2;
const OUTSIDE: usize = 3;
const WITHIN_BUDGET: usize = 4;
const OVER_LATENCY: usize = 5;
const PAGES: usize = 8;
const LOSS: usize = 16;
const SCORES: usize = 24;
const OUTCOMES: usize = SCORES + SCORE_BINS;
const STAGES: usize = OUTCOMES + 2 * SCORE_BINS;
const UNKNOWN_FEATURE: usize = STAGES + 6 * BUCKETS;
const TAIL: usize = UNKNOWN_FEATURE + 1;

/// The places of one value of a group: predictions that were not favourable and that were; outcomes by label, and by
/// whether they were favourable.
const PER_VALUE: usize = 6;

impl Layout {
    /// The layout for a manifest.
    pub fn new(manifest: &Manifest) -> Self {
        let actions = manifest.actions().len();
        let mut next = TAIL + actions + manifest.features.len() * ViolationRule::OF_FEATURE.len();
        let mut features = Vec::with_capacity(manifest.features.len());
        for feature in &manifest.features {
            let numeric = feature.kind.is_numeric();
            let regular = if numeric { feature.bins.len() + 1 } else { feature.values.len() };
            let places =
                FeaturePlaces { start: next, edges: feature.bins.clone(), range: feature.range, regular, numeric };
            next += places.len();
            features.push(places);
        }
        let mut groups = Vec::with_capacity(manifest.groups.len());
        for group in &manifest.groups {
            let places = GroupPlaces { start: next, values: group.values.len() };
            next += places.len();
            groups.push(places);
        }
        Self { features, groups, actions, business: manifest.business_metrics.len(), len: next }
    }

    /// A number that differs where a place means something else. Manifest and kit decide on a layout together, so that
    /// another version of the kit may have another one for the same version of a model.
    pub fn digest(&self, manifest: &Manifest) -> u64 {
        let fixed = [
            [PREDICTIONS, SESSIONS, REFUSED, OUTSIDE, WITHIN_BUDGET, OVER_LATENCY, PAGES, LOSS],
            [SCORES, OUTCOMES, STAGES, UNKNOWN_FEATURE, TAIL, SCORE_BINS, BUCKETS, PER_VALUE],
        ];
        let mut numbers: Vec<u64> = fixed.concat().iter().map(|&place| place as u64).collect();
        numbers.extend((0..BUCKETS).map(|bucket| upper_edge(bucket).to_bits()));
        numbers.extend([self.len, self.actions, self.business, self.features.len()].map(|count| count as u64));
        for FeaturePlaces { start, edges, range, regular, numeric } in &self.features {
            numbers.extend([*start, edges.len(), *regular, usize::from(*numeric)].map(|number| number as u64));
            numbers.extend(edges.iter().chain(range.iter().flatten()).map(|edge| edge.to_bits()));
        }
        numbers.extend(self.groups.iter().flat_map(|group| [group.start as u64, group.values as u64]));
        let mut names: Vec<&str> = Stage::ALL.iter().map(|stage| stage.name()).collect();
        names.extend(PageStage::ALL.iter().map(|stage| stage.name()));
        names.extend(LossReason::ALL.iter().map(|reason| reason.name()));
        names.extend(ViolationRule::OF_FEATURE.map(ViolationRule::name));
        names.extend(manifest.actions());
        let mut hash = Sha256::new();
        numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
        hash.update(names.join("\n"));
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The number of counters.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no counters, which is never so.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.features.len()
    }

    /// The number of business metrics.
    pub fn business(&self) -> usize {
        self.business
    }

    /// Predictions that were answered.
    pub fn predictions(&self) -> usize {
        PREDICTIONS
    }

    /// Page sessions that made at least one prediction.
    pub fn sessions(&self) -> usize {
        SESSIONS
    }

    /// Records that were refused.
    pub fn refused(&self) -> usize {
        REFUSED
    }

    /// Predictions for records that were out of bounds.
    pub fn outside(&self) -> usize {
        OUTSIDE
    }

    /// Page loads whose first answer came within the budget.
    pub fn within_budget(&self) -> usize {
        WITHIN_BUDGET
    }

    /// Answers, as their callers saw them, that took longer than the latency budget.
    pub fn over_latency(&self) -> usize {
        OVER_LATENCY
    }

    /// Page loads that settled at a stage.
    pub fn page(&self, stage: PageStage) -> usize {
        PAGES + stage as usize
    }

    /// The counters that are no detail of any prediction: how many there were, page loads, and losses.
    pub fn totals(&self) -> std::ops::Range<usize> {
        0..SCORES
    }

    /// Frames that were lost, or late, for a reason.
    pub fn loss(&self, reason: LossReason) -> usize {
        LOSS + reason as usize
    }

    /// The bin of a score of 0…1.
    pub fn score(&self, score: f64) -> usize {
        SCORES + score_bin(score)
    }

    /// All bins of the score.
    pub fn scores(&self) -> std::ops::Range<usize> {
        SCORES..SCORES + SCORE_BINS
    }

    /// Outcomes by whether the label was the positive class, in the bins of the score.
    pub fn outcomes(&self, positive: bool) -> std::ops::Range<usize> {
        let start = OUTCOMES + usize::from(positive) * SCORE_BINS;
        start..start + SCORE_BINS
    }

    /// All buckets of a stage's time.
    pub fn stage(&self, stage: Stage) -> std::ops::Range<usize> {
        let start = STAGES + stage as usize * BUCKETS;
        start..start + BUCKETS
    }

    /// Names in records that no feature has.
    pub fn unknown_feature(&self) -> usize {
        UNKNOWN_FEATURE
    }

    /// An action, by its place in [`Manifest::actions`].
    pub fn action(&self, action: usize) -> usize {
        TAIL + action.min(self.actions.saturating_sub(1))
    }

    /// All actions.
    pub fn actions(&self) -> std::ops::Range<usize> {
        TAIL..TAIL + self.actions
    }

    /// A boundary of a feature that was crossed. [`ViolationRule::Unknown`] has one place for all names.
    pub fn violation(&self, feature: usize, rule: ViolationRule) -> usize {
        match ViolationRule::OF_FEATURE.iter().position(|&known| known == rule) {
            Some(place) => self.violations(feature).start + place,
            None => UNKNOWN_FEATURE,
        }
    }

    /// All boundaries of a feature, in the order of [`ViolationRule::OF_FEATURE`].
    pub fn violations(&self, feature: usize) -> std::ops::Range<usize> {
        let rules = ViolationRule::OF_FEATURE.len();
        let start = TAIL + self.actions + feature * rules;
        start..start + rules
    }

    /// All bins of a feature: the regular ones, then missing, then below and above, or unseen.
    pub fn feature(&self, feature: usize) -> std::ops::Range<usize> {
        let places = &self.features[feature];
        places.start..places.start + places.len()
    }

    /// The width of the regular bin that a number lies in. A bin that is open on one side is as wide as the one next to
    /// it, or, where that is open, too, as the declared range makes it. Nothing for categories, and where neither is
    /// known.
    pub fn bin_width(&self, feature: usize, number: f64) -> Option<f64> {
        let FeaturePlaces { edges, range, numeric, .. } = &self.features[feature];
        let bin = edges.partition_point(|&edge| edge <= number);
        let width = match (edges.len(), *range) {
            (0, Some([low, high])) => high - low,
            (1, Some([low, high])) => {
                if bin == 0 {
                    edges[0] - low
                } else {
                    high - edges[0]
                }
            }
            (0 | 1, None) => return None,
            (count, _) => {
                let closed = bin.clamp(1, count - 1);
                edges[closed] - edges[closed - 1]
            }
        };
        (*numeric && width > 0.0 && width.is_finite()).then_some(width)
    }

    /// How many of a feature's bins are regular: deciles, or categories. The next one counts missing values.
    pub fn regular_bins(&self, feature: usize) -> usize {
        self.features[feature].regular
    }

    /// The bin of an observation.
    pub fn observation(&self, feature: usize, observation: Observation) -> usize {
        let places = &self.features[feature];
        let bin = match observation {
            Observation::Number(number) => match places.range {
                Some([low, _]) if number < low => places.regular + 1,
                Some([_, high]) if number > high => places.regular + 2,
                _ => places.edges.partition_point(|&edge| edge <= number),
            },
            Observation::Category(index) if index < places.regular => index,
            Observation::Category(_) | Observation::Unseen => places.regular + 1,
            Observation::Missing | Observation::Invalid => places.regular,
        };
        places.start + bin
    }

    /// Predictions of a group's value that were decided favourably, or that were not: each prediction counts at one of
    /// the two places. A value of `None` is one not declared.
    pub fn group(&self, group: usize, value: Option<usize>, favourable: bool) -> usize {
        let places = &self.groups[group];
        places.start + value.unwrap_or(places.values).min(places.values) * PER_VALUE + usize::from(favourable)
    }

    /// Outcomes of a group's value by label and by whether the decision was favourable: each counts at one of four places.
    pub fn group_outcome(&self, group: usize, value: Option<usize>, positive: bool, favourable: bool) -> usize {
        self.group(group, value, false) + 2 + usize::from(positive) * 2 + usize::from(favourable)
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// All places of a group: predictions and outcomes, by value.
    pub fn group_places(&self, group: usize) -> std::ops::Range<usize> {
        let places = &self.groups[group];
        places.start..places.start + places.len()
    }

    /// The number of values of a group.
    pub fn group_values(&self, group: usize) -> usize {
        self.groups[group].values
    }
}

impl GroupPlaces {
    fn len(&self) -> usize {
        (self.values + 1) * PER_VALUE
    }
}

impl FeaturePlaces {
    fn len(&self) -> usize {
        self.regular + if self.numeric { 3 } else { 2 }
    }
}

/// The bin, of [`SCORE_BINS`], of a score of 0…1. Scores outside of it, and NaN, count at the nearer end.
pub fn score_bin(score: f64) -> usize {
    ((crate::stats::held(score, 0.0, 1.0) * SCORE_BINS as f64) as usize).min(SCORE_BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_meaning_of_a_place_is_another_digest() {
        let feature = |name: &str, bins: &[f64]| {
            serde_json::json!({ "name": name, "kind": "number", "unit": null, "range": null, "values": [], "note": null,
                                "missing": "median", "bins": bins, "example": 1.5 })
        };
        let manifest = serde_json::json!({
            "format": 1, "name": "m", "version": "0a1b2c3d4e5f", "canvas_digest": "", "engine": "tract", "files": {},
            "task": { "kind": "classification", "target": "late", "classes": ["no", "yes"], "positive": "yes" },
            "inputs": [], "outputs": [], "roles": {}, "features": [feature("x", &[1.0, 2.0]), feature("y", &[3.0])],
            "groups": [{ "name": "sex", "values": ["female", "male"] }], "favourable": ["ship"],
            "bands": [{ "at_least": 0.5, "action": "ship" }, { "at_least": 0.0, "action": "hold" }],
            "fallback": null, "explanation": null, "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": null },
            "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" }, "business_metrics": [],
        });
        let digest = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest: Manifest = serde_json::from_value(manifest.clone()).unwrap();
            change(&mut manifest);
            Layout::new(&manifest).digest(&manifest)
        };
        let first = digest(&|_| ());
        assert_eq!(first, digest(&|manifest| manifest.version = "ffffffffffff".into()));
        let changes: [&dyn Fn(&mut Manifest); 6] = [
            &|manifest| manifest.features[0].bins[0] = 1.5,
            &|manifest| manifest.features.swap(0, 1),
            &|manifest| manifest.features[1].range = Some([0.0, 9.0]),
            &|manifest| manifest.groups[0].values.truncate(1),
            &|manifest| manifest.bands[1].action = "decline".into(),
            &|manifest| manifest.bands.swap(0, 1),
        ];
        let mut all: Vec<u64> = changes.iter().map(|change| digest(change)).chain([first]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), changes.len() + 1);
    }

    #[test]
    fn a_bin_is_as_wide_as_its_edges_its_neighbour_or_the_range_say() {
        let places = |edges: &[f64], range| FeaturePlaces {
            start: 0,
            edges: edges.to_vec(),
            range,
            regular: edges.len() + 1,
            numeric: true,
        };
        let width = |edges: &[f64], range, number| {
            let features = vec![places(edges, range)];
            Layout { features, groups: vec![], actions: 0, business: 0, len: 0 }.bin_width(0, number)
        };
        let edges = [1.0, 3.0, 7.0];
        assert_eq!([0.0, 1.0, 3.0, 99.0].map(|number| width(&edges, None, number)), [2.0, 2.0, 4.0, 4.0].map(Some));
        assert_eq!([0.5, 4.0].map(|number| width(&[1.0], Some([0.0, 20.0]), number)), [Some(1.0), Some(19.0)]);
        assert_eq!([width(&[1.0], None, 0.5), width(&[], None, 0.5)], [None, None]);
        assert_eq!(width(&[], Some([0.0, 2.0]), 0.5), Some(2.0));
        assert_eq!(width(&[1.0, 1.0], None, 0.5), None);
    }
}
