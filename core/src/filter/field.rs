//! Fields of filters, with their names.

use std::sync::Arc;

use super::condition::{Condition, NumberField, TextField, TimeField};

/// Prefix of the names of parameters.
pub(super) const PARAMETER_PREFIX: &str = "param.";
/// Maximum distance of a name that is suggested.
const DISTANCE_MAX: usize = 2;

/// A field in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Status,
    Priority,
    Text(TextField),
    Recurring,
    Fingerprint,
    Node,
    Number(NumberField),
    Time(TimeField),
    Duration,
}

/// All names but those of parameters; the first one of a field is printed.
const NAMES: [(&str, Field); 20] = [
    ("id", Field::Id),
    ("status", Field::Status),
    ("type", Field::Text(TextField::Type)),
    ("queue", Field::Text(TextField::Queue)),
    ("name", Field::Text(TextField::Name)),
    ("priority", Field::Priority),
    ("tag", Field::Text(TextField::Tag)),
    ("error", Field::Text(TextField::Error)),
    ("unique", Field::Text(TextField::Unique)),
    ("recurring", Field::Recurring),
    ("fingerprint", Field::Fingerprint),
    ("node", Field::Node),
    ("worker", Field::Node),
    ("attempt", Field::Number(NumberField::Attempt)),
    ("attempts", Field::Number(NumberField::Attempt)),
    ("retries", Field::Number(NumberField::Retries)),
    ("created", Field::Time(TimeField::Created)),
    ("due", Field::Time(TimeField::Due)),
    ("started", Field::Time(TimeField::Started)),
    ("finished", Field::Time(TimeField::Finished)),
];
/// The name of durations.
const DURATION: &str = "duration";

impl Field {
    /// The field with this name, in any case; `Err` describes the allowed names.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(path) = strip_parameter_prefix(name) {
            return parse_path(path).map(|path| Self::Text(TextField::Parameter(path)));
        }
        if name.eq_ignore_ascii_case(DURATION) {
            return Ok(Self::Duration);
        }
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, field)| field.clone()).ok_or_else(|| unknown(name))
    }

    /// The field of a condition; `None` for a text alone.
    pub(super) fn of(condition: &Condition) -> Option<Self> {
        Some(match condition {
            Condition::Id(_) => Self::Id,
            Condition::Status(_) => Self::Status,
            Condition::Priority(_) => Self::Priority,
            Condition::Text(field, _) => Self::Text(field.clone()),
            Condition::Recurring(_) => Self::Recurring,
            Condition::Fingerprint(_) => Self::Fingerprint,
            Condition::Node(_) => Self::Node,
            Condition::Number(field, _) => Self::Number(*field),
            Condition::Time(field, _) => Self::Time(*field),
            Condition::Duration(_) => Self::Duration,
            Condition::Search(_) => return None,
        })
    }

    /// The name that is printed.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Duration => DURATION.to_owned(),
            Self::Text(TextField::Parameter(path)) => format!("{PARAMETER_PREFIX}{path}"),
            Self::Id
            | Self::Status
            | Self::Priority
            | Self::Text(_)
            | Self::Recurring
            | Self::Fingerprint
            | Self::Node
            | Self::Number(_)
            | Self::Time(_) => {
                let known = NAMES.iter().find(|(_, field)| field == self);
                known.map_or("", |(name, _)| name).to_owned()
            }
        }
    }

    /// Description of the allowed operators.
    pub(super) const fn operators(&self) -> &'static str {
        match self {
            Self::Id | Self::Status | Self::Recurring | Self::Fingerprint | Self::Node => ":",
            Self::Text(TextField::Type | TextField::Name | TextField::Error) => ": and ~",
            Self::Text(TextField::Queue | TextField::Tag | TextField::Unique | TextField::Parameter(_)) => ":",
            Self::Priority | Self::Number(_) | Self::Time(_) | Self::Duration => ":, >, >=, < and <=",
        }
    }

    /// True if its values have an order.
    pub(super) const fn is_ordered(&self) -> bool {
        match self {
            Self::Priority | Self::Number(_) | Self::Time(_) | Self::Duration => true,
            Self::Id | Self::Status | Self::Recurring | Self::Fingerprint | Self::Node | Self::Text(_) => false,
        }
    }

    /// True if parts of its texts are found with `~`.
    pub(super) const fn has_parts(&self) -> bool {
        matches!(self, Self::Text(TextField::Type | TextField::Name | TextField::Error))
    }
}

fn strip_parameter_prefix(name: &str) -> Option<&str> {
    let start = name.get(..PARAMETER_PREFIX.len())?;
    start
        .eq_ignore_ascii_case(PARAMETER_PREFIX)
        .then_some(&name[PARAMETER_PREFIX.len()..])
}

fn parse_path(path: &str) -> Result<Arc<str>, String> {
    if path.split('.').any(str::is_empty) {
        return Err("a parameter is a path such as param.customer.id: names separated by single dots".to_owned());
    }
    Ok(Arc::from(path))
}

fn unknown(name: &str) -> String {
    let given = super::invalid::shortened(name);
    let lower = given.to_lowercase();
    let names = NAMES.iter().map(|(known, _)| *known).chain([DURATION]);
    let nearest = names
        .clone()
        .map(|known| (strsim::levenshtein(&lower, known), known))
        .filter(|(distance, _)| *distance <= DISTANCE_MAX)
        .min();
    let hint = nearest
        .map(|(_, known)| format!(" (did you mean '{known}'?)"))
        .unwrap_or_default();
    let names = names.collect::<Vec<_>>().join(", ");
    format!("'{given}' is not a field{hint}; allowed are {names} and param.PATH, and a text in quotes is searched for")
}
