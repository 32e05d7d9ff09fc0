//! The OpenAPI 3.1 document, generated from the routes, and the pages that show it.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, ServiceConfig};
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, Info, License, OpenApi, PathItem, Paths, Ref, RefOr, Response, ResponseBuilder, Server, Tag,
};
use utoipa_swagger_ui::Config;

use super::api::{Docs, RestApi, RestOptions};
use super::request::context::{ApiResult, RequestContext, document_route, open_route};
use super::{
    activity, audit, failures, health, jobs, log_level, metrics, nodes, operations, queues, recurring, server,
    webhooks, workers,
};
use crate::api::problem::response::ProblemDocument;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::routing::resource;
use crate::domain::access::caller::Scope;
use crate::views::words;

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        jobs::list::list_jobs,
        jobs::create::create_job,
        jobs::batch::create_jobs,
        jobs::changes::list_job_changes,
        jobs::facets::count_jobs,
        jobs::detail::get_job,
        jobs::explain::explain_job,
        jobs::actions::patch_job,
        jobs::actions::delete_job,
        jobs::actions::execute_job,
        jobs::actions::cancel_job,
        jobs::actions::retry_job,
        recurring::list::list_recurring_jobs,
        recurring::routes::create_recurring_job,
        recurring::routes::get_recurring_job,
        recurring::routes::replace_recurring_job,
        recurring::routes::patch_recurring_job,
        recurring::routes::delete_recurring_job,
        recurring::by_key::get_recurring_job_by_key,
        recurring::by_key::put_recurring_job_by_key,
        recurring::by_key::delete_recurring_job_by_key,
        recurring::routes::enable_recurring_job,
        recurring::routes::disable_recurring_job,
        recurring::routes::trigger_recurring_job,
        queues::list_queues,
        queues::get_queue,
        queues::explain_queue,
        queues::delete_queue,
        queues::pause_queue,
        queues::resume_queue,
        queues::clear_queue,
        audit::list_audit_records,
        nodes::list_nodes,
        nodes::drain_node,
        nodes::resume_node,
        operations::list_operations,
        operations::preview_operation,
        operations::start_operation,
        operations::get_operation,
        operations::pause_operation,
        operations::resume_operation,
        operations::cancel_operation,
        operations::undo_operation,
        log_level::get_log_level,
        log_level::set_log_level,
        webhooks::endpoints::list_webhook_endpoints,
        webhooks::endpoints::create_webhook_endpoint,
        webhooks::endpoints::get_webhook_endpoint,
        webhooks::endpoints::patch_webhook_endpoint,
        webhooks::endpoints::delete_webhook_endpoint,
        webhooks::endpoints::enable_webhook_endpoint,
        webhooks::endpoints::disable_webhook_endpoint,
        webhooks::endpoints::rotate_webhook_secret,
        webhooks::endpoints::test_webhook_endpoint,
        webhooks::deliveries::list_webhook_deliveries,
        webhooks::deliveries::redeliver_failed_webhook_deliveries,
        webhooks::deliveries::get_webhook_delivery,
        webhooks::deliveries::redeliver_webhook_delivery,
        workers::routes::list_workers,
        workers::routes::register_worker,
        workers::routes::get_worker,
        workers::routes::deregister_worker,
        workers::routes::lease_jobs,
        workers::routes::send_heartbeat,
        workers::routes::complete_jobs,
        workers::routes::fail_jobs,
        metrics::get_system_metrics,
        metrics::get_performance_metrics,
        metrics::get_job_type_metrics,
        activity::get_activity,
        activity::get_durations,
        failures::list_failures,
        failures::get_failure,
        recurring::schedule::preview_schedule,
        recurring::schedule::list_upcoming,
        server::get_me,
        server::get_server,
    ),
    components(schemas(ProblemDocument, words::GranularityWord, words::StepWord))
)]
struct VersionedRoutes;

#[derive(utoipa::OpenApi)]
#[openapi(paths(health::get_liveness, health::get_readiness))]
struct RootRoutes;

/// Errors of every route.
const COMMON_PROBLEMS: [(&str, &str); 3] = [
    (
        "400",
        "The request is malformed or invalid; the problem names the cause",
    ),
    ("500", "Internal server error; see the server's log"),
    (
        "503",
        "The service is busy, or storage is unavailable; retry after `Retry-After`",
    ),
];

/// Errors of every route if callers have to authenticate.
const AUTHENTICATION_PROBLEMS: [(&str, &str); 3] = [
    (
        "401",
        "Authentication required: `Authorization: Bearer` with a key or a token is missing or invalid",
    ),
    (
        "403",
        "The caller lacks the required scope; `WWW-Authenticate` names it",
    ),
    (
        "429",
        "Too many requests or failed authentications; retry after `Retry-After`",
    ),
];

/// The server in the document's text.
const ROOT_SERVER: &str = r#""url": "/""#;

/// Name of the security scheme in the document.
const BEARER: &str = "bearer";

/// Content security policy of the pages: resources of this server only. The library sets styles on its elements and has
/// inline icons.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
                           object-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The OpenAPI document with these options.
pub(crate) fn document(options: &RestOptions) -> OpenApi {
    let mut document = VersionedRoutes::openapi();
    let base = options.base();
    let mut paths = Paths::new();
    for (path, mut item) in std::mem::take(&mut document.paths.paths) {
        for operation in operations(&mut item) {
            complete(operation, options.requires_authentication);
        }
        paths.paths.insert(format!("{base}{path}"), item);
    }
    let root = RootRoutes::openapi();
    for (path, mut item) in root.paths.paths {
        for operation in operations(&mut item) {
            complete_problems(operation);
        }
        paths.paths.insert(path, item);
    }
    document.paths = paths;
    if let (Some(components), Some(more)) = (&mut document.components, root.components) {
        components.schemas.extend(more.schemas);
    }
    if options.requires_authentication {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, or a signed token (JWT)"));
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme(BEARER, SecurityScheme::Http(scheme.build()));
    }
    document.info = info(options);
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(vec![
        tag("jobs", "Creation, lists, reads and changes of jobs"),
        tag("recurring jobs", "Jobs that recur by a cron expression"),
        tag("queues", "Lists, pausing, resuming and clearing of queues"),
        tag("webhooks", "Webhook endpoints and deliveries"),
        tag("workers", "Remote workers"),
        tag("metrics", "System metrics and job statistics"),
        tag("nodes", "Nodes of the cluster, and the log level"),
        tag(
            "operations",
            "Bulk operations: one change of all jobs that a filter selects",
        ),
        tag("audit", "The audit log"),
        tag("health", "Liveness and readiness"),
    ]);
    document
}

/// The document as JSON text.
pub(crate) fn text(options: &RestOptions) -> Result<String, serde_json::Error> {
    document(options).to_pretty_json()
}

fn info(options: &RestOptions) -> Info {
    let mut description = "A background-job server: jobs are stored durably, run, retried and reported. Errors are \
                           problems (RFC 9457). Times are RFC 3339 in UTC, durations `[d.]hh:mm:ss[.fffffff]`; in \
                           requests `null` is the same as an omitted field, and unknown fields are errors. Responses to changes are \
                           reduced to ids, statuses and counts for callers without the read scope."
        .to_owned();
    if let [base, versioned] = options.prefixes().as_slice() {
        description.push_str(&format!(" The same routes as under `{base}` are under `{versioned}`."));
    }
    let mut info = Info::new("TickerQ", env!("CARGO_PKG_VERSION"));
    info.description = Some(description);
    info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    info
}

fn tag(name: &str, description: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(description.to_owned());
    tag
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// Removes `null` from the types of optional parameters: headers and queries have none.
fn describe_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        match &mut parameter.schema {
            Some(RefOr::T(Schema::Object(object))) => without_null(&mut object.schema_type),
            Some(RefOr::T(Schema::Array(array))) => without_null(&mut array.schema_type),
            Some(RefOr::T(Schema::OneOf(kinds))) => {
                let word = kinds.items.iter().find(|kind| matches!(kind, RefOr::Ref(_))).cloned();
                if word.is_some() {
                    parameter.schema = word;
                }
            }
            Some(_) | None => {}
        }
    }
}

fn without_null(schema_type: &mut SchemaType) {
    if let SchemaType::Array(types) = schema_type {
        types.retain(|kind| *kind != Type::Null);
        if let [kind] = types.as_slice() {
            *schema_type = SchemaType::Type(kind.clone());
        }
    }
}

/// Adds the errors of every route, and declares all errors as problems.
fn complete(operation: &mut Operation, requires_authentication: bool) {
    describe_parameters(operation);
    let of_authentication = requires_authentication.then_some(AUTHENTICATION_PROBLEMS);
    if requires_authentication {
        let no_scopes: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new(BEARER, no_scopes)]);
    }
    for (status, description) in COMMON_PROBLEMS
        .into_iter()
        .chain(of_authentication.into_iter().flatten())
    {
        let response = ResponseBuilder::new().description(description).build();
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
    complete_problems(operation);
}

fn complete_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
            describe_as_problem(response);
        }
    }
}

fn describe_as_problem(response: &mut Response) {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    response
        .content
        .insert("application/problem+json".to_owned(), RefOr::T(content));
}

/// Adds the route of the document and, if enabled, the pages that show it.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>) {
    let is_public = api.options.docs == Docs::Public;
    let serve = move |context: RequestContext| async move {
        may_read(&context, is_public)?;
        let text = shared_text(&context.api)?;
        let body = match context.api.authenticator.forwarded_prefix(&context.request) {
            Some(prefix) => behind(&text, &prefix).unwrap_or(text),
            None => text,
        };
        Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(body))
    };
    for prefix in api.options.prefixes() {
        let path = format!("{prefix}/openapi.json");
        let route = if is_public {
            open_route(api, serve)
        } else {
            document_route(api, serve)
        };
        config.service(resource(&path, vec![(Method::GET, route)]));
    }
    if api.options.docs == Docs::Off {
        return;
    }
    // The default is a validator on another host. Relative to /docs/, so that the pages also work behind a proxy that
    // removes a prefix.
    let pages = Config::from(format!("..{}/openapi.json", api.options.base())).validator_url("none");
    let pages = Arc::new(pages);
    config.service(resource(
        "/docs",
        vec![(Method::GET, open_route(api, redirect_to_pages))],
    ));
    let show = move |context: RequestContext| {
        let pages = Arc::clone(&pages);
        async move {
            may_read(&context, is_public)?;
            show_page(&context, pages)
        }
    };
    let show = if is_public {
        open_route(api, show)
    } else {
        document_route(api, show)
    };
    config.service(resource("/docs/{file:.*}", vec![(Method::GET, show)]));
}

/// The document as JSON text, which all HTTP workers share. The first request builds it: it takes megabytes, and few servers
/// receive a request for it.
fn shared_text(api: &RestApi) -> Result<Bytes, Problem> {
    if let Some(text) = api.openapi.get() {
        return Ok(text.clone());
    }
    let text = text(&api.options).map_err(|error| {
        tracing::error!("failed to serialize the OpenAPI document: {error}");
        Problem::new(ProblemKind::Internal, "internal server error; see the server's log")
    })?;
    Ok(api.openapi.get_or_init(|| Bytes::from(text)).clone())
}

/// The document as JSON text for callers that reach the server under a prefix.
fn behind(text: &Bytes, prefix: &str) -> Option<Bytes> {
    let text = std::str::from_utf8(text).ok()?;
    let (before, after) = text.split_once(ROOT_SERVER)?;
    let server = format!(r#""url": {}"#, serde_json::to_string(prefix).ok()?);
    Some(Bytes::from([before, &server, after].concat()))
}

/// Rejects callers without the read scope, unless the document is public.
fn may_read(context: &RequestContext, is_public: bool) -> Result<(), Problem> {
    if is_public {
        return Ok(());
    }
    Ok(context.caller.require(Scope::Read)?)
}

async fn redirect_to_pages(_: RequestContext) -> ApiResult {
    // Relative, so that it works behind a proxy that adds a prefix to the path.
    Ok(HttpResponse::build(StatusCode::PERMANENT_REDIRECT)
        .insert_header((LOCATION, "docs/"))
        .finish())
}

fn show_page(context: &RequestContext, pages: Arc<Config<'static>>) -> ApiResult {
    let file = context.request.match_info().query("file");
    match utoipa_swagger_ui::serve(file, pages) {
        Ok(Some(page)) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((CONTENT_TYPE, page.content_type));
            response.insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY));
            response.insert_header((HeaderName::from_static("x-frame-options"), "DENY"));
            if page.gzpipped {
                response.insert_header((CONTENT_ENCODING, "gzip"));
            }
            Ok(response.body(page.bytes.into_owned()))
        }
        Ok(None) => Err(Problem::unknown_route(&context.request)),
        Err(error) => {
            tracing::error!("failed to build a page of the OpenAPI document: {error}");
            Err(Problem::new(
                ProblemKind::Internal,
                "internal server error; see the server's log",
            ))
        }
    }
}
