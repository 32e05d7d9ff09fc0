//! Fields of a job in data sync.

/// A field of a job in data sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncField {
    /// Id; always included.
    Id,
    /// Status; always included.
    Status,
    /// Start of the last attempt.
    ExecutedAt,
    /// Duration of the last attempt.
    Duration,
    /// Display name.
    Name,
    /// Type.
    Type,
    /// Queue.
    Queue,
    /// Priority.
    Priority,
    /// Creation time.
    CreatedAt,
    /// Due time.
    RunAt,
    /// Finish time.
    CompletedAt,
    /// Number of started attempts.
    Attempt,
    /// Number of retries.
    RetryCount,
    /// Error of the last attempt.
    Error,
    /// Result of the handler.
    Result,
    /// Parameters of the handler.
    Parameters,
    /// Id of the recurring job, for occurrences.
    RecurringJobId,
}

impl SyncField {
    const TABLE: [(Self, &'static str); 17] = [
        (Self::Id, "id"),
        (Self::Status, "status"),
        (Self::ExecutedAt, "executedAt"),
        (Self::Duration, "duration"),
        (Self::Name, "name"),
        (Self::Type, "type"),
        (Self::Queue, "queue"),
        (Self::Priority, "priority"),
        (Self::CreatedAt, "createdAt"),
        (Self::RunAt, "runAt"),
        (Self::CompletedAt, "completedAt"),
        (Self::Attempt, "attempt"),
        (Self::RetryCount, "retryCount"),
        (Self::Error, "error"),
        (Self::Result, "result"),
        (Self::Parameters, "parameters"),
        (Self::RecurringJobId, "recurringJobId"),
    ];

    /// The default fields, defined by the dashboard API.
    pub const REFERENCE: [Self; 4] = [Self::Id, Self::Status, Self::ExecutedAt, Self::Duration];

    /// The name of the field.
    pub fn as_str(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(field, _)| *field == self)
            .map_or("", |(_, name)| name)
    }

    /// The field with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(field, _)| *field)
    }

    /// The names of all fields.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::TABLE.iter().map(|(_, name)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::SyncField;

    #[test]
    fn every_name_round_trips() {
        for name in SyncField::names() {
            assert_eq!(SyncField::parse(name).map(SyncField::as_str), Some(name));
        }
        assert_eq!(SyncField::parse("Id"), None);
    }
}
