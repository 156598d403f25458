//! Drawing the rows of a recipe.
//!
//! Every column has its own stream of random numbers (ChaCha with 8 rounds), named after it, so that turning a knob
//! or adding a column changes nothing else. All arithmetic is that of IEEE 754 (see `exact`): the same recipe and seed
//! give the same bytes on every machine.

use super::exact::{exp, ln, sigmoid};
use super::recipe::{ColumnRecipe, Distribution, MOST_ROWS, Recipe, Term};
use super::{Column, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a column holds before any value is left out.
struct Drawn<'a> {
    recipe: &'a ColumnRecipe,
    /// What is recorded.
    values: Vec<Value>,
    /// What is true: the recorded value without the bias against a group. The label follows it.
    truth: Vec<Value>,
    /// The standard normal scores of a normal or lognormal column, before shifts.
    scores: Vec<f64>,
}

pub(super) fn generate(
    recipe: &Recipe,
    rows: u64,
    seed: u64,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Table> {
    let count = row_count(recipe, rows)?;
    let mut drawn: Vec<Drawn<'_>> = Vec::with_capacity(recipe.columns.len());
    for (done, column) in recipe.columns.iter().enumerate() {
        progress(rows * done as u64 / (recipe.columns.len() as u64 + 1), Some(rows));
        drawn.push(draw_column(recipe, column, &drawn, count, seed));
    }
    let labels = draw_labels(recipe, &drawn, count, seed);
    let mut columns: Vec<Column> = drawn.into_iter().map(|drawn| leave_out(drawn, seed)).collect();
    columns.push(Column::new(&recipe.target.name, labels));
    progress(rows, Some(rows));
    Table::new("recipe", columns)
}

/// As many rows as the memory of this machine holds, at most [`MOST_ROWS`]; otherwise an error.
fn row_count(recipe: &Recipe, rows: u64) -> Result<usize> {
    let error = |message: String, help: String| Err(Error::new(ErrorKind::InvalidData, message).help(help));
    if rows == 0 {
        return error("a recipe cannot make 0 rows".into(), "ask for at least one row".into());
    }
    let count = usize::try_from(rows).unwrap_or(usize::MAX);
    if rows > MOST_ROWS || count == usize::MAX {
        return error(format!("a recipe cannot make {rows} rows"), format!("ask for {MOST_ROWS} at most"));
    }
    // Each value is kept twice: as it is recorded, and as it is true. A system that is asked for more than it could ever
    // give says so here, before the work.
    let values = count.saturating_mul(2 * (recipe.columns.len() + 1));
    if Vec::<Value>::new().try_reserve_exact(values).is_err() {
        let gigabytes = values as f64 * size_of::<Value>() as f64 / 1e9;
        let message = format!("{rows} rows need about {gigabytes:.0} GB of memory, which this machine does not give");
        return error(message, "ask for fewer rows".into());
    }
    Ok(count)
}

/// The random numbers for one purpose.
struct Stream {
    random: ChaCha8Rng,
    spare: Option<f64>,
}

impl Stream {
    fn new(seed: u64, purpose: &str, name: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        // FNV-1a of the purpose and the name.
        let letters = purpose.bytes().chain([0]).chain(name.bytes());
        let hash = letters
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        random.set_stream(hash);
        Self { random, spare: None }
    }

    /// Uniform in [0, 1), with 53 bits.
    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by Marsaglia's polar method.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * ln(square) / square).sqrt();
                self.spare = Some(v * factor);
                return u * factor;
            }
        }
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

fn draw_column<'a>(
    recipe: &Recipe,
    column: &'a ColumnRecipe,
    earlier: &[Drawn<'_>],
    rows: usize,
    seed: u64,
) -> Drawn<'a> {
    let mut stream = Stream::new(seed, "value", &column.name);
    let other = |name: &str| earlier.iter().find(|drawn| drawn.recipe.name == name);
    let against: Vec<bool> = disfavoured(recipe, earlier, rows);
    let correlated = column.correlate.as_ref().and_then(|to| Some((other(&to.column)?, to.weight)));
    let limit = column.at_most.as_ref().and_then(|limit| Some((other(&limit.column)?, limit.minus)));
    let is_normal = matches!(column.kind, Distribution::Normal | Distribution::Lognormal);
    let mut drawn =
        Drawn { recipe: column, values: Vec::with_capacity(rows), truth: Vec::with_capacity(rows), scores: vec![] };
    for (row, &against) in against.iter().enumerate() {
        let chance = if is_normal {
            let own = stream.normal();
            let score = match correlated {
                Some((other, weight)) => weight * other.scores[row] + (1.0 - weight * weight).sqrt() * own,
                None => own,
            };
            drawn.scores.push(score);
            score
        } else {
            stream.uniform()
        };
        let day = row as u64 * column.days.unwrap_or_default() / rows as u64;
        let highest = limit.map(|(other, minus)| number_at(other, row) - minus);
        let with = |bias: f64| value(recipe, column, Chance { chance, day, highest, bias, against });
        drawn.truth.push(with(0.0));
        drawn.values.push(with(recipe.knobs.group_bias));
    }
    drawn
}

/// What decides about one value.
#[derive(Clone, Copy)]
struct Chance {
    /// A standard normal score for a normal or lognormal column, otherwise uniform in [0, 1).
    chance: f64,
    /// Days since the start, for a date.
    day: u64,
    /// The highest value that an earlier column allows.
    highest: Option<f64>,
    /// How far the knob `group_bias` counts.
    bias: f64,
    /// Whether the row belongs to the group that is treated worse.
    against: bool,
}

fn value(recipe: &Recipe, column: &ColumnRecipe, by: Chance) -> Value {
    let shift = shift(recipe, column, by);
    let place = || place(&weights(recipe, column, by), by.chance);
    let number = match column.kind {
        Distribution::Normal => column.mean.unwrap_or_default() + column.sd.unwrap_or_default() * by.chance + shift,
        Distribution::Lognormal => {
            column.median.unwrap_or_default() * exp(column.sigma.unwrap_or_default() * by.chance + shift)
        }
        Distribution::Uniform => {
            let (low, high) = (column.low.unwrap_or_default(), column.high.unwrap_or_default());
            low + (high - low) * by.chance + shift
        }
        Distribution::Integer => place() as f64,
        Distribution::Boolean => return Value::Bool(by.chance < column.share.unwrap_or_default() + shift),
        Distribution::Choice => {
            let chosen = column.values.as_ref().and_then(|values| values.get(place()));
            return chosen.map_or(Value::Missing, |value| Value::Text(value.clone()));
        }
        Distribution::Date => {
            let start = column.start.as_deref().and_then(day_number).unwrap_or_default();
            return Value::Text(day_text(start + by.day as i64));
        }
    };
    Value::Number(finish(column, number, by.highest))
}

/// Which rows belong to the group that `group_bias` turns against.
fn disfavoured(recipe: &Recipe, drawn: &[Drawn<'_>], rows: usize) -> Vec<bool> {
    let group = recipe.group.as_ref();
    let column = group.and_then(|group| drawn.iter().find(|drawn| drawn.recipe.name == group.column));
    match group.zip(column) {
        Some((group, column)) => {
            let is = |value: &Value| matches!(value, Value::Text(text) if *text == group.against);
            column.values.iter().map(is).collect()
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
fn weights(recipe: &Recipe, column: &ColumnRecipe, by: Chance) -> Vec<f64> {
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
    if by.against {
        towards(&column.bias_weights, by.bias);
    }
    now
}

/// Cuts and rounds a number as its column states.
fn finish(column: &ColumnRecipe, number: f64, highest: Option<f64>) -> f64 {
    let mut number = highest.map_or(number, |highest| number.min(highest));
    if let Some([low, high]) = column.clip {
        number = number.clamp(low, high);
    }
    if let Some(decimals) = column.decimals {
        let scale = (0..decimals).fold(1.0, |scale, _| scale * 10.0);
        number = (number * scale).round() / scale;
    }
    // −0 would be written otherwise than 0.
    number + 0.0
}

fn draw_labels(recipe: &Recipe, drawn: &[Drawn<'_>], rows: usize, seed: u64) -> Vec<Value> {
    let target = &recipe.target;
    let mut stream = Stream::new(seed, "label", &target.name);
    let mut flips = Stream::new(seed, "flip", &target.name);
    let against = disfavoured(recipe, drawn, rows);
    let flip = recipe.group.as_ref().map_or(0.0, |group| group.flip) * recipe.knobs.group_bias;
    let column = |term: &Term| drawn.iter().find(|drawn| drawn.recipe.name == term.column);
    let terms: Vec<_> = target.terms.iter().filter_map(|term| Some((term, column(term)?))).collect();
    let label = |(row, &against): (usize, &bool)| {
        let sum: f64 = terms.iter().map(|(term, column)| contribution(term, column, row, recipe)).sum();
        let score = target.intercept + sum + target.noise * stream.normal();
        let positive = stream.uniform() < sigmoid(score);
        // Drawn in every row, so that the knob does not move the rows after it.
        let flipped = flips.uniform() < flip && against;
        Value::Text(if positive && !flipped { target.positive.clone() } else { target.negative.clone() })
    };
    against.iter().enumerate().map(label).collect()
}

fn contribution(term: &Term, column: &Drawn<'_>, row: usize, recipe: &Recipe) -> f64 {
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

fn number_at(column: &Drawn<'_>, row: usize) -> f64 {
    match column.values.get(row) {
        Some(Value::Number(number)) => *number,
        _ => f64::INFINITY,
    }
}

/// Leaves out the stated share of the values, once everything that depends on them is drawn.
fn leave_out(drawn: Drawn<'_>, seed: u64) -> Column {
    let Drawn { recipe, mut values, .. } = drawn;
    if let Some(share) = recipe.missing.filter(|share| *share > 0.0) {
        let mut stream = Stream::new(seed, "missing", &recipe.name);
        values.iter_mut().filter(|_| stream.uniform() < share).for_each(|value| *value = Value::Missing);
    }
    Column::new(&recipe.name, values)
}

/// Days since 1970-01-01 of a day written as `2024-01-31` (the proleptic Gregorian calendar).
pub(super) fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    // Years that start in March end with the leap day.
    let shifted = if month > 2 { year } else { year - 1 };
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let number = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
    (day_text(number) == text).then_some(number)
}

/// The day with this number, written as `2024-01-31`.
fn day_text(number: i64) -> String {
    let days = number + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
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
        generate(&parse_recipe(&text, "recipe.toml").unwrap(), 4000, 1, &mut |_, _| {}).unwrap()
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
            let error = generate(&recipe, rows, 1, &mut |_, _| {}).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let text = RECIPE.replacen("rows = 4000", "rows = 100000001", 1);
        let error = parse_recipe(&text, "recipe.toml").unwrap_err().to_string();
        assert!(error.starts_with("recipe.toml:2: rows: 100000001 rows are more than a recipe makes"), "{error}");
    }

    #[test]
    fn days_are_counted_by_the_calendar() {
        assert_eq!(day_number("1970-01-01"), Some(0));
        assert_eq!(day_number("2024-02-29"), Some(19_782));
        assert_eq!(day_text(19_783), "2024-03-01");
        for wrong in ["2023-02-29", "2024-13-01", "2024-1-1", "today", ""] {
            assert_eq!(day_number(wrong), None, "{wrong}");
        }
    }
}
