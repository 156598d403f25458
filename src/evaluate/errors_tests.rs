use super::*;

/// 400 rows with losses between 0 and 1, and a feature of four values.
fn partition(worse: f64) -> (Partition, Vec<f64>) {
    let mut next = crate::evaluate::reference::evenly(6);
    let of: Vec<Option<usize>> = (0..400).map(|row| Some(row % 4)).collect();
    let losses = of.iter().map(|of| next() + if *of == Some(2) { worse } else { 0.0 }).collect();
    (Partition { name: "purpose".into(), values: ["a", "b", "c", "d"].map(String::from).to_vec(), of }, losses)
}

#[test]
fn a_slice_that_loses_more_is_found_and_marked() {
    let (partition, losses) = partition(0.4);
    let found = worst_slices(std::slice::from_ref(&partition), &losses);
    assert_eq!((found[0].value.as_str(), found[0].rows, found[0].established), ("c", 100, true));
    assert!(found[0].low <= 0.4 && 0.4 <= found[0].high, "{:?}", found[0]);
    assert!(found.iter().all(|slice| slice.difference > 0.0), "no slice that does better");
}

/// By Welch's formula: the mean of the slice minus that of the others, and 1.96 standard errors on either side.
#[test]
fn the_interval_is_that_of_welch() {
    let losses: Vec<f64> =
        (0..60).map(|row| if row < 30 { f64::from(row % 2) + 1.0 } else { f64::from(row % 3) }).collect();
    let of = (0..60).map(|row| Some(usize::from(row >= 30))).collect();
    let partition = Partition { name: "x".into(), values: vec!["a".into(), "b".into()], of };
    let found = &worst_slices(&[partition], &losses)[0];
    let error = (0.25 * 30.0 / 29.0 / 30.0 + (2.0 / 3.0) * 30.0 / 29.0 / 30.0_f64).sqrt();
    assert!((found.difference - 0.5).abs() < 1e-12);
    assert!((found.low - (0.5 - 1.959963984540054 * error)).abs() < 1e-9, "{found:?}");
}

/// Without a difference, twenty features with four values each are looked through: chance alone is not marked.
#[test]
fn what_only_chance_made_worse_is_not_marked() {
    let mut next = crate::evaluate::reference::evenly(12);
    let losses: Vec<f64> = (0..400).map(|_| next()).collect();
    let mut feature = |name: usize| Partition {
        name: format!("f{name}"),
        values: ["a", "b", "c", "d"].map(String::from).to_vec(),
        of: (0..400).map(|_| Some((next() * 4.0) as usize)).collect(),
    };
    let partitions: Vec<Partition> = (0..20).map(&mut feature).collect();
    let found = worst_slices(&partitions, &losses);
    assert!(found.len() > 10 && found.iter().all(|slice| !slice.established), "{found:?}");
}

#[test]
fn few_rows_are_no_slice() {
    let (mut partition, losses) = partition(5.0);
    partition.of.iter_mut().enumerate().for_each(|(row, of)| *of = if row < 29 { Some(2) } else { Some(0) });
    assert!(worst_slices(&[partition], &losses).is_empty());
}
