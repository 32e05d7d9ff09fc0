//! What a target of data sync is told of a job.

/// A member of a job as targets are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncField {
    /// Its identity; told always.
    Id,
    /// Where it stands; told always.
    Status,
    /// When its last attempt started.
    ExecutedAt,
    /// How long the last attempt took.
    Duration,
    /// What people call it.
    Name,
    /// Which handler runs it.
    Type,
    /// The lane it waits in.
    Queue,
    /// How urgent it is.
    Priority,
    /// When it was created.
    CreatedAt,
    /// When it may start.
    RunAt,
    /// When it was finished.
    CompletedAt,
    /// How many attempts have been started.
    Attempt,
    /// How many of them were retries.
    RetryCount,
    /// Why the last attempt failed.
    Error,
    /// What the handler answered.
    Result,
    /// What the handler is given.
    Parameters,
    /// The recurring job of which it is an occurrence.
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

    /// What the reference tells of a job.
    pub const REFERENCE: [Self; 4] = [Self::Id, Self::Status, Self::ExecutedAt, Self::Duration];

    /// The member's name.
    pub fn as_str(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(field, _)| *field == self)
            .map_or("", |(_, name)| name)
    }

    /// The member with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(field, _)| *field)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::TABLE.iter().map(|(_, name)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::SyncField;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for name in SyncField::names() {
            assert_eq!(SyncField::parse(name).map(SyncField::as_str), Some(name));
        }
        assert_eq!(SyncField::parse("Id"), None);
    }
}
