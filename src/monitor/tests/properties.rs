use super::*;
use crate::stats::psi;
use proptest::prelude::*;
use serde_json::Value as Json;

/// Equal but for the last digits, which the order of floating-point sums decides.
fn close(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| close(value, other)))
        }
        _ => a == b,
    }
}

fn window() -> impl Strategy<Value = Profile> {
    let layout = Layout::new(&manifest());
    let counts = proptest::collection::vec((0..layout.len(), 0u64..200), 0..200);
    let numbers = proptest::collection::vec(-100.0..100.0f64, 0..20);
    (counts, numbers).prop_map(move |(counts, numbers)| {
        let mut profile = Profile::new(&layout);
        for (place, count) in counts {
            profile.add(place, count);
        }
        for number in numbers {
            profile.moments[0].push(number);
            profile.business[0].push(number * 2.0);
        }
        profile
    })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    (0u64..150, 0.0..=1.0f64, 0.0..=1.0f64, 1u64..150).prop_map(|(count, first, second, sessions)| {
        let mut traffic = Traffic::new();
        traffic.like_reference(count, [first, second]);
        traffic.sessions(sessions.min(count));
        traffic
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_merging_does_not_change_a_report(windows in proptest::collection::vec(window(), 1..6)) {
        let merged = |order: &mut dyn Iterator<Item = &Profile>| {
            let mut all = Profile::new(&Layout::new(&manifest()));
            order.for_each(|window| all.merge(window));
            let report = report(&manifest(), Some(&baseline()), &all, Span::default());
            serde_json::to_value(report).unwrap()
        };
        let (forward, backward) = (merged(&mut windows.iter()), merged(&mut windows.iter().rev()));
        prop_assert!(close(&forward, &backward), "{forward}\n{backward}");
    }

    #[test]
    fn any_counters_give_a_report_of_finite_numbers(profile in window()) {
        let report = report(&manifest(), Some(&baseline()), &profile, Span::default());
        // What is not finite becomes null in JSON, and then a number would be missing.
        let text = serde_json::to_string(&report).unwrap();
        prop_assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }

    #[test]
    fn equal_distributions_have_no_psi(counts in proptest::collection::vec(0u64..1_000, 1..20), times in 1u64..50) {
        prop_assume!(counts.iter().any(|&count| count > 0));
        let more: Vec<u64> = counts.iter().map(|count| count * times).collect();
        prop_assert!(psi(&counts, &more).unwrap().abs() < 1e-12);
    }

    #[test]
    fn nothing_passes_below_its_minimum_count(traffic in traffic(), min_count in 0u64..200) {
        let report = traffic.report();
        for entry in &report.fairness {
            if entry.by.iter().any(|rate| rate.count < 30) {
                prop_assert_ne!(entry.state, FairnessState::Pass);
            }
            if entry.by.iter().all(|rate| rate.count < 30) {
                prop_assert_eq!(entry.state, FairnessState::NotEnoughEvidence);
            }
        }
        for drift in &report.drift {
            if drift.needed.is_none_or(|needed| drift.count < needed) {
                prop_assert_ne!(drift.state, DriftState::Ok);
            }
        }
        for name in ["population_stability_index", "demographic_parity_ratio", "selection_rate", "share_outside"] {
            let mut rule = rule(name);
            (rule.alert, rule.min_count) = (Some(0.5), Some(min_count));
            for judged in metric(&report, &rule) {
                let in_groups = report.fairness[0].by.iter().map(|rate| rate.count).min().unwrap();
                let counted = if name == "demographic_parity_ratio" { in_groups } else { report.predictions };
                if counted < min_count {
                    prop_assert_ne!(judged.state, RuleState::Ok);
                }
            }
        }
    }

    #[test]
    fn an_interval_holds_its_value(traffic in traffic()) {
        for entry in traffic.report().fairness {
            if let (Some(value), Some(low), Some(high)) = (entry.value, entry.low, entry.high) {
                prop_assert!(low <= value + 1e-12 && value <= high + 1e-12, "{entry:?}");
            }
        }
    }
}
