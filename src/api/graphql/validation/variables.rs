//! Parses the values of variables by their types (GraphQL, section 6.1.2).
//!
//! async-graphql parses them as arbitrary JSON and checks only those that are complete arguments. Here each is parsed
//! by its type: `JSON` keeps its text, as [`ConstValue::Binary`], and all other values have exactly their type.

use std::fmt;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type, VariableDefinition};
use async_graphql::{Error, Name, Positioned, Value, Variables};
use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Number;
use serde_json::value::RawValue;

use super::input_types::{InputType, InputTypes};
use super::literals::joined;
use crate::api::graphql::errors;

/// Maximum number of items of a list: a value takes many times the two bytes of its shortest text.
const ITEMS_MAX: usize = 100_000;

/// A JSON object as the texts of its members, in their order. Names are unique.
struct Members<'a>(IndexMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = IndexMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = IndexMap::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if members.contains_key(&name) {
                        let name: String = name.chars().take(64).collect();
                        return Err(de::Error::custom(format!("the field '{name}' is given twice")));
                    }
                    members.insert(name, value);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

/// The values of the variables that an operation defines; `given` is a JSON object.
pub(crate) fn read(
    types: &InputTypes,
    definitions: &[Positioned<VariableDefinition>],
    given: Option<&RawValue>,
) -> Result<Variables, Error> {
    let given = match given {
        Some(given) => members("variables", given)?,
        None => IndexMap::new(),
    };
    let mut variables = Variables::default();
    for definition in definitions {
        let definition = &definition.node;
        let (name, of_type) = (&definition.name.node, &definition.var_type.node);
        let place = format!("variables.{name}");
        match given.get(name.as_str()) {
            Some(text) => {
                let value = read_value(types, of_type, text, &place)?;
                variables.insert(name.clone(), value);
            }
            // async-graphql ignores default values in the conditions of @include and @skip.
            None => match &definition.default_value {
                Some(default) => {
                    variables.insert(name.clone(), default.node.clone());
                }
                None if of_type.nullable => {}
                None => {
                    let detail = format!("the variable ${name} has no value; it must be {of_type}");
                    return Err(errors::invalid(&place, &detail));
                }
            },
        }
    }
    Ok(variables)
}

fn members<'a>(place: &str, text: &'a RawValue) -> Result<IndexMap<String, &'a RawValue>, Error> {
    match serde_json::from_str::<Members<'a>>(text.get()) {
        Ok(Members(members)) => Ok(members),
        Err(error) => Err(errors::invalid(
            place,
            &format!("{place}: {}", without_position(&error)),
        )),
    }
}

/// The message of an error without its position in a text that is not the caller's.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).map_or(message.clone(), str::to_owned)
}

fn read_value(types: &InputTypes, of_type: &Type, text: &RawValue, place: &str) -> Result<Value, Error> {
    if text.get() == "null" {
        if of_type.nullable {
            return Ok(Value::Null);
        }
        return Err(mismatch(place, text, &of_type.to_string()));
    }
    match &of_type.base {
        BaseType::List(item) if text.get().starts_with('[') => {
            let values: Vec<&RawValue> =
                serde_json::from_str(text.get()).map_err(|_| mismatch(place, text, &of_type.to_string()))?;
            if values.len() > ITEMS_MAX {
                let detail = format!("{place} has {} items; allowed are {ITEMS_MAX}", values.len());
                return Err(errors::invalid(place, &detail));
            }
            let values = values.iter().enumerate();
            let values = values.map(|(index, text)| read_value(types, item, text, &format!("{place}.{index}")));
            Ok(Value::List(values.collect::<Result<_, _>>()?))
        }
        // A single value in place of a list is a list of one.
        BaseType::List(item) => Ok(Value::List(vec![read_value(types, item, text, place)?])),
        BaseType::Named(name) => match types.named(name) {
            Some(known) => read_named(types, name, known, text, place),
            // Validation rejects unknown input types.
            None => Ok(Value::Null),
        },
    }
}

fn read_named(types: &InputTypes, name: &str, known: &InputType, text: &RawValue, place: &str) -> Result<Value, Error> {
    let mismatch_with = |expected: &str| mismatch(place, text, expected);
    match known {
        InputType::Json => Ok(Value::Binary(Bytes::copy_from_slice(text.get().as_bytes()))),
        InputType::Int => {
            let number = integer(text.get()).and_then(|number| i32::try_from(number).ok());
            number
                .map(Value::from)
                .ok_or_else(|| mismatch_with("an integer of 32 bits"))
        }
        InputType::Float => {
            let number = number(text.get()).and_then(|number| Number::from_f64(number.as_f64()?));
            number
                .map(Value::Number)
                .ok_or_else(|| mismatch_with("a number of 64 bits"))
        }
        InputType::Boolean => match text.get() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(mismatch_with("true or false")),
        },
        InputType::Id => match text.get().as_bytes() {
            [b'"', ..] => string(text, place),
            digits if digits.iter().all(|byte| *byte == b'-' || byte.is_ascii_digit()) => {
                Ok(Value::String(text.get().to_owned()))
            }
            _ => Err(mismatch_with("a string or an integer")),
        },
        InputType::Text if text.get().starts_with('"') => string(text, place),
        InputType::Text if name == "String" => Err(mismatch_with("a string")),
        InputType::Text => Err(mismatch_with(&format!("a string: {name}"))),
        InputType::Enum(values) => {
            let given: Option<String> = serde_json::from_str(text.get()).ok();
            let value = given.and_then(|given| values.iter().find(|value| value.as_str() == given));
            value
                .map(|value| Value::Enum(Name::clone(value)))
                .ok_or_else(|| mismatch_with(&format!("one of {}", joined(values))))
        }
        InputType::Object(fields) => {
            if !text.get().starts_with('{') {
                return Err(mismatch_with(&format!("an object: {name}")));
            }
            let mut given = members(place, text)?;
            let mut values = IndexMap::with_capacity(given.len());
            for (field_name, field) in fields {
                let place = format!("{place}.{field_name}");
                match given.shift_remove(field_name.as_str()) {
                    Some(text) => {
                        let value = read_value(types, &field.of_type, text, &place)?;
                        values.insert(field_name.clone(), value);
                    }
                    None if field.is_required() => {
                        let detail = format!("{place} is missing; it must be {}", field.of_type);
                        return Err(errors::invalid(&place, &detail));
                    }
                    None => {}
                }
            }
            match given.keys().next() {
                None => Ok(Value::Object(values)),
                Some(unknown) => {
                    let unknown: String = unknown.chars().take(64).collect();
                    let names: Vec<&str> = fields.keys().map(Name::as_str).collect();
                    let detail = format!("{name} has no field '{unknown}'; it has {}", names.join(", "));
                    Err(errors::invalid(&format!("{place}.{unknown}"), &detail))
                }
            }
        }
    }
}

fn string(text: &RawValue, place: &str) -> Result<Value, Error> {
    match serde_json::from_str(text.get()) {
        Ok(text) => Ok(Value::String(text)),
        // Half of a surrogate pair is valid JSON, but not Unicode.
        Err(error) => Err(errors::invalid(
            place,
            &format!("{place} is not valid Unicode: {}", without_position(&error)),
        )),
    }
}

fn number(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok()
}

/// The integer of a JSON number, written with or without a fraction.
fn integer(text: &str) -> Option<i64> {
    let number = number(text)?;
    number
        .as_i64()
        .or_else(|| crate::api::strict_json::integer(number.as_f64()?))
}

fn mismatch(place: &str, text: &RawValue, expected: &str) -> Error {
    let mut excerpt: String = text.get().chars().take(64).collect();
    if excerpt.len() < text.get().len() {
        excerpt.push('…');
    }
    errors::invalid(place, &format!("{place} is {excerpt}; allowed is {expected}"))
}
