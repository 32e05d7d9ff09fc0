//! Entity tags (RFC 9110, sections 8.8.3 and 13.1): a job's revision in quotes.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

use super::context::RequestContext;
use crate::api::problem::{PartError, Problem};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::values::name::RecurringKey;
use crate::service::error::ServiceError;
use crate::service::recurring::PutIf;

/// The tag of a revision.
pub(crate) fn of_revision(revision: u32) -> HeaderValue {
    let text = format!("\"{revision}\"");
    // Digits in quotes are valid in a header.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Value of a conditional header.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// `*`: any revision.
    Any,
    /// One of these tags.
    Tags(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    /// `None` for a tag that this server never generates.
    revision: Option<u32>,
}

/// Precondition of a change by `If-Match`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// None: there is no `If-Match`.
    Anything,
    /// Any revision of an existing resource.
    Exists,
    /// This revision.
    Revision(u32),
    /// One of several revisions.
    OneOf(Vec<u32>),
}

impl RequestContext {
    /// The revision that the job must have for the change, from `If-Match` and `If-None-Match`.
    pub(crate) async fn expected_revision(&self, id: JobId) -> Result<Option<u32>, Problem> {
        let conditions = Conditions::read(self.request.headers())?;
        if let Some(expected) = conditions.alone() {
            return Ok(expected);
        }
        conditions.check(self.api.jobs.revision(&self.caller, id).await?)
    }

    /// The revision that the recurring job must have for the change.
    pub(crate) async fn expected_recurring_revision(&self, id: RecurringId) -> Result<Option<u32>, Problem> {
        let conditions = Conditions::read(self.request.headers())?;
        if let Some(expected) = conditions.alone() {
            return Ok(expected);
        }
        conditions.check(self.api.recurring.get_of_change(&self.caller, id).await?.revision)
    }

    /// The precondition of a change of the recurring job with this key.
    pub(crate) async fn expected_recurring_of_key(&self, key: &RecurringKey) -> Result<PutIf, Problem> {
        let conditions = Conditions::read(self.request.headers())?;
        match (&conditions.expected, &conditions.unwanted) {
            (Expected::Anything, None) => return Ok(PutIf::Always),
            (Expected::Exists, None) => return Ok(PutIf::Exists),
            (Expected::Revision(revision), None) => return Ok(PutIf::Revision(*revision)),
            (Expected::Anything, Some(Condition::Any)) => return Ok(PutIf::Absent),
            (Expected::OneOf(_), _) | (_, Some(_)) => {}
        }
        match self.api.recurring.find_by_key(&self.caller, key).await? {
            Some(recurring) => Ok(match conditions.check(recurring.revision)? {
                Some(revision) => PutIf::Revision(revision),
                None if conditions.expected == Expected::Exists => PutIf::Exists,
                None => PutIf::Always,
            }),
            None if conditions.expected == Expected::Anything => Ok(PutIf::Absent),
            None => Err(ServiceError::PreconditionFailed { actual: None }.into()),
        }
    }

    /// The revision that the webhook endpoint must have for the change.
    pub(crate) async fn expected_endpoint_revision(&self, id: EndpointId) -> Result<Option<u32>, Problem> {
        let conditions = Conditions::read(self.request.headers())?;
        if let Some(expected) = conditions.alone() {
            return Ok(expected);
        }
        conditions.check(self.api.webhooks.get(&self.caller, id).await?.endpoint.revision)
    }
}

/// The preconditions of a change.
#[derive(Debug, PartialEq, Eq)]
struct Conditions {
    expected: Expected,
    /// Tags that the resource must not have, from `If-None-Match`.
    unwanted: Option<Condition>,
}

impl Conditions {
    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            expected: expected(headers)?,
            unwanted: read(headers, &IF_NONE_MATCH)?,
        })
    }

    /// The revision to which the change is bound, if it does not depend on the resource's.
    fn alone(&self) -> Option<Option<u32>> {
        match (&self.expected, &self.unwanted) {
            (Expected::Anything | Expected::Exists, None) => Some(None),
            (Expected::Revision(revision), None) => Some(Some(*revision)),
            (Expected::OneOf(_), _) | (_, Some(_)) => None,
        }
    }

    /// The revision to which the change is bound, given the resource's; an error if a condition fails (RFC 9110,
    /// section 13.2.2). A change is bound to one revision: the resource's, if it is among the expected ones.
    fn check(&self, actual: u32) -> Result<Option<u32>, Problem> {
        let tied = match &self.expected {
            Expected::Anything | Expected::Exists => Some(None),
            Expected::Revision(revision) => Some(Some(*revision)).filter(|_| *revision == actual),
            Expected::OneOf(revisions) => Some(Some(actual)).filter(|_| revisions.contains(&actual)),
        };
        let is_unwanted = match &self.unwanted {
            None => false,
            Some(Condition::Any) => true,
            Some(Condition::Tags(tags)) => tags.iter().any(|tag| tag.revision == Some(actual)),
        };
        tied.filter(|_| !is_unwanted)
            .ok_or_else(|| ServiceError::PreconditionFailed { actual: Some(actual) }.into())
    }
}

fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    Ok(match read(headers, &IF_MATCH)? {
        None => Expected::Anything,
        Some(Condition::Any) => Expected::Exists,
        Some(Condition::Tags(tags)) => {
            // Weak tags never match in `If-Match`.
            let strong = tags.into_iter().filter(|tag| !tag.is_weak);
            let revisions: Vec<u32> = strong.filter_map(|tag| tag.revision).collect();
            match revisions.as_slice() {
                [revision] => Expected::Revision(*revision),
                _ => Expected::OneOf(revisions),
            }
        }
    })
}

/// True if the caller's copy has this revision, by `If-None-Match`.
pub(crate) fn is_known(headers: &HeaderMap, revision: u32) -> Result<bool, Problem> {
    Ok(match read(headers, &IF_NONE_MATCH)? {
        None => false,
        Some(Condition::Any) => true,
        Some(Condition::Tags(tags)) => tags.iter().any(|tag| tag.revision == Some(revision)),
    })
}

fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Condition>, Problem> {
    let malformed = || {
        let detail = "allowed are * and tags in double quotes separated by commas, such as \"3\" or \"3\", \"4\"";
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

/// Parses `"1", W/"2"`; `None` for other texts.
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
        // Only the server's own notation is a revision: "03" is not "3".
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_rejected_when_one_of_its_conditions_fails() {
        for (if_match, if_none_match, expected) in [
            (None, Some("*"), None),
            (None, Some("\"3\""), None),
            (None, Some("W/\"3\""), None),
            (None, Some("\"2\", \"3\""), None),
            (None, Some("\"2\""), Some(None)),
            (None, Some("\"other\""), Some(None)),
            (Some("*"), Some("*"), None),
            (Some("\"3\""), Some("\"2\""), Some(Some(3))),
            (Some("\"2\""), Some("\"1\""), None),
            (Some("\"2\", \"3\""), None, Some(Some(3))),
            (Some("\"1\", \"2\""), None, None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(IF_MATCH, if_match), (IF_NONE_MATCH, if_none_match)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let conditions = Conditions::read(&headers).expect("conditions");
            assert_eq!(conditions.alone(), None);
            assert_eq!(conditions.check(3).ok(), expected, "{if_match:?} {if_none_match:?}");
        }
    }
}
