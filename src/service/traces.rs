//! Trace reports of jobs, for exporters.

pub use crate::runtime::monitoring::job_spans::{CallReport, CallSubject, CallTarget, TraceReport, Traces};
