//! Context of a request, and builders of routes.

use std::rc::Rc;

use actix_web::{HttpRequest, HttpResponse, Route, web};
use serde::Serialize;

use super::response::json_within;
pub(crate) use super::response::{ApiResult, json, json_with};
use crate::api::disclosure::Disclosure;
use crate::api::memory::{MemoryBudget, Reservation, count_body, count_body_anyway};
use crate::api::problem::{PartError, Problem, ProblemKind};
use crate::api::request_body::announced;
use crate::api::rest::api::RestApi;
use crate::api::rest::reduced::reduce;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{EndpointId, JobId, NodeId};
use crate::domain::values::name::{QueueName, RecurringKey};
use crate::domain::webhooks::delivery::DeliveryId;
use crate::service::limits::ReadLane;

/// A request with the state of its route.
pub(crate) struct RequestContext {
    /// The request.
    pub request: HttpRequest,
    /// Its body, before it is read.
    pub payload: web::Payload,
    /// The use cases.
    pub api: Rc<RestApi>,
    /// The caller.
    pub caller: Caller,
}

impl RequestContext {
    /// The id of the job in the path.
    pub(crate) fn job_id(&self) -> Result<JobId, Problem> {
        self.path_part("id", "job", JobId::parse)
    }

    /// The id of the recurring job in the path.
    pub(crate) fn recurring_id(&self) -> Result<RecurringId, Problem> {
        self.path_part("id", "recurring job", RecurringId::parse)
    }

    /// The key of the recurring job in the path.
    pub(crate) fn recurring_key(&self) -> Result<RecurringKey, Problem> {
        self.path_part("key", "recurring job with the key", RecurringKey::parse)
    }

    /// The text of the key in the path, valid or not.
    pub(crate) fn recurring_key_text(&self) -> String {
        self.path_text("key")
    }

    fn path_text(&self, name: &'static str) -> String {
        // The router decodes all escapes but those of structural characters.
        let part = self.request.match_info().query(name);
        part.replace("%2F", "/").replace("%2f", "/").replace("%25", "%")
    }

    /// The id of the webhook endpoint in the path.
    pub(crate) fn endpoint_id(&self) -> Result<EndpointId, Problem> {
        self.path_part("id", "webhook endpoint", EndpointId::parse)
    }

    /// The id of the delivery in the path.
    pub(crate) fn delivery_id(&self) -> Result<DeliveryId, Problem> {
        self.path_part("id", "delivery", DeliveryId::parse)
    }

    /// The id of the remote worker in the path.
    pub(crate) fn worker_id(&self) -> Result<NodeId, Problem> {
        // The format is that of a job's id.
        self.path_part("id", "worker", |text| {
            JobId::parse(text).map(|id| NodeId::from_uuid(id.as_uuid()))
        })
    }

    /// The name of the queue in the path.
    pub(crate) fn queue_name(&self) -> Result<QueueName, Problem> {
        self.path_part("name", "queue", QueueName::parse)
    }

    /// A part of the path that identifies a resource. An invalid one identifies none: it is not found.
    pub(crate) fn path_part<T, E>(
        &self,
        name: &'static str,
        resource: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        let text = self.path_text(name);
        parse(&text).map_err(|_| Problem::new(ProblemKind::NotFound, format!("{resource} '{text}' not found")))
    }

    /// Reserves memory to read a list with texts of this size in bytes; it lasts until the response is serialized.
    pub(crate) fn room_for(&self, bytes: u64) -> Result<Reservation, Problem> {
        let max = self.api.options.response_bytes_max;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > max {
            return Err(Problem::response_too_large(max));
        }
        let memory = self.api.memory.responses.of(&self.caller);
        // Copies of the texts: from storage, decoded, and in the response.
        memory
            .reserve(bytes.saturating_mul(3).min(memory.size()))
            .ok_or_else(|| memory.exhausted())
    }

    /// A JSON response with a list of possibly large items, bounded in size.
    pub(crate) fn list(&self, body: &impl Serialize) -> ApiResult {
        json_within(self.api.options.response_bytes_max, body)
    }

    /// The URL of a path of this server, as its caller reaches it: a trusted proxy may have removed a prefix.
    pub(crate) fn url_of(&self, path: &str) -> String {
        match self.api.authenticator.forwarded_prefix(&self.request) {
            Some(prefix) => format!("{prefix}{path}"),
            None => path.to_owned(),
        }
    }

    /// Rejects query parameters that the route does not have.
    fn check_parameters(&self, allowed: &[&str]) -> Result<(), Problem> {
        if self.request.query_string().is_empty() {
            return Ok(());
        }
        let parameters = query_parameters(&self.request)?;
        let unknown = parameters.iter().filter(|(name, _)| !allowed.contains(&name.as_str()));
        let errors: Vec<PartError> = unknown
            .map(|(name, _)| {
                let detail = if allowed.is_empty() {
                    format!("unknown query parameter '{name}'; this route has none")
                } else {
                    format!("unknown query parameter '{name}'; allowed are {}", allowed.join(", "))
                };
                PartError::parameter(name, detail)
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::of_parts(errors))
        }
    }
}

/// The query parameters of a request, decoded, in their order.
pub(crate) fn query_parameters(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    let text = request.query_string();
    match web::Query::<Vec<(String, String)>>::from_query(text) {
        Ok(parameters) => Ok(parameters.into_inner()),
        Err(error) => Err(Problem::new(
            ProblemKind::Malformed,
            format!("invalid query string: {error}"),
        )),
    }
}

/// Authentication of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Required; the use case authorizes the caller.
    Known,
    /// The same, for a page without data.
    Document,
    /// None.
    Open,
    /// Optional: authenticated callers may receive more.
    Optional,
}

/// Reservation of the memory for the response to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeMemory {
    /// The change is rejected if none is available. If memory runs out during the change, its response is reduced.
    Admitted,
    /// The same, but the response can't be reduced.
    AdmittedWhole,
    /// The use case reserves it before it changes anything.
    Reserved,
    /// A worker's report is never rejected for memory of other requests; a large response that does not fit is, because the
    /// report can be repeated.
    Repeatable,
}

/// Policy of a route.
#[derive(Clone, Copy)]
struct RoutePolicy {
    access: Access,
    disclosure: Disclosure,
    memory: ChangeMemory,
}

impl RoutePolicy {
    const fn of(access: Access, disclosure: Disclosure) -> Self {
        let memory = match disclosure {
            Disclosure::Readers => ChangeMemory::Admitted,
            // Members that a reduced response lacks may be returned only once.
            Disclosure::Administrators | Disclosure::AllCallers => ChangeMemory::AdmittedWhole,
        };
        Self {
            access,
            disclosure,
            memory,
        }
    }

    const fn of_worker(memory: ChangeMemory) -> Self {
        Self {
            access: Access::Known,
            disclosure: Disclosure::AllCallers,
            memory,
        }
    }
}

/// A route without query parameters and authentication.
pub(crate) fn open_route<H, F>(api: &Rc<RestApi>, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(RoutePolicy::of(Access::Open, Disclosure::AllCallers), api, &[], handler)
}

/// A route of a page without data.
pub(crate) fn document_route<H, F>(api: &Rc<RestApi>, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(
        RoutePolicy::of(Access::Document, Disclosure::AllCallers),
        api,
        &[],
        handler,
    )
}

/// A route without query parameters and with optional authentication.
pub(crate) fn optional_route<H, F>(api: &Rc<RestApi>, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(
        RoutePolicy::of(Access::Optional, Disclosure::AllCallers),
        api,
        &[],
        handler,
    )
}

/// A route without query parameters whose responses to changes are complete for more callers than those with the read
/// scope.
pub(crate) fn route_showing<H, F>(api: &Rc<RestApi>, disclosure: Disclosure, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(RoutePolicy::of(Access::Known, disclosure), api, &[], handler)
}

/// A route for leases of workers.
pub(crate) fn lease_route<H, F>(api: &Rc<RestApi>, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(RoutePolicy::of_worker(ChangeMemory::Reserved), api, &[], handler)
}

/// A route for workers' reports of running and finished jobs.
pub(crate) fn report_route<H, F>(api: &Rc<RestApi>, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(RoutePolicy::of_worker(ChangeMemory::Repeatable), api, &[], handler)
}

/// A route without query parameters.
pub(crate) fn route<H, F>(api: &Rc<RestApi>, handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_with_query(api, &[], handler)
}

/// A route with these query parameters.
pub(crate) fn route_with_query<H, F>(api: &Rc<RestApi>, parameters: &'static [&'static str], handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    route_for(
        RoutePolicy::of(Access::Known, Disclosure::Readers),
        api,
        parameters,
        handler,
    )
}

fn route_for<H, F>(policy: RoutePolicy, api: &Rc<RestApi>, parameters: &'static [&'static str], handler: H) -> Route
where
    H: Fn(RequestContext) -> F + Clone + 'static,
    F: Future<Output = ApiResult> + 'static,
{
    let api = Rc::clone(api);
    web::to(move |request: HttpRequest, payload: web::Payload| {
        let memory = api.memory.responses.clone();
        let response = caller_of(&request, &api, policy).and_then(|caller| {
            let is_reduced = !request.method().is_safe() && !policy.disclosure.is_whole_for(&caller);
            let context = RequestContext {
                request: request.clone(),
                payload,
                api: Rc::clone(&api),
                caller,
            };
            context.check_parameters(parameters)?;
            let caller = context.caller.clone();
            Ok((handler(context), is_reduced, caller))
        });
        async move {
            let change = (!request.method().is_safe()).then_some(policy.memory);
            let response = match response {
                Ok((response, is_reduced, caller)) => {
                    let response = ReadLane::of(&caller).scope(response).await;
                    let response = if is_reduced {
                        response.and_then(reduce)
                    } else {
                        response
                    };
                    response.and_then(|response| counted(&memory, &caller, response, change))
                }
                Err(problem) => Err(problem),
            };
            response.unwrap_or_else(|problem| problem.response(&request))
        }
    })
}

/// A response whose body counts until it is sent. The response to a change that took effect is always sent.
fn counted(memory: &MemoryBudget, caller: &Caller, response: HttpResponse, change: Option<ChangeMemory>) -> ApiResult {
    count_body(memory, caller, response).or_else(|response| match change {
        None | Some(ChangeMemory::Repeatable) => Err(memory.of(caller).exhausted()),
        Some(ChangeMemory::Admitted) => {
            let reduced = reduce(response)?;
            Ok(count_body_anyway(memory, caller, reduced))
        }
        Some(ChangeMemory::AdmittedWhole | ChangeMemory::Reserved) => Ok(count_body_anyway(memory, caller, response)),
    })
}

fn caller_of(request: &HttpRequest, api: &RestApi, policy: RoutePolicy) -> Result<Caller, Problem> {
    match policy.access {
        Access::Open => Ok(Caller::unknown().at(api.authenticator.address(request))),
        Access::Optional => Ok(api
            .authenticator
            .authenticate_if_valid(request)
            .unwrap_or_else(|| Caller::unknown().at(api.authenticator.address(request)))),
        Access::Document => Ok(api.authenticator.authenticate_document(request)?),
        Access::Known => {
            let caller = api.authenticator.authenticate(request)?;
            if request.method().is_safe() {
                api.memory.responses.admit()?;
                return Ok(caller);
            }
            // The use case checks it as well, but after the body was read, which may be large.
            caller.require_any(&[Scope::Write, Scope::Admin])?;
            match policy.memory {
                ChangeMemory::Admitted | ChangeMemory::AdmittedWhole => {
                    let length = announced(request.headers()).unwrap_or_default();
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    api.memory.responses.admit_change_of(&caller, length)?;
                }
                ChangeMemory::Reserved | ChangeMemory::Repeatable => {}
            }
            Ok(caller)
        }
    }
}
