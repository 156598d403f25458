use super::*;
use crate::canvas::{Band, Canvas};
use crate::evaluate::reference::{self, answers};

/// A canvas that accepts from `threshold` on, and where `favourable` is the action that people hope for.
fn canvas(threshold: f64, favourable: &str) -> Canvas {
    let mut canvas = Canvas::default();
    let band = |(at_least, action): (f64, &str)| Band { at_least, action: action.into() };
    canvas.decisions.bands = [(threshold, "high"), (0.0, "low")].map(band).to_vec();
    canvas.decisions.favourable = vec![favourable.into()];
    canvas
}

fn partition(of: Vec<Option<usize>>) -> Partition {
    Partition { name: "group".into(), values: ["a", "b", "c"].map(String::from).to_vec(), of }
}

/// The rates of the reference cases under a canvas, in the groups that they are given here.
fn rates_of(canvas: &Canvas, of: Vec<Option<usize>>) -> Vec<GroupRates> {
    let (scores, labels, _) = reference::rows();
    rates(&partition(of), &DecisionRule::of(canvas), &answers(canvas, &scores), &labels)
}

fn measured(canvas: &Canvas) -> Vec<GroupFairness> {
    let (_, _, groups) = reference::rows();
    fairness(&rates_of(canvas, groups.into_iter().map(Some).collect()))
}

fn check(found: &[GroupFairness], wanted: &[(&str, f64)]) {
    for (metric, wanted) in wanted {
        let found = found.iter().find(|fair| fair.metric == *metric).unwrap();
        assert!((found.value.unwrap() - wanted).abs() < 1e-12, "{metric}: {found:?} and {wanted}");
        assert_eq!(found.too_little, None);
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        assert!(low < *wanted && *wanted < high, "{metric}: {low} to {high}");
    }
}

/// Fairlearn 0.15.0 on the same cases.
#[test]
fn the_numbers_are_those_of_fairlearn() {
    let wanted = [
        ("demographic_parity_ratio", 0.7942754919499105),
        ("demographic_parity_difference", 0.09637544521265451),
        ("equal_opportunity_ratio", 0.8458536585365853),
        ("equal_opportunity_difference", 0.12392156862745096),
        ("equalized_odds_ratio", 0.8458536585365853),
        ("equalized_odds_difference", 0.12392156862745096),
    ];
    check(&measured(&canvas(0.6, "high")), &wanted);
    let wanted = [
        ("demographic_parity_ratio", 0.9401378122308355),
        ("demographic_parity_difference", 0.04368321810182274),
        ("equal_opportunity_ratio", 0.86),
        ("equalized_odds_difference", 0.14),
    ];
    check(&measured(&canvas(0.3, "high")), &wanted);
}

/// Fairlearn 0.15.0 with the negative label as the deserved one and low scores as the favourable ones.
#[test]
fn where_low_scores_are_favourable_the_other_label_deserves_it() {
    let wanted = [
        ("demographic_parity_ratio", 0.8465131798465132),
        ("equal_opportunity_ratio", 0.9916142557651991),
        ("equalized_odds_difference", 0.12392156862745099),
    ];
    check(&measured(&canvas(0.6, "low")), &wanted);
}

#[test]
fn equalized_odds_is_the_worse_of_two_rates() {
    let group = |value: &str, counts: [usize; 4]| GroupRates {
        value: value.into(),
        count: counts[0],
        selected: counts[1],
        deserving: counts[2],
        selected_deserving: counts[3],
        ..GroupRates::default()
    };
    // Among the deserving 40 of 50 in both; among the others 10 of 50 and 20 of 50.
    let found = fairness(&[group("a", [100, 50, 50, 40]), group("b", [100, 60, 50, 40])]);
    let value = |metric: &str| found.iter().find(|fair| fair.metric == metric).unwrap().value.unwrap();
    assert_eq!((value("equal_opportunity_ratio"), value("equal_opportunity_difference")), (1.0, 0.0));
    assert_eq!((value("equalized_odds_ratio"), value("equalized_odds_difference")), (0.5, 0.4 - 0.2));
    let odds = found.iter().find(|fair| fair.metric == "equalized_odds_ratio").unwrap();
    assert_eq!(
        odds.words,
        "favourable among those with the other label: 10 of 50 a (20.0 %) against 20 of 50 b (40.0 %)"
    );
}

#[test]
fn too_little_data_is_said() {
    let (_, _, groups) = reference::rows();
    let found = |of: Vec<Option<usize>>, threshold: f64| {
        let all = fairness(&rates_of(&canvas(threshold, "high"), of));
        all.into_iter().find(|fair| fair.metric == "demographic_parity_ratio").unwrap()
    };
    let known: Vec<Option<usize>> = groups.iter().map(|&group| Some(group)).collect();
    let few = known.iter().enumerate().map(|(row, group)| group.filter(|&group| group != 1 || row < 30)).collect();
    let few = found(few, 0.6);
    assert!(few.too_little.unwrap().ends_with("cases, and 30 are needed"));
    let nobody = found(known.clone(), 1.0);
    assert_eq!((nobody.value, nobody.low), (None, None));
    assert_eq!(nobody.too_little.unwrap(), "0 favourable decisions in all groups, and 10 are needed");
    assert_eq!(found(known, 0.6).too_little, None);
}

#[test]
fn cases_without_a_group_are_in_none() {
    let groups = rates_of(&canvas(0.6, "high"), vec![None; 300]);
    assert!(groups.iter().all(|group| group.count == 0 && group.rate.is_none()));
}
