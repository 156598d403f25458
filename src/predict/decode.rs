//! From the outputs of a model to what a prediction says, by the roles of the manifest.

use crate::bundle::Manifest;
use crate::decimal::decimal;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Data, Tensor};
use std::collections::BTreeMap;

/// What the model said of one row.
pub(super) struct Decoded {
    pub(super) label: Option<String>,
    pub(super) score: Option<f64>,
    pub(super) probabilities: Option<BTreeMap<String, f64>>,
    pub(super) value: Option<f64>,
}

/// Decodes the outputs for one row.
///
/// # Errors
/// `bundle-format` when an output is not what its role says.
pub(super) fn decode(manifest: &Manifest, outputs: &[Tensor]) -> Result<Decoded> {
    let roles = &manifest.roles;
    if manifest.task.kind.predicts_value() {
        let value = match output(manifest, outputs, roles.value.as_deref())? {
            Some(tensor) => first(tensor),
            None => return Err(broken(manifest, "the model has no value output")),
        };
        let value = value.ok_or_else(|| broken(manifest, "the predicted value is not a finite number"))?;
        return Ok(Decoded { label: None, score: None, probabilities: None, value: Some(value) });
    }
    let classes = &manifest.task.classes;
    let positive = manifest.positive_index();
    let mut probabilities = match output(manifest, outputs, roles.probabilities.as_deref())? {
        None => None,
        Some(tensor) => {
            let values = tensor.data().to_f64().unwrap_or_default();
            if values.len() != classes.len() || values.iter().any(|value| !value.is_finite()) {
                return Err(broken(manifest, "the probabilities are not one finite number per class"));
            }
            Some(values)
        }
    };
    if let (None, Some(tensor)) = (&probabilities, output(manifest, outputs, roles.score.as_deref())?) {
        let score = first(tensor).ok_or_else(|| broken(manifest, "the score is not a finite number"))?;
        if let (Some(positive), 2) = (positive, classes.len()) {
            let mut both = vec![1.0 - score; 2];
            both[positive] = score;
            probabilities = Some(both);
        }
    }
    let label = match (output(manifest, outputs, roles.class.as_deref())?, roles.label.as_deref()) {
        (Some(tensor), _) => Some(class(tensor).ok_or_else(|| broken(manifest, "the label is no string or integer"))?),
        (None, Some(role)) => output(manifest, outputs, Some(role))?
            .and_then(|tensor| tensor.data().to_f64()?.first().copied())
            .and_then(|index| classes.get(index as usize))
            .cloned(),
        (None, None) => probabilities.as_deref().and_then(most_likely).and_then(|place| classes.get(place)).cloned(),
    };
    if label.is_none() && probabilities.is_none() {
        return Err(broken(manifest, "the model has no label and no probabilities output"));
    }
    let score = positive.and_then(|positive| probabilities.as_ref()?.get(positive).copied());
    let probabilities = probabilities.map(|values| {
        let mut named = BTreeMap::new();
        classes.iter().cloned().zip(values).for_each(|(class, value)| {
            named.insert(class, value);
        });
        named
    });
    Ok(Decoded { label, score, probabilities, value: None })
}

/// The output of a role.
pub(super) fn output<'a>(manifest: &Manifest, outputs: &'a [Tensor], role: Option<&str>) -> Result<Option<&'a Tensor>> {
    let Some(role) = role else { return Ok(None) };
    let place = manifest.outputs.iter().position(|output| output.name == role);
    let tensor = place.and_then(|place| outputs.get(place));
    let missing = || broken(manifest, "an output that the manifest names is not there").item(role);
    tensor.map(Some).ok_or_else(missing)
}

pub(super) fn broken(manifest: &Manifest, message: &str) -> Error {
    Error::new(ErrorKind::BundleFormat, message).model(&manifest.name).help("pack the bundle again")
}

fn first(tensor: &Tensor) -> Option<f64> {
    tensor.data().to_f64()?.first().copied().filter(|value| value.is_finite())
}

/// The first of the highest.
fn most_likely(values: &[f64]) -> Option<usize> {
    (0..values.len()).reduce(|best, place| if values[place] > values[best] { place } else { best })
}

/// The class that a label output names.
fn class(tensor: &Tensor) -> Option<String> {
    match tensor.data() {
        Data::Text(values) => values.first().cloned(),
        Data::I64(values) => values.first().map(i64::to_string),
        Data::Bool(values) => values.first().map(bool::to_string),
        Data::F32(_) | Data::F64(_) => None,
        other => other.to_f64()?.first().map(|&value| decimal(value)),
    }
}
