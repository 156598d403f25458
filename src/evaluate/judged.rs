//! The predictions for the held-out rows as a sample of their task.

use super::decision::{Answer, DecisionRule, Predicted};
use super::held_out::{HeldOut, Partition};
use super::many::{self, Many};
use super::numbers::{self, Numbers};
use super::ranks::{self, Ranks, places};
use super::sample::Sample;
use super::two::{self, Two};
use crate::canvas::{Canvas, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::train::Target;

/// Predictions with what came true, by task.
pub(super) enum Judged {
    Two(Two),
    Many(Many),
    Numbers(Numbers),
    Ranks(Ranks),
}

/// What a task is judged by.
pub(super) struct Measures {
    /// All metrics, the main one first where that matters.
    pub(super) all: Vec<&'static str>,
    /// What candidates are chosen by, and compared in; nothing where no outcome is known.
    pub(super) main: Option<&'static str>,
    /// What is told of each slice.
    pub(super) slices: Vec<&'static str>,
}

impl Measures {
    pub(super) fn of(target: &Target) -> Self {
        let of = |all: &[&'static str], main: Option<&'static str>, slices: &[&'static str]| Self {
            all: all.to_vec(),
            main,
            slices: slices.to_vec(),
        };
        match target {
            Target::Classes(labels) if labels.positive.is_some() => {
                of(&two::CLASSIFICATION, Some("roc_auc"), &["roc_auc", "accuracy", "selection_rate"])
            }
            Target::Classes(_) => of(&many::METRICS, Some("log_loss"), &["log_loss", "accuracy", "macro_f1"]),
            Target::Numbers(_) => of(
                &numbers::METRICS,
                Some("root_mean_squared_error"),
                &["root_mean_squared_error", "mean_absolute_error", "r2"],
            ),
            Target::Ranks(_) => of(&ranks::METRICS, Some("ndcg_at_10"), &["ndcg_at_10", "mean_average_precision"]),
            Target::Anomalies(Some(_)) => {
                of(&two::ANOMALIES, Some("roc_auc"), &["roc_auc", "precision_at_k", "share_flagged"])
            }
            Target::Anomalies(None) => of(&["share_flagged"], None, &["share_flagged"]),
        }
    }
}

impl Judged {
    /// Pairs answers with what came true.
    ///
    /// # Errors
    /// `internal` when there are more or fewer answers than rows; `engine-failed` when an answer is not of the task, or a
    /// score is not a probability.
    pub(super) fn new(canvas: &Canvas, rule: &DecisionRule, answers: &[Answer], rows: &HeldOut) -> Result<Self> {
        check(answers, rows)?;
        let of_row = |answer: &Answer| match answer.predicted {
            Predicted::Value(value) => value,
            _ => f64::NAN,
        };
        let cost = canvas.offline_evaluation.error_cost;
        Ok(match &rows.target {
            Target::Classes(labels) if labels.positive.is_some() => {
                Self::Two(Two::new(TaskKind::Classification, rule, answers, &labels.positives(), cost))
            }
            Target::Classes(labels) => {
                let row = |answer: &Answer| match &answer.predicted {
                    Predicted::Classes { probabilities, label } => (probabilities.clone(), *label),
                    _ => (Vec::new(), 0),
                };
                let rows: Vec<(Vec<f64>, usize)> = answers.iter().map(row).collect();
                let rows = rows.iter().map(|(probabilities, label)| (&probabilities[..], *label)).collect();
                Self::Many(Many::new(rows, &labels.of, labels.classes.len()))
            }
            Target::Numbers(actual) => Self::Numbers(Numbers::new(answers.iter().map(of_row).collect(), actual)),
            Target::Ranks(ranks) => {
                let predicted: Vec<f64> = answers.iter().map(of_row).collect();
                Self::Ranks(Ranks::new(&predicted, &ranks.relevance, &ranks.group))
            }
            Target::Anomalies(known) => {
                let labels = known.as_ref().map_or_else(|| vec![false; answers.len()], |labels| labels.positives());
                Self::Two(Two::new(TaskKind::AnomalyDetection, rule, answers, &labels, cost))
            }
        })
    }

    pub(super) fn sample(&self) -> &dyn Sample {
        match self {
            Self::Two(two) => two,
            Self::Many(many) => many,
            Self::Numbers(numbers) => numbers,
            Self::Ranks(ranks) => ranks,
        }
    }
}

/// The partitions in units of the sample.
pub(super) fn by_unit(partitions: &[Partition], target: &Target) -> Vec<Partition> {
    match target {
        Target::Ranks(ranks) => {
            let unit_of = places(&ranks.group);
            let units = unit_of.iter().max().map_or(0, |most| most + 1);
            partitions.iter().map(|partition| partition.of_units(&unit_of, units)).collect()
        }
        _ => partitions.to_vec(),
    }
}

fn check(answers: &[Answer], rows: &HeldOut) -> Result<()> {
    if answers.len() != rows.rows.len() || answers.is_empty() {
        let message = format!("{} answers for {} held-out rows", answers.len(), rows.rows.len());
        return Err(
            Error::new(ErrorKind::Internal, message).help("run the model on every held-out row, in their order")
        );
    }
    let of_task = |answer: &Answer| match (&rows.target, &answer.predicted) {
        (Target::Classes(labels), Predicted::Score(_)) => labels.positive.is_some(),
        (Target::Classes(labels), Predicted::Classes { probabilities, .. }) => {
            labels.positive.is_none() && probabilities.len() == labels.classes.len()
        }
        (Target::Numbers(_) | Target::Ranks(_), Predicted::Value(_)) | (Target::Anomalies(_), Predicted::Score(_)) => {
            true
        }
        _ => false,
    };
    let Some(place) = answers.iter().position(|answer| !answer.predicted.is_sound() || !of_task(answer)) else {
        return Ok(());
    };
    let answer = &answers[place];
    let message = match &answer.predicted {
        _ if !of_task(answer) => "the model predicts something else than the target holds".to_owned(),
        Predicted::Score(score) => format!("the model scores {score}, which is not a probability"),
        Predicted::Classes { .. } => "the model's probabilities are not all within 0 and 1".to_owned(),
        Predicted::Value(value) => format!("the model predicts {value}, which is no finite number"),
    };
    let error = Error::new(ErrorKind::EngineFailed, message).row(rows.rows.get(place).map_or(0, |row| row + 1));
    Err(error.help("train the model again, and check the values of the row"))
}
