//! Products of matrices: four rows of the left by eight columns of the right at a time, which fills the vector registers of
//! every target without spilling.

use super::super::format::Activation;
use super::elementwise::apply;
use super::{View, at, misfit, spread_strides};
use crate::error::Result;

/// Columns of the right matrix that lie side by side.
const COLUMNS: usize = 8;
/// Rows of the left matrix that go together.
const ROWS: usize = 4;

/// A right matrix in panels: eight columns at a time, row after row; the last panel is filled up with zeros.
pub(in super::super) struct Panels {
    values: Vec<[f32; COLUMNS]>,
    inner: usize,
    columns: usize,
}

impl Panels {
    /// The panels of a matrix of `inner` rows.
    pub(in super::super) fn new(matrix: &[f32], inner: usize, columns: usize) -> Self {
        Self::by_value(inner, columns, |row, column| matrix[row * columns + column])
    }

    /// The panels of the turned matrix: `columns` rows of `inner` values.
    pub(in super::super) fn turned(matrix: &[f32], inner: usize, columns: usize) -> Self {
        Self::by_value(inner, columns, |row, column| matrix[column * inner + row])
    }

    /// The panels of a matrix whose value in a row and column is known.
    pub(super) fn by_value(inner: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut values = Vec::with_capacity(columns.div_ceil(COLUMNS) * inner);
        for first in (0..columns).step_by(COLUMNS) {
            for row in 0..inner {
                let mut part = [0.0; COLUMNS];
                for (place, part) in part.iter_mut().enumerate().take(columns - first) {
                    *part = value(row, first + place);
                }
                values.push(part);
            }
        }
        Self { values, inner, columns }
    }

    /// Multiplies rows of `inner` values with the matrix, and writes rows of `columns` values.
    pub(super) fn multiply(&self, left: &[f32], output: &mut [f32]) {
        let (inner, columns) = (self.inner, self.columns);
        if inner == 0 || columns == 0 {
            output.fill(0.0);
            return;
        }
        let rows = left.chunks(ROWS * inner).zip(output.chunks_mut(ROWS * columns));
        for (left, output) in rows {
            for (index, panel) in self.values.chunks_exact(inner).enumerate() {
                let first = index * COLUMNS;
                let width = COLUMNS.min(columns - first);
                if left.len() == ROWS * inner {
                    let (one, rest) = left.split_at(inner);
                    let (two, rest) = rest.split_at(inner);
                    let (three, four) = rest.split_at(inner);
                    let sums = tile([one, two, three, four], panel);
                    for (row, sums) in sums.iter().enumerate() {
                        output[row * columns + first..][..width].copy_from_slice(&sums[..width]);
                    }
                } else {
                    for (row, left) in left.chunks_exact(inner).enumerate() {
                        let [sums] = tile([left], panel);
                        output[row * columns + first..][..width].copy_from_slice(&sums[..width]);
                    }
                }
            }
        }
    }
}

/// The products of some rows with one panel.
#[inline]
fn tile<const N: usize>(rows: [&[f32]; N], panel: &[[f32; COLUMNS]]) -> [[f32; COLUMNS]; N] {
    let mut sums = [lanes::ZERO; N];
    let rows = rows.map(|row| &row[..panel.len()]);
    for (place, column) in panel.iter().enumerate() {
        let right = lanes::load(column);
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum = lanes::add_product(*sum, row[place], right);
        }
    }
    sums.map(lanes::store)
}

/// Eight numbers at once. On WebAssembly two vectors, elsewhere what the compiler makes of eight numbers.
mod lanes {
    #[cfg(target_arch = "wasm32")]
    mod here {
        use core::arch::wasm32::{f32x4, f32x4_extract_lane, f32x4_splat, v128};

        pub(in super::super) type Lanes = [v128; 2];
        pub(in super::super) const ZERO: Lanes = [f32x4(0.0, 0.0, 0.0, 0.0); 2];

        #[inline(always)]
        pub(in super::super) fn load(values: &[f32; 8]) -> Lanes {
            let [a, b, c, d, e, f, g, h] = *values;
            [f32x4(a, b, c, d), f32x4(e, f, g, h)]
        }

        #[inline(always)]
        pub(in super::super) fn store(lanes: Lanes) -> [f32; 8] {
            let [a, b] = lanes;
            [
                f32x4_extract_lane::<0>(a),
                f32x4_extract_lane::<1>(a),
                f32x4_extract_lane::<2>(a),
                f32x4_extract_lane::<3>(a),
                f32x4_extract_lane::<0>(b),
                f32x4_extract_lane::<1>(b),
                f32x4_extract_lane::<2>(b),
                f32x4_extract_lane::<3>(b),
            ]
        }

        #[inline(always)]
        pub(in super::super) fn add_product(sum: Lanes, left: f32, right: Lanes) -> Lanes {
            let left = f32x4_splat(left);
            #[cfg(target_feature = "relaxed-simd")]
            {
                use core::arch::wasm32::f32x4_relaxed_madd;
                [f32x4_relaxed_madd(left, right[0], sum[0]), f32x4_relaxed_madd(left, right[1], sum[1])]
            }
            #[cfg(not(target_feature = "relaxed-simd"))]
            {
                use core::arch::wasm32::{f32x4_add, f32x4_mul};
                [f32x4_add(sum[0], f32x4_mul(left, right[0])), f32x4_add(sum[1], f32x4_mul(left, right[1]))]
            }
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    mod here {
        pub(in super::super) type Lanes = [f32; 8];
        pub(in super::super) const ZERO: Lanes = [0.0; 8];

        #[inline(always)]
        pub(in super::super) fn load(values: &[f32; 8]) -> Lanes {
            *values
        }

        #[inline(always)]
        pub(in super::super) fn store(lanes: Lanes) -> [f32; 8] {
            lanes
        }

        #[inline(always)]
        pub(in super::super) fn add_product(sum: Lanes, left: f32, right: Lanes) -> Lanes {
            std::array::from_fn(|lane| sum[lane] + left * right[lane])
        }
    }

    pub(super) use here::{Lanes, ZERO, add_product, load, store};
    const _: Lanes = ZERO;
}

/// Fills the output with the product of the first two inputs, plus the third.
pub(super) fn run(
    inputs: &[View<'_>],
    turned: bool,
    panels: Option<&Panels>,
    then: Option<Activation>,
    output: &mut [f32],
    shape: &[usize],
) -> Result<()> {
    let (left, right) = (at(inputs, 0)?, at(inputs, 1)?);
    let (Some((&inner, left_outer)), Some((&columns, _))) = (left.shape.split_last(), shape.split_last()) else {
        return Err(misfit());
    };
    let values = left.f32()?;
    match panels {
        Some(panels) => {
            let rows: usize = left_outer.iter().product();
            if panels.inner != inner || panels.columns != columns || output.len() != rows * columns {
                return Err(misfit());
            }
            panels.multiply(values, output);
        }
        None => many(values, left.shape, right, turned, output, shape)?,
    }
    if let Some(bias) = inputs.get(2) {
        add(*bias, output, shape)?;
    }
    if let Some(activation) = then {
        apply(activation, output);
    }
    Ok(())
}

/// Matrix by matrix over the outer axes.
fn many(
    left: &[f32],
    left_shape: &[usize],
    right: View<'_>,
    turned: bool,
    output: &mut [f32],
    shape: &[usize],
) -> Result<()> {
    let [left_outer @ .., rows, inner] = left_shape else { return Err(misfit()) };
    let [right_outer @ .., first, second] = right.shape else { return Err(misfit()) };
    let [outer @ .., out_rows, columns] = shape else { return Err(misfit()) };
    let (same, wide) = if turned { (second, first) } else { (first, second) };
    if inner != same || columns != wide || rows != out_rows {
        return Err(misfit());
    }
    let values = right.f32()?;
    let strides = [spread_strides(left_outer, outer)?, spread_strides(right_outer, outer)?];
    let matrices = super::Rows::new(outer, [&strides[0], &strides[1]]);
    let (size, area) = (rows * inner, inner * columns);
    for ([a, b], output) in matrices.zip(output.chunks_mut((rows * columns).max(1))) {
        let (left, right) = (&left[a * size..][..size], &values[b * area..][..area]);
        let panels = match turned {
            true => Panels::turned(right, *inner, *columns),
            false => Panels::new(right, *inner, *columns),
        };
        panels.multiply(left, output);
    }
    Ok(())
}

/// Adds a tensor that is spread to the shape of the output.
fn add(bias: View<'_>, output: &mut [f32], shape: &[usize]) -> Result<()> {
    let values = bias.f32()?;
    let width = shape.last().copied().unwrap_or(1);
    if values.len() == width && bias.shape.last() == Some(&width) {
        for row in output.chunks_mut(width.max(1)) {
            row.iter_mut().zip(values).for_each(|(value, bias)| *value += bias);
        }
        return Ok(());
    }
    let strides = spread_strides(bias.shape, shape)?;
    for ([place], value) in super::Rows::new(shape, [&strides]).zip(output) {
        *value += values[place];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remainder_of_rows_and_columns_is_multiplied() {
        for rows in 1..6 {
            for columns in [1, 7, 8, 9, 17] {
                let inner = 5;
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
