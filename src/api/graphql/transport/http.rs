//! GraphQL over HTTP (graphql.github.io/graphql-over-http): `POST` with JSON, one request or a batch, and `GET` for
//! queries.
//!
//! Content types are checked first: a page of another origin can send `text/plain` without a preflight, but not JSON.
//! It can also send a `GET`, as the address of an image; a header has to show that it did not.

use std::rc::Rc;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
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
use super::response::Answer;
use super::websocket;
use crate::api::auth::Standing;
use crate::api::graphql::errors;
use crate::api::graphql::execution::executor::{Asked, Failed, Operation};
use crate::api::graphql::execution::operation_count;
use crate::api::graphql::facade::GraphQl;
use crate::api::memory::HeldBody;
use crate::api::realtime::handshake;
use crate::api::rest::problem::{PartError, Problem, ProblemKind};
use crate::api::rest::request::body;
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
    let form = match wanted_form(request.headers()) {
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
        Form::EventStream => graphql.gate.authenticate_stream(request)?,
        Form::Json | Form::GraphQlResponse | Form::Multipart => graphql.gate.authenticate(request)?,
    };
    check_sender(graphql, request)?;
    let asked = asked_in_address(request.query_string())?;
    check_query(&asked)?;
    let operation = match graphql.engine.read(asked, &caller) {
        Ok(operation) => operation,
        Err(answer) => return answered(graphql, request, Err(answer), form).await,
    };
    if operation.kind == OperationType::Mutation {
        graphql.engine.count_invalid();
        return Err(Problem::method_not_allowed(request.method(), "POST"));
    }
    // A browser reopens event streams by itself, so that they are not counted; a query is.
    let is_counted = form != Form::EventStream || operation.kind == OperationType::Subscription;
    operation_count::charge(&caller, operation.root_fields, u32::from(is_counted))?;
    answered(graphql, request, Ok(operation), form).await
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
    let is_deliberate = graphql.gate.is_required()
        || headers.contains_key(AUTHORIZATION)
        || PREFLIGHT_HEADERS.iter().any(|name| !text(name).is_empty())
        || matches!(text("sec-fetch-site"), b"same-origin" | b"same-site" | b"none")
        || graphql.gate.is_of_allowed_page(request);
    if is_deliberate {
        return Ok(());
    }
    let detail = "a GET requires a header that pages can't send to other sites without a preflight: apollo-require-preflight or \
                  x-requested-with with any value, or Sec-Fetch-Site of a browser (same-origin, same-site or none); or send \
                  the query with POST and Content-Type: application/json";
    Err(PartError::header("apollo-require-preflight", detail).into())
}

/// Handles a `POST`: one request, or a batch.
pub(crate) async fn post(graphql: Rc<GraphQl>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let form = match wanted_form(request.headers()) {
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
    let caller = graphql.gate.authenticate(request)?;
    body::check_content_type(request.headers())?;
    let (max, memory) = (graphql.options.body_bytes_max, (&graphql.memory.bodies, &caller));
    let bytes = body::read(request.headers(), &mut payload, max, memory).await;
    let bytes = bytes.map_err(|problem| problem.with_setting("graphql.max_body"))?;
    if bytes.trim_ascii_start().starts_with(b"[") {
        return batch(graphql, &bytes, &caller, form).await;
    }
    let asked: Asked = body::parse(&bytes)?;
    check_query(&asked)?;
    let read = graphql.engine.read(asked, &caller);
    if let Ok(operation) = &read {
        operation_count::charge(&caller, operation.root_fields, 1)?;
    }
    answered(graphql, request, read, form).await
}

async fn batch(graphql: &GraphQl, bytes: &Bytes, caller: &Caller, form: Form) -> Result<HttpResponse, Problem> {
    if form == Form::EventStream {
        let detail = "a batch has no event stream; send its requests separately";
        return Err(Problem::new(ProblemKind::Validation, detail));
    }
    let asked = strict_json::from_slice::<Vec<Asked>>(bytes);
    let asked = asked.map_err(|error| body::explain::<Vec<Asked>>(bytes, &error))?;
    let max = graphql.options.max_batch;
    if asked.is_empty() || asked.len() > max {
        let detail = format!("a batch has 1 to {max} requests; this one has {}", asked.len());
        return Err(PartError::field("", detail).into());
    }
    let budget = graphql.engine.budget(caller);
    let requests = asked
        .into_iter()
        .map(|asked| graphql.engine.read_within(&budget, asked, caller));
    let requests: Vec<Result<Operation, Answer>> = requests.collect();
    let root_fields = requests
        .iter()
        .map(|read| read.as_ref().map_or(1, |read| read.root_fields));
    operation_count::charge(caller, root_fields.sum(), 1)?;
    let mut answers = Vec::with_capacity(requests.len());
    // Sequentially, like the fields of a mutation: a batch uses no more at a time than one request.
    for read in requests {
        let answer = match read {
            Ok(operation) => match carried_out(graphql, operation).await {
                Ok(answer) => answer,
                // No operation was executed, so that the whole batch can be sent again.
                Err(
                    failed @ Failed::Exhausted {
                        may_have_changed: false,
                    },
                ) if answers.is_empty() => {
                    return Err(failed.problem());
                }
                Err(failed) => errors::of_problem(&failed.problem()).into(),
            },
            Err(answer) => answer,
        };
        answers.push(answer);
    }
    Ok(with_body(StatusCode::OK, form, Answer::list(&answers, &budget)))
}

/// Executes a query or a mutation.
async fn carried_out(graphql: &GraphQl, operation: Operation) -> Result<Answer, Failed> {
    if operation.kind == OperationType::Subscription {
        graphql.engine.count_invalid();
        let detail = "a subscription has several responses; connect by WebSocket, or send Accept: text/event-stream or multipart/mixed;subscriptionSpec=1.0";
        return Ok(errors::invalid("query", detail).into());
    }
    graphql.engine.execute(operation).await
}

async fn answered(
    graphql: &GraphQl,
    request: &HttpRequest,
    read: Result<Operation, Answer>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let is_stream = match (form, &read) {
        (Form::EventStream, _) => true,
        // Other requests have a single response.
        (Form::Multipart, Ok(operation)) => operation.kind == OperationType::Subscription,
        (Form::Multipart, Err(_)) | (Form::Json | Form::GraphQlResponse, _) => false,
    };
    if is_stream {
        let shown = graphql.gate.shown(request)?;
        let caller = graphql.gate.revalidate(&shown)?;
        let standing = Standing::new(graphql.gate.clone(), shown, &Scope::ALL);
        return stream_of(graphql, read, form, &caller, standing);
    }
    let answer = match read {
        Ok(operation) => carried_out(graphql, operation).await.map_err(Failed::problem)?,
        Err(answer) => answer,
    };
    if answer.is_request_error() {
        let status = match form {
            Form::GraphQlResponse => StatusCode::BAD_REQUEST,
            Form::Json | Form::EventStream | Form::Multipart => StatusCode::OK,
        };
        return Ok(with_body(status, form, answer.json().clone()));
    }
    // Headers of the library; the body preserves stored JSON byte for byte, which the library's values can't.
    let mut response = GraphQLResponse::from(answer.head()).respond_to(request);
    let content_type = HeaderValue::from_static(form.of_one_response().content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response.set_body(HeldBody::boxed(answer.json().clone())))
}

fn stream_of(
    graphql: &GraphQl,
    read: Result<Operation, Answer>,
    form: Form,
    caller: &Caller,
    standing: Standing,
) -> Result<HttpResponse, Problem> {
    if !graphql.realtime.options().enable {
        return Err(Problem::new(ProblemKind::NotFound, "live updates are disabled"));
    }
    let permit = graphql.realtime.enter(ClientKind::GraphQlEvents, caller)?;
    let is_subscription = matches!(&read, Ok(operation) if operation.kind == OperationType::Subscription);
    let answers = match read {
        Err(answer) => stream::once(std::future::ready(Ok(answer))).boxed_local(),
        Ok(operation) if operation.kind == OperationType::Subscription => {
            graphql.engine.listen(operation).boxed_local()
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
    let (realtime, memory) = (&graphql.realtime, graphql.memory.answers.of(caller));
    Ok(event_stream::answer(
        realtime,
        &memory,
        framing,
        answers,
        standing,
        permit,
        is_subscription,
    ))
}

fn with_body(status: StatusCode, form: Form, json: Bytes) -> HttpResponse {
    let form = form.of_one_response();
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, form.content_type()))
        .body(HeldBody::boxed(json))
}

fn wanted_form(headers: &HeaderMap) -> Result<Form, Problem> {
    Form::wanted(headers).ok_or_else(|| {
        let detail = "responses are application/graphql-response+json, application/json or text/event-stream; accept one \
                      of them";
        Problem::new(ProblemKind::NotAcceptable, detail)
    })
}

/// Rejects a request without a query: it is malformed in every response format.
fn check_query(asked: &Asked) -> Result<(), PartError> {
    if asked.has_query() {
        return Ok(());
    }
    Err(PartError::field(
        "/query",
        "query is missing; expected the text of a GraphQL document",
    ))
}

/// The request in the parameters of an address.
fn asked_in_address(query: &str) -> Result<Asked, Problem> {
    let malformed = |detail: String| Problem::new(ProblemKind::Malformed, detail);
    let parameters = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| malformed(format!("invalid query string: {error}")))?;
    let mut asked = Asked::default();
    for (name, value) in parameters.into_inner() {
        match name.as_str() {
            "query" => asked.query = Some(value),
            "operationName" => asked.operation_name = Some(value).filter(|name| !name.is_empty()),
            "variables" => asked.variables = object_in(&name, &value)?,
            "extensions" => asked.extensions = object_in(&name, &value)?,
            // Other parameters are ignored.
            _ => {}
        }
    }
    Ok(asked)
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
