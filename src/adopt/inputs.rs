//! Which column feeds which input.

use super::rows::Rows;
use super::schema::{is_flag, is_missing, is_number};
use crate::canvas::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::features::Feeds;
use crate::predict::Signature;
use crate::tensor::{Dimension, ElementType, Port};

/// A column, and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Wired {
    /// The place of the column in the file.
    pub column: usize,
    /// Where it goes.
    pub feeds: Feeds,
    /// What the model takes there.
    pub element: ElementType,
}

/// Wires inputs of one column to the columns of the same name, and the one matrix that is left, of numbers or of
/// strings, to the columns of that kind in the order of the file, or to `chosen`. The target feeds nothing.
///
/// # Errors
/// `wrong-input` that lists what the model takes and what the rows have; `wrong-type` and `wrong-shape` for an input that
/// no column can feed.
pub fn wire(
    signature: &Signature,
    rows: &Rows,
    target: Option<usize>,
    chosen: &[String],
    notes: &mut Vec<String>,
) -> Result<Vec<Wired>> {
    let chosen = chosen.iter().map(|name| rows.column(name)).collect::<Result<Vec<_>>>()?;
    signature.inputs.iter().try_for_each(check)?;
    let single = signature.inputs.len() == 1;
    let mut used: Vec<usize> = target.into_iter().collect();
    let mut named: Vec<Option<usize>> = Vec::new();
    for input in &signature.inputs {
        let column = rows.names.iter().position(|name| *name == input.name);
        let column = column.filter(|column| Some(*column) != target && takes_one(input));
        used.extend(column);
        named.push(column);
    }
    let mut wired = Vec::new();
    for (input, column) in signature.inputs.iter().zip(&named) {
        let feeds = |column: usize, place: usize| Wired {
            column,
            feeds: Feeds { input: input.name.clone(), column: place },
            element: input.element_type,
        };
        if let Some(column) = *column {
            wired.push(feeds(column, 0));
            continue;
        }
        if takes_one(input) && !single {
            return Err(lacks(input, rows, &used, target));
        }
        let text = input.element_type == ElementType::Text;
        let rivals = signature
            .inputs
            .iter()
            .zip(&named)
            .filter(|(other, column)| column.is_none() && (other.element_type == ElementType::Text) == text);
        if rivals.count() > 1 {
            let message = "the model has several matrices of this kind, and nothing tells which columns go where";
            let error = Error::new(ErrorKind::WrongInput, message).item(&input.name).place(&rows.place);
            return Err(error.help("export it with one input per column, each named like its column"));
        }
        let free = (0..rows.names.len()).filter(|column| !used.contains(column));
        let (fitting, others): (Vec<usize>, Vec<usize>) = match chosen.as_slice() {
            [] => free.partition(|&column| is_numeric(rows, column) != text),
            chosen => (chosen.to_vec(), free.filter(|column| !chosen.contains(column)).collect()),
        };
        if let Some(width) = fixed(input)
            && width != fitting.len()
        {
            return Err(wrong_count(input, width, rows, &fitting, &others, target));
        }
        if fitting.is_empty() {
            return Err(lacks(input, rows, &used, target));
        }
        wired.extend(fitting.iter().enumerate().map(|(place, &column)| feeds(column, place)));
        let names = |columns: &[usize]| columns.iter().map(|&c| rows.names[c].as_str()).collect::<Vec<_>>().join(", ");
        notes.push(format!("{} is fed, in this order: {}", input.name, names(&fitting)));
        used.extend(fitting);
    }
    let left: Vec<&str> =
        (0..rows.names.len()).filter(|column| !used.contains(column)).map(|c| rows.names[c].as_str()).collect();
    if !left.is_empty() {
        notes.push(format!("left out, because no input takes them: {}", left.join(", ")));
    }
    Ok(wired)
}

/// Whether every value of a column is a number or a flag.
fn is_numeric(rows: &Rows, column: usize) -> bool {
    let mut cells = rows.cells(column).filter(|cell| !is_missing(cell)).peekable();
    let flags = cells.peek().is_some_and(|cell| is_flag(cell));
    cells.peek().is_some() && cells.all(|cell| if flags { is_flag(cell) } else { is_number(cell) })
}

fn fixed(input: &Port) -> Option<usize> {
    match input.shape.as_slice() {
        [_] => Some(1),
        [_, Dimension::Fixed(width), ..] => Some(*width),
        _ => None,
    }
}

fn takes_one(input: &Port) -> bool {
    fixed(input).is_none_or(|width| width == 1)
}

/// An input that rows can feed: one or two sizes, the first of them the number of rows.
fn check(input: &Port) -> Result<()> {
    use ElementType::{Bool, F32, F64, I32, I64, Text};
    if !matches!(input.element_type, F32 | F64 | I32 | I64 | Bool | Text) {
        let message = format!("columns cannot feed an input of type {}", input.element_type.name());
        return Err(Error::new(ErrorKind::WrongType, message).item(&input.name).help("export it with float32 inputs"));
    }
    let message = match input.shape.as_slice() {
        [Dimension::Fixed(rows), ..] if *rows != 1 => format!("the model takes exactly {rows} rows at once"),
        shape if shape.len() > 2 => format!("an input of {} sizes is no table", shape.len()),
        _ => return Ok(()),
    };
    let help = "adopt takes models of tables; export with one row per record, or run the file as it is with `Session`";
    Err(Error::new(ErrorKind::WrongShape, message).item(&input.name).help(help))
}

fn lacks(input: &Port, rows: &Rows, used: &[usize], target: Option<usize>) -> Error {
    let free: Vec<&str> =
        rows.names.iter().enumerate().filter(|(c, _)| !used.contains(c)).map(|(_, name)| name.as_str()).collect();
    let message = match target.filter(|&target| rows.names[target] == input.name) {
        Some(_) => format!("the model takes {} as an input, so it cannot be the target", input.name),
        None => {
            format!("the model takes {} ({}), and the rows have no such column", input.name, input.element_type.name())
        }
    };
    let near = nearest(&input.name, free.iter().copied()).map(|near| format!("did you mean \"{near}\"? "));
    let free = if free.is_empty() { "none".to_owned() } else { free.join(", ") };
    let help = format!("{}columns that feed nothing yet: {free}", near.unwrap_or_default());
    Error::new(ErrorKind::WrongInput, message).place(format!("{}:1", rows.place)).item(&input.name).help(help)
}

/// Both sides of a matrix that the columns do not fill.
fn wrong_count(
    input: &Port,
    width: usize,
    rows: &Rows,
    fitting: &[usize],
    others: &[usize],
    target: Option<usize>,
) -> Error {
    let text = input.element_type == ElementType::Text;
    let names = |columns: &[usize]| columns.iter().map(|&c| rows.names[c].as_str()).collect::<Vec<_>>().join(", ");
    let kind = if text { "text" } else { "numeric" };
    let mut message = format!(
        "the model takes {width} {kind} columns ({} [N, {width}]), and the rows have {}: {}",
        input.element_type.name(),
        fitting.len(),
        if fitting.is_empty() { "none".into() } else { names(fitting) }
    );
    if let Some(target) = target {
        message += &format!(" (without the target {})", rows.names[target]);
    }
    for &column in others {
        let strange = (0..rows.len()).find(|&row| {
            let cell = rows.cells_of(row).nth(column).unwrap_or_default();
            !is_missing(cell) && !is_number(cell)
        });
        if let Some(row) = strange.filter(|_| !text) {
            let cell = rows.cells_of(row).nth(column).unwrap_or_default();
            message += &format!("; {} is not numeric: \"{cell}\" at {}", rows.names[column], rows.line(row));
        }
    }
    let help = match target {
        None if fitting.len() == width + 1 => {
            "name the column that is predicted with --target, so that it feeds nothing"
        }
        _ => "give the columns that the model was trained on, in that order: --columns a,b,c",
    };
    Error::new(ErrorKind::WrongInput, message).place(&rows.place).item(&input.name).help(help)
}
