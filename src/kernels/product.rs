//! Products of matrices: four rows of the left by eight columns of the right at a time, which fills the vector registers of
//! every target without spilling. A row that is left over takes 32 columns at once instead.

use crate::lanes::{Lanes, ZERO, add, add_product, load, splat, store};

/// Columns of the right matrix that lie side by side.
const COLUMNS: usize = 8;
/// Rows of the left matrix that go together.
const ROWS: usize = 4;
/// Values of the right matrix that stay near while all rows go over them.
const NEAR: usize = 1 << 14;
/// Panels that a single row takes together.
const WIDE: usize = 4;

/// A right matrix in panels: eight columns at a time, row after row; the last panel is filled up with zeros.
#[derive(Debug, Clone)]
pub struct Panels {
    values: Vec<[f32; COLUMNS]>,
    inner: usize,
    columns: usize,
}

impl Panels {
    /// Panels of zeros, to be filled.
    pub(crate) fn zeros(inner: usize, columns: usize) -> Self {
        Self { values: vec![[0.0; COLUMNS]; columns.div_ceil(COLUMNS) * inner], inner, columns }
    }

    /// The panels of a matrix of `inner` rows of `columns` values.
    pub fn new(matrix: &[f32], inner: usize, columns: usize) -> Self {
        let mut panels = Self::zeros(inner, columns);
        if columns > 0 {
            for (row, line) in matrix.chunks_exact(columns).take(inner).enumerate() {
                panels.write(row, 0, line);
            }
        }
        panels
    }

    /// The panels of the turned matrix: `columns` rows of `inner` values.
    pub fn turned(matrix: &[f32], inner: usize, columns: usize) -> Self {
        let mut panels = Self::zeros(inner, columns);
        if inner > 0 {
            for (column, line) in matrix.chunks_exact(inner).take(columns).enumerate() {
                let panel = &mut panels.values[column / COLUMNS * inner..][..inner];
                panel.iter_mut().zip(line).for_each(|(part, &value)| part[column % COLUMNS] = value);
            }
        }
        panels
    }

    /// Puts values into a row, from a column on.
    pub(crate) fn write(&mut self, row: usize, column: usize, mut line: &[f32]) {
        let mut at = column;
        while !line.is_empty() {
            let part = &mut self.values[at / COLUMNS * self.inner + row][at % COLUMNS..];
            let (now, rest) = line.split_at(part.len().min(line.len()));
            part[..now.len()].copy_from_slice(now);
            at += now.len();
            line = rest;
        }
    }

    /// Values of each row.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Values of each row of a product.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Multiplies rows of `inner` values with the matrix, and writes rows of `columns` values.
    pub fn multiply(&self, left: &[f32], output: &mut [f32]) {
        let (inner, columns) = (self.inner, self.columns);
        if inner == 0 || columns == 0 {
            output.fill(0.0);
            return;
        }
        // Some panels at a time go over all rows: those stay near, however wide the matrix is.
        let block = (NEAR / (inner * COLUMNS)).max(WIDE);
        for (place, panels) in self.values.chunks(block * inner).enumerate() {
            let first = place * block * COLUMNS;
            for (left, output) in left.chunks(ROWS * inner).zip(output.chunks_mut(ROWS * columns)) {
                if left.len() == ROWS * inner {
                    self.four(left, panels, first, output);
                } else {
                    let end = columns.min(first + block * COLUMNS);
                    let rows = left.chunks_exact(inner).zip(output.chunks_exact_mut(columns));
                    rows.for_each(|(left, output)| self.one(left, panels, &mut output[first..end]));
                }
            }
        }
    }

    /// Four rows with some panels, the first of which begins at that column.
    fn four(&self, left: &[f32], panels: &[[f32; COLUMNS]], start: usize, output: &mut [f32]) {
        let (inner, columns) = (self.inner, self.columns);
        let (one, rest) = left.split_at(inner);
        let (two, rest) = rest.split_at(inner);
        let (three, four) = rest.split_at(inner);
        for (index, panel) in panels.chunks_exact(inner).enumerate() {
            let mut sums = [[ZERO; 2]; ROWS];
            for ((((part, a), b), c), d) in panel.iter().zip(one).zip(two).zip(three).zip(four) {
                let right = halves(part);
                for (sums, left) in sums.iter_mut().zip([a, b, c, d]) {
                    let left = splat(*left);
                    *sums = [add_product(sums[0], left, right[0]), add_product(sums[1], left, right[1])];
                }
            }
            let first = start + index * COLUMNS;
            let width = COLUMNS.min(columns - first);
            for (row, sums) in sums.into_iter().enumerate() {
                output[row * columns + first..][..width].copy_from_slice(&whole(sums)[..width]);
            }
        }
    }

    /// One row with some panels, into the columns that are theirs.
    fn one(&self, left: &[f32], panels: &[[f32; COLUMNS]], output: &mut [f32]) {
        let inner = self.inner;
        for (panels, output) in panels.chunks(WIDE * inner).zip(output.chunks_mut(WIDE * COLUMNS)) {
            if panels.len() == WIDE * inner {
                let (one, rest) = panels.split_at(inner);
                let (two, rest) = rest.split_at(inner);
                let (three, four) = rest.split_at(inner);
                let mut sums = [[ZERO; 2]; WIDE];
                for ((((left, a), b), c), d) in left.iter().zip(one).zip(two).zip(three).zip(four) {
                    let left = splat(*left);
                    for (sums, part) in sums.iter_mut().zip([a, b, c, d]) {
                        let right = halves(part);
                        *sums = [add_product(sums[0], left, right[0]), add_product(sums[1], left, right[1])];
                    }
                }
                for (sums, output) in sums.into_iter().zip(output.chunks_mut(COLUMNS)) {
                    output.copy_from_slice(&whole(sums)[..output.len()]);
                }
            } else {
                for (panel, output) in panels.chunks_exact(inner).zip(output.chunks_mut(COLUMNS)) {
                    output.copy_from_slice(&narrow(left, panel)[..output.len()]);
                }
            }
        }
    }
}

/// One row with one panel: two sums, so that one can begin before the other is done.
fn narrow(left: &[f32], panel: &[[f32; COLUMNS]]) -> [f32; COLUMNS] {
    let mut sums = [[ZERO; 2]; 2];
    let (pairs, last) = left.as_chunks::<2>();
    let (parts, odd) = panel.as_chunks::<2>();
    for (left, parts) in pairs.iter().zip(parts) {
        for ((sums, left), part) in sums.iter_mut().zip(left).zip(parts) {
            let (left, right) = (splat(*left), halves(part));
            *sums = [add_product(sums[0], left, right[0]), add_product(sums[1], left, right[1])];
        }
    }
    if let ([left], [part]) = (last, odd) {
        let (left, right) = (splat(*left), halves(part));
        sums[0] = [add_product(sums[0][0], left, right[0]), add_product(sums[0][1], left, right[1])];
    }
    whole([add(sums[0][0], sums[1][0]), add(sums[0][1], sums[1][1])])
}

#[inline(always)]
fn halves(&[a, b, c, d, e, f, g, h]: &[f32; COLUMNS]) -> [Lanes; 2] {
    [load(&[a, b, c, d]), load(&[e, f, g, h])]
}

#[inline(always)]
fn whole(lanes: [Lanes; 2]) -> [f32; COLUMNS] {
    let ([a, b, c, d], [e, f, g, h]) = (store(lanes[0]), store(lanes[1]));
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remainder_of_rows_and_columns_is_multiplied() {
        for rows in 1..6 {
            for columns in [1, 7, 8, 9, 17, 31, 32, 33, 40] {
                for inner in [1, 2, 5] {
                    let left: Vec<f32> = (0..rows * inner).map(|place| place as f32 - 7.0).collect();
                    let right: Vec<f32> = (0..inner * columns).map(|place| (place % 11) as f32).collect();
                    let mut output = vec![f32::NAN; rows * columns];
                    Panels::new(&right, inner, columns).multiply(&left, &mut output);
                    for row in 0..rows {
                        for column in 0..columns {
                            let terms = (0..inner).map(|k| left[row * inner + k] * right[k * columns + column]);
                            assert_eq!(output[row * columns + column], terms.sum::<f32>(), "{rows} {columns}");
                        }
                    }
                    let turned: Vec<f32> =
                        (0..columns * inner).map(|place| right[place % inner * columns + place / inner]).collect();
                    let mut again = vec![f32::NAN; rows * columns];
                    Panels::turned(&turned, inner, columns).multiply(&left, &mut again);
                    assert_eq!(output, again);
                }
            }
        }
    }
}
