//! The findings of block 4: ranges, values, missing-value rules and transforms that do not fit the type.

use super::check::Report;
use super::{Canvas, Derivation, Feature, FeatureKind, MODEL_OUTPUTS, Missing, Monotonic, Transform};

/// The largest number of quantile bins: more would be columns with hardly a row in them.
const MOST_BINS: usize = 50;

/// The largest number of terms of a text: more would be columns with hardly a row in them.
const MOST_TERMS: usize = 10_000;

pub(super) fn check_features(canvas: &Canvas, report: &mut Report) {
    let features = canvas.features.iter().enumerate();
    report.distinct(
        "feature",
        features.clone().map(|(index, feature)| (format!("features[{index}].name"), feature.name.as_str())),
    );
    for (index, feature) in features {
        let path = format!("features[{index}]");
        let target = &canvas.prediction_task.target;
        if !target.is_empty() && feature.derived().is_none() && feature.column() == target {
            let message = "the feature is the target: the model would be told the answer";
            report.add(format!("{path}.name"), message, "leave the feature out");
        }
        check_name(feature, &path, report);
        check_values(feature, &path, report);
        check_missing(feature, &path, report);
        check_transforms(canvas, feature, &path, report);
        check_derived(canvas, feature, &path, report);
    }
    if !canvas.features.is_empty() && canvas.inputs().next().is_none() {
        let message = "every feature is sensitive: the model has no input";
        report.add("features", message, "add a feature without sensitive = true");
    }
}

/// The name of an input is a name in the model's own graph.
fn check_name(feature: &Feature, path: &str, report: &mut Report) {
    if !feature.sensitive && MODEL_OUTPUTS.contains(&feature.name.as_str()) {
        let message = format!("\"{}\" is what an output of the model is called", feature.name);
        let help = format!("choose another name, and add source = \"{}\"", feature.column());
        report.add(format!("{path}.name"), message, help);
    }
    if feature.name.chars().any(char::is_control) {
        let message = format!("the name {:?} holds a control character", feature.name);
        report.add(format!("{path}.name"), message, "use letters, digits and underscores");
    }
}

fn check_values(feature: &Feature, path: &str, report: &mut Report) {
    let kind = feature.kind.name();
    if let Some([low, high]) = feature.range {
        if !feature.kind.is_numeric() {
            let message = format!("a {kind} has no range");
            report.add(format!("{path}.range"), message, "leave `range` out, or list the values of a category");
        } else if low >= high {
            let message = format!("the range runs from {low} to {high}");
            report.add(format!("{path}.range"), message, "write the lowest value first: [lowest, highest]");
        }
    }
    if feature.kind == FeatureKind::Category {
        if feature.values.is_empty() {
            let what = if feature.sensitive { "sensitive feature" } else { "category" };
            let message = format!("the {what} \"{}\" lists no values", feature.name);
            report.add(format!("{path}.values"), message, "add values = [\"…\", \"…\"]");
        }
        let values = feature.values.iter().enumerate();
        report.distinct("value", values.map(|(at, value)| (format!("{path}.values[{at}]"), value.as_str())));
    } else if feature.sensitive {
        let message = format!("a sensitive feature is compared value by value, and a {kind} lists none");
        report.add(format!("{path}.type"), message, "use type = \"category\" with values = [\"…\", \"…\"]");
    } else if !feature.values.is_empty() {
        let message = format!("a {kind} has no list of values");
        report.add(format!("{path}.values"), message, "leave `values` out, or use type = \"category\"");
    }
    if feature.monotonic.is_some() && !feature.has_order() {
        let (message, help) = match feature.kind {
            FeatureKind::Timestamp => {
                ("the parts of a date go round and round: no order to be monotonic in", "leave `monotonic` out")
            }
            FeatureKind::Category => (
                "the values of a category have no order to be monotonic in",
                "leave `monotonic` out, or list the values in their order and add transform = [\"ordinal\"]",
            ),
            _ => ("texts have no order to be monotonic in", "leave `monotonic` out"),
        };
        report.add(format!("{path}.monotonic"), message, help);
    }
    if feature.unit.is_some() && matches!(feature.kind, FeatureKind::Text | FeatureKind::Timestamp) {
        let message = format!("a {kind} has no unit");
        report.add(format!("{path}.unit"), message, "leave `unit` out");
    }
}

fn check_missing(feature: &Feature, path: &str, report: &mut Report) {
    use FeatureKind::{Boolean, Category, Text, Timestamp};
    let accepted = match (feature.missing, feature.kind) {
        // Models that were adopted read texts themselves.
        (Missing::Error | Missing::Model, Text) => return,
        (_, Text) => "leave `missing` out: a text that is missing is the empty text",
        (Missing::Mean | Missing::Zero | Missing::Model, Timestamp) => "accepted: median, mode, error",
        (Missing::Median | Missing::Mean, Category | Boolean) | (Missing::Zero, Category) => "accepted: mode, error",
        _ => return,
    };
    let message = format!("a {} cannot be filled in this way", feature.kind.name());
    report.add(format!("{path}.missing"), message, accepted);
}

/// What a feature of two others may state, and which two.
fn check_derived(canvas: &Canvas, feature: &Feature, path: &str, report: &mut Report) {
    let Some((derivation, of)) = feature.derived() else { return };
    let key = if derivation == Derivation::Ratio { "ratio" } else { "difference" };
    if feature.ratio.is_some() && feature.difference.is_some() {
        report.add(format!("{path}.difference"), "it is a ratio already", "make two features of them");
    }
    if feature.kind != FeatureKind::Number {
        let message = format!("a {key} is no {}", feature.kind.name());
        report.add(format!("{path}.type"), message, "use type = \"number\"");
    }
    for (stated, key, help) in [
        (feature.source.is_some(), "source", "leave `source` out"),
        (feature.sensitive, "sensitive", "leave `sensitive` out: a group is declared, not computed"),
        (feature.missing != Missing::Error, "missing", "state `missing` for the two features that it is derived from"),
        (
            feature.range.is_some() && !feature.transform.contains(&Transform::Clip),
            "range",
            "no record has it, so nothing is out of bounds: add \"clip\" to `transform`, or leave `range` out",
        ),
    ] {
        if stated {
            report.add(format!("{path}.{key}"), "this has no meaning for a derived feature", help);
        }
    }
    let numbers = |feature: &&Feature| matches!(feature.kind, FeatureKind::Number | FeatureKind::Integer);
    let moments = |feature: &&Feature| feature.kind == FeatureKind::Timestamp;
    let [left, right] = of.each_ref().map(|name| canvas.inputs().find(|input| input.name == *name));
    for (at, (name, found)) in of.iter().zip([left, right]).enumerate() {
        let place = format!("{path}.{key}[{at}]");
        match found {
            None => {
                let names = canvas.inputs().filter(|input| input.kind.is_numeric()).map(|input| input.name.as_str());
                report.name(place, "input to derive from", name, names);
            }
            Some(input) if input.missing == Missing::Model => {
                let message = format!("\"{name}\" may be missing, and nothing is filled in for it");
                report.add(place, message, format!("give \"{name}\" another rule, like missing = \"median\""));
            }
            Some(input) if !(numbers(&input) || (derivation == Derivation::Difference && moments(&input))) => {
                let message = format!("\"{name}\" is a {}, of which there is no {key}", input.kind.name());
                report.add(place, message, "name two features of type number or integer");
            }
            Some(_) => {}
        }
    }
    let (Some(left), Some(right)) = (left, right) else { return };
    if moments(&left) != moments(&right) && derivation == Derivation::Difference {
        let message = "a number cannot be taken from a timestamp, or a timestamp from a number";
        report.add(format!("{path}.{key}"), message, "name two timestamps or two numbers");
    }
    if left.name == right.name {
        report.add(format!("{path}.{key}"), "both are the same feature", "name two different ones");
    }
    for (at, operand) in [left, right].into_iter().enumerate() {
        if let Some(direction) = operand.monotonic
            && !keeps(feature, derivation, [left, right], at, direction)
        {
            let message = format!(
                "\"{}\" is monotonic, and the {key} moves with it: the score could go the other way",
                operand.name
            );
            let help = match derivation {
                Derivation::Difference => "hold the difference monotonic so that both agree, or neither",
                Derivation::Ratio => {
                    "hold the ratio monotonic so that both agree, with a range above 0 for the two features, or neither"
                }
            };
            report.add(format!("{path}.{key}[{at}]"), message, help);
        }
    }
}

/// Whether a derived feature moves the score in the direction that one of its two is held to.
fn keeps(feature: &Feature, derivation: Derivation, of: [&Feature; 2], at: usize, direction: Monotonic) -> bool {
    let positive = |feature: &Feature| feature.range.is_some_and(|[low, _]| low > 0.0);
    let signs = match derivation {
        Derivation::Difference => true,
        Derivation::Ratio => positive(of[1]) && (at == 0 || positive(of[0])),
    };
    let agrees = feature.monotonic.is_some_and(|own| (own == direction) == (at == 0));
    signs && agrees
}

fn check_transforms(canvas: &Canvas, feature: &Feature, path: &str, report: &mut Report) {
    let has_bins = feature.transform.contains(&Transform::Bins);
    match feature.bins {
        Some(_) if !has_bins => {
            let message = "the number of bins is stated, but no transform makes bins";
            report.add(format!("{path}.bins"), message, "add \"bins\" to `transform`, or leave `bins` out");
        }
        None if has_bins => {
            let message = "the transform \"bins\" does not know how many bins to make";
            report.add(format!("{path}.bins"), message, "add bins = 5");
        }
        Some(count) if !(2..=MOST_BINS).contains(&count) => {
            let message = format!("{count} bins tell nothing apart, or too much");
            report.add(format!("{path}.bins"), message, format!("write a number from 2 to {MOST_BINS}"));
        }
        _ => {}
    }
    let has_parts = feature.transform.contains(&Transform::DateParts);
    if has_parts && feature.parts.is_empty() {
        let message = "the transform \"date_parts\" does not know which parts to take";
        let help = "add parts = [\"hour\", \"weekday\"]; accepted: hour, weekday, month, day, year, days_since";
        report.add(format!("{path}.parts"), message, help);
    } else if !has_parts && !feature.parts.is_empty() {
        let message = "parts are stated, but no transform takes them";
        report.add(format!("{path}.parts"), message, "add \"date_parts\" to `transform`, or leave `parts` out");
    }
    if feature.kind == FeatureKind::Timestamp && !has_parts && !feature.sensitive {
        let mut pairs = canvas.features.iter().filter_map(|other| other.difference.as_ref());
        if !pairs.any(|pair| pair.contains(&feature.name)) {
            let message = "nothing is made of the timestamp";
            let help = "add transform = [\"date_parts\"] with parts = [\"hour\", \"weekday\"], or a difference of two timestamps";
            report.add(format!("{path}.transform"), message, help);
        }
    }
    if let Some(at) = (1..feature.parts.len()).find(|&at| feature.parts[..at].contains(&feature.parts[at])) {
        report.add(format!("{path}.parts[{at}]"), "the part comes twice", "state each part once");
    }
    if let Some(most) = feature.max_terms {
        if !feature.transform.contains(&Transform::TfIdf) {
            let message = "the number of terms is stated, but no transform counts terms";
            report.add(format!("{path}.max_terms"), message, "add \"tf_idf\" to `transform`, or leave `max_terms` out");
        } else if !(1..=MOST_TERMS).contains(&most) {
            let message = format!("{most} terms tell nothing apart, or too much");
            report.add(format!("{path}.max_terms"), message, format!("write a number from 1 to {MOST_TERMS}"));
        }
    }
    if has_bins && feature.monotonic.is_some() {
        let message = "a feature in bins cannot be held monotonic: each bin has a weight of its own";
        report.add(format!("{path}.monotonic"), message, "leave `monotonic` out, or take \"bins\" out of `transform`");
    }
    for (at, transform) in feature.transform.iter().enumerate() {
        let place = format!("{path}.transform[{at}]");
        let (before, after) = (&feature.transform[..at], &feature.transform[at + 1..]);
        if !transform.fits(feature.kind) {
            let accepted = match feature.kind {
                FeatureKind::Category => "accepted: one_hot, ordinal",
                FeatureKind::Boolean => "leave `transform` out",
                FeatureKind::Text => "accepted: tf_idf",
                FeatureKind::Timestamp => "accepted: date_parts",
                FeatureKind::Number | FeatureKind::Integer => "accepted: clip, log1p, standardize, min_max, bins",
            };
            report.add(&place, format!("the transform does not fit a {}", feature.kind.name()), accepted);
        } else if before.contains(transform) {
            report.add(&place, "the transform comes twice", "state each transform once");
        } else if feature.kind == FeatureKind::Category && !before.is_empty() {
            report.add(&place, "a category becomes columns in one way", "choose one of one_hot and ordinal");
        } else if *transform == Transform::Bins && !after.is_empty() {
            report.add(&place, "nothing can follow the transform \"bins\"", "move \"bins\" to the end");
        } else if *transform == Transform::Clip && feature.range.is_none() {
            report.add(&place, "the transform \"clip\" has no range to cut to", "add range = [lowest, highest]");
        }
    }
}
