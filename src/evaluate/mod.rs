//! Takes what a model answers to the held-out rows, and the canvas; gives metrics with intervals, fairness by group,
//! slices, calibration, money lost to errors, and gates that pass or fail.
//! Next: `bundle` ships the report and the model card beside the model. It never trains, and never runs a model itself.

mod calibration;
mod card;
mod cases;
mod choose;
mod decision;
mod fairness;
mod gates;
mod held_out;
mod interval;
mod metrics;
mod money;
#[cfg(test)]
mod reference;
mod report;
mod slices;
mod text;
mod words;

pub use calibration::{CalibrationBin, calibration_curve, expected_calibration_error};
pub use card::card;
pub use cases::Cases;
pub use choose::{Choice, choose};
pub use decision::{Answer, DecisionRule};
pub use fairness::{GroupFairness, GroupRates};
pub use gates::GateReport;
pub use held_out::{HeldOut, Partition};
pub use interval::{RESAMPLES, bootstrap, delong};
pub use metrics::{Confusion, average_precision, brier, log_loss, roc_auc};
pub use money::Money;
pub use report::{EvaluationReport, Measured, SplitReport, evaluate};
pub use slices::Slice;
pub use text::text;
