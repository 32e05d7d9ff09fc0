//! Number of requests that a GraphQL request counts as: each root field is an operation of its own, whether sent alone
//! or together.

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet};

use crate::api::problem::Problem;
use crate::domain::access::caller::Caller;

/// Number of root fields of an operation, at least one. Fragments that spread each other were rejected before.
pub(crate) fn root_fields(document: &ExecutableDocument, operation: &OperationDefinition) -> u32 {
    fields(document, &operation.selection_set.node).max(1)
}

fn fields(document: &ExecutableDocument, set: &SelectionSet) -> u32 {
    let of = |selection: &Selection| match selection {
        Selection::Field(_) => 1,
        Selection::InlineFragment(fragment) => fields(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .map_or(0, |fragment| fields(document, &fragment.node.selection_set.node)),
    };
    let counts = set.items.iter().map(|selection| of(&selection.node));
    counts.fold(0, u32::saturating_add)
}

/// Counts these root fields against the caller's rate limit; `counted` requests are counted already.
pub(crate) fn charge(caller: &Caller, root_fields: u32, counted: u32) -> Result<(), Problem> {
    Ok(caller.charge(root_fields.saturating_sub(counted))?)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn each_root_field_counts_at_every_spread_of_its_fragment() {
        let count = |query: &str| {
            let document = parse_query(query).expect("a document");
            let (_, operation) = document.operations.iter().next().expect("an operation");
            root_fields(&document, &operation.node)
        };
        assert_eq!(count("{ queues { name } }"), 1);
        assert_eq!(count("{ a: queues { name } b: queues { name x: name } }"), 2);
        assert_eq!(count("{ ...f ... { c: x } } fragment f on Query { a: x b: x }"), 3);
        assert_eq!(count("{ ...unknown }"), 1);
    }
}
