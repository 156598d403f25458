//! Takes the raw scores of a model; gives what it answers: transformed scores, and the class that wins.
//! Next: the operators of `onnx`, and every other runtime. The rules are those of onnxruntime's CPU operators for
//! `ai.onnx.ml`, with the exceptions that exporters count on; where those leave an output unwritten, it is refused.

use super::trees::{Real, Sums};
use super::{Data, ElementType};
use crate::error::{Error, ErrorKind, Result};

/// What becomes of raw scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostTransform {
    /// Nothing.
    None,
    /// 1 / (1 + e⁻ˣ), each by itself.
    Logistic,
    /// eˣ, divided by the sum over all.
    Softmax,
    /// The same, but for scores of 0: those stay out of it.
    SoftmaxZero,
    /// √2 · erf⁻¹(2x − 1), each by itself.
    Probit,
}

impl PostTransform {
    /// The transform of that name in ONNX files.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            _ => return None,
        })
    }

    /// The transform of that number in a `TreeEnsemble`, as onnxruntime counts them. The text of the specification
    /// counts softmax before logistic.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::None, Self::Logistic, Self::Softmax, Self::SoftmaxZero, Self::Probit]
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    /// Transforms the scores of one row.
    pub fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax | Self::SoftmaxZero => {
                let most = scores.iter().fold(f32::MIN, |most, &score| if score > most { score } else { most });
                let zero = |score: f32| self == Self::SoftmaxZero && score.abs() <= 1e-7;
                let mut sum = 0.0;
                for score in scores.iter_mut() {
                    if zero(*score) {
                        *score *= (-most).exp();
                    } else {
                        *score = (*score - most).exp();
                        sum += *score;
                    }
                }
                scores.iter_mut().for_each(|score| *score /= sum);
            }
        }
    }

    /// The scores of two classes from the only one there is, that of the second: transformed to probabilities by
    /// logistic alone, otherwise completed to 1 as a probability or to 0 as a margin.
    pub fn complete(self, score: f32, probability: bool) -> [f32; 2] {
        match (self, probability) {
            (Self::Logistic, _) => [logistic(-score), logistic(score)],
            (_, true) => [1.0 - score, score],
            (_, false) => [-score, score],
        }
    }
}

/// 1 / (1 + e⁻ˣ), without an overflow on either side.
pub fn logistic(x: f32) -> f32 {
    let upper = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - upper } else { upper }
}

/// √2 · erf⁻¹(2x − 1), erf⁻¹ by S. Winitzki's approximation with a = 0.147.
pub fn probit(x: f32) -> f32 {
    let x = 2.0 * x - 1.0;
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let half = 2.0 / (std::f32::consts::PI * 0.147) + 0.5 * log;
    let root = (-half + (half * half - log / 0.147).sqrt()).sqrt();
    std::f32::consts::SQRT_2 * if x < 0.0 { -root } else { root }
}

/// The names of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
}

/// Which class wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The class at this place.
    Class(usize),
    /// Of two classes, the positive one or not: 1 or 0 where labels are whole numbers, whatever those are.
    Sign(bool),
}

impl Labels {
    /// How many classes there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    /// The element type of a tensor of labels.
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::Ints(_) => ElementType::I64,
            Self::Texts(_) => ElementType::Text,
        }
    }

    /// The labels of the winners. Fails with `invalid-model` for a winner without a label.
    pub fn of(&self, winners: &[Winner]) -> Result<Data> {
        let missing = || {
            let error = Error::new(ErrorKind::InvalidModel, format!("a class wins that is none of {}", self.len()));
            error.help("the file is broken; export it again")
        };
        let place = |winner: &Winner| match *winner {
            Winner::Class(place) => place,
            Winner::Sign(positive) => usize::from(positive),
        };
        let int = |labels: &[i64], winner: &Winner| match *winner {
            Winner::Class(place) => labels.get(place).copied().ok_or_else(missing),
            Winner::Sign(positive) => Ok(i64::from(positive)),
        };
        Ok(match self {
            Self::Ints(labels) => Data::I64(winners.iter().map(|winner| int(labels, winner)).collect::<Result<_>>()?),
            Self::Texts(labels) => {
                let texts = winners.iter().map(|winner| labels.get(place(winner)).cloned().ok_or_else(missing));
                Data::Text(texts.collect::<Result<_>>()?)
            }
        })
    }
}

/// How sums of trees become regressed values.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// What is added to each target; nothing when empty.
    pub base: Vec<f64>,
    /// What becomes of several targets. Of one target, only probit becomes anything.
    pub post: PostTransform,
}

impl Regression {
    /// Finishes sums of so many targets in place. A target that no leaf voted for stays 0, without its base value.
    pub fn finish<T: Real>(&self, targets: usize, sums: &mut Sums<T>) {
        let base: Vec<T> = self.base.iter().map(|&value| T::from_f64(value)).collect();
        let mut row = Vec::with_capacity(targets);
        let voted = sums.voted.chunks(targets.max(1));
        for (values, voted) in sums.values.chunks_mut(targets.max(1)).zip(voted) {
            for (target, (value, voted)) in values.iter_mut().zip(voted).enumerate() {
                if *voted || targets == 1 {
                    *value = *value + base.get(target).copied().unwrap_or_default();
                }
            }
            let post = if targets == 1 && self.post != PostTransform::Probit { PostTransform::None } else { self.post };
            if post != PostTransform::None {
                row.clear();
                row.extend(values.iter().map(|value| value.to_f64() as f32));
                post.apply(&mut row);
                values.iter_mut().zip(&row).for_each(|(value, &score)| *value = T::from_f64(f64::from(score)));
            }
        }
    }
}

/// How sums of trees become scores of classes, and a winner.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// How many classes there are.
    pub classes: usize,
    /// What is added to the sums: nothing, or one number per class; of two classes also one, for the first column.
    pub base: Vec<f64>,
    /// What becomes of the scores.
    pub post: PostTransform,
    /// Whether all leaves of two classes vote in one column, for the positive class.
    pub one_column: bool,
    /// Whether no leaf has a negative weight: one column then holds probabilities, not margins.
    pub all_positive: bool,
}

impl Classification {
    /// Checks what it is made of. Fails with `invalid-model` for base values that do not fit, and with
    /// `unsupported-operator` for probit over two classes, of which onnxruntime writes only one.
    pub fn check(&self) -> Result<()> {
        let base = self.base.len();
        if base != 0 && base != self.classes && (self.classes, base) != (2, 1) {
            let message = format!("{base} base values for {} classes", self.classes);
            return Err(Error::new(ErrorKind::InvalidModel, message).help("the file is broken; export it again"));
        }
        if self.post == PostTransform::Probit && self.classes == 2 {
            let error = Error::new(ErrorKind::UnsupportedOperator, "PROBIT over two classes is not supported");
            return Err(error.help("export the model with LOGISTIC"));
        }
        Ok(())
    }

    /// The winner of each row, and the scores of its classes.
    pub fn decide<T: Real>(&self, sums: &Sums<T>) -> (Vec<Winner>, Vec<f32>) {
        let base: Vec<T> = self.base.iter().map(|&value| T::from_f64(value)).collect();
        let mut scores = vec![0.0; sums.values.len()];
        let rows = sums.values.chunks(self.classes.max(1)).zip(sums.voted.chunks(self.classes.max(1)));
        let winners = rows.zip(scores.chunks_mut(self.classes.max(1))).map(|((values, voted), scores)| match values {
            [value] => self.one(*value, &base, scores),
            [first, second] => self.two([*first, *second], [voted[0], voted[1]], &base, scores),
            _ => self.several(values, voted, &base, scores),
        });
        (winners.collect(), scores)
    }

    /// A single class: its score stays as it is.
    fn one<T: Real>(&self, value: T, base: &[T], scores: &mut [f32]) -> Winner {
        let value = value + base.first().copied().unwrap_or_default();
        scores[0] = value.to_f64() as f32;
        if self.post == PostTransform::Probit {
            self.post.apply(scores);
        }
        Winner::Sign(value > T::default())
    }

    /// The first class with the greatest score, among those that a leaf voted for or that have a base value.
    fn several<T: Real>(&self, values: &[T], voted: &[bool], base: &[T], scores: &mut [f32]) -> Winner {
        let mut best: Option<(usize, T)> = None;
        for (class, score) in scores.iter_mut().enumerate() {
            let value = values[class] + base.get(class).copied().unwrap_or_default();
            *score = value.to_f64() as f32;
            let counts = voted[class] || class < base.len();
            if counts && best.is_none_or(|(_, most)| value > most) {
                best = Some((class, value));
            }
        }
        self.post.apply(scores);
        Winner::Class(best.map_or(0, |(class, _)| class))
    }

    /// Two classes. Leaves that vote in one column vote for the positive class, by a probability when none is negative
    /// and by a margin otherwise; the score of the other class follows from it.
    fn two<T: Real>(&self, values: [T; 2], voted: [bool; 2], base: &[T], scores: &mut [f32]) -> Winner {
        let [mut first, mut second] = values;
        match *base {
            [_, of_second] if voted[1] => {
                // onnxruntime takes both columns for one and the same here.
                second = of_second + first;
                first = -second;
            }
            [of_first, _] | [of_first] => first = first + of_first,
            _ => {}
        }
        let zero = T::default();
        let margin = if voted[1] {
            second
        } else if voted[0] {
            first
        } else {
            zero
        };
        let first = if voted[0] { first } else { zero };
        let positive = if self.one_column && self.all_positive { margin.to_f64() > 0.5 } else { margin > zero };
        let narrow = |value: T| value.to_f64() as f32;
        if voted[1] || base.len() == 2 {
            (scores[0], scores[1]) = (narrow(first), if voted[1] { narrow(second) } else { 0.0 });
            self.post.apply(scores);
        } else if self.one_column || base.is_empty() {
            let probability = self.one_column && self.all_positive;
            let [zero, one] = self.post.complete(narrow(first), probability);
            (scores[0], scores[1]) = (zero, one);
        } else {
            // onnxruntime leaves the second score unwritten.
            scores[0] = narrow(first);
        }
        if self.one_column { Winner::Class(usize::from(positive)) } else { Winner::Sign(positive) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f32], wanted: &[f64]) {
        let near = found.iter().zip(wanted).all(|(&found, wanted)| (f64::from(found) - wanted).abs() < 1e-6);
        assert!(found.len() == wanted.len() && near, "{found:?} where {wanted:?} is wanted");
    }

    #[test]
    fn scores_are_transformed() {
        for (name, wanted) in [
            ("NONE", [0.0, 1.0, -2.0]),
            ("LOGISTIC", [0.5, 0.731_058_6, 0.119_202_9]),
            ("SOFTMAX", [0.259_496_5, 0.705_384_5, 0.035_119]),
            ("SOFTMAX_ZERO", [0.0, 0.952_574_1, 0.047_425_9]),
        ] {
            let mut scores = [0.0, 1.0, -2.0];
            PostTransform::from_name(name).unwrap().apply(&mut scores);
            near(&scores, &wanted);
        }
        near(&[logistic(-200.0), logistic(200.0)], &[0.0, 1.0]);
        near(&[probit(0.5), probit(0.75)], &[0.0, 0.674_574_3]);
        assert!(probit(1.5).is_nan());
        assert_eq!(PostTransform::from_name("softmax"), None);
        assert_eq!(PostTransform::from_number(5), None);
    }

    fn decide(rule: &Classification, values: &[f32], voted: &[bool]) -> (Vec<Winner>, Vec<f32>) {
        rule.decide(&Sums { values: values.to_vec(), voted: voted.to_vec() })
    }

    fn two(post: PostTransform, base: &[f64], one_column: bool, all_positive: bool) -> Classification {
        Classification { classes: 2, base: base.to_vec(), post, one_column, all_positive }
    }

    #[test]
    fn one_column_holds_probabilities_or_margins() {
        let class = |place| Winner::Class(place);
        let probabilities = two(PostTransform::None, &[], true, true);
        let (winners, scores) = decide(&probabilities, &[0.5, 0.0, 0.75, 0.0], &[true, false, true, false]);
        assert_eq!(winners, [class(0), class(1)]);
        near(&scores, &[0.5, 0.5, 0.25, 0.75]);
        let margins = two(PostTransform::Logistic, &[-0.5], true, false);
        let (winners, scores) = decide(&margins, &[0.25, 0.0, 1.5, 0.0], &[true, false, true, false]);
        assert_eq!(winners, [class(0), class(1)]);
        near(&scores, &[0.562_176_5, 0.437_823_5, 0.268_941_4, 0.731_058_6]);
        let (winners, scores) = decide(&two(PostTransform::None, &[], true, false), &[0.25, 0.0], &[true, false]);
        assert_eq!(winners, [class(1)]);
        near(&scores, &[-0.25, 0.25]);
    }

    #[test]
    fn two_columns_are_decided_by_the_second() {
        let rule = two(PostTransform::None, &[], false, false);
        let (winners, scores) = decide(&rule, &[-0.5, 0.5, 3.0, -1.0], &[true; 4]);
        assert_eq!(winners, [Winner::Sign(true), Winner::Sign(false)]);
        near(&scores, &[-0.5, 0.5, 3.0, -1.0]);
        // With two base values, onnxruntime takes the first column for the margin.
        let rule = two(PostTransform::None, &[9.0, 0.25], false, false);
        near(&decide(&rule, &[1.0, 7.0], &[true, true]).1, &[-1.25, 1.25]);
        near(&decide(&rule, &[1.0, 0.0], &[true, false]).1, &[10.0, 0.0]);
    }

    #[test]
    fn the_first_of_the_greatest_wins() {
        let rule = Classification { classes: 3, ..two(PostTransform::None, &[], false, false) };
        let (winners, _) = decide(&rule, &[-1.0, 0.0, -1.0, 2.0, 2.0, 1.0], &[true, false, true, true, true, true]);
        assert_eq!(winners, [Winner::Class(0), Winner::Class(0)], "a class without a vote does not take part");
        let rule = Classification { base: vec![0.0, 0.5, 0.0], ..rule };
        assert_eq!(decide(&rule, &[0.0; 3], &[false; 3]).0, [Winner::Class(1)], "but for one with a base value");
    }

    #[test]
    fn base_values_must_fit() {
        assert!(two(PostTransform::None, &[0.0, 0.0, 0.0], true, true).check().is_err());
        assert!(two(PostTransform::Probit, &[], true, true).check().is_err());
        let three = Classification { classes: 3, ..two(PostTransform::Probit, &[0.0], false, false) };
        assert!(three.check().is_err());
        assert!(Classification { base: vec![0.0; 3], ..three }.check().is_ok());
    }

    #[test]
    fn winners_have_labels() {
        let ints = Labels::Ints(vec![5, 7]);
        let winners = [Winner::Class(1), Winner::Sign(true), Winner::Sign(false)];
        assert_eq!(ints.of(&winners).unwrap(), Data::I64(vec![7, 1, 0]));
        let texts = Labels::Texts(vec!["no".to_owned()]);
        assert_eq!(texts.of(&[Winner::Sign(false)]).unwrap(), Data::Text(vec!["no".to_owned()]));
        assert_eq!(texts.of(&[Winner::Sign(true)]).unwrap_err().kind(), ErrorKind::InvalidModel);
    }

    #[test]
    fn targets_without_votes_stay_zero() {
        let rule = Regression { base: vec![10.0, 20.0], post: PostTransform::None };
        let mut sums = Sums { values: vec![1.0f32, 0.0], voted: vec![true, false] };
        rule.finish(2, &mut sums);
        assert_eq!(sums.values, [11.0, 0.0]);
        let mut sums = Sums { values: vec![0.0f64], voted: vec![false] };
        Regression { base: vec![0.25], post: PostTransform::Logistic }.finish(1, &mut sums);
        assert_eq!(sums.values, [0.25], "of one target, there is only probit");
    }
}
