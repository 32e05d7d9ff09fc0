//! Entity tags (RFC 9110, sections 8.8.3 and 13.1): a job's revision in quotes.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

use super::call::Call;
use super::problem::{PartError, Problem};
use crate::domain::id::JobId;
use crate::domain::recurring::RecurringId;
use crate::domain::webhook::EndpointId;
use crate::service::error::ServiceError;

/// The tag of a revision.
pub(super) fn of_revision(revision: u32) -> HeaderValue {
    let text = format!("\"{revision}\"");
    // Digits in quotes are a header's value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// What a conditional header says.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// `*`: whatever there is.
    Any,
    /// One of these.
    Tags(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    /// `None` for a tag that this server never gives.
    revision: Option<u32>,
}

/// What a caller demands of a job before it is changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing, but that it exists.
    Anything,
    /// This revision.
    Revision(u32),
    /// One of several revisions.
    OneOf(Vec<u32>),
}

impl Call {
    /// The revision that the job must have for the change to happen, from `If-Match`.
    pub(super) async fn expected_revision(&self, id: JobId) -> Result<Option<u32>, Problem> {
        let revisions = match expected(self.request.headers())? {
            Expected::Anything => return Ok(None),
            Expected::Revision(revision) => return Ok(Some(revision)),
            Expected::OneOf(revisions) => revisions,
        };
        // A change can be tied to one revision: to the one that the job has, if it is among those that are accepted.
        let actual = self.api.jobs.detail_of_change(&self.caller, id).await?.job.revision;
        if revisions.contains(&actual) {
            Ok(Some(actual))
        } else {
            Err(ServiceError::PreconditionFailed { actual }.into())
        }
    }
}

impl Call {
    /// The revision that the recurring job must have for the change to happen, from `If-Match`.
    pub(super) async fn expected_recurring_revision(&self, id: RecurringId) -> Result<Option<u32>, Problem> {
        let revisions = match expected(self.request.headers())? {
            Expected::Anything => return Ok(None),
            Expected::Revision(revision) => return Ok(Some(revision)),
            Expected::OneOf(revisions) => revisions,
        };
        let actual = self.api.recurring.get_of_change(&self.caller, id).await?.revision;
        if revisions.contains(&actual) {
            Ok(Some(actual))
        } else {
            Err(ServiceError::PreconditionFailed { actual }.into())
        }
    }
}

impl Call {
    /// The revision that the webhook endpoint must have for the change to happen, from `If-Match`.
    pub(super) async fn expected_endpoint_revision(&self, id: EndpointId) -> Result<Option<u32>, Problem> {
        let revisions = match expected(self.request.headers())? {
            Expected::Anything => return Ok(None),
            Expected::Revision(revision) => return Ok(Some(revision)),
            Expected::OneOf(revisions) => revisions,
        };
        let actual = self.api.webhooks.get(&self.caller, id).await?.endpoint.revision;
        if revisions.contains(&actual) {
            Ok(Some(actual))
        } else {
            Err(ServiceError::PreconditionFailed { actual }.into())
        }
    }
}

fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    Ok(match read(headers, &IF_MATCH)? {
        None | Some(Condition::Any) => Expected::Anything,
        Some(Condition::Tags(tags)) => {
            // Weak tags never match here.
            let strong = tags.into_iter().filter(|tag| !tag.is_weak);
            let revisions: Vec<u32> = strong.filter_map(|tag| tag.revision).collect();
            match revisions.as_slice() {
                [revision] => Expected::Revision(*revision),
                _ => Expected::OneOf(revisions),
            }
        }
    })
}

/// Whether the caller has this revision already, by `If-None-Match`.
pub(super) fn is_known(headers: &HeaderMap, revision: u32) -> Result<bool, Problem> {
    Ok(match read(headers, &IF_NONE_MATCH)? {
        None => false,
        Some(Condition::Any) => true,
        Some(Condition::Tags(tags)) => tags.iter().any(|tag| tag.revision == Some(revision)),
    })
}

fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Condition>, Problem> {
    let malformed = || {
        let detail = "write * or tags in double quotes with commas between them, such as \"3\" or \"3\", \"4\"";
        Problem::from(PartError::header(name.as_str(), detail))
    };
    let mut found: Option<Condition> = None;
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| malformed())?.trim();
        let condition = if text == "*" {
            Condition::Any
        } else {
            Condition::Tags(parse_tags(text).ok_or_else(malformed)?)
        };
        found = Some(match (found, condition) {
            (None, condition) => condition,
            (Some(Condition::Tags(mut tags)), Condition::Tags(more)) => {
                tags.extend(more);
                Condition::Tags(tags)
            }
            (Some(_), _) => return Err(malformed()),
        });
    }
    Ok(found)
}

/// Reads `"1", W/"2"`; `None` if it is anything else.
fn parse_tags(text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut rest = text;
    loop {
        let (is_weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if !opaque.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        // Only a number as this server writes it is a revision: "03" is not "3".
        let revision = opaque
            .parse()
            .ok()
            .filter(|revision: &u32| revision.to_string() == opaque);
        tags.push(Tag { is_weak, revision });
        let after = after.trim_start();
        if after.is_empty() {
            return Some(tags);
        }
        rest = after.strip_prefix(',')?.trim_start();
    }
}
