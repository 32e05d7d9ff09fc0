//! What is told of the traces of jobs, for who exports them.

pub use crate::runtime::traces::{CallReport, CallSubject, CallTarget, TraceReport, Traces};
