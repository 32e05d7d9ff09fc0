//! Input types of the schema: the types of arguments and input fields.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{InputValueDefinition, Type, TypeKind, TypeSystemDefinition};

/// An input type.
#[derive(Debug)]
pub(crate) enum InputType {
    /// `Int`.
    Int,
    /// `Float`.
    Float,
    /// `Boolean`.
    Boolean,
    /// `ID`: a string or an integer.
    Id,
    /// `JSON`: any JSON, kept as its text.
    Json,
    /// `String`, and every textual scalar of the schema.
    Text,
    /// The values of an enum.
    Enum(Vec<Name>),
    /// The fields of an input object.
    Object(IndexMap<Name, InputField>),
}

/// A field of an input object, or an argument.
#[derive(Debug)]
pub(crate) struct InputField {
    /// Its type.
    pub(crate) of_type: Type,
    /// True if it has a default value.
    has_default: bool,
}

impl InputField {
    /// A field of this type without a default value.
    pub(crate) const fn without_default(of_type: Type) -> Self {
        Self {
            of_type,
            has_default: false,
        }
    }

    /// True if it has a default value.
    pub(crate) const fn has_default(&self) -> bool {
        self.has_default
    }

    /// True if a value is required.
    pub(crate) const fn is_required(&self) -> bool {
        !self.of_type.nullable && !self.has_default
    }
}

/// A field of an object: its type, and the types of its arguments.
#[derive(Debug)]
pub(crate) struct OutputField {
    /// Its type.
    pub(crate) of_type: Type,
    /// Its arguments.
    pub(crate) arguments: HashMap<Name, InputField>,
}

/// The types of the schema against which input is checked.
#[derive(Debug)]
pub(crate) struct InputTypes {
    types: HashMap<Name, InputType>,
    fields: HashMap<Name, HashMap<Name, OutputField>>,
}

impl InputTypes {
    /// The types of a schema in the schema definition language.
    pub(crate) fn read(sdl: &str) -> Self {
        let mut types: HashMap<Name, InputType> = [
            ("Int", InputType::Int),
            ("Float", InputType::Float),
            ("Boolean", InputType::Boolean),
            ("ID", InputType::Id),
            ("String", InputType::Text),
        ]
        .into_iter()
        .map(|(name, of_type)| (Name::new(name), of_type))
        .collect();
        let mut fields = HashMap::new();
        let document = parse_schema(sdl).map(|document| document.definitions);
        for definition in document.unwrap_or_default() {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let name = definition.node.name.node;
            let of_type = match definition.node.kind {
                TypeKind::Scalar if name == "JSON" => InputType::Json,
                TypeKind::Scalar => InputType::Text,
                TypeKind::Enum(of_type) => {
                    let values = of_type.values.into_iter();
                    InputType::Enum(values.map(|value| value.node.value.node).collect())
                }
                TypeKind::InputObject(object) => {
                    let fields = object.fields.into_iter().map(|field| input_field(field.node));
                    InputType::Object(fields.collect())
                }
                TypeKind::Object(object) => {
                    fields.insert(name, object.fields);
                    continue;
                }
                TypeKind::Interface(interface) => {
                    fields.insert(name, interface.fields);
                    continue;
                }
                TypeKind::Union(_) => continue,
            };
            types.insert(name, of_type);
        }
        let fields = fields.into_iter().map(|(name, fields)| {
            let fields = fields.into_iter().map(|field| {
                let arguments = field.node.arguments.into_iter();
                let known = OutputField {
                    of_type: field.node.ty.node,
                    arguments: arguments.map(|argument| input_field(argument.node)).collect(),
                };
                (field.node.name.node, known)
            });
            (name, fields.collect())
        });
        Self {
            fields: fields.collect(),
            types,
        }
    }

    /// The input type with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&InputType> {
        self.types.get(name)
    }

    /// A field of an object.
    pub(crate) fn field(&self, parent: &str, field: &str) -> Option<&OutputField> {
        self.fields.get(parent)?.get(field)
    }
}

fn input_field(field: InputValueDefinition) -> (Name, InputField) {
    let known = InputField {
        of_type: field.ty.node,
        has_default: field.default_value.is_some(),
    };
    (field.name.node, known)
}
