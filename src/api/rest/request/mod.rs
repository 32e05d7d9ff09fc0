//! Requests: their context, body, parameters and headers.

mod body;
pub(crate) mod context;
pub(crate) mod etag;
pub(crate) mod field_pointer;
pub(crate) mod idempotency;
pub(crate) mod items;
pub(crate) mod pagination;
pub(crate) mod parameters;
pub(crate) mod response;
