//! Takes a profile, the baseline of its version and the limits of the canvas; gives a report, a verdict in words, the
//! judgement of each rule, and the ten blocks with their live values. Pure functions, so a page judges its own session.
//! Next: the dashboard shows them, `alerts` acts on what fires. It never says "pass" where there is too little evidence.

mod boundary;
mod business;
mod canvas_blocks;
mod canvas_operation;
mod canvas_view;
mod drift;
mod evidence;
mod fairness;
mod judge;
mod latency;
mod mismatch;
mod pages;
mod performance;
mod report;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use boundary::{BoundaryReport, RuleCount};
pub use business::BusinessValue;
pub use canvas_view::{Block, BlockState, Build, CanvasView, GateResult, Live, Shown, Stated, canvas_view};
pub use drift::{Bin, DriftState, FeatureDrift};
pub use evidence::{Estimate, LEVEL, design_effect};
pub use fairness::{FairnessReport, FairnessState, GroupRate};
pub use judge::{Judged, RuleState, metric};
pub use latency::{BudgetState, StageLatency};
pub use mismatch::mismatch;
pub use pages::{Loads, StageCount};
pub use performance::{MetricValue, Performance};
pub use report::{ActionShare, LossCount, Report, Scores, Span, report};
pub use verdict::{Verdict, VerdictState};
