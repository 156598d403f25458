//! Sums of slopes by bin, which trees are grown from.

/// The first and second derivative of the loss of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Slope {
    /// The first derivative by the row's sum.
    pub first: f32,
    /// The second, above 0.
    pub second: f32,
}

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BinSums {
    /// Of the first derivatives.
    pub first: f64,
    /// Of the second derivatives.
    pub second: f64,
    /// The number of rows.
    pub rows: u32,
}

/// Adds the slopes of `rows` to the sums of their bins: `slopes` has one entry per entry of `rows`, `bins` one per row of
/// the column.
pub fn histogram(bins: &[u8], rows: &[u32], slopes: &[Slope], sums: &mut [BinSums]) {
    for (&row, slope) in rows.iter().zip(slopes) {
        let sum = &mut sums[usize::from(bins[row as usize])];
        sum.first += f64::from(slope.first);
        sum.second += f64::from(slope.second);
        sum.rows += 1;
    }
}
