//! Columns of numbers as small whole ones: the bins that a tree can tell apart.

/// The most bins of numbers; one more is for what is missing.
const MOST_BINS: usize = 255;

/// Edges are sought in this many rows at most, spread evenly.
const SAMPLE: usize = 200_000;

/// The fewest rows of the sample in a bin of a column with more distinct values than bins.
const FEWEST: usize = 3;

/// The columns of a design matrix, each value replaced by its bin. Bin 0 is for what is missing (NaN); the others ascend.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Binned {
    columns: Vec<BinnedColumn>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct BinnedColumn {
    /// The bin of each row.
    pub bins: Vec<u8>,
    /// The edges, ascending: bin `b` from 1 on holds the values above `edges[b − 2]`, up to `edges[b − 1]` inclusive.
    pub edges: Vec<f64>,
    /// Whether any value is missing.
    pub missing: bool,
}

impl Binned {
    /// Adds a column; `learn_from` are the rows that its edges come from. Edges are float32 values that lie between two
    /// neighbouring values of these rows, so that rounding moves no known value over one.
    pub fn push(&mut self, values: &[f64], learn_from: &[usize]) {
        let step = learn_from.len().div_ceil(SAMPLE).max(1);
        let mut sample: Vec<f64> =
            learn_from.iter().step_by(step).map(|&row| values[row] + 0.0).filter(|value| !value.is_nan()).collect();
        sample.sort_by(f64::total_cmp);
        let edges = edges(&sample);
        let bin = |&value: &f64| match value.is_nan() {
            true => 0,
            // At most 255 edges: the place fits a byte.
            false => 1 + edges.partition_point(|&edge| edge < value) as u8,
        };
        let bins: Vec<u8> = values.iter().map(bin).collect();
        let missing = bins.contains(&0);
        self.columns.push(BinnedColumn { bins, edges, missing });
    }

    /// The columns.
    pub fn columns(&self) -> &[BinnedColumn] {
        &self.columns
    }
}

impl BinnedColumn {
    /// How many bins there are, with that of what is missing.
    pub fn count(&self) -> usize {
        self.edges.len() + 2
    }
}

/// Every distinct value has a bin of its own where there are few of them. Otherwise a value that would fill one by itself
/// gets its own, and the others share what is left, evenly.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let runs: Vec<(f64, usize)> = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    let mut edges = Vec::new();
    let mut cut = |place: usize| {
        if let (Some(&(below, _)), Some(&(above, _))) = (runs.get(place), runs.get(place + 1)) {
            edges.push(between(below, above));
        }
    };
    if runs.len() <= MOST_BINS {
        (0..runs.len()).for_each(cut);
    } else {
        let usual = sorted.len() as f64 / MOST_BINS as f64;
        let is_large = |count: usize| count as f64 >= usual;
        let large = runs.iter().filter(|run| is_large(run.1));
        let (large_bins, large_rows) = large.fold((0, 0), |(bins, rows), run| (bins + 1, rows + run.1));
        let (mut rows_left, mut bins_left) = (sorted.len() - large_rows, MOST_BINS - large_bins);
        let mut filled = 0;
        for (place, &(_, count)) in runs.iter().enumerate() {
            filled += count;
            let own = is_large(count) || runs.get(place + 1).is_some_and(|next| is_large(next.1));
            let share = rows_left as f64 / bins_left.max(1) as f64;
            if own || (filled as f64 >= share && filled >= FEWEST) {
                cut(place);
                if !is_large(count) {
                    bins_left = bins_left.saturating_sub(1);
                    rows_left = rows_left.saturating_sub(filled);
                }
                filled = 0;
            }
        }
        edges.truncate(MOST_BINS - 1);
    }
    edges.dedup();
    edges
}

/// A float32 value that is not below the first and below the second number.
fn between(below: f64, above: f64) -> f64 {
    let middle = f64::from((below + (above - below) / 2.0) as f32);
    if middle >= below && middle < above { middle } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binned(values: &[f64]) -> BinnedColumn {
        let mut binned = Binned::default();
        binned.push(values, &(0..values.len()).collect::<Vec<_>>());
        binned.columns.remove(0)
    }

    #[test]
    fn few_values_keep_a_bin_each_and_nothing_has_its_own() {
        let column = binned(&[3.0, 1.0, f64::NAN, 2.0, 1.0]);
        assert_eq!(column.edges, [1.5, 2.5]);
        assert_eq!(column.bins, [3, 1, 0, 2, 1]);
        assert!(column.missing && column.count() == 4);
    }

    #[test]
    fn many_values_share_bins_evenly_and_frequent_ones_do_not() {
        let values: Vec<f64> =
            (0..10_000).map(|row| if row % 4 == 0 { 500.5 } else { f64::from(row % 2000) }).collect();
        let column = binned(&values);
        assert!(column.edges.len() < MOST_BINS && column.edges.len() > 200, "{}", column.edges.len());
        let own = column.bins[0];
        let shared: Vec<usize> = (1..=255u8).map(|bin| column.bins.iter().filter(|&&b| b == bin).count()).collect();
        assert_eq!(shared[usize::from(own) - 1], 2500);
        let largest = (1..=255u8).filter(|&bin| bin != own).map(|bin| shared[usize::from(bin) - 1]).max();
        assert!(largest < Some(100), "{largest:?}");
    }

    #[test]
    fn neighbours_that_float32_cannot_tell_apart_still_have_an_edge() {
        let low = 1.0 + f64::from(f32::EPSILON);
        assert_eq!(binned(&[1.0, low]).bins, [1, 2]);
    }
}
