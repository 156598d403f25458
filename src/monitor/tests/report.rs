use super::*;
use crate::guard::ViolationRule;
use crate::profile::{LossReason, Moments};
use serde_json::{Value as Json, json};

#[test]
fn a_profile_that_saw_nothing_says_so() {
    let traffic = Traffic::new();
    for baseline in [None, Some(&baseline())] {
        let report = report(&traffic.manifest, baseline, &traffic.profile, Span::default());
        assert_eq!(report.verdict.state, VerdictState::Unknown);
        assert_eq!(report.loads.share, None);
        assert!(report.latency.is_empty() && report.performance.metrics.is_empty());
        assert!(report.drift.iter().all(|drift| drift.state == DriftState::NotEnoughEvidence && drift.psi.is_none()));
        assert!(report.fairness.iter().all(|entry| entry.state == FairnessState::NotEnoughEvidence));
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}

#[test]
fn traffic_like_the_reference_is_good() {
    let mut traffic = Traffic::new();
    traffic.like_reference(2_000, [0.6, 0.6]);
    traffic.sessions(2_000);
    let report = traffic.report();
    assert_eq!((report.predictions, report.sessions), (2_000, 2_000));
    for drift in &report.drift {
        assert_eq!((drift.state, drift.threshold, drift.count), (DriftState::Ok, 0.1, 2_000), "{drift:?}");
        assert!(drift.psi.unwrap() < 1e-12);
    }
    assert!((report.drift[0].mean.unwrap() - 0.5).abs() < 1e-9);
    assert_eq!(report.drift[0].bins.len(), 13);
    assert_eq!(report.drift[0].bins[0].label, "< 0.1");
    assert_eq!(report.drift[0].bins[4].label, "0.4 – 0.5");
    let labels: Vec<&str> = report.drift[1].bins.iter().map(|bin| bin.label.as_str()).collect();
    assert_eq!(labels, ["car", "home", "other", "missing", "unseen"]);
    let ratio = &report.fairness[0];
    assert_eq!((ratio.metric.as_str(), ratio.state), ("demographic_parity_ratio", FairnessState::Pass), "{ratio:?}");
    assert!((ratio.value.unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(report.verdict.state, VerdictState::Good);
    assert_eq!(report.verdict.words, ["Nothing stands out in 2,000 predictions."]);
    let actions: Vec<(&str, u64, bool)> =
        report.actions.iter().map(|action| (action.action.as_str(), action.count, action.favourable)).collect();
    assert_eq!(actions, [("accept", 1_200, true), ("review", 800, false), ("decline", 0, false)]);
    assert_eq!((report.scores.counts[10], report.scores.counts[16]), (800, 1_200));
    assert_eq!((report.scores.edges.len(), report.scores.counts.len(), report.scores.reference.len()), (21, 20, 20));
    assert!((report.scores.reference.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn a_shift_alarms_in_words() {
    let mut traffic = Traffic::new();
    traffic.like_reference(400, [0.6, 0.6]);
    for _ in 0..200 {
        traffic.predict(0.05, 0, true, 0);
        traffic.predict(0.05, 0, true, 1);
    }
    traffic.sessions(800);
    let report = traffic.report();
    let income = &report.drift[0];
    assert_eq!(income.state, DriftState::Alarm);
    // numpy 2.4.6: shares of 0.55 and nine times 0.05 against ten times 0.1
    assert!((income.psi.unwrap() - 1.0790528727592668).abs() < 1e-9, "{:?}", income.psi);
    assert_eq!(report.verdict.state, VerdictState::Bad);
    assert_eq!(report.verdict.words[0], "Income has drifted: PSI 1.08 where 0.1 is noise.");
}

#[test]
fn a_few_values_are_not_enough_evidence_and_one_visitor_is_not_many() {
    let mut traffic = Traffic::new();
    traffic.like_reference(40, [0.6, 0.6]);
    traffic.sessions(40);
    let report = traffic.report();
    assert_eq!(report.drift[0].state, DriftState::NotEnoughEvidence);
    // The least n with (1/n + 1/5000)·chi2.ppf(.99, 9) ≤ 0.25, scipy 1.17.1
    assert_eq!(report.drift[0].needed, Some(89));
    let mut visitor = Traffic::new();
    visitor.like_reference(200, [0.6, 0.6]);
    visitor.sessions(20);
    let (many, one) = (report, visitor.report());
    assert!(one.drift[0].needed.unwrap() > 3 * many.drift[0].needed.unwrap());
    assert_eq!(one.drift[0].state, DriftState::NotEnoughEvidence);
}

#[test]
fn missing_values_and_values_out_of_range_are_drift() {
    let mut traffic = Traffic::new();
    traffic.like_reference(500, [0.6, 0.6]);
    for observation in [Observation::Missing, Observation::Number(5.0)] {
        let place = traffic.layout.observation(0, observation);
        traffic.profile.add(place, 100);
    }
    traffic.sessions(700);
    let report = traffic.report();
    assert_eq!(report.drift[0].state, DriftState::Alarm, "{:?}", report.drift[0]);
    assert!((report.drift[0].missing_share.unwrap() - 1.0 / 7.0).abs() < 1e-12);
    assert_eq!(report.drift[0].reference_missing_share, Some(0.0));
}

#[test]
fn bias_fails_with_its_interval() {
    let mut traffic = Traffic::new();
    traffic.like_reference(1_000, [0.4, 0.7]);
    traffic.sessions(1_000);
    let report = traffic.report();
    let (ratio, difference) = (&report.fairness[0], &report.fairness[1]);
    assert_eq!((ratio.state, difference.state), (FairnessState::Fail, FairnessState::Fail));
    assert_eq!((ratio.by[0].count, ratio.by[0].selected, ratio.by[1].selected), (500, 200, 350));
    // scipy 1.17.1, relative_risk(200, 500, 350, 500); statsmodels 0.15.0, newcomb
    let near = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-9;
    assert!(near(ratio.value, 4.0 / 7.0) && near(ratio.low, RATIO.0) && near(ratio.high, RATIO.1), "{ratio:?}");
    assert!(near(difference.low, DIFFERENCE.0) && near(difference.high, DIFFERENCE.1), "{difference:?}");
    assert_eq!(report.verdict.state, VerdictState::Bad);
    assert!(
        ratio.words.starts_with("Sex: demographic parity of female is 0.571 times that of male ("),
        "{}",
        ratio.words
    );
    assert!(report.verdict.words.contains(&ratio.words));
}

const RATIO: (f64, f64) = (0.5059380156919014, 0.6453964756895118);
const DIFFERENCE: (f64, f64) = (0.2397992876898517, 0.3570035680132614);

#[test]
fn the_fairness_metrics_are_those_of_fairlearn() {
    let mut traffic = Traffic::new();
    traffic.manifest.groups[0].values = ["a", "b", "c"].map(String::from).to_vec();
    traffic.layout = Layout::new(&traffic.manifest);
    traffic.profile = Profile::new(&traffic.layout);
    // The data of the golden file's generator, counted with numpy 2.4.6: favourable among positive and negative labels.
    for (group, [(tp, p), (fp, n)]) in
        [[(899, 1_209), (305, 1_227)], [(326, 467), (155, 719)], [(66, 109), (35, 269)]].into_iter().enumerate()
    {
        let layout = &traffic.layout;
        for (place, count) in [
            (layout.group(0, Some(group), false), p + n - tp - fp),
            (layout.group(0, Some(group), true), tp + fp),
            (layout.group_outcome(0, Some(group), true, true), tp),
            (layout.group_outcome(0, Some(group), true, false), p - tp),
            (layout.group_outcome(0, Some(group), false, true), fp),
            (layout.group_outcome(0, Some(group), false, false), n - fp),
            (layout.predictions(), p + n),
            (layout.sessions(), p + n),
        ] {
            traffic.profile.add(place, count);
        }
    }
    let report = traffic.report();
    // fairlearn as pinned beside the golden file
    for (metric, wanted) in [
        ("demographic_parity_difference", 0.2270571063674512),
        ("demographic_parity_ratio", 0.5406053894425987),
        ("equal_opportunity_difference", 0.13808515643378028),
        ("equal_opportunity_ratio", 0.8142992723821576),
        ("equalized_odds_difference", 0.13808515643378028),
        ("equalized_odds_ratio", 0.5234322627826193),
    ] {
        let entry = report.fairness.iter().find(|entry| entry.metric == metric).unwrap();
        assert!((entry.value.unwrap() - wanted).abs() < 1e-12, "{metric}: {:?}", entry.value);
    }
    let Some(golden) = crate::stats::golden::read("golden2.json") else { return };
    for entry in &report.fairness {
        let wanted = golden[&entry.metric].as_f64().unwrap();
        assert!((entry.value.unwrap() - wanted).abs() < 1e-12, "{}", entry.metric);
    }
}

#[test]
fn too_small_a_group_is_never_judged() {
    let mut traffic = Traffic::new();
    traffic.like_reference(58, [0.1, 0.9]);
    traffic.sessions(58);
    let report = traffic.report();
    assert_eq!(report.fairness[0].state, FairnessState::NotEnoughEvidence);
    assert!(report.fairness[0].value.is_some());
    assert!(report.fairness[0].words.contains("29 of 30 cases"), "{}", report.fairness[0].words);
    // Enough cases, but hardly anybody accepted.
    let mut few = Traffic::new();
    few.like_reference(200, [0.0, 0.05]);
    few.sessions(200);
    assert_eq!(few.report().fairness[0].state, FairnessState::NotEnoughEvidence);
    // Nobody of one group, many of the other: that is evidence.
    let mut none = Traffic::new();
    none.like_reference(200, [0.0, 0.5]);
    none.sessions(200);
    let report = none.report();
    assert_eq!((report.fairness[0].state, report.fairness[0].value), (FairnessState::Fail, Some(0.0)));
}

#[test]
fn leavers_are_in_the_denominator() {
    let mut traffic = Traffic::new();
    traffic.pages(PageStage::Predicted, 60);
    traffic.pages(PageStage::Script, 30);
    traffic.pages(PageStage::Failed, 10);
    traffic.profile.add(traffic.layout.within_budget(), 50);
    let report = traffic.report();
    assert_eq!((report.loads.total, report.loads.answered, report.loads.within_budget), (100, 60, 50));
    let share = report.loads.share.unwrap();
    // statsmodels 0.15.0, proportion_confint(50, 100, method="wilson")
    assert!((share.value - 0.5).abs() < 1e-12 && (share.low - 0.4038315303659956).abs() < 1e-9, "{share:?}");
    assert_eq!(report.verdict.state, VerdictState::Warn);
    assert_eq!(report.verdict.words[0], "Only 50 % of page loads are answered within 3 s.");
}

#[test]
fn times_are_held_against_their_budget() {
    let mut traffic = Traffic::new();
    traffic.like_reference(1_000, [0.6, 0.6]);
    traffic.sessions(1_000);
    traffic.times(Stage::First, 900.0, 90);
    traffic.times(Stage::First, 4_000.0, 10);
    traffic.times(Stage::Answer, 2.0, 850);
    traffic.times(Stage::Answer, 25.0, 150);
    traffic.times(Stage::Run, 25.0, 1_000);
    let report = traffic.report();
    let stages: Vec<&str> = report.latency.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(stages, ["first", "answer", "run"]);
    let [first, answer, run] = report.latency.as_slice() else { panic!("{:?}", report.latency) };
    assert_eq!((first.budget_ms, first.over_budget_share), (Some(3_000.0), Some(0.1)));
    assert_eq!(first.state, Some(BudgetState::Over));
    assert!((2.0..2.1).contains(&answer.p50) && (25.0..26.0).contains(&answer.p95), "{answer:?}");
    assert_eq!((answer.over_budget_share, answer.budget_ms), (Some(0.15), Some(10.0)));
    assert!(answer.is_over_budget());
    assert_eq!((run.budget_ms, run.over_budget_share, run.state), (None, None, None));
    let late: Vec<&String> = report.verdict.words.iter().filter(|words| words.starts_with("The 95th")).collect();
    assert!(late.len() == 1 && late[0].ends_with("over its budget of 10 ms."), "{late:?}");
}

#[test]
fn a_few_slow_answers_are_no_verdict() {
    let judged = |slow: u64, fast: u64| {
        let mut traffic = Traffic::new();
        traffic.profile.add(traffic.layout.predictions(), slow + fast);
        traffic.sessions(slow + fast);
        traffic.times(Stage::Answer, 25.0, slow);
        traffic.times(Stage::Answer, 2.0, fast);
        let report = traffic.report();
        (report.latency[0].state.unwrap(), report.verdict.state)
    };
    assert_eq!(judged(1, 0), (BudgetState::NotEnoughEvidence, VerdictState::Good));
    assert_eq!(judged(29, 0), (BudgetState::NotEnoughEvidence, VerdictState::Good));
    assert_eq!(judged(30, 0), (BudgetState::Over, VerdictState::Warn));
    // 6 % are slow, so the 95th percentile is, but its interval reaches down to what is fast.
    assert_eq!(judged(60, 940), (BudgetState::NotEnoughEvidence, VerdictState::Good));
    assert_eq!(judged(5, 995), (BudgetState::Within, VerdictState::Good));
}

#[test]
fn labels_give_the_metrics_with_their_intervals() {
    let mut traffic = Traffic::new();
    for (score, positive, count) in [(0.9, true, 80), (0.9, false, 20), (0.2, true, 10), (0.2, false, 90)] {
        traffic.outcomes(score, positive, count);
    }
    let performance = traffic.report().performance;
    assert_eq!(performance.labelled, 200);
    let value = |name: &str| performance.metrics.iter().find(|metric| metric.metric == name).unwrap();
    assert!((value("accuracy").value - 0.85).abs() < 1e-12);
    assert!((value("precision").value - 0.8).abs() < 1e-12 && value("precision").count == 100);
    assert!((value("recall").value - 80.0 / 90.0).abs() < 1e-12 && value("recall").count == 90);
    // (80·(90 + 20/2) + 10·90/2) / (90·110)
    assert!((value("roc_auc").value - 8_450.0 / 9_900.0).abs() < 1e-12);
    for name in ["accuracy", "precision", "recall", "roc_auc", "brier"] {
        let metric = value(name);
        assert!(metric.low.unwrap() < metric.value && metric.value < metric.high.unwrap(), "{metric:?}");
    }
    assert_eq!(value("log_loss").low, None);
    assert!((value("expected_calibration_error").value - 0.1).abs() < 0.01);
}

/// The bands decide, not a half: `accept` from 0.75 on, so a score of 0.6 is not treated as positive.
#[test]
fn what_is_treated_as_positive_follows_the_bands_as_in_the_evaluation() {
    let shares = |favourable: &[&str]| {
        let mut traffic = Traffic::new();
        traffic.manifest.favourable = favourable.iter().map(|&action| action.to_owned()).collect();
        for (score, positive, count) in
            [(0.9, true, 40), (0.9, false, 10), (0.6, true, 20), (0.6, false, 30), (0.2, true, 5), (0.2, false, 95)]
        {
            traffic.outcomes(score, positive, count);
        }
        let metrics = traffic.report().performance.metrics;
        let of = |name: &str| metrics.iter().find(|metric| metric.metric == name).unwrap();
        ["precision", "recall", "accuracy"].map(|name| (of(name).value, of(name).count))
    };
    assert_eq!(shares(&["accept"]), [(0.8, 50), (40.0 / 65.0, 65), (165.0 / 200.0, 200)]);
    assert_eq!(shares(&["accept", "review"]), [(0.6, 100), (60.0 / 65.0, 65), (155.0 / 200.0, 200)]);
    // A low score is hoped for: whoever is not declined is treated as positive, as where "accept" and "review" are it.
    assert_eq!(shares(&["decline"]), shares(&["accept", "review"]));
    assert_eq!(shares(&["decline", "review"]), shares(&["accept"]));
}

/// With a fraud score, those without fraud deserve the favourable decision.
#[test]
fn equal_opportunity_is_among_those_with_the_label_that_is_hoped_for() {
    let mut traffic = Traffic::new();
    traffic.manifest.favourable = vec!["decline".into()];
    let layout = &traffic.layout;
    for (sex, positive, favourable, count) in [
        (0, false, true, 90),
        (0, false, false, 10),
        (1, false, true, 60),
        (1, false, false, 40),
        (0, true, true, 5),
        (0, true, false, 45),
        (1, true, true, 10),
        (1, true, false, 40),
    ] {
        traffic.profile.add(layout.group_outcome(0, Some(sex), positive, favourable), count);
    }
    let report = traffic.report();
    let of = |name: &str| report.fairness.iter().find(|entry| entry.metric == name).unwrap();
    let (opportunity, odds) = (of("equal_opportunity_ratio"), of("equalized_odds_difference"));
    assert!((opportunity.value.unwrap() - 60.0 / 90.0).abs() < 1e-12, "{opportunity:?}");
    assert_eq!((opportunity.by[0].count, opportunity.by[1].count), (100, 100));
    assert_eq!((odds.by[0].count, odds.by[0].selected), (50, 5));
}

/// Half of the records told of income; one in four of those was above the range, whatever the other half was.
#[test]
fn a_boundary_is_judged_by_the_records_that_told_of_its_feature() {
    let mut traffic = Traffic::new();
    traffic.like_reference(100, [0.6, 0.6]);
    traffic.sessions(200);
    traffic.profile.add(traffic.layout.predictions(), 100);
    traffic.profile.add(traffic.layout.violation(0, ViolationRule::Above), 25);
    let report = traffic.report();
    assert_eq!((report.predictions, report.drift[0].count), (200, 100));
    assert!((report.boundary.rules[0].share - 0.25).abs() < 1e-12, "{:?}", report.boundary.rules);
}

#[test]
fn boundaries_business_and_losses_are_told() {
    let mut traffic = Traffic::new();
    traffic.like_reference(200, [0.6, 0.6]);
    traffic.sessions(200);
    let layout = traffic.layout.clone();
    traffic.profile.add(layout.outside(), 40);
    traffic.profile.add(layout.refused(), 4);
    traffic.profile.add(layout.violation(0, ViolationRule::Above), 40);
    traffic.profile.add(layout.unknown_feature(), 4);
    traffic.profile.add(layout.loss(LossReason::Dropped), 3);
    traffic.profile.business[0] = Moments { count: 100, mean: 80.0, m2: 9_900.0, min: 0.0, max: 130.0 };
    let report = traffic.report();
    assert_eq!((report.boundary.inside, report.boundary.outside, report.refused), (160, 40, 4));
    let rules: Vec<(&str, &str, u64)> =
        report.boundary.rules.iter().map(|rule| (rule.feature.as_str(), rule.rule.as_str(), rule.count)).collect();
    assert_eq!(rules, [("income", "above", 40), ("*", "unknown", 4)]);
    assert!((report.boundary.rules[0].share - 40.0 / 204.0).abs() < 1e-12);
    assert_eq!(report.loss, [LossCount { reason: "dropped".into(), frames: 3 }]);
    let business = &report.business[0];
    assert_eq!((business.count, business.sum, business.mean), (100, 8_000.0, 80.0));
    assert!((business.high.unwrap() - 81.95996398454005).abs() < 1e-9, "{business:?}");
    assert!(business.misses_goal());
    assert_eq!(
        report.verdict.words[0],
        "20 % of predictions are for records out of bounds, most often income (above)."
    );
    assert_eq!(report.verdict.words[1], "Repaid value is 80 where 100 is aimed at.");
}

#[test]
fn the_json_has_the_promised_keys() {
    let mut traffic = Traffic::new();
    traffic.like_reference(100, [0.6, 0.6]);
    traffic.times(Stage::Answer, 1.0, 100);
    traffic.pages(PageStage::Predicted, 1);
    traffic.outcomes(0.8, true, 1);
    traffic.profile.count(traffic.layout.unknown_feature());
    traffic.profile.count(traffic.layout.loss(LossReason::Retried));
    let json = serde_json::to_value(traffic.report()).unwrap();
    let has = |json: &Json, keys: &[&str]| {
        let known = json.as_object().unwrap();
        for key in keys {
            assert!(known.contains_key(*key), "{key} is not in {json}");
        }
    };
    has(&json, &["model", "version", "from", "to", "predictions", "sessions", "refused", "loads", "latency", "scores"]);
    has(&json, &["actions", "boundary", "drift", "fairness", "performance", "business", "loss", "verdict"]);
    has(&json["loads"], &["total", "answered", "within_budget", "budget_ms", "share", "by_stage"]);
    has(&json["loads"]["share"], &["value", "low", "high", "count"]);
    has(&json["loads"]["by_stage"][0], &["stage", "count"]);
    has(&json["latency"][0], &["stage", "count", "p50", "p75", "p95", "p99", "p95_low", "p95_high"]);
    has(&json["latency"][0], &["budget_ms", "over_budget_share", "state"]);
    has(&json["scores"], &["edges", "counts", "reference"]);
    has(&json["actions"][0], &["action", "count", "share"]);
    has(&json["boundary"], &["inside", "outside", "rules"]);
    has(&json["boundary"]["rules"][0], &["feature", "rule", "count", "share"]);
    has(&json["drift"][0], &["feature", "kind", "state", "psi", "threshold", "count", "needed", "missing_share"]);
    has(&json["drift"][0], &["reference_missing_share", "mean", "reference_mean", "unit", "bins"]);
    has(&json["drift"][0]["bins"][0], &["label", "share", "reference"]);
    has(&json["fairness"][0], &["group", "metric", "state", "value", "low", "high", "limit", "words", "by"]);
    has(&json["fairness"][0]["by"][0], &["value", "count", "selected", "rate", "low", "high"]);
    has(&json["performance"]["metrics"][0], &["metric", "value", "low", "high"]);
    has(&json["business"][0], &["name", "unit", "direction", "goal", "count", "sum", "mean"]);
    has(&json["loss"][0], &["reason", "frames"]);
    has(&json["verdict"], &["state", "words"]);
    assert_eq!((&json["from"], &json["drift"][0]["kind"]), (&Json::Null, &json!("number")));
}

/// 20 predictions are far too few for a PSI, and enough to see that cents were sent for euros.
#[test]
fn another_unit_or_name_is_found_in_the_first_records() {
    let words = |traffic: &Traffic, feature: usize| mismatch(&traffic.report().drift[feature]);
    let incomes = |count: u64, income: &dyn Fn(u64) -> f64| {
        let mut traffic = Traffic::new();
        traffic.manifest.features[0].range = None;
        traffic.layout = Layout::new(&traffic.manifest);
        (0..count).for_each(|row| traffic.predict(income(row), (row % 2) as usize, true, 0));
        traffic
    };
    let euros = |row: u64| (row % 10) as f64 / 10.0 + 0.05;
    let cents = incomes(20, &|row| euros(row) * 100.0);
    assert_eq!(cents.report().drift[0].state, DriftState::NotEnoughEvidence);
    let wanted =
        "100 % of 20 values are above 90 % of those in training, the mean is 100 times that of training: another unit?";
    assert_eq!(words(&cents, 0).as_deref(), Some(wanted));
    assert_eq!(words(&cents, 1), None, "the other feature is as it was");
    let thousands = words(&incomes(40, &|row| if row == 7 { 0.5 } else { euros(row) / 1000.0 }), 0).unwrap();
    assert!(thousands.starts_with("97.5 % of 40 values are below 90 % of those in training"), "{thousands}");
    // What is as usual, only higher, or too little to tell is no other unit.
    assert_eq!(words(&incomes(400, &euros), 0), None);
    assert_eq!(words(&incomes(400, &|row| euros(row) * 2.0), 0), None);
    assert_eq!(words(&incomes(12, &|_| 99.0), 0), None);

    let mut missing = Traffic::new();
    missing.profile.add(missing.layout.observation(0, Observation::Missing), 15);
    missing.profile.add(missing.layout.observation(1, Observation::Unseen), 15);
    let text = words(&missing, 0).unwrap();
    assert_eq!(text, "100 % of 15 values are missing, in training 0 %: is it sent, and under this name?");
    let text = words(&missing, 1).unwrap();
    assert_eq!(text, "100 % of 15 values were never seen in training: are they written in another way?");
    let mut unknown = missing.report().drift.remove(0);
    unknown.bins.iter_mut().for_each(|bin| bin.reference = None);
    assert_eq!(mismatch(&unknown), None, "without a baseline nothing is known");
}
