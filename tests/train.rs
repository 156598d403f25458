//! From the rows of the ready project to a fitted, judged and chosen model.

mod lightgbm;
mod tasks;

use nearside::canvas::Canvas;
use nearside::evaluate::{Answer, Choice, DecisionRule, EvaluationReport, HeldOut, choose, evaluate, text};
use nearside::features::Value;
use nearside::guard;
use nearside::onnx::TractEngine;
use nearside::predict::Groups;
use nearside::sources::{Column, Table, generate, read_canvas, read_recipe, record};
use nearside::train::{Candidate, Model, design, export, manifest, schema, train};
use nearside::{Engine, Predictor};
use std::path::PathBuf;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/loan-approval")
}

fn canvas() -> Canvas {
    read_canvas(&project().join("canvas.toml")).unwrap()
}

/// Rows of the recipe, with the knob `group_bias` turned to this.
fn table(group_bias: f64, rows: u64) -> Table {
    let mut recipe = read_recipe(&project().join("recipe.toml")).unwrap();
    recipe.knobs.group_bias = group_bias;
    generate(&recipe, rows, 11).unwrap()
}

/// The weights of a linear candidate.
fn weights(candidate: &Candidate) -> &[f64] {
    match &candidate.fitted.model {
        Model::Linear { weights, .. } => weights,
        Model::Trees { .. } => panic!("trees have no weights"),
    }
}

fn candidates(canvas: &Canvas, table: &Table) -> Vec<Candidate> {
    train(canvas, table, &mut |_, _| {}).unwrap()
}

/// What the candidate scores on the held-out rows, in float64.
fn judge(canvas: &Canvas, table: &Table, candidate: &Candidate) -> EvaluationReport {
    let held_out = HeldOut::read(canvas, table).unwrap();
    assert_eq!(held_out.rows, candidate.split.test, "both hold the same rows out");
    let fitted = &candidate.fitted;
    let columns = design(canvas, &fitted.features, table, &held_out.rows).unwrap();
    let schema = schema(canvas, &fitted.features, table, &candidate.split.train).unwrap();
    let rule = DecisionRule::of(canvas);
    let sums = fitted.sums(&columns).unwrap();
    let answers = sums.iter().zip(&held_out.rows).map(|(&sum, &row)| {
        let (_, boundary) = guard::check(&schema, &record(canvas, table, row).unwrap());
        rule.answer(fitted.score(sum).unwrap(), boundary.inside)
    });
    evaluate(canvas, &answers.collect::<Vec<_>>(), &held_out).unwrap()
}

fn value(report: &EvaluationReport, metric: &str) -> f64 {
    report.metric(metric).and_then(|metric| metric.value).unwrap()
}

fn parity(report: &EvaluationReport) -> f64 {
    report.fairness("demographic_parity_ratio", "sex").unwrap().value.unwrap()
}

#[test]
fn the_same_rows_give_the_same_bits() {
    let (canvas, table) = (canvas(), table(0.5, 2000));
    let mut heard: Vec<(String, f64)> = Vec::new();
    let first = train(&canvas, &table, &mut |doing, share| heard.push((doing.to_owned(), share))).unwrap();
    assert_eq!(first, candidates(&canvas, &table));
    assert_ne!(weights(&first[0]), weights(&first[1]), "reweighing changes the weights");
    assert_eq!(first[0].fitted.features, first[1].fitted.features, "and not the preparation");
    assert!(heard.windows(2).all(|pair| pair[0].1 <= pair[1].1), "progress never goes back: {heard:?}");
    assert_eq!(heard.last().unwrap().1, 1.0);
}

#[test]
fn an_unbiased_project_passes_its_own_gates() {
    let (canvas, table) = (canvas(), table(0.0, 20_000));
    let candidates = candidates(&canvas, &table);
    let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    assert_eq!(names, ["plain", "reweighing"]);
    let report = judge(&canvas, &table, &candidates[0]);
    assert!(report.passed, "{}", text(&report));
    assert!(value(&report, "roc_auc") > 0.72 && parity(&report) > 0.9);
}

/// Both candidates of a project with this much bias, judged.
fn biased(group_bias: f64, rows: u64) -> Vec<(String, EvaluationReport)> {
    let (canvas, table) = (canvas(), table(group_bias, rows));
    let candidates = candidates(&canvas, &table);
    candidates.iter().map(|candidate| (candidate.name.clone(), judge(&canvas, &table, candidate))).collect()
}

fn choice(reports: &[(String, EvaluationReport)]) -> Choice {
    choose(&reports.iter().map(|(name, report)| (name.as_str(), report)).collect::<Vec<_>>())
}

#[test]
fn under_bias_the_reweighed_candidate_passes_the_gate_that_the_plain_one_fails() {
    let reports = biased(0.4, 20_000);
    let (plain, reweighed) = (&reports[0].1, &reports[1].1);
    assert!(parity(plain) < 0.8 && parity(reweighed) > parity(plain) + 0.1);
    let failed: Vec<&str> = plain.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.metric.as_str()).collect();
    assert_eq!(failed, ["demographic_parity_ratio"]);
    assert!(reweighed.passed, "{}", text(reweighed));
    assert!(value(reweighed, "roc_auc") < value(plain, "roc_auc"), "fairness has its price");
    let choice = choice(&reports);
    assert_eq!(choice.chosen, Some(1));
    assert!(choice.words.starts_with("reweighing is chosen: it passes every gate"), "{}", choice.words);
}

#[test]
fn under_strong_bias_no_candidate_passes_and_it_is_said() {
    let reports = biased(1.0, 4000);
    assert!(parity(&reports[1].1) > parity(&reports[0].1) + 0.1);
    let choice = choice(&reports);
    assert_eq!(choice.chosen, None);
    assert!(choice.words.contains("retraining cannot fix this"), "{}", choice.words);
}

#[test]
fn signs_of_monotonic_features_are_kept() {
    let (mut canvas, table) = (canvas(), table(0.0, 2000));
    let weight = |canvas: &Canvas, name: &str| {
        let candidate = candidates(canvas, &table).remove(0);
        let place = candidate.fitted.features.iter().find(|feature| feature.name == name).unwrap().columns.start;
        weights(&candidate)[place]
    };
    assert!(weight(&canvas, "income") > 0.0);
    for feature in &mut canvas.features {
        if feature.name == "income" {
            feature.monotonic = Some(nearside::canvas::Monotonic::Decreasing);
        }
    }
    assert_eq!(weight(&canvas, "income"), 0.0);
}

/// The model that ships gives the numbers of the fit, whatever its features are called.
#[test]
fn the_graph_gives_the_scores_of_the_fit_under_any_names() {
    let (mut canvas, table) = (canvas(), table(0.2, 1000));
    // Names that the writer of the graph would like to have for its own constants and nodes.
    let names =
        ["c0", "isnan_0", "where_1", "add_3", "c1", "concat_29", "matmul_30", "sigmoid_32", "batch", "input", "x y"];
    for (feature, name) in canvas.features.iter_mut().filter(|feature| !feature.sensitive).zip(names) {
        feature.source = Some(std::mem::replace(&mut feature.name, name.to_owned()));
    }
    for candidate in candidates(&canvas, &table) {
        let fitted = &candidate.fitted;
        let rows = &candidate.split.test;
        let engine = TractEngine::new(&export(&canvas.name, fitted).unwrap()).unwrap();
        let ports: Vec<&str> = engine.signature().inputs.iter().map(|port| port.name.as_str()).collect();
        assert_eq!(ports, names);
        let schema = schema(&canvas, &fitted.features, &table, &candidate.split.train).unwrap();
        let manifest = manifest(&canvas, &schema, fitted.classes(), engine.signature());
        let mut predictor = Predictor::new(manifest, Some(Box::new(engine)), 0).unwrap();
        let rule = DecisionRule::of(&canvas);
        let columns = design(&canvas, &fitted.features, &table, rows).unwrap();
        for (sum, &row) in fitted.sums(&columns).unwrap().into_iter().zip(rows) {
            let record = record(&canvas, &table, row).unwrap();
            let shipped = predictor.predict(&record, &Groups::new(), &mut || 0.0).unwrap();
            let score = fitted.score(sum).unwrap();
            let Answer { action, .. } = rule.answer(score, shipped.boundary.inside);
            assert!((shipped.score.unwrap() - score).abs() < 1e-5, "row {row}: {:?} and {score}", shipped.score);
            assert_eq!(shipped.action, action, "row {row} with a score of {score}");
        }
    }
}

#[test]
fn a_feature_that_is_called_as_an_output_is_not_exported() {
    let (canvas, table) = (canvas(), table(0.0, 200));
    let mut fitted = candidates(&canvas, &table).remove(0).fitted;
    fitted.features[0].name = "margin".into();
    let error = export(&canvas.name, &fitted).unwrap_err();
    assert_eq!(error.kind(), nearside::ErrorKind::InvalidCanvas);
    assert!(error.to_string().starts_with("margin: the feature has the name of an output"), "{error}");
}

#[test]
fn rows_that_cannot_be_learned_from_are_named() {
    let canvas = canvas();
    let spoil = |column: &str, row: usize, value: Value| {
        let mut table = table(0.0, 200);
        let column = table.columns.iter_mut().find(|known| known.name == column).unwrap();
        let mut values: Vec<Value> = column.values().collect();
        values[row] = value;
        *column = Column::new(column.name.clone(), values);
        train(&canvas, &table, &mut |_, _| {}).unwrap_err().to_string()
    };
    assert!(spoil("age", 4, "forty".into()).starts_with("recipe: row 5: age: \"forty\" is not a whole number"));
    assert!(spoil("age", 9, Value::Missing).starts_with("recipe: row 10: age: there is no value"));
    assert!(spoil("repaid", 3, "perhaps".into()).contains("row 4: repaid: \"perhaps\" is a class too many"));
    let error = train(&canvas, &table(0.0, 12), &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("12 rows are too few"), "{error}");
}
