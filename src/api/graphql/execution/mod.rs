//! Execution of GraphQL requests and its limits.

pub(crate) mod budget;
mod complexity;
pub(crate) mod disclosure;
pub(crate) mod document_cache;
pub(crate) mod executor;
pub(crate) mod limits;
pub(crate) mod operation_count;
pub(crate) mod persisted_queries;
pub(crate) mod request;
pub(crate) mod result_completion;
