//! How good the predictions are on rows whose outcome is known.

use super::Metric;
use super::outputs::plain;
use crate::bundle::Manifest;
use crate::canvas::TaskKind;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{Cases, roc_auc};
use crate::predict::Prediction;

/// Accuracy, and the area under the ROC curve where there is a score; root mean square and mean absolute error of a
/// regression. Rows without an outcome are left out.
///
/// # Errors
/// `invalid-data` when the target holds something else than what the model predicts.
pub fn measure(manifest: &Manifest, predictions: &[Prediction], known: &[&str]) -> Result<Vec<Metric>> {
    let target = &manifest.task.target;
    let rows: Vec<(&Prediction, &str)> =
        predictions.iter().zip(known.iter().copied()).filter(|(_, known)| !known.is_empty()).collect();
    let metric = |metric: &str, value: f64| Metric { metric: metric.to_owned(), value, rows: rows.len() };
    let error = |message: String| Error::new(ErrorKind::InvalidData, message).item(target);
    if rows.is_empty() {
        return Err(error("no row has a value of the target".into()).help("fill the target, or leave --target out"));
    }
    if manifest.task.kind == TaskKind::Ranking {
        // The order within a group counts, and rows by themselves have none.
        return Ok(Vec::new());
    }
    if manifest.task.kind.predicts_value() {
        let mut errors = Vec::with_capacity(rows.len());
        for (prediction, known) in &rows {
            let known: f64 = known.parse().map_err(|_| {
                error(format!("\"{known}\" is no number, and the model predicts one")).help("name another column")
            })?;
            errors.push(prediction.value.unwrap_or(f64::NAN) - known);
        }
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let squares = mean(errors.iter().map(|error| error * error).collect());
        return Ok(vec![metric("rmse", squares.sqrt()), metric("mae", mean(errors.iter().map(|e| e.abs()).collect()))]);
    }
    let classes = &manifest.task.classes;
    let truth: Vec<String> = rows.iter().map(|(_, known)| class(known, classes)).collect();
    if !truth.iter().any(|name| classes.contains(name)) {
        let message =
            format!("no row has a class of the model: the target has {}, the model {}", truth[0], classes.join(", "));
        return Err(error(message).help("name the column with the classes that the model was trained on"));
    }
    let right = rows.iter().zip(&truth).filter(|((prediction, _), truth)| prediction.label.as_ref() == Some(*truth));
    let mut metrics = vec![metric("accuracy", right.count() as f64 / rows.len() as f64)];
    if let Some(positive) = manifest.task.positive.as_ref().filter(|_| manifest.has_score()) {
        let scored = rows.iter().zip(&truth).filter_map(|((prediction, _), truth)| {
            let score = prediction.score?;
            Some((score, truth == positive, score >= 0.5))
        });
        metrics.extend(roc_auc(&Cases::new(scored)).map(|value| metric("roc_auc", value)));
    }
    Ok(metrics)
}

/// A value of the target as the model names its classes.
fn class(text: &str, classes: &[String]) -> String {
    if classes.iter().any(|class| class == text) {
        return text.to_owned();
    }
    let flag = |yes: &str, no: &str| classes.len() == 2 && classes.iter().all(|class| class == yes || class == no);
    match text.to_ascii_lowercase().as_str() {
        "true" if flag("1", "0") => "1".to_owned(),
        "false" if flag("1", "0") => "0".to_owned(),
        _ => plain(text),
    }
}
