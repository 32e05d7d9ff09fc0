//! Requests and views of all resources, shared by the facades, which map names and shapes only.

pub(crate) mod field_error;
pub(crate) mod field_values;
pub(crate) mod filters;
pub(crate) mod idempotency_key;
pub(crate) mod job_filter;
pub(crate) mod job_order;
pub(crate) mod request;
pub(crate) mod server_info;
pub(crate) mod view;
