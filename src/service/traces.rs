//! What is told of the traces of jobs, for who exports them.

pub use crate::runtime::monitoring::job_spans::{CallReport, CallSubject, CallTarget, TraceReport, Traces};
