//! The body of a route's request.

use actix_web::web::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::context::RequestContext;
use crate::api::problem::{PartError, Problem};
use crate::api::request_body::{check_content_type, parse, read};

/// A body without fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

impl RequestContext {
    /// The body, of at most `max` bytes, if there is one.
    pub(crate) async fn body_if_any(&mut self, max: usize) -> Result<Option<Bytes>, Problem> {
        let memory = (&self.api.memory.bodies, &self.caller);
        let bytes = read(self.request.headers(), &mut self.payload, max, memory).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        check_content_type(self.request.headers())?;
        Ok(Some(bytes))
    }

    /// The required body, of at most `max` bytes.
    pub(crate) async fn body(&mut self, max: usize) -> Result<Bytes, Problem> {
        let missing = || PartError::field("", "a JSON body is required").into();
        self.body_if_any(max).await?.ok_or_else(missing)
    }

    /// The fields of an optional body.
    pub(crate) async fn optional_body<T: DeserializeOwned + Default>(&mut self) -> Result<T, Problem> {
        match self.body_if_any(self.api.options.body_bytes_max).await? {
            Some(bytes) => parse(&bytes),
            None => Ok(T::default()),
        }
    }

    /// Reads a body without fields, or none.
    pub(crate) async fn no_fields(&mut self) -> Result<(), Problem> {
        let NoFields {} = self.optional_body().await?;
        Ok(())
    }
}
