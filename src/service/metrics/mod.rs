//! Use cases of metrics, a report a file.

pub(crate) mod activity;
pub(crate) mod failures;
mod reports;

pub(crate) use self::reports::{CommitReport, DeliveryReport};
pub use self::reports::{Gauges, JobTypesReport, Metrics, PerformanceReport, SystemReport};
