use super::*;
use crate::sources::Column;

fn feature(kind: FeatureKind, missing: Missing, transform: &[Transform]) -> Feature {
    Feature {
        name: "x".into(),
        source: None,
        ratio: None,
        difference: None,
        kind,
        unit: None,
        range: None,
        values: vec![],
        missing,
        transform: transform.to_vec(),
        bins: None,
        parts: vec![],
        max_terms: None,
        monotonic: None,
        note: None,
        sensitive: false,
    }
}

fn canvas(feature: Feature) -> Canvas {
    Canvas { features: vec![feature], ..Canvas::default() }
}

fn table(values: Vec<Value>) -> Table {
    Table { source: "rows.csv".into(), columns: vec![Column::new("x", values)] }
}

fn numbers(values: &[f64]) -> Table {
    table(values.iter().map(|&value| if value.is_nan() { Value::Missing } else { value.into() }).collect())
}

/// Learns from all rows, and gives the feature with the prepared columns of all rows.
fn prepared(feature: Feature, table: &Table) -> Result<(FittedFeature, Vec<f64>)> {
    let canvas = canvas(feature);
    let rows: Vec<usize> = (0..table.rows()).collect();
    let mut features = prepare(&canvas, table, &rows, Preparation::Weights)?;
    let columns = design(&canvas, &features, table, &rows)?;
    Ok((features.remove(0), columns))
}

#[test]
fn a_missing_number_is_imputed_before_anything_is_learned() {
    let table = numbers(&[4.0, f64::NAN, 1.0, 2.0, 1.0]);
    let imputed = |missing| {
        prepared(feature(FeatureKind::Number, missing, &[]), &table)
            .map(|(feature, columns)| (feature.impute, columns[1]))
    };
    assert_eq!(imputed(Missing::Median).unwrap(), (Some(1.5), 1.5));
    assert_eq!(imputed(Missing::Mean).unwrap(), (Some(2.0), 2.0));
    assert_eq!(imputed(Missing::Mode).unwrap(), (Some(1.0), 1.0));
    assert_eq!(imputed(Missing::Zero).unwrap(), (Some(0.0), 0.0));
    let text = imputed(Missing::Error).unwrap_err().to_string();
    assert!(text.starts_with("rows.csv: row 2: x: there is no value"), "{text}");
}

/// `StandardScaler` and `MinMaxScaler` of scikit-learn 1.9.1 over `log1p`.
#[test]
fn steps_learn_from_what_the_steps_before_them_leave() {
    let table = numbers(&[0.0, 1.0, 3.0, 7.0, -2.0]);
    let transform = [Transform::Log1p, Transform::Standardize];
    let (standard, columns) = prepared(feature(FeatureKind::Number, Missing::Error, &transform), &table).unwrap();
    let wanted = [-1.028991510855053, -0.17149858514250874, 0.6859943405700355, 1.5434872662825796];
    for (found, wanted) in columns.iter().zip(wanted) {
        assert!((found - wanted).abs() < 2e-7, "{found} and {wanted}");
    }
    assert!(matches!(standard.steps[..], [Step::Log1p, Step::Affine { .. }]));
    let mut clipped = feature(FeatureKind::Number, Missing::Error, &[Transform::Clip, Transform::MinMax]);
    clipped.range = Some([0.0, 4.0]);
    let (clipped, columns) = prepared(clipped, &table).unwrap();
    assert_eq!(columns, [0.0, 0.25, 0.75, 1.0, 0.0]);
    assert_eq!(clipped.steps[1], Step::Affine { shift: 0.0, scale: 0.25 });
}

#[test]
fn a_constant_column_becomes_zero() {
    let (_, columns) =
        prepared(feature(FeatureKind::Number, Missing::Error, &[Transform::Standardize]), &numbers(&[0.1; 7])).unwrap();
    assert_eq!(columns, [0.0; 7]);
}

#[test]
fn every_learned_number_is_a_float32() {
    let table = numbers(&[0.1, 0.7, 1.3, 123_456.789]);
    let transform = [Transform::Log1p, Transform::Standardize, Transform::Bins];
    let mut feature = feature(FeatureKind::Number, Missing::Mean, &transform);
    feature.bins = Some(3);
    let (learned, _) = prepared(feature, &table).unwrap();
    let Step::Affine { shift, scale } = learned.steps[1] else { panic!("affine") };
    let Expansion::Bins { edges } = &learned.expansion else { panic!("bins") };
    for number in [shift, scale, learned.impute.unwrap()].iter().chain(edges) {
        assert_eq!(f64::from(*number as f32), *number);
    }
}

#[test]
fn bins_have_about_the_same_size_and_edges_between_known_values() {
    let mut ten = feature(FeatureKind::Integer, Missing::Error, &[Transform::Bins]);
    ten.bins = Some(4);
    let values: Vec<f64> = (0..40).map(|row| f64::from(row * 7 % 40)).collect();
    let (learned, columns) = prepared(ten.clone(), &numbers(&values)).unwrap();
    assert_eq!(learned.expansion, Expansion::Bins { edges: vec![9.5, 19.5, 29.5] });
    let counts: Vec<f64> = (0..4).map(|bin| columns.chunks_exact(4).map(|row| row[bin]).sum()).collect();
    assert_eq!(counts, [10.0; 4]);
    // Three quarters of the values are 0: the bins that they fill become one.
    let (learned, _) = prepared(ten.clone(), &numbers(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 9.0])).unwrap();
    assert_eq!(learned.expansion, Expansion::Bins { edges: vec![2.5] });
    let (learned, _) = prepared(ten, &numbers(&[3.0; 8])).unwrap();
    assert_eq!(learned.expansion.width(), 1);
}

#[test]
fn categories_are_indexed_by_the_canvas_or_by_name() {
    let texts = |values: &[&str]| {
        let value = |text: &&str| if text.is_empty() { Value::Missing } else { (*text).into() };
        table(values.iter().map(value).collect())
    };
    let mut listed = feature(FeatureKind::Category, Missing::Mode, &[Transform::OneHot]);
    let (learned, _) = prepared(listed.clone(), &texts(&["home", "car", "", "car"])).unwrap();
    assert_eq!((learned.values, learned.impute), (vec!["car".to_owned(), "home".to_owned()], Some(0.0)));
    listed.values = vec!["home".into(), "car".into()];
    let (learned, columns) = prepared(listed.clone(), &texts(&["home", "boat", "car", "", "car"])).unwrap();
    assert_eq!(learned.impute, Some(1.0));
    assert_eq!(columns, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    listed.missing = Missing::Error;
    let (_, columns) = prepared(listed, &texts(&["home", "boat"])).unwrap();
    assert_eq!(columns, [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn only_the_training_rows_are_learned_from() {
    let canvas = canvas(feature(FeatureKind::Number, Missing::Mean, &[]));
    let features = prepare(&canvas, &numbers(&[1.0, 3.0, 1000.0]), &[0, 1], Preparation::Weights).unwrap();
    assert_eq!(features[0].impute, Some(2.0));
}

#[test]
fn wrong_values_are_named_with_column_and_row() {
    let number = |values| prepared(feature(FeatureKind::Number, Missing::Mean, &[]), &table(values));
    let flag = prepared(feature(FeatureKind::Boolean, Missing::Mode, &[]), &table(vec![true.into(), 1.0.into()]));
    let cases = [
        (number(vec![1.0.into(), "many".into()]), "rows.csv: row 2: x: \"many\" is not a finite number"),
        (number(vec![1.0.into(), 1e300.into()]), "row 2: x: 1"),
        (number(vec![Value::Missing, Value::Missing]), "rows.csv: x: no training row has a value"),
        (flag, "rows.csv: row 2: x: 1 is not true or false"),
    ];
    for (result, wanted) in cases {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn rules_that_do_not_fit_the_kind_are_refused() {
    use FeatureKind::{Boolean, Category, Number};
    let mut bins = feature(Number, Missing::Mean, &[Transform::Bins]);
    bins.bins = Some(4);
    bins.monotonic = Some(Monotonic::Increasing);
    let cases = [
        (feature(Category, Missing::Median, &[]), "a category cannot be filled in this way"),
        (feature(Category, Missing::Zero, &[]), "a category cannot be filled in this way"),
        (feature(Boolean, Missing::Mode, &[Transform::Log1p]), "does not fit a boolean"),
        (feature(Number, Missing::Mean, &[Transform::OneHot]), "does not fit a number"),
        (feature(Number, Missing::Mean, &[Transform::Clip]), "needs a range"),
        (feature(Number, Missing::Mean, &[Transform::Bins]), "fewer than 2 bins"),
        (feature(Number, Missing::Mean, &[Transform::Bins, Transform::Log1p]), "no transform can follow"),
        (bins, "cannot be held monotonic"),
    ];
    for (feature, wanted) in cases {
        let error = prepared(feature, &numbers(&[1.0, 2.0])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCanvas);
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let mut sensitive = feature(Number, Missing::Mean, &[]);
    sensitive.sensitive = true;
    assert!(prepare(&canvas(sensitive), &numbers(&[1.0]), &[0], Preparation::Weights).is_err());
}
