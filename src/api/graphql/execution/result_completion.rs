//! Completes results as the specification has it (GraphQL, sections 6.4.3, 6.4.4 and 7.2.2), where async-graphql 7.2 does
//! not: members come in the order in which they were asked for, not in which they were ready; one whose function failed is
//! null, not missing; and where null is not allowed the object around it is null.

use std::sync::Arc;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet, Type,
};
use async_graphql::{Name, PathSegment, Response, Value};

use crate::api::graphql::validation::input_types::InputTypes;
use crate::api::graphql::validation::literals;

/// What an answer is completed by: the operation that was asked for.
#[derive(Debug)]
pub(crate) struct Shape {
    document: Arc<ExecutableDocument>,
    root: &'static str,
    name: Option<Name>,
}

/// A field that was selected: within which type, and how it is called there.
struct Selected<'a> {
    parent: &'a str,
    name: &'a Name,
    sets: Vec<&'a SelectionSet>,
}

impl Shape {
    /// The shape of the operation of this kind and name.
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

    /// Completes an answer to it.
    pub(crate) fn complete(&self, types: &InputTypes, response: &mut Response) {
        let Some(set) = self.selection() else { return };
        let sets = [set];
        let is_carried_out = response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty());
        if !is_carried_out {
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

    /// Puts null where a path of an error leads. Tells whether the object that holds the path must be null itself.
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

    /// Tells whether the value must be null and may not be, so that what holds it is null.
    fn put_null_within(
        &self,
        types: &InputTypes,
        declared: &Type,
        selected: &Selected<'_>,
        path: &[PathSegment],
        value: &mut Value,
    ) -> bool {
        let must_be_null = match (&declared.base, path, &mut *value) {
            // Something above was null already, or the function of this field has failed.
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

    /// The field with this key, with all that is selected within it.
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

    /// What a fragment selects, and of which type.
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

/// The members of an object in the order in which they were asked for, each with those of its own.
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

    /// Brings the members of an object, or of the objects of a list, into their order.
    fn order(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.order(item)),
            Value::Object(members) => {
                if !members.keys().eq(self.0.iter().map(|(key, _)| key)) {
                    let place = |key: &Name| self.0.iter().position(|(wanted, _)| wanted == key);
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
    fn what_has_failed_is_null_where_that_is_allowed_and_else_what_holds_it() {
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
    fn members_come_in_the_order_in_which_they_were_asked_for() {
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
