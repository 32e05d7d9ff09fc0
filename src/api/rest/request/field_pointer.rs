//! JSON pointers of fields with two possible places.

/// JSON pointer of a field of a new job: top-level, or in `options`. `parent` is the pointer of the job.
pub(crate) fn field_pointer(bytes: &[u8], parent: &str, field: &str) -> String {
    let body: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let is_given = |pointer: &str| body.pointer(pointer).is_some_and(|value| !value.is_null());
    let (top, nested) = (format!("{parent}/{field}"), format!("{parent}/options/{field}"));
    if !is_given(&top) && is_given(&nested) {
        nested
    } else {
        top
    }
}
