//! Responses to changes for callers without the read scope: reduced to ids and statuses.

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use serde_json::{Map, Value};

use super::request::response::ApiResult;
use crate::api::disclosure;
use crate::api::problem::{Problem, ProblemKind};

/// Reduces a response to the members that every caller receives.
pub(super) fn reduce(response: HttpResponse) -> ApiResult {
    let (head, body) = response.into_parts();
    let failed = || {
        tracing::error!("failed to reduce a response for a caller without the read scope");
        let detail = "the change took effect, but its response could not be serialized; see the server's log";
        Problem::new(ProblemKind::Internal, detail)
    };
    let bytes = body.try_into_bytes().map_err(|_| failed())?;
    if bytes.is_empty() {
        return Ok(head.set_body(bytes).map_into_boxed_body());
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| failed())?;
    let text = serde_json::to_vec(&visible(value)).map_err(|_| failed())?;
    Ok(head.set_body(text).map_into_boxed_body())
}

fn visible(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.into_iter().filter_map(visible_member).collect::<Map<_, _>>()),
        Value::Array(items) => items.into_iter().map(visible).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}

fn visible_member((name, value): (String, Value)) -> Option<(String, Value)> {
    if disclosure::is_plain(&name) && is_plain(&value) {
        return Some((name, value));
    }
    let is_nested = disclosure::is_nested(&name) && matches!(value, Value::Object(_) | Value::Array(_));
    is_nested.then(|| (name, visible(value)))
}

/// True for a plain value, or a list of plain values.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_statuses_are_kept() {
        let response = json!({
            "id": "1", "jobId": "1", "status": "pending", "name": "secret", "parameters": { "id": "secret", "status": "secret" },
            "result": ["secret"], "executionHistory": [{ "status": "failed", "error": "secret" }], "revision": 3,
        });
        assert_eq!(
            visible(response),
            json!({ "id": "1", "jobId": "1", "status": "pending" })
        );
    }

    #[test]
    fn lists_of_jobs_are_reduced_item_by_item() {
        let response = json!({
            "jobs": [{ "id": "1", "status": "pending", "error": "secret" }, "secret"], "created": 1, "missing": ["2"],
            "queue": "secret", "status": { "secret": true },
        });
        let left = json!({ "jobs": [{ "id": "1", "status": "pending" }, null], "created": 1, "missing": ["2"] });
        assert_eq!(visible(response), left);
    }
}
