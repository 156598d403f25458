//! Models that exist already: what is inferred about them, and that their bundles predict what they do themselves.

use crate::cli::nearside;
use nearside::bundle::Manifest;
use nearside::canvas::{FeatureKind, Missing, TaskKind};
use nearside::explain::explain;
use nearside::features::{Record, Value};
use nearside::monitor::{self, Live, Span};
use nearside::onnx::{Attribute, GraphBuilder, TractEngine, read_tensor_proto};
use nearside::predict::Groups;
use nearside::rollout::Registry;
use nearside::sources::read_canvas;
use nearside::{Data, Dimension, ElementType, Engine, ErrorKind, Port, Predictor, Result, Signature, Tensor};
use serde_json::Value as Json;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a model and rows, and the project that `adopt` makes of them.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(model: &[u8], rows: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.onnx"), model).unwrap();
        fs::write(folder.path().join("rows.csv"), rows).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn adopt(&self, more: &[&str]) -> crate::cli::Ended {
        let (model, rows, output) = (self.path("model.onnx"), self.path("rows.csv"), self.path("my-model"));
        nearside(&[&["adopt", &model, "--data", &rows, "--output", &output, "--json"], more].concat())
    }

    #[track_caller]
    fn adopted(&self, more: &[&str]) -> Json {
        let ended = self.adopt(more);
        ended.says(0, &[]);
        let project = self.path("my-model");
        let manifest = self.manifest();
        assert!(read_canvas(&Path::new(&project).join("canvas.toml")).is_ok());
        assert_eq!(manifest.name, "my-model");
        ended.json()
    }

    fn manifest(&self) -> Manifest {
        let registry = Registry::new(self.path("my-model/bundle"));
        registry.verify(&registry.channel().unwrap().champion.version).unwrap()
    }

    fn predictor(&self) -> Predictor {
        let registry = Registry::new(self.path("my-model/bundle"));
        let manifest = self.manifest();
        let model = registry.file(&manifest, "model").unwrap().unwrap();
        Predictor::new(manifest, Some(Box::new(TractEngine::new(&model).unwrap())), 7).unwrap()
    }

    /// What `nearside run` says of the rows.
    fn predictions(&self) -> Vec<Json> {
        let ended = nearside(&["run", &self.path("my-model/bundle"), "--input", &self.path("rows.csv")]);
        ended.says(0, &[]);
        ended.json().as_array().unwrap().clone()
    }
}

fn port(name: &str, element_type: ElementType, sizes: &[usize]) -> Port {
    let batch = std::iter::once(Dimension::Symbol("batch".into()));
    Port {
        name: name.into(),
        element_type,
        shape: batch.chain(sizes.iter().map(|&size| Dimension::Fixed(size))).collect(),
    }
}

const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// `value = size · 2 + rooms + garden`, from inputs of four types and two ranks.
fn prices() -> Vec<u8> {
    let mut graph = GraphBuilder::new("prices");
    let size = graph.input(&port("size", ElementType::F64, &[1]));
    let rooms = graph.input(&port("rooms", ElementType::I64, &[1]));
    let garden = graph.input(&port("garden", ElementType::Bool, &[1]));
    let age = graph.input(&port("age", ElementType::F32, &[1]));
    let to = [Attribute::Int("to", FLOAT)];
    let size = graph.node("Cast", &[&size], &to);
    let rooms = graph.node("Cast", &[&rooms], &to);
    let garden = graph.node("Cast", &[&garden], &to);
    let known = graph.node("IsNaN", &[&age], &[]);
    let unknown = graph.node("Cast", &[&known], &to);
    let double = graph.node("Add", &[&size, &size], &[]);
    let sum = graph.node("Add", &[&double, &rooms], &[]);
    let sum = graph.node("Add", &[&sum, &garden], &[]);
    graph.named_node("price", "Add", &[&sum, &unknown], &[]);
    graph.output(&port("price", ElementType::F32, &[1]));
    graph.finish()
}

const PRICES: &str = "id,garden,rooms,size,price,age\na,true,3,50.5,105,10\nb,false,4,71,146,\nc,true,2,30,63,30\n";

#[test]
fn columns_of_every_type_feed_the_inputs_of_their_names() {
    let case = Case::new(&prices(), PRICES);
    let report = case.adopted(&["--target", "price"]);
    assert_eq!((&report["task"], &report["target"]), (&"regression".into(), &"price".into()));
    assert_eq!(report["quality"][0]["metric"], "rmse");
    // 1 too much in the first and the second row: 101 + 3 + 1, 142 + 4 + 1.
    assert!(report["quality"][0]["value"].as_f64().unwrap() < 1.0, "{report}");
    assert!(report["notes"].to_string().contains("left out, because no input takes them: id"), "{report}");

    let manifest = case.manifest();
    let kinds: Vec<(&str, FeatureKind, Missing)> =
        manifest.features.iter().map(|feature| (feature.name.as_str(), feature.kind, feature.missing)).collect();
    let wanted = [
        ("size", FeatureKind::Number, Missing::Error),
        ("rooms", FeatureKind::Integer, Missing::Error),
        ("garden", FeatureKind::Boolean, Missing::Error),
        ("age", FeatureKind::Number, Missing::Model),
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(manifest.features[0].range, Some([27.9, 73.1]), "5 % on either side");
    let values: Vec<f64> = case.predictions().iter().map(|row| row["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [105.0, 147.0, 63.0]);
    let canvas = fs::read_to_string(case.path("my-model/canvas.toml")).unwrap();
    assert!(canvas.contains("kind = \"regression\"\ntarget = \"price\"\n"), "{canvas}");
    let doctor = nearside(&["doctor", "--project", &case.path("my-model"), "--json", "--port", "0"]);
    let checks = doctor.json();
    let bundle = checks.as_array().unwrap().iter().find(|check| check["name"] == "bundle").unwrap().clone();
    assert_eq!(bundle["ok"], true, "{bundle}");
}

/// Boundaries, counters, report and canvas of a model that has neither score nor bands.
#[test]
fn an_adopted_regression_is_watched_like_any_other_model() {
    let case = Case::new(&prices(), PRICES);
    case.adopted(&[]);
    let mut predictor = case.predictor();
    let record: Record = [("size", Value::from(500.0)), ("rooms", 3.0.into()), ("garden", true.into())]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    let prediction = predictor.predict(&record, &Groups::new(), &mut || 0.0).unwrap();
    assert_eq!((prediction.value, prediction.score, prediction.label), (Some(1005.0), None, None));
    assert!(!prediction.boundary.inside, "500 is far from what the rows hold");
    let without: Record =
        record.iter().filter(|(name, _)| *name != "rooms").map(|(n, v)| (n.clone(), v.clone())).collect();
    let error = predictor.predict(&without, &Groups::new(), &mut || 0.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRecord);
    assert!(error.message().starts_with("rooms is missing"), "{error}");
    let error = explain(&mut predictor, &record).unwrap_err();
    assert!(error.to_string().contains("carries no explanation"), "{error}");

    let registry = Registry::new(case.path("my-model/bundle"));
    let baseline = registry.file(predictor.manifest(), "baseline").unwrap().unwrap();
    let baseline = serde_json::from_slice(&baseline).unwrap();
    let report = monitor::report(predictor.manifest(), Some(&baseline), predictor.window(), Span::default());
    assert_eq!((report.predictions, report.refused, report.drift.len()), (1, 1, 4));
    assert_eq!(report.scores.counts.iter().sum::<u64>(), 0);
    assert!(report.actions.is_empty() && report.performance.metrics.is_empty());
    let canvas = registry.file(predictor.manifest(), "canvas").unwrap().unwrap();
    let view = monitor::canvas_view(&serde_json::from_slice(&canvas).unwrap(), Some(&report), &Live::default());
    let view = serde_json::to_string(&view).unwrap();
    assert!(view.contains("regression") && view.contains("price"), "{view}");
}

/// A classifier that only says which class: 1 where x > 2.
fn labels_only(sizes: &[usize]) -> Vec<u8> {
    let mut graph = GraphBuilder::new("labels");
    let x = graph.input(&port("x", ElementType::F32, &[1]));
    let two = graph.constant(&Tensor::cell(Data::F32(vec![2.0])).unwrap()).unwrap();
    let above = graph.node("Greater", &[&x, &two], &[]);
    graph.named_node("label", "Cast", &[&above], &[Attribute::Int("to", INT64)]);
    graph.output(&port("label", ElementType::I64, sizes));
    graph.finish()
}

#[test]
fn a_classifier_that_only_gives_a_label_has_no_score() {
    let case = Case::new(&labels_only(&[1]), "x,y\n1,0\n2,0\n3,1\n4,0\n");
    let report = case.adopted(&["--target", "y"]);
    assert_eq!((&report["task"], &report["classes"]), (&"classification".into(), &serde_json::json!(["0", "1"])));
    assert_eq!(report["quality"], serde_json::json!([{ "metric": "accuracy", "value": 0.75, "rows": 4 }]));
    for (row, wanted) in case.predictions().iter().zip(["0", "0", "1", "1"]) {
        assert_eq!((&row["label"], &row["score"], &row["probabilities"]), (&wanted.into(), &Json::Null, &Json::Null));
    }
    assert!(!case.manifest().has_score());
}

/// `y = sigmoid(a + b)`, from a matrix.
fn matrix() -> Vec<u8> {
    let mut graph = GraphBuilder::new("matrix");
    let x = graph.input(&port("X", ElementType::F32, &[2]));
    let ones = graph.constant(&Tensor::new(vec![2, 1], Data::F32(vec![1.0, 1.0])).unwrap()).unwrap();
    let sum = graph.node("MatMul", &[&x, &ones], &[]);
    graph.named_node("probability", "Sigmoid", &[&sum], &[]);
    graph.output(&port("probability", ElementType::F32, &[1]));
    graph.finish()
}

#[test]
fn one_number_is_a_score_where_the_target_has_two_classes() {
    let case = Case::new(&matrix(), "a,name,b,bought\n1,x,1,yes\n-1,y,-2,no\n3,z,0,yes\n");
    let report = case.adopted(&["--target", "bought"]);
    assert_eq!((&report["classes"], &report["positive"]), (&serde_json::json!(["no", "yes"]), &"yes".into()));
    assert_eq!(report["quality"][1], serde_json::json!({ "metric": "roc_auc", "value": 1.0, "rows": 3 }));
    for (row, sum) in case.predictions().iter().zip([2.0f64, -3.0, 3.0]) {
        let wanted = 1.0 / (1.0 + (-sum).exp());
        let (score, yes) = (row["score"].as_f64().unwrap(), row["probabilities"]["yes"].as_f64().unwrap());
        assert!((score - wanted).abs() < 1e-6 && yes == score, "{row}");
        assert_eq!(row["label"], if sum > 0.0 { "yes" } else { "no" });
    }
    let manifest = case.manifest();
    assert_eq!(manifest.features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((manifest.fed(0), manifest.fed(1)), (Some((0, 0)), Some((0, 1))));
    // Another order, when a person says so.
    fs::remove_dir_all(case.path("my-model")).unwrap();
    case.adopted(&["--target", "bought", "--columns", "b,a"]);
    assert_eq!(case.manifest().features[0].name, "b");
}

#[test]
fn what_is_wrong_is_said_with_both_sides_and_what_to_do() {
    let (matrix, prices) = (matrix(), prices());
    #[allow(clippy::type_complexity)]
    let cases: [(&[u8], &str, &[&str], &[&str]); 11] = [
        (&matrix, "a,b,c\n1,2,3\n", &[], &["X: the model takes 2 numeric columns", "rows have 3: a, b, c", "--target"]),
        (&matrix, "a,b\n1,\"1,5\"\n", &[], &["rows have 1: a", "b is not numeric: \"1,5\" at", "rows.csv:2"]),
        (&matrix, "a,b,c,d\n1,2,3,4\n", &[], &["rows have 4: a, b, c, d", "--columns"]),
        (&matrix, "a,b\n1,2\n", &["--target", "c"], &["there is no column \"c\"", "columns: a, b"]),
        (&matrix, "a,b\n", &[], &["rows.csv: there are no rows"]),
        (&matrix, "a,a\n1,2\n", &[], &["a: the column comes twice"]),
        (
            &prices,
            "garden,rooms,size,age\ntrue,1,2,3\ntrue,1,,3\n",
            &[],
            &["rows.csv:3: ", "row 2: ", "no finite number", "fill"],
        ),
        (&prices, "garden,roms,size,age\ntrue,1,2,3\n", &[], &["takes rooms (int64)", "did you mean \"roms\"?"]),
        (
            &prices,
            "garden,rooms,size,age\ntrue,many,2,3\n",
            &[],
            &["rows.csv:2: ", "rooms: \"many\" where the model takes whole numbers"],
        ),
        (
            &prices,
            "garden,rooms,size,age\ntrue,,2,3\n",
            &[],
            &["rooms: the value is missing, and the model takes int64"],
        ),
        (b"not a model", "a,b\n1,2\n", &[], &["model.onnx"]),
    ];
    for (model, rows, more, words) in cases {
        let case = Case::new(model, rows);
        case.adopt(more).says(1, words);
        assert!(!Path::new(&case.path("my-model")).exists(), "nothing is left behind");
    }
    let case = Case::new(&matrix, "a,b\n1,2\n3,4\n");
    case.adopted(&["--task", "regression"]);
    case.adopt(&[]).says(2, &["the project exists already", "--output DIR"]);
}

/// An engine that gives its string input back as the label.
struct Echo(Signature);

impl Engine for Echo {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        assert_eq!((inputs[0].shape(), inputs[0].element_type()), ([1, 2].as_slice(), ElementType::Text));
        let Data::Text(values) = inputs[0].data() else { panic!("strings") };
        Ok(vec![Tensor::new(vec![1], Data::Text(vec![values.join("|")]))?])
    }
}

#[test]
fn strings_are_fed_as_they_are_and_counted_as_what_they_are() {
    let signature = Signature {
        inputs: vec![port("words", ElementType::Text, &[2])],
        outputs: vec![port("said", ElementType::Text, &[])],
    };
    let feature = |name: &str, kind: &str, column: usize, values: &[&str]| {
        serde_json::json!({ "name": name, "kind": kind, "unit": null, "range": null, "values": values, "note": null,
                            "missing": "model", "bins": [], "example": "x", "feeds": { "input": "words", "column": column } })
    };
    let manifest = serde_json::json!({
        "format": 1, "name": "m", "version": "0a1b2c3d4e5f", "canvas_digest": "", "engine": "tract", "files": {},
        "task": { "kind": "classification", "target": "y", "classes": ["a", "b"], "positive": null },
        "inputs": signature.inputs, "outputs": signature.outputs, "roles": { "class": "said" }, "groups": [],
        "features": [feature("text", "text", 1, &["any text"]), feature("kind", "category", 0, &["red", "blue"])],
        "bands": [], "favourable": [], "fallback": null, "explanation": null, "business_metrics": [],
        "budgets": { "first_prediction_ms": 3000.0, "latency_p95_ms": null },
        "telemetry": { "first_flush_ms": 5000, "flush_ms": 30000, "consent": "required" },
    });
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let mut predictor = Predictor::new(manifest.clone(), Some(Box::new(Echo(signature))), 7).unwrap();
    let mut said = |text: Value, kind: Value| {
        let record: Record = [("text".to_owned(), text), ("kind".to_owned(), kind)].into();
        let prediction = predictor.predict(&record, &Groups::new(), &mut || 0.0).unwrap();
        (prediction.label.unwrap(), prediction.boundary.inside)
    };
    assert_eq!(said("good day".into(), "blue".into()), ("blue|good day".into(), true));
    assert_eq!(said(Value::Missing, "green".into()), ("green|".into(), false), "the model sees what it does not know");
    let counts = |feature| predictor.window().counts[predictor.layout().feature(feature)].to_vec();
    assert_eq!((counts(0), counts(1)), (vec![1, 1, 0], vec![0, 1, 0, 1]));
    for wrong in [1, 2] {
        let mut manifest = manifest.clone();
        manifest.features[1].feeds.as_mut().unwrap().column = wrong;
        assert_eq!(manifest.check().unwrap_err().kind(), ErrorKind::BundleFormat);
    }
}

fn zoo(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/zoo/models").join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED {name}: {} is not there", path.display());
    None
}

fn tensor(path: &Path) -> Tensor {
    read_tensor_proto(&fs::read(path).unwrap()).unwrap().1
}

/// The cells of a tensor, row by row, as a CSV file has them.
fn cells(tensor: &Tensor) -> Vec<Vec<String>> {
    let texts: Vec<String> = match tensor.data() {
        Data::Text(values) => values.iter().map(|text| format!("\"{}\"", text.replace('"', "\"\""))).collect(),
        Data::F32(values) => {
            values.iter().map(|value| if value.is_nan() { String::new() } else { value.to_string() }).collect()
        }
        data => data.to_f64().unwrap().iter().map(f64::to_string).collect(),
    };
    let rows = tensor.shape()[0];
    texts.chunks(texts.len() / rows).map(<[String]>::to_vec).collect()
}

/// The model of a zoo folder adopted from the rows of its first test: every label and number is the model's own.
fn adopted_as_it_is(name: &str, wanted: TaskKind) {
    let Some(folder) = zoo(name) else { return };
    let model = fs::read(folder.join("model.onnx")).unwrap();
    let set = folder.join("test_data_set_0");
    let engine = TractEngine::new(&model);
    let inputs: Vec<Tensor> = (0..)
        .map(|n| set.join(format!("input_{n}.pb")))
        .take_while(|path| path.exists())
        .map(|path| tensor(&path))
        .collect();
    let ran = engine.and_then(|mut engine| {
        let ports = engine.signature().inputs.clone();
        engine.run(inputs.clone()).map(|outputs| (ports, outputs))
    });
    let ports = match ran {
        // Whether an engine is right is not for these tests to say.
        Ok((_, outputs)) if wanted == TaskKind::Classification && outputs[0] != tensor(&set.join("output_0.pb")) => {
            return eprintln!("SKIPPED {name}: the engine gives other labels");
        }
        Ok((ports, _)) => ports,
        Err(error) => return eprintln!("SKIPPED {name}: the engine does not run it yet: {error}"),
    };
    let mut header = Vec::new();
    let mut rows = vec![Vec::new(); inputs[0].shape()[0]];
    for (input, port) in inputs.iter().zip(&ports) {
        let cells = cells(input);
        match cells[0].len() {
            1 => header.push(port.name.clone()),
            width => header.extend((0..width).map(|column| format!("{} {column}", port.name))),
        }
        rows.iter_mut().zip(cells).for_each(|(row, cells)| row.extend(cells));
    }
    let (label, numbers) = match wanted {
        TaskKind::Classification => (Some(tensor(&set.join("output_0.pb"))), tensor(&set.join("output_1.pb"))),
        _ => (None, tensor(&set.join("output_0.pb"))),
    };
    let labels: Option<Vec<String>> = label.map(|label| match label.data() {
        Data::Text(values) => values.clone(),
        data => data.to_f64().unwrap().iter().map(f64::to_string).collect(),
    });
    header.push("the target".to_owned());
    let target =
        labels.clone().unwrap_or_else(|| numbers.data().to_f64().unwrap().iter().map(f64::to_string).collect());
    rows.iter_mut().zip(target).for_each(|(row, target)| row.push(target));
    let mut csv = header.join(",") + "\n";
    rows.iter().for_each(|row| writeln!(csv, "{}", row.join(",")).unwrap());

    let case = Case::new(&model, &csv);
    let report = case.adopted(&["--target", "the target"]);
    assert_eq!(report["task"], serde_json::to_value(wanted).unwrap(), "{name}");
    let quality = report["quality"][0]["value"].as_f64().unwrap();
    assert!(if labels.is_some() { quality == 1.0 } else { quality < 1e-2 }, "{name}: {report}");
    let classes: Vec<String> = serde_json::from_value(report["classes"].clone()).unwrap();
    let numbers = numbers.data().to_f64().unwrap();
    let width = numbers.len() / rows.len();
    for (row, (got, wanted)) in case.predictions().iter().zip(numbers.chunks(width)).enumerate() {
        let near = |got: &Json, wanted: f64| (got.as_f64().unwrap() - wanted).abs() <= 1e-4 + 1e-3 * wanted.abs();
        let Some(labels) = &labels else {
            assert!(near(&got["value"], wanted[0]), "{name}, row {row}: {got}, {wanted:?}");
            continue;
        };
        assert_eq!(got["label"], labels[row].as_str(), "{name}, row {row}");
        assert_eq!(classes.len(), width, "{name}");
        for (class, wanted) in classes.iter().zip(wanted) {
            assert!(near(&got["probabilities"][class], *wanted), "{name}, row {row}: {got}, {wanted}");
        }
    }
}

#[test]
fn matrix_models_of_the_zoo_predict_as_they_do_themselves() {
    for name in
        ["gnb_wine", "knn_iris", "rf_digits", "logreg_digits", "adaboost_breast", "logreg_iris_zipmap", "rf_breast_f64"]
    {
        adopted_as_it_is(name, TaskKind::Classification);
    }
    for name in ["linreg_diabetes", "ridge_diabetes_f64", "imputer_mean_ridge_california", "xgb_california_nan"] {
        adopted_as_it_is(name, TaskKind::Regression);
    }
}

#[test]
fn pipelines_of_string_columns_predict_as_they_do_themselves() {
    for name in ["adult_onehot_logreg_zipmap_strlabel", "bank_onehot_gbc", "adult_onehot_rf", "tfidf_logreg_spam"] {
        adopted_as_it_is(name, TaskKind::Classification);
    }
    adopted_as_it_is("california_onehot_ridge", TaskKind::Regression);
}
