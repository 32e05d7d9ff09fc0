//! Complexity of `__typename`, which async-graphql's own limit does not count.
//!
//! The library has no other access to the complexity of a field. A document with `__typename` is therefore measured by
//! a second schema, under a name that the library counts.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Request, Response, ServerError, ValidationResult, Variables};
use async_trait::async_trait;
use futures_util::FutureExt;

use crate::api::graphql::schema;
use crate::api::graphql::schema::Schema;

const TYPE_NAME: &str = "__typename";
/// A field that no type has. The library counts it as one value.
const COUNTED: &str = "__typename_counted";

/// Limit of the complexity of operations with `__typename`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ComplexityLimit {
    schema: Schema,
}

impl ComplexityLimit {
    /// A limit of this complexity.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            schema: schema::build_for_complexity(max, OnlyValidate),
        }
    }

    /// The response to an operation that exceeds the limit.
    pub(crate) fn exceeded(
        &self,
        document: &ExecutableDocument,
        operation: Option<&str>,
        variables: &Variables,
    ) -> Option<Response> {
        let counted = with_counted_names(document)?;
        let mut request = Request::new("").variables(variables.clone());
        request.operation_name = operation.map(str::to_owned);
        request.set_parsed_query(counted);
        // Nothing is executed, so that it never waits.
        let response = self.schema.execute(request).now_or_never()?;
        let is_exceeded = response.errors.iter().any(|error| error.message == schema::TOO_COMPLEX);
        is_exceeded.then_some(response)
    }
}

/// A copy of a document with a counted field for each `__typename`; `None` for a document without.
fn with_counted_names(document: &ExecutableDocument) -> Option<ExecutableDocument> {
    let fragments = document.fragments.values();
    let fragments = fragments.map(|fragment| &fragment.node.selection_set.node);
    let operations = document.operations.iter();
    let mut sets = operations
        .map(|(_, operation)| &operation.node.selection_set.node)
        .chain(fragments);
    if !sets.any(selects_type_name) {
        return None;
    }
    let mut counted = document.clone();
    match &mut counted.operations {
        DocumentOperations::Single(operation) => rename(&mut operation.node.selection_set.node),
        DocumentOperations::Multiple(operations) => operations
            .values_mut()
            .for_each(|operation| rename(&mut operation.node.selection_set.node)),
    }
    for fragment in counted.fragments.values_mut() {
        rename(&mut fragment.node.selection_set.node);
    }
    Some(counted)
}

fn selects_type_name(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => {
            field.node.name.node == TYPE_NAME || selects_type_name(&field.node.selection_set.node)
        }
        Selection::InlineFragment(fragment) => selects_type_name(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => false,
    })
}

fn rename(set: &mut SelectionSet) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) if field.node.name.node == TYPE_NAME => {
                field.node.name.node = Name::new(COUNTED);
            }
            Selection::Field(field) => rename(&mut field.node.selection_set.node),
            Selection::InlineFragment(fragment) => rename(&mut fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Ends each request after its validation.
struct OnlyValidate;

impl ExtensionFactory for OnlyValidate {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for OnlyValidate {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await?;
        Err(Vec::new())
    }
}
