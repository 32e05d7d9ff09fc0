//! Labels of jobs: JSON in the job, and rows of an index of their own.

mod index;
pub(super) mod stored;
