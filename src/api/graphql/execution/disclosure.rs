//! The part of a mutation's result that callers without the read scope may select: ids, statuses, and counts of
//! changes. A request that selects more is rejected before it is executed; so is the introspection of a caller that may
//! not read the schema.

use async_graphql::Error;
use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};

use crate::api::disclosure;
use crate::api::graphql::errors;
use crate::domain::access::caller::{Caller, Scope};
use crate::service::error::ServiceError;

/// Mutations with complete results: those of workers, which own their jobs, and those of settings, which require the
/// admin scope. All others return jobs and queues.
const WHOLE: &[&str] = &[
    "completeJobs",
    "createWebhookEndpoint",
    "deleteWebhookEndpoint",
    "disableWebhookEndpoint",
    "drainNode",
    "enableWebhookEndpoint",
    "failJobs",
    "leaseJobs",
    "redeliverFailedWebhooks",
    "registerWorker",
    "renewWorker",
    "resumeNode",
    "rotateWebhookSecret",
    "setLogLevel",
    "testWebhookEndpoint",
    "unregisterWorker",
    "updateWebhookEndpoint",
];

/// Rejects a mutation that selects fields which its caller may not read, and introspection that is not allowed.
pub(crate) fn check(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    caller: &Caller,
    has_introspection: bool,
) -> Result<(), Error> {
    let guard = Guard { document, caller };
    guard.introspection(has_introspection, &operation.selection_set.node)?;
    if operation.ty != OperationType::Mutation || caller.may(Scope::Read) {
        return Ok(());
    }
    // The use case rejects other callers.
    if caller.require_any(&[Scope::Write, Scope::Admin]).is_err() {
        return Ok(());
    }
    guard.mutations(&operation.selection_set.node)
}

struct Guard<'a> {
    document: &'a ExecutableDocument,
    caller: &'a Caller,
}

impl Guard<'_> {
    /// Checks root fields for the schema, which `has_introspection` opens to readers.
    fn introspection(&self, has_introspection: bool, set: &SelectionSet) -> Result<(), Error> {
        self.each(set, &|field| {
            if !matches!(field.name.node.as_str(), "__schema" | "__type") {
                return Ok(());
            }
            self.caller.require(Scope::Read).map_err(ServiceError::from)?;
            if has_introspection {
                Ok(())
            } else {
                Err(errors::invalid(
                    "query",
                    "introspection is off; set [graphql] introspection = true",
                ))
            }
        })
    }

    /// Checks root fields: their own values are ids, counts and objects.
    fn mutations(&self, set: &SelectionSet) -> Result<(), Error> {
        self.each(set, &|field| {
            if WHOLE.contains(&field.name.node.as_str()) {
                return Ok(());
            }
            self.values(&field.selection_set.node)
        })
    }

    fn values(&self, set: &SelectionSet) -> Result<(), Error> {
        self.each(set, &|field| {
            let name = field.name.node.as_str();
            let selected = &field.selection_set.node;
            if selected.items.is_empty() {
                if disclosure::is_plain(name) {
                    Ok(())
                } else {
                    Err(self.refused(name))
                }
            } else if disclosure::is_nested(name) {
                self.values(selected)
            } else {
                Err(self.refused(name))
            }
        })
    }

    /// Checks each field of a set, with fragments inlined. Fragments that spread themselves were rejected when the
    /// document was parsed.
    fn each(&self, set: &SelectionSet, check: &impl Fn(&Field) -> Result<(), Error>) -> Result<(), Error> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => check(&field.node)?,
                Selection::InlineFragment(fragment) => self.each(&fragment.node.selection_set.node, check)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.each(&fragment.node.selection_set.node, check)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn refused(&self, field: &str) -> Error {
        let Err(forbidden) = self.caller.require(Scope::Read) else {
            return errors::invalid("query", "the caller has the read scope");
        };
        let message = format!("field '{field}' in the result needs the scope '{}'", forbidden.scope);
        let mut error = Error::from(ServiceError::from(forbidden));
        error.message = message;
        if let Some(extensions) = &mut error.extensions {
            extensions.set("field", field);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;
    use crate::domain::access::caller::{CallerKind, Scopes};

    fn check_as(scopes: &[Scope], query: &str) -> Result<(), String> {
        let caller = Caller::new(
            "c",
            CallerKind::Key,
            scopes.iter().copied().collect::<Scopes>(),
            Default::default(),
        );
        let document = parse_query(query).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        check(&document, &operation.node, &caller, true).map_err(|error| error.message)
    }

    #[test]
    fn a_writer_selects_ids_and_statuses() {
        let check = |query: &str| check_as(&[Scope::Write], query);
        for allowed in [
            "mutation { a: cancelJob(id: 1) { id jobId: id status __typename } deleteJob(id: 1) }",
            "mutation { scheduleJobs(jobs: []) { jobs { job { id status } isNew } created missing } }",
            "mutation { ...f } fragment f on Mutation { clearQueue(name: 1) { queue { status } clearedPending } }",
            "mutation { leaseJobs(workerId: 1) { jobId leaseToken parameters } }",
            "{ jobs { nodes { parameters } } }",
        ] {
            assert_eq!(check(allowed), Ok(()), "{allowed}");
        }
        for refused in [
            "mutation { cancelJob(id: 1) { id parameters } }",
            "mutation { cancelJob(id: 1) { id: parameters } }",
            "mutation { cancelJob(id: 1) { ...f } } fragment f on Job { ... on Job { result } }",
            "mutation { ... { cancelJob(id: 1) { attempts { id } } } }",
            "mutation { scheduleJob(input: 1) { job { recurringJob { id } } } }",
            "mutation { redeliverWebhook(id: 1) { requestBody } }",
        ] {
            let message = check(refused).expect_err(refused);
            assert!(message.contains("tickerq:read"), "{message}");
        }
    }

    #[test]
    fn readers_and_administrators_select_every_permitted_field() {
        let parameters = "mutation { cancelJob(id: 1) { parameters } }";
        assert_eq!(check_as(&[Scope::Write, Scope::Read], parameters), Ok(()));
        assert!(check_as(&[Scope::Write, Scope::Admin], parameters).is_err());
        let secret = "mutation { createWebhookEndpoint(input: 1) { secret endpoint { url } } }";
        assert_eq!(check_as(&[Scope::Admin], secret), Ok(()));
        let delivery = "mutation { redeliverWebhook(id: 1) { requestBody } }";
        assert!(check_as(&[Scope::Admin], delivery).is_err());
    }
}
