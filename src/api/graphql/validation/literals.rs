//! Checks literals of documents where async-graphql accepts too much: strings as enum values, other values as input
//! objects.
//!
//! Numbers that the parser has kept as text are converted to the type of their place: they stay text in JSON, and
//! become numbers elsewhere.

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet, Type,
};
use async_graphql::{Name, Pos, ServerError};
use async_graphql_value::Value;
use serde_json::Number;

use super::input_types::{InputField, InputType, InputTypes};
use crate::api::graphql::errors;

/// Checks the literals of a document, and converts its numbers.
pub(crate) fn check(types: &InputTypes, document: &mut ExecutableDocument) -> Result<(), ServerError> {
    match &mut document.operations {
        DocumentOperations::Single(operation) => {
            check_operation(types, &mut operation.node)?;
        }
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                check_operation(types, &mut operation.node)?;
            }
        }
    }
    for fragment in document.fragments.values_mut() {
        let fragment = &mut fragment.node;
        check_selections(
            types,
            &fragment.type_condition.node.on.node,
            &mut fragment.selection_set.node,
        )?;
    }
    Ok(())
}

/// The name of the root type of an operation.
pub(crate) const fn root(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

fn check_operation(types: &InputTypes, operation: &mut OperationDefinition) -> Result<(), ServerError> {
    for definition in &mut operation.variable_definitions {
        let definition = &mut definition.node;
        let Some(default) = &mut definition.default_value else {
            continue;
        };
        let mut value = std::mem::take(&mut default.node).into_value();
        let place = format!("${}", definition.name.node);
        check_value(types, &definition.var_type.node, &mut value, &place).map_err(|invalid| invalid.at(default.pos))?;
        // It contains no variables: the parser has rejected them.
        default.node = value.into_const().unwrap_or_default();
    }
    check_selections(types, root(operation.ty), &mut operation.selection_set.node)
}

fn check_selections(types: &InputTypes, parent: &str, set: &mut SelectionSet) -> Result<(), ServerError> {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                let field = &mut field.node;
                // Validation rejects unknown fields.
                let Some(known) = types.field(parent, &field.name.node) else {
                    continue;
                };
                for (name, value) in &mut field.arguments {
                    if let Some(InputField { of_type, .. }) = known.arguments.get(&name.node) {
                        check_value(types, of_type, &mut value.node, &name.node)
                            .map_err(|invalid| invalid.at(value.pos))?;
                    }
                }
                check_selections(types, base_of(&known.of_type), &mut field.selection_set.node)?;
            }
            Selection::InlineFragment(fragment) => {
                let fragment = &mut fragment.node;
                let on = fragment
                    .type_condition
                    .as_ref()
                    .map(|condition| condition.node.on.node.clone());
                let parent = on.as_deref().unwrap_or(parent);
                check_selections(types, parent, &mut fragment.selection_set.node)?;
            }
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

/// The name of a type without its lists.
pub(crate) fn base_of(of_type: &Type) -> &str {
    match &of_type.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => base_of(item),
    }
}

/// A literal that its place does not accept.
struct InvalidLiteral {
    place: String,
    detail: String,
}

impl InvalidLiteral {
    fn at(self, pos: Pos) -> ServerError {
        let error = errors::invalid(&self.place, &self.detail);
        let mut located = ServerError::new(error.message, Some(pos));
        located.extensions = error.extensions;
        located
    }
}

fn check_value(types: &InputTypes, of_type: &Type, value: &mut Value, place: &str) -> Result<(), InvalidLiteral> {
    match (&of_type.base, value) {
        // Validation checks null, and variables are checked with their values.
        (_, Value::Null | Value::Variable(_)) => Ok(()),
        (BaseType::List(item), Value::List(values)) => {
            for (index, value) in values.iter_mut().enumerate() {
                check_value(types, item, value, &format!("{place}.{index}"))?;
            }
            Ok(())
        }
        // A single value in place of a list is a list of one.
        (BaseType::List(item), value) => check_value(types, item, value, place),
        (BaseType::Named(name), value) => match types.named(name) {
            Some(known) => check_named(types, name, known, value, place),
            None => Ok(()),
        },
    }
}

fn check_named(
    types: &InputTypes,
    name: &str,
    known: &InputType,
    value: &mut Value,
    place: &str,
) -> Result<(), InvalidLiteral> {
    let invalid = |detail: String| {
        Err(InvalidLiteral {
            place: place.to_owned(),
            detail: format!("{place} {detail}"),
        })
    };
    match (known, &mut *value) {
        (InputType::Object(fields), Value::Object(members)) => {
            for (member, value) in members {
                if let Some(field) = fields.get(member) {
                    check_value(types, &field.of_type, value, &format!("{place}.{member}"))?;
                }
            }
            Ok(())
        }
        (InputType::Object(_), _) => invalid(format!("is not an input object; expected {name}")),
        (InputType::Enum(values), Value::String(given)) => {
            let given: String = given.chars().take(64).collect();
            invalid(format!(
                "is the string \"{given}\"; allowed are {} without quotes",
                joined(values)
            ))
        }
        (InputType::Int, Value::Binary(text)) => match integer(text) {
            Some(number) => {
                *value = Value::Number(number.into());
                Ok(())
            }
            None => invalid(format!("is {}; allowed are integers of 32 bits", excerpt(text))),
        },
        (InputType::Float, Value::Binary(text)) => match float(text) {
            Some(number) => {
                *value = Value::Number(number);
                Ok(())
            }
            None => invalid(format!("is {}; allowed are numbers of 64 bits", excerpt(text))),
        },
        (InputType::Id, Value::Binary(text)) => match std::str::from_utf8(text) {
            Ok(text) if text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
                *value = Value::String(text.to_owned());
                Ok(())
            }
            Ok(_) | Err(_) => invalid(format!("is {}; allowed are strings and integers", excerpt(text))),
        },
        (InputType::Text | InputType::Boolean | InputType::Enum(_), Value::Binary(text)) => {
            invalid(format!("is {}; expected {name}", excerpt(text)))
        }
        (InputType::Json, value) => match enum_value(value) {
            Some(given) => invalid(format!("has the enum value {given}; in JSON, write strings in quotes")),
            None => Ok(()),
        },
        // Validation checks the others.
        (_, _) => Ok(()),
    }
}

/// An enum value nested in a value.
fn enum_value(value: &Value) -> Option<String> {
    match value {
        Value::Enum(name) => Some(name.chars().take(64).collect()),
        Value::List(values) => values.iter().find_map(enum_value),
        Value::Object(members) => members.values().find_map(enum_value),
        Value::Variable(_)
        | Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_) => None,
    }
}

/// The values of an enum for error messages.
pub(crate) fn joined(values: &[Name]) -> String {
    values.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
}

fn excerpt(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(64).collect()
}

fn integer(text: &[u8]) -> Option<i32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn float(text: &[u8]) -> Option<Number> {
    Number::from_f64(std::str::from_utf8(text).ok()?.parse().ok()?)
}
