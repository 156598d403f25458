//! Takes a closed window of counters; gives the bytes to send, and reads them again on the other side.
//! Next: `collect` decodes, checks and merges them. It never sends anything itself, and never carries a record.
#![doc = include_str!("privacy.md")]

mod checksum;
mod frame;
mod receipt;
mod withhold;

#[cfg(test)]
mod tests;

pub(crate) use checksum::mix;
pub use frame::{Frame, Header, MAX_FRAME_BYTES, Page, Window, decode};
pub use receipt::Receipt;
pub use withhold::{FEW, features_of_few};
