//! Every task with its trainers, on small made-up rows: what is learned, and that the graph that ships says the same.

use nearside::canvas::{Canvas, TrainerKind, parse_canvas};
use nearside::features::Value;
use nearside::onnx::TractEngine;
use nearside::predict::Groups;
use nearside::sources::{Column, Table, record};
use nearside::train::{Candidate, Head, Model, Target, design, export, manifest, schema, train};
use nearside::{Engine, Prediction, Predictor};

/// Evenly spread numbers in 0…1 from Knuth's linear congruential generator.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const ROWS: usize = 600;

/// Rows with two numbers, one of which is missing at times, a category, a group of six, and a target of each kind.
fn table() -> Table {
    let mut lcg = Lcg(11);
    let mut columns: [Vec<Value>; 8] = std::array::from_fn(|_| Vec::new());
    for row in 0..ROWS {
        let [a, b, c, noise] = std::array::from_fn(|_| lcg.next());
        let (a, b, kind) = (4.0 * a - 2.0, 10.0 * b, (c * 3.0) as usize);
        let truth = a * a - 0.3 * b + [0.0, 2.0, -1.0][kind] + noise;
        columns[0].push(if row % 17 == 3 { Value::Missing } else { a.into() });
        columns[1].push(b.into());
        columns[2].push(["red", "green", "blue"][kind].into());
        columns[3].push(format!("q{}", row / 6).as_str().into());
        columns[4].push(truth.into());
        columns[5].push(if truth > 0.3 { "yes" } else { "no" }.into());
        columns[6].push(["low", "middle", "high"][usize::from(truth > -1.0) + usize::from(truth > 1.0)].into());
        columns[7].push(((truth + 3.0) / 1.5).clamp(0.0, 4.0).floor().into());
    }
    let names = ["a", "b", "colour", "query", "amount", "bought", "level", "grade"];
    let columns = names.into_iter().zip(columns).map(|(name, values)| Column::new(name, values));
    Table::new("rows", columns.collect()).unwrap()
}

fn canvas(task: &str, trainer: &str, missing: &str) -> Canvas {
    let text = format!(
        r#"
        name = "tasks"
        prediction_task = {{ {task} }}
        features = [
            {{ name = "a", type = "number", missing = "{missing}" }},
            {{ name = "b", type = "number", monotonic = "decreasing" }},
            {{ name = "colour", type = "category", values = ["red", "green", "blue"] }},
        ]
        building_models = {{ trainer = {{ {trainer} }}, seed = 3 }}
        "#
    );
    parse_canvas(&text, "canvas.toml").unwrap()
}

fn trained(canvas: &Canvas) -> Candidate {
    train(canvas, &table(), &mut |_, _| {}).unwrap().remove(0)
}

/// The sums of the fit on the held-out rows, and what its graph answers to the records.
fn both(canvas: &Canvas, candidate: &Candidate) -> (Vec<f64>, Vec<Prediction>, Target) {
    let (table, fitted, rows) = (table(), &candidate.fitted, &candidate.split.test);
    let sums = fitted.sums(&design(canvas, &fitted.features, &table, rows).unwrap()).unwrap();
    let engine = TractEngine::new(&export(&canvas.name, fitted).unwrap()).unwrap();
    let schema = schema(canvas, &fitted.features, &table, &candidate.split.train).unwrap();
    let manifest = manifest(canvas, &schema, fitted.classes(), engine.signature());
    let mut predictor = Predictor::new(manifest, Some(Box::new(engine)), 0).unwrap();
    let mut answer =
        |&row: &usize| predictor.predict(&record(canvas, &table, row).unwrap(), &Groups::new(), &mut || 0.0).unwrap();
    let answers = rows.iter().map(&mut answer).collect();
    (sums, answers, Target::read(canvas, &table).unwrap().select(rows))
}

fn share(right: impl Iterator<Item = bool>) -> f64 {
    let (right, all) = right.fold((0.0, 0.0), |(right, all), one| (right + f64::from(u8::from(one)), all + 1.0));
    right / all
}

const TREES: &str = "kind = \"gradient_boosting\", trees = 60, depth = 3, min_rows = 5";

#[test]
fn boosted_trees_tell_two_classes_apart_with_what_is_missing() {
    let canvas = canvas("kind = \"classification\", target = \"bought\", positive = \"yes\"", TREES, "model");
    let candidate = trained(&canvas);
    assert_eq!(candidate, trained(&canvas), "the same rows give the same trees");
    let Model::Trees { listing, .. } = &candidate.fitted.model else { panic!("no trees") };
    assert_eq!(listing.roots.len(), 60);
    let (sums, answers, target) = both(&canvas, &candidate);
    for (sum, answer) in sums.iter().zip(&answers) {
        assert!((candidate.fitted.score(*sum).unwrap() - answer.score.unwrap()).abs() < 1e-6);
    }
    let labels = target.labels().unwrap().positives();
    let right = share(labels.iter().zip(&answers).map(|(&label, answer)| label == (answer.score > Some(0.5))));
    assert!(right > 0.85, "{right}");
}

#[test]
fn a_monotonic_feature_never_moves_boosted_trees_the_wrong_way() {
    let canvas = canvas("kind = \"regression\", target = \"amount\"", TREES, "median");
    let fitted = trained(&canvas).fitted;
    for colour in [1.0, 2.0, 3.0] {
        for a in [-1.5, 0.0, 1.2] {
            let rows: Vec<f64> = (0..100).flat_map(|step| [a, f64::from(step) / 10.0, colour]).collect();
            let sums = fitted.sums(&rows).unwrap();
            assert!(sums.windows(2).all(|pair| pair[1] <= pair[0] + 1e-6), "{sums:?}");
            assert!(sums[99] < sums[0], "b matters");
        }
    }
}

#[test]
fn several_classes_have_probabilities_that_sum_to_one() {
    for trainer in ["l2 = 1e-3", TREES] {
        let canvas = canvas("kind = \"classification\", target = \"level\"", trainer, "median");
        if trainer != TREES {
            // A softmax has no sign to keep.
            let error = train(&canvas, &table(), &mut |_, _| {}).unwrap_err().to_string();
            assert!(error.contains("b: a softmax regression cannot be held monotonic"), "{error}");
        }
        let mut canvas = canvas;
        canvas.features[1].monotonic = None;
        let candidate = trained(&canvas);
        assert!(matches!(&candidate.fitted.head, Head::Many { classes } if classes == &["high", "low", "middle"]));
        let (sums, answers, target) = both(&canvas, &candidate);
        for (sums, answer) in sums.chunks_exact(3).zip(&answers) {
            let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = sums.iter().map(|sum| (sum - largest).exp()).sum();
            let probabilities = answer.probabilities.as_ref().unwrap();
            for (sum, name) in sums.iter().zip(["high", "low", "middle"]) {
                assert!(((sum - largest).exp() / total - probabilities[name]).abs() < 1e-5);
            }
            assert_eq!((answer.score, answer.value), (None, None));
        }
        let labels = target.labels().unwrap();
        let named = labels.of.iter().map(|&class| labels.classes[class].as_str());
        let right = share(named.zip(&answers).map(|(name, answer)| answer.label.as_deref() == Some(name)));
        assert!(right > if trainer == TREES { 0.75 } else { 0.6 }, "{trainer}: {right}");
    }
}

#[test]
fn numbers_are_predicted_by_lines_and_by_trees() {
    let error = |trainer: &str| {
        let canvas = canvas("kind = \"regression\", target = \"amount\"", trainer, "median");
        let candidate = trained(&canvas);
        let (sums, answers, target) = both(&canvas, &candidate);
        assert!(sums.iter().zip(&answers).all(|(sum, answer)| (sum - answer.value.unwrap()).abs() < 1e-5));
        let Target::Numbers(numbers) = target else { panic!("no numbers") };
        let squares: f64 = numbers.iter().zip(&sums).map(|(number, sum)| (number - sum).powi(2)).sum();
        (squares / numbers.len() as f64).sqrt()
    };
    let (line, trees) = (error("l2 = 1e-4"), error(TREES));
    assert!(trees < 0.6 && line > 1.0, "the parabola in a is for trees: {trees} and {line}");
}

#[test]
fn rankings_put_the_relevant_rows_of_a_group_in_front() {
    let task = "kind = \"ranking\", target = \"grade\", group = \"query\"";
    let candidate = trained(&canvas(task, TREES, "median"));
    let (_, answers, target) = both(&canvas(task, TREES, "median"), &candidate);
    let Target::Ranks(ranks) = target else { panic!("no ranks") };
    let (mut right, mut pairs) = (0.0, 0.0);
    for i in 0..answers.len() {
        for j in 0..answers.len() {
            if ranks.group[i] == ranks.group[j] && ranks.relevance[i] > ranks.relevance[j] {
                pairs += 1.0;
                right += f64::from(u8::from(answers[i].value > answers[j].value));
            }
        }
    }
    assert!(right > 0.8 * pairs, "{right} of {pairs} pairs");
}

#[test]
fn what_is_far_from_the_rest_is_found_without_a_target() {
    let mut canvas = canvas("kind = \"anomaly_detection\"", "trees = 100", "median");
    canvas.features[1].monotonic = None;
    let candidate = trained(&canvas);
    let (sums, answers, _) = both(&canvas, &candidate);
    for (sum, answer) in sums.iter().zip(&answers) {
        assert!((candidate.fitted.score(*sum).unwrap() - answer.score.unwrap()).abs() < 1e-6);
        assert!((0.0..=1.0).contains(&answer.score.unwrap()));
    }
    let score = |row: [f64; 5]| candidate.fitted.score(candidate.fitted.sums(&row).unwrap()[0]).unwrap();
    let (usual, far) = (score([0.1, 5.0, 1.0, 0.0, 0.0]), score([40.0, -90.0, 0.0, 0.0, 0.0]));
    assert!(usual < 0.5 && far > 0.6, "{usual} and {far}");
    assert_eq!(candidate.fitted.classes(), ["anomaly", "usual"]);
}

#[test]
fn early_stopping_keeps_the_rounds_up_to_the_best() {
    let trainer = format!("{}, early_stopping = 5", TREES.replace("trees = 60", "trees = 2000"));
    let canvas = canvas("kind = \"classification\", target = \"bought\", positive = \"yes\"", &trainer, "model");
    let Model::Trees { listing, .. } = trained(&canvas).fitted.model else { panic!("no trees") };
    let trees = listing.roots.len();
    assert!((5..500).contains(&trees), "{trees}");
}

#[test]
fn every_task_has_a_trainer_and_refuses_the_others() {
    let text = |task: &str, trainer: &str| {
        let text = format!(
            "name = \"x\"\nprediction_task = {{ {task} }}\nbuilding_models = {{ trainer = {{ {trainer} }} }}\n"
        );
        parse_canvas(&text, "canvas.toml").map_or_else(|error| error.to_string(), |_| "sound".to_owned())
    };
    assert_eq!(text("kind = \"ranking\", target = \"y\", group = \"q\"", "trees = 10"), "sound");
    let cases = [
        (
            "kind = \"regression\", target = \"y\"",
            "kind = \"logistic\"",
            "logistic does not fit a regression; accepted: linear, gradient_boosting",
        ),
        (
            "kind = \"anomaly_detection\"",
            "kind = \"linear\"",
            "linear does not fit a anomaly_detection; accepted: isolation_forest",
        ),
        (
            "kind = \"ranking\", target = \"y\"",
            "depth = 2",
            "prediction_task.group: a ranking needs to know which rows",
        ),
        ("kind = \"classification\", target = \"y\"", "depth = 0", "0 is no depth of a tree; write 1 to 16"),
    ];
    for (task, trainer, wanted) in cases {
        let text = text(task, trainer);
        assert!(text.contains(wanted), "{text}");
    }
    assert!(TrainerKind::ALL.iter().all(|kind| kind.name().parse::<f64>().is_err()));
}
