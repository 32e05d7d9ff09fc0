//! Checks that subscriptions have one root field (GraphQL, section 5.2.4.1). async-graphql does not check this and
//! would open a stream for each. It ignores root fields in fragments: the root field replaces its fragment.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationType, Selection, SelectionSet,
    TypeCondition,
};
use async_graphql::{Name, Pos, Positioned, ServerError};

use super::literals::root;
use crate::api::graphql::errors;

/// Rejects a document with a subscription of more than one root field. Fields with the same response key are one field,
/// and their selections are merged.
pub(crate) fn check(document: &mut ExecutableDocument) -> Result<(), ServerError> {
    let mut replaced = Vec::new();
    let mut inlined = HashSet::new();
    for (name, operation) in document.operations.iter() {
        if operation.node.ty == OperationType::Subscription {
            let mut selected = RootFields::new(document);
            selected.collect(&operation.node.selection_set.node)?;
            if let Some(field) = selected.merged()? {
                replaced.push((name.cloned(), field));
                inlined.extend(selected.fragments.into_iter().cloned());
            }
        }
    }
    for (name, field) in replaced {
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
    // Validation rejects unused fragments.
    if !inlined.is_empty() {
        let used = used_fragments(document);
        document
            .fragments
            .retain(|name, _| used.contains(name) || !inlined.contains(name));
    }
    Ok(())
}

/// The root fields of a subscription, also those in fragments.
struct RootFields<'a> {
    document: &'a ExecutableDocument,
    fields: Vec<&'a Positioned<Field>>,
    /// Names of the fragments with root fields.
    fragments: Vec<&'a Name>,
    /// True if a selection is invalid. Validation rejects it where it is.
    has_invalid: bool,
}

impl<'a> RootFields<'a> {
    const fn new(document: &'a ExecutableDocument) -> Self {
        Self {
            document,
            fields: Vec::new(),
            fragments: Vec::new(),
            has_invalid: false,
        }
    }

    fn collect(&mut self, set: &'a SelectionSet) -> Result<(), ServerError> {
        for selection in &set.items {
            let directives = selection.node.directives();
            let switch = directives
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
                Selection::Field(field) => self.fields.push(field),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    self.has_invalid |= !directives.is_empty() || !condition.is_none_or(is_of_root);
                    self.collect(&fragment.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = self.document.fragments.get(name) else {
                        self.has_invalid = true;
                        continue;
                    };
                    let FragmentDefinition {
                        type_condition,
                        directives: of_definition,
                        selection_set,
                    } = &fragment.node;
                    self.has_invalid |=
                        !directives.is_empty() || !of_definition.is_empty() || !is_of_root(type_condition);
                    self.fragments.push(name);
                    self.collect(&selection_set.node)?;
                }
            }
        }
        Ok(())
    }

    /// The root field, merged if it is selected more than once; `None` if validation rejects the selections.
    fn merged(&self) -> Result<Option<Positioned<Field>>, ServerError> {
        let Some((first, others)) = self.fields.split_first() else {
            return Ok(None);
        };
        if let Some(field) = self.fields.iter().find(|field| field.node.name.node.starts_with("__")) {
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
        if self.has_invalid || !others.iter().all(is_same) {
            return Ok(None);
        }
        let mut field = Positioned::<Field>::clone(first);
        for other in others {
            let items = other.node.selection_set.node.items.iter().cloned();
            field.node.selection_set.node.items.extend(items);
        }
        Ok(Some(field))
    }
}

fn is_of_root(condition: &Positioned<TypeCondition>) -> bool {
    condition.node.on.node == root(OperationType::Subscription)
}

/// The names of the fragments that operations spread, also in other fragments.
fn used_fragments(document: &ExecutableDocument) -> HashSet<Name> {
    let mut used = HashSet::new();
    let operations = document.operations.iter();
    let mut sets: Vec<&SelectionSet> = operations
        .map(|(_, operation)| &operation.node.selection_set.node)
        .collect();
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => sets.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && used.insert(name.clone())
                    {
                        sets.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    used
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

    /// The root fields and the fragments of a document after the check.
    fn checked(text: &str) -> (Vec<String>, Vec<String>) {
        let mut document = parse(text).expect("a document");
        check(&mut document).expect(text);
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let items = &operation.node.selection_set.node.items;
        let fields = items.iter().filter_map(|selection| match &selection.node {
            Selection::Field(field) => Some(field.node.name.node.to_string()),
            Selection::InlineFragment(_) | Selection::FragmentSpread(_) => None,
        });
        let mut fragments: Vec<String> = document.fragments.keys().map(Name::to_string).collect();
        fragments.sort();
        (fields.collect(), fragments)
    }

    #[test]
    fn a_root_field_replaces_its_fragment() {
        for (text, fragments) in [
            ("subscription { ... { a { b } } }", &[][..]),
            ("subscription { ... on Subscription { ... { a } } }", &[]),
            ("subscription { ...f } fragment f on Subscription { a { b } }", &[]),
            (
                "subscription { ...f } fragment f on Subscription { ...g } fragment g on Subscription { a { ...h } } \
                 fragment h on A { b }",
                &["h"],
            ),
            ("subscription { a ...f } fragment f on Subscription { a }", &[]),
            (
                "subscription { ...f } fragment f on Subscription { a } fragment u on A { b }",
                &["u"],
            ),
        ] {
            let (fields, left) = checked(text);
            assert_eq!(fields, ["a"], "{text}");
            assert_eq!(left, fragments, "{text}");
        }
    }

    #[test]
    fn validation_receives_invalid_fragments() {
        for text in [
            "subscription { ... on Query { a } }",
            "subscription { ...f } fragment f on Query { a }",
            "subscription { ... @unknown { a } }",
            "subscription { ...f @unknown } fragment f on Subscription { a }",
            "subscription { ... { ...unknown } ... { a } }",
        ] {
            let (fields, fragments) = checked(text);
            assert!(fields.is_empty(), "{text}");
            assert_eq!(fragments.len(), text.matches("fragment f").count(), "{text}");
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
