//! Takes a graph as an exporter wrote it; gives one that means the same in operators that are run here.
//! Next: `check` looks at what is left. Each rewrite is one construct; none ever changes a number that the model gives.

mod fold;
mod functions;
mod half;
mod microsoft;
mod quantized;
mod writer;
mod zip_map;

pub use functions::inline;
pub use half::widen;
pub use microsoft::lower as lower_microsoft;
pub use writer::OWN;
pub use zip_map::lower as lower_zip_maps;
