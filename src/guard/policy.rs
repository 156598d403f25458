//! From a score to an action.

use crate::bundle::Manifest;

/// The action for a score: the fallback when the record is out of bounds and the canvas names one, otherwise the
/// action of the highest band that the score reaches. Nothing when the canvas states no bands.
pub fn decide<'a>(manifest: &'a Manifest, score: Option<f64>, inside: bool) -> Option<&'a str> {
    if !inside && let Some(fallback) = manifest.fallback.as_deref() {
        return Some(fallback);
    }
    let score = score?;
    let band = manifest.bands.iter().find(|band| score >= band.at_least);
    band.or(manifest.bands.last()).map(|band| band.action.as_str())
}
