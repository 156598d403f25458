use super::super::linear::tests::{Set, assert_near, operator, rows, run};
use super::*;
use tract_onnx::pb::TensorProto;

/// The attributes of a stump: x0 ≤ 0.5 leads to leaf 1, anything else to leaf 2.
fn stump<'a>() -> Vec<(&'a str, Set<'a>)> {
    vec![
        ("nodes_treeids", Set::Ints(&[0, 0, 0])),
        ("nodes_nodeids", Set::Ints(&[0, 1, 2])),
        ("nodes_featureids", Set::Ints(&[0, 0, 0])),
        ("nodes_modes", Set::Texts(&["BRANCH_LEQ", "LEAF", "LEAF"])),
        ("nodes_values", Set::Floats(&[0.5, 0.0, 0.0])),
        ("nodes_truenodeids", Set::Ints(&[1, 0, 0])),
        ("nodes_falsenodeids", Set::Ints(&[2, 0, 0])),
    ]
}

fn regressor<'a>(other: Vec<(&'a str, Set<'a>)>) -> Result<Box<dyn Operator>> {
    let mut set = stump();
    set.extend([
        ("n_targets", Set::Int(1)),
        ("target_treeids", Set::Ints(&[0, 0])),
        ("target_nodeids", Set::Ints(&[1, 2])),
        ("target_ids", Set::Ints(&[0, 0])),
        ("target_weights", Set::Floats(&[0.25, 0.75])),
    ]);
    for (name, value) in other {
        set.retain(|(known, _)| *known != name);
        set.push((name, value));
    }
    operator("TreeEnsembleRegressor", &set)
}

fn classifier<'a>(weights: &'a [f32], post: &'a str, labels: (&'a str, Set<'a>)) -> Result<Box<dyn Operator>> {
    let mut set = stump();
    set.extend([
        ("class_treeids", Set::Ints(&[0, 0])),
        ("class_nodeids", Set::Ints(&[1, 2])),
        ("class_ids", Set::Ints(&[0, 0])),
        ("class_weights", Set::Floats(weights)),
        ("post_transform", Set::Text(post)),
        labels,
    ]);
    operator("TreeEnsembleClassifier", &set)
}

fn doubles(values: &[f64]) -> Set<'static> {
    Set::Tensor(TensorProto {
        dims: vec![values.len() as i64],
        data_type: 11,
        double_data: values.to_vec(),
        ..TensorProto::default()
    })
}

fn bytes(values: &[u8]) -> Set<'static> {
    Set::Tensor(TensorProto {
        dims: vec![values.len() as i64],
        data_type: 2,
        raw_data: values.to_vec(),
        ..TensorProto::default()
    })
}

#[test]
fn labels_of_two_classes_follow_the_one_column() {
    let labels = || ("classlabels_int64s", Set::Ints(&[5, 7]));
    let outputs = run(classifier(&[0.25, 0.75], "NONE", labels()).unwrap().as_ref(), rows(&[&[0.0], &[1.0]]));
    assert_eq!(outputs[0].data(), &Data::I64(vec![5, 7]));
    assert_near(&outputs[1], &[0.75, 0.25, 0.25, 0.75]);
    let outputs = run(classifier(&[-0.2, 0.25], "LOGISTIC", labels()).unwrap().as_ref(), rows(&[&[0.0], &[1.0]]));
    assert_eq!(outputs[0].data(), &Data::I64(vec![5, 7]), "0.25 is a margin here");
    assert_near(&outputs[1], &[0.549_834, 0.450_166, 0.437_823_5, 0.562_176_5]);
}

#[test]
fn labels_may_be_texts_and_inputs_whole_numbers() {
    let labels = ("classlabels_strings", Set::Texts(&["no", "yes"]));
    let operator = classifier(&[0.25, 0.75], "NONE", labels).unwrap();
    let outputs = run(operator.as_ref(), Tensor::new(vec![2, 1], Data::I64(vec![1, 0])).unwrap());
    assert_eq!(outputs[0].data(), &Data::Text(vec!["yes".to_owned(), "no".to_owned()]));
    assert_near(&outputs[1], &[0.25, 0.75, 0.75, 0.25]);
    let error = operator.run(&[Tensor::new(vec![1, 1], Data::Bool(vec![true])).unwrap()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType);
}

#[test]
fn regressors_add_their_base_value() {
    let operator = regressor(vec![("base_values", Set::Floats(&[10.0]))]).unwrap();
    assert_near(&run(operator.as_ref(), rows(&[&[0.5], &[f32::NAN]]))[0], &[10.25, 10.75]);
    let operator = regressor(vec![("nodes_missing_value_tracks_true", Set::Ints(&[1, 0, 0]))]).unwrap();
    assert_near(&run(operator.as_ref(), rows(&[&[f32::NAN]]))[0], &[0.25]);
    let vector = Tensor::new(vec![1], Data::F32(vec![2.0])).unwrap();
    assert_eq!(run(operator.as_ref(), vector)[0].shape(), [1, 1]);
}

#[test]
fn float64_is_calculated_in_float64() {
    // The threshold is 0.1 in float64, which lies below float32's.
    let operator =
        regressor(vec![("nodes_values", Set::Floats(&[])), ("nodes_values_as_tensor", doubles(&[0.1, 0.0, 0.0]))]);
    let operator = operator.unwrap();
    let wide = Tensor::new(vec![2, 1], Data::F64(vec![0.1, 0.1 + 1e-12])).unwrap();
    assert_near(&run(operator.as_ref(), wide)[0], &[0.25, 0.75]);
    assert_near(&run(operator.as_ref(), rows(&[&[0.1]]))[0], &[0.75]);
    let narrow = regressor(vec![]).unwrap();
    let wide = Tensor::new(vec![2, 1], Data::F64(vec![0.5, 0.5 + 1e-12])).unwrap();
    assert_near(&run(narrow.as_ref(), wide)[0], &[0.25, 0.75]);
}

fn ensemble<'a>(other: Vec<(&'a str, Set<'a>)>) -> Result<Box<dyn Operator>> {
    // Node 0 asks for x0 ∈ {1, 3}, then node 1 for x1 < 2; the second tree is leaf 2 alone.
    let mut set = vec![
        ("n_targets", Set::Int(2)),
        ("tree_roots", Set::Ints(&[0, 2])),
        ("nodes_modes", bytes(&[6, 1, 0])),
        ("nodes_splits", doubles(&[0.0, 2.0, 0.0])),
        ("nodes_featureids", Set::Ints(&[0, 1, 0])),
        ("nodes_truenodeids", Set::Ints(&[1, 0, 2])),
        ("nodes_trueleafs", Set::Ints(&[0, 1, 1])),
        ("nodes_falsenodeids", Set::Ints(&[1, 2, 2])),
        ("nodes_falseleafs", Set::Ints(&[1, 1, 1])),
        ("membership_values", doubles(&[3.0, 1.0, f64::NAN])),
        ("leaf_targetids", Set::Ints(&[0, 1, 0])),
        ("leaf_weights", doubles(&[1.0, 2.0, 4.0])),
    ];
    for (name, value) in other {
        set.retain(|(known, _)| *known != name);
        set.push((name, value));
    }
    operator("TreeEnsemble", &set)
}

#[test]
fn branches_and_leaves_may_stand_apart() {
    let operator = ensemble(vec![]).unwrap();
    let input = Tensor::new(vec![4, 2], Data::F64(vec![1.0, 1.0, 3.0, 2.0, 2.0, 0.0, f64::NAN, 0.0])).unwrap();
    let outputs = run(operator.as_ref(), input);
    assert_eq!(outputs[0].element_type(), ElementType::F64);
    assert_near(&outputs[0], &[5.0, 0.0, 8.0, 0.0, 4.0, 2.0, 4.0, 2.0]);
    let average = ensemble(vec![("aggregate_function", Set::Int(0))]).unwrap();
    assert_near(&run(average.as_ref(), rows(&[&[1.0, 1.0]]))[0], &[2.5, 0.0]);
    // onnxruntime counts logistic before softmax.
    let logistic = ensemble(vec![("post_transform", Set::Int(1))]).unwrap();
    assert_near(&run(logistic.as_ref(), rows(&[&[1.0, 1.0]]))[0], &[0.993_307_2, 0.5]);
}

#[test]
fn broken_ensembles_are_refused() {
    for (name, value) in [
        ("aggregate_function", Set::Int(4)),
        ("post_transform", Set::Int(-1)),
        ("n_targets", Set::Int(0)),
        ("n_targets", Set::Int(1)),
        ("tree_roots", Set::Ints(&[3])),
        ("nodes_modes", bytes(&[6, 1])),
        ("nodes_modes", bytes(&[6, 1, 7])),
        ("nodes_modes", bytes(&[6, 6, 0])),
        ("nodes_truenodeids", Set::Ints(&[0, 0, 2])),
        ("nodes_truenodeids", Set::Ints(&[1, 3, 2])),
        ("nodes_featureids", Set::Ints(&[0, -1, 0])),
        ("leaf_weights", doubles(&[1.0])),
        ("leaf_targetids", Set::Ints(&[0, 2, 0])),
        ("membership_values", doubles(&[])),
    ] {
        assert!(ensemble(vec![(name, value)]).is_err(), "{name}");
    }
}

#[test]
fn broken_nodes_are_refused() {
    for (name, value) in [
        ("nodes_treeids", Set::Ints(&[0, 0])),
        ("nodes_treeids", Set::Ints(&[0, 1, 0])),
        ("nodes_nodeids", Set::Ints(&[0, 1, 1])),
        ("nodes_nodeids", Set::Ints(&[1, 0, 2])),
        ("nodes_featureids", Set::Ints(&[-1, 0, 0])),
        ("nodes_featureids", Set::Ints(&[i64::MAX, 0, 0])),
        ("nodes_modes", Set::Texts(&["BRANCH_LEQ", "LEAF", "OTHER"])),
        ("nodes_modes", Set::Texts(&["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"])),
        ("nodes_values", Set::Floats(&[0.5])),
        ("nodes_values_as_tensor", doubles(&[0.5, 0.0, 0.0])),
        ("nodes_truenodeids", Set::Ints(&[0, 0, 0])),
        ("nodes_falsenodeids", Set::Ints(&[3, 0, 0])),
        ("nodes_missing_value_tracks_true", Set::Ints(&[1])),
        ("base_values", Set::Floats(&[1.0, 2.0])),
        ("n_targets", Set::Int(i64::MIN)),
        ("target_ids", Set::Ints(&[0, 1])),
        ("target_nodeids", Set::Ints(&[1, 1])),
        ("target_nodeids", Set::Ints(&[1, 3])),
        ("target_weights", Set::Floats(&[1.0])),
        ("aggregate_function", Set::Text("MEDIAN")),
        ("post_transform", Set::Text("EXP")),
    ] {
        assert!(regressor(vec![(name, value)]).is_err(), "{name}");
    }
    let wide = regressor(vec![("nodes_featureids", Set::Ints(&[4, 0, 0]))]).unwrap();
    assert_eq!(wide.run(&[rows(&[&[0.0]])]).unwrap_err().kind(), ErrorKind::WrongShape);
    assert!(classifier(&[0.0, 1.0], "PROBIT", ("classlabels_int64s", Set::Ints(&[0, 1]))).is_err());
    assert!(classifier(&[0.0, 1.0], "NONE", ("classlabels_int64s", Set::Ints(&[]))).is_err());
}
