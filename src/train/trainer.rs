//! The trainers of the kit, behind one trait.

use super::fit::{FittedFeature, Head, Model};
use super::linear::{Loss, Problem, fit};
use super::prepare::{Preparation, binned, column_names, design, signs};
use super::softmax::{SoftmaxProblem, fit_softmax};
use super::split::shuffled;
use super::target::{Labels, Target};
use super::trees::{
    Binned, Boosting, LambdaRank, Objective, SoftmaxLoss, Squares, TwoClasses, boost, isolate, rows_of_a_tree,
    usual_depth,
};
use crate::canvas::{Canvas, Trainer as Settings, TrainerKind};
use crate::error::{Error, ErrorKind, Result};
use crate::sources::Table;

/// The share of the training rows that early stopping holds back: one in so many.
const HELD_BACK: usize = 10;

/// What a trainer learns from.
pub struct TrainingSet<'a> {
    /// The canvas, with the settings of the trainer in block 9.
    pub canvas: &'a Canvas,
    /// The rows that training rows are taken from.
    pub table: &'a Table,
    /// The places of the training rows in the table.
    pub rows: &'a [usize],
    /// What each training row should give.
    pub target: &'a Target,
}

/// How one candidate is trained otherwise than the plain one.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The name of the candidate.
    pub name: String,
    /// The weight of each training row, above 0.
    pub weights: Vec<f64>,
    /// The fairness group of each training row, numbered from 0. Empty: none.
    pub groups: Vec<Option<usize>>,
    /// How strongly the mean predictions of the groups are held together; 0 for not at all.
    pub strength: f64,
}

/// Fits models to prepared columns. The same set, features and variant give the same bits.
pub trait Trainer {
    /// What categories are ranked by, for the preparation of the features.
    fn preparation<'a>(&self, numbers: Option<&'a [f64]>) -> Preparation<'a>;

    /// Reads the prepared columns of the training rows, once for all candidates.
    ///
    /// # Errors
    /// Those of [`design`].
    fn read(&mut self, set: &TrainingSet<'_>, features: &[FittedFeature]) -> Result<()>;

    /// Fits one candidate. `progress` hears the share of it that is done, 0…1. Gives the model and the number of steps.
    ///
    /// # Errors
    /// `invalid-data` where nothing can be learned from the rows, by column.
    fn fit(&self, set: &TrainingSet<'_>, variant: &Variant, progress: &mut dyn FnMut(f64)) -> Result<(Model, usize)>;

    /// What the sums of the model mean.
    fn head(&self, set: &TrainingSet<'_>) -> Head {
        head(set.target)
    }
}

/// The trainer that a canvas asks for, or that fits its task.
pub fn trainer_of(canvas: &Canvas) -> Box<dyn Trainer> {
    let kind = canvas.building_models.trainer.kind.unwrap_or(TrainerKind::of(canvas.prediction_task.kind));
    match kind {
        TrainerKind::Linear | TrainerKind::Logistic => Box::new(LinearModels::default()),
        TrainerKind::GradientBoosting => Box::new(BoostedTrees::default()),
        TrainerKind::IsolationForest => Box::new(IsolationForest::default()),
    }
}

fn head(target: &Target) -> Head {
    match target {
        Target::Classes(Labels { classes, positive: Some(positive), .. }) if classes.len() == 2 => {
            Head::Two { classes: classes.clone(), positive: *positive }
        }
        Target::Classes(Labels { classes, .. }) => Head::Many { classes: classes.clone() },
        Target::Numbers(_) | Target::Ranks(_) => Head::Value,
        Target::Anomalies(labels) => {
            let (classes, positive) = match labels {
                Some(Labels { classes, positive: Some(positive), .. }) => (classes.clone(), *positive),
                _ => (vec!["anomaly".into(), "usual".into()], 0),
            };
            Head::Depths { classes, positive, scale: 1.0 }
        }
    }
}

fn settings<'a>(set: &TrainingSet<'a>) -> &'a Settings {
    &set.canvas.building_models.trainer
}

fn unfit(set: &TrainingSet<'_>) -> Error {
    let message = format!("the trainer does not fit a {}", set.canvas.prediction_task.kind.name());
    Error::new(ErrorKind::InvalidCanvas, message).item("building_models.trainer.kind").help("leave `kind` out")
}

/// Linear, logistic and softmax regression.
#[derive(Default)]
struct LinearModels {
    columns: Vec<f64>,
    names: Vec<String>,
    signs: Vec<i8>,
}

impl LinearModels {
    /// The directions in which the mean columns of the groups lie apart, as far as `strength` makes them.
    fn apart(&self, variant: &Variant) -> Vec<Vec<f64>> {
        let width = self.names.len();
        let count = variant.groups.iter().flatten().max().map_or(0, |most| most + 1);
        if variant.strength == 0.0 || count == 0 {
            return Vec::new();
        }
        let mut sums = vec![vec![0.0; width]; count];
        let mut rows = vec![0.0; count];
        for (row, group) in self.columns.chunks_exact(width).zip(&variant.groups) {
            if let Some(group) = *group {
                rows[group] += 1.0;
                sums[group].iter_mut().zip(row).for_each(|(sum, column)| *sum += column);
            }
        }
        let all: f64 = rows.iter().sum();
        let mean: Vec<f64> = (0..width).map(|place| sums.iter().map(|sum| sum[place]).sum::<f64>() / all).collect();
        let scale = |group: usize| (variant.strength * rows[group] / all).sqrt();
        (0..count)
            .filter(|&group| rows[group] > 0.0)
            .map(|group| (0..width).map(|at| scale(group) * (sums[group][at] / rows[group] - mean[at])).collect())
            .collect()
    }
}

impl Trainer for LinearModels {
    fn preparation<'a>(&self, _: Option<&'a [f64]>) -> Preparation<'a> {
        Preparation::Weights
    }

    fn read(&mut self, set: &TrainingSet<'_>, features: &[FittedFeature]) -> Result<()> {
        self.columns = design(set.canvas, features, set.table, set.rows)?;
        (self.names, self.signs) = (column_names(features), signs(set.canvas, features));
        Ok(())
    }

    fn fit(&self, set: &TrainingSet<'_>, variant: &Variant, progress: &mut dyn FnMut(f64)) -> Result<(Model, usize)> {
        let l2 = settings(set).l2;
        if let (Target::Classes(labels), Head::Many { classes }) = (set.target, head(set.target)) {
            if let Some(place) = self.signs.iter().position(|&sign| sign != 0) {
                let message = "a softmax regression cannot be held monotonic";
                let error = Error::new(ErrorKind::InvalidCanvas, message).item(&self.names[place]);
                return Err(error.help("leave `monotonic` out, or use kind = \"gradient_boosting\" with two classes"));
            }
            let width = self.names.len();
            let problem = SoftmaxProblem {
                columns: &self.columns,
                width,
                labels: &labels.of,
                classes: classes.len(),
                weights: &variant.weights,
                l2,
            };
            let mut steps = 0;
            let found = fit_softmax(&problem, &mut |step| {
                steps = step;
                progress(settling(step, 0.97));
            })?;
            let weights = found.chunks_exact(width + 1).flat_map(|class| class[..width].to_vec()).collect();
            let intercepts = found.chunks_exact(width + 1).map(|class| class[width]).collect();
            return Ok((Model::Linear { weights, intercepts }, steps));
        }
        let (loss, targets) = match set.target {
            Target::Classes(labels) => {
                (Loss::Logistic, labels.positives().into_iter().map(|label| f64::from(u8::from(label))).collect())
            }
            Target::Numbers(numbers) => (Loss::Squared, numbers.clone()),
            Target::Ranks(_) | Target::Anomalies(_) => return Err(unfit(set)),
        };
        let problem = Problem {
            columns: &self.columns,
            names: &self.names,
            loss,
            targets: &targets,
            weights: &variant.weights,
            l2,
            signs: &self.signs,
            apart: &self.apart(variant),
        };
        let solution = fit(&problem, &mut |step, _| progress(settling(step, 0.75)))?;
        Ok((Model::Linear { weights: solution.weights, intercepts: vec![solution.intercept] }, solution.steps))
    }
}

/// The share of a fit that is done after so many steps, where nobody knows how many it takes.
fn settling(step: usize, left_by_each: f64) -> f64 {
    1.0 - left_by_each.powi(step.min(1000) as i32)
}

/// Gradient boosting.
#[derive(Default)]
struct BoostedTrees {
    columns: Binned,
    signs: Vec<i8>,
}

impl Trainer for BoostedTrees {
    fn preparation<'a>(&self, numbers: Option<&'a [f64]>) -> Preparation<'a> {
        Preparation::Trees { rank_by: numbers }
    }

    fn read(&mut self, set: &TrainingSet<'_>, features: &[FittedFeature]) -> Result<()> {
        self.columns = binned(set.canvas, features, set.table, set.rows)?;
        self.signs = signs(set.canvas, features);
        Ok(())
    }

    fn fit(&self, set: &TrainingSet<'_>, variant: &Variant, progress: &mut dyn FnMut(f64)) -> Result<(Model, usize)> {
        let own = settings(set);
        let labels = set.target.labels().map(Labels::positives).unwrap_or_default();
        let mut objective: Box<dyn Objective> = match (set.target, head(set.target)) {
            (Target::Classes(labels), Head::Many { classes }) => Box::new(SoftmaxLoss::new(&labels.of, classes.len())),
            (Target::Classes(_), _) => Box::new(TwoClasses {
                labels: &labels,
                weights: &variant.weights,
                groups: &variant.groups,
                strength: variant.strength,
            }),
            (Target::Numbers(targets), _) => Box::new(Squares { targets }),
            (Target::Ranks(ranks), _) => Box::new(LambdaRank::new(&ranks.relevance, &ranks.group)),
            (Target::Anomalies(_), _) => return Err(unfit(set)),
        };
        let boosting = Boosting {
            rounds: own.trees,
            depth: own.depth,
            learning_rate: own.learning_rate,
            min_rows: own.min_rows,
            early_stopping: own.early_stopping,
            signs: &self.signs,
        };
        let (learn_from, held_back) = parts(set, own);
        let rounds = own.trees as f64;
        let mut trained = 0;
        let boosted = boost(&self.columns, &mut *objective, &boosting, (&learn_from, &held_back), &mut |round| {
            trained = round + 1;
            progress(round as f64 / rounds);
        });
        Ok((Model::Trees { listing: boosted.listing, base: boosted.base }, trained))
    }
}

/// The places of the training rows that trees are grown on, and of those that stop them early. A ranking holds whole
/// groups back.
fn parts(set: &TrainingSet<'_>, settings: &Settings) -> (Vec<u32>, Vec<u32>) {
    let rows = set.rows.len();
    if settings.early_stopping.is_none() {
        return ((0..rows as u32).collect(), Vec::new());
    }
    let unit = |row: usize| match set.target {
        Target::Ranks(ranks) => ranks.group[row],
        _ => row,
    };
    let units = (0..rows).map(unit).max().map_or(0, |most| most + 1);
    let mut back = vec![false; units];
    // Another order than that of the split, which these rows are what is left of.
    let order = shuffled(units, set.canvas.building_models.seed.wrapping_add(1));
    order.iter().take(units / HELD_BACK).for_each(|&unit| back[unit] = true);
    let (held_back, learn_from) = (0..rows as u32).partition(|&row| back[unit(row as usize)]);
    (learn_from, held_back)
}

/// Isolation forests.
#[derive(Default)]
struct IsolationForest {
    columns: Vec<f64>,
    width: usize,
}

impl Trainer for IsolationForest {
    fn preparation<'a>(&self, _: Option<&'a [f64]>) -> Preparation<'a> {
        Preparation::Weights
    }

    fn read(&mut self, set: &TrainingSet<'_>, features: &[FittedFeature]) -> Result<()> {
        self.columns = design(set.canvas, features, set.table, set.rows)?;
        self.width = features.last().map_or(0, |feature| feature.columns.end);
        Ok(())
    }

    fn fit(&self, set: &TrainingSet<'_>, _: &Variant, progress: &mut dyn FnMut(f64)) -> Result<(Model, usize)> {
        let (trees, seed) = (settings(set).trees, set.canvas.building_models.seed);
        progress(0.0);
        let listing = isolate(&self.columns, self.width, trees, seed);
        Ok((Model::Trees { listing, base: vec![0.0] }, trees))
    }

    fn head(&self, set: &TrainingSet<'_>) -> Head {
        let rows = rows_of_a_tree(set.rows.len());
        match head(set.target) {
            Head::Depths { classes, positive, .. } => {
                let scale = settings(set).trees as f64 * usual_depth(rows);
                Head::Depths { classes, positive, scale }
            }
            other => other,
        }
    }
}
