//! Drawing the rows of a recipe.
//!
//! Every column has its own stream of random numbers (ChaCha with 8 rounds), named after it, so that turning a knob
//! or adding a column changes nothing else. All arithmetic is that of IEEE 754 (see `exact`): the same recipe and seed
//! give the same bytes on every machine.

use super::batch::BATCH_ROWS;
use super::cells::Growing;
use super::exact::{exp, ln, sigmoid};
use super::moment::{day_number, day_text};
use super::recipe::{ColumnRecipe, Distribution, MOST_ROWS, Recipe, Term};
use super::stream::Stream;
use super::{Column, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use std::ops::Range;

/// The rows of a block of one column before any value is left out.
struct Drawn {
    /// What is recorded.
    values: Vec<Value>,
    /// What is true: the recorded value without the bias against a group. The label follows it.
    truth: Vec<Value>,
    /// The standard normal scores of a normal or lognormal column, before shifts.
    scores: Vec<f64>,
}

/// One column of a recipe with its random numbers and what is the same in every row.
struct ColumnDraw<'a> {
    recipe: &'a ColumnRecipe,
    values: Stream,
    missing: Stream,
    /// The place of the column that it is correlated with, and the weight.
    correlated: Option<(usize, f64)>,
    /// The place of the column that it never exceeds, and the distance.
    limit: Option<(usize, f64)>,
    /// The weights of its values: for everybody, for the group in truth, and for the group as recorded.
    weights: [Vec<f64>; 3],
    /// The number of the first day of a date.
    start: i64,
}

/// Draws the rows of a recipe, a block at a time: the blocks together are the same rows, however large they are.
pub(super) struct Generator<'a> {
    recipe: &'a Recipe,
    columns: Vec<ColumnDraw<'a>>,
    labels: Stream,
    flips: Stream,
    /// The place of the column that holds the group, and its value that is treated worse.
    group: Option<(usize, &'a str)>,
    rows: usize,
    done: usize,
}

impl<'a> Generator<'a> {
    pub(super) fn new(recipe: &'a Recipe, rows: u64, seed: u64) -> Result<Self> {
        let rows = row_count(rows)?;
        let place = |name: &str| recipe.columns.iter().position(|column| column.name == name);
        let column = |(at, column): (usize, &'a ColumnRecipe)| {
            // A column depends on those before it only.
            let earlier = |name: &str| place(name).filter(|place| *place < at);
            ColumnDraw {
                recipe: column,
                values: Stream::new(seed, "value", &column.name),
                missing: Stream::new(seed, "missing", &column.name),
                correlated: column.correlate.as_ref().and_then(|to| Some((earlier(&to.column)?, to.weight))),
                limit: column.at_most.as_ref().and_then(|limit| Some((earlier(&limit.column)?, limit.minus))),
                weights: [
                    weights(recipe, column, false, 0.0),
                    weights(recipe, column, true, 0.0),
                    weights(recipe, column, true, recipe.knobs.group_bias),
                ],
                start: column.start.as_deref().and_then(day_number).unwrap_or_default(),
            }
        };
        Ok(Self {
            recipe,
            columns: recipe.columns.iter().enumerate().map(column).collect(),
            labels: Stream::new(seed, "label", &recipe.target.name),
            flips: Stream::new(seed, "flip", &recipe.target.name),
            group: recipe.group.as_ref().and_then(|group| Some((place(&group.column)?, group.against.as_str()))),
            rows,
            done: 0,
        })
    }

    /// The next rows, at most so many: the columns in the recipe's order, then the label. Nothing after the last.
    pub(super) fn block(&mut self, most: usize) -> Option<Vec<Column>> {
        let rows = self.done..self.rows.min(self.done.saturating_add(most));
        if rows.is_empty() {
            return None;
        }
        self.done = rows.end;
        let mut drawn: Vec<Drawn> = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            // The column that holds the group comes before those that depend on it, or nothing does.
            let against = disfavoured(self.group, &drawn, rows.len());
            drawn.push(column.draw(self.recipe, &drawn, &against, rows.clone(), self.rows));
        }
        let labels = self.draw_labels(&drawn, rows.len());
        let columns = self.columns.iter_mut().zip(drawn);
        let mut columns: Vec<Column> = columns.map(|(column, drawn)| column.leave_out(drawn)).collect();
        columns.push(Column::new(&self.recipe.target.name, labels));
        Some(columns)
    }

    fn draw_labels(&mut self, drawn: &[Drawn], rows: usize) -> Vec<Value> {
        let (recipe, target) = (self.recipe, &self.recipe.target);
        let against = disfavoured(self.group, drawn, rows);
        let flip = recipe.group.as_ref().map_or(0.0, |group| group.flip) * recipe.knobs.group_bias;
        let place = |term: &Term| recipe.columns.iter().position(|column| column.name == term.column);
        let terms: Vec<_> = target.terms.iter().filter_map(|term| Some((term, &drawn[place(term)?]))).collect();
        let label = |(row, &against): (usize, &bool)| {
            let sum: f64 = terms.iter().map(|(term, column)| contribution(term, column, row, recipe)).sum();
            let score = target.intercept + sum + target.noise * self.labels.normal();
            let (Some(positive), Some(negative)) = (&target.positive, &target.negative) else {
                return Value::Number(rounded(score, target.clip, target.decimals));
            };
            let is_positive = self.labels.uniform() < sigmoid(score);
            // Drawn in every row, so that the knob does not move the rows after it.
            let flipped = self.flips.uniform() < flip && against;
            Value::Text(if is_positive && !flipped { positive.clone() } else { negative.clone() })
        };
        against.iter().enumerate().map(label).collect()
    }
}

pub(super) fn generate(recipe: &Recipe, rows: u64, seed: u64) -> Result<Table> {
    let mut generator = Generator::new(recipe, rows, seed)?;
    let mut whole: Option<Vec<Growing>> = None;
    while let Some(block) = generator.block(BATCH_ROWS) {
        let cells = whole.get_or_insert_with(|| vec![Growing::new(); block.len()]);
        cells.iter_mut().zip(block).for_each(|(cells, column)| cells.append(column.cells));
    }
    let names = recipe.columns.iter().map(|column| &column.name).chain([&recipe.target.name]);
    let columns = names.zip(whole.unwrap_or_default());
    Table::new("recipe", columns.map(|(name, cells)| Column { name: name.clone(), cells: cells.finish() }).collect())
}

/// At most [`MOST_ROWS`]; otherwise an error.
fn row_count(rows: u64) -> Result<usize> {
    let error = |message: String, help: String| Err(Error::new(ErrorKind::InvalidData, message).help(help));
    if rows == 0 {
        return error("a recipe cannot make 0 rows".into(), "ask for at least one row".into());
    }
    match usize::try_from(rows) {
        Ok(count) if rows <= MOST_ROWS => Ok(count),
        _ => error(format!("a recipe cannot make {rows} rows"), format!("ask for {MOST_ROWS} at most")),
    }
}

/// The place in `weights` that a uniform `chance` falls on.
fn place(weights: &[f64], chance: f64) -> usize {
    let mut rest = chance * weights.iter().sum::<f64>();
    let last = weights.iter().rposition(|weight| *weight > 0.0).unwrap_or_default();
    let found = weights[..last].iter().position(|weight| {
        rest -= weight;
        rest < 0.0
    });
    found.unwrap_or(last)
}

impl ColumnDraw<'_> {
    /// The rows of a block; `all` is the number of rows of all blocks.
    fn draw(&mut self, recipe: &Recipe, earlier: &[Drawn], against: &[bool], rows: Range<usize>, all: usize) -> Drawn {
        let column = self.recipe;
        let is_normal = matches!(column.kind, Distribution::Normal | Distribution::Lognormal);
        let count = rows.len();
        let mut drawn = Drawn { values: Vec::with_capacity(count), truth: Vec::with_capacity(count), scores: vec![] };
        for (row, &against) in against.iter().enumerate() {
            let chance = if is_normal {
                let own = self.values.normal();
                let score = match self.correlated {
                    Some((other, weight)) => weight * earlier[other].scores[row] + (1.0 - weight * weight).sqrt() * own,
                    None => own,
                };
                drawn.scores.push(score);
                score
            } else {
                self.values.uniform()
            };
            let day = (rows.start + row) as u64 * column.days.unwrap_or_default() / all as u64;
            let highest = self.limit.map(|(other, minus)| number_at(&earlier[other], row) - minus);
            let place = (rows.start + row) as u64;
            let with = |bias: f64| self.value(recipe, Chance { chance, day, row: place, highest, bias, against });
            let truth = with(0.0);
            drawn.values.push(if against { with(recipe.knobs.group_bias) } else { truth.clone() });
            drawn.truth.push(truth);
        }
        drawn
    }

    fn value(&self, recipe: &Recipe, by: Chance) -> Value {
        let column = self.recipe;
        let shift = shift(recipe, column, by);
        let weights = &self.weights[if !by.against {
            0
        } else if by.bias == 0.0 {
            1
        } else {
            2
        }];
        let number = match column.kind {
            Distribution::Normal => column.mean.unwrap_or_default() + column.sd.unwrap_or_default() * by.chance + shift,
            Distribution::Lognormal => {
                column.median.unwrap_or_default() * exp(column.sigma.unwrap_or_default() * by.chance + shift)
            }
            Distribution::Uniform => {
                let (low, high) = (column.low.unwrap_or_default(), column.high.unwrap_or_default());
                low + (high - low) * by.chance + shift
            }
            Distribution::Integer => place(weights, by.chance) as f64,
            Distribution::Boolean => return Value::Bool(by.chance < column.share.unwrap_or_default() + shift),
            Distribution::Choice => {
                let chosen = column.values.as_ref().and_then(|values| values.get(place(weights, by.chance)));
                return chosen.map_or(Value::Missing, |value| Value::Text(value.clone()));
            }
            Distribution::Date => return Value::Text(day_text(self.start + by.day as i64)),
            Distribution::Sequence => {
                let place = by.row / column.size.unwrap_or(1).max(1);
                return Value::Text(format!("{}-{place}", column.name));
            }
        };
        Value::Number(finish(column, number, by.highest))
    }

    /// Leaves out the stated share of the values, once everything that depends on them is drawn.
    fn leave_out(&mut self, drawn: Drawn) -> Column {
        let mut values = drawn.values;
        if let Some(share) = self.recipe.missing.filter(|share| *share > 0.0) {
            values.iter_mut().filter(|_| self.missing.uniform() < share).for_each(|value| *value = Value::Missing);
        }
        Column::new(&self.recipe.name, values)
    }
}

/// What decides about one value.
#[derive(Clone, Copy)]
struct Chance {
    /// A standard normal score for a normal or lognormal column, otherwise uniform in [0, 1).
    chance: f64,
    /// Days since the start, for a date.
    day: u64,
    /// The place of the row among all rows.
    row: u64,
    /// The highest value that an earlier column allows.
    highest: Option<f64>,
    /// How far the knob `group_bias` counts.
    bias: f64,
    /// Whether the row belongs to the group that is treated worse.
    against: bool,
}

/// Which rows belong to the group that `group_bias` turns against.
fn disfavoured(group: Option<(usize, &str)>, drawn: &[Drawn], rows: usize) -> Vec<bool> {
    match group.and_then(|(place, against)| Some((drawn.get(place)?, against))) {
        Some((column, against)) => {
            column.values.iter().map(|value| matches!(value, Value::Text(text) if text == against)).collect()
        }
        None => vec![false; rows],
    }
}

fn shift(recipe: &Recipe, column: &ColumnRecipe, by: Chance) -> f64 {
    let drift = column.drift.unwrap_or_default() * recipe.knobs.feature_drift;
    let of_group = column.shift.unwrap_or_default() + column.bias.unwrap_or_default() * by.bias;
    drift + if by.against { of_group } else { 0.0 }
}

/// The weights after the knobs: moved in a straight line towards those of the drift, then towards those of the bias.
fn weights(recipe: &Recipe, column: &ColumnRecipe, against: bool, bias: f64) -> Vec<f64> {
    let normal = |weights: &Vec<f64>| {
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect::<Vec<f64>>()
    };
    let mut now = column.weights.as_ref().map(normal).unwrap_or_default();
    let mut towards = |target: &Option<Vec<f64>>, knob: f64| {
        if let Some(target) = target {
            now.iter_mut().zip(normal(target)).for_each(|(weight, target)| *weight += knob * (target - *weight));
        }
    };
    towards(&column.drift_weights, recipe.knobs.feature_drift);
    if against {
        towards(&column.bias_weights, bias);
    }
    now
}

/// Cuts and rounds a number as its column states.
fn finish(column: &ColumnRecipe, number: f64, highest: Option<f64>) -> f64 {
    rounded(highest.map_or(number, |highest| number.min(highest)), column.clip, column.decimals)
}

/// Cuts a number to a range, and rounds it to decimals.
fn rounded(mut number: f64, clip: Option<[f64; 2]>, decimals: Option<u32>) -> f64 {
    if let Some([low, high]) = clip {
        number = number.clamp(low, high);
    }
    if let Some(decimals) = decimals {
        let scale = (0..decimals).fold(1.0, |scale, _| scale * 10.0);
        number = (number * scale).round() / scale;
    }
    // −0 would be written otherwise than 0.
    number + 0.0
}

fn contribution(term: &Term, column: &Drawn, row: usize, recipe: &Recipe) -> f64 {
    let drifted = term.drifted.unwrap_or(term.weight);
    let weight = term.weight + recipe.knobs.concept_drift * (drifted - term.weight);
    let level = match (&term.levels, &column.truth[row]) {
        (Some(levels), Value::Text(text)) => levels.get(text).copied().unwrap_or_default(),
        (Some(levels), Value::Bool(flag)) => {
            levels.get(if *flag { "true" } else { "false" }).copied().unwrap_or_default()
        }
        (_, Value::Number(number)) => {
            let scaled = |value: f64| if term.log { ln(1.0 + value.max(0.0)) } else { value };
            (scaled(*number) - scaled(term.center.unwrap_or_default())) / term.spread.unwrap_or(1.0)
        }
        _ => 0.0,
    };
    weight * level
}

fn number_at(column: &Drawn, row: usize) -> f64 {
    match column.values.get(row) {
        Some(Value::Number(number)) => *number,
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::super::recipe::parse_recipe;
    use super::*;

    const RECIPE: &str = r#"
rows = 4000
seed = 1
[knobs]
group_bias = 0.0
[group]
column = "sex"
against = "female"
flip = 0.5
[[columns]]
name = "sex"
kind = "choice"
values = ["female", "male"]
weights = [1, 1]
[[columns]]
name = "age"
kind = "normal"
mean = 40
sd = 10
decimals = 0
[[columns]]
name = "years"
kind = "lognormal"
median = 8
sigma = 0.5
bias = -0.5
missing = 0.1
correlate = { column = "age", weight = 0.6 }
at_most = { column = "age", minus = 18 }
[[columns]]
name = "day"
kind = "date"
start = "2024-02-28"
days = 3
[target]
name = "repaid"
positive = "yes"
negative = "no"
intercept = 0.5
terms = [{ column = "age", weight = 1.0, center = 40, spread = 10 }]
"#;

    fn rows(bias: f64) -> Table {
        let text = RECIPE.replace("group_bias = 0.0", &format!("group_bias = {bias}"));
        generate(&parse_recipe(&text, "recipe.toml").unwrap(), 4000, 1).unwrap()
    }

    fn numbers(table: &Table, name: &str) -> Vec<Option<f64>> {
        let values = table.column(name).unwrap().values();
        values.map(|value| if let Value::Number(number) = value { Some(number) } else { None }).collect()
    }

    #[test]
    fn the_distributions_are_the_stated_ones() {
        let table = rows(0.0);
        let ages: Vec<f64> = numbers(&table, "age").into_iter().flatten().collect();
        let mean = ages.iter().sum::<f64>() / 4000.0;
        let sd = (ages.iter().map(|age| (age - mean) * (age - mean)).sum::<f64>() / 4000.0).sqrt();
        assert!((mean - 40.0).abs() < 0.6 && (sd - 10.0).abs() < 0.4, "{mean} {sd}");
        assert!((table.column("years").unwrap().missing_share() - 0.1).abs() < 0.02);
        for (age, years) in numbers(&table, "age").iter().zip(numbers(&table, "years")) {
            assert!(years.is_none_or(|years| years <= age.unwrap() - 18.0));
        }
        let days: Vec<Value> = table.column("day").unwrap().values().collect();
        assert_eq!(
            [&days[0], &days[2000], &days[3999]],
            [&"2024-02-28".into(), &"2024-02-29".into(), &"2024-03-01".into()]
        );
    }

    #[test]
    fn a_knob_moves_its_own_rows_only() {
        let (plain, biased) = (rows(0.0), rows(1.0));
        assert_eq!(plain.column("age").unwrap(), biased.column("age").unwrap());
        let sexes: Vec<Value> = plain.column("sex").unwrap().values().collect();
        let years = numbers(&plain, "years").into_iter().zip(numbers(&biased, "years"));
        for (sex, (plain, biased)) in sexes.iter().zip(years) {
            match (plain, biased) {
                (Some(plain), Some(biased)) if *sex == "female".into() => assert!(biased <= plain),
                (plain, biased) => assert_eq!(plain, biased),
            }
        }
        let labels = plain.column("repaid").unwrap().values().zip(biased.column("repaid").unwrap().values());
        let mut flipped = 0;
        for (sex, (plain, biased)) in sexes.iter().zip(labels) {
            if plain != biased {
                assert_eq!((sex, plain, biased), (&"female".into(), "yes".into(), "no".into()));
                flipped += 1;
            }
        }
        assert!((400..700).contains(&flipped), "{flipped}");
    }

    #[test]
    fn more_rows_than_can_be_made_are_refused_in_words() {
        let recipe = parse_recipe(RECIPE, "recipe.toml").unwrap();
        for (rows, wanted) in [(0, "a recipe cannot make 0 rows"), (u64::MAX, "ask for 100000000 at most")] {
            let error = generate(&recipe, rows, 1).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let text = RECIPE.replacen("rows = 4000", "rows = 100000001", 1);
        let error = parse_recipe(&text, "recipe.toml").unwrap_err().to_string();
        assert!(error.starts_with("recipe.toml:2: rows: 100000001 rows are more than a recipe makes"), "{error}");
    }
}
