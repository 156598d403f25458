//! A model in the page: bundles as `Predictor`, bare models as `Session`.

mod counters;
mod predictor;
mod records;
mod session;
mod tensors;
