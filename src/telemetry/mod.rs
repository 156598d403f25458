//! Takes a closed window of counters; gives the bytes to send, and reads them again on the other side.
//! Next: `collect` decodes, checks and merges them. It never sends anything itself, and never carries a record.
#![doc = include_str!("privacy.md")]

mod frame;
mod receipt;
mod wire;
mod withhold;

#[cfg(test)]
mod tests;

pub use frame::{Frame, Header, MAX_FRAME_BYTES, Page, Window, decode};
pub use receipt::Receipt;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use wire::put_varint;
pub(crate) use wire::{Reader, mix};
pub use withhold::{FEW, features_of_few};
