//! Responses to requests that are not executed.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;

use super::content_negotiation::Form;
use super::response::EncodedResponse;
use crate::api::graphql::errors;
use crate::api::problem::Problem;

/// A response with the status and headers of a problem, and the problem as a GraphQL error.
pub(crate) fn refuse(problem: &Problem, form: Form) -> HttpResponse {
    let form = form.of_one_response();
    problem
        .head()
        .insert_header((CONTENT_TYPE, form.content_type()))
        .body(EncodedResponse::rejected(errors::of_problem(problem)).json().clone())
}
