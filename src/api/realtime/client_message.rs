//! Messages of WebSocket clients: topics and their filters.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::api::contract::job_filter::parse_event_filter;
use crate::api::strict_json::Strict;
use crate::domain::access::allowance::RateExceeded;
use crate::domain::events::event::Topic;
use crate::domain::events::filter::{EventClause, EventFilter};
use crate::domain::filter::JobFilter;
use crate::domain::values::id::JobId;
use crate::domain::values::name::{JobType, QueueName};

/// Topics and their names.
const TOPICS: [(&str, Topic); 5] = [
    ("job-status", Topic::Jobs),
    ("queue-metrics", Topic::QueueMetrics),
    ("system-metrics", Topic::SystemMetrics),
    ("system-health", Topic::SystemHealth),
    ("operations", Topic::Operations),
];

/// Maximum number of names in one condition of a filter.
const NAMES_MAX: usize = 100;

/// Type of the messages of a topic; `None` for topics without subscriptions.
pub(super) const fn message_type(topic: Topic) -> Option<&'static str> {
    match topic {
        Topic::Jobs => Some("job-status-changed"),
        Topic::QueueMetrics => Some("queue-metrics-updated"),
        Topic::SystemMetrics => Some("system-metrics-updated"),
        Topic::SystemHealth => Some("system-health-alert"),
        Topic::Operations => Some("operation-changed"),
        Topic::Queues => None,
    }
}

/// Error response to a message: a code for programs, and a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct MessageError {
    pub code: &'static str,
    pub message: String,
}

impl MessageError {
    /// A message that can't be parsed.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self {
            code: "malformed",
            message: message.into(),
        }
    }

    /// The caller has made as many requests as it may.
    pub(super) fn rate_limited(exceeded: &RateExceeded) -> Self {
        Self {
            code: "too-many-requests",
            message: exceeded.to_string(),
        }
    }

    /// The caller, or all callers, have as many subscriptions as they may.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self {
            code: "busy",
            message: message.into(),
        }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: "invalid",
            message: message.into(),
        }
    }
}

/// Action of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Subscribe to the topics.
    Subscribe,
    /// Unsubscribe from the topics.
    Unsubscribe,
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientMessage {
    pub action: Action,
    /// Names of the topics.
    pub topics: Vec<&'static str>,
    clauses: Vec<EventClause>,
    is_narrowed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMessage {
    action: Option<String>,
    topics: Option<Names>,
    filter: Option<RawFilter>,
}

#[derive(Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "an object with jobId, queue, type or query"
)]
struct RawFilter {
    job_id: Option<Names>,
    queue: Option<Names>,
    #[serde(rename = "type")]
    job_type: Option<Names>,
    query: Option<String>,
}

/// One name, or a list of them.
#[derive(Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(vec![name.to_owned()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = elements.next_element::<String>()? {
                    if names.len() == NAMES_MAX {
                        return Err(de::Error::custom(format_args!("at most {NAMES_MAX} names are allowed")));
                    }
                    names.push(name);
                }
                Ok(names)
            }
        }

        deserializer.deserialize_any(NamesVisitor).map(Names)
    }
}

impl ClientMessage {
    /// Parses a message.
    pub(super) fn parse(text: &[u8]) -> Result<Self, MessageError> {
        // serde would read an array as an object's fields in their order.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(MessageError::malformed(
                "a message is a JSON object, such as {\"action\": \"subscribe\", \"topics\": [\"job-status\"]}",
            ));
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let raw: RawMessage = serde_path_to_error::deserialize(Strict(&mut json)).map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." {
                String::new()
            } else {
                format!("{place}: ")
            };
            MessageError::malformed(format!("{place}{}", error.inner()))
        })?;
        json.end()
            .map_err(|_| MessageError::malformed("a message is one JSON object without trailing text"))?;
        let RawMessage { action, topics, filter } = raw;
        let action = match action.as_deref() {
            Some("subscribe") => Action::Subscribe,
            Some("unsubscribe") => Action::Unsubscribe,
            Some(other) => {
                return Err(MessageError::invalid(format!(
                    "action: '{}' is not allowed; allowed are subscribe and unsubscribe",
                    shorten(other)
                )));
            }
            None => {
                return Err(MessageError::invalid(
                    "action is missing; allowed are subscribe and unsubscribe",
                ));
            }
        };
        let topics = read_topics(&topics.unwrap_or_default())?;
        let is_narrowed = filter.is_some();
        let conditions = Conditions::read(filter.unwrap_or_default())?;
        conditions.check(&topics)?;
        Ok(Self {
            action,
            clauses: topics.iter().map(|(_, topic)| conditions.clause(*topic)).collect(),
            topics: topics.into_iter().map(|(name, _)| name).collect(),
            is_narrowed,
        })
    }
}

fn read_topics(Names(names): &Names) -> Result<Vec<(&'static str, Topic)>, MessageError> {
    let allowed = || TOPICS.map(|(name, _)| name).join(", ");
    if names.is_empty() {
        return Err(MessageError::invalid(format!(
            "topics is missing or empty; allowed are {}",
            allowed()
        )));
    }
    let find = |name: &String| {
        let found = TOPICS.into_iter().find(|(topic, _)| topic == name);
        found.ok_or_else(|| {
            MessageError::invalid(format!(
                "topics: unknown topic '{}'; allowed are {}",
                shorten(name),
                allowed()
            ))
        })
    };
    names.iter().map(find).collect()
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

struct Conditions {
    jobs: BTreeSet<JobId>,
    queues: BTreeSet<QueueName>,
    job_types: BTreeSet<JobType>,
    filter: JobFilter,
}

impl Conditions {
    fn read(filter: RawFilter) -> Result<Self, MessageError> {
        let RawFilter {
            job_id,
            queue,
            job_type,
            query,
        } = filter;
        let filter = query.map(|text| parse_event_filter(&text)).transpose();
        Ok(Self {
            jobs: read_all("jobId", job_id, JobId::parse)?,
            queues: read_all("queue", queue, QueueName::parse)?,
            job_types: read_all("type", job_type, JobType::parse)?,
            filter: filter
                .map_err(|error| MessageError::invalid(format!("filter.query: {error}")))?
                .unwrap_or_default(),
        })
    }

    /// Rejects a condition that applies to none of the topics: it would be ignored silently.
    fn check(&self, topics: &[(&'static str, Topic)]) -> Result<(), MessageError> {
        let has = |expected: Topic| topics.iter().any(|(_, topic)| *topic == expected);
        let misplaced = if has(Topic::Jobs) {
            None
        } else if !self.jobs.is_empty() {
            Some(("jobId", "job-status"))
        } else if !self.job_types.is_empty() {
            Some(("type", "job-status"))
        } else if !self.filter.is_empty() {
            Some(("query", "job-status"))
        } else if !self.queues.is_empty() && !has(Topic::QueueMetrics) {
            Some(("queue", "job-status and queue-metrics"))
        } else {
            None
        };
        match misplaced {
            None => Ok(()),
            Some((name, topics)) => Err(MessageError::invalid(format!(
                "filter.{name} is only valid for {topics}"
            ))),
        }
    }

    fn clause(&self, topic: Topic) -> EventClause {
        let mut clause = EventClause::all_of(topic);
        match topic {
            Topic::Jobs => {
                clause.jobs.clone_from(&self.jobs);
                clause.queues.clone_from(&self.queues);
                clause.job_types.clone_from(&self.job_types);
                clause.filter.clone_from(&self.filter);
            }
            Topic::QueueMetrics => clause.queues.clone_from(&self.queues),
            Topic::Queues | Topic::SystemMetrics | Topic::SystemHealth | Topic::Operations => {}
        }
        clause
    }
}

fn read_all<T: Ord, E: fmt::Display>(
    field: &str,
    names: Option<Names>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<BTreeSet<T>, MessageError> {
    let Some(Names(names)) = names else {
        return Ok(BTreeSet::new());
    };
    if names.is_empty() {
        // An empty list matches nothing, but a missing condition matches everything.
        return Err(MessageError::invalid(format!(
            "filter.{field} is an empty list; omit it to match all"
        )));
    }
    let one = |name: &String| parse(name).map_err(|error| MessageError::invalid(format!("filter.{field}: {error}")));
    names.iter().map(one).collect()
}

/// Subscriptions of one client. Each pair of a topic and a filter is a subscription; an event that matches several is
/// sent once.
#[derive(Clone, Debug)]
pub(super) struct Subscriptions {
    clauses: BTreeSet<EventClause>,
    max: usize,
}

impl Subscriptions {
    /// No subscriptions, and a maximum number of them.
    pub(super) fn new(max: usize) -> Self {
        Self {
            clauses: BTreeSet::new(),
            max,
        }
    }

    /// Applies a message. Unsubscribing without a filter ends all subscriptions to the topics; with a filter, those
    /// with the same filter.
    pub(super) fn apply(&mut self, request: &ClientMessage) -> Result<(), MessageError> {
        match request.action {
            Action::Subscribe => {
                let mut clauses = self.clauses.clone();
                clauses.extend(request.clauses.iter().cloned());
                if clauses.len() > self.max {
                    return Err(MessageError {
                        code: "too-many-subscriptions",
                        message: format!(
                            "{} subscriptions exceed the limit of a connection ({})",
                            clauses.len(),
                            self.max
                        ),
                    });
                }
                self.clauses = clauses;
            }
            Action::Unsubscribe if request.is_narrowed => {
                self.clauses.retain(|clause| !request.clauses.contains(clause));
            }
            Action::Unsubscribe => {
                let is_meant = |clause: &EventClause| request.clauses.iter().any(|meant| meant.topic == clause.topic);
                self.clauses.retain(|clause| !is_meant(clause));
            }
        }
        Ok(())
    }

    /// Number of subscriptions.
    pub(super) fn len(&self) -> usize {
        self.clauses.len()
    }

    /// Filter of the subscribed events.
    pub(super) fn filter(&self) -> EventFilter {
        self.clauses.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let MessageError { code, message } = ClientMessage::parse(text.as_bytes()).expect_err("an error");
        format!("{code}: {message}")
    }

    fn request(text: &str) -> ClientMessage {
        ClientMessage::parse(text.as_bytes()).expect("a request")
    }

    #[test]
    fn errors_state_the_problem_and_the_allowed_values() {
        let wrong = [
            "hello",
            r#"["subscribe",["job-status"],null]"#,
            r#"{"action":"subscribe","topics":["job-status"]} {}"#,
            r#"{"topics":["job-status"]}"#,
            r#"{"action":"listen","topics":["job-status"]}"#,
            r#"{"action":"subscribe"}"#,
            r#"{"action":"subscribe","topics":[]}"#,
            r#"{"action":"subscribe","topics":["jobs"]}"#,
            r#"{"action":"subscribe","topics":7}"#,
            r#"{"action":"subscribe","topics":["job-status"],"topic":"x"}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":5}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":{"queues":"x"}}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":{"queue":"a b"}}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":{"jobId":["7"]}}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":{"jobId":[]}}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":{"query":"staus:failed"}}"#,
            r#"{"action":"subscribe","topics":["job-status"],"filter":{"query":"param.a:1"}}"#,
            r#"{"action":"subscribe","topics":["queue-metrics"],"filter":{"query":"status:failed"}}"#,
            r#"{"action":"subscribe","topics":["queue-metrics"],"filter":{"type":"X"}}"#,
            r#"{"action":"subscribe","topics":["system-health"],"filter":{"queue":"x"}}"#,
        ];
        let refused = wrong.map(|text| format!("{text}\n    {}", error(text)));
        insta::assert_snapshot!(refused.join("\n"));
    }

    #[test]
    fn the_references_request_is_accepted() {
        let message =
            request(r#"{"action":"subscribe","topics":["job-status","queue-metrics","system-health"],"filter":null}"#);
        assert_eq!(message.topics, ["job-status", "queue-metrics", "system-health"]);
        let mut subscriptions = Subscriptions::new(3);
        subscriptions.apply(&message).expect("three subscriptions");
        for topic in [Topic::Jobs, Topic::QueueMetrics, Topic::SystemHealth] {
            assert!(subscriptions.filter().has(topic));
        }
    }

    #[test]
    fn subscriptions_add_up_and_end_by_topic_or_by_filter() {
        let mut subscriptions = Subscriptions::new(2);
        let all = request(r#"{"action":"subscribe","topics":"job-status"}"#);
        let mail = request(r#"{"action":"subscribe","topics":["job-status"],"filter":{"queue":["mail"]}}"#);
        subscriptions.apply(&all).expect("the first");
        subscriptions.apply(&mail).expect("the second");
        subscriptions.apply(&mail).expect("the same again takes no room");
        let more = request(r#"{"action":"subscribe","topics":["queue-metrics"]}"#);
        let refused = subscriptions.apply(&more).expect_err("a third");
        assert_eq!(refused.message, "3 subscriptions exceed the limit of a connection (2)");
        let not_mail = request(r#"{"action":"unsubscribe","topics":["job-status"],"filter":{"queue":"mail"}}"#);
        subscriptions.apply(&not_mail).expect("it ends");
        assert_eq!(subscriptions.clauses.len(), 1);
        let none = request(r#"{"action":"unsubscribe","topics":["job-status"]}"#);
        subscriptions.apply(&none).expect("all end");
        assert!(subscriptions.filter().is_empty());
    }
}
