//! Events of webhook endpoints.

use std::fmt;
use std::sync::Arc;

use crate::events::event::{Event, JobEventKind, QueueEventKind};

/// An event that webhooks deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookEvent {
    /// A job was created.
    JobCreated,
    /// A worker started a job.
    JobStarted,
    /// A job completed.
    JobCompleted,
    /// A job failed permanently.
    JobFailed,
    /// A job is pending again.
    JobRetrying,
    /// A job was cancelled.
    JobCancelled,
    /// A queue was paused.
    QueuePaused,
    /// A queue was resumed.
    QueueResumed,
    /// Jobs of a queue were deleted.
    QueueCleared,
    /// The server's health changed, or an endpoint was disabled.
    SystemAlert,
}

impl WebhookEvent {
    /// All events with their names in filters.
    const TABLE: [(Self, &'static str); 10] = [
        (Self::JobCreated, "job.created"),
        (Self::JobStarted, "job.started"),
        (Self::JobCompleted, "job.completed"),
        (Self::JobFailed, "job.failed"),
        (Self::JobRetrying, "job.retrying"),
        (Self::JobCancelled, "job.cancelled"),
        (Self::QueuePaused, "queue.paused"),
        (Self::QueueResumed, "queue.resumed"),
        (Self::QueueCleared, "queue.cleared"),
        (Self::SystemAlert, "system.alert"),
    ];

    /// The event's name: `job.completed`.
    pub fn as_str(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(event, _)| *event == self)
            .map_or("", |(_, name)| name)
    }

    /// The webhook event of an event; `None` for events that webhooks do not deliver.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Job { kind, .. } => match kind {
                JobEventKind::Created => Self::JobCreated,
                JobEventKind::Started => Self::JobStarted,
                JobEventKind::Completed => Self::JobCompleted,
                JobEventKind::Failed => Self::JobFailed,
                JobEventKind::Retrying => Self::JobRetrying,
                JobEventKind::Cancelled => Self::JobCancelled,
                JobEventKind::Changed | JobEventKind::Deleted => return None,
            },
            Event::Queue { kind, .. } => match kind {
                QueueEventKind::Paused => Self::QueuePaused,
                QueueEventKind::Resumed => Self::QueueResumed,
                QueueEventKind::Cleared => Self::QueueCleared,
            },
            Event::SystemAlert { .. } => Self::SystemAlert,
            Event::JobReport { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_)
            | Event::Operation { .. } => return None,
        })
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The events selected by an endpoint, with the patterns as written: names, `job.*` or `*`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEvents {
    patterns: Arc<[Arc<str>]>,
    bits: u16,
}

/// The patterns are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookEvents {
    /// No pattern.
    #[error("no event is selected; name at least one, or write *")]
    Empty,
    /// An unknown event.
    #[error(
        "'{given}' is not an event; allowed are {}, or a group of them: job.*, queue.*, system.*, *",
        names()
    )]
    Unknown {
        /// The invalid pattern.
        given: String,
    },
}

fn names() -> String {
    let names: Vec<&str> = WebhookEvent::TABLE.iter().map(|(_, name)| *name).collect();
    names.join(", ")
}

impl WebhookEvents {
    /// Parses patterns.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidWebhookEvents> {
        let mut bits = 0;
        let mut kept: Vec<Arc<str>> = Vec::new();
        for pattern in patterns {
            let meant = |name: &str| match pattern.strip_suffix('*') {
                Some("") => true,
                Some(group) => group.ends_with('.') && name.starts_with(group),
                None => name == pattern,
            };
            let chosen = WebhookEvent::TABLE.iter().filter(|(_, name)| meant(name));
            let chosen = chosen.fold(0, |bits, (event, _)| bits | event.bit());
            if chosen == 0 {
                return Err(InvalidWebhookEvents::Unknown {
                    given: pattern.chars().take(64).collect(),
                });
            }
            bits |= chosen;
            if !kept.iter().any(|known| **known == *pattern) {
                kept.push(Arc::from(pattern));
            }
        }
        if kept.is_empty() {
            return Err(InvalidWebhookEvents::Empty);
        }
        Ok(Self {
            patterns: kept.into(),
            bits,
        })
    }

    /// Parses stored patterns, which may name events of another version of this program.
    pub fn from_stored(text: &str) -> Self {
        let patterns = text.split(',').filter(|pattern| !pattern.is_empty());
        let patterns: Arc<[Arc<str>]> = patterns.map(Arc::from).collect();
        let known = patterns.iter().filter_map(|pattern| Self::parse([&**pattern]).ok());
        Self {
            bits: known.fold(0, |bits, known| bits | known.bits),
            patterns,
        }
    }

    /// The first event that this program does not know.
    pub fn unknown(&self) -> Option<&str> {
        self.patterns().find(|pattern| Self::parse([*pattern]).is_err())
    }

    /// No events, for an endpoint that receives nothing new.
    pub fn none() -> Self {
        Self {
            patterns: Arc::default(),
            bits: 0,
        }
    }

    /// True if no event is selected.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// True if the event is selected.
    pub const fn contains(&self, event: WebhookEvent) -> bool {
        self.bits & event.bit() != 0
    }

    /// The patterns as written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| &**pattern)
    }
}

impl fmt::Display for WebhookEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<&str> = self.patterns().collect();
        f.write_str(&patterns.join(","))
    }
}

impl fmt::Debug for WebhookEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(patterns: &[&str]) -> Vec<&'static str> {
        let events = WebhookEvents::parse(patterns.iter().copied()).expect("events");
        let all = WebhookEvent::TABLE.iter();
        all.filter(|(event, _)| events.contains(*event))
            .map(|(_, name)| *name)
            .collect()
    }

    #[test]
    fn names_groups_and_all_events_can_be_selected() {
        assert_eq!(chosen(&["system.alert", "job.failed"]), ["job.failed", "system.alert"]);
        assert_eq!(chosen(&["queue.*"]), ["queue.paused", "queue.resumed", "queue.cleared"]);
        assert_eq!(chosen(&["*"]).len(), 10);
        assert_eq!(chosen(&["job.*"]).len(), 6);
        for event in WebhookEvent::TABLE {
            assert_eq!(chosen(&[event.1]), [event.0.as_str()]);
        }
    }

    #[test]
    fn patterns_without_an_event_are_rejected() {
        for pattern in ["", "job", "job.", "jo*", "job.done", "*.failed", "job.failed "] {
            let error = WebhookEvents::parse([pattern]).expect_err(pattern).to_string();
            assert!(error.contains("job.completed"), "{error}");
        }
        assert_eq!(WebhookEvents::parse([]), Err(InvalidWebhookEvents::Empty));
    }

    #[test]
    fn events_of_another_version_are_kept_and_select_nothing() {
        let events = WebhookEvents::from_stored("job.failed,job.archived,queue.*");
        assert_eq!(events.to_string(), "job.failed,job.archived,queue.*");
        assert_eq!(events.unknown(), Some("job.archived"));
        let chosen = WebhookEvent::TABLE.iter().filter(|(event, _)| events.contains(*event));
        assert_eq!(chosen.count(), 4);
        let events = WebhookEvents::from_stored("job.archived");
        assert!(!events.is_empty() && !events.contains(WebhookEvent::JobFailed));
        assert!(WebhookEvents::from_stored("").is_empty());
    }

    #[test]
    fn repeated_patterns_are_kept_once() {
        let events = WebhookEvents::parse(["job.*", "*", "job.*"]).expect("events");
        assert_eq!(events.to_string(), "job.*,*");
        assert_eq!(WebhookEvents::parse(events.to_string().split(',')), Ok(events));
    }
}
