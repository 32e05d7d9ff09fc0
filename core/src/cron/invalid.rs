//! Errors of cron expressions.

use super::field::CronField;

/// The text is not a cron expression, or one that never matches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// Too many characters.
    #[error("a cron expression may have {max} characters; this one has {length}")]
    TooLong {
        /// Length of the text, in characters.
        length: usize,
        /// Maximum length, in characters.
        max: usize,
    },
    /// Neither five nor six fields.
    #[error(
        "a cron expression has 5 fields (minute hour day-of-month month day-of-week), or 6 with seconds first, or is a \
         macro such as @daily; '{given}' has {count}"
    )]
    FieldCount {
        /// The text, cut to a readable length.
        given: String,
        /// Number of fields.
        count: usize,
    },
    /// An unknown word that begins with `@`.
    #[error(
        "'{given}' is not a cron macro; allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight and \
         @hourly"
    )]
    UnknownMacro {
        /// The text, cut to a readable length.
        given: String,
    },
    /// `@reboot`.
    #[error("@reboot is not supported")]
    Reboot,
    /// A field has an invalid value.
    #[error(
        "{} '{given}': {mistake}; allowed are {} and *, also as ranges (a-b), with steps (*/n, a/n, a-b/n) and in lists (a,b)",
        field.as_str(), field.values_in_words()
    )]
    Field {
        /// The field.
        field: CronField,
        /// Text of the field, cut to a readable length.
        given: String,
        /// The mistake.
        mistake: FieldMistake,
    },
    /// No date has this day and month: `31 2`.
    #[error(
        "day-of-month '{days}' does not exist in month '{months}', whose longest month has {longest} days; allowed are \
         1-{longest} there"
    )]
    NeverComes {
        /// Text of day-of-month.
        days: String,
        /// Text of month.
        months: String,
        /// Number of days of the longest of these months.
        longest: u32,
    },
}

impl InvalidCron {
    /// The invalid field, if the error concerns a field.
    pub const fn field(&self) -> Option<CronField> {
        match self {
            Self::Field { field, .. } => Some(*field),
            Self::NeverComes { .. } => Some(CronField::DayOfMonth),
            Self::TooLong { .. } | Self::FieldCount { .. } | Self::UnknownMacro { .. } | Self::Reboot => None,
        }
    }
}

/// A mistake in a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldMistake {
    /// A value is missing: `1,,2`, `1-`, `*/`.
    #[error("a value is missing")]
    Missing,
    /// Neither a number nor a name of this field.
    #[error("'{part}' is not one of its values")]
    NotAValue {
        /// The invalid part.
        part: String,
    },
    /// A number outside the field's range.
    #[error("{value} is out of range")]
    OutOfRange {
        /// The number.
        value: String,
    },
    /// A range whose end is before its start.
    #[error("range start is greater than its end: {range}")]
    Descending {
        /// The range.
        range: String,
    },
    /// A step of 0.
    #[error("a step is at least 1")]
    StepZero,
    /// A character of Quartz and similar syntaxes.
    #[error("unsupported character '{sign}'")]
    Foreign {
        /// The character.
        sign: char,
    },
}
