//! The findings of block 4: ranges, values, missing-value rules and transforms that do not fit the type.

use super::check::Report;
use super::{Canvas, Feature, FeatureKind, MODEL_OUTPUTS, Missing, Transform};

/// The largest number of quantile bins: more would be columns with hardly a row in them.
const MOST_BINS: usize = 50;

pub(super) fn check_features(canvas: &Canvas, report: &mut Report) {
    let features = canvas.features.iter().enumerate();
    report.distinct(
        "feature",
        features.clone().map(|(index, feature)| (format!("features[{index}].name"), feature.name.as_str())),
    );
    for (index, feature) in features {
        let path = format!("features[{index}]");
        if !canvas.prediction_task.target.is_empty() && feature.column() == canvas.prediction_task.target {
            let message = "the feature is the target: the model would be told the answer";
            report.add(format!("{path}.name"), message, "leave the feature out");
        }
        check_name(feature, &path, report);
        check_values(feature, &path, report);
        check_missing(feature, &path, report);
        check_transforms(feature, &path, report);
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
    if feature.monotonic.is_some() && matches!(feature.kind, FeatureKind::Category | FeatureKind::Text) {
        let message = "the values of a category or text have no order to be monotonic in";
        report.add(format!("{path}.monotonic"), message, "leave `monotonic` out");
    }
}

fn check_missing(feature: &Feature, path: &str, report: &mut Report) {
    let accepted = match (feature.missing, feature.kind) {
        (Missing::Median | Missing::Mean, FeatureKind::Category | FeatureKind::Boolean | FeatureKind::Text) => {
            "mode, error"
        }
        (Missing::Zero, FeatureKind::Category | FeatureKind::Text) => "mode, error",
        _ => return,
    };
    let message = format!("a {} cannot be filled in this way", feature.kind.name());
    report.add(format!("{path}.missing"), message, format!("accepted: {accepted}"));
}

fn check_transforms(feature: &Feature, path: &str, report: &mut Report) {
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
    if has_bins && feature.monotonic.is_some() {
        let message = "a feature in bins cannot be held monotonic: each bin has a weight of its own";
        report.add(format!("{path}.monotonic"), message, "leave `monotonic` out, or take \"bins\" out of `transform`");
    }
    for (at, transform) in feature.transform.iter().enumerate() {
        let place = format!("{path}.transform[{at}]");
        let (before, after) = (&feature.transform[..at], &feature.transform[at + 1..]);
        let fits = match transform {
            Transform::OneHot => feature.kind == FeatureKind::Category,
            _ => feature.kind.is_numeric(),
        };
        if !fits {
            let accepted = match feature.kind {
                FeatureKind::Category => "accepted: one_hot",
                FeatureKind::Boolean | FeatureKind::Text => "leave `transform` out",
                _ => "accepted: clip, log1p, standardize, min_max, bins",
            };
            report.add(&place, format!("the transform does not fit a {}", feature.kind.name()), accepted);
        } else if before.contains(transform) {
            report.add(&place, "the transform comes twice", "state each transform once");
        } else if *transform == Transform::Bins && !after.is_empty() {
            report.add(&place, "nothing can follow the transform \"bins\"", "move \"bins\" to the end");
        } else if *transform == Transform::Clip && feature.range.is_none() {
            report.add(&place, "the transform \"clip\" has no range to cut to", "add range = [lowest, highest]");
        }
    }
}
