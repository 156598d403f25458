//! A program of the project as the trainer: it is given the training rows, and leaves an ONNX model.

use crate::output::Progress;
use crate::project::{KIT, Project, Trained, TrainedCandidate};
use nearside::adopt::{Options, Rows, adopt};
use nearside::bundle::sha256_hex;
use nearside::canvas::{Feature, to_json};
use nearside::features::Value;
use nearside::onnx::read;
use nearside::sources::{Column, Table, run_program, to_csv};

use nearside::train::{Preparation, Target, prepare, schema, split};
use nearside::{ElementType, Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many training rows tell what the model takes and gives.
const LOOKED_AT: usize = 256;

/// Runs `command` of block 9 in the project's folder, with what it needs in its environment:
///
/// - `NEARSIDE_ROWS`: the training rows as CSV; the rows that are held out are not among them.
/// - `NEARSIDE_CANVAS`: the canvas as JSON.
/// - `NEARSIDE_MODEL`: where it writes the ONNX model. Raw values go in: an input per feature, named after it, or one
///   matrix of all in the order of the canvas. A category is fed as text to an input of strings, and to any other as its
///   place among the values of the canvas.
/// - `NEARSIDE_METRICS`: where it may write a JSON file of what it measured.
///
/// # Errors
/// `invalid-data` for a program that fails, runs for too long, or leaves no model; those of [`adopt`] for a model that
/// does not fit the canvas.
pub fn step(project: &Project, table: &Table, snapshot: String) -> Result<Trained> {
    let canvas = &project.canvas;
    let trainer = &canvas.building_models.trainer;
    let parts = split(canvas, table)?;
    let progress = Progress::new("training", None);
    progress.message(&trainer.command.join(" "));
    let folder = absolute(&project.work_file("program"))?;
    std::fs::create_dir_all(&folder).map_err(|error| Error::from(error).place(folder.display()))?;
    let [rows, stated, model, metrics] =
        ["rows.csv", "canvas.json", "model.onnx", "metrics.json"].map(|name| folder.join(name));
    for old in [&model, &metrics] {
        if old.exists() {
            std::fs::remove_file(old).map_err(|error| Error::from(error).place(old.display()))?;
        }
    }
    project.write_work("program/rows.csv", &to_csv(&table.select(&parts.train))?)?;
    project.write_work("program/canvas.json", to_json(canvas).as_bytes())?;
    let environment: [(&str, &Path); 4] = [
        ("NEARSIDE_ROWS", &rows),
        ("NEARSIDE_CANVAS", &stated),
        ("NEARSIDE_MODEL", &model),
        ("NEARSIDE_METRICS", &metrics),
    ];
    run_program(&trainer.command, &project.folder, &environment, Duration::from_secs_f64(trainer.timeout_s))
        .map_err(|error| error.item("building_models.trainer.command"))?;

    let bytes = std::fs::read(&model).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "the program wrote no model".to_owned(),
            _ => error.to_string(),
        };
        let error = Error::new(ErrorKind::InvalidData, message).place(model.display());
        error.item("building_models.trainer.command").help("write it to the file that NEARSIDE_MODEL names")
    })?;
    let metrics = match std::fs::read(&metrics) {
        Err(_) => None,
        Ok(text) => Some(serde_json::from_slice(&text).map_err(|error| {
            Error::new(ErrorKind::InvalidData, error.to_string()).place(metrics.display()).help("write JSON")
        })?),
    };
    let trained = learn(project, table, &parts.train, &bytes, snapshot, metrics);
    trained.map_err(|error| error.item("building_models.trainer.command"))
}

/// What the model takes and gives, from the training rows that it is tried on.
fn learn(
    project: &Project,
    table: &Table,
    training: &[usize],
    bytes: &[u8],
    snapshot: String,
    metrics: Option<serde_json::Value>,
) -> Result<Trained> {
    let canvas = &project.canvas;
    let graph = read(bytes)?;
    let takes_text = |name: &str| {
        let inputs = &graph.signature.inputs;
        let own = inputs.iter().find(|input| input.name == name).or(inputs.first().filter(|_| inputs.len() == 1));
        own.is_some_and(|input| input.element_type == ElementType::Text)
    };
    let step = training.len().div_ceil(LOOKED_AT).max(1);
    let sample = table.select(&training.iter().copied().step_by(step).collect::<Vec<_>>());
    let task = &canvas.prediction_task;
    let mut columns = Vec::new();
    for feature in canvas.inputs() {
        let values = sample.column(feature.column())?.values();
        let values = values.map(|value| if takes_text(&feature.name) { value } else { fed(feature, value) });
        columns.push(Column::new(&feature.name, values));
    }
    let names = canvas.inputs().map(|feature| feature.name.clone()).collect();
    let options = Options { name: canvas.name.clone(), task: Some(task.kind), columns: names, ..Options::default() };
    let rows = Rows::read(&to_csv(&Table::new("the training rows", columns)?)?, "the training rows")?;
    let adopted = adopt(bytes, &rows, &options, &mut |_| {})?;
    let prepared = prepare(canvas, table, training, Preparation::Trees { rank_by: None })?;
    let mut features = schema(canvas, &prepared, table, training)?;
    for feature in &mut features {
        let found = adopted.manifest.features.iter().find(|found| found.name == feature.name);
        let found = found.ok_or_else(|| {
            let error = Error::new(ErrorKind::InvalidData, "the model does not take this feature").item(&feature.name);
            error.help("train on every feature of the canvas, or take it out of the canvas")
        })?;
        feature.feeds.clone_from(&found.feeds);
    }
    let (mut roles, mut classes) = (adopted.manifest.roles, adopted.manifest.task.classes);
    if let Some(labels) = Target::read(canvas, table)?.labels() {
        let places: Vec<String> = (0..labels.classes.len()).map(|place| place.to_string()).collect();
        if classes == places && labels.classes != places {
            // The label is the place of a class in the order of the names.
            roles.label = roles.class.take();
            classes.clone_from(&labels.classes);
        }
        if let Some(strange) = labels.classes.iter().find(|class| !classes.contains(class)) {
            let message =
                format!("the model does not know the class \"{strange}\"; it tells apart: {}", classes.join(", "));
            let error = Error::new(ErrorKind::InvalidData, message);
            return Err(error.help("let the label be the class itself, or its place in the order of the names"));
        }
    }
    let candidate = TrainedCandidate {
        name: "program".to_owned(),
        model: "program/model.onnx".to_owned(),
        sha256: sha256_hex(bytes),
        explained_by: None,
        parameters: graph.parameters(),
        rows: training.len(),
    };
    Ok(Trained {
        kit: KIT.to_owned(),
        canvas_digest: project.training_digest(),
        snapshot,
        schema: features,
        classes,
        roles: Some(roles),
        metrics,
        candidates: vec![candidate],
    })
}

/// What an input of numbers is fed for a value: the place of a category, 0 or 1 of a boolean.
fn fed(feature: &Feature, value: Value) -> Value {
    match value {
        Value::Text(text) => match feature.values.iter().position(|known| *known == text) {
            Some(place) => Value::Number(place as f64),
            None => Value::Missing,
        },
        Value::Bool(flag) => Value::Number(f64::from(u8::from(flag))),
        other => other,
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::from(error).place(path.display()))
}
