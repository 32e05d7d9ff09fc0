//! GraphQL over HTTP (graphql.github.io/graphql-over-http): `POST` with JSON, one request or a batch, and `GET` for
//! queries.
//!
//! Content types are checked first: a page of another origin can send `text/plain` without a preflight, but not JSON.
//! It can also send a `GET`, as the address of an image; a header has to show that it did not.

use std::rc::Rc;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::rt::task::yield_now;
use actix_web::web::{Bytes, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, Responder};
use async_graphql::parser::types::OperationType;
use async_graphql_actix_web::GraphQLResponse;
use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;

use super::content_negotiation::Form;
use super::event_stream;
use super::event_stream::Framing;
use super::refusal::refuse;
use super::response::EncodedResponse;
use super::websocket;
use crate::api::auth::LiveCredentials;
use crate::api::graphql::errors;
use crate::api::graphql::execution::executor::{ExecutionError, Operation};
use crate::api::graphql::execution::operation_count;
use crate::api::graphql::execution::request::GraphQlRequest;
use crate::api::graphql::facade::GraphQl;
use crate::api::memory::CountedBody;
use crate::api::problem::{PartError, Problem, ProblemKind};
use crate::api::realtime::handshake;
use crate::api::request_body;
use crate::api::strict_json;
use crate::domain::access::caller::{Caller, Scope};
use crate::service::facade_metrics::clients::ClientKind;

/// Headers that a page can't send to another origin without a preflight.
const PREFLIGHT_HEADERS: [&str; 2] = ["apollo-require-preflight", "x-requested-with"];

/// Handles a `GET`: a query in the address, or a WebSocket handshake.
pub(crate) async fn get(graphql: Rc<GraphQl>, request: HttpRequest, payload: Payload) -> HttpResponse {
    if handshake::wants_websocket(&request) {
        return websocket::connect(&graphql, &request, payload);
    }
    let form = match accepted_form(request.headers()) {
        Ok(form) => form,
        Err(problem) => return refuse(&problem, Form::Json),
    };
    match try_get(&graphql, &request, form).await {
        Ok(response) => response,
        Err(problem) => refuse(&problem, form),
    }
}

async fn try_get(graphql: &GraphQl, request: &HttpRequest, form: Form) -> Result<HttpResponse, Problem> {
    let caller = match form {
        // Browsers' event sources can't set headers.
        Form::EventStream => graphql.authenticator.authenticate_stream(request)?,
        Form::Json | Form::GraphQlResponse | Form::Multipart => graphql.authenticator.authenticate(request)?,
    };
    check_sender(graphql, request)?;
    let graphql_request = request_in_address(request.query_string())?;
    check_query(&graphql_request)?;
    let operation = match graphql.engine.read(graphql_request, &caller) {
        Ok(operation) => operation,
        Err(response) => return respond(graphql, request, Err(response), form).await,
    };
    if operation.kind == OperationType::Mutation {
        graphql.engine.count_invalid();
        return Err(Problem::method_not_allowed(request.method(), "POST"));
    }
    // Authentication does not count requests for event streams; their operations count as others do.
    let is_counted = form != Form::EventStream;
    operation_count::charge(&caller, operation.root_fields, u32::from(is_counted))?;
    respond(graphql, request, Ok(operation), form).await
}

/// Rejects a `GET` that any page could have a browser send. Browsers do not send credentials by themselves, so that
/// authenticated requests pass.
fn check_sender(graphql: &GraphQl, request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let text = |name: &str| {
        headers
            .get(name)
            .map_or(&b""[..], |value| value.as_bytes().trim_ascii())
    };
    let is_deliberate = graphql.authenticator.is_required()
        || headers.contains_key(AUTHORIZATION)
        || PREFLIGHT_HEADERS.iter().any(|name| !text(name).is_empty())
        || matches!(text("sec-fetch-site"), b"same-origin" | b"none")
        || graphql.authenticator.is_of_allowed_page(request);
    if is_deliberate {
        return Ok(());
    }
    let detail = "a GET request needs a header that a page can't send to another site without a preflight: \
                  apollo-require-preflight or x-requested-with with any value, Authorization, or Sec-Fetch-Site with \
                  same-origin or none, which browsers set. Send one of them, or send the query by POST with \
                  Content-Type: application/json";
    Err(PartError::header("apollo-require-preflight", detail).into())
}

/// Handles a `POST`: one request, or a batch.
pub(crate) async fn post(graphql: Rc<GraphQl>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let form = match accepted_form(request.headers()) {
        Ok(form) => form,
        Err(problem) => return refuse(&problem, Form::Json),
    };
    match try_post(&graphql, &request, payload, form).await {
        Ok(response) => response,
        Err(problem) => refuse(&problem, form),
    }
}

async fn try_post(
    graphql: &GraphQl,
    request: &HttpRequest,
    mut payload: Payload,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let caller = graphql.authenticator.authenticate(request)?;
    request_body::check_content_type(request.headers())?;
    let (max, memory) = (graphql.options.body_bytes_max, (&graphql.memory.bodies, &caller));
    let bytes = request_body::read(request.headers(), &mut payload, max, memory).await;
    let bytes = bytes.map_err(|problem| problem.with_setting("graphql.max_body"))?;
    if bytes.trim_ascii_start().starts_with(b"[") {
        return batch(graphql, &bytes, &caller, form).await;
    }
    let graphql_request: GraphQlRequest = request_body::parse(&bytes)?;
    check_query(&graphql_request)?;
    let read = graphql.engine.read(graphql_request, &caller);
    if let Ok(operation) = &read {
        operation_count::charge(&caller, operation.root_fields, 1)?;
    }
    respond(graphql, request, read, form).await
}

async fn batch(graphql: &GraphQl, bytes: &Bytes, caller: &Caller, form: Form) -> Result<HttpResponse, Problem> {
    if form == Form::EventStream {
        let detail = "a batch has no event stream; send its requests separately";
        return Err(Problem::new(ProblemKind::Validation, detail));
    }
    let graphql_request = strict_json::from_slice::<Vec<GraphQlRequest>>(bytes);
    let graphql_request =
        graphql_request.map_err(|error| request_body::explain::<Vec<GraphQlRequest>>(bytes, &error))?;
    let max = graphql.options.max_batch;
    if graphql_request.is_empty() || graphql_request.len() > max {
        let detail = format!(
            "a batch has 1 to {max} requests; this one has {}",
            graphql_request.len()
        );
        return Err(PartError::field("", detail).into());
    }
    let budget = graphql.engine.budget(caller);
    // One timeout for the batch, documents included.
    budget.start();
    let mut requests: Vec<Result<Operation, EncodedResponse>> = Vec::with_capacity(graphql_request.len());
    for graphql_request in graphql_request {
        let read = graphql.engine.read_within(&budget, graphql_request, caller);
        requests.push(executable(read)?);
        // Other requests are executed meanwhile.
        yield_now().await;
    }
    let root_fields = requests
        .iter()
        .map(|read| read.as_ref().map_or(1, |read| read.root_fields));
    operation_count::charge(caller, root_fields.sum(), 1)?;
    let mut responses = Vec::with_capacity(requests.len());
    // Sequentially, like the fields of a mutation: a batch uses no more at a time than one request.
    for read in requests {
        let response = match read {
            Ok(operation) => match execute(graphql, operation).await {
                Ok(response) => response,
                // No operation was executed, so that the whole batch can be sent again.
                Err(
                    failed @ ExecutionError::OutOfMemory {
                        may_have_changed: false,
                    },
                ) if responses.is_empty() => {
                    return Err(failed.problem());
                }
                Err(failed) => errors::of_problem(&failed.problem()).into(),
            },
            Err(response) => response,
        };
        responses.push(response);
    }
    Ok(with_body(
        StatusCode::OK,
        form,
        EncodedResponse::list(&responses, &budget),
    ))
}

/// The read operation, or the problem of a lack of memory: nothing was executed, so that the request can be sent again.
fn executable(read: Result<Operation, EncodedResponse>) -> Result<Result<Operation, EncodedResponse>, Problem> {
    match read {
        Ok(operation) => Ok(Ok(operation)),
        Err(response) => response.or_unavailable().map(Err),
    }
}

/// Executes a query or a mutation.
async fn execute(graphql: &GraphQl, operation: Operation) -> Result<EncodedResponse, ExecutionError> {
    if operation.kind == OperationType::Subscription {
        graphql.engine.count_invalid();
        let detail = "a subscription has several responses; connect by WebSocket, or send Accept: text/event-stream or multipart/mixed;subscriptionSpec=1.0";
        return Ok(errors::invalid("query", detail).into());
    }
    graphql.engine.execute(operation).await
}

async fn respond(
    graphql: &GraphQl,
    request: &HttpRequest,
    read: Result<Operation, EncodedResponse>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let read = executable(read)?;
    let is_stream = match (form, &read) {
        (Form::EventStream, _) => true,
        // Other requests have a single response.
        (Form::Multipart, Ok(operation)) => operation.kind == OperationType::Subscription,
        (Form::Multipart, Err(_)) | (Form::Json | Form::GraphQlResponse, _) => false,
    };
    if is_stream {
        let credentials = graphql.authenticator.credentials(request)?;
        let caller = graphql.authenticator.revalidate(&credentials)?;
        let live_credentials = LiveCredentials::new(graphql.authenticator.clone(), credentials, &Scope::ALL);
        return stream_of(graphql, read, form, &caller, live_credentials);
    }
    let response = match read {
        Ok(operation) => execute(graphql, operation).await.map_err(ExecutionError::problem)?,
        Err(response) => response,
    };
    if response.is_request_error() {
        let status = match form {
            Form::GraphQlResponse => StatusCode::BAD_REQUEST,
            Form::Json | Form::EventStream | Form::Multipart => StatusCode::OK,
        };
        return Ok(with_body(status, form, response.json().clone()));
    }
    // Headers of the library; the body preserves stored JSON byte for byte, which the library's values can't.
    let mut http_response = GraphQLResponse::from(response.head()).respond_to(request);
    let content_type = HeaderValue::from_static(form.of_one_response().content_type());
    http_response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(http_response.set_body(CountedBody::boxed(response.json().clone())))
}

fn stream_of(
    graphql: &GraphQl,
    read: Result<Operation, EncodedResponse>,
    form: Form,
    caller: &Caller,
    live_credentials: LiveCredentials,
) -> Result<HttpResponse, Problem> {
    if !graphql.realtime.options().enable {
        return Err(Problem::new(ProblemKind::NotFound, "live updates are disabled"));
    }
    let permit = graphql.realtime.enter(ClientKind::GraphQlEvents, caller)?;
    let is_subscription = matches!(&read, Ok(operation) if operation.kind == OperationType::Subscription);
    let responses = match read {
        Err(response) => stream::once(std::future::ready(Ok(response))).boxed_local(),
        Ok(operation) if operation.kind == OperationType::Subscription => {
            let place = graphql.realtime.subscriptions().enter(caller)?;
            graphql.engine.subscribe(operation.with(place)).boxed_local()
        }
        Ok(operation) => {
            let engine = graphql.engine.clone();
            stream::once(async move { engine.execute(operation).await }).boxed_local()
        }
    };
    let framing = match form {
        Form::Multipart => Framing::Multipart,
        Form::EventStream | Form::Json | Form::GraphQlResponse => Framing::Events,
    };
    let (realtime, memory) = (&graphql.realtime, graphql.memory.responses.of(caller));
    Ok(event_stream::respond(
        realtime,
        &memory,
        framing,
        responses,
        live_credentials,
        permit,
        is_subscription,
    ))
}

fn with_body(status: StatusCode, form: Form, json: Bytes) -> HttpResponse {
    let form = form.of_one_response();
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, form.content_type()))
        .body(CountedBody::boxed(json))
}

fn accepted_form(headers: &HeaderMap) -> Result<Form, Problem> {
    Form::accepted(headers).ok_or_else(|| {
        let detail = "responses are application/graphql-response+json, application/json or text/event-stream; accept one \
                      of them";
        Problem::new(ProblemKind::NotAcceptable, detail)
    })
}

/// Rejects a request without a query: it is malformed in every response format.
fn check_query(graphql_request: &GraphQlRequest) -> Result<(), PartError> {
    if graphql_request.has_query() {
        return Ok(());
    }
    Err(PartError::field(
        "/query",
        "query is missing; expected the text of a GraphQL document",
    ))
}

/// The request in the parameters of an address.
fn request_in_address(query: &str) -> Result<GraphQlRequest, Problem> {
    let malformed = |detail: String| Problem::new(ProblemKind::Malformed, detail);
    let parameters = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| malformed(format!("invalid query string: {error}")))?;
    let mut graphql_request = GraphQlRequest::default();
    for (name, value) in parameters.into_inner() {
        match name.as_str() {
            "query" => graphql_request.query = Some(value),
            "operationName" => graphql_request.operation_name = Some(value).filter(|name| !name.is_empty()),
            "variables" => graphql_request.variables = object_in(&name, &value)?,
            "extensions" => graphql_request.extensions = object_in(&name, &value)?,
            // Other parameters are ignored.
            _ => {}
        }
    }
    Ok(graphql_request)
}

fn object_in<T: DeserializeOwned>(name: &str, text: &str) -> Result<Option<T>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    strict_json::from_str(text).map_err(|error| {
        let detail = format!("{name} is not a JSON object: {error}");
        PartError::parameter(name, detail).into()
    })
}
