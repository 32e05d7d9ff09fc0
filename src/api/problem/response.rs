//! Responses of problems: `application/problem+json` (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Problem;
use super::part_error::{PartError, PartErrorSchema};
use crate::api::auth;

/// The body of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// Kind of the problem: stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:tickerq:problem:validation")]
    kind: String,
    /// Name of the kind.
    #[schema(example = "Validation failed")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// Cause of the problem, and the allowed values.
    #[schema(example = "maxRetries is 2000; allowed are 0 to 1000")]
    detail: &'a str,
    /// Path of the request.
    #[schema(example = "/api/tickerq/jobs")]
    instance: &'a str,
    /// Job of an earlier request that was deleted.
    #[serde(rename = "jobId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Uuid, required = false)]
    job_id: Option<Uuid>,
    /// Jobs of an earlier request that were deleted, if there are several.
    #[serde(rename = "jobIds", skip_serializing_if = "<[Uuid]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    job_ids: &'a [Uuid],
    /// Invalid parts of the request; omitted if there are none.
    #[serde(skip_serializing_if = "<[PartError]>::is_empty")]
    #[schema(value_type = Vec<PartErrorSchema>, required = false)]
    errors: &'a [PartError],
}

impl Problem {
    /// The response to this request.
    pub(crate) fn response(&self, request: &HttpRequest) -> HttpResponse {
        let (code, status, title) = self.0.kind.describe();
        let document = ProblemDocument {
            kind: format!("urn:tickerq:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &self.0.detail,
            instance: request.path(),
            job_id: self.0.gone.first().copied(),
            job_ids: if self.0.gone.len() > 1 { &self.0.gone } else { &[] },
            errors: &self.0.errors,
        };
        // Strings and numbers always serialize as JSON.
        self.head()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")))
            .body(serde_json::to_vec(&document).unwrap_or_default())
    }

    /// Status and headers of the response, for facades with a body of their own.
    pub(crate) fn head(&self) -> HttpResponseBuilder {
        let (_, status, _) = self.0.kind.describe();
        let mut response = HttpResponse::build(status);
        if status == StatusCode::REQUEST_TIMEOUT {
            // The rest of the body is not the next request.
            response.force_close();
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            response.insert_header((UPGRADE, "websocket"));
            response.insert_header((SEC_WEBSOCKET_VERSION, "13"));
        }
        if let Some(wait) = self.0.retry_after {
            response.insert_header((RETRY_AFTER, auth::whole_seconds(wait)));
        }
        if let Some(challenge) = &self.0.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        if let Some(allow) = &self.0.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        response
    }
}
