//! What leaves in a window of counters, and what does not.

use super::withhold::tells_of_groups;
use super::*;
use crate::bundle::Manifest;
use crate::guard::ViolationRule;
use crate::profile::{Layout, LossReason, Moments, PageStage, Profile, SCORE_BINS, Stage, bucket_of};
use proptest::prelude::*;
use serde_json::json;

/// A model of so many numbers in deciles of 0…1, one category and one group.
fn manifest(numbers: usize) -> Manifest {
    let bins: Vec<f64> = (1..10).map(|edge| f64::from(edge) / 10.0).collect();
    let feature = |name: String, kind: &str| {
        let numeric = kind == "number";
        json!({ "name": name, "kind": kind, "unit": null, "range": null, "missing": "median", "note": null,
                "values": if numeric { json!([]) } else { json!(["car", "home", "other"]) },
                "bins": if numeric { json!(bins) } else { json!([]) }, "example": null })
    };
    let mut features: Vec<_> = (0..numbers).map(|index| feature(format!("x{index}"), "number")).collect();
    features.push(feature("purpose".into(), "category"));
    let manifest = json!({
        "format": 1, "name": "loan-approval", "version": "0a1b2c3d4e5f", "canvas_digest": "", "engine": "tract",
        "files": {}, "task": { "kind": "classification", "target": "repaid", "classes": ["no", "yes"], "positive": "yes" },
        "inputs": [], "outputs": [], "roles": {}, "features": features,
        "groups": [{ "name": "sex", "values": ["female", "male"] }],
        "bands": [{ "at_least": 0.5, "action": "accept" }, { "at_least": 0.0, "action": "decline" }],
        "favourable": ["accept"], "fallback": null, "explanation": null,
        "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
        "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": 10.0 },
        "business_metrics": [{ "name": "repaid_value", "unit": "EUR", "direction": "increase", "goal": 1.0 }],
    });
    serde_json::from_value(manifest).unwrap()
}

fn header(session: u64, sequence: u64) -> Header {
    let (name, version) = ("loan-approval".to_owned(), "0a1b2c3d4e5f".to_owned());
    Header { session, sequence, age_ms: 30_000, name, version }
}

/// Counts a prediction whose number `index` is `value(index)`.
fn count(profile: &mut Profile, layout: &Layout, value: impl Fn(usize) -> f64) {
    use crate::features::Observation::{Category, Number};
    profile.count(layout.predictions());
    for feature in 0..layout.features() - 1 {
        profile.count(layout.observation(feature, Number(value(feature))));
        profile.moments[feature].push(value(feature));
    }
    profile.count(layout.observation(layout.features() - 1, Category(1)));
    profile.count(layout.score(0.8));
    profile.count(layout.action(0));
    profile.count(layout.group(0, Some(1), true));
    profile.count(layout.stage(Stage::Answer).start + bucket_of(3.0));
}

fn read(bytes: &[u8], layout: &Layout) -> Profile {
    let Ok(Frame::Window(_, window)) = decode(bytes) else { panic!("a window") };
    window.profile(layout).unwrap()
}

fn sum(profile: &Profile, places: std::ops::Range<usize>) -> u64 {
    profile.counts[places].iter().sum()
}

/// The first session from `start` on whose small frames tell of groups, or of features.
fn session(layout: &Layout, start: u64, of_groups: bool) -> u64 {
    (start..).find(|&session| tells_of_groups(layout, session) == of_groups).unwrap()
}

/// The features that a profile tells of.
fn told(profile: &Profile, layout: &Layout) -> Vec<usize> {
    (0..layout.features()).filter(|&feature| sum(profile, layout.feature(feature)) > 0).collect()
}

#[test]
fn a_window_of_five_predictions_comes_back() {
    let layout = Layout::new(&manifest(2));
    let mut profile = Profile::new(&layout);
    for number in [0.21, 0.22, 0.41, 0.42, 0.64] {
        count(&mut profile, &layout, |_| number);
    }
    let bytes = header(1, 3).encode_window(&layout, &profile, 30_000);
    let Ok(Frame::Window(read, window)) = decode(&bytes) else { panic!("a window") };
    assert_eq!((read, window.duration_ms), (header(1, 3), 30_000));
    let got = window.profile(&layout).unwrap();
    assert_eq!(got.counts, profile.counts);
    // The mean is 0.38 and the standard deviation 0.158; bins are 0.1 wide.
    let Moments { count, mean, m2, .. } = got.moments[0];
    assert!(
        count == 5 && (mean - 0.4).abs() < 1e-12 && ((m2 / 5.0).sqrt() - 0.15).abs() < 1e-12,
        "{:?}",
        got.moments[0]
    );
    assert_eq!(got.moments[2], Moments::default());
}

#[test]
fn of_fewer_than_five_either_half_of_the_features_or_the_groups_are_told() {
    let layout = Layout::new(&manifest(10));
    for (predictions, of_groups) in (0..FEW).flat_map(|predictions| [(predictions, false), (predictions, true)]) {
        let mut profile = Profile::new(&layout);
        (0..predictions).for_each(|_| count(&mut profile, &layout, |feature| feature as f64 / 10.0));
        // As a record that was refused leaves it.
        profile.count(layout.refused());
        for feature in 0..layout.features() {
            profile.count(layout.violation(feature, ViolationRule::Type));
        }
        let session = session(&layout, 9, of_groups);
        let got = read(&header(session, 0).encode_window(&layout, &profile, 0), &layout);
        let features = told(&got, &layout);
        let violated = |feature: &usize| sum(&got, layout.violations(*feature)) > 0;
        let violated: Vec<usize> = (0..layout.features()).filter(violated).collect();
        assert_eq!(violated.len(), if of_groups { 0 } else { 5 });
        if predictions > 0 {
            assert_eq!(features, violated, "a crossed boundary tells of its feature");
        }
        let told = |wanted: bool| if wanted { predictions } else { 0 };
        assert_eq!(sum(&got, layout.scores()), told(!of_groups));
        assert_eq!(sum(&got, layout.actions()), told(!of_groups));
        assert_eq!(sum(&got, layout.group_places(0)), told(of_groups));
        assert_eq!(got.counts[layout.group(0, Some(1), true)], told(of_groups));
        assert!(got.moments.iter().all(|moments| moments.count == 0));
        assert_eq!((got.counts[layout.predictions()], got.counts[layout.refused()]), (predictions, 1));
        assert_eq!(sum(&got, layout.stage(Stage::Answer)), predictions);
    }
}

/// Two visitors of one group and one decision send the same bytes, whatever is in their records, and whatever the score
/// and the action came to.
#[test]
fn a_frame_that_tells_of_groups_has_nothing_of_the_record() {
    let layout = Layout::new(&manifest(10));
    let session = session(&layout, 5, true);
    let frame = |value: f64, place: usize| {
        let mut profile = Profile::new(&layout);
        count(&mut profile, &layout, |_| value);
        profile.counts[layout.scores()].fill(0);
        profile.counts[layout.actions()].fill(0);
        profile.count(place);
        header(session, 0).encode_window(&layout, &profile, 0)
    };
    assert_eq!(frame(0.1, layout.score(0.51)), frame(0.9, layout.score(0.99)));
    assert_eq!(frame(0.1, layout.action(0)), frame(0.5, layout.action(1)));
    assert_ne!(frame(0.1, layout.action(0)), frame(0.1, layout.group(0, Some(0), true)));
}

/// Two visitors who agree in the bins that are told send the same bytes, whatever else is in their records.
#[test]
fn what_is_not_told_changes_no_byte() {
    let layout = Layout::new(&manifest(10));
    let session = session(&layout, 5, false);
    let frame_of = |value: &dyn Fn(usize) -> f64, group: usize| {
        let mut profile = Profile::new(&layout);
        count(&mut profile, &layout, value);
        profile.counts[layout.group_places(0)].fill(0);
        profile.count(layout.group(0, Some(group), true));
        header(session, 0).encode_window(&layout, &profile, 0)
    };
    let frame = |value: &dyn Fn(usize) -> f64| frame_of(value, 1);
    assert_eq!(frame(&|_| 0.5), frame_of(&|_| 0.5, 0));
    let first = frame(&|feature| feature as f64 / 10.0 + 0.05);
    let told = told(&read(&first, &layout), &layout);
    let other = frame(&|feature| match told.contains(&feature) {
        true => feature as f64 / 10.0 + 0.031,
        false => 0.97 - feature as f64 / 10.0,
    });
    assert_eq!(first, other);
    assert_ne!(first, frame(&|feature| if feature == told[0] { 7.0 } else { feature as f64 / 10.0 + 0.05 }));
}

#[test]
fn frames_of_one_page_do_not_complete_each_other() {
    let layout = Layout::new(&manifest(10));
    let mut profile = Profile::new(&layout);
    count(&mut profile, &layout, |_| 0.5);
    let of = |session, sequence| {
        told(&read(&header(session, sequence).encode_window(&layout, &profile, 0), &layout), &layout)
    };
    let [first, other] = [3, 99].map(|start| session(&layout, start, false));
    assert!((0..100).all(|sequence| of(first, sequence) == of(first, 0)));
    assert_ne!(of(first, 0), of(other, 0));
    // Whether they tell of groups or of features is the same for good.
    for of_groups in [false, true] {
        let session = session(&layout, 3, of_groups);
        assert!((0..400).all(|half| of(session, half * 100).is_empty() == of_groups));
    }
}

/// Five times the same record has no spread, so an exact mean would be the record itself.
#[test]
fn five_times_the_same_record_is_told_in_bins_and_not_in_numbers() {
    let layout = Layout::new(&manifest(1));
    let frame = |number: f64| {
        let mut profile = Profile::new(&layout);
        (0..5).for_each(|_| count(&mut profile, &layout, |_| number));
        header(5, 0).encode_window(&layout, &profile, 0)
    };
    assert_eq!(frame(0.4321), frame(0.4499));
    let moments = read(&frame(0.4321), &layout).moments[0];
    assert_eq!((moments.count, moments.m2), (5, 0.0));
    assert!((moments.mean - 0.45).abs() < 1e-12);
}

#[test]
fn no_lowest_and_no_highest_number_leaves() {
    let layout = Layout::new(&manifest(1));
    let mut profile = Profile::new(&layout);
    let numbers = [0.11, 0.15, 0.35, 0.52, 0.55, 0.71, 77.77];
    numbers.iter().for_each(|&number| count(&mut profile, &layout, |_| number));
    let bytes = header(5, 0).encode_window(&layout, &profile, 0);
    for number in numbers {
        assert!(!bytes.windows(8).any(|window| window == number.to_le_bytes()), "{number} is in the frame");
    }
    let moments = read(&bytes, &layout).moments[0];
    assert!(moments.min <= 0.11 && moments.max >= 77.0 && moments.max != 77.77, "{moments:?}");
}

/// Two hundred predictions of so many numbers, spread over all bins.
fn busy(numbers: usize) -> (Layout, Profile) {
    let layout = Layout::new(&manifest(numbers));
    let mut profile = Profile::new(&layout);
    for prediction in 0..200 {
        count(&mut profile, &layout, |feature| ((prediction * 7 + feature * 3) % 100) as f64 / 100.0);
    }
    (layout, profile)
}

#[test]
fn a_frame_of_300_numbers_fits_and_says_that_a_part_of_it_was_dropped() {
    // Moments go first, each on its own; then whole features. Nothing goes where all of it fits.
    for (numbers, moments, features, dropped) in
        [(100, 100..101, 101..102, 0), (300, 1..300, 301..302, 1), (500, 0..1, 250..501, 1)]
    {
        let (layout, profile) = busy(numbers);
        let bytes = header(11, 0).encode_window(&layout, &profile, 30_000);
        assert!(bytes.len() <= MAX_FRAME_BYTES, "{numbers}: {} bytes", bytes.len());
        assert!(dropped == 0 || bytes.len() > MAX_FRAME_BYTES - 50, "{numbers}: {} bytes", bytes.len());
        let got = read(&bytes, &layout);
        assert_eq!(got.counts[layout.loss(LossReason::Dropped)], dropped);
        let kept = got.moments.iter().filter(|moments| moments.count > 0).count();
        assert!(moments.contains(&kept), "{numbers}: {kept} moments");
        let told = told(&got, &layout);
        assert!(features.contains(&told.len()), "{numbers}: {} features", told.len());
        for &feature in &told {
            assert_eq!(sum(&got, layout.feature(feature)), 200, "a feature goes whole or not at all");
        }
        for places in [layout.scores(), layout.actions(), layout.group_places(0), layout.stage(Stage::Answer)] {
            assert_eq!(sum(&got, places), 200);
        }
    }
}

#[test]
fn the_next_frame_leaves_out_other_features() {
    let (layout, profile) = busy(500);
    let of = |sequence| told(&read(&header(11, sequence).encode_window(&layout, &profile, 0), &layout), &layout);
    assert_ne!(of(0), of(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_frame_is_larger_than_it_may_be(seed in any::<u64>(), share in 0.0..1.0f64, high in any::<bool>()) {
        let mut manifest = manifest(40);
        manifest.name = "é".repeat(200);
        let layout = Layout::new(&manifest);
        let mut profile = Profile::new(&layout);
        let mut state = seed;
        for counter in &mut profile.counts {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            if (mix(state) >> 11) as f64 / (1u64 << 53) as f64 <= share {
                *counter = if high { mix(state) } else { 1 + mix(state) % 1_000 };
            }
        }
        profile.moments[0] = Moments { count: u64::MAX, mean: 1e300, m2: 1e300, min: 0.0, max: 1e300 };
        profile.business[0].push(3.0);
        let bytes = Header { name: manifest.name, ..header(seed, 9) }.encode_window(&layout, &profile, u64::MAX);
        prop_assert!(bytes.len() <= MAX_FRAME_BYTES, "{} bytes", bytes.len());
        prop_assert!(decode(&bytes).is_ok());
    }
}

#[test]
fn what_is_left_in_the_end_are_page_loads_and_losses() {
    let layout = Layout::new(&manifest(1));
    let mut profile = Profile::new(&layout);
    profile.counts.fill(u64::MAX);
    let got = read(&header(1, 0).encode_window(&layout, &profile, 0), &layout);
    assert_eq!(got.counts[layout.predictions()], 0);
    assert_eq!(sum(&got, layout.scores().start..layout.scores().start + SCORE_BINS), 0);
    assert!(got.counts[layout.page(PageStage::Navigated)] > 0 && got.counts[layout.loss(LossReason::Refused)] > 0);
}
