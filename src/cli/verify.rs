//! `nearside verify`: models against the outputs they must give.

use crate::engine::{self, Choice};
use crate::output::{self, Progress};
use crate::tensors::{read_pb, write_pb};
use clap::Args;
use nearside::onnx::read_file;
use nearside::{Data, Engine, Error, ErrorKind, Result, Tensor};
use serde::{Deserialize, Serialize};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Run models on their test data and compare.
///
/// A folder holds `model.onnx` and `test_data_set_0/input_0.pb, output_0.pb, …`, as the ONNX backend tests do, or
/// further folders that do. Floats may differ by atol + rtol · |wanted|; integers, strings and shapes must be equal.
#[derive(Args)]
pub struct Verify {
    /// Folders with models.
    #[arg(required_unless_present = "manifest")]
    folders: Vec<PathBuf>,
    /// A JSON file that lists models with their paths and tolerances.
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// Relative tolerance where the manifest gives none.
    #[arg(long, default_value_t = 1e-3)]
    rtol: f64,
    /// Absolute tolerance where the manifest gives none.
    #[arg(long, default_value_t = 1e-5)]
    atol: f64,
    /// What runs the models.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    engine: Choice,
    /// Write what the models gave, in the same layout.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// The whole result.
#[derive(Serialize)]
struct Summary {
    models: usize,
    passed: usize,
    refused: usize,
    failed: usize,
    rows: Vec<Row>,
}

/// One data set of one model.
#[derive(Serialize)]
struct Row {
    name: String,
    set: String,
    state: State,
    detail: String,
}

/// How a data set ended. A model ends as its worst data set.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Every output is what it must be.
    Passed,
    /// The model was refused by name: an operator, a type or a construct that is not supported.
    Refused,
    /// An output is wrong, or the engine failed.
    Failed,
}

struct Case {
    name: String,
    path: PathBuf,
    rtol: f64,
    atol: f64,
}

#[derive(Deserialize)]
struct Manifest {
    models: Vec<ManifestEntry>,
}

#[derive(Deserialize)]
struct ManifestEntry {
    name: String,
    path: PathBuf,
    rtol: Option<f64>,
    atol: Option<f64>,
}

/// Runs the command.
pub fn run(args: Verify, json: bool) -> Result<()> {
    let cases = cases(&args)?;
    let progress = Progress::new("verifying", Some(cases.len() as u64));
    let mut summary = Summary { models: cases.len(), passed: 0, refused: 0, failed: 0, rows: Vec::new() };
    for (done, case) in cases.iter().enumerate() {
        progress.set(done as u64, None);
        let rows = verify(case, args.engine, args.output.as_deref());
        match rows.iter().map(|row| row.state).max().unwrap_or(State::Failed) {
            State::Passed => summary.passed += 1,
            State::Refused => summary.refused += 1,
            State::Failed => summary.failed += 1,
        }
        if !json {
            rows.iter().try_for_each(|row| print(&progress, row))?;
        }
        summary.rows.extend(rows);
    }
    drop(progress);
    let Summary { models, passed, refused, failed, .. } = &summary;
    let sentence = format!("{models} models: {passed} passed, {refused} refused, {failed} failed");
    let perfect = summary.passed == summary.models;
    if json {
        output::json(&summary)?;
    } else {
        output::line(&sentence)?;
    }
    if perfect { Ok(()) } else { Err(Error::new(ErrorKind::GateFailed, sentence)) }
}

fn print(progress: &Progress, row: &Row) -> Result<()> {
    let state = match row.state {
        State::Passed => "passed ",
        State::Refused => "refused",
        State::Failed => "failed ",
    };
    let Row { name, set, detail, .. } = row;
    progress.line(format_args!("{state} {name} {set}{}{detail}", if detail.is_empty() { "" } else { ": " }))
}

fn cases(args: &Verify) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    if let Some(path) = &args.manifest {
        let text = fs::read(path).map_err(|error| Error::from(error).place(path.display()))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
            let error = Error::new(ErrorKind::InvalidData, error.to_string()).place(path.display());
            error.help("write { \"models\": [ { \"name\", \"path\", \"rtol\", \"atol\" } ] }")
        })?;
        let base = path.parent().unwrap_or(Path::new("."));
        for entry in manifest.models {
            let (rtol, atol) = (entry.rtol.unwrap_or(args.rtol), entry.atol.unwrap_or(args.atol));
            cases.push(Case { name: entry.name, path: base.join(entry.path), rtol, atol });
        }
    }
    for folder in &args.folders {
        let before = cases.len();
        find(folder, args, &mut cases)?;
        if cases.len() == before {
            let error = Error::new(ErrorKind::Usage, "there is no model.onnx in this folder").place(folder.display());
            return Err(error.help("give a folder with model.onnx and test_data_set_0"));
        }
    }
    Ok(cases)
}

fn find(folder: &Path, args: &Verify, cases: &mut Vec<Case>) -> Result<()> {
    if folder.join("model.onnx").is_file() {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        cases.push(Case { name, path: folder.to_owned(), rtol: args.rtol, atol: args.atol });
        return Ok(());
    }
    for folder in sorted(folder)?.iter().filter(|path| path.is_dir()) {
        find(folder, args, cases)?;
    }
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| Error::from(error).place(folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

fn verify(case: &Case, choice: Choice, output: Option<&Path>) -> Vec<Row> {
    let row = |set: &str, result: Result<()>| {
        let (state, detail) = match result {
            Ok(()) => (State::Passed, String::new()),
            Err(error) if refuses(error.kind()) => (State::Refused, error.to_string()),
            Err(error) => (State::Failed, error.to_string()),
        };
        Row { name: case.name.clone(), set: set.to_owned(), state, detail }
    };
    let sets = match sorted(&case.path) {
        Ok(paths) => paths.into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>(),
        Err(error) => return vec![row("", Err(error))],
    };
    if sets.is_empty() {
        return vec![row("", Err(Error::new(ErrorKind::InvalidData, "there is no test_data_set_0")))];
    }
    let engine = guarded(|| {
        let path = case.path.join("model.onnx");
        let bytes = read_file(&path)?;
        engine::open(&bytes, choice)
    });
    let mut engine = match engine {
        Ok(engine) => engine,
        Err(error) => return sets.iter().map(|set| row(&file_name(set), Err(error.clone()))).collect(),
    };
    sets.iter()
        .map(|set| {
            let output = output.map(|output| output.join(&case.name).join(set.file_name().unwrap_or_default()));
            let result = guarded(|| run_set(engine.as_mut(), case, set, output.as_deref()));
            row(&file_name(set), result)
        })
        .collect()
}

fn refuses(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnsupportedOperator | ErrorKind::InvalidModel | ErrorKind::WrongType)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A panic of the engine is a failure of this model, not of the whole run.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        Err(Error::new(ErrorKind::Internal, format!("the engine panicked: {text}")))
    })
}

fn run_set(engine: &mut dyn Engine, case: &Case, set: &Path, output: Option<&Path>) -> Result<()> {
    let inputs = numbered(set, "input")?;
    let outputs = engine.run(inputs)?;
    let names: Vec<String> = engine.signature().outputs.iter().map(|port| port.name.clone()).collect();
    if let Some(folder) = output {
        fs::create_dir_all(folder).map_err(|error| Error::from(error).place(folder.display()))?;
        for (index, (name, tensor)) in names.iter().zip(&outputs).enumerate() {
            write_pb(&folder.join(format!("output_{index}.pb")), name, tensor)?;
        }
    }
    let wanted = numbered(set, "output")?;
    if wanted.len() != outputs.len() {
        let message = format!("{} outputs where {} are wanted", outputs.len(), wanted.len());
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    for ((name, got), want) in names.iter().zip(&outputs).zip(&wanted) {
        compare(got, want, case).map_err(|error| error.item(name))?;
    }
    Ok(())
}

fn numbered(set: &Path, kind: &str) -> Result<Vec<Tensor>> {
    let paths = (0..).map(|index| set.join(format!("{kind}_{index}.pb"))).take_while(|path| path.is_file());
    paths.map(|path| Ok(read_pb(&path)?.1)).collect()
}

fn compare(got: &Tensor, want: &Tensor, case: &Case) -> Result<()> {
    let different = |message: String| Err(Error::new(ErrorKind::InvalidData, message));
    if got.shape() != want.shape() {
        return different(format!("shape {:?} where {:?} is wanted", got.shape(), want.shape()));
    }
    if got.element_type() != want.element_type() {
        let (got, want) = (got.element_type().name(), want.element_type().name());
        return different(format!("{got} where {want} is wanted"));
    }
    match (got.data(), want.data()) {
        (Data::F32(_), _) | (Data::F64(_), _) => {
            let (got, want) = (got.data().to_f64().unwrap_or_default(), want.data().to_f64().unwrap_or_default());
            let near = |got: f64, want: f64| {
                got == want
                    || (got.is_nan() && want.is_nan())
                    || (got - want).abs() <= case.atol + case.rtol * want.abs()
            };
            let wrong = got.iter().zip(&want).filter(|(got, want)| !near(**got, **want)).count();
            let first = got.iter().zip(&want).enumerate().find(|(_, (got, want))| !near(**got, **want));
            match first {
                Some((index, (got_value, want_value))) => different(format!(
                    "{wrong} of {} values differ, first at {index}: {got_value} where {want_value} is wanted",
                    got.len()
                )),
                None => Ok(()),
            }
        }
        (got, want) if got == want => Ok(()),
        _ => different("the values are not equal".to_owned()),
    }
}
