//! Takes counts and sorted numbers; gives quantiles, intervals, divergences and metrics of histograms, in f64.
//! Next: `monitor` judges live traffic with them, `evaluate` a candidate. A formula stands here once, with its source.
//! It never knows what a number means, and never draws one by chance.

mod correct;
mod distribution;
mod divergence;
mod histogram;
mod interval;
mod order;
mod quantile;

pub use correct::benjamini_hochberg;
pub use distribution::{chi_square_quantile, chi_square_survival, normal_cdf, normal_quantile};
pub use divergence::{EPSILON, jensen_shannon, noise, psi};
pub use histogram::{ByLabel, Confusion};
pub use interval::{Interval, katz, mean as mean_interval, newcombe, wilson};
pub use order::{held, order, order_many};
pub use quantile::{of_histogram, of_sorted, ranks};

#[cfg(test)]
pub(crate) mod golden {
    /// A file of reference values from outside the repository, or nothing, said loudly, where it is not there.
    pub(crate) fn read(name: &str) -> Option<serde_json::Value> {
        let path = format!("{}/../shared/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {path} is not there, so the committed numbers were not compared with it");
            return None;
        };
        Some(serde_json::from_str(&text).expect("a golden file is JSON"))
    }
}
