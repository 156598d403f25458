//! SVMClassifier and SVMRegressor of `ai.onnx.ml`: machines of libsvm, and linear ones without support vectors.
//!
//! Kernels, votes and the layout of scores follow onnxruntime's CPU operators; the coupling of pairwise probabilities is
//! that of T.-F. Wu, C.-J. Lin and R. C. Weng, "Probability Estimates for Multi-class Classification by Pairwise
//! Coupling", JMLR 5 (2004), algorithm 2.

use super::linear::{Matrix, class_facts, class_outputs, dot, fact_sizes, labels, post_transform};
use super::{Attributes, Fact, Family, ML, Operator};
use crate::error::Result;
use crate::tensor::scores::{Labels, PostTransform, Winner, logistic};
use crate::tensor::{Data, ElementType, Tensor};

/// The operators of this file.
pub const FAMILY: Family = &[
    (ML, "SVMClassifier", |attributes| Ok(Box::new(SvmClassifier::new(attributes)?))),
    (ML, "SVMRegressor", |attributes| Ok(Box::new(SvmRegressor::new(attributes)?))),
];

/// How near a row is to a vector.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kernel {
    /// x · v
    Linear,
    /// (γ x · v + c)ᵈ
    Poly { gamma: f32, coef0: f32, degree: f32 },
    /// e^(−γ |x − v|²)
    Rbf { gamma: f32 },
    /// tanh(γ x · v + c)
    Sigmoid { gamma: f32, coef0: f32 },
}

impl Kernel {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let [gamma, coef0, degree] = match *attributes.floats("kernel_params") {
            [] => [0.0; 3],
            [gamma, coef0, degree, ..] => [gamma, coef0, degree],
            _ => return Err(attributes.refuse("kernel_params", "gamma, coef0 and degree are needed")),
        };
        let name = attributes.string("kernel_type").unwrap_or_else(|| "LINEAR".to_owned());
        Ok(match name.as_str() {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Poly { gamma, coef0, degree },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, coef0 },
            _ => return Err(attributes.refuse("kernel_type", format!("{name} is not known"))),
        })
    }

    fn of(self, row: &[f32], vector: &[f32]) -> f32 {
        let product = |gamma: f32, coef0: f32| (f64::from(gamma) * dot(row, vector) + f64::from(coef0)) as f32;
        match self {
            Self::Linear => dot(row, vector) as f32,
            Self::Poly { gamma, coef0, degree } => {
                let product = product(gamma, coef0);
                match degree {
                    2.0 => product * product,
                    3.0 => product * product * product,
                    _ => product.powf(degree),
                }
            }
            Self::Rbf { gamma } => {
                let squares = row.iter().zip(vector).map(|(&x, &v)| (x - v) * (x - v));
                (-gamma * squares.fold(0.0, |sum: f32, square| sum + square)).exp()
            }
            Self::Sigmoid { gamma, coef0 } => product(gamma, coef0).tanh(),
        }
    }
}

/// Support vectors, one after the other.
#[derive(Debug)]
struct Vectors {
    kernel: Kernel,
    values: Vec<f32>,
    /// How many values a vector has, and a row must have.
    features: usize,
}

impl Vectors {
    fn new(attributes: &Attributes<'_>, count: usize) -> Result<Self> {
        let (kernel, values) = (Kernel::new(attributes)?, attributes.floats("support_vectors"));
        if values.is_empty() || values.len() % count != 0 {
            let why = format!("{} values are no {count} vectors", values.len());
            return Err(attributes.refuse("support_vectors", why));
        }
        let features = values.len() / count;
        Ok(Self { kernel, values, features })
    }

    fn kernels(&self, row: &[f32]) -> Vec<f32> {
        self.values.chunks(self.features).map(|vector| self.kernel.of(row, vector)).collect()
    }
}

/// What a classifier calculates its scores with.
#[derive(Debug)]
enum Machine {
    /// One against one: for each pair of classes a sum over the support vectors of both.
    Pairs {
        vectors: Vectors,
        /// How many support vectors each class has.
        counts: Vec<usize>,
        /// A and B of the sigmoid that makes a probability of each pair's sum; none for raw scores.
        sigmoids: Vec<(f32, f32)>,
    },
    /// One row of coefficients per class.
    Linear {
        features: usize,
        /// Whether probabilities were asked for. There are none, but the choice between two classes changes.
        sigmoids: bool,
    },
}

#[derive(Debug)]
struct SvmClassifier {
    machine: Machine,
    coefficients: Vec<f32>,
    rho: Vec<f32>,
    labels: Labels,
    post: PostTransform,
}

impl SvmClassifier {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let (labels, post) = (labels(attributes, "classlabels_ints")?, post_transform(attributes)?);
        let (coefficients, rho) = (attributes.floats("coefficients"), attributes.floats("rho"));
        let sigmoids: Vec<(f32, f32)> = {
            let (a, b) = (attributes.floats("prob_a"), attributes.floats("prob_b"));
            if a.len() != b.len() {
                return Err(attributes.refuse("prob_b", format!("{} values where prob_a has {}", b.len(), a.len())));
            }
            a.into_iter().zip(b).collect()
        };
        let counts: Option<Vec<usize>> =
            attributes.ints("vectors_per_class").into_iter().map(|count| usize::try_from(count).ok()).collect();
        let total = |counts: &Vec<usize>| counts.iter().try_fold(0usize, |sum, &count| sum.checked_add(count));
        let (counts, count) = counts
            .and_then(|counts| total(&counts).map(|total| (counts, total)))
            .ok_or_else(|| attributes.refuse("vectors_per_class", "the counts are not possible"))?;
        let classes = labels.len();
        let pairs = classes.checked_mul(classes - 1).map_or(usize::MAX, |double| double / 2);
        let enough = |name: &str, has: usize, needed: Option<usize>| match needed {
            Some(needed) if has == needed => Ok(()),
            _ => {
                Err(attributes.refuse(name, format!("{has} values for {classes} classes and {count} support vectors")))
            }
        };
        let machine = if count > 0 {
            enough("vectors_per_class", counts.len(), Some(classes).filter(|&classes| classes > 1))?;
            enough("coefficients", coefficients.len(), (classes - 1).checked_mul(count))?;
            enough("rho", rho.len(), Some(pairs))?;
            if !sigmoids.is_empty() {
                enough("prob_a", sigmoids.len(), Some(pairs))?;
            } else if classes == 2 && post == PostTransform::Probit {
                return Err(attributes.refuse("post_transform", "PROBIT of one score for two classes is not defined"));
            }
            Machine::Pairs { vectors: Vectors::new(attributes, count)?, counts, sigmoids }
        } else {
            let features = coefficients.len() / classes;
            enough("coefficients", coefficients.len(), Some(features.max(1) * classes))?;
            enough("rho", rho.len().min(1), Some(1))?;
            Machine::Linear { features, sigmoids: !sigmoids.is_empty() }
        };
        Ok(Self { machine, coefficients, rho, labels, post })
    }

    /// How many scores a row gets: one per class, or one per pair where there are no probabilities.
    fn columns(&self) -> usize {
        let classes = self.labels.len();
        match &self.machine {
            Machine::Pairs { sigmoids, .. } if sigmoids.is_empty() && classes > 2 => classes * (classes - 1) / 2,
            _ => classes,
        }
    }

    fn features(&self) -> usize {
        match &self.machine {
            Machine::Pairs { vectors, .. } => vectors.features,
            Machine::Linear { features, .. } => *features,
        }
    }

    /// The winner of a row and its scores.
    fn decide(&self, row: &[f32]) -> (Winner, Vec<f32>) {
        let classes = self.labels.len();
        match &self.machine {
            Machine::Pairs { vectors, counts, sigmoids } => {
                let pairs = self.pairs(&vectors.kernels(row), counts);
                let winner = Winner::Class(most_votes(&pairs, classes));
                let mut scores = match (sigmoids.is_empty(), classes) {
                    (false, _) => coupled(&pairs, sigmoids, classes),
                    (true, 2) => {
                        let margin = self.post == PostTransform::None;
                        return (winner, self.post.complete(pairs[0], !margin).to_vec());
                    }
                    (true, _) => pairs,
                };
                self.post.apply(&mut scores);
                (winner, scores)
            }
            Machine::Linear { features, sigmoids } => {
                let score = |weights| (dot(row, weights) + f64::from(self.rho[0])) as f32;
                let mut scores: Vec<f32> = self.coefficients.chunks(*features).map(score).collect();
                let winner = Winner::Class(self.choose(&scores, *sigmoids));
                if classes > 1 || self.post == PostTransform::Probit {
                    self.post.apply(&mut scores);
                }
                (winner, scores)
            }
        }
    }

    /// The sum of each pair of classes (i, j), i < j: positive where i wins.
    ///
    /// Coefficients are laid out as by libsvm: `classes` − 1 rows of one value per support vector, where those of class i
    /// have their coefficient against j in row j − 1, and those of class j theirs against i in row i.
    fn pairs(&self, kernels: &[f32], counts: &[usize]) -> Vec<f32> {
        let (classes, count) = (self.labels.len(), kernels.len());
        let starts: Vec<usize> =
            counts.iter().scan(0, |end, &count| Some(std::mem::replace(end, *end + count))).collect();
        let part = |class: usize, row: usize| {
            let (start, length) = (starts[class], counts[class]);
            let weights = &self.coefficients[row * count + start..][..length];
            let products = weights.iter().zip(&kernels[start..][..length]).map(|(weight, kernel)| weight * kernel);
            products.fold(0.0, |sum: f64, product| sum + f64::from(product))
        };
        let pairs = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
        pairs.zip(&self.rho).map(|((i, j), &rho)| (part(i, j - 1) + part(j, i) + f64::from(rho)) as f32).collect()
    }

    /// The first class with the greatest score; of two, onnxruntime takes the second where a margin is positive.
    fn choose(&self, scores: &[f32], sigmoids: bool) -> usize {
        let best = scores.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
        let (class, most) = best.map_or((0, 0.0), |(class, &most)| (class, most));
        let all_positive = self.coefficients.iter().all(|&weight| weight >= 0.0);
        let second = scores.len() == 2 && !sigmoids && if all_positive { most >= 0.5 } else { most > 0.0 };
        if second { 1 } else { class }
    }
}

/// The class that most pairs vote for, the first of equals.
fn most_votes(pairs: &[f32], classes: usize) -> usize {
    let mut votes = vec![0usize; classes];
    let order = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
    for ((i, j), &sum) in order.zip(pairs) {
        votes[if sum > 0.0 { i } else { j }] += 1;
    }
    votes.iter().enumerate().rev().max_by_key(|(_, votes)| **votes).map_or(0, |(class, _)| class)
}

/// Probabilities of all classes from those of pairs: p minimises Σᵢ Σⱼ (rⱼᵢ pᵢ − rᵢⱼ pⱼ)², found by 100 rounds at most.
fn coupled(pairs: &[f32], sigmoids: &[(f32, f32)], classes: usize) -> Vec<f32> {
    let mut r = vec![0.0f32; classes * classes];
    let order = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
    for ((i, j), (&sum, &(a, b))) in order.zip(pairs.iter().zip(sigmoids)) {
        let share = (1.0 - logistic(sum * a + b)).clamp(1e-7, 1.0 - 1e-7);
        (r[i * classes + j], r[j * classes + i]) = (share, 1.0 - share);
    }
    let mut q = vec![0.0f32; classes * classes];
    for i in 0..classes {
        for j in (0..classes).filter(|&j| j != i) {
            q[i * classes + i] += r[j * classes + i] * r[j * classes + i];
            q[i * classes + j] = -r[j * classes + i] * r[i * classes + j];
        }
    }
    let mut p = vec![1.0 / classes as f32; classes];
    let enough = 0.005 / classes as f32;
    for _ in 0..100 {
        let row = |i: usize, p: &[f32]| (0..classes).fold(0.0, |sum: f32, j| sum + q[i * classes + j] * p[j]);
        let mut qp: Vec<f32> = (0..classes).map(|i| row(i, &p)).collect();
        let mut pqp = p.iter().zip(&qp).fold(0.0, |sum: f32, (p, qp)| sum + p * qp);
        if qp.iter().all(|qp| (qp - pqp).abs() < enough) {
            break;
        }
        for i in 0..classes {
            let own = q[i * classes + i];
            let step = (pqp - qp[i]) / own;
            p[i] += step;
            pqp = (pqp + step * (step * own + 2.0 * qp[i])) / (1.0 + step) / (1.0 + step);
            for j in 0..classes {
                qp[j] = (qp[j] + step * q[i * classes + j]) / (1.0 + step);
                p[j] /= 1.0 + step;
            }
        }
    }
    p
}

impl Operator for SvmClassifier {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (rows, _) = fact_sizes(inputs)?;
        class_facts(&self.labels, rows, self.columns())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let matrix = Matrix::new(inputs)?;
        matrix.require(self.features())?;
        super::bounded(&[matrix.rows, self.columns()])?;
        let (mut winners, mut scores) = (Vec::with_capacity(matrix.rows), Vec::new());
        for row in 0..matrix.rows {
            let (winner, of_row) = self.decide(matrix.row(row));
            winners.push(winner);
            scores.extend(of_row);
        }
        class_outputs(&self.labels, &winners, self.columns(), scores)
    }
}

#[derive(Debug)]
struct SvmRegressor {
    /// Support vectors; none of a linear machine.
    vectors: Option<Vectors>,
    coefficients: Vec<f32>,
    rho: f32,
    one_class: bool,
}

impl SvmRegressor {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let coefficients = attributes.floats("coefficients");
        let count = usize::try_from(attributes.int("n_supports").unwrap_or_default());
        let count = count.map_err(|_| attributes.refuse("n_supports", "it is negative"))?;
        if coefficients.is_empty() || (count > 0 && coefficients.len() != count) {
            let why = format!("{} values for {count} support vectors", coefficients.len());
            return Err(attributes.refuse("coefficients", why));
        }
        let rho = attributes.floats("rho").first().copied().ok_or_else(|| attributes.refuse("rho", "it is missing"))?;
        let vectors = if count > 0 { Some(Vectors::new(attributes, count)?) } else { None };
        Ok(Self { vectors, coefficients, rho, one_class: attributes.flag("one_class", false) })
    }
}

impl Operator for SvmRegressor {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (rows, _) = fact_sizes(inputs)?;
        Ok(vec![Fact::new(ElementType::F32, [rows, 1])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let matrix = Matrix::new(inputs)?;
        matrix.require(self.vectors.as_ref().map_or(self.coefficients.len(), |vectors| vectors.features))?;
        let value = |row: &[f32]| {
            let sum = match &self.vectors {
                Some(vectors) => dot(&vectors.kernels(row), &self.coefficients),
                None => dot(row, &self.coefficients),
            };
            let value = (sum + f64::from(self.rho)) as f32;
            match self.one_class {
                true if value > 0.0 => 1.0,
                true => -1.0,
                false => value,
            }
        };
        let values = (0..matrix.rows).map(|row| value(matrix.row(row))).collect();
        Ok(vec![Tensor::new(vec![matrix.rows, 1], Data::F32(values))?])
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::tests::{Set, assert_near, operator, rows, run};
    use super::*;
    use crate::error::ErrorKind;

    fn kernel(name: &str, params: &[f32], row: &[f32], vector: &[f32]) -> f64 {
        let set = [
            ("kernel_type", Set::Text(name)),
            ("kernel_params", Set::Floats(params)),
            ("support_vectors", Set::Floats(vector)),
            ("coefficients", Set::Floats(&[1.0])),
            ("rho", Set::Floats(&[0.0])),
            ("n_supports", Set::Int(1)),
        ];
        let outputs = run(operator("SVMRegressor", &set).unwrap().as_ref(), rows(&[row]));
        outputs[0].data().to_f64().unwrap()[0]
    }

    #[test]
    fn kernels_are_what_they_are_called() {
        let (row, vector) = ([1.0, 2.0], [3.0, 0.5]);
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-5, "{found} {wanted}");
        near(kernel("LINEAR", &[], &row, &vector), 4.0);
        near(kernel("POLY", &[0.5, 1.0, 2.0], &row, &vector), 9.0);
        near(kernel("POLY", &[0.5, 1.0, 3.0], &row, &vector), 27.0);
        near(kernel("POLY", &[0.5, 1.0, 4.0], &row, &vector), 81.0);
        near(kernel("RBF", &[0.5, 0.0, 0.0], &row, &vector), (-0.5 * (4.0 + 2.25_f64)).exp());
        near(kernel("SIGMOID", &[0.1, 0.2, 0.0], &row, &vector), 0.6_f64.tanh());
    }

    #[test]
    fn regressors_add_up_or_decide() {
        let regressor = |one_class, count, vectors: &[f32]| {
            let set = [
                ("support_vectors", Set::Floats(vectors)),
                ("coefficients", Set::Floats(&[2.0, -1.0])),
                ("rho", Set::Floats(&[-0.5])),
                ("n_supports", Set::Int(count)),
                ("one_class", Set::Int(one_class)),
            ];
            operator("SVMRegressor", &set).unwrap()
        };
        let rows_ = || rows(&[&[1.0, 1.0], &[0.0, 1.0], &[0.5, 0.5]]);
        let vectors = [1.0, 0.0, 0.0, 2.0];
        assert_near(&run(regressor(0, 2, &vectors).as_ref(), rows_())[0], &[-0.5, -2.5, -0.5]);
        assert_near(&run(regressor(1, 2, &vectors).as_ref(), rows_())[0], &[-1.0, -1.0, -1.0]);
        assert_near(&run(regressor(0, 0, &[]).as_ref(), rows_())[0], &[0.5, -1.5, 0.0]);
        assert_near(&run(regressor(1, 0, &[]).as_ref(), rows_())[0], &[1.0, -1.0, -1.0]);
    }

    /// Three classes with one support vector each, of one value.
    fn three(sigmoids: &[f32]) -> Result<Box<dyn Operator>> {
        let set = [
            ("support_vectors", Set::Floats(&[1.0, 2.0, 3.0])),
            ("vectors_per_class", Set::Ints(&[1, 1, 1])),
            ("coefficients", Set::Floats(&[1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0])),
            ("rho", Set::Floats(&[0.1, 0.2, 0.3])),
            ("prob_a", Set::Floats(sigmoids)),
            ("prob_b", Set::Floats(&[0.0, 0.0, 0.0][..sigmoids.len()])),
            ("classlabels_strings", Set::Texts(&["a", "b", "c"])),
        ];
        operator("SVMClassifier", &set)
    }

    #[test]
    fn pairs_take_the_coefficients_of_libsvm() {
        let outputs = run(three(&[]).unwrap().as_ref(), rows(&[&[1.0], &[-1.0]]));
        // (a, b): 1 · 1 + 2 · 10; (a, c): 1 · 1000 + 3 · 100; (b, c): 2 · 10000 + 3 · 100000.
        let (ab, ac, bc) = (21.0, 1300.0, 320_000.0);
        let found = outputs[1].data().to_f64().unwrap();
        let wanted = [ab + 0.1, ac + 0.2, bc + 0.3, -ab + 0.1, -ac + 0.2, -bc + 0.3];
        assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.05), "{found:?}");
        assert_eq!(outputs[0].data(), &Data::Text(vec!["a".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn probabilities_are_coupled() {
        // Pairs that agree with p have p as their only solution: r = pᵢ / (pᵢ + pⱼ).
        let p = [0.5f32, 0.3, 0.2];
        let share = |i: usize, j: usize| p[i] / (p[i] + p[j]);
        let sums = [share(0, 1), share(0, 2), share(1, 2)].map(|share| -(1.0 / share - 1.0).ln());
        let found = coupled(&sums, &[(-1.0, 0.0); 3], 3);
        assert!(found.iter().zip(p).all(|(found, p)| (found - p).abs() < 0.005), "{found:?}");
        let outputs = run(three(&[-0.01; 3]).unwrap().as_ref(), rows(&[&[1.0]]));
        let sum: f64 = outputs[1].data().to_f64().unwrap().iter().sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }

    fn two(post: &str, vectors: &[i64], coefficients: &[f32]) -> Result<Box<dyn Operator>> {
        let set = [
            ("support_vectors", Set::Floats(if vectors.is_empty() { &[] } else { &[1.0, -1.0] })),
            ("vectors_per_class", Set::Ints(vectors)),
            ("coefficients", Set::Floats(coefficients)),
            ("rho", Set::Floats(&[0.5])),
            ("classlabels_ints", Set::Ints(&[5, 7])),
            ("post_transform", Set::Text(post)),
        ];
        operator("SVMClassifier", &set)
    }

    #[test]
    fn two_classes_share_one_score() {
        for (post, wanted) in [
            ("NONE", [-2.5, 2.5, 1.5, -1.5]),
            ("LOGISTIC", [0.075_858_18, 0.924_141_8, 0.817_574_5, 0.182_425_5]),
            ("SOFTMAX", [-1.5, 2.5, 2.5, -1.5]),
        ] {
            let outputs = run(two(post, &[1, 1], &[1.0, -1.0]).unwrap().as_ref(), rows(&[&[1.0], &[-1.0]]));
            assert_eq!(outputs[0].data(), &Data::I64(vec![5, 7]), "{post}");
            assert_near(&outputs[1], &wanted);
        }
    }

    #[test]
    fn without_support_vectors_each_class_has_its_row() {
        let outputs = run(two("NONE", &[], &[1.0, -1.0]).unwrap().as_ref(), rows(&[&[2.0], &[-2.0]]));
        assert_near(&outputs[1], &[2.5, -1.5, -1.5, 2.5]);
        // onnxruntime's choice between two margins: the second, as soon as one is positive.
        assert_eq!(outputs[0].data(), &Data::I64(vec![7, 7]));
    }

    #[test]
    fn machines_that_do_not_fit_are_refused() {
        for (vectors, coefficients) in [
            (&[1i64, -1] as &[i64], &[1.0f32, -1.0] as &[f32]),
            (&[i64::MAX, i64::MAX], &[1.0, -1.0]),
            (&[2], &[1.0, -1.0]),
            (&[1, 2], &[1.0, -1.0, 1.0]),
            (&[1, 1], &[1.0]),
            (&[1, 1], &[]),
            (&[], &[1.0]),
        ] {
            assert!(two("NONE", vectors, coefficients).is_err(), "{vectors:?} {coefficients:?}");
        }
        assert!(two("PROBIT", &[1, 1], &[1.0, -1.0]).is_err());
        assert!(three(&[0.1]).is_err());
        let machine = two("NONE", &[1, 1], &[1.0, -1.0]).unwrap();
        assert_eq!(machine.run(&[rows(&[&[1.0, 2.0]])]).unwrap_err().kind(), ErrorKind::WrongShape);
    }
}
