//! What a recipe states must be drawable: keys that fit the kind, shares, and columns that come earlier.

use super::recipe::{ColumnRecipe, Distribution, Knobs, MOST_ROWS, Recipe, Term};
use crate::canvas::{Finding, nearest};

pub(super) fn check(recipe: &Recipe) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |path: String, message: String, help: &str| findings.push(Finding::new(path, message, help));
    if recipe.rows == 0 {
        add("rows".into(), "a recipe of 0 rows".into(), "write how many rows are made");
    }
    if recipe.rows > MOST_ROWS {
        let help = format!("write {MOST_ROWS} at most");
        add("rows".into(), format!("{} rows are more than a recipe makes", recipe.rows), &help);
    }
    let Knobs { group_bias, feature_drift, concept_drift } = recipe.knobs;
    for (name, knob) in [("group_bias", group_bias), ("feature_drift", feature_drift), ("concept_drift", concept_drift)]
    {
        if !(0.0..=1.0).contains(&knob) {
            add(format!("knobs.{name}"), format!("{knob} is out of range"), "knobs run from 0 to 1");
        }
    }
    if let Some(group) = &recipe.group {
        if !(0.0..=1.0).contains(&group.flip) {
            add("group.flip".into(), format!("{} is no probability", group.flip), "write a number from 0 to 1");
        }
        match recipe.columns.iter().find(|column| column.name == group.column) {
            None => {
                let help = meant(&group.column, &recipe.columns);
                add("group.column".into(), format!("there is no column \"{}\"", group.column), &help);
            }
            Some(column) if !column.values.iter().flatten().any(|value| *value == group.against) => {
                let message = format!("\"{}\" is no value of \"{}\"", group.against, group.column);
                add("group.against".into(), message, "name one of its values");
            }
            Some(_) => {}
        }
    }
    for (index, column) in recipe.columns.iter().enumerate() {
        check_column(recipe, index, column, &mut add);
    }
    if recipe.columns.iter().any(|column| column.name == recipe.target.name) {
        add(
            "target.name".into(),
            format!("\"{}\" is a column already", recipe.target.name),
            "name the label otherwise",
        );
    }
    let target = &recipe.target;
    if target.positive.is_some() != target.negative.is_some() {
        let (key, other) = if target.positive.is_some() { ("negative", "positive") } else { ("positive", "negative") };
        let help = format!("add {key} = \"…\", or leave {other} out for a number");
        add(format!("target.{key}"), "a label has two values".into(), &help);
    }
    if target.positive.is_some() && (target.clip.is_some() || target.decimals.is_some()) {
        let key = if target.clip.is_some() { "clip" } else { "decimals" };
        add(format!("target.{key}"), "a label is no number".into(), "leave it out, or leave positive and negative out");
    }
    if let Some([low, high]) = target.clip.filter(|[low, high]| low >= high) {
        add("target.clip".into(), format!("from {low} to {high} there is nothing"), "swap the two");
    }
    if recipe.target.noise < 0.0 {
        add("target.noise".into(), format!("{} is below 0", recipe.target.noise), "write 0 or more");
    }
    for (index, term) in recipe.target.terms.iter().enumerate() {
        check_term(recipe, term, &format!("target.terms[{index}]"), &mut add);
    }
    findings
}

type Add<'a> = dyn FnMut(String, String, &str) + 'a;

fn meant(name: &str, columns: &[ColumnRecipe]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let near = nearest(name, names.iter().copied()).map(|near| format!("did you mean \"{near}\"? "));
    format!("{}columns: {}", near.unwrap_or_default(), names.join(", "))
}

fn check_column(recipe: &Recipe, index: usize, column: &ColumnRecipe, add: &mut Add<'_>) {
    let path = format!("columns[{index}]");
    let earlier = &recipe.columns[..index];
    if earlier.iter().any(|other| other.name == column.name) {
        add(format!("{path}.name"), format!("the column \"{}\" comes twice", column.name), "give each its own name");
    }
    check_keys(column, &path, add);

    let weights = [
        ("weights", &column.weights),
        ("bias_weights", &column.bias_weights),
        ("drift_weights", &column.drift_weights),
    ];
    let wanted = match column.kind {
        Distribution::Choice => column.values.as_ref().map(Vec::len),
        _ => column.weights.as_ref().map(Vec::len),
    };
    for (key, weights) in weights {
        let Some(weights) = weights else { continue };
        if wanted.is_some_and(|wanted| wanted != weights.len()) {
            let message = format!("{} weights where {} belong", weights.len(), wanted.unwrap_or_default());
            add(format!("{path}.{key}"), message, "write one weight for each value");
        } else if weights.iter().any(|weight| *weight < 0.0) || weights.iter().sum::<f64>() <= 0.0 {
            add(format!("{path}.{key}"), "weights are 0 or more, and not all 0".into(), "correct the weights");
        }
    }
    for (key, share) in [("share", column.share), ("missing", column.missing)] {
        if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
            add(format!("{path}.{key}"), format!("{share} is no share"), "write a number from 0 to 1");
        }
    }
    for (key, positive) in [("sd", column.sd), ("sigma", column.sigma), ("median", column.median)] {
        if let Some(value) = positive.filter(|value| *value <= 0.0) {
            add(format!("{path}.{key}"), format!("{value} is not above 0"), "write a number above 0");
        }
    }
    for (key, range) in [("clip", column.clip), ("high", column.low.zip(column.high).map(|(low, high)| [low, high]))] {
        if let Some([low, high]) = range.filter(|[low, high]| low >= high) {
            add(format!("{path}.{key}"), format!("from {low} to {high} there is nothing"), "swap the two");
        }
    }
    if let Some(start) = &column.start
        && super::moment::day_number(start).is_none()
    {
        add(format!("{path}.start"), format!("\"{start}\" is no day"), "write it as \"2024-01-31\"");
    }
    if column.size == Some(0) {
        add(format!("{path}.size"), "0 rows".into(), "write how many rows share a value");
    }
    if column.days == Some(0) {
        add(format!("{path}.days"), "0 days".into(), "write over how many days the rows are spread");
    }
    if let Some(correlate) = &column.correlate {
        let normal = |other: &&ColumnRecipe| matches!(other.kind, Distribution::Normal | Distribution::Lognormal);
        if !earlier.iter().filter(normal).any(|other| other.name == correlate.column) {
            let message = format!("\"{}\" is no earlier column of kind normal or lognormal", correlate.column);
            add(format!("{path}.correlate.column"), message, "name one that is drawn before this one");
        }
        if !(-1.0..=1.0).contains(&correlate.weight) {
            add(format!("{path}.correlate.weight"), format!("{} is no correlation", correlate.weight), "write −1 to 1");
        }
    }
    if let Some(limit) = &column.at_most
        && !earlier.iter().any(|other| other.name == limit.column && is_number(other.kind))
    {
        let message = format!("\"{}\" is no earlier column of numbers", limit.column);
        add(format!("{path}.at_most.column"), message, "name one that is drawn before this one");
    }
    let by_group = column.shift.is_some() || column.bias.is_some() || column.bias_weights.is_some();
    match &recipe.group {
        None if by_group => {
            add(format!("{path}.bias"), "the recipe names no group to shift".into(), "add a [group] block");
        }
        Some(group) if by_group && !earlier.iter().any(|other| other.name == group.column) => {
            let message = format!("the group column \"{}\" is not drawn before this one", group.column);
            add(format!("{path}.bias"), message, "move the group column up");
        }
        _ => {}
    }
}

fn is_number(kind: Distribution) -> bool {
    use Distribution::{Integer, Lognormal, Normal, Uniform};
    matches!(kind, Normal | Lognormal | Uniform | Integer)
}

/// The keys of a kind: first the ones it needs, then the ones it may have.
fn keys_of(kind: Distribution) -> (&'static [&'static str], &'static [&'static str]) {
    const DRAWN: &[&str] = &["clip", "decimals", "missing", "correlate", "at_most", "shift", "bias", "drift"];
    match kind {
        Distribution::Normal => (&["mean", "sd"], DRAWN),
        Distribution::Lognormal => (&["median", "sigma"], DRAWN),
        Distribution::Uniform => {
            (&["low", "high"], &["clip", "decimals", "missing", "at_most", "shift", "bias", "drift"])
        }
        Distribution::Integer => (&["weights"], &["missing", "at_most", "bias_weights", "drift_weights"]),
        Distribution::Boolean => (&["share"], &["missing", "shift", "bias", "drift"]),
        Distribution::Choice => (&["values", "weights"], &["missing", "bias_weights", "drift_weights"]),
        Distribution::Date => (&["start", "days"], &[]),
        Distribution::Sequence => (&["size"], &[]),
    }
}

fn check_keys(column: &ColumnRecipe, path: &str, add: &mut Add<'_>) {
    let stated = [
        ("mean", column.mean.is_some()),
        ("sd", column.sd.is_some()),
        ("median", column.median.is_some()),
        ("sigma", column.sigma.is_some()),
        ("low", column.low.is_some()),
        ("high", column.high.is_some()),
        ("share", column.share.is_some()),
        ("values", column.values.is_some()),
        ("weights", column.weights.is_some()),
        ("start", column.start.is_some()),
        ("days", column.days.is_some()),
        ("size", column.size.is_some()),
        ("clip", column.clip.is_some()),
        ("decimals", column.decimals.is_some()),
        ("missing", column.missing.is_some()),
        ("correlate", column.correlate.is_some()),
        ("at_most", column.at_most.is_some()),
        ("shift", column.shift.is_some()),
        ("bias", column.bias.is_some()),
        ("bias_weights", column.bias_weights.is_some()),
        ("drift", column.drift.is_some()),
        ("drift_weights", column.drift_weights.is_some()),
    ];
    let (needed, allowed) = keys_of(column.kind);
    for (key, is_stated) in stated {
        if needed.contains(&key) && !is_stated {
            add(format!("{path}.{key}"), "this kind needs the key".into(), &format!("add {key} = …"));
        } else if is_stated && !needed.contains(&key) && !allowed.contains(&key) {
            let accepted: Vec<&str> = needed.iter().chain(allowed).copied().collect();
            let help = format!("accepted: {}", accepted.join(", "));
            add(format!("{path}.{key}"), "this kind does not have the key".into(), &help);
        }
    }
}

fn check_term(recipe: &Recipe, term: &Term, path: &str, add: &mut Add<'_>) {
    let Some(column) = recipe.columns.iter().find(|column| column.name == term.column) else {
        let help = meant(&term.column, &recipe.columns);
        return add(format!("{path}.column"), format!("there is no column \"{}\"", term.column), &help);
    };
    if is_number(column.kind) {
        if term.levels.is_some() {
            let help = "use center and spread";
            add(format!("{path}.levels"), format!("\"{}\" holds numbers", column.name), help);
        }
        if term.center.is_none() || term.spread.is_none_or(|spread| spread <= 0.0) {
            let message = "a term over numbers needs a center and a spread above 0".to_owned();
            add(path.to_owned(), message, "add center = … and spread = …");
        }
        return;
    }
    match &term.levels {
        None => add(path.to_owned(), "a term over values needs levels".into(), "add levels = { value = 0.3 }"),
        Some(levels) => {
            let values: Vec<&str> = match column.kind {
                Distribution::Boolean => vec!["false", "true"],
                _ => column.values.iter().flatten().map(String::as_str).collect(),
            };
            for level in levels.keys().filter(|level| !values.contains(&level.as_str())) {
                let message = format!("\"{level}\" is no value of \"{}\"", column.name);
                add(format!("{path}.levels.{level}"), message, &format!("accepted: {}", values.join(", ")));
            }
        }
    }
}
