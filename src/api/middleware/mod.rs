//! Middleware around every route.

pub(crate) mod access_log;
pub(crate) mod request_metrics;
pub(crate) mod security_headers;
