//! Isolation forests: what a few random cuts set apart is unusual.
//!
//! After Liu, Ting and Zhou, "Isolation forest", 2008. The score of a row is `2^(−h / c(ψ))`, with `h` the mean depth at
//! which the trees set it apart, `ψ` the rows of a tree and `c` [`usual_depth`].

use crate::tensor::trees::{Branch, Listed, Listing, Test};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The rows that one tree is grown on.
const ROWS: usize = 256;

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The number of rows that each tree is grown on, `ψ`, of so many training rows.
pub fn rows_of_a_tree(rows: usize) -> usize {
    rows.min(ROWS)
}

/// The mean depth of an unsuccessful search in a binary search tree of `rows` keys: 2(H(n − 1) − (n − 1)/n), with the
/// harmonic number H as `ln + γ`; 1 for two rows and 0 for one.
pub fn usual_depth(rows: usize) -> f64 {
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        rows => {
            let rows = rows as f64;
            2.0 * ((rows - 1.0).ln() + EULER) - 2.0 * (rows - 1.0) / rows
        }
    }
}

/// Grows `trees` trees on rows of a design matrix, `width` numbers a row. Leaves vote for the depth at which they set a
/// row apart. The same seed gives the same trees.
pub fn isolate(columns: &[f64], width: usize, trees: usize, seed: u64) -> Listing {
    let rows = columns.len() / width.max(1);
    let sample = rows_of_a_tree(rows);
    // A tree of that depth sets as many rows apart as the sample has.
    let depth = (sample.max(2) as f64).log2().ceil() as usize;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut listing = Listing { targets: 1, ..Listing::default() };
    let mut order: Vec<usize> = (0..rows).collect();
    for _ in 0..trees {
        for place in 0..sample {
            order.swap(place, place + below(&mut rng, rows - place));
        }
        let mut drawn = order[..sample].to_vec();
        listing.roots.push(listing.nodes.len());
        cut(&mut listing, &mut rng, (columns, width), &mut drawn, 0, depth);
    }
    listing
}

/// Adds the node of these rows, and all below it; gives its place.
fn cut(
    listing: &mut Listing,
    rng: &mut ChaCha8Rng,
    (columns, width): (&[f64], usize),
    rows: &mut [usize],
    depth: usize,
    deepest: usize,
) -> usize {
    let place = listing.nodes.len();
    let vote = listing.votes.len();
    listing.nodes.push(Listed::Leaf(vote..vote + 1));
    let split = if depth < deepest { random_split(rng, (columns, width), rows) } else { None };
    let Some((feature, threshold)) = split else {
        listing.votes.push((0, depth as f64 + usual_depth(rows.len())));
        return place;
    };
    rows.sort_by_key(|&row| columns[row * width + feature] > threshold);
    let middle = rows.partition_point(|&row| columns[row * width + feature] <= threshold);
    let (first, second) = rows.split_at_mut(middle);
    let first = cut(listing, rng, (columns, width), first, depth + 1, deepest);
    let second = cut(listing, rng, (columns, width), second, depth + 1, deepest);
    listing.nodes[place] = Listed::Branch(Branch {
        feature,
        test: Test::AtMost,
        threshold,
        members: 0..0,
        missing: false,
        children: [first, second],
    });
    place
}

/// A column that is not the same in all rows, and a float32 place between its lowest and highest value.
fn random_split(rng: &mut ChaCha8Rng, (columns, width): (&[f64], usize), rows: &[usize]) -> Option<(usize, f64)> {
    let extent = |feature: usize| {
        let values = rows.iter().map(|&row| columns[row * width + feature]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let varied: Vec<(usize, (f64, f64))> =
        (0..width).map(|feature| (feature, extent(feature))).filter(|(_, (low, high))| low < high).collect();
    if varied.is_empty() {
        return None;
    }
    let (feature, (low, high)) = varied[below(rng, varied.len())];
    let share = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let threshold = f64::from((low + share * (high - low)) as f32);
    Some((feature, if threshold >= low && threshold < high { threshold } else { low }))
}

/// A number below `count`, even to within 2⁻⁶⁴ times the count.
fn below(rng: &mut ChaCha8Rng, count: usize) -> usize {
    ((u128::from(rng.next_u64()) * count as u128) >> 64) as usize
}
