//! Why a text is no cron expression.

use super::field::CronField;

/// The text is no cron expression, or one that never comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// More characters than allowed.
    #[error("a cron expression may have {max} characters; this one has {length}")]
    TooLong {
        /// How many it has.
        length: usize,
        /// How many it may have.
        max: usize,
    },
    /// Not five and not six fields.
    #[error(
        "a cron expression has 5 fields (minute hour day-of-month month day-of-week), or 6 with seconds first, or is a \
         macro such as @daily; '{given}' has {count}"
    )]
    FieldCount {
        /// What was given, cut to a readable length.
        given: String,
        /// How many fields it has.
        count: usize,
    },
    /// A word with `@` that means nothing here.
    #[error(
        "'{given}' is not a macro of cron; allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight and \
         @hourly"
    )]
    UnknownMacro {
        /// What was given, cut to a readable length.
        given: String,
    },
    /// `@reboot`.
    #[error("'@reboot' names no time: it means the start of a machine, and jobs here belong to none")]
    Reboot,
    /// A field holds what it may not.
    #[error(
        "{} '{given}': {mistake}; it may hold * and {}, also as ranges (a-b), with steps (*/n, a/n, a-b/n) and in lists (a,b)",
        field.as_str(), field.values_in_words()
    )]
    Field {
        /// Which one.
        field: CronField,
        /// Its text, cut to a readable length.
        given: String,
        /// What is wrong with it.
        mistake: FieldMistake,
    },
    /// No date has this day and month: `31 2`.
    #[error(
        "day-of-month '{days}' never comes in month '{months}', whose longest month has {longest} days; it may hold \
         1-{longest} there"
    )]
    NeverComes {
        /// The text of day-of-month.
        days: String,
        /// The text of month.
        months: String,
        /// How many days the longest of these months can have.
        longest: u32,
    },
}

impl InvalidCron {
    /// The field that is wrong, where it is one.
    pub const fn field(&self) -> Option<CronField> {
        match self {
            Self::Field { field, .. } => Some(*field),
            Self::NeverComes { .. } => Some(CronField::DayOfMonth),
            Self::TooLong { .. } | Self::FieldCount { .. } | Self::UnknownMacro { .. } | Self::Reboot => None,
        }
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldMistake {
    /// Nothing stands where a value must: `1,,2`, `1-`, `*/`.
    #[error("a value is missing")]
    Missing,
    /// Neither a number nor a name of this field.
    #[error("'{part}' is not one of its values")]
    NotAValue {
        /// The part that is meant.
        part: String,
    },
    /// A number that the field can't hold.
    #[error("{value} is out of range")]
    OutOfRange {
        /// The number.
        value: String,
    },
    /// A range whose end is before its start.
    #[error("the range {range} goes down")]
    Descending {
        /// The range.
        range: String,
    },
    /// A step of nothing.
    #[error("a step is at least 1")]
    StepZero,
    /// A sign of Quartz and its like.
    #[error("'{sign}' belongs to other kinds of cron")]
    Foreign {
        /// The sign.
        sign: char,
    },
}
