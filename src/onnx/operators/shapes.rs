use super::Family;

/// The operators of this file.
pub const FAMILY: Family = &[];
