//! Middleware around every route.

pub mod access_log;
pub mod request_metrics;
pub mod security_headers;
