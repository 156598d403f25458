use super::*;

fn biased(count: u64, rates: [f64; 2]) -> Report {
    let mut traffic = Traffic::new();
    traffic.like_reference(count, rates);
    traffic.sessions(count);
    traffic.report()
}

fn parity(min_count: u64) -> Rule {
    let mut rule = rule("demographic_parity_ratio");
    (rule.by, rule.alert_below, rule.min_count) = (Some("sex".into()), Some(0.8), Some(min_count));
    rule
}

#[test]
fn a_fairness_rule_fires_only_with_evidence() {
    let states = [
        (biased(1_000, [0.4, 0.7]), 200, RuleState::Firing),
        // Not enough in each group.
        (biased(1_000, [0.4, 0.7]), 501, RuleState::NotEnoughEvidence),
        // Below the limit, but the interval still includes it.
        (biased(200, [0.45, 0.6]), 30, RuleState::NotEnoughEvidence),
        (biased(4_000, [0.6, 0.6]), 200, RuleState::Ok),
    ];
    for (report, min_count, wanted) in states {
        let judged = metric(&report, &parity(min_count));
        assert_eq!(judged.len(), 1);
        assert_eq!(judged[0].state, wanted, "{judged:?}");
        assert_eq!(judged[0].by.as_deref(), Some("sex"));
        assert!(judged[0].value.is_some() && judged[0].words.ends_with('.'), "{judged:?}");
    }
    let mut other = parity(30);
    other.by = Some("age".into());
    assert!(metric(&biased(1_000, [0.4, 0.7]), &other).is_empty());
    let mut difference = rule("demographic_parity_difference");
    difference.alert = Some(0.2);
    assert_eq!(metric(&biased(1_000, [0.4, 0.7]), &difference)[0].state, RuleState::Firing);
    difference.alert = Some(0.5);
    assert_eq!(metric(&biased(1_000, [0.4, 0.7]), &difference)[0].state, RuleState::Ok);
    (difference.alert, difference.warn) = (Some(0.5), Some(0.2));
    assert_eq!(metric(&biased(1_000, [0.4, 0.7]), &difference)[0].state, RuleState::Warn);
}

#[test]
fn the_same_counts_from_fewer_visitors_are_less_evidence() {
    let state = |sessions: u64| {
        let mut traffic = Traffic::new();
        traffic.like_reference(300, [0.38, 0.65]);
        traffic.sessions(sessions);
        metric(&traffic.report(), &parity(100))[0].state
    };
    assert_eq!((state(300), state(60)), (RuleState::Firing, RuleState::NotEnoughEvidence));
}

#[test]
fn a_drift_rule_judges_each_feature() {
    let mut drifted = Traffic::new();
    drifted.like_reference(400, [0.6, 0.6]);
    for _ in 0..400 {
        drifted.predict(0.05, 0, true, 0);
    }
    drifted.sessions(800);
    let report = drifted.report();
    let mut all = rule("population_stability_index");
    (all.feature, all.warn, all.alert, all.min_count) = (Some("*".into()), Some(0.1), Some(0.25), Some(500));
    let judged = metric(&report, &all);
    let states: Vec<(&str, RuleState)> =
        judged.iter().map(|judged| (judged.feature.as_deref().unwrap(), judged.state)).collect();
    assert_eq!(states, [("income", RuleState::Firing), ("purpose", RuleState::Firing)]);
    assert_eq!(judged[0].words, "Income has drifted: PSI 1.08 where 0.1 is noise.");
    all.min_count = Some(801);
    assert!(metric(&report, &all).iter().all(|judged| judged.state == RuleState::NotEnoughEvidence));
    (all.min_count, all.feature) = (None, Some("income".into()));
    assert_eq!(metric(&report, &all).len(), 1);
    all.alert = Some(2.0);
    assert_eq!(metric(&report, &all)[0].state, RuleState::Warn);
    all.feature = Some("postcode".into());
    assert!(metric(&report, &all).is_empty());
    // With so little traffic, 0.25 is inside the noise.
    let few = biased(40, [0.6, 0.6]);
    all.feature = Some("*".into());
    all.alert = Some(0.25);
    assert_eq!(metric(&few, &all)[0].state, RuleState::NotEnoughEvidence);
}

#[test]
fn numbers_with_an_interval_need_their_near_end_beyond_the_limit() {
    let mut traffic = Traffic::new();
    traffic.like_reference(1_000, [0.6, 0.6]);
    traffic.sessions(1_000);
    traffic.times(Stage::Answer, 2.0, 940);
    traffic.times(Stage::Answer, 25.0, 60);
    traffic.pages(PageStage::Predicted, 95);
    traffic.pages(PageStage::Script, 5);
    traffic.profile.add(traffic.layout.within_budget(), 92);
    traffic.profile.add(traffic.layout.outside(), 200);
    traffic.outcomes(0.9, true, 60);
    traffic.outcomes(0.9, false, 40);
    let report = traffic.report();
    let state = |name: &str, alert: Option<f64>, below: Option<f64>| {
        let mut rule = rule(name);
        (rule.alert, rule.alert_below) = (alert, below);
        let judged = metric(&report, &rule);
        assert_eq!(judged.len(), 1, "{name}");
        judged[0].state
    };
    // 6 % take 25 ms, so the 95th percentile is 25 ms, but its interval reaches down to 2 ms.
    assert_eq!(state("latency_p95", Some(10.0), None), RuleState::NotEnoughEvidence);
    assert_eq!(state("latency_p95", Some(1.0), None), RuleState::Firing);
    assert_eq!(state("latency_p95", Some(40.0), None), RuleState::Ok);
    assert_eq!(state("share_within_budget", None, Some(0.9)), RuleState::Ok);
    assert_eq!(state("share_within_budget", None, Some(0.94)), RuleState::NotEnoughEvidence);
    assert_eq!(state("share_within_budget", None, Some(0.99)), RuleState::Firing);
    assert_eq!(state("share_outside", Some(0.1), None), RuleState::Firing);
    assert_eq!(state("share_refused", Some(0.1), None), RuleState::Ok);
    assert_eq!(state("selection_rate", None, Some(0.5)), RuleState::Ok);
    assert_eq!(state("selection_rate", None, Some(0.7)), RuleState::Firing);
    assert_eq!(state("precision", None, Some(0.75)), RuleState::Firing);
    assert_eq!(state("precision", None, Some(0.65)), RuleState::NotEnoughEvidence);
    assert_eq!(state("f1", None, Some(0.9)), RuleState::Firing);
    let mut by_sex = rule("selection_rate");
    (by_sex.by, by_sex.alert_below) = (Some("sex".into()), Some(0.7));
    let judged = metric(&report, &by_sex);
    let groups: Vec<&str> = judged.iter().filter_map(|judged| judged.group.as_deref()).collect();
    assert_eq!(groups, ["female", "male"]);
    assert!(judged.iter().all(|judged| judged.state == RuleState::Firing));
    assert!(metric(&report, &rule("no_such_metric")).is_empty());
    assert!(metric(&report, &rule("demographic_parity_quotient")).is_empty());
}

#[test]
fn nothing_counted_is_not_enough_evidence() {
    let report = Traffic::new().report();
    for name in ["population_stability_index", "latency_p95", "share_within_budget", "precision", "selection_rate"] {
        let mut rule = rule(name);
        (rule.alert, rule.alert_below) = (Some(0.0), Some(1.0));
        let judged = metric(&report, &rule);
        assert!(!judged.is_empty(), "{name}");
        assert!(judged.iter().all(|judged| judged.state == RuleState::NotEnoughEvidence), "{judged:?}");
    }
}

#[test]
fn every_metric_that_a_canvas_can_name_is_judged() {
    let mut traffic = Traffic::new();
    traffic.like_reference(100, [0.6, 0.6]);
    let report = traffic.report();
    for name in crate::canvas::LIVE_METRICS {
        let judged = metric(&report, &rule(name));
        assert!(!judged.is_empty() && judged.iter().all(|judged| judged.metric == name), "{name}");
    }
}
