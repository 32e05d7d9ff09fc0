//! Answers as JSON, and what they say: whether the request could not be carried out at all (a *request error*: no `data`),
//! or single fields of it.

use async_graphql::{Error, Response, ServerError, Value};
use serde::Serialize;

use super::errors;
use super::scalars::Wire;

/// How many errors one answer tells.
const ERRORS_MAX: usize = 100;
/// What async-graphql says of a request that is too deep, or too complex.
const TOO_DEEP: &str = "Query is nested too deep.";
const TOO_COMPLEX: &str = "Query is too complex.";

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Answer(Box<Response>);

#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Wire<'a>>,
    #[serde(skip_serializing_if = "<[ServerError]>::is_empty")]
    errors: &'a [ServerError],
}

impl Answer {
    /// The answer that was worked out. Errors that were found by the library get a code like all others.
    pub(super) fn new(mut response: Response, max_depth: usize, max_complexity: usize) -> Self {
        // A document of mistakes is told the first ones.
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
        Self(Box::new(response))
    }

    /// The document can't be read, or is not valid.
    pub(super) fn unreadable(error: ServerError) -> Self {
        Self(Box::new(Response::from_errors(vec![error])))
    }

    /// The request was not carried out.
    pub(super) fn refused(error: Error) -> Self {
        let Error {
            message,
            source,
            extensions,
        } = error;
        Self(Box::new(Response::from_errors(vec![ServerError {
            message,
            source,
            locations: Vec::new(),
            path: Vec::new(),
            extensions,
        }])))
    }

    /// Whether the request was not carried out at all.
    pub(super) fn is_request_error(&self) -> bool {
        let Self(response) = self;
        response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty())
    }

    /// The errors.
    pub(super) fn errors(&self) -> &[ServerError] {
        &self.0.errors
    }

    /// The answer without its values, for the headers that the library derives from it.
    pub(super) fn head(&self) -> Response {
        let Response {
            errors,
            cache_control,
            http_headers,
            ..
        } = &*self.0;
        let mut head = Response::new(Value::Null)
            .cache_control(*cache_control)
            .http_headers(http_headers.clone());
        head.errors.clone_from(errors);
        head
    }

    /// The answer as JSON.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Values of GraphQL always become JSON, and what is JSON already was so when it was stored.
        serde_json::to_vec(&self).unwrap_or_default()
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::refused(error)
    }
}

impl Serialize for Answer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = (!self.is_request_error()).then_some(Wire(&self.0.data));
        let errors = self.errors();
        Written { data, errors }.serialize(serializer)
    }
}
