//! Which rows are held out: by chance, by time or by group.

use super::target::text;
use crate::canvas::{Canvas, SplitKind, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::sources::{Cells, Column, Table};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

/// Below this many rows a split leaves too little on either side.
const FEWEST_ROWS: usize = 20;

/// The rows that a model learns from, and those that it is judged on. Both ascend, and no row is in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSplit {
    /// The training rows.
    pub train: Vec<usize>,
    /// The held-out rows.
    pub test: Vec<usize>,
}

/// Splits the rows as block 5 of the canvas states. The same canvas and table give the same split, whatever is trained.
///
/// - By chance: a Fisher–Yates shuffle with ChaCha8, seeded by block 9.
/// - By time: the last rows by the column, which holds numbers or texts that sort by time (ISO 8601). Rows of the same
///   moment stay on one side.
/// - By group: whole groups, drawn as above, until about the stated share of the rows is held out.
///
/// A ranking never splits a group of rows that are ranked against each other: by chance it is split by those groups, and
/// otherwise a group with a held-out row is held out as a whole.
///
/// # Errors
/// `invalid-canvas` for a share outside of 0…1 or a column that is not stated; `invalid-data` for too few rows, a
/// missing value in the column, or a column that cannot be split.
pub fn split(canvas: &Canvas, table: &Table) -> Result<RowSplit> {
    let stated = &canvas.offline_evaluation.split;
    if !(stated.test > 0.0 && stated.test < 1.0) {
        let error = Error::new(ErrorKind::InvalidCanvas, format!("{} is not a share of the rows", stated.test));
        return Err(error.item("offline_evaluation.split.test").help("use a number between 0 and 1, for example 0.2"));
    }
    let rows = table.rows();
    if rows < FEWEST_ROWS {
        let message = format!("{rows} rows are too few to learn from some and judge on others");
        let error = Error::new(ErrorKind::InvalidData, message).place(&table.source);
        return Err(error.help(format!("gather at least {FEWEST_ROWS} rows; hundreds give intervals of use")));
    }
    let wanted = ((rows as f64 * stated.test).round() as usize).clamp(1, rows - 1);
    let seed = canvas.building_models.seed;
    let ranked = canvas.prediction_task.group.as_deref().filter(|_| canvas.prediction_task.kind == TaskKind::Ranking);
    let test = match (stated.kind, ranked) {
        (SplitKind::Random, None) => shuffled(rows, seed).into_iter().take(wanted).collect(),
        (SplitKind::Random, Some(group)) => by_group(named_column(table, group)?, table, wanted, seed)?,
        (SplitKind::Time, _) => by_time(canvas, table, wanted)?,
        (SplitKind::Group, _) => by_group(column(canvas, table)?, table, wanted, seed)?,
    };
    let mut held_out = vec![false; rows];
    for row in test {
        held_out[row] = true;
    }
    if let Some(group) = ranked {
        keep_groups(table, group, &mut held_out)?;
    }
    let (test, train) = (0..rows).partition(|&row| held_out[row]);
    Ok(RowSplit { train, test })
}

/// Holds every row out whose group has one that is held out.
fn keep_groups(table: &Table, group: &str, held_out: &mut [bool]) -> Result<()> {
    let (name, values) = named_column(table, group)?;
    let groups: Vec<String> = values.values().map(|value| text(&value).unwrap_or_default()).collect();
    let reached: BTreeSet<&String> =
        groups.iter().zip(held_out.iter()).filter(|(_, out)| **out).map(|(g, _)| g).collect();
    held_out.iter_mut().zip(&groups).for_each(|(out, group)| *out = reached.contains(group));
    if held_out.iter().all(|out| *out) {
        let message = "every group has a row that would be held out, so none is left to learn from";
        let error = Error::new(ErrorKind::InvalidData, message).place(&table.source).item(name);
        return Err(error.help("use kind = \"random\": it holds whole groups out"));
    }
    Ok(())
}

/// 0…count in an order drawn by chance.
pub(crate) fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // The high half of a 128-bit product: a place in 0…last, even to within 2⁻⁶⁴ times the count.
        let place = (u128::from(rng.next_u64()) * (last as u128 + 1)) >> 64;
        order.swap(last, place as usize);
    }
    order
}

/// The values of the split's column. None of them is missing.
fn column<'a>(canvas: &Canvas, table: &'a Table) -> Result<(&'a str, &'a Column)> {
    let Some(name) = &canvas.offline_evaluation.split.column else {
        let error = Error::new(ErrorKind::InvalidCanvas, "this kind of split needs a column");
        return Err(error
            .item("offline_evaluation.split.column")
            .help("name the column with the time or group of a row"));
    };
    named_column(table, name)
}

/// The values of a column that rows are split by. None of them is missing.
fn named_column<'a>(table: &'a Table, name: &str) -> Result<(&'a str, &'a Column)> {
    let column = table.column(name)?;
    match column.first_missing() {
        None => Ok((&column.name, column)),
        Some(row) => {
            let error = Error::new(ErrorKind::InvalidData, "the column that rows are split by has no value");
            Err(error.place(&table.source).row(row + 1).item(name).help("fill it in, or remove the row"))
        }
    }
}

fn by_time(canvas: &Canvas, table: &Table, wanted: usize) -> Result<Vec<usize>> {
    let (name, column) = column(canvas, table)?;
    let data_error = |message: &str| Error::new(ErrorKind::InvalidData, message).place(&table.source).item(name);
    let moments: Vec<f64> = match column.cells() {
        Cells::Numbers(numbers) => numbers.clone(),
        // The order of texts is that of their words.
        Cells::Texts { codes, words } => {
            let mut order: Vec<usize> = (0..words.len()).collect();
            order.sort_by(|&a, &b| words[a].cmp(&words[b]));
            let mut ranks = vec![0.0; words.len()];
            order.iter().enumerate().for_each(|(rank, &word)| ranks[word] = rank as f64);
            codes.iter().map(|code| ranks[*code as usize]).collect()
        }
        _ => {
            let like = |value: &Value| match value {
                Value::Number(_) => 1,
                Value::Text(_) => 2,
                _ => 0,
            };
            let first = like(&column.value(0));
            let row = column.values().position(|value| first == 0 || like(&value) != first).unwrap_or_default();
            let error = data_error("the column mixes numbers, texts or truth values").row(row + 1);
            return Err(error.help("write every moment in the same way, for example 2026-01-31"));
        }
    };
    let order = |&a: &usize, &b: &usize| moments[a].total_cmp(&moments[b]);
    let mut rows: Vec<usize> = (0..moments.len()).collect();
    rows.sort_by(order);
    let boundary = |cut: usize| order(&rows[cut - 1], &rows[cut]).is_ne();
    let cut = rows.len() - wanted;
    let nearest = (1..rows.len()).filter(|&place| boundary(place)).min_by_key(|&place| place.abs_diff(cut));
    let Some(cut) = nearest else {
        return Err(data_error("every row has the same moment").help("split by chance, or name another column"));
    };
    Ok(rows.split_off(cut))
}

fn by_group((name, values): (&str, &Column), table: &Table, wanted: usize, seed: u64) -> Result<Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, value) in values.values().enumerate() {
        groups.entry(text(&value).unwrap_or_default()).or_default().push(row);
    }
    if groups.len() < 2 {
        let error = Error::new(ErrorKind::InvalidData, "every row is in the same group");
        return Err(error.place(&table.source).item(name).help("split by chance, or name another column"));
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let mut test: Vec<usize> = Vec::new();
    for place in shuffled(groups.len(), seed) {
        let size = groups[place].len();
        let (without, with) = (test.len().abs_diff(wanted), (test.len() + size).abs_diff(wanted));
        if with < without && test.len() + size < values.len() {
            test.extend(&groups[place]);
        }
    }
    if test.is_empty() {
        // Every group is more than twice as large as what was wanted: the smallest comes nearest.
        test = groups.into_iter().min_by_key(Vec::len).unwrap_or_default();
    }
    Ok(test)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Split;

    fn canvas(kind: SplitKind, test: f64, seed: u64) -> Canvas {
        let mut canvas = Canvas::default();
        canvas.offline_evaluation.split = Split { kind, column: Some("by".into()), test };
        canvas.building_models.seed = seed;
        canvas
    }

    fn table(values: Vec<Value>) -> Table {
        Table { source: "rows.csv".into(), columns: vec![Column::new("by", values)] }
    }

    #[test]
    fn chance_is_the_seed_and_nothing_else() {
        let table = table((0..100).map(|row| f64::from(row).into()).collect());
        let first = split(&canvas(SplitKind::Random, 0.25, 7), &table).unwrap();
        assert_eq!((first.train.len(), first.test.len()), (75, 25));
        assert_eq!(first, split(&canvas(SplitKind::Random, 0.25, 7), &table).unwrap());
        assert_ne!(first, split(&canvas(SplitKind::Random, 0.25, 8), &table).unwrap());
        assert!(first.test.iter().all(|row| !first.train.contains(row)));
    }

    #[test]
    fn time_holds_out_the_last_rows_and_keeps_a_moment_together() {
        let days = ["2026-01-03", "2026-01-01", "2026-01-02", "2026-01-02"];
        let table = table((0..40).map(|row| days[row % 4].into()).collect());
        let parts = split(&canvas(SplitKind::Time, 0.3, 0), &table).unwrap();
        assert_eq!(parts.test, (0..40).step_by(4).collect::<Vec<_>>());
    }

    #[test]
    fn groups_stay_together() {
        let groups: Vec<String> = (0..60).map(|row| format!("g{}", row % 12)).collect();
        let table = table(groups.iter().map(|group| group.as_str().into()).collect());
        let parts = split(&canvas(SplitKind::Group, 0.25, 3), &table).unwrap();
        assert_eq!(parts.test.len(), 15);
        for &row in &parts.test {
            assert!(parts.train.iter().all(|&other| groups[other] != groups[row]));
        }
        let two = super::tests::table((0..40).map(|row| if row < 20 { "a" } else { "b" }.into()).collect());
        assert_eq!(split(&canvas(SplitKind::Group, 0.1, 3), &two).unwrap().test.len(), 20);
    }

    #[test]
    fn a_ranking_never_splits_a_group() {
        let mut ranked = canvas(SplitKind::Random, 0.25, 3);
        ranked.prediction_task.kind = TaskKind::Ranking;
        ranked.prediction_task.group = Some("query".into());
        let queries: Vec<String> = (0..60).map(|row| format!("q{}", row / 5)).collect();
        let mut rows = table((0..60).map(|row| f64::from(row).into()).collect());
        rows.columns.push(Column::new("query", queries.iter().map(String::as_str)));
        for kind in [SplitKind::Random, SplitKind::Time, SplitKind::Group] {
            ranked.offline_evaluation.split.kind = kind;
            let parts = split(&ranked, &rows).unwrap();
            // The groups of another column reach into more of the queries than were asked for.
            let most = if kind == SplitKind::Group { 55 } else { 20 };
            assert!((10..=most).contains(&parts.test.len()), "{kind:?}: {}", parts.test.len());
            for &row in &parts.test {
                assert!(parts.train.iter().all(|&other| queries[other] != queries[row]), "{kind:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_split_is_refused() {
        let same = table(vec!["2026".into(); 30]);
        let mut gap: Vec<Value> = (0..30).map(|row| f64::from(row).into()).collect();
        gap[4] = Value::Missing;
        let mut mixed = gap.clone();
        mixed[4] = "soon".into();
        let cases = [
            (canvas(SplitKind::Random, 0.2, 0), table(vec![1.0.into(); 19]), "rows.csv: 19 rows are too few"),
            (canvas(SplitKind::Random, 1.0, 0), same.clone(), "1 is not a share of the rows"),
            (canvas(SplitKind::Time, 0.2, 0), same.clone(), "every row has the same moment"),
            (canvas(SplitKind::Group, 0.2, 0), same, "every row is in the same group"),
            (canvas(SplitKind::Time, 0.2, 0), table(gap), "row 5: by: the column that rows are split by has no value"),
            (canvas(SplitKind::Time, 0.2, 0), table(mixed), "row 5: by: the column mixes"),
        ];
        for (canvas, table, wanted) in cases {
            let text = split(&canvas, &table).unwrap_err().to_string();
            assert!(text.contains(wanted), "{text}");
        }
    }
}
