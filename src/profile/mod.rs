//! Takes one observation after the other; gives counters that merge exactly, in any order.
//! Next: `telemetry` sends them, `monitor` reads them. It never keeps a record, and never knows whose it was.

mod latency;
mod layout;
mod moments;

pub use latency::{BUCKETS, bucket_of, upper_edge};
pub use layout::{Layout, LossReason, PageStage, SCORE_BINS, Stage, score_bin};
pub use moments::Moments;

/// The counters of one window of one model version.
///
/// Merging is addition, so it is commutative and associative; the moments merge by the formula of Chan, Golub and
/// LeVeque (1979).
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// One count per place of the [`Layout`].
    pub counts: Vec<u64>,
    /// One entry per feature; those of categories stay empty.
    pub moments: Vec<Moments>,
    /// One entry per business metric.
    pub business: Vec<Moments>,
}

impl Profile {
    /// A profile that has seen nothing.
    pub fn new(layout: &Layout) -> Self {
        Self {
            counts: vec![0; layout.len()],
            moments: vec![Moments::default(); layout.features()],
            business: vec![Moments::default(); layout.business()],
        }
    }

    /// Whether it has seen nothing.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|&count| count == 0)
    }

    /// Adds one to a place. Places outside of the layout do not exist and count nothing.
    pub fn count(&mut self, place: usize) {
        self.add(place, 1);
    }

    /// Adds to a place.
    pub fn add(&mut self, place: usize, count: u64) {
        if let Some(counter) = self.counts.get_mut(place) {
            *counter = counter.saturating_add(count);
        }
    }

    /// Adds another profile of the same layout.
    pub fn merge(&mut self, other: &Self) {
        for (counter, count) in self.counts.iter_mut().zip(&other.counts) {
            *counter = counter.saturating_add(*count);
        }
        for (mine, theirs) in self.moments.iter_mut().zip(&other.moments) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.business.iter_mut().zip(&other.business) {
            mine.merge(theirs);
        }
    }
}
