//! What is done with every request and response, whatever its route.

pub mod access_log;
pub mod request_metrics;
pub mod security_headers;
