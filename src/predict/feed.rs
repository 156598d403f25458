//! From observations to the tensors that a model is fed.

use crate::canvas::FeatureKind;
use crate::error::Result;
use crate::features::{FeatureSchema, Observation};
use crate::tensor::{Data, Tensor};

/// One tensor of the shape `[rows, 1]` per feature: float32 with NaN for nothing, or, for a category, the int64 index
/// with −1 for nothing. Each row holds its observations in the order of the schema.
pub fn feed(schema: &[FeatureSchema], rows: &[&[Observation]]) -> Result<Vec<Tensor>> {
    let tensors = schema.iter().enumerate().map(|(index, feature)| {
        let column = rows.iter().map(|row| row.get(index).copied().unwrap_or(Observation::Missing));
        let data = match feature.kind {
            FeatureKind::Category => Data::I64(column.map(Observation::category).collect()),
            _ => Data::F32(column.map(Observation::number).collect()),
        };
        Tensor::new(vec![rows.len(), 1], data)
    });
    tensors.collect()
}
