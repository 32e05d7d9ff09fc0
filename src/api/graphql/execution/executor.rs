//! Executes requests: each within its limits and its timeout, on behalf of its caller.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Error, Request, Response};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::de::Deserialize;
use serde_json::Value;

use super::budget::{Budget, Stopped};
use super::complexity::ComplexityLimit;
use super::disclosure;
use super::document_cache::{Documents, operation_of};
use super::limits;
use super::operation_count;
use super::persisted_queries::{PersistedQueries, PersistedQuery};
use super::request::{GraphQlRequest, ObjectText};
use super::result_completion::Shape;
use crate::api::graphql::context::{Deadline, Services};
use crate::api::graphql::errors;
use crate::api::graphql::loader::Loaders;
use crate::api::graphql::options::GraphQlOptions;
use crate::api::graphql::schema;
use crate::api::graphql::schema::Schema;
use crate::api::graphql::transport::response::EncodedResponse;
use crate::api::graphql::validation::input_types::InputTypes;
use crate::api::graphql::validation::variables;
use crate::api::memory::MemoryBudget;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::strict_json::Strict;
use crate::domain::access::caller::{Caller, Scope};
use crate::service::facade_metrics::operations::{OperationKind, OperationOutcome, Operations};
use crate::service::limits::ReadLane;

/// Memory of a parsed document and of its variables, as a multiple of their texts. A short field takes 200 bytes, and
/// an operation has two copies of its document.
const PARSED_FACTOR: usize = 40;

/// A request that is within the limits and can be executed.
pub(crate) struct Operation {
    request: Request,
    /// Type of the operation.
    pub kind: OperationType,
    /// Number of requests that it counts as.
    pub root_fields: u32,
    /// The size of its document and its variables.
    bytes: usize,
    shape: Shape,
    budget: Arc<Budget>,
    lane: ReadLane,
}

impl Operation {
    /// The operation with something that it holds until its end.
    pub(crate) fn with(mut self, held: impl Any + Send + Sync) -> Self {
        self.request = self.request.data(held);
        self
    }
}

/// Failure of the server to execute a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecutionError {
    /// A part of the server panicked; the log has the details.
    Panicked,
    /// Its timeout has elapsed.
    TimedOut {
        /// The timeout.
        timeout: Duration,
    },
    /// The memory for responses is exhausted.
    OutOfMemory {
        /// True if a mutation had started.
        may_have_changed: bool,
    },
}

/// Executes requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine {
    schema: Schema,
    types: Arc<InputTypes>,
    services: Services,
    operations: Operations,
    persisted: PersistedQueries,
    documents: Documents,
    complexity: ComplexityLimit,
    introspection: bool,
    max_depth: usize,
    max_complexity: usize,
    query_bytes_max: usize,
    response_bytes_max: usize,
    timeout: Duration,
    memory: MemoryBudget,
    document_memory: MemoryBudget,
}

impl Engine {
    /// Engine over these use cases; its operations are counted.
    pub(crate) fn new(
        services: Services,
        operations: Operations,
        memory: MemoryBudget,
        options: &GraphQlOptions,
    ) -> Self {
        let GraphQlOptions {
            enable: _,
            introspection,
            max_depth,
            max_complexity,
            max_aliases,
            max_batch: _,
            query_bytes_max,
            document_memory,
            body_bytes_max: _,
            response_bytes_max,
            timeout,
            persisted_queries,
            connection_init_timeout: _,
        } = *options;
        let types = Arc::new(InputTypes::read(&schema::sdl()));
        Self {
            documents: Documents::new(Arc::clone(&types), max_aliases),
            complexity: ComplexityLimit::new(max_complexity),
            types,
            schema: schema::build(services.clone(), max_depth, max_complexity),
            services,
            operations,
            persisted: PersistedQueries::new(persisted_queries),
            introspection,
            max_depth,
            max_complexity,
            query_bytes_max,
            response_bytes_max,
            timeout,
            memory,
            document_memory: MemoryBudget::new("graphql.max_document_memory", document_memory),
        }
    }

    /// Budget of a request, or of a batch of requests.
    pub(crate) fn budget(&self, caller: &Caller) -> Arc<Budget> {
        Budget::new(&self.memory.of(caller), self.response_bytes_max, self.timeout)
    }

    /// Parses a request and checks it against the limits; or the response with its errors.
    pub(crate) fn read(&self, request: GraphQlRequest, caller: &Caller) -> Result<Operation, EncodedResponse> {
        self.read_within(&self.budget(caller), request, caller)
    }

    /// The same for a request of a batch, which shares its budget with others.
    pub(crate) fn read_within(
        &self,
        budget: &Arc<Budget>,
        request: GraphQlRequest,
        caller: &Caller,
    ) -> Result<Operation, EncodedResponse> {
        let read = self.try_read(budget, request, caller);
        if read.is_err() {
            self.count_invalid();
        }
        read
    }

    /// Counts a request that is not executed.
    pub(crate) fn count_invalid(&self) {
        drop(self.operations.begin(OperationKind::Invalid, OperationOutcome::Errors));
    }

    fn try_read(
        &self,
        budget: &Arc<Budget>,
        request: GraphQlRequest,
        caller: &Caller,
    ) -> Result<Operation, EncodedResponse> {
        let GraphQlRequest {
            query,
            operation_name,
            variables,
            extensions,
        } = request;
        let persisted = extensions
            .as_ref()
            .and_then(|extensions| extensions.get("persistedQuery"));
        let query = match (persisted, query) {
            (Some(Value::Null) | None, Some(query)) => query,
            (Some(Value::Null) | None, None) => return Err(errors::invalid("query", "query is missing").into()),
            (Some(persisted), query) => {
                let persisted = PersistedQuery::deserialize(Strict(persisted));
                let persisted =
                    persisted.map_err(|error| errors::invalid("extensions.persistedQuery", &error.to_string()))?;
                if let Some(query) = &query {
                    self.check_size(query)?;
                }
                self.persisted.resolve(&persisted, query)?
            }
        };
        self.check_size(&query)?;
        let given = variables.as_ref().map(|ObjectText(text)| &**text);
        let bytes = query.len().saturating_add(given.map_or(0, |given| given.get().len()));
        let document_memory = self.document_memory.of(caller);
        let held = document_memory
            .reserve(bytes.saturating_mul(PARSED_FACTOR).min(document_memory.size()))
            .ok_or_else(|| EncodedResponse::unavailable(document_memory.exhausted()))?;
        let document = self.documents.read(&query)?;
        let operation = operation_of(&document, operation_name.as_deref())?;
        disclosure::check(&document, operation, caller, self.introspection)?;
        let kind = operation.ty;
        let root_fields = operation_count::root_fields(&document, operation);
        let variables = variables::read(&self.types, &operation.variable_definitions, given)?;
        if let Some(response) = self
            .complexity
            .exceeded(&document, operation_name.as_deref(), &variables)
        {
            return Err(self.encode_error(response, budget));
        }
        let mut request = Request::new(query);
        request.set_parsed_query(ExecutableDocument::clone(&document));
        let shape = Shape::new(document, kind, operation_name.as_deref());
        request.operation_name = operation_name;
        request.variables = variables;
        if !self.introspection || !caller.may(Scope::Read) {
            request = request.disable_introspection();
        }
        // The messages of a subscription are no single request.
        let user = match kind {
            OperationType::Query | OperationType::Mutation => caller.clone(),
            OperationType::Subscription => caller.clone().lasting(),
        };
        let loaders = Arc::new(Loaders::new(&self.services, &user, budget));
        let request = request.data(user).data(loaders).data(Arc::clone(budget));
        // The document exists as long as its operation runs.
        let request = request.data(held);
        Ok(Operation {
            request,
            kind,
            root_fields,
            bytes,
            shape,
            budget: Arc::clone(budget),
            lane: ReadLane::of(caller),
        })
    }

    fn check_size(&self, query: &str) -> Result<(), Error> {
        let max = self.query_bytes_max;
        if query.len() <= max {
            return Ok(());
        }
        Err(limits::too_large(&format!("the query has {} bytes", query.len()), max))
    }

    /// Executes a query or a mutation.
    pub(crate) async fn execute(&self, operation: Operation) -> Result<EncodedResponse, ExecutionError> {
        let kind = operation.kind;
        let mut counted = self
            .operations
            .begin(OperationKind::from(kind), OperationOutcome::Abandoned);
        let response = self.execute_within_limits(operation).await;
        counted.outcome = outcome(&response);
        response
    }

    async fn execute_within_limits(&self, operation: Operation) -> Result<EncodedResponse, ExecutionError> {
        let Operation {
            request,
            kind,
            root_fields: _,
            bytes,
            shape,
            budget,
            lane,
        } = operation;
        let timed_out = ExecutionError::TimedOut { timeout: self.timeout };
        let deadline = budget.begin(kind, bytes).map_err(|stopped| match stopped {
            Stopped::TimedOut => timed_out,
            Stopped::OutOfMemory | Stopped::TooLarge => ExecutionError::OutOfMemory {
                may_have_changed: false,
            },
        })?;
        let request = request.data(Deadline(deadline));
        let work = AssertUnwindSafe(budget.watch(lane.scope(self.schema.execute(request)))).catch_unwind();
        let result = tokio::time::timeout_at(deadline.into(), work)
            .await
            .map_err(|_| timed_out)?;
        let response = result.map_err(|_| panicked())?;
        let response = response.and_then(|response| self.encode(response, &shape, &budget));
        let response = response.or_else(|stopped| self.stopped(stopped, kind, &budget));
        budget.complete(response.as_ref().map_or(0, |response| response.json().len()));
        response
    }

    /// Executes a subscription. The stream ends after a panic, and after a message that was stopped while it was built.
    pub(crate) fn subscribe(
        &self,
        operation: Operation,
    ) -> impl Stream<Item = Result<EncodedResponse, ExecutionError>> + use<> {
        let Operation {
            request,
            kind,
            root_fields: _,
            bytes: _,
            shape,
            budget,
            lane,
        } = operation;
        let engine = self.clone();
        // A subscription that its client ends has succeeded.
        let mut counted = self.operations.begin(OperationKind::from(kind), OperationOutcome::Ok);
        let mut responses = self.schema.execute_stream(request);
        let watched = Arc::clone(&budget);
        let mut has_ended = false;
        let responses = stream::poll_fn(move |cx| {
            if has_ended {
                return Poll::Ready(None);
            }
            let polled = lane.sync_scope(|| responses.poll_next_unpin(cx));
            match watched.stopped() {
                Some(stopped) => {
                    has_ended = true;
                    Poll::Ready(Some(Err(stopped)))
                }
                None => polled.map(|response| response.map(Ok)),
            }
        });
        AssertUnwindSafe(responses).catch_unwind().map(move |response| {
            let response = match response {
                Err(_) => Err(panicked()),
                Ok(response) => {
                    let response = response.and_then(|response| engine.encode(response, &shape, &budget));
                    response.or_else(|stopped| engine.stopped(stopped, kind, &budget))
                }
            };
            budget.renew();
            if counted.outcome == OperationOutcome::Ok {
                counted.outcome = outcome(&response);
            }
            response
        })
    }

    fn encode(&self, mut response: Response, shape: &Shape, budget: &Budget) -> Result<EncodedResponse, Stopped> {
        shape.complete(&self.types, &mut response);
        EncodedResponse::new(response, self.max_depth, self.max_complexity, budget)
    }

    /// Response to a request that is not executed.
    fn encode_error(&self, response: Response, budget: &Budget) -> EncodedResponse {
        EncodedResponse::new(response, self.max_depth, self.max_complexity, budget)
            .unwrap_or_else(|_| errors::of_problem(&Problem::busy("the request was stopped")).into())
    }

    /// Response to a request that was stopped while its response was built.
    fn stopped(
        &self,
        stopped: Stopped,
        kind: OperationType,
        budget: &Budget,
    ) -> Result<EncodedResponse, ExecutionError> {
        match stopped {
            Stopped::TooLarge => Ok(budget.too_large(kind).into()),
            Stopped::OutOfMemory => Err(ExecutionError::OutOfMemory {
                may_have_changed: kind == OperationType::Mutation,
            }),
            Stopped::TimedOut => Err(ExecutionError::TimedOut { timeout: self.timeout }),
        }
    }
}

impl ExecutionError {
    /// The problem that the response reports.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::Panicked => {
                let detail = "internal server error; see the server's log";
                Problem::new(ProblemKind::Internal, detail)
            }
            Self::TimedOut { timeout } => Problem::unavailable(format!(
                "the request timed out after {} s; its changes may still take effect",
                timeout.as_secs_f64()
            )),
            Self::OutOfMemory { may_have_changed } => {
                let effect = if may_have_changed {
                    "its changes may have taken effect"
                } else {
                    "retry in a moment"
                };
                Problem::busy(format!(
                    "responses in progress, of all callers or of this one, use the memory that server.max_response_memory \
                     allows; {effect}"
                ))
            }
        }
    }
}

impl From<OperationType> for OperationKind {
    fn from(kind: OperationType) -> Self {
        match kind {
            OperationType::Query => Self::Query,
            OperationType::Mutation => Self::Mutation,
            OperationType::Subscription => Self::Subscription,
        }
    }
}

fn outcome(response: &Result<EncodedResponse, ExecutionError>) -> OperationOutcome {
    match response {
        Ok(response) if response.errors().is_empty() => OperationOutcome::Ok,
        Ok(_) => OperationOutcome::Errors,
        Err(ExecutionError::Panicked | ExecutionError::TimedOut { .. } | ExecutionError::OutOfMemory { .. }) => {
            OperationOutcome::Failed
        }
    }
}

fn panicked() -> ExecutionError {
    tracing::error!("a GraphQL request failed: a part of the server panicked");
    ExecutionError::Panicked
}
