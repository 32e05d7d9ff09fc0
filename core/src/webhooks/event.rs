//! Which events a webhook endpoint is told of.

use std::fmt;
use std::sync::Arc;

use crate::events::event::{Event, JobEventKind, QueueEventKind};

/// An event that webhooks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookEvent {
    /// A job was accepted and stored.
    JobCreated,
    /// A worker has taken a job.
    JobStarted,
    /// A job succeeded.
    JobCompleted,
    /// A job failed for good.
    JobFailed,
    /// A job is pending again.
    JobRetrying,
    /// A job was cancelled.
    JobCancelled,
    /// A queue was paused.
    QueuePaused,
    /// A queue was resumed.
    QueueResumed,
    /// Jobs of a queue were removed.
    QueueCleared,
    /// The server's health has changed, or an endpoint was disabled.
    SystemAlert,
}

impl WebhookEvent {
    /// All of them, with the names that an endpoint chooses by.
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

    /// The webhook event that an event is; `None` for those that no webhook tells.
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
            Event::JobReport { .. } | Event::QueueMetrics { .. } | Event::SystemMetrics(_) => return None,
        })
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The events that an endpoint has chosen, as it wrote them: names, `job.*` or `*`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEvents {
    patterns: Arc<[Arc<str>]>,
    bits: u16,
}

/// The text chooses no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookEvents {
    /// Nothing was chosen.
    #[error("no event is chosen; name at least one, or write *")]
    Empty,
    /// There is no such event.
    #[error(
        "'{given}' is no event; allowed are {}, or a part of them: job.*, queue.*, system.*, *",
        names()
    )]
    Unknown {
        /// What was given.
        given: String,
    },
}

fn names() -> String {
    let names: Vec<&str> = WebhookEvent::TABLE.iter().map(|(_, name)| *name).collect();
    names.join(", ")
}

impl WebhookEvents {
    /// Reads what was chosen.
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

    /// Reads events as they were stored, which may name some that only another version of this program knows.
    pub fn from_stored(text: &str) -> Self {
        let patterns = text.split(',').filter(|pattern| !pattern.is_empty());
        let patterns: Arc<[Arc<str>]> = patterns.map(Arc::from).collect();
        let known = patterns.iter().filter_map(|pattern| Self::parse([&**pattern]).ok());
        Self {
            bits: known.fold(0, |bits, known| bits | known.bits),
            patterns,
        }
    }

    /// The first that this program does not know.
    pub fn unknown(&self) -> Option<&str> {
        self.patterns().find(|pattern| Self::parse([*pattern]).is_err())
    }

    /// No events: those of an endpoint that receives nothing new.
    pub fn none() -> Self {
        Self {
            patterns: Arc::default(),
            bits: 0,
        }
    }

    /// Whether no event was chosen.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether this event was chosen.
    pub const fn contains(&self, event: WebhookEvent) -> bool {
        self.bits & event.bit() != 0
    }

    /// What was written.
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
    fn names_groups_and_everything_can_be_chosen() {
        assert_eq!(chosen(&["system.alert", "job.failed"]), ["job.failed", "system.alert"]);
        assert_eq!(chosen(&["queue.*"]), ["queue.paused", "queue.resumed", "queue.cleared"]);
        assert_eq!(chosen(&["*"]).len(), 10);
        assert_eq!(chosen(&["job.*"]).len(), 6);
        for event in WebhookEvent::TABLE {
            assert_eq!(chosen(&[event.1]), [event.0.as_str()]);
        }
    }

    #[test]
    fn what_chooses_nothing_is_refused() {
        for pattern in ["", "job", "job.", "jo*", "job.done", "*.failed", "job.failed "] {
            let error = WebhookEvents::parse([pattern]).expect_err(pattern).to_string();
            assert!(error.contains("job.completed"), "{error}");
        }
        assert_eq!(WebhookEvents::parse([]), Err(InvalidWebhookEvents::Empty));
    }

    #[test]
    fn events_of_another_version_are_kept_and_choose_nothing() {
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
    fn what_was_written_is_kept_once() {
        let events = WebhookEvents::parse(["job.*", "*", "job.*"]).expect("events");
        assert_eq!(events.to_string(), "job.*,*");
        assert_eq!(WebhookEvents::parse(events.to_string().split(',')), Ok(events));
    }
}
