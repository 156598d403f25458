use super::*;
use crate::error::ErrorKind;

const NAN: f64 = f64::NAN;

fn branch(feature: usize, test: Test, threshold: f64, children: [usize; 2]) -> Listed {
    Listed::Branch(Branch { feature, test, threshold, members: 0..0, missing: false, children })
}

/// Node 0 asks column 0 and has the leaves 1 and 2, which add 1 and 2.
fn stump(test: Test, threshold: f64, missing: bool) -> Listing {
    let root = Branch { feature: 0, test, threshold, members: 0..2, missing, children: [1, 2] };
    Listing {
        nodes: vec![Listed::Branch(root), Listed::Leaf(0..1), Listed::Leaf(1..2)],
        roots: vec![0],
        votes: vec![(0, 1.0), (0, 2.0)],
        members: vec![1.0, -1.0],
        targets: 1,
    }
}

fn sums(listing: &Listing, aggregate: Aggregate, rows: &[&[f64]]) -> Vec<f64> {
    let narrow: Vec<f32> = rows.iter().flat_map(|row| row.iter().map(|&value| value as f32)).collect();
    let wide: Vec<f64> = rows.concat();
    let columns = rows.first().map_or(0, |row| row.len());
    let forest = Forest::<f32>::new(listing, aggregate).unwrap();
    let sums = forest.sums(&narrow, rows.len(), columns).unwrap();
    let other = Forest::<f64>::new(listing, aggregate).unwrap().sums(&wide, rows.len(), columns).unwrap();
    let found: Vec<f64> = sums.values.iter().map(|&value| f64::from(value)).collect();
    assert_eq!(found, other.values, "both precisions agree");
    assert_eq!(sums.voted, other.voted);
    found
}

#[test]
fn every_test_asks_what_it_says() {
    let rows: [&[f64]; 4] = [&[-1.0], &[0.0], &[1.0], &[NAN]];
    for (test, wanted) in [
        (Test::AtMost, [1.0, 1.0, 2.0, 2.0]),
        (Test::Below, [1.0, 2.0, 2.0, 2.0]),
        (Test::AtLeast, [2.0, 1.0, 1.0, 2.0]),
        (Test::Above, [2.0, 2.0, 1.0, 2.0]),
        (Test::Equal, [2.0, 1.0, 2.0, 2.0]),
        (Test::NotEqual, [1.0, 2.0, 1.0, 1.0]),
        (Test::Member, [1.0, 2.0, 1.0, 2.0]),
    ] {
        assert_eq!(sums(&stump(test, 0.0, false), Aggregate::Sum, &rows), wanted, "{test:?}");
        let mut missing = wanted;
        missing[3] = 1.0;
        assert_eq!(
            sums(&stump(test, 0.0, true), Aggregate::Sum, &rows),
            missing,
            "{test:?} with NaN to the first child"
        );
    }
}

#[test]
fn thresholds_at_the_ends_hold() {
    let rows: [&[f64]; 3] = [&[f64::NEG_INFINITY], &[0.0], &[f64::INFINITY]];
    for (test, threshold, wanted) in [
        (Test::AtMost, f64::NEG_INFINITY, [1.0, 2.0, 2.0]),
        (Test::Below, f64::NEG_INFINITY, [2.0, 2.0, 2.0]),
        (Test::AtLeast, f64::INFINITY, [2.0, 2.0, 1.0]),
        (Test::Below, f64::INFINITY, [1.0, 1.0, 2.0]),
        (Test::AtMost, NAN, [2.0, 2.0, 2.0]),
        (Test::Above, NAN, [2.0, 2.0, 2.0]),
        (Test::Equal, NAN, [2.0, 2.0, 2.0]),
        (Test::Below, -0.0, [1.0, 2.0, 2.0]),
    ] {
        assert_eq!(sums(&stump(test, threshold, false), Aggregate::Sum, &rows), wanted, "{test:?} {threshold}");
    }
}

/// Two trees over two columns: two levels of x0 and x1, and a stump of x1. Leaf n adds 2ⁿ.
fn two_trees() -> Listing {
    let leaves = (0..5).map(|leaf| Listed::Leaf(leaf..leaf + 1));
    let mut nodes = vec![
        branch(0, Test::AtMost, 0.0, [1, 3]),
        branch(1, Test::AtMost, 0.0, [4, 5]),
        branch(1, Test::AtMost, 5.0, [6, 7]),
        Listed::Leaf(2..3),
    ];
    nodes.extend(leaves.enumerate().map(|(place, leaf)| match place {
        0 | 1 => leaf,
        2 => Listed::Leaf(3..4),
        _ => Listed::Leaf(4..5),
    }));
    let votes = (0..5).map(|leaf| (0, f64::from(1 << leaf))).collect();
    Listing { nodes, roots: vec![0, 2], votes, members: vec![], targets: 1 }
}

#[test]
fn rows_do_not_depend_on_their_neighbours() {
    let listing = two_trees();
    assert_eq!(sums(&listing, Aggregate::Sum, &[&[-1.0, -1.0]]), [9.0]);
    // One row, some, a whole group, and more than a block: the same answers.
    let row = |index: usize| [if index.is_multiple_of(2) { -1.0 } else { 1.0 }, [-1.0, 3.0, 7.0][index % 3]];
    let wanted = |index: usize| {
        let [x0, x1] = row(index);
        let first = if x0 > 0.0 {
            4.0
        } else if x1 <= 0.0 {
            1.0
        } else {
            2.0
        };
        first + if x1 <= 5.0 { 8.0 } else { 16.0 }
    };
    for count in [1, 3, 8, 9, 64, 141] {
        let rows: Vec<[f64; 2]> = (0..count).map(row).collect();
        let rows: Vec<&[f64]> = rows.iter().map(|row| row.as_slice()).collect();
        assert_eq!(sums(&listing, Aggregate::Sum, &rows), (0..count).map(wanted).collect::<Vec<_>>());
    }
}

#[test]
fn votes_are_aggregated() {
    let listing = two_trees();
    let rows: [&[f64]; 2] = [&[-1.0, -1.0], &[1.0, 9.0]];
    for (aggregate, wanted) in [
        (Aggregate::Sum, [9.0, 20.0]),
        (Aggregate::Average, [4.5, 10.0]),
        (Aggregate::Min, [1.0, 4.0]),
        (Aggregate::Max, [8.0, 16.0]),
    ] {
        assert_eq!(sums(&listing, aggregate, &rows), wanted, "{aggregate:?}");
    }
}

#[test]
fn leaves_vote_for_targets() {
    // For all in order, for one each, for some: three layouts, one meaning.
    let votes = vec![(0, 1.0), (1, 2.0), (0, 4.0), (1, 8.0)];
    let all = Listing { votes, targets: 2, ..stump(Test::AtMost, 0.0, false) };
    let leaves = |first: std::ops::Range<usize>, second: std::ops::Range<usize>| Listing {
        nodes: vec![all.nodes[0].clone(), Listed::Leaf(first), Listed::Leaf(second)],
        ..all.clone()
    };
    let rows: [&[f64]; 2] = [&[-1.0], &[1.0]];
    assert_eq!(sums(&leaves(0..2, 2..4), Aggregate::Sum, &rows), [1.0, 2.0, 4.0, 8.0]);
    assert_eq!(sums(&leaves(1..2, 3..4), Aggregate::Sum, &rows), [0.0, 2.0, 0.0, 8.0]);
    assert_eq!(sums(&leaves(0..3, 3..3), Aggregate::Sum, &rows), [5.0, 2.0, 0.0, 0.0]);
    let forest = Forest::<f32>::new(&leaves(0..2, 3..4), Aggregate::Sum).unwrap();
    assert_eq!(forest.sums(&[-1.0, 1.0], 2, 1).unwrap().voted, [true, true, false, true]);
}

#[test]
fn questions_for_equality_become_one() {
    // x = 1 or x = 2 or x = 3, as a chain whose answers share a leaf.
    let mut nodes = vec![];
    for (place, threshold) in [1.0, 2.0, 3.0].into_iter().enumerate() {
        nodes.push(branch(0, Test::Equal, threshold, [3, if place == 2 { 4 } else { place + 1 }]));
    }
    nodes.extend([Listed::Leaf(0..1), Listed::Leaf(1..2)]);
    let chain = Listing { nodes, ..stump(Test::AtMost, 0.0, false) };
    let rows: [&[f64]; 5] = [&[0.0], &[1.0], &[2.5], &[3.0], &[NAN]];
    assert_eq!(sums(&chain, Aggregate::Sum, &rows), [2.0, 1.0, 2.0, 1.0, 2.0]);
    assert_eq!(Forest::<f32>::new(&chain, Aggregate::Sum).unwrap().nodes.len(), 3);
}

#[test]
fn a_forest_may_be_empty_or_a_single_leaf() {
    let listing = Listing {
        nodes: vec![Listed::Leaf(0..1)],
        roots: vec![0, 0],
        votes: vec![(0, 1.5)],
        members: vec![],
        targets: 1,
    };
    assert_eq!(sums(&listing, Aggregate::Sum, &[&[], &[]]), [3.0, 3.0]);
    assert_eq!(sums(&listing, Aggregate::Sum, &[&[NAN]]), [3.0]);
    let empty = Listing { targets: 2, ..Listing::default() };
    assert_eq!(sums(&empty, Aggregate::Average, &[&[1.0]]), [0.0, 0.0]);
}

#[test]
fn columns_that_are_not_there_are_an_error() {
    let forest = Forest::<f32>::new(&two_trees(), Aggregate::Sum).unwrap();
    let error = forest.sums(&[1.0], 1, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongShape);
    assert!(error.message().contains("2 columns"), "{error}");
    assert!(forest.sums(&[1.0; 3], 2, 2).is_err());
    assert!(forest.sums(&[1.0; 6], 2, 3).is_ok());
}

#[test]
fn broken_listings_are_refused() {
    let good = stump(Test::AtMost, 0.0, false);
    let with = |node: Listed| Listing { nodes: vec![node, Listed::Leaf(0..1), Listed::Leaf(1..2)], ..good.clone() };
    let members =
        Branch { feature: 0, test: Test::Member, threshold: 0.0, members: 1..3, missing: false, children: [1, 2] };
    for broken in [
        with(branch(0, Test::AtMost, 0.0, [1, 3])),
        with(branch(0, Test::AtMost, 0.0, [0, 1])),
        with(branch(usize::MAX, Test::AtMost, 0.0, [1, 2])),
        with(Listed::Leaf(1..3)),
        with(Listed::Branch(members)),
        Listing { roots: vec![3], ..good.clone() },
        Listing { targets: 0, ..good.clone() },
        Listing { votes: vec![(0, 1.0), (1, 1.0)], ..good.clone() },
        Listing {
            nodes: vec![branch(0, Test::Equal, 0.0, [1, 1]), branch(0, Test::Equal, 1.0, [0, 0]), Listed::Leaf(0..1)],
            ..good.clone()
        },
    ] {
        let error = Forest::<f32>::new(&broken, Aggregate::Sum).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidModel, "{broken:?}");
    }
}

#[test]
fn few_nodes_cannot_become_many() {
    // Each node has the next as both children: 2⁴⁰ ways down.
    let mut nodes: Vec<Listed> = (0..40).map(|place| branch(0, Test::AtMost, 0.0, [place + 1; 2])).collect();
    nodes.push(Listed::Leaf(0..1));
    let error = Forest::<f32>::new(&Listing { nodes, ..stump(Test::AtMost, 0.0, false) }, Aggregate::Sum).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidModel);
}

#[test]
fn a_long_way_down_needs_no_stack() {
    let depth = 100_000;
    let mut nodes: Vec<Listed> = (0..depth).map(|place| branch(0, Test::AtMost, 0.0, [depth + 1, place + 1])).collect();
    nodes.extend([Listed::Leaf(0..1), Listed::Leaf(1..2)]);
    let listing = Listing { nodes, ..stump(Test::AtMost, 0.0, false) };
    assert_eq!(sums(&listing, Aggregate::Sum, &[&[1.0], &[-1.0]]), [1.0, 2.0], "one leaf is shared by all");
}
