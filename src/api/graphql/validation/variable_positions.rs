//! Checks that variables are used where their types are allowed (GraphQL, section 5.8.5). async-graphql does not check
//! this.

use std::collections::HashSet;

use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type, VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned, ServerError};
use async_graphql_value::Value;

use super::input_types::{InputField, InputType, InputTypes};
use super::literals::{base_of, root};
use crate::api::graphql::errors;

/// Rejects a document that uses a variable in a place of another type.
pub(crate) fn check(types: &InputTypes, document: &ExecutableDocument) -> Result<(), ServerError> {
    for (_, operation) in document.operations.iter() {
        let OperationDefinition {
            ty,
            variable_definitions,
            selection_set,
            ..
        } = &operation.node;
        if variable_definitions.is_empty() {
            continue;
        }
        let mut walk = Walk {
            types,
            document,
            definitions: variable_definitions,
            entered: HashSet::new(),
            condition: InputField::without_default(Type {
                base: BaseType::Named(Name::new("Boolean")),
                nullable: false,
            }),
        };
        walk.directives(&operation.node.directives)?;
        walk.enter(root(*ty), &selection_set.node)?;
    }
    Ok(())
}

struct Walk<'a> {
    types: &'a InputTypes,
    document: &'a ExecutableDocument,
    definitions: &'a [Positioned<VariableDefinition>],
    /// Fragments that were checked: their types do not depend on where they are spread.
    entered: HashSet<&'a Name>,
    /// Argument of `@include(if:)` and `@skip(if:)`, the only directives with arguments in documents.
    condition: InputField,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, parent: &str, set: &'a SelectionSet) -> Result<(), ServerError> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    self.directives(&field.directives)?;
                    // Validation rejects unknown fields.
                    let Some(known) = self.types.field(parent, &field.name.node) else {
                        continue;
                    };
                    for (name, value) in &field.arguments {
                        if let Some(place) = known.arguments.get(&name.node) {
                            self.value(place, &place.of_type, &value.node, value.pos)?;
                        }
                    }
                    self.enter(base_of(&known.of_type), &field.selection_set.node)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives)?;
                    let on = fragment.node.type_condition.as_ref();
                    let on = on.map_or(parent, |condition| &*condition.node.on.node);
                    self.enter(on, &fragment.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.node.directives)?;
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && self.entered.insert(name)
                    {
                        self.directives(&fragment.node.directives)?;
                        let on = &fragment.node.type_condition.node.on.node;
                        self.enter(on, &fragment.node.selection_set.node)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Result<(), ServerError> {
        let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        arguments
            .filter(|(name, _)| name.node == "if")
            .try_for_each(|(_, value)| self.value(&self.condition, &self.condition.of_type, &value.node, value.pos))
    }

    fn value(&self, place: &InputField, of_type: &Type, value: &Value, pos: Pos) -> Result<(), ServerError> {
        match (value, &of_type.base) {
            (Value::Variable(name), _) => self.variable(place, of_type, name, pos),
            (Value::List(values), BaseType::List(item)) => {
                let place = InputField::without_default(Type::clone(item));
                values.iter().try_for_each(|value| self.value(&place, item, value, pos))
            }
            // A single value in place of a list is a list of one.
            (value, BaseType::List(item)) => self.value(place, item, value, pos),
            (Value::Object(members), BaseType::Named(name)) => match self.types.named(name) {
                Some(InputType::Object(fields)) => {
                    members.iter().try_for_each(|(name, value)| match fields.get(name) {
                        Some(field) => self.value(field, &field.of_type, value, pos),
                        None => Ok(()),
                    })
                }
                // JSON accepts variables of any type.
                Some(_) | None => Ok(()),
            },
            (_, BaseType::Named(_)) => Ok(()),
        }
    }

    fn variable(&self, place: &InputField, of_type: &Type, name: &Name, pos: Pos) -> Result<(), ServerError> {
        let definition = self
            .definitions
            .iter()
            .find(|definition| definition.node.name.node == *name);
        // Validation rejects undefined variables.
        let Some(definition) = definition.map(|definition| &definition.node) else {
            return Ok(());
        };
        let given = &definition.var_type.node;
        let default = definition.default_value.as_ref().map(|default| &default.node);
        let has_value = default.is_some_and(|default| *default != async_graphql::Value::Null) || place.has_default();
        let is_allowed = if !of_type.nullable && given.nullable {
            has_value
                && fits(
                    &Type {
                        nullable: true,
                        ..of_type.clone()
                    },
                    given,
                )
        } else {
            fits(of_type, given)
        };
        if is_allowed {
            return Ok(());
        }
        let message = format!("the variable ${name} is {given}; its position requires {of_type}");
        let error = errors::invalid(name, &message);
        let mut located = ServerError::new(error.message, Some(pos));
        located.extensions = error.extensions;
        Err(located)
    }
}

/// True if a variable of a type may be used where another is expected.
fn fits(expected: &Type, given: &Type) -> bool {
    if !expected.nullable && given.nullable {
        return false;
    }
    match (&expected.base, &given.base) {
        (BaseType::List(expected), BaseType::List(given)) => fits(expected, given),
        (BaseType::Named(expected), BaseType::Named(given)) => expected == given,
        (BaseType::List(_), BaseType::Named(_)) | (BaseType::Named(_), BaseType::List(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::graphql::parser::parse;

    const SDL: &str = "
        type Query { a(int: Int, sure: Int!, list: [Int!], item: In, any: JSON, id: ID): Thing }
        type Thing { b(int: Int): Thing }
        input In { int: Int! texts: [String!] inner: In }
        scalar JSON
    ";

    fn is_allowed(text: &str) -> bool {
        let document = parse(text).expect("a document");
        check(&InputTypes::read(SDL), &document).is_ok()
    }

    #[test]
    fn a_variable_is_accepted_where_its_type_is_allowed() {
        for text in [
            "query($v: Int) { a(int: $v) }",
            "query($v: Int!) { a(int: $v, sure: $v) { b(int: $v) } }",
            "query($v: Int = 3) { a(sure: $v) }",
            "query($v: [Int!]!) { a(list: $v) }",
            "query($v: Int!) { a(list: [$v, 1]) }",
            "query($v: Int!) { a(list: $v) }",
            "query($v: In) { a(item: $v) }",
            "query($v: Int!, $t: String!) { a(item: {inner: {int: $v, texts: [$t]}, int: 1}) }",
            "query($v: String) { a(any: {x: [$v]}) }",
            "query($v: Int) { ...f } fragment f on Query { a { ... on Thing { b(int: $v) } } }",
            "query($v: Boolean!) { a @include(if: $v) { b @skip(if: $v) } }",
            "query($v: Boolean = true) { a @include(if: $v) }",
        ] {
            // A single value in place of a list is checked with the values, not with the variables.
            let expected = text != "query($v: Int!) { a(list: $v) }";
            assert_eq!(is_allowed(text), expected, "{text}");
        }
        for text in [
            "query($v: String) { a(int: $v) }",
            "query($v: Int) { a(sure: $v) }",
            "query($v: Int = null) { a(sure: $v) }",
            "query($v: [Int]) { a(list: $v) }",
            "query($v: Int) { a(list: [$v]) }",
            "query($v: [Int!]) { a(int: $v) }",
            "query($v: String) { a(any: $v) }",
            "query($v: String) { a(id: $v) }",
            "query($v: Int) { a(item: {int: $v}) }",
            "query($v: Int!) { a(item: {inner: {texts: [$v], int: 1}, int: 1}) }",
            "query($v: String) { ...f } fragment f on Query { a { ... on Thing { b(int: $v) } } }",
            "query($v: String!) { a @include(if: $v) }",
            "query($v: Boolean) { a @skip(if: $v) }",
            "query($v: Int!) { ... @include(if: $v) { a } }",
            "query($v: Int!) { ...f @include(if: $v) } fragment f on Query { a }",
            "query A { a } query B($v: String) { a(int: $v) }",
        ] {
            assert!(!is_allowed(text), "{text}");
        }
    }
}
