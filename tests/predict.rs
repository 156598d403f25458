//! The way of one prediction on the ready bundle: golden answers, boundaries, contributions, counters.

use nearside::bundle::{Golden, Manifest};
use nearside::explain::explain;
use nearside::features::{Record, Value};
use nearside::guard::ViolationRule;
use nearside::monitor::{self, Span};
use nearside::onnx::TractEngine;
use nearside::predict::Groups;
use nearside::profile::{Profile, Stage, bucket_of};
use nearside::rollout::Registry;
use nearside::telemetry::{Frame, Header, decode};
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

fn header(manifest: &Manifest, sequence: u64) -> Header {
    let (name, version) = (manifest.name.clone(), manifest.version.clone());
    Header { session: 0x0123_4567_89ab_cdef, sequence, age_ms: 0, name, version }
}

/// The bytes of the open window.
fn frame(predictor: &Predictor, sequence: u64) -> Vec<u8> {
    header(predictor.manifest(), sequence).encode_window(predictor.layout(), predictor.window(), 5_000)
}

fn counted(profile: &Profile, places: std::ops::Range<usize>) -> u64 {
    profile.counts[places].iter().sum()
}

/// What the collector has of it.
fn read(bytes: &[u8], predictor: &Predictor) -> Profile {
    let Ok(Frame::Window(_, window)) = decode(bytes) else { panic!("a window") };
    window.profile(predictor.layout()).unwrap()
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
        ("income", Value::from(f64::INFINITY), "income is Infinity"),
        ("income", Value::from(1e39), "income is 1e+39, more than a model can be fed"),
        ("age", Value::from(-1e200), "age is -1e+200, more than a model can be fed"),
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
    for record in &golden.records {
        predict(&mut predictor, record).unwrap();
    }
    assert_eq!(predictor.window().counts[predictor.layout().predictions()] as usize, golden.records.len());
    assert!(matches!(decode(&frame(&predictor, 1)), Ok(Frame::Window(..))), "nothing in the frame is infinite");
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

/// The whole way: from the record to the counter, the bytes, the counter again, and the rate in the report.
#[test]
fn the_rates_of_a_report_are_those_of_the_predictions() {
    let (mut predictor, golden) = predictor();
    let mut wanted = [[0u64; 2]; 2];
    for (index, record) in golden.records.iter().chain(&golden.records).enumerate() {
        // Two of three are declared female, so no rate is that of the other group.
        let sex = usize::from(index % 3 == 2);
        let groups = Groups::from([("sex".to_owned(), ["female", "male"][sex].to_owned())]);
        let prediction = predictor.predict(record, &groups, &mut || 0.0).unwrap();
        wanted[sex][usize::from(prediction.action.as_deref() == Some("accept"))] += 1;
    }
    assert!(wanted.iter().flatten().all(|&count| count > 0), "{wanted:?}");
    let sent = read(&frame(&predictor, 1), &predictor);
    let report = monitor::report(predictor.manifest(), None, &sent, Span::default());
    let parity = report.fairness.iter().find(|entry| entry.metric == "demographic_parity_ratio").unwrap();
    for (rate, [other, favourable]) in parity.by.iter().zip(wanted) {
        assert_eq!((rate.selected, rate.count), (favourable, other + favourable), "{rate:?}");
        assert_eq!(rate.rate, Some(favourable as f64 / (other + favourable) as f64));
    }
    let rates = wanted.map(|[other, favourable]| favourable as f64 / (other + favourable) as f64);
    let ratio = rates[0].min(rates[1]) / rates[0].max(rates[1]);
    assert!((parity.value.unwrap() - ratio).abs() < 1e-12, "{parity:?}");
}

#[test]
fn the_frame_of_one_prediction_is_not_its_record() {
    let (mut predictor, golden) = predictor();
    let record = &golden.records[0];
    let groups = Groups::from([("sex".to_owned(), "female".to_owned())]);
    predictor.predict(record, &groups, &mut || 0.0).unwrap();
    let layout = predictor.layout();
    let manifest = predictor.manifest();
    let features = manifest.features.len();
    let of_session = |session, sequence| {
        let header = Header { session, ..header(manifest, sequence) };
        header.encode_window(layout, predictor.window(), 0)
    };
    let told = |bytes: &[u8]| -> Vec<usize> {
        let sent = read(bytes, &predictor);
        (0..features).filter(|&feature| counted(&sent, layout.feature(feature)) > 0).collect()
    };
    for session in 0..20 {
        let bytes = of_session(session, 1);
        let (sent, told_first) = (read(&bytes, &predictor), told(&bytes));
        assert!(sent.moments.iter().all(|moments| moments.count == 0));
        if told_first.is_empty() {
            assert_eq!(counted(&sent, layout.group_places(0)), 1);
            assert_eq!(counted(&sent, layout.scores()) + counted(&sent, layout.actions()), 0, "they stay in the page");
        } else {
            assert_eq!(told_first.len(), features / 2);
            assert_eq!((counted(&sent, layout.scores()), counted(&sent, layout.actions())), (1, 1));
            assert_eq!(counted(&sent, layout.group_places(0)), 0, "the group stays in the page");
        }
        for value in record.values() {
            if let Value::Number(number) = value {
                let forms = [number.to_le_bytes().to_vec(), (*number as f32).to_le_bytes().to_vec()];
                let stands = |form: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form);
                assert!(*number == 0.0 || !forms.iter().any(stands), "{number} can be read off the frame");
            }
        }
        // Every frame of the page keeps the same things back.
        assert!((0..50).all(|sequence| told(&of_session(session, sequence)) == told_first));
    }
    // Pages together tell of each feature, and of the groups.
    assert!((0..features).all(|feature| (0..50).any(|session| told(&of_session(session, 0)).contains(&feature))));
    assert!((0..50).any(|session| told(&of_session(session, 0)).is_empty()));
}

/// A page where every visitor asks once: half of them are counted by group, the others by score and features.
#[test]
fn sessions_of_one_prediction_give_rates_by_group_and_none_tells_of_both() {
    const SESSIONS: u64 = 400;
    let (mut predictor, golden) = predictor();
    let (manifest, layout) = (predictor.manifest().clone(), predictor.layout().clone());
    let (mut received, mut made, mut by_group) = (Profile::new(&layout), [[0u64; 2]; 2], 0);
    for visitor in 0..SESSIONS {
        let sex = usize::from(visitor % 3 == 2);
        let groups = Groups::from([("sex".to_owned(), ["female", "male"][sex].to_owned())]);
        let record = &golden.records[visitor as usize % golden.records.len()];
        let prediction = predictor.predict(record, &groups, &mut || 0.0).unwrap();
        made[sex][usize::from(prediction.action.as_deref() == Some("accept"))] += 1;
        let mut window = predictor.close_window();
        window.counts[layout.sessions()] = 1;
        // Sessions are random numbers.
        let header = Header { session: visitor.wrapping_mul(0x9E37_79B9_7F4A_7C15), ..header(&manifest, 0) };
        let sent = read(&header.encode_window(&layout, &window, 1_000), &predictor);
        let groups = counted(&sent, layout.group_places(0));
        let features = (0..layout.features()).map(|feature| counted(&sent, layout.feature(feature))).sum::<u64>();
        let decisions = [counted(&sent, layout.scores()), counted(&sent, layout.actions())];
        let half = manifest.features.len() as u64 / 2;
        let told = (groups, features, decisions);
        assert!(told == (1, 0, [0, 0]) || told == (0, half, [1, 1]), "{told:?}");
        by_group += groups;
        received.merge(&sent);
    }
    let report = monitor::report(&manifest, None, &received, Span::default());
    assert_eq!((report.predictions, report.sessions), (SESSIONS, SESSIONS));
    // 200 are expected by group, with a standard deviation of 10.
    assert!((160..=240).contains(&by_group), "{by_group}");
    assert_eq!(report.scores.counts.iter().sum::<u64>(), SESSIONS - by_group);
    assert_eq!(report.actions.iter().map(|action| action.count).sum::<u64>(), SESSIONS - by_group);
    let parity = report.fairness.iter().find(|entry| entry.metric == "demographic_parity_ratio").unwrap();
    assert_eq!(parity.by.iter().map(|rate| rate.count).sum::<u64>(), by_group);
    for (rate, [other, favourable]) in parity.by.iter().zip(made) {
        let (all, wanted) = (other + favourable, favourable as f64 / (other + favourable) as f64);
        // Half of them drawn from all of them, so twice the standard error of a sample is four of its own.
        let (told, error) = (rate.count as f64, (wanted * (1.0 - wanted) / rate.count as f64).sqrt());
        assert!((told - all as f64 / 2.0).abs() < 4.0 * (all as f64 / 4.0).sqrt(), "{told} of {all}");
        assert!((rate.rate.unwrap() - wanted).abs() < 3.0 * error, "{rate:?}, where {wanted} were made");
    }
    let sides = report.drift.iter().map(|feature| feature.count);
    // 100 are expected of each, with a standard deviation of 9.
    assert!(sides.clone().all(|count| (60..=140).contains(&count)), "{:?}", sides.collect::<Vec<_>>());
}

/// `run` is the model alone, which the predictor knows; what the caller waited is told to it, and held against the budget.
#[test]
fn the_model_and_the_answer_are_timed_apart() {
    let (mut predictor, golden) = predictor();
    // Encoding takes 1 ms, the model 5, counting 20.
    let mut times = [0.0, 1.0, 6.0, 26.0].into_iter();
    let prediction = predictor.predict(&golden.records[0], &Groups::new(), &mut || times.next().unwrap()).unwrap();
    assert_eq!((prediction.timing.encode, prediction.timing.run, prediction.timing.total), (1.0, 5.0, 26.0));
    let counted = |predictor: &Predictor, stage, ms| {
        predictor.window().counts[predictor.layout().stage(stage).start + bucket_of(ms)]
    };
    let late = |predictor: &Predictor| predictor.window().counts[predictor.layout().over_latency()];
    assert_eq!((counted(&predictor, Stage::Run, 5.0), late(&predictor)), (1, 0));
    assert_eq!(predictor.manifest().budgets.latency_p95_ms, Some(10.0));
    predictor.count_stage(Stage::Answer, 30.0);
    predictor.count_stage(Stage::Answer, 9.0);
    predictor.count_stage(Stage::First, 900.0);
    assert_eq!((counted(&predictor, Stage::Answer, 30.0), late(&predictor)), (1, 1));
}

#[test]
fn a_model_that_is_not_the_manifests_is_refused() {
    let (mut manifest, model, _) = bundle();
    manifest.inputs.reverse();
    let engine = TractEngine::new(&model).unwrap();
    let error = Predictor::new(manifest, Some(Box::new(engine)), 0).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BundleFormat);
}
