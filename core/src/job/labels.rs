//! Labels of jobs, by which they are found: tags, and the values of searchable parameters.

use std::sync::Arc;

use serde_json::Value;

use crate::values::json::Json;
use crate::values::name::Tag;

/// Maximum number of tags of a job.
pub const TAGS_MAX: usize = 10;
/// Maximum number of searchable parameters of a job type.
pub const SEARCHABLE_MAX: usize = 10;
/// Maximum length of a value that is searchable, in characters. Longer values are not found.
pub const VALUE_LENGTH_MAX: usize = 200;
/// Maximum length of a path, in characters.
const PATH_LENGTH_MAX: usize = 100;

/// The labels of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Its tags, each once, in their order.
    pub tags: Vec<Tag>,
    /// The paths of its searchable parameters, with their values as texts.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
}

impl Labels {
    /// The labels of a job with these tags and parameters; `None` without any.
    pub fn of(mut tags: Vec<Tag>, parameters: &Json, searchable: &[Arc<str>]) -> Option<Arc<Self>> {
        if tags.is_empty() && searchable.is_empty() {
            return None;
        }
        tags.sort_unstable();
        tags.dedup();
        let labels = Self {
            tags,
            parameters: values_of(parameters, searchable),
        };
        (labels != Self::default()).then(|| Arc::new(labels))
    }

    /// The same labels with other tags; `None` without any.
    pub fn with_tags(&self, tags: Vec<Tag>) -> Option<Arc<Self>> {
        let mut labels = Self {
            tags,
            parameters: self.parameters.clone(),
        };
        labels.tags.sort_unstable();
        labels.tags.dedup();
        (labels != Self::default()).then(|| Arc::new(labels))
    }

    /// The value of the parameter at a path.
    pub fn parameter(&self, path: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| **known == *path);
        found.map(|(_, value)| &**value)
    }
}

/// The values at these paths that are texts, numbers or truth values.
fn values_of(parameters: &Json, searchable: &[Arc<str>]) -> Vec<(Arc<str>, Arc<str>)> {
    if searchable.is_empty() {
        return Vec::new();
    }
    let Ok(parameters) = serde_json::from_str::<Value>(parameters.as_str()) else {
        return Vec::new();
    };
    let values = searchable.iter().filter_map(|path| {
        let value = path.split('.').try_fold(&parameters, |value, name| match value {
            Value::Object(members) => members.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })?;
        let text: Arc<str> = match value {
            Value::String(text) => Arc::from(text.as_str()),
            Value::Number(number) => Arc::from(number.to_string()),
            Value::Bool(value) => Arc::from(if *value { "true" } else { "false" }),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let is_searchable = text.chars().count() <= VALUE_LENGTH_MAX && !text.chars().any(char::is_control);
        is_searchable.then(|| (Arc::clone(path), text))
    });
    values.collect()
}

/// Checks the number of tags.
pub fn check_tags(count: usize) -> Result<(), String> {
    if count > TAGS_MAX {
        return Err(format!("tags has {count} entries; at most {TAGS_MAX} are allowed"));
    }
    Ok(())
}

/// Checks the path of a searchable parameter: names separated by dots.
pub fn check_path(path: &str) -> Result<(), String> {
    let is_name = |name: &str| {
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '$' | '@' | '/');
        !name.is_empty() && name.chars().all(is_part)
    };
    if path.chars().count() <= PATH_LENGTH_MAX && path.split('.').all(is_name) {
        return Ok(());
    }
    let given: String = path.chars().take(64).collect();
    Err(format!(
        "'{given}' is not the path of a parameter; allowed are names of letters, digits and _ - $ @ / separated by dots, \
         such as customer.id, with at most {PATH_LENGTH_MAX} characters"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<Arc<str>> {
        paths.iter().map(|path| Arc::from(*path)).collect()
    }

    #[test]
    fn values_at_paths_are_labels() {
        let json = r#"{"customer": {"id": 4711, "name": "Ann"}, "items": [{"sku": "x"}], "paid": true, "none": null}"#;
        let json = Json::from_valid(json);
        let searchable = paths(&[
            "customer.id",
            "customer.name",
            "items.0.sku",
            "paid",
            "none",
            "customer",
            "missing.id",
        ]);
        let labels = Labels::of(Vec::new(), &json, &searchable).expect("labels");
        let of = |path| labels.parameter(path);
        assert_eq!((of("customer.id"), of("customer.name")), (Some("4711"), Some("Ann")));
        assert_eq!((of("items.0.sku"), of("paid")), (Some("x"), Some("true")));
        assert_eq!(labels.parameters.len(), 4);
    }

    #[test]
    fn a_job_without_tags_and_values_has_no_labels() {
        let json = Json::from_valid(r#"{"a": "x"}"#);
        assert_eq!(Labels::of(Vec::new(), &json, &[]), None);
        assert_eq!(Labels::of(Vec::new(), &json, &paths(&["b"])), None);
        let long = Json::from_valid(format!(r#"{{"a": "{}"}}"#, "x".repeat(201)));
        assert_eq!(Labels::of(Vec::new(), &long, &paths(&["a"])), None);
        let tags = ["vip", "eu", "vip"].map(|tag| Tag::parse(tag).expect("a tag"));
        let labels = Labels::of(tags.to_vec(), &json, &[]).expect("labels");
        assert_eq!(labels.tags, ["eu", "vip"].map(|tag| Tag::parse(tag).expect("a tag")));
    }

    #[test]
    fn a_path_is_names_separated_by_dots() {
        for path in ["a", "customer.id", "items.0.sku", "$type", "a/b", "größe"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for path in ["", ".", "a.", "a..b", "a b", "a=b", "a:b", "a#b"] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }
}
