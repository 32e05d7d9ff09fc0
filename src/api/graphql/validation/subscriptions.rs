//! Checks that subscriptions have one root field (GraphQL, section 5.2.4.1). async-graphql does not check this and
//! would open a stream for each.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Pos, Positioned, ServerError};

use crate::api::graphql::errors;

/// Rejects a document with a subscription of more than one root field. Fields with the same response key are one field,
/// and their selections are merged.
pub(crate) fn check(document: &mut ExecutableDocument) -> Result<(), ServerError> {
    let mut merged = Vec::new();
    for (name, operation) in document.operations.iter() {
        if operation.node.ty == OperationType::Subscription {
            let mut fields = Vec::new();
            collect(document, &operation.node.selection_set.node, &mut fields)?;
            if let Some(field) = one_of(&fields)? {
                merged.push((name.cloned(), field));
            }
        }
    }
    for (name, field) in merged {
        let operation = match (&mut document.operations, &name) {
            (DocumentOperations::Single(operation), _) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
            (DocumentOperations::Multiple(_), None) => None,
        };
        if let Some(operation) = operation {
            let pos = field.pos;
            operation.node.selection_set.node.items = vec![Positioned::new(Selection::Field(field), pos)];
        }
    }
    Ok(())
}

fn collect<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    fields: &mut Vec<&'a Positioned<Field>>,
) -> Result<(), ServerError> {
    for selection in &set.items {
        let switch = selection
            .node
            .directives()
            .iter()
            .find(|directive| matches!(directive.node.name.node.as_str(), "skip" | "include"));
        if let Some(switch) = switch {
            let message = format!(
                "@{} is not allowed on the root field of a subscription",
                switch.node.name.node
            );
            return Err(invalid(message, switch.pos));
        }
        match &selection.node {
            Selection::Field(field) => fields.push(field),
            Selection::InlineFragment(fragment) => collect(document, &fragment.node.selection_set.node, fields)?,
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    collect(document, &fragment.node.selection_set.node, fields)?;
                }
            }
        }
    }
    Ok(())
}

/// The root field of a subscription, merged if it is selected more than once; `None` if it is selected once, or its
/// selections contradict each other, which validation rejects.
fn one_of(fields: &[&Positioned<Field>]) -> Result<Option<Positioned<Field>>, ServerError> {
    let Some((first, others)) = fields.split_first() else {
        return Ok(None);
    };
    if let Some(field) = fields.iter().find(|field| field.node.name.node.starts_with("__")) {
        let message = format!(
            "{} is not allowed as the root field of a subscription",
            field.node.name.node
        );
        return Err(invalid(message, field.pos));
    }
    let key = &first.node.response_key().node;
    if let Some(other) = others.iter().find(|other| other.node.response_key().node != *key) {
        let message = format!(
            "a subscription has one root field; this one has '{key}' and '{}'",
            other.node.response_key().node
        );
        return Err(invalid(message, other.pos));
    }
    let arguments = |field: &Field| -> Vec<(String, String)> {
        let arguments = field.arguments.iter();
        arguments
            .map(|(name, value)| (name.node.to_string(), value.node.to_string()))
            .collect()
    };
    let is_same = |other: &&Positioned<Field>| {
        other.node.name.node == first.node.name.node && arguments(&other.node) == arguments(&first.node)
    };
    if others.is_empty() || !others.iter().all(is_same) {
        return Ok(None);
    }
    let mut field = Positioned::<Field>::clone(first);
    for other in others {
        let items = other.node.selection_set.node.items.iter().cloned();
        field.node.selection_set.node.items.extend(items);
    }
    Ok(Some(field))
}

fn invalid(message: String, pos: Pos) -> ServerError {
    let mut error = ServerError::new(message, Some(pos));
    let mut extensions = errors::extensions("validation", false);
    extensions.set("field", "query");
    error.extensions = Some(extensions);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::graphql::parser::parse;

    fn refused(text: &str) -> Option<String> {
        check(&mut parse(text).expect("a document"))
            .err()
            .map(|error| error.message)
    }

    #[test]
    fn a_subscription_has_exactly_one_root_field() {
        for text in [
            "subscription { a }",
            "subscription { x: a { b } }",
            "subscription { ... { a } }",
            "subscription { ...f } fragment f on Subscription { ... on Subscription { a } }",
            "{ a b } ",
            "subscription { a { __typename b @skip(if: true) } }",
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
        for text in [
            "subscription { a b }",
            "subscription { a b: a }",
            "subscription { ...f b } fragment f on Subscription { a }",
            "subscription { ... { a } ... on Subscription { b } }",
            "query Q { a } subscription S { a b }",
        ] {
            let message = refused(text).expect(text);
            assert_eq!(
                message, "a subscription has one root field; this one has 'a' and 'b'",
                "{text}"
            );
        }
        for text in [
            "subscription { __typename }",
            "subscription { a: __typename }",
            "subscription { ...f } fragment f on Subscription { __typename }",
            "subscription { a __typename }",
            "subscription { __schema { types { name } } }",
        ] {
            assert!(
                refused(text)
                    .expect(text)
                    .ends_with("is not allowed as the root field of a subscription")
            );
        }
        for text in [
            "subscription { a @skip(if: true) }",
            "subscription ($b: Boolean!) { a @include(if: $b) b @skip(if: $b) }",
            "subscription { ... @include(if: true) { a } }",
            "subscription { ...f @skip(if: false) } fragment f on Subscription { a }",
            "subscription { ...f } fragment f on Subscription { a @include(if: true) }",
        ] {
            assert!(
                refused(text)
                    .expect(text)
                    .ends_with("is not allowed on the root field of a subscription")
            );
        }
    }

    #[test]
    fn a_field_that_is_selected_twice_is_one() {
        let text = "subscription { a(x: 1) { b } ...f } fragment f on Subscription { a(x: 1) { c } }";
        let mut document = parse(text).expect("a document");
        assert!(check(&mut document).is_ok());
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let [selection] = operation.node.selection_set.node.items.as_slice() else {
            panic!("one field");
        };
        let Selection::Field(field) = &selection.node else {
            panic!("a field");
        };
        assert_eq!(field.node.selection_set.node.items.len(), 2);
        // Validation rejects contradictory selections.
        assert_eq!(refused("subscription { a(x: 1) { b } a(x: 2) { b } }"), None);
    }
}
