//! Labels of jobs as they are stored.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::domain::job::labels::Labels;
use crate::domain::values::name::Tag;

/// The label of a tag. No path of a parameter starts with this character.
pub(crate) fn of_tag(tag: &str) -> String {
    format!("#{tag}")
}

/// The label of a parameter. No path contains this character.
pub(crate) fn of_parameter(path: &str, value: &str) -> String {
    format!("{path}={value}")
}

/// The JSON of labels.
pub(crate) fn to_stored(labels: Option<&Labels>) -> Option<String> {
    let Labels { tags, parameters } = labels?;
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    let parameters = parameters
        .iter()
        .map(|(path, value)| (path.to_string(), Value::from(&**value)));
    Some(json!({ "tags": tags, "parameters": Map::from_iter(parameters) }).to_string())
}

/// The labels of JSON; `None` if another program has written something else.
pub(crate) fn from_stored(text: &str) -> Option<Arc<Labels>> {
    let stored: Value = serde_json::from_str(text).ok()?;
    let tags = stored.get("tags").and_then(Value::as_array).into_iter().flatten();
    let parameters = stored
        .get("parameters")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    Some(Arc::new(Labels {
        tags: tags.filter_map(Value::as_str).map(Tag::from_stored).collect(),
        parameters: parameters
            .filter_map(|(path, value)| Some((Arc::from(path.as_str()), Arc::from(value.as_str()?))))
            .collect(),
    }))
}

/// Tags as a JSON array; `None` for none.
pub(crate) fn tags_text(tags: &[Tag]) -> Option<String> {
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    (!tags.is_empty()).then(|| Value::from(tags).to_string())
}

/// The tags of a JSON array.
pub(crate) fn tags_of(text: Option<&str>) -> Vec<Tag> {
    let tags: Vec<String> = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    tags.into_iter().map(Tag::from_stored).collect()
}
