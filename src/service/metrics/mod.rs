//! Use cases of metrics, a report a file.

pub(crate) mod activity;
pub(crate) mod failures;
mod reports;

pub use self::reports::Metrics;
pub(crate) use self::reports::{CommitReport, DeliveryReport, Gauges, JobTypesReport, PerformanceReport, SystemReport};
