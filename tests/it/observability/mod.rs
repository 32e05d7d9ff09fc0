//! Health, metrics, logs and traces.

pub(crate) mod activity;
pub(crate) mod failures;
pub(crate) mod health;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod prometheus;
pub(crate) mod telemetry;
pub(crate) mod traces;
