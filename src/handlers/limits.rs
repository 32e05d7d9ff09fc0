//! How much a handler may say.

use crate::domain::json::Json;
use crate::domain::outcome::Failure;

/// How large results and errors may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerLimits {
    /// A result's JSON text. A larger one fails the attempt; it is never cut in silence.
    pub result_bytes_max: usize,
}
impl Default for HandlerLimits {
    fn default() -> Self {
        Self {
            result_bytes_max: 1 << 20,
        }
    }
}
impl HandlerLimits {
    /// x
    pub fn bound_result(&self, result: Option<Json>) -> Result<Option<Json>, Failure> {
        Ok(result)
    }
    /// x
    pub fn bound_failure(&self, failure: Failure) -> Failure {
        failure
    }
}
