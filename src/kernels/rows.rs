//! Rows of values, each by what its neighbours are.

use crate::math::exp;

/// Shares of an exponential over a row, or their logarithms. What is not a number makes the whole row so.
pub fn softmax(row: &mut [f32], log: bool) {
    let most =
        row.iter().fold(f32::NEG_INFINITY, |most, &value| if value > most || value.is_nan() { value } else { most });
    if log {
        let sum: f32 = row.iter().map(|&value| exp(value - most)).sum();
        let shift = most + sum.ln();
        row.iter_mut().for_each(|value| *value -= shift);
        return;
    }
    row.iter_mut().for_each(|value| *value = exp(*value - most));
    let share = 1.0 / sum(row);
    row.iter_mut().for_each(|value| *value *= share);
}

/// A row less its mean and divided by its deviation, times `scale` plus `bias`, where there are such: of the length of the row.
pub fn normalise(row: &[f32], epsilon: f32, scale: Option<&[f32]>, bias: Option<&[f32]>, output: &mut [f32]) {
    let count = row.len() as f32;
    let mean = sum(row) / count;
    output.iter_mut().zip(row).for_each(|(output, value)| *output = value - mean);
    let variance = squares(output) / count;
    let factor = 1.0 / (variance + epsilon).sqrt();
    output.iter_mut().for_each(|value| *value *= factor);
    if let Some(scale) = scale {
        output.iter_mut().zip(scale).for_each(|(value, scale)| *value *= scale);
    }
    if let Some(bias) = bias {
        output.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
}

/// The sum, in eight parts side by side: a single one could not become vectors.
pub fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut parts = [0f32; 8];
    chunks.iter().for_each(|chunk| parts.iter_mut().zip(chunk).for_each(|(part, value)| *part += value));
    parts.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// The sum of the squares.
pub fn squares(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut parts = [0f32; 8];
    chunks.iter().for_each(|chunk| parts.iter_mut().zip(chunk).for_each(|(part, value)| *part += value * value));
    parts.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_a_row_is_centred() {
        let mut row: Vec<f32> = (0..19).map(|place| place as f32 / 3.0).collect();
        let mut out = vec![0.0; 19];
        normalise(&row, 0.0, None, None, &mut out);
        assert!(sum(&out).abs() < 1e-5 && (squares(&out) / 19.0 - 1.0).abs() < 1e-5);
        let mut logs = row.clone();
        softmax(&mut row, false);
        softmax(&mut logs, true);
        assert!((sum(&row) - 1.0).abs() < 1e-6);
        row.iter().zip(&logs).for_each(|(share, log)| assert!((share.ln() - log).abs() < 1e-5));
        let mut strange = [1.0, f32::NAN];
        softmax(&mut strange, false);
        assert!(strange.iter().all(|value| value.is_nan()));
    }
}
