//! From a score to an action.

use crate::bundle::Manifest;

/// The action for a score: the fallback when the record is out of bounds and the canvas names one, otherwise the
/// action of the highest band that the score reaches. Nothing when the canvas states no bands.
pub fn decide(manifest: &Manifest, score: Option<f64>, inside: bool) -> Option<&str> {
    if !inside && let Some(fallback) = manifest.fallback.as_deref() {
        return Some(fallback);
    }
    let score = score?;
    let band = manifest.bands.iter().find(|band| score >= band.at_least);
    band.or(manifest.bands.last()).map(|band| band.action.as_str())
}

/// The score that tells positive from negative where the canvas states no bands.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// Whether a decision favours the person concerned: by its place in [`Manifest::actions`], or, without an action
/// because the canvas states no bands, by a score of at least 0.5.
pub fn favours(manifest: &Manifest, action: Option<usize>, score: Option<f64>) -> bool {
    match action {
        Some(action) => manifest.is_favourable(action),
        None => manifest.bands.is_empty() && score.is_some_and(|score| score >= DEFAULT_THRESHOLD),
    }
}

/// Whether the action of the highest band is favourable, so that being positive is what a person hopes for: a loan that
/// is repaid, and not a fraud that is found. `evaluate` asks the same of a canvas.
pub fn positive_is_favourable(manifest: &Manifest) -> bool {
    manifest.bands.first().is_none_or(|highest| manifest.favourable.contains(&highest.action))
}

/// Whether a case with this score is treated as positive: with a favourable action where
/// [`positive_is_favourable`], otherwise with one that is not. Without bands: from a score of 0.5 on.
pub fn treated_as_positive(manifest: &Manifest, score: f64) -> bool {
    if manifest.bands.is_empty() {
        return score >= DEFAULT_THRESHOLD;
    }
    let action = decide(manifest, Some(score), true);
    let favourable = action.is_some_and(|action| manifest.favourable.iter().any(|known| known == action));
    favourable == positive_is_favourable(manifest)
}
