//! The way of one prediction on the ready bundle: golden answers, boundaries, contributions, counters.

use nearside::bundle::{Golden, Manifest};
use nearside::explain::explain;
use nearside::features::{Record, Value};
use nearside::guard::ViolationRule;
use nearside::onnx::TractEngine;
use nearside::predict::Groups;
use nearside::rollout::Registry;
use nearside::{ErrorKind, Predictor};
use std::path::PathBuf;

fn bundle() -> (Manifest, Vec<u8>, Golden) {
    let registry = Registry::new(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/loan-approval/bundle"));
    let manifest = registry.verify(&registry.channel().unwrap().champion.version).unwrap();
    let model = registry.file(&manifest, "model").unwrap().unwrap();
    let golden = registry.file(&manifest, "golden").unwrap().unwrap();
    (manifest, model, serde_json::from_slice(&golden).unwrap())
}

fn predictor() -> (Predictor, Golden) {
    let (manifest, model, golden) = bundle();
    (Predictor::new(manifest, Some(Box::new(TractEngine::new(&model).unwrap())), 7).unwrap(), golden)
}

fn predict(predictor: &mut Predictor, record: &Record) -> nearside::Result<nearside::Prediction> {
    predictor.predict(record, &Groups::new(), &mut || 0.0)
}

#[test]
fn golden_predictions_come_out_and_contributions_add_up() {
    let (mut predictor, golden) = predictor();
    assert!(golden.records.len() >= 20);
    for (record, wanted) in golden.records.iter().zip(&golden.predictions) {
        let got = predict(&mut predictor, record).unwrap();
        assert_eq!((&got.label, &got.action), (&wanted.label, &wanted.action));
        let score = got.score.unwrap();
        assert!((score - wanted.score.unwrap()).abs() <= golden.tolerance);
        let explanation = explain(&mut predictor, record).unwrap();
        assert!(explanation.sum_check.abs() < 1e-5, "{explanation:?}");
        assert_eq!(explanation.contributions.len(), predictor.manifest().features.len());
        let probability = 1.0 / (1.0 + (-explanation.margin).exp());
        assert!((probability - score).abs() < 1e-5, "the margin is the log-odds of the score");
    }
    let counted = predictor.window().counts[predictor.layout().predictions()];
    assert_eq!(counted as usize, golden.records.len(), "explanations count nothing");
}

/// The contribution of a feature is what it adds beyond its own mean over the reference rows: with one feature changed,
/// only its own contribution changes, and by as much as the margin.
#[test]
fn a_changed_feature_changes_its_own_contribution_only() {
    let (mut predictor, golden) = predictor();
    let record = &golden.records[0];
    let before = explain(&mut predictor, record).unwrap();
    for (feature, value) in [("debt_ratio", Value::from(0.9)), ("purpose", "debt".into()), ("income", Value::Missing)] {
        let mut changed = record.clone();
        changed.insert(feature.into(), value);
        let after = explain(&mut predictor, &changed).unwrap();
        let of = |explanation: &nearside::explain::Explanation, name: &str| {
            explanation.contributions.iter().find(|part| part.feature == name).unwrap().contribution
        };
        for part in &before.contributions {
            let difference = of(&after, &part.feature) - part.contribution;
            let wanted = if part.feature == feature { after.margin - before.margin } else { 0.0 };
            assert!((difference - wanted).abs() < 1e-5, "{feature} moved {} by {difference}", part.feature);
        }
    }
}

#[test]
fn what_is_outside_is_answered_with_the_fallback_and_said_in_words() {
    let (mut predictor, golden) = predictor();
    let cases = [
        ("income", Value::from(9e6), ViolationRule::Above, "income is 9000000, above the highest value"),
        (
            "age",
            Value::from(12.0),
            ViolationRule::Below,
            "age is 12, below the lowest value that makes sense, 18 years",
        ),
        ("purpose", "boat".into(), ViolationRule::Category, "purpose is \"boat\", which the model has never seen"),
    ];
    for (feature, value, rule, words) in cases {
        let mut record = golden.records[0].clone();
        record.insert(feature.into(), value.clone());
        let prediction = predict(&mut predictor, &record).unwrap();
        assert!(!prediction.boundary.inside);
        let [violation] = prediction.boundary.violations.as_slice() else { panic!("{:?}", prediction.boundary) };
        assert_eq!((violation.feature.as_str(), violation.rule, &violation.value), (feature, rule, &value));
        assert!(violation.message.starts_with(words), "{}", violation.message);
        assert_eq!(prediction.action.as_deref(), Some("review"), "the fallback of the canvas");
        let place = predictor.manifest().features.iter().position(|known| known.name == feature).unwrap();
        assert_eq!(predictor.window().counts[predictor.layout().violation(place, rule)], 1);
    }
    assert_eq!(predictor.window().counts[predictor.layout().outside()], 3);
}

#[test]
fn what_cannot_be_fed_is_refused_counted_and_the_next_record_is_answered() {
    let (mut predictor, golden) = predictor();
    let cases = [
        ("income", Value::from(f64::NAN), "income is NaN"),
        ("income", Value::from(f64::INFINITY), "income is inf"),
        ("income", "a lot".into(), "income is \"a lot\", which is not a number"),
        ("loan_amount", Value::Missing, "loan_amount is missing"),
        ("incme", Value::from(3.0), "incme is not a feature of this model"),
    ];
    for (refused, (feature, value, words)) in cases.into_iter().enumerate() {
        let mut record = golden.records[0].clone();
        record.insert(feature.into(), value);
        let error = predict(&mut predictor, &record).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRecord);
        assert!(error.message().starts_with(words), "{error}");
        assert_eq!(predictor.window().counts[predictor.layout().refused()], refused as u64 + 1);
        assert_eq!(explain(&mut predictor, &record).unwrap_err().kind(), ErrorKind::InvalidRecord);
    }
    predict(&mut predictor, &golden.records[0]).unwrap();
    assert_eq!(predictor.window().counts[predictor.layout().predictions()], 1);
}

#[test]
fn groups_are_counted_and_never_change_the_answer() {
    let (mut predictor, golden) = predictor();
    let plain = predict(&mut predictor, &golden.records[0]).unwrap();
    for value in ["female", "male", "other"] {
        let groups = Groups::from([("sex".to_owned(), value.to_owned())]);
        let declared = predictor.predict(&golden.records[0], &groups, &mut || 0.0).unwrap();
        assert_eq!((declared.score, declared.action), (plain.score, plain.action.clone()));
        assert_ne!(declared.id, plain.id, "receipts differ");
    }
    let favourable = plain.action.as_deref() == Some("accept");
    for value in [Some(0), Some(1), None] {
        assert_eq!(predictor.window().counts[predictor.layout().group(0, value, favourable)], 1);
    }
}

#[test]
fn a_model_that_is_not_the_manifests_is_refused() {
    let (mut manifest, model, _) = bundle();
    manifest.inputs.reverse();
    let engine = TractEngine::new(&model).unwrap();
    let error = Predictor::new(manifest, Some(Box::new(engine)), 0).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BundleFormat);
}
