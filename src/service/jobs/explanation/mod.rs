//! Explanations of jobs and queues: gathers the facts by indexed reads, for all jobs of a request together.

mod cluster;
mod jobs;
mod queues;
mod use_cases;

pub(crate) use self::use_cases::Explanations;
