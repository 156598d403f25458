//! Takes a closed window of counters; gives the bytes to send, and reads them again on the other side.
//! Next: `collect` decodes, checks and merges them. It never sends anything itself, and never carries a record.

mod frame;
mod receipt;
mod wire;

pub use frame::{Frame, Header, MAX_FRAME_BYTES, Page, Window, decode};
pub use receipt::Receipt;
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
pub(crate) use wire::{Reader, put_varint};
