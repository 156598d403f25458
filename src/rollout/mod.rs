//! Takes a bundle folder with its versions; gives the one that pages use, and lets it be changed and changed back.
//! Next: `collect` tells pages of the new champion. It never points pages at a file whose hash differs.

#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
mod registry;

#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub use registry::{Registry, write_atomically};
