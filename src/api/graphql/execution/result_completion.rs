//! Completes results as the specification requires (GraphQL, sections 6.4.3, 6.4.4 and 7.2.2) where async-graphql 7.2
//! does not: members are in the order of their selection, not of their completion; the value of a failed field is null,
//! not absent; and where null is not allowed, the enclosing object is null.

use std::sync::Arc;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet, Type,
};
use async_graphql::{Name, PathSegment, Response, Value};

use crate::api::graphql::validation::input_types::InputTypes;
use crate::api::graphql::validation::literals;

/// The operation by which a response is completed.
#[derive(Debug)]
pub(crate) struct Shape {
    document: Arc<ExecutableDocument>,
    root: &'static str,
    name: Option<Name>,
}

/// A selected field, with its parent type and its name there.
struct Selected<'a> {
    parent: &'a str,
    name: &'a Name,
    sets: Vec<&'a SelectionSet>,
}

impl Shape {
    /// The shape of the operation of this type and name.
    pub(crate) fn new(document: Arc<ExecutableDocument>, kind: OperationType, name: Option<&str>) -> Self {
        Self {
            document,
            root: literals::root(kind),
            name: name.map(Name::new),
        }
    }

    fn selection(&self) -> Option<&SelectionSet> {
        let operation = match (&self.document.operations, &self.name) {
            (DocumentOperations::Single(operation), _) => operation,
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
            (DocumentOperations::Multiple(operations), None) => operations.values().next()?,
        };
        Some(&operation.node.selection_set.node)
    }

    /// Completes a response to the operation.
    pub(crate) fn complete(&self, types: &InputTypes, response: &mut Response) {
        let Some(set) = self.selection() else { return };
        let sets = [set];
        let is_executed = response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty());
        if !is_executed {
            return;
        }
        if response.data == Value::Null {
            response.data = Value::Object(Default::default());
        }
        for error in &response.errors {
            if !error.path.is_empty() {
                let is_null = self.put_null(types, self.root, &sets, &error.path, &mut response.data);
                if is_null {
                    response.data = Value::Null;
                    return;
                }
            }
        }
        let mut plan = Plan::default();
        plan.add(self, set);
        plan.order(&mut response.data);
    }

    /// Sets the value at an error's path to null. True if the object that holds the path has to be null itself.
    fn put_null(
        &self,
        types: &InputTypes,
        parent: &str,
        sets: &[&SelectionSet],
        path: &[PathSegment],
        at: &mut Value,
    ) -> bool {
        let ([PathSegment::Field(key), rest @ ..], Value::Object(members)) = (path, at) else {
            return false;
        };
        let key = Name::new(key);
        let Some(selected) = self.selected(parent, sets, &key) else {
            return false;
        };
        let Some(declared) = types.field(selected.parent, selected.name).map(|field| &field.of_type) else {
            return false;
        };
        let value = members.entry(key).or_default();
        self.put_null_within(types, declared, &selected, rest, value)
    }

    /// True if the value has to be null and its type does not allow it, so that the value that holds it is null.
    fn put_null_within(
        &self,
        types: &InputTypes,
        declared: &Type,
        selected: &Selected<'_>,
        path: &[PathSegment],
        value: &mut Value,
    ) -> bool {
        let must_be_null = match (&declared.base, path, &mut *value) {
            // An enclosing value is null already, or the resolver of this field failed.
            (_, _, Value::Null) => true,
            (BaseType::List(item), [PathSegment::Index(index), rest @ ..], Value::List(items)) => {
                let item_value = items.get_mut(*index);
                item_value.is_some_and(|value| self.put_null_within(types, item, selected, rest, value))
            }
            (BaseType::Named(name), path, value) => self.put_null(types, name, &selected.sets, path, value),
            (BaseType::List(_), _, _) => false,
        };
        if must_be_null {
            *value = Value::Null;
        }
        must_be_null && !declared.nullable
    }

    /// The field with this response key, with all selections below it.
    fn selected<'a>(&'a self, parent: &'a str, sets: &[&'a SelectionSet], key: &Name) -> Option<Selected<'a>> {
        let mut found = None;
        for set in sets {
            self.find(parent, set, key, &mut found);
        }
        found
    }

    fn find<'a>(&'a self, parent: &'a str, set: &'a SelectionSet, key: &Name, found: &mut Option<Selected<'a>>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) if field.node.response_key().node == *key => {
                    let selected = found.get_or_insert_with(|| Selected {
                        parent,
                        name: &field.node.name.node,
                        sets: Vec::new(),
                    });
                    selected.sets.push(&field.node.selection_set.node);
                }
                Selection::Field(_) => {}
                Selection::FragmentSpread(_) | Selection::InlineFragment(_) => {
                    if let Some((parent, set)) = self.inside(parent, &selection.node) {
                        self.find(parent, set, key, found);
                    }
                }
            }
        }
    }

    /// The selections of a fragment, and their type.
    fn inside<'a>(&'a self, parent: &'a str, selection: &'a Selection) -> Option<(&'a str, &'a SelectionSet)> {
        match selection {
            Selection::Field(_) => None,
            Selection::FragmentSpread(spread) => {
                let fragment = &self.document.fragments.get(&spread.node.fragment_name.node)?.node;
                Some((&fragment.type_condition.node.on.node, &fragment.selection_set.node))
            }
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref();
                let parent = on.map_or(parent, |condition| &*condition.node.on.node);
                Some((parent, &fragment.node.selection_set.node))
            }
        }
    }
}

/// The members of an object in the order of their selection, each with its own members.
#[derive(Debug, Default)]
struct Plan(Vec<(Name, Plan)>);

impl Plan {
    fn add(&mut self, shape: &Shape, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    let known = self.0.iter().position(|(known, _)| known == key);
                    let place = known.unwrap_or_else(|| {
                        self.0.push((key.clone(), Self::default()));
                        self.0.len() - 1
                    });
                    if let Some((_, within)) = self.0.get_mut(place) {
                        within.add(shape, &field.node.selection_set.node);
                    }
                }
                Selection::FragmentSpread(_) | Selection::InlineFragment(_) => {
                    if let Some((_, set)) = shape.inside("", &selection.node) {
                        self.add(shape, set);
                    }
                }
            }
        }
    }

    /// Sorts the members of an object, or of the objects of a list.
    fn order(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.order(item)),
            Value::Object(members) => {
                if !members.keys().eq(self.0.iter().map(|(key, _)| key)) {
                    let place = |key: &Name| self.0.iter().position(|(requested, _)| requested == key);
                    members.sort_by(|one, _, other, _| place(one).cmp(&place(other)));
                }
                for (key, within) in self.0.iter().filter(|(_, within)| !within.0.is_empty()) {
                    if let Some(member) = members.get_mut(key) {
                        within.order(member);
                    }
                }
            }
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::{ServerError, from_value, value};

    use super::*;

    const SDL: &str = "
        type Query { sure: Thing! maybe: Thing list: [Thing!] holes: [Thing]! any: Node }
        type Thing implements Node { id: ID! name: String other: Thing! }
        interface Node { id: ID! }
    ";

    fn completed(query: &str, data: Value, paths: &[&str]) -> Value {
        let document = parse_query(query).expect("a document");
        let shape = Shape::new(Arc::new(document), OperationType::Query, None);
        let mut response = Response::new(data);
        for path in paths {
            let segments = path.split('.').map(|part| match part.parse() {
                Ok(index) => PathSegment::Index(index),
                Err(_) => PathSegment::Field(part.to_owned()),
            });
            response
                .errors
                .push(ServerError::new("failed", None).with_path(segments.collect()));
        }
        shape.complete(&InputTypes::read(SDL), &mut response);
        from_value(response.data).expect("a value")
    }

    fn text(value: &Value) -> String {
        value.to_string()
    }

    #[test]
    fn a_failed_field_is_null_or_else_its_nearest_nullable_parent() {
        let query = "{ maybe { name o: other { id name } } list { id } holes { other { id } } }";
        let data = || {
            value!({
                "maybe": {"name": "a", "o": {"name": "b"}},
                "list": [{"id": "1"}, {}],
                "holes": [{"other": {}}, {"other": {"id": "2"}}],
            })
        };
        let all = ["maybe.o.id", "list.1.id", "holes.0.other.id"];
        assert_eq!(
            completed(query, data(), &all),
            value!({"maybe": null, "list": null, "holes": [null, {"other": {"id": "2"}}]})
        );
        let named = completed(query, value!({"maybe": {"o": {"id": "1"}}}), &["maybe.name"]);
        assert_eq!(named, value!({"maybe": {"name": null, "o": {"id": "1"}}}));
        assert_eq!(
            completed("{ maybe { id } }", Value::Null, &["maybe"]),
            value!({"maybe": null})
        );
        assert_eq!(
            completed("{ sure { id } maybe { id } }", value!({"maybe": null}), &["sure"]),
            Value::Null
        );
    }

    #[test]
    fn fields_within_fragments_are_found_with_their_types() {
        let query = "{ any { ... on Thing { t: other { id } } ...f } } fragment f on Node { id }";
        assert_eq!(
            completed(query, value!({"any": {"id": "1"}}), &["any.t"]),
            value!({"any": null})
        );
        let both = completed(query, value!({"any": {"id": "1", "t": {}}}), &["any.t.id"]);
        assert_eq!(both, value!({"any": null}));
    }

    #[test]
    fn members_are_in_the_order_of_their_selection() {
        let query = "{ list { name ...f id } maybe { id } } fragment f on Thing { other { name id } }";
        let data = value!({
            "maybe": {"id": "9"},
            "list": [{"id": "1", "other": {"id": "2", "name": "b"}, "name": "a"}],
        });
        assert_eq!(
            text(&completed(query, data, &[])),
            r#"{list: [{name: "a", other: {name: "b", id: "2"}, id: "1"}], maybe: {id: "9"}}"#
        );
    }
}
