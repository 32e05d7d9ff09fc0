//! Responses as JSON. A response without data has a *request error*: the request was not executed.

use async_graphql::{Error, Response, ServerError, Value};
use bytes::Bytes;
use serde::Serialize;

use crate::api::graphql::errors;
use crate::api::graphql::execution::budget::{Budget, Stopped};
use crate::api::graphql::scalars::Wire;
use crate::api::graphql::schema::TOO_COMPLEX;
use crate::api::memory::counted_bytes;
use crate::api::problem::Problem;

/// Maximum number of errors in one response.
const ERRORS_MAX: usize = 100;
/// Message of async-graphql for a request that is too deep.
const TOO_DEEP: &str = "Query is nested too deep.";

/// Response to one request.
#[derive(Debug)]
pub(crate) struct EncodedResponse {
    /// The response without its data.
    head: Box<Response>,
    is_request_error: bool,
    json: Bytes,
    /// Why the request can be sent again later, if it was refused for a lack of memory.
    unavailable: Option<Problem>,
}

#[derive(Serialize)]
struct ResponseJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Wire<'a>>,
    #[serde(skip_serializing_if = "<[ServerError]>::is_empty")]
    errors: &'a [ServerError],
}

impl<'a> ResponseJson<'a> {
    fn of(response: &'a Response) -> Self {
        Self {
            data: (!is_request_error(response)).then_some(Wire(&response.data)),
            errors: &response.errors,
        }
    }
}

/// True if the request was not executed.
fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

impl EncodedResponse {
    /// The response to an executed request, serialized within its budget. Errors of the library get a code like all
    /// others.
    pub(crate) fn new(
        mut response: Response,
        max_depth: usize,
        max_complexity: usize,
        budget: &Budget,
    ) -> Result<Self, Stopped> {
        // Invalid documents may have any number of errors.
        response.errors.truncate(ERRORS_MAX);
        for error in &mut response.errors {
            let has_code = error
                .extensions
                .as_ref()
                .is_some_and(|values| values.get("code").is_some());
            if has_code {
                continue;
            }
            let (code, max) = match error.message.as_str() {
                TOO_DEEP => ("too-large", Some(max_depth)),
                TOO_COMPLEX => ("too-large", Some(max_complexity)),
                _ => ("validation", None),
            };
            let mut extensions = errors::extensions(code, false);
            if let Some(max) = max {
                extensions.set("allowed", max);
            }
            error.extensions = Some(extensions);
        }
        let json = budget.write(&ResponseJson::of(&response))?;
        Ok(Self::of(response, json))
    }

    /// The serialized response. Its values are no longer needed.
    fn of(mut response: Response, json: Bytes) -> Self {
        let is_request_error = is_request_error(&response);
        response.data = Value::Null;
        Self {
            head: Box::new(response),
            is_request_error,
            json,
            unavailable: None,
        }
    }

    /// Response to a document that can't be parsed, or is not valid.
    pub(crate) fn invalid_document(error: ServerError) -> Self {
        let response = Response::from_errors(vec![error]);
        // Values of GraphQL always serialize as JSON.
        let json = serde_json::to_vec(&ResponseJson::of(&response)).unwrap_or_default();
        Self::of(response, Bytes::from(json))
    }

    /// Response to a request that was not executed.
    pub(crate) fn rejected(error: Error) -> Self {
        let Error {
            message,
            source,
            extensions,
        } = error;
        Self::invalid_document(ServerError {
            message,
            source,
            locations: Vec::new(),
            path: Vec::new(),
            extensions,
        })
    }

    /// Response to a request that was refused for a lack of memory. Its status over HTTP is that of the problem.
    pub(crate) fn unavailable(problem: Problem) -> Self {
        let mut response = Self::rejected(errors::of_problem(&problem));
        response.unavailable = Some(problem);
        response
    }

    /// The response, or the problem of a lack of memory.
    pub(crate) fn or_unavailable(mut self) -> Result<Self, Problem> {
        match self.unavailable.take() {
            Some(problem) => Err(problem),
            None => Ok(self),
        }
    }

    /// True if the request was not executed.
    pub(crate) const fn is_request_error(&self) -> bool {
        self.is_request_error
    }

    /// The errors.
    pub(crate) fn errors(&self) -> &[ServerError] {
        &self.head.errors
    }

    /// The response without its data, for the headers that the library derives from it.
    pub(crate) fn head(&self) -> Response {
        let Response {
            errors,
            cache_control,
            http_headers,
            ..
        } = &*self.head;
        let mut head = Response::new(Value::Null)
            .cache_control(*cache_control)
            .http_headers(http_headers.clone());
        head.errors.clone_from(errors);
        head
    }

    /// The response as JSON.
    pub(crate) const fn json(&self) -> &Bytes {
        &self.json
    }

    /// The responses to a batch as JSON.
    pub(crate) fn list(responses: &[Self], budget: &Budget) -> Bytes {
        let length = responses.iter().map(|response| response.json.len() + 1).sum::<usize>() + 1;
        let reservation = budget.reserve_copy(length);
        let mut json = Vec::with_capacity(length);
        json.push(b'[');
        for (index, response) in responses.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&response.json);
        }
        json.push(b']');
        counted_bytes(json, reservation)
    }
}

impl From<Error> for EncodedResponse {
    fn from(error: Error) -> Self {
        Self::rejected(error)
    }
}
