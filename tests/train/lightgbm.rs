//! The kit's trees beside LightGBM's with the same number and depth, on real data: `reference/boosting.py` made the
//! predictions once. Needs `../shared/data`, which is not in the product.

use nearside::canvas::{Canvas, parse_canvas};
use nearside::features::Value;
use nearside::sources::{Column, Table};
use nearside::train::{Candidate, Target, design, train};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How often the held-out rows are drawn again.
const RESAMPLES: usize = 1000;

fn reference(name: &str) -> Vec<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/train/reference").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// The columns of a data set: numbers where every value is one, else texts. Nothing where the folder is absent.
fn data(name: &str) -> Option<Table> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: there is no ../shared/data/{name}; CI has it");
        return None;
    };
    let bytes = std::io::Cursor::new(bytes);
    let text: Box<dyn std::io::Read> =
        if name.ends_with(".gz") { Box::new(flate2::read::GzDecoder::new(bytes)) } else { Box::new(bytes) };
    let mut reader = csv::Reader::from_reader(text);
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for record in reader.records() {
        record.unwrap().iter().zip(&mut cells).for_each(|(cell, column)| column.push(cell.to_owned()));
    }
    let column = |(name, cells): (String, Vec<String>)| {
        let numeric = cells.iter().all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok());
        let value = |cell: String| match cell.parse() {
            _ if cell.is_empty() => Value::Missing,
            Ok(number) if numeric => Value::Number(number),
            _ => Value::Text(cell),
        };
        Column::new(name, cells.into_iter().map(value))
    };
    Some(Table::new(name, names.into_iter().zip(cells).map(column).collect()).unwrap())
}

/// Adds the column that the rows are split by: 1 for those that are held out.
fn held_out(table: &mut Table, is_held_out: impl Fn(usize) -> bool) -> f64 {
    let flags: Vec<f64> = (0..table.rows()).map(|row| f64::from(u8::from(is_held_out(row)))).collect();
    let share = flags.iter().sum::<f64>() / flags.len() as f64;
    table.columns.push(Column::new("held_out", flags));
    share
}

/// A canvas over all columns but these.
fn canvas(table: &Table, task: &str, share: f64, left_out: &[&str]) -> Canvas {
    let mut text = format!(
        "name = \"x\"\nprediction_task = {{ {task} }}\n\
         offline_evaluation = {{ split = {{ kind = \"time\", column = \"held_out\", test = {share} }} }}\n\
         building_models = {{ trainer = {{ kind = \"gradient_boosting\", trees = 200, depth = 4 }}, seed = 7 }}\n"
    );
    for column in &table.columns {
        if left_out.contains(&column.name.as_str()) || column.name == "held_out" {
            continue;
        }
        let mut words: Vec<String> = column
            .values()
            .filter_map(|value| match value {
                Value::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        words.sort();
        words.dedup();
        let kind = if words.is_empty() { "number" } else { "category" };
        writeln!(text, "[[features]]\nname = {:?}\ntype = \"{kind}\"\nmissing = \"model\"", column.name).unwrap();
        if !words.is_empty() {
            writeln!(text, "values = {words:?}").unwrap();
        }
    }
    parse_canvas(&text, "canvas.toml").unwrap()
}

/// What the plain candidate gives for the held-out rows, and what it should give.
fn predicted(canvas: &Canvas, table: &Table) -> (Candidate, Vec<f64>, Target) {
    let candidate = train(canvas, table, &mut |_, _| {}).unwrap().remove(0);
    let rows = &candidate.split.test;
    let sums = candidate.fitted.sums(&design(canvas, &candidate.fitted.features, table, rows).unwrap()).unwrap();
    let target = Target::read(canvas, table).unwrap().select(rows);
    (candidate, sums, target)
}

/// How often each of `count` units is drawn, in each resample.
fn resamples(count: usize) -> impl Iterator<Item = Vec<f64>> {
    let mut state = 1_u64;
    (0..RESAMPLES).map(move |_| {
        let mut drawn = vec![0.0; count];
        for _ in 0..count {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            drawn[((u128::from(state) * count as u128) >> 64) as usize] += 1.0;
        }
        drawn
    })
}

/// The lower and the upper end of the 95 % interval of a difference.
fn ends(mut differences: Vec<f64>) -> (f64, f64) {
    differences.sort_by(f64::total_cmp);
    let at = |share: f64| differences[(share * (differences.len() - 1) as f64).round() as usize];
    (at(0.025), at(0.975))
}

/// The ROC AUC where each row counts so often; `order` ascends by score.
fn auc(order: &[usize], scores: &[f64], labels: &[bool], counts: &[f64]) -> f64 {
    let (mut won, mut below, mut positives, mut start) = (0.0, 0.0, 0.0, 0);
    while start < order.len() {
        let score = scores[order[start]];
        let end = start + order[start..].iter().take_while(|&&row| scores[row] == score).count();
        let of = |wanted: bool| -> f64 {
            order[start..end].iter().filter(|&&row| labels[row] == wanted).map(|&row| counts[row]).sum()
        };
        let (own, other) = (of(true), of(false));
        won += own * (below + other / 2.0);
        below += other;
        positives += own;
        start = end;
    }
    won / (positives * below)
}

fn ascending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order
}

/// Our AUC less theirs on the same rows: the value, and the ends of its paired bootstrap interval.
fn auc_difference(ours: &[f64], theirs: &[f64], labels: &[bool]) -> (f64, f64, f64) {
    let orders = [ascending(ours), ascending(theirs)];
    let of = |counts: &[f64]| auc(&orders[0], ours, labels, counts) - auc(&orders[1], theirs, labels, counts);
    let (low, high) = ends(resamples(labels.len()).map(|counts| of(&counts)).collect());
    (of(&vec![1.0; labels.len()]), low, high)
}

#[test]
fn adult_is_told_apart_as_well() {
    let Some(mut table) = data("adult.csv.gz") else { return };
    let split: Vec<Value> = table.column("split").unwrap().values().collect();
    let share = held_out(&mut table, |row| split[row] == Value::Text("test".into()));
    let task = "kind = \"classification\", target = \"income\", positive = \">50K\"";
    let canvas = canvas(&table, task, share, &["income", "split", "sex", "race"]);
    let (_, sums, target) = predicted(&canvas, &table);
    let labels = target.labels().unwrap().positives();
    let (value, low, high) = auc_difference(&sums, &reference("adult.lightgbm.txt"), &labels);
    println!("adult: AUC {value:+.5} ({low:+.5} to {high:+.5})");
    assert!(low >= -0.003, "AUC {value:+.5} ({low:+.5} to {high:+.5})");
}

#[test]
fn breast_cancer_is_told_apart_as_well() {
    let Some(mut table) = data("sk_breast_cancer.csv") else { return };
    let share = held_out(&mut table, |row| row % 5 == 0);
    let task = "kind = \"classification\", target = \"target\", positive = \"1\"";
    let canvas = canvas(&table, task, share, &["target"]);
    let (_, sums, target) = predicted(&canvas, &table);
    let labels = target.labels().unwrap().positives();
    let (value, low, high) = auc_difference(&sums, &reference("breast_cancer.lightgbm.txt"), &labels);
    println!("breast_cancer: AUC {value:+.5} ({low:+.5} to {high:+.5})");
    assert!(low >= -0.003, "AUC {value:+.5} ({low:+.5} to {high:+.5})");
}

#[test]
fn california_housing_is_predicted_as_well() {
    let Some(mut table) = data("california_housing.csv") else { return };
    let share = held_out(&mut table, |row| row % 5 == 0);
    let canvas =
        canvas(&table, "kind = \"regression\", target = \"median_house_value\"", share, &["median_house_value"]);
    let (_, sums, target) = predicted(&canvas, &table);
    let Target::Numbers(truth) = target else { panic!("no numbers") };
    let theirs = reference("california_housing.lightgbm.txt");
    let r2 = |values: &[f64], counts: &[f64]| {
        let total: f64 = counts.iter().sum();
        let mean = truth.iter().zip(counts).map(|(y, n)| y * n).sum::<f64>() / total;
        let spread: f64 = truth.iter().zip(counts).map(|(y, n)| n * (y - mean).powi(2)).sum();
        1.0 - truth.iter().zip(values).zip(counts).map(|((y, v), n)| n * (y - v).powi(2)).sum::<f64>() / spread
    };
    let of = |counts: &[f64]| r2(&sums, counts) - r2(&theirs, counts);
    let value = of(&vec![1.0; truth.len()]);
    let (low, high) = ends(resamples(truth.len()).map(|counts| of(&counts)).collect());
    println!("california_housing: R² {value:+.5} ({low:+.5} to {high:+.5})");
    assert!(low >= -0.005, "R² {value:+.5} ({low:+.5} to {high:+.5})");
}

#[test]
fn a_ranking_puts_relevant_rows_in_front_as_well() {
    let Some(mut table) = data("lightgbm_lambdarank.csv.gz") else { return };
    let query: Vec<Value> = table.column("qid").unwrap().values().collect();
    let share = held_out(&mut table, |row| matches!(query[row], Value::Number(query) if query % 5.0 == 0.0));
    let task = "kind = \"ranking\", target = \"relevance\", group = \"qid\"";
    let canvas = canvas(&table, task, share, &["relevance", "qid", "split"]);
    let (_, sums, target) = predicted(&canvas, &table);
    let Target::Ranks(ranks) = target else { panic!("no ranks") };
    let theirs = reference("lightgbm_lambdarank.lightgbm.txt");
    let mut queries: Vec<usize> = ranks.group.clone();
    queries.sort_unstable();
    queries.dedup();
    // The exponential gain, and 1 where no row of a query is relevant, as LightGBM has it.
    let ndcg = |scores: &[f64], query: usize| {
        let mut rows: Vec<usize> = (0..scores.len()).filter(|&row| ranks.group[row] == query).collect();
        let gains = |rows: &[usize]| -> f64 {
            let gain =
                |(place, &row): (usize, &usize)| (ranks.relevance[row].exp2() - 1.0) / (place as f64 + 2.0).log2();
            rows.iter().take(5).enumerate().map(gain).sum()
        };
        rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let found = gains(&rows);
        rows.sort_by(|&a, &b| ranks.relevance[b].total_cmp(&ranks.relevance[a]));
        let best = gains(&rows);
        if best > 0.0 { found / best } else { 1.0 }
    };
    let differences: Vec<f64> = queries.iter().map(|&query| ndcg(&sums, query) - ndcg(&theirs, query)).collect();
    let of =
        |counts: &[f64]| differences.iter().zip(counts).map(|(d, n)| d * n).sum::<f64>() / counts.iter().sum::<f64>();
    let value = of(&vec![1.0; differences.len()]);
    let (low, high) = ends(resamples(differences.len()).map(|counts| of(&counts)).collect());
    println!("lambdarank: NDCG@5 {value:+.5} ({low:+.5} to {high:+.5}) over {} queries", differences.len());
    assert!(high >= -0.01, "NDCG@5 {value:+.5} ({low:+.5} to {high:+.5})");
}

#[test]
fn digits_are_read() {
    let Some(mut table) = data("sk_digits.csv") else { return };
    let share = held_out(&mut table, |row| row % 5 == 0);
    let trees = canvas(&table, "kind = \"classification\", target = \"target\"", share, &["target"]);
    let mut weights = trees.clone();
    weights.building_models.trainer.kind = None;
    weights.building_models.trainer.l2 = 3e-3;
    for feature in &mut weights.features {
        feature.missing = nearside::canvas::Missing::Error;
        feature.transform = vec![nearside::canvas::Transform::Standardize];
    }
    for (canvas, least) in [(weights, 0.96), (trees, 0.97)] {
        let (candidate, sums, target) = predicted(&canvas, &table);
        let labels = target.labels().unwrap();
        let classes = candidate.fitted.classes().len();
        let best =
            |sums: &[f64]| (0..classes).fold(0, |best, class| if sums[class] > sums[best] { class } else { best });
        let right = sums.chunks_exact(classes).zip(&labels.of).filter(|(sums, class)| best(sums) == **class).count();
        let share = right as f64 / labels.of.len() as f64;
        println!("digits: accuracy {share:.4}");
        assert!(share >= least, "{share}");
    }
}
