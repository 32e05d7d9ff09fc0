//! Trace reports of jobs, for exporters.

pub(crate) use crate::runtime::monitoring::job_spans::{CallReport, CallSubject, CallTarget, TraceReport, Traces};
