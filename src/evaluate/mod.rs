//! Takes what a model, the champion and no model at all answer to the held-out rows, and the canvas; gives metrics with
//! intervals by task, comparisons, fairness by group, slices, calibration, money lost to errors, gates that pass or fail, and
//! reports of it all.
//! Next: `bundle` ships the report and the model card beside the model. It never trains, and never runs a model itself.

mod calibration;
mod card;
mod cases;
mod chart;
mod choose;
mod compare;
mod conformal;
mod decision;
mod errors;
mod fairness;
mod front;
mod gates;
mod held_out;
mod html;
mod interval;
mod isotonic;
mod judged;
mod many;
mod metrics;
mod money;
mod naive;
mod numbers;
mod ranks;
#[cfg(test)]
mod reference;
mod report;
mod run;
mod sample;
mod slices;
mod text;
mod two;
mod words;

pub use calibration::{CalibrationBin, calibration_curve, expected_calibration_error};
pub use card::{card, card_json};
pub use cases::Cases;
pub use choose::{Choice, Contender, choose, choose_among};
pub use compare::{Compared, Verdict};
pub use conformal::{Conformal, ConformalMethod, conformal_quantile};
pub use decision::{Answer, DecisionRule, Predicted};
pub use errors::{CostlyRow, WorstSlice};
pub use fairness::{GroupFairness, GroupRates};
pub use front::{FrontPoint, front};
pub use gates::GateReport;
pub use held_out::{HeldOut, Partition};
pub use html::{Page, html};
pub use interval::{RESAMPLES, bootstrap, delong};
pub use isotonic::{Isotonic, calibrated, isotonic};
pub use many::ClassReport;
pub use metrics::{Confusion, average_precision, brier, log_loss, precision_at_k, roc_auc};
pub use money::Money;
pub use naive::Naive;
pub use numbers::FitBin;
pub use report::{EvaluationReport, Measured, SplitReport, evaluate};
pub use run::{Champion, RunReport, judge_run};
pub use slices::Slice;
pub use text::{front_text, text};
