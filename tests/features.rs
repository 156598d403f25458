//! Features of every kind, with every transform: what a model was trained on is what its graph computes from raw records.

use nearside::canvas::{Canvas, FeatureKind, parse_canvas};
use nearside::features::{Record, Value};
use nearside::onnx::lower::{lower, try_out};
use nearside::onnx::{TractEngine, read};
use nearside::plan::PlanEngine;
use nearside::predict::{Groups, Row, feed};
use nearside::sources::{Column, Table, record};
use nearside::train::{Fitted, FittedFeature, Head, Model, design, export, manifest, schema, train};
use nearside::{Data, Engine, ErrorKind, Predictor, Tensor, features, parse_timestamp};

/// How far a number may be off, as a part of it or of 1.
const TOLERANCE: f64 = 1e-6;

const ROWS: usize = 500;

/// Every kind and every transform.
const FEATURES: &str = r#"
[[features]]
name = "income"
type = "number"
range = [0, 500_000]
missing = "median"
transform = ["clip", "log1p", "standardize"]
monotonic = "increasing"
[[features]]
name = "loan"
type = "number"
missing = "mean"
transform = ["min_max"]
[[features]]
name = "months"
type = "integer"
missing = "mode"
transform = ["bins"]
bins = 5
[[features]]
name = "debts"
type = "integer"
missing = "zero"
transform = ["log1p", "bins"]
bins = 4
[[features]]
name = "plain"
type = "number"
missing = "median"
[[features]]
name = "purpose"
type = "category"
values = ["car", "home", "other"]
missing = "mode"
transform = ["one_hot"]
[[features]]
name = "region"
type = "category"
values = ["north", "south", "east", "west"]
missing = "mode"
[[features]]
name = "grade"
type = "category"
values = ["a", "b", "c", "d"]
missing = "mode"
transform = ["ordinal"]
monotonic = "decreasing"
[[features]]
name = "member"
type = "boolean"
missing = "mode"
[[features]]
name = "applied"
type = "timestamp"
range = ["1900-01-01", "2100-12-31T23:59:59Z"]
missing = "median"
transform = ["date_parts"]
parts = ["hour", "weekday", "month", "day", "year", "days_since"]
[[features]]
name = "opened"
type = "timestamp"
missing = "mode"
transform = ["date_parts"]
parts = ["month"]
[[features]]
name = "burden"
type = "number"
ratio = ["loan", "months"]
transform = ["log1p", "standardize", "bins"]
bins = 4
[[features]]
name = "share"
type = "number"
ratio = ["loan", "debts"]
[[features]]
name = "left"
type = "number"
difference = ["loan", "plain"]
range = [-10_000, 10_000]
transform = ["clip", "standardize"]
[[features]]
name = "waited"
type = "number"
difference = ["applied", "opened"]
transform = ["standardize"]
"#;

const TEXT: &str = r#"
[[features]]
name = "note"
type = "text"
transform = ["tf_idf"]
max_terms = 12
"#;

fn canvas(trainer: &str, features: &[&str]) -> Canvas {
    let text = format!(
        r#"
        name = "loans"
        prediction_task = {{ kind = "classification", target = "repaid", positive = "yes" }}
        building_models = {{ seed = 1, trainer = {trainer} }}
        {}
        "#,
        features.concat()
    );
    parse_canvas(&text, "canvas.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// Numbers that nothing is known of but their seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

const WORDS: [&str; 14] = [
    "a new Kitchen",
    "kitchen",
    "car,",
    "CAR!",
    "école",
    "ÉCOLE",
    "дом",
    "東京",
    "x",
    "",
    "debt-free",
    "it's",
    "no_name 12",
    "—",
];

/// A raw value: missing in one row of ten, now and then a very large or an odd one.
fn value(kind: FeatureKind, name: &str, dice: &mut Dice) -> Value {
    if dice.below(10) == 0 {
        return Value::Missing;
    }
    match (kind, name) {
        (FeatureKind::Number, _) => Value::Number(match dice.below(20) {
            0 => 1e30,
            1 => -1e30,
            2 => 0.0,
            // Many rows have the very same number.
            3..=8 => 12_345.678,
            _ => dice.below(1 << 30) as f64 / 7_777.0 - 1_000.0,
        }),
        (FeatureKind::Integer, _) => Value::Number(if dice.below(30) == 0 { 3e9 } else { dice.below(9) as f64 }),
        (FeatureKind::Timestamp, "applied") => Value::Number(match dice.below(12) {
            0 => parse_timestamp("2024-02-29T23:59:59.999").unwrap(),
            1 => parse_timestamp("1900-02-28T23:59:59.999").unwrap(),
            2 => parse_timestamp("1969-12-31T23:59:59.999").unwrap(),
            3 => parse_timestamp("2100-12-31T12:00").unwrap(),
            _ => parse_timestamp("1960-01-01").unwrap() + (dice.below(1 << 31) as f64) * 1_007.0,
        }),
        (FeatureKind::Timestamp, _) => Value::Number(dice.below(1 << 31) as f64 * 500.0 - 5e11),
        (FeatureKind::Boolean, _) => Value::Bool(dice.below(3) > 0),
        (FeatureKind::Category, "purpose") => dice.one(&["car", "home", "home", "other"]).into(),
        (FeatureKind::Category, "region") => dice.one(&["north", "south", "east", "west"]).into(),
        (FeatureKind::Category, _) => dice.one(&["a", "b", "c", "d"]).into(),
        (FeatureKind::Text, _) => {
            Value::Text((0..dice.below(9)).map(|_| dice.one(&WORDS)).collect::<Vec<_>>().join(" "))
        }
    }
}

fn table(canvas: &Canvas, seed: u64) -> Table {
    let mut dice = Dice(seed);
    let mut columns: Vec<Column> = Vec::new();
    for feature in canvas.inputs() {
        let values: Vec<Value> = (0..ROWS).map(|_| value(feature.kind, &feature.name, &mut dice)).collect();
        columns.push(Column::new(&feature.name, values));
    }
    let repaid = columns[0].values().map(|value| match value {
        Value::Number(number) if number > 12_345.0 => dice.below(5) > 0,
        _ => dice.below(5) == 0,
    });
    let repaid: Vec<&str> = repaid.map(|repaid| if repaid { "yes" } else { "no" }).collect();
    columns.push(Column::new("repaid", repaid));
    Table::new("rows.csv", columns).unwrap()
}

fn near(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= TOLERANCE * wanted.abs().max(1.0)
        || found == wanted
        || (found.is_nan() && wanted.is_nan())
}

fn fitted(canvas: &Canvas, table: &Table) -> (Fitted, Vec<usize>) {
    let candidate = train(canvas, table, &mut |_, _| {}).unwrap().remove(0);
    (candidate.fitted, candidate.split.train)
}

fn predictor(canvas: &Canvas, table: &Table, fitted: &Fitted, rows: &[usize], engine: Box<dyn Engine>) -> Predictor {
    let schema = schema(canvas, &fitted.features, table, rows).unwrap();
    let manifest = manifest(canvas, &schema, fitted.classes(), engine.signature());
    Predictor::new(manifest, Some(engine), 7).unwrap()
}

/// The records of all rows; some of them say something that no training row did.
fn records(canvas: &Canvas, table: &Table) -> (Vec<Record>, Table) {
    let mut odd = table.clone();
    for column in &mut odd.columns {
        let feature = canvas.features.iter().find(|feature| feature.name == column.name);
        let other = match feature.map(|feature| feature.kind) {
            Some(FeatureKind::Category) => "new",
            Some(FeatureKind::Text) => "Words that nobody WROTE, kitchen",
            _ => continue,
        };
        let values = column.values().enumerate();
        let values: Vec<Value> = values.map(|(row, value)| if row % 17 == 0 { other.into() } else { value }).collect();
        *column = Column::new(&column.name, values);
    }
    ((0..ROWS).map(|row| record(canvas, &odd, row).unwrap()).collect(), odd)
}

/// A model of one feature, and of those that it is derived from, whose prediction is one of its columns.
fn column_model(fitted: &Fitted, owner: usize, column: usize) -> Fitted {
    let mut features: Vec<FittedFeature> = Vec::new();
    let mut owner = fitted.features[owner].clone();
    if let Some(derived) = &mut owner.derived {
        features.extend(derived.of.map(|place| fitted.features[place].clone()));
        derived.of = [0, 1];
    }
    features.push(owner);
    let mut end = 0;
    for feature in &mut features {
        feature.columns = end..end + feature.columns.len();
        end = feature.columns.end;
    }
    let mut weights = vec![0.0; end];
    weights[features[features.len() - 1].columns.start + column] = 1.0;
    Fitted { features, model: Model::Linear { weights, intercepts: vec![0.0] }, head: Head::Value }
}

fn check_columns(canvas: &Canvas, plan: bool) {
    let table = table(canvas, 3);
    let (fitted, rows) = fitted(canvas, &table);
    let (records, odd) = records(canvas, &table);
    let all: Vec<usize> = (0..ROWS).collect();
    let columns = design(canvas, &fitted.features, &odd, &all).unwrap();
    let width = columns.len() / ROWS;
    assert_eq!(fitted.features.iter().map(|feature| feature.columns.len()).sum::<usize>(), width);
    let probe = TractEngine::new(&export("c", &fitted).unwrap()).unwrap();
    let predictor = predictor(canvas, &table, &fitted, &rows, Box::new(probe));
    let observations: Vec<Vec<features::Observation>> = records
        .iter()
        .map(|record| {
            let schema = predictor.manifest().features.iter();
            schema.map(|feature| features::encode(feature, record.get(&feature.name))).collect()
        })
        .collect();
    let rows: Vec<Row<'_>> = observations
        .iter()
        .zip(&records)
        .map(|(observations, record)| Row { observations, record: Some(record) })
        .collect();
    let inputs = feed(predictor.manifest(), &rows).unwrap();
    let names: Vec<&str> = predictor.manifest().inputs.iter().map(|port| port.name.as_str()).collect();
    for (place, owner) in fitted.features.iter().enumerate() {
        for column in 0..owner.columns.len() {
            let model = column_model(&fitted, place, column);
            let inputs: Vec<Tensor> = model
                .features
                .iter()
                .filter_map(|feature| names.iter().position(|name| *name == feature.name))
                .map(|place| inputs[place].clone())
                .collect();
            let bytes = export("c", &model).unwrap();
            let mut engines: Vec<(&str, Box<dyn Engine>)> =
                vec![("tract", Box::new(TractEngine::new(&bytes).unwrap()))];
            if plan {
                let plan = lower(&read(&bytes).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", owner.name));
                engines.push(("plan", Box::new(PlanEngine::from_plan(plan).unwrap())));
            }
            for (name, engine) in &mut engines {
                let output = engine.run(inputs.clone()).unwrap().remove(0);
                let Data::F32(found) = output.data() else { panic!("float32") };
                for (row, &found) in found.iter().enumerate() {
                    let wanted = columns[row * width + owner.columns.start + column];
                    let what = format!("{name}: row {row}, {} column {column}", owner.name);
                    assert!(near(found.into(), wanted), "{what}: {found} where {wanted} was trained");
                }
            }
        }
    }
}

#[test]
fn every_column_of_a_linear_model_is_computed_from_raw_records_as_it_was_trained() {
    check_columns(&canvas(r#"{ kind = "logistic" }"#, &[FEATURES]), true);
}

#[test]
fn every_column_of_boosted_trees_is_computed_from_raw_records_as_it_was_trained() {
    check_columns(&canvas(r#"{ kind = "gradient_boosting", trees = 5 }"#, &[FEATURES]), true);
}

#[test]
fn the_terms_of_a_text_are_counted_in_the_graph_as_they_were_in_training() {
    check_columns(&canvas(r#"{ kind = "logistic" }"#, &[FEATURES, TEXT]), false);
}

/// The whole way, for models that the trainers fitted: the margin from raw records is that of the training matrix.
fn check_predictions(canvas: &Canvas, has_plan: bool) {
    let table = table(canvas, 5);
    let (fitted, rows) = fitted(canvas, &table);
    let (records, odd) = records(canvas, &table);
    let all: Vec<usize> = (0..ROWS).collect();
    let sums = fitted.sums(&design(canvas, &fitted.features, &odd, &all).unwrap()).unwrap();
    let bytes = export("loans", &fitted).unwrap();
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(TractEngine::new(&bytes).unwrap())];
    let model = read(&bytes).unwrap();
    match lower(&model) {
        Ok(plan) => {
            let mut plan = PlanEngine::from_plan(plan).unwrap();
            try_out(&mut plan, &mut *engines[0], &model).unwrap();
            engines.push(Box::new(plan));
        }
        Err(error) => {
            assert!(!has_plan, "{error}");
            assert_eq!(error.kind(), ErrorKind::UnsupportedOperator, "{error}");
        }
    }
    assert_eq!(engines.len(), 1 + usize::from(has_plan));
    for engine in engines {
        let mut predictor = predictor(canvas, &table, &fitted, &rows, engine);
        for (record, &sum) in records.iter().zip(&sums).step_by(9) {
            let prediction = predictor.predict(record, &Groups::new(), &mut || 0.0).unwrap();
            let (found, wanted) = (prediction.score.unwrap(), fitted.score(sum).unwrap());
            assert!(near(found, wanted), "{found} where {wanted} was trained: {record:?}");
        }
    }
}

#[test]
fn predictions_from_raw_records_are_those_of_the_training_matrix() {
    for trainer in [r#"{ kind = "logistic" }"#, r#"{ kind = "gradient_boosting", trees = 20, depth = 4 }"#] {
        check_predictions(&canvas(trainer, &[FEATURES]), true);
        check_predictions(&canvas(trainer, &[FEATURES, TEXT]), false);
    }
}

#[test]
fn trees_deal_with_missing_numbers_themselves_where_the_canvas_leaves_it_to_them() {
    let own = "[[features]]\nname = \"balance\"\ntype = \"number\"\nmissing = \"model\"\n";
    check_predictions(&canvas(r#"{ kind = "gradient_boosting", trees = 20 }"#, &[FEATURES, own]), true);
    let canvas = canvas(r#"{ kind = "logistic" }"#, &[own]);
    let error = train(&canvas, &table(&canvas, 1), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("only trees deal with missing values"), "{error}");
}

/// What the canvas says of one feature that is written wrongly.
fn finding(feature: &str) -> String {
    let text = format!(
        r#"
        name = "loans"
        prediction_task = {{ kind = "classification", target = "repaid", positive = "yes" }}
        features = [
            {{ name = "x", type = "number", missing = "median" }},
            {{ name = "y", type = "number", range = [1, 9], missing = "median", monotonic = "increasing" }},
            {{ name = "z", type = "number", missing = "model" }},
            {{ name = "day", type = "timestamp", transform = ["date_parts"], parts = ["hour"] }},
            {{ name = "f", {feature} }},
        ]
        "#
    );
    parse_canvas(&text, "canvas.toml").map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn the_canvas_names_what_has_no_meaning() {
    let cases = [
        (r#"type = "number", ratio = ["x", "w"]"#, "features[4].ratio[1]: there is no input to derive from \"w\""),
        (r#"type = "number", ratio = ["x", "z"]"#, "\"z\" may be missing, and nothing is filled in for it"),
        (r#"type = "number", ratio = ["x", "day"]"#, "\"day\" is a timestamp, of which there is no ratio"),
        (r#"type = "number", difference = ["x", "day"]"#, "a number cannot be taken from a timestamp"),
        (r#"type = "number", difference = ["x", "x"]"#, "both are the same feature"),
        (r#"type = "number", ratio = ["x", "x"], difference = ["x", "day"]"#, "it is a ratio already"),
        (r#"type = "integer", difference = ["x", "day"]"#, "a difference is no integer"),
        (r#"type = "number", ratio = ["x", "f"]"#, "there is no input to derive from \"f\""),
        (r#"type = "number", ratio = ["x", "y"]"#, "\"y\" is monotonic, and the ratio moves with it"),
        (r#"type = "number", difference = ["x", "y"]"#, "\"y\" is monotonic, and the difference moves with it"),
        (r#"type = "number", difference = ["x", "y"], monotonic = "decreasing""#, ""),
        (r#"type = "number", difference = ["y", "x"], monotonic = "increasing""#, ""),
        (r#"type = "number", difference = ["x", "y"], monotonic = "increasing""#, "the difference moves with it"),
        (r#"type = "number", ratio = ["x", "y"], missing = "mean""#, "features[4].missing: this has no meaning"),
        (r#"type = "number", ratio = ["x", "y"], source = "s""#, "features[4].source: this has no meaning"),
        (r#"type = "number", ratio = ["x", "y"], range = [0, 1]"#, "features[4].range: this has no meaning"),
        (r#"type = "timestamp""#, "nothing is made of the timestamp"),
        (r#"type = "timestamp", transform = ["date_parts"]"#, "does not know which parts to take"),
        (r#"type = "timestamp", transform = ["date_parts"], parts = ["hour", "hour"]"#, "the part comes twice"),
        (r#"type = "timestamp", transform = ["date_parts"], parts = ["minute"]"#, "unknown value \"minute\""),
        (r#"type = "timestamp", transform = ["date_parts"], parts = ["day"], monotonic = "increasing""#, "go round"),
        (r#"type = "timestamp", transform = ["date_parts"], parts = ["day"], missing = "mean""#, "cannot be filled"),
        (
            r#"type = "timestamp", transform = ["date_parts"], parts = ["day"], range = ["2024-01-01", "soon"]"#,
            "\"soon\"",
        ),
        (r#"type = "timestamp", transform = ["standardize"]"#, "the transform does not fit a timestamp"),
        (r#"type = "number", missing = "mean", parts = ["day"]"#, "no transform takes them"),
        (r#"type = "text", transform = ["tf_idf"], max_terms = 0"#, "0 terms tell nothing apart"),
        (r#"type = "text", max_terms = 9"#, "no transform counts terms"),
        (r#"type = "text", transform = ["tf_idf"], missing = "median""#, "a text that is missing is the empty text"),
        (r#"type = "category", values = ["a", "b"], transform = ["one_hot", "ordinal"]"#, "becomes columns in one way"),
        (r#"type = "category", values = ["a", "b"], monotonic = "increasing""#, "add transform = [\"ordinal\"]"),
        (r#"type = "category", values = ["a", "b"], transform = ["ordinal"], monotonic = "increasing""#, ""),
    ];
    for (feature, wanted) in cases {
        let found = finding(feature);
        assert!(
            found.contains(wanted) && found.is_empty() == wanted.is_empty(),
            "{feature}: {found:?} and not {wanted:?}"
        );
    }
}

#[test]
fn a_range_may_be_written_in_dates() {
    let text = r#"
        name = "loans"
        prediction_task = { kind = "classification", target = "repaid", positive = "yes" }
        features = [{ name = "day", type = "timestamp", range = [1970-01-02, "1970-01-03T00:00:01Z"],
                      transform = ["date_parts"], parts = ["hour"] }]
    "#;
    let canvas = parse_canvas(text, "canvas.toml").unwrap();
    assert_eq!(canvas.features[0].range, Some([86_400_000.0, 172_801_000.0]));
    assert_eq!(serde_json::from_str::<Canvas>(&nearside::canvas::to_json(&canvas)).unwrap(), canvas);
}
