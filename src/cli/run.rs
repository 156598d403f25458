//! `nearside run`: one model or bundle, one input file.

use crate::engine::{self, Choice};
use crate::output;
use crate::tensors::{self, Named};
use clap::Args;
use nearside::features::{Record, Value, read_timestamps};
use nearside::onnx::{TractEngine, read_file};
use nearside::predict::Groups;
use nearside::rollout::Registry;
use nearside::sources::cell;
use nearside::{Data, Dimension, ElementType, Engine, Error, ErrorKind, Predictor, Result, Signature, Tensor};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Run a model or a bundle.
///
/// A bundle takes records: a .json list of objects, or a .csv with a header. A model takes tensors: .json
/// ({name: {type, shape, data}}), .npz, ONNX .pb (one file per input, in order), or a .csv of numbers for its one input.
#[derive(Args)]
pub struct Run {
    /// An .onnx file, or the folder of a bundle.
    model: PathBuf,
    /// The input; several .pb files for several inputs.
    #[arg(long, num_args = 1.., required_unless_present = "describe")]
    input: Vec<PathBuf>,
    /// Where the output goes: .json, or .npz for the tensors of a model. Standard output when it is not given.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Only say what the model takes and gives.
    #[arg(long)]
    describe: bool,
    /// What runs an .onnx file.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    engine: Choice,
}

/// Runs the command.
pub fn run(args: Run, json: bool) -> Result<()> {
    let is_bundle = args.model.join("channel.json").is_file();
    if let Some(path) = &args.output {
        check_output(path, is_bundle)?;
    }
    if is_bundle {
        return run_bundle(&args, json);
    }
    let bytes = read_file(&args.model).map_err(|error| error.help("give an .onnx file, or the folder of a bundle"))?;
    let placed = |error: Error| error.place(args.model.display());
    if args.describe {
        return describe_model(&TractEngine::new(&bytes).map_err(placed)?, json);
    }
    let mut engine = engine::open(&bytes, args.engine).map_err(placed)?;
    let inputs = read_tensors(&args.input, engine.signature())?;
    let arranged = engine.signature().arrange(inputs)?;
    let outputs = engine.run(arranged)?;
    let names = engine.signature().outputs.iter().map(|port| port.name.clone());
    let named: Named = names.zip(outputs).collect();
    match &args.output {
        Some(path) if extension(path) == "npz" => tensors::write_npz(path, &named),
        Some(path) => write_json(path, &tensors::to_json(&named)),
        None => output::json(&tensors::to_json(&named)),
    }
}

/// The kinds of file that can be written, before any work is done.
fn check_output(path: &Path, is_bundle: bool) -> Result<()> {
    let (message, help) = match (extension(path), is_bundle) {
        ("json", _) | ("npz", false) => return Ok(()),
        (_, true) => {
            ("what a bundle predicts is not written to this kind of file", "give --output a name that ends in .json")
        }
        (_, false) => ("this kind of output file is not written", "give --output a name that ends in .json or .npz"),
    };
    Err(Error::new(ErrorKind::Usage, message).place(path.display()).help(help))
}

/// What a model takes and gives, and what its file says of itself.
fn describe_model(engine: &TractEngine, json: bool) -> Result<()> {
    let (signature, description) = (engine.signature(), engine.description());
    if json {
        let Signature { inputs, outputs } = signature;
        return output::json(&serde_json::json!({ "inputs": inputs, "outputs": outputs, "description": description }));
    }
    describe(signature)?;
    for (output, classes) in &description.classes {
        output::line(format_args!("classes {output}: {}", classes.join(", ")))?;
    }
    for (domain, version) in &description.opset {
        output::line(format_args!("opset   {domain} {version}"))?;
    }
    for (key, value) in &description.metadata {
        output::line(format_args!("{key}: {value}"))?;
    }
    output::line(format_args!("from    {}", description.producer))
}

fn describe(signature: &Signature) -> Result<()> {
    for (kind, ports) in [("input", &signature.inputs), ("output", &signature.outputs)] {
        for port in ports {
            let sizes = port.shape.iter().map(|size| match size {
                Dimension::Fixed(size) => size.to_string(),
                Dimension::Symbol(name) => name.clone(),
            });
            let sizes = sizes.collect::<Vec<_>>().join(", ");
            output::line(format_args!("{kind:7} {} {} [{sizes}]", port.name, port.element_type.name()))?;
        }
    }
    Ok(())
}

fn run_bundle(args: &Run, json: bool) -> Result<()> {
    let registry = Registry::new(&args.model);
    let manifest = registry.verify(&registry.channel()?.champion.version)?;
    if args.describe {
        return if json {
            output::json(&manifest)
        } else {
            describe(&Signature { inputs: manifest.inputs, outputs: manifest.outputs })
        };
    }
    let model = registry.file(&manifest, "model")?.unwrap_or_default();
    let engine = TractEngine::new(&model)?;
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos() as u64);
    let groups: Vec<String> = manifest.groups.iter().map(|group| group.name.clone()).collect();
    let mut predictor = Predictor::new(manifest, Some(Box::new(engine)), seed)?;
    let start = Instant::now();
    let mut clock = || start.elapsed().as_secs_f64() * 1e3;
    let [input] = args.input.as_slice() else {
        return Err(Error::new(ErrorKind::Usage, "a bundle takes one input file"));
    };
    let records = read_records(input, &predictor)?;
    let mut predictions = Vec::with_capacity(records.len());
    for (row, mut record) in records.into_iter().enumerate() {
        // A record may carry its groups; the model never sees them.
        let declared: Groups = groups
            .iter()
            .filter_map(|group| match record.remove(group) {
                Some(Value::Text(value)) => Some((group.clone(), value)),
                _ => None,
            })
            .collect();
        predictions.push(predictor.predict(&record, &declared, &mut clock).map_err(|error| error.row(row + 1))?);
    }
    match &args.output {
        Some(path) => write_json(path, &predictions),
        None => output::json(&predictions),
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    std::fs::write(path, text).map_err(|error| Error::from(error).place(path.display()))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|error| Error::from(error).place(path.display()))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()).place(path.display()))
}

fn read_tensors(paths: &[PathBuf], signature: &Signature) -> Result<Named> {
    let mut named = Named::new();
    for (index, path) in paths.iter().enumerate() {
        let place = |error: Error| error.place(path.display());
        match extension(path) {
            "json" => {
                let json: serde_json::Map<String, serde_json::Value> = read_json(path)?;
                named.extend(tensors::from_json(&json, signature).map_err(place)?);
            }
            "npz" => named.extend(tensors::read_npz(path)?),
            "pb" => {
                let (_, tensor) = tensors::read_pb(path)?;
                let port = signature
                    .inputs
                    .get(index)
                    .ok_or_else(|| place(Error::new(ErrorKind::WrongInput, "there are more .pb files than inputs")))?;
                named.push((port.name.clone(), tensor));
            }
            "csv" => named.push(read_matrix(path, signature)?),
            _ => {
                let error = Error::new(ErrorKind::Usage, "this kind of input file is not read");
                return Err(place(error.help("give .json, .npz, .pb or .csv")));
            }
        }
    }
    Ok(named)
}

/// A CSV of numbers with a header, as the `[rows, columns]` of the model's one float input.
fn read_matrix(path: &Path, signature: &Signature) -> Result<(String, Tensor)> {
    let place = |error: Error| error.place(path.display());
    let [port] = signature.inputs.as_slice() else {
        let error = Error::new(ErrorKind::WrongInput, "a .csv feeds a model with one input; this one has more");
        return Err(place(error.help("use .json or .npz")));
    };
    let mut reader = csv::Reader::from_path(path)
        .map_err(|error| Error::new(ErrorKind::Io, error.to_string()).place(path.display()))?;
    let (mut values, mut rows, mut columns) = (Vec::new(), 0, 0);
    for record in reader.records() {
        let record = record.map_err(|error| place(Error::new(ErrorKind::InvalidData, error.to_string())))?;
        rows += 1;
        columns = record.len();
        for field in &record {
            let value: f64 = field.trim().parse().map_err(|_| {
                let message = format!("\"{field}\" is not a number");
                place(Error::new(ErrorKind::InvalidData, message).row(rows))
            })?;
            values.push(value);
        }
    }
    let data = match port.element_type {
        ElementType::F64 => Data::F64(values),
        ElementType::I64 => Data::I64(values.into_iter().map(|value| value as i64).collect()),
        _ => Data::F32(values.into_iter().map(|value| value as f32).collect()),
    };
    Ok((port.name.clone(), Tensor::new(vec![rows, columns], data)?))
}

fn read_records(path: &Path, predictor: &Predictor) -> Result<Vec<Record>> {
    match extension(path) {
        "json" => {
            let mut records: Vec<Record> = read_json(path)?;
            records.iter_mut().for_each(|record| read_timestamps(&predictor.manifest().features, record));
            Ok(records)
        }
        "csv" => read_csv_records(path, predictor),
        _ => {
            let error = Error::new(ErrorKind::Usage, "this kind of input file holds no records").place(path.display());
            Err(error.help("give a .json list of objects, or a .csv with a header"))
        }
    }
}

fn read_csv_records(path: &Path, predictor: &Predictor) -> Result<Vec<Record>> {
    let broken = |error: csv::Error| Error::new(ErrorKind::InvalidData, error.to_string()).place(path.display());
    let mut reader = csv::Reader::from_path(path).map_err(broken)?;
    let header = reader.headers().map_err(broken)?.clone();
    let manifest = predictor.manifest();
    let mut records = Vec::new();
    for row in reader.records() {
        let row = row.map_err(broken)?;
        let mut record = Record::new();
        for (name, field) in header.iter().zip(&row) {
            let feature = manifest.features.iter().find(|feature| feature.name == name);
            let value = match feature.map(|feature| feature.kind) {
                // Columns that are neither features nor groups are no part of the record.
                None if manifest.groups.iter().any(|group| group.name == name) => Value::from(field),
                None => continue,
                Some(kind) => cell(field, kind, feature.map_or(&[], |feature| &feature.values)),
            };
            record.insert(name.to_owned(), value);
        }
        records.push(record);
    }
    Ok(records)
}
