use super::*;
use crate::ErrorKind;

/// Evenly spread numbers in 0…1 from Knuth's linear congruential generator, so that another language gets the same.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Data {
    columns: Vec<f64>,
    names: Vec<String>,
    labels: Vec<bool>,
    weights: Vec<f64>,
}

/// 240 rows: two numbers on different scales and a category of three in one-hot columns, with overlapping classes.
fn data() -> Data {
    let mut lcg = Lcg(2);
    let names = ["a", "b", "c = 0", "c = 1", "c = 2"].map(String::from).to_vec();
    let (mut columns, mut labels, mut weights) = (vec![], vec![], vec![]);
    for _ in 0..240 {
        let [a, b, c, d, e, _] = std::array::from_fn(|_| lcg.next());
        let (a, b, category) = ((a - 0.5) * 4.0, b * b * 10.0, (c * 3.0) as usize);
        let mut row = [a, b, 0.0, 0.0, 0.0];
        row[2 + category] = 1.0;
        columns.extend(row);
        labels.push(d < 0.5 + 0.15 * a - 0.03 * (b - 3.0) + [0.15, 0.0, -0.1][category]);
        weights.push(0.5 + e);
    }
    Data { columns, names, labels, weights }
}

impl Data {
    fn fit(&self, weights: &[f64], l2: f64, signs: &[i8]) -> Result<Solution> {
        let Self { columns, names, .. } = self;
        let targets: Vec<f64> = self.labels.iter().map(|&label| f64::from(u8::from(label))).collect();
        fit(
            &Problem { columns, names, loss: Loss::Logistic, targets: &targets, weights, l2, signs, apart: &[] },
            &mut |_, _| {},
        )
    }
}

/// `LogisticRegression(C=1/(l2*sum(sample_weight)), solver="newton-cholesky", tol=1e-14)` of scikit-learn 1.9.1 on the
/// same rows.
#[test]
fn the_optimum_is_that_of_scikit_learn() {
    let data = data();
    let ones = vec![1.0; 240];
    let cases: [(&[f64], f64, [f64; 6]); 3] = [
        (
            &ones,
            1e-3,
            [
                0.9871734106298972,
                -0.1555400967709398,
                0.7998613731340264,
                0.02022381963477492,
                -0.820085192768803,
                0.7450166801507947,
            ],
        ),
        (
            &data.weights,
            1e-4,
            [
                0.9997271478859686,
                -0.1623172643377589,
                0.7851777081873761,
                0.10206309995184824,
                -0.887240808139186,
                0.7498657032897478,
            ],
        ),
        (
            &data.weights,
            0.5,
            [
                0.3111339673145474,
                -0.08982318592870965,
                0.07495139608059997,
                0.020028895373774083,
                -0.09498029145437406,
                0.4106791023170658,
            ],
        ),
    ];
    for (weights, l2, wanted) in cases {
        let found = data.fit(weights, l2, &[0; 5]).unwrap();
        for (found, wanted) in found.weights.iter().chain([&found.intercept]).zip(wanted) {
            assert!((found - wanted).abs() < 1e-7, "l2 = {l2}: {found} and {wanted}");
        }
    }
}

#[test]
fn the_same_problem_gives_the_same_bits_and_progress_goes_down() {
    let data = data();
    let mut heard = vec![];
    let Data { columns, names, labels, weights } = &data;
    let problem = Problem { columns, names, labels, weights, l2: 1e-4, signs: &[0; 5] };
    let first = fit(&problem, &mut |step, objective| heard.push((step, objective))).unwrap();
    assert_eq!(first, data.fit(weights, 1e-4, &[0; 5]).unwrap());
    assert_eq!(heard.len(), first.steps);
    assert!(heard[0].1 > 0.69 && heard.windows(2).all(|pair| pair[1].1 <= pair[0].1), "{heard:?}");
}

#[test]
fn a_sign_is_kept_and_nothing_better_is_left_behind() {
    let data = data();
    let free = data.fit(&data.weights, 1e-3, &[0; 5]).unwrap();
    assert!(free.weights[1] < 0.0);
    let held = data.fit(&data.weights, 1e-3, &[1, 1, 0, 0, 0]).unwrap();
    assert_eq!(held.weights[1], 0.0);
    assert!(held.weights[0] > 0.5 && held.objective > free.objective);
    // With "b" at 0 the others stand where they would without that column.
    let mut without = super::tests::data();
    without.columns.chunks_exact_mut(5).for_each(|row| row[1] = 0.0);
    let wanted = without.fit(&without.weights, 1e-3, &[0; 5]).unwrap();
    assert!((held.weights[0] - wanted.weights[0]).abs() < 1e-7);
    // A sign that the data agrees with changes nothing.
    let agreed = data.fit(&data.weights, 1e-3, &[1, -1, 0, 0, 0]).unwrap();
    assert!((agreed.weights[1] - free.weights[1]).abs() < 1e-9);
}

#[test]
fn what_has_no_optimum_is_refused_with_its_cause() {
    let mut leaking = data();
    for (row, &label) in leaking.columns.chunks_exact_mut(5).zip(&leaking.labels) {
        row[1] = if label { 3.0 } else { -3.0 };
        row[4] = row[0] * row[0];
    }
    let error = leaking.fit(&leaking.weights, 0.0, &[0; 5]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("b: the columns tell some rows' classes apart"), "{error}");
    assert!(leaking.fit(&leaking.weights, 1e-4, &[0; 5]).is_ok(), "the penalty keeps the weights finite");

    let one_hot = data();
    let error = one_hot.fit(&one_hot.weights, 0.0, &[0; 5]).unwrap_err().to_string();
    assert!(error.contains("always sum to the same number"), "{error}");

    let mut constant = data();
    constant.columns.chunks_exact_mut(5).for_each(|row| row[1] = 0.0);
    let error = constant.fit(&constant.weights, 0.0, &[0; 5]).unwrap_err().to_string();
    assert!(error.starts_with("b: the column is constant"), "{error}");
    assert_eq!(constant.fit(&constant.weights, 1e-4, &[0; 5]).unwrap().weights[1], 0.0);
}

#[test]
fn the_logistic_function_does_not_overflow() {
    assert_eq!((sigmoid(0.0), sigmoid(1e4), sigmoid(-1e4)), (0.5, 1.0, 0.0));
    assert_eq!((softplus(1e4), softplus(-1e4)), (1e4, 0.0));
}
