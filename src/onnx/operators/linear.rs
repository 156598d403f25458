//! LinearClassifier and LinearRegressor of `ai.onnx.ml`, and what all classifiers of that domain share.
//!
//! Scores are X · coefficientsᵀ + intercepts, summed in float64. Labels and transforms follow onnxruntime's CPU
//! operators: <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearClassifier.html> leaves the case of one score for two
//! labels open.

use super::{Attributes, Fact, Family, ML, Operator, bounded};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::scores::{Labels, PostTransform, Winner};
use crate::tensor::{Data, ElementType, Tensor};
use std::borrow::Cow;

/// The operators of this file.
pub const FAMILY: Family = &[
    (ML, "LinearClassifier", |attributes| Ok(Box::new(LinearClassifier::new(attributes)?))),
    (ML, "LinearRegressor", |attributes| Ok(Box::new(LinearRegressor::new(attributes)?))),
];

/// Rows of numbers: the input of most operators of the domain.
pub(super) struct Matrix<'a> {
    /// How many rows there are.
    pub(super) rows: usize,
    /// How many values each has.
    pub(super) columns: usize,
    /// The values, row by row.
    pub(super) values: Cow<'a, [f32]>,
}

impl<'a> Matrix<'a> {
    /// The first input as float32, which is what onnxruntime calculates in.
    pub(super) fn new(inputs: &'a [Tensor]) -> Result<Self> {
        let tensor = inputs.first().ok_or_else(no_input)?;
        let (rows, columns) = sizes(tensor.shape())?;
        let values = match tensor.data() {
            Data::F32(values) => Cow::Borrowed(values.as_slice()),
            Data::F64(values) => values.iter().map(|&value| value as f32).collect(),
            Data::I64(values) => values.iter().map(|&value| value as f32).collect(),
            Data::I32(values) => values.iter().map(|&value| value as f32).collect(),
            other => return Err(wrong_type(other.element_type())),
        };
        Ok(Self { rows, columns, values })
    }

    /// The values of one row.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..][..self.columns]
    }

    /// Fails with `wrong-shape` when rows have another number of values.
    pub(super) fn require(&self, columns: usize) -> Result<()> {
        if self.columns == columns {
            return Ok(());
        }
        let message = format!("rows of {} values where the model takes {columns}", self.columns);
        Err(Error::new(ErrorKind::WrongShape, message).help("send one value per feature"))
    }
}

fn no_input() -> Error {
    Error::new(ErrorKind::InvalidModel, "the node has no input").help("the file is broken; export it again")
}

/// The error for values that such an operator cannot count with.
pub(super) fn wrong_type(element: ElementType) -> Error {
    let message = format!("values of type {} where numbers are needed", element.name());
    Error::new(ErrorKind::WrongType, message).help("float32, float64, int64 and int32 are taken")
}

/// Rows and columns of a shape; a vector is one row.
pub(super) fn sizes(shape: &[usize]) -> Result<(usize, usize)> {
    match *shape {
        [columns] => Ok((1, columns)),
        [rows, columns] => Ok((rows, columns)),
        _ => {
            let message = format!("the shape {shape:?} where rows and columns are needed");
            Err(Error::new(ErrorKind::WrongShape, message).help("send one row per record, one column per feature"))
        }
    }
}

/// The number of rows of the first input, and of its columns.
pub(super) fn fact_sizes(inputs: &[Fact]) -> Result<(usize, usize)> {
    sizes(&inputs.first().ok_or_else(no_input)?.shape)
}

/// The transform that a node names.
pub(super) fn post_transform(attributes: &Attributes<'_>) -> Result<PostTransform> {
    let name = attributes.string("post_transform").unwrap_or_else(|| "NONE".to_owned());
    PostTransform::from_name(&name).ok_or_else(|| attributes.refuse("post_transform", format!("{name} is not known")))
}

/// The class labels of a node. Whole numbers have another attribute name from operator to operator.
pub(super) fn labels(attributes: &Attributes<'_>, ints: &str) -> Result<Labels> {
    let texts = attributes.strings("classlabels_strings");
    let labels = if texts.is_empty() { Labels::Ints(attributes.ints(ints)) } else { Labels::Texts(texts) };
    if labels.len() == 0 {
        Err(attributes.refuse("classlabels_strings", "there are no class labels"))
    } else {
        Ok(labels)
    }
}

/// The facts of a classifier's outputs: a label and some scores per row.
pub(super) fn class_facts(labels: &Labels, rows: usize, scores: usize) -> Result<Vec<Fact>> {
    bounded(&[rows, scores])?;
    Ok(vec![Fact::new(labels.element_type(), [rows]), Fact::new(ElementType::F32, [rows, scores])])
}

/// A classifier's outputs, with so many scores per row.
pub(super) fn class_outputs(
    labels: &Labels,
    winners: &[Winner],
    columns: usize,
    scores: Vec<f32>,
) -> Result<Vec<Tensor>> {
    let names = Tensor::new(vec![winners.len()], labels.of(winners)?)?;
    Ok(vec![names, Tensor::new(vec![winners.len(), columns], Data::F32(scores))?])
}

/// Σ one · other, in float64.
pub(super) fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(&one, &other)| f64::from(one) * f64::from(other)).sum()
}

/// Coefficients by target and feature, and what is added per target.
#[derive(Debug)]
struct Weights {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
}

impl Weights {
    /// X · coefficientsᵀ + intercepts, row by row, for so many targets.
    fn scores(&self, matrix: &Matrix<'_>, targets: usize) -> Result<Vec<f32>> {
        bounded(&[matrix.rows, targets])?;
        if matrix.columns.checked_mul(targets) != Some(self.coefficients.len()) {
            let message = format!(
                "{} coefficients for {targets} targets and rows of {} values",
                self.coefficients.len(),
                matrix.columns
            );
            return Err(Error::new(ErrorKind::WrongShape, message).help("send one value per feature"));
        }
        let mut scores = Vec::with_capacity(matrix.rows * targets);
        for row in 0..matrix.rows {
            let row = matrix.row(row);
            for target in 0..targets {
                let intercept = self.intercepts.get(target).copied().unwrap_or_default();
                let weights = &self.coefficients[target * matrix.columns..][..matrix.columns];
                scores.push((dot(row, weights) + f64::from(intercept)) as f32);
            }
        }
        Ok(scores)
    }
}

#[derive(Debug)]
struct LinearClassifier {
    weights: Weights,
    labels: Labels,
    post: PostTransform,
}

impl LinearClassifier {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let weights =
            Weights { coefficients: attributes.floats("coefficients"), intercepts: attributes.floats("intercepts") };
        let (labels, post) = (labels(attributes, "classlabels_ints")?, post_transform(attributes)?);
        if weights.coefficients.is_empty() {
            return Err(attributes.refuse("coefficients", "there are none"));
        }
        let (targets, classes) = (weights.intercepts.len(), labels.len());
        if targets != 0 && targets != classes && (targets, classes) != (1, 2) {
            return Err(attributes.refuse("intercepts", format!("{targets} for {classes} class labels")));
        }
        if post == PostTransform::Probit && targets <= 1 && classes == 2 {
            return Err(attributes.refuse("post_transform", "PROBIT of one score for two classes is not defined"));
        }
        Ok(Self { weights, labels, post })
    }

    /// How many scores are calculated for rows of so many values: one per class, or one for two classes. Without
    /// intercepts, the coefficients tell.
    fn targets(&self, columns: usize) -> usize {
        let classes = self.labels.len();
        let one = if self.weights.intercepts.is_empty() {
            classes == 2 && self.weights.coefficients.len() == columns
        } else {
            self.weights.intercepts.len() == 1
        };
        if one { 1 } else { classes }
    }

    fn winner(&self, scores: &[f32]) -> Winner {
        let best = scores.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
        match *scores {
            [score] if self.labels.len() == 2 => Winner::Class(usize::from(score > 0.0)),
            [score] => Winner::Sign(score > 0.0),
            _ => Winner::Class(best.map_or(0, |(class, _)| class)),
        }
    }
}

impl Operator for LinearClassifier {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        class_facts(&self.labels, fact_sizes(inputs)?.0, self.labels.len())
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let matrix = Matrix::new(inputs)?;
        let targets = self.targets(matrix.columns);
        let mut scores = self.weights.scores(&matrix, targets)?;
        let winners: Vec<Winner> = scores.chunks(targets.max(1)).map(|scores| self.winner(scores)).collect();
        if targets < self.labels.len() {
            scores = scores.into_iter().flat_map(|score| self.post.complete(score, true)).collect();
        } else {
            transform(self.post, targets, &mut scores);
        }
        class_outputs(&self.labels, &winners, self.labels.len(), scores)
    }
}

/// Transforms rows of so many scores. onnxruntime leaves single scores alone, but for probit.
fn transform(post: PostTransform, columns: usize, scores: &mut [f32]) {
    if columns > 1 || post == PostTransform::Probit {
        scores.chunks_mut(columns.max(1)).for_each(|scores| post.apply(scores));
    }
}

#[derive(Debug)]
struct LinearRegressor {
    weights: Weights,
    targets: usize,
    post: PostTransform,
}

impl LinearRegressor {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let weights =
            Weights { coefficients: attributes.floats("coefficients"), intercepts: attributes.floats("intercepts") };
        let targets = attributes.int("targets").unwrap_or(1);
        let targets = usize::try_from(targets).ok().filter(|&targets| targets > 0);
        let targets = targets.ok_or_else(|| attributes.refuse("targets", "it must be 1 or more"))?;
        let (coefficients, intercepts) = (weights.coefficients.len(), weights.intercepts.len());
        if intercepts != 0 && intercepts != targets {
            return Err(attributes.refuse("intercepts", format!("{intercepts} for {targets} targets")));
        }
        if coefficients == 0 || coefficients % targets != 0 {
            return Err(attributes.refuse("coefficients", format!("{coefficients} for {targets} targets")));
        }
        Ok(Self { weights, targets, post: post_transform(attributes)? })
    }
}

impl Operator for LinearRegressor {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (rows, _) = fact_sizes(inputs)?;
        bounded(&[rows, self.targets])?;
        Ok(vec![Fact::new(ElementType::F32, [rows, self.targets])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let matrix = Matrix::new(inputs)?;
        let mut scores = self.weights.scores(&matrix, self.targets)?;
        transform(self.post, self.targets, &mut scores);
        Ok(vec![Tensor::new(vec![matrix.rows, self.targets], Data::F32(scores))?])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, NodeProto};

    /// The value of an attribute.
    #[allow(clippy::large_enum_variant)]
    pub(in crate::onnx::operators) enum Set<'a> {
        Int(i64),
        Ints(&'a [i64]),
        Floats(&'a [f32]),
        Text(&'a str),
        Texts(&'a [&'a str]),
        Tensor(tract_onnx::pb::TensorProto),
    }

    /// An operator of the domain with these attributes.
    pub(in crate::onnx::operators) fn operator(name: &str, set: &[(&str, Set<'_>)]) -> Result<Box<dyn Operator>> {
        let attribute = |(name, value): &(&str, Set<'_>)| {
            let mut attribute = AttributeProto { name: (*name).to_owned(), ..AttributeProto::default() };
            match value {
                Set::Int(value) => attribute.i = *value,
                Set::Ints(values) => attribute.ints = values.to_vec(),
                Set::Floats(values) => attribute.floats = values.to_vec(),
                Set::Text(text) => attribute.s = text.as_bytes().to_vec(),
                Set::Texts(texts) => attribute.strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
                Set::Tensor(tensor) => attribute.t = Some(tensor.clone()),
            }
            attribute
        };
        let node = NodeProto {
            op_type: name.to_owned(),
            domain: ML.to_owned(),
            attribute: set.iter().map(attribute).collect(),
            ..NodeProto::default()
        };
        crate::onnx::operators::build(&node, 17).unwrap()
    }

    /// A row of float32 per slice.
    pub(in crate::onnx::operators) fn rows(rows: &[&[f32]]) -> Tensor {
        let columns = rows.first().map_or(0, |row| row.len());
        Tensor::new(vec![rows.len(), columns], Data::F32(rows.concat())).unwrap()
    }

    /// Runs an operator, checks what it said of its outputs before, and gives them.
    pub(in crate::onnx::operators) fn run(operator: &dyn Operator, input: Tensor) -> Vec<Tensor> {
        let facts = operator.facts(&[Fact::new(input.element_type(), input.shape())]).unwrap();
        let outputs = operator.run(&[input]).unwrap();
        let found = outputs.iter().map(|output| Fact::new(output.element_type(), output.shape()));
        assert_eq!(found.collect::<Vec<_>>(), facts);
        outputs
    }

    /// Numbers that must be these, but for rounding.
    pub(in crate::onnx::operators) fn assert_near(tensor: &Tensor, wanted: &[f64]) {
        let found = tensor.data().to_f64().unwrap();
        let near = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6);
        assert!(found.len() == wanted.len() && near, "{found:?} where {wanted:?} is wanted");
    }

    fn classifier(coefficients: &[f32], intercepts: &[f32], labels: &[i64], post: &str) -> Result<Box<dyn Operator>> {
        let set = [
            ("coefficients", Set::Floats(coefficients)),
            ("intercepts", Set::Floats(intercepts)),
            ("classlabels_ints", Set::Ints(labels)),
            ("post_transform", Set::Text(post)),
        ];
        operator("LinearClassifier", &set)
    }

    #[test]
    fn the_greatest_score_wins() {
        let operator =
            classifier(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[0.0, 0.0, -5.0], &[10, 20, 30], "SOFTMAX").unwrap();
        let outputs = run(operator.as_ref(), rows(&[&[2.0, 2.0], &[0.0, 1.0]]));
        assert_eq!(outputs[0].data(), &Data::I64(vec![10, 20]), "the first of equals");
        let e = f64::exp;
        let (first, second) = (2.0 * e(2.0) + e(-1.0), 1.0 + e(1.0) + e(-4.0));
        let wanted = [e(2.0) / first, e(2.0) / first, e(-1.0) / first, 1.0 / second, e(1.0) / second, e(-4.0) / second];
        assert_near(&outputs[1], &wanted);
    }

    #[test]
    fn one_score_serves_two_classes() {
        let half = f64::from(crate::tensor::scores::logistic(0.25));
        for (post, wanted) in [
            ("NONE", [0.75, 0.25, 2.0, -1.0]),
            ("LOGISTIC", [1.0 - half, half, 0.731_058_6, 0.268_941_4]),
            ("SOFTMAX", [0.75, 0.25, 2.0, -1.0]),
        ] {
            let operator = classifier(&[1.0], &[0.0], &[5, 7], post).unwrap();
            let outputs = run(operator.as_ref(), rows(&[&[0.25], &[-1.0]]));
            assert_eq!(outputs[0].data(), &Data::I64(vec![7, 5]), "{post}");
            assert_near(&outputs[1], &wanted);
        }
        assert!(classifier(&[1.0], &[0.0], &[5, 7], "PROBIT").is_err());
    }

    #[test]
    fn labels_may_be_texts_and_inputs_whole_numbers() {
        let set = [("coefficients", Set::Floats(&[-1.0, 1.0])), ("classlabels_strings", Set::Texts(&["no", "yes"]))];
        let operator = operator("LinearClassifier", &set).unwrap();
        let outputs = run(operator.as_ref(), Tensor::new(vec![2, 1], Data::I64(vec![3, -3])).unwrap());
        assert_eq!(outputs[0].data(), &Data::Text(vec!["yes".to_owned(), "no".to_owned()]));
        assert_near(&outputs[1], &[-3.0, 3.0, 3.0, -3.0]);
    }

    #[test]
    fn targets_have_their_own_coefficients() {
        let set = [
            ("coefficients", Set::Floats(&[1.0, 2.0, 3.0, 4.0])),
            ("intercepts", Set::Floats(&[0.5, -0.5])),
            ("targets", Set::Int(2)),
        ];
        let operator = operator("LinearRegressor", &set).unwrap();
        assert_near(&run(operator.as_ref(), rows(&[&[1.0, 1.0], &[0.0, -1.0]]))[0], &[3.5, 6.5, -1.5, -4.5]);
        assert_eq!(run(operator.as_ref(), Tensor::new(vec![0, 2], Data::F32(vec![])).unwrap())[0].shape(), [0, 2]);
    }

    #[test]
    fn one_target_is_transformed_by_probit_alone() {
        let regressor = |post| {
            let set = [("coefficients", Set::Floats(&[1.0])), ("post_transform", Set::Text(post))];
            operator("LinearRegressor", &set).unwrap()
        };
        assert_near(&run(regressor("LOGISTIC").as_ref(), rows(&[&[0.25]]))[0], &[0.25]);
        assert_near(&run(regressor("PROBIT").as_ref(), rows(&[&[0.25]]))[0], &[-0.674_574_3]);
    }

    #[test]
    fn counts_that_do_not_fit_are_errors() {
        assert!(classifier(&[], &[0.0], &[5, 7], "NONE").is_err());
        assert!(classifier(&[1.0], &[0.0], &[], "NONE").is_err());
        assert!(classifier(&[1.0], &[0.0; 3], &[5, 7], "NONE").is_err());
        assert!(classifier(&[1.0], &[0.0], &[5, 7], "OTHER").is_err());
        let operator = classifier(&[1.0, 2.0, 3.0], &[0.0; 3], &[1, 2, 3], "NONE").unwrap();
        assert_eq!(operator.run(&[rows(&[&[1.0, 2.0]])]).unwrap_err().kind(), ErrorKind::WrongShape);
        assert_eq!(operator.run(&[]).unwrap_err().kind(), ErrorKind::InvalidModel);
        let texts = Tensor::new(vec![1, 1], Data::Text(vec![String::new()])).unwrap();
        assert_eq!(operator.run(&[texts]).unwrap_err().kind(), ErrorKind::WrongType);
        let cube = Tensor::new(vec![1, 1, 1], Data::F32(vec![0.0])).unwrap();
        assert_eq!(operator.run(&[cube]).unwrap_err().kind(), ErrorKind::WrongShape);
        assert!(operator.facts(&[]).is_err());
    }

    #[test]
    fn regressors_that_do_not_fit_are_refused() {
        let regressor = |targets, intercepts| {
            let set = [
                ("coefficients", Set::Floats(&[1.0, 2.0, 3.0])),
                ("intercepts", Set::Floats(intercepts)),
                ("targets", Set::Int(targets)),
            ];
            operator("LinearRegressor", &set).is_err()
        };
        assert!(!regressor(3, &[]));
        assert!(regressor(0, &[]) && regressor(-1, &[]) && regressor(2, &[]) && regressor(3, &[1.0]));
    }
}
