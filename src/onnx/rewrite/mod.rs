//! Takes a graph as an exporter wrote it; gives one that means the same in operators that are run here.
//! Next: `check` looks at what is left. Each rewrite is one construct; none ever changes a number that the model gives.

mod careful;
mod fold;
mod functions;
mod half;
mod microsoft;
mod narrow;
mod old;
mod quantized;
mod slices;
mod transformer;
mod writer;
mod zip_map;

pub use careful::{everywhere as careful_everywhere, where_needed as careful_where_needed};
pub use functions::inline;
pub use half::widen;
pub use microsoft::lower as lower_microsoft;
pub use narrow::unpack;
pub use old::renew as renew_old;
pub use slices::bring_near as bring_slices_near;
pub use writer::OWN;
pub use zip_map::lower as lower_zip_maps;
