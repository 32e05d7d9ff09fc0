//! One field of a cron expression: what its text may be, and which values it means.

use super::invalid::{FieldMistake, InvalidCron};

/// The fields of a cron expression, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CronField {
    /// Only in expressions of six fields; the others run at second 0.
    Second,
    /// The minute of the hour.
    Minute,
    /// The hour of the day.
    Hour,
    /// The day of the month.
    DayOfMonth,
    /// The month of the year.
    Month,
    /// The day of the week.
    DayOfWeek,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl CronField {
    /// All six, in the order in which they are written.
    pub const ALL: [Self; 6] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
    ];

    /// What it is called: `day-of-month`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        }
    }

    /// The values that it may hold, in words.
    pub const fn values_in_words(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "0-59",
            Self::Hour => "0-23",
            Self::DayOfMonth => "1-31",
            Self::Month => "1-12 or JAN-DEC",
            Self::DayOfWeek => "0-7 or SUN-SAT (0 and 7 are Sunday)",
        }
    }

    /// The least and the greatest value that may be written.
    pub(super) const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// Every value that it can have.
    pub(super) fn all_values(self) -> Values {
        let (min, max) = match self {
            Self::DayOfWeek => (0, 6),
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth | Self::Month => self.bounds(),
        };
        Values::of(min..=max)
    }

    /// The names of its values and the value of the first one.
    const fn names(self) -> (&'static [&'static str], u32) {
        match self {
            Self::Month => (&MONTHS, 1),
            Self::DayOfWeek => (&DAYS, 0),
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth => (&[], 0),
        }
    }

    /// Reads the text of this field.
    pub(super) fn parse(self, text: &str) -> Result<FieldSpec, InvalidCron> {
        let mut values = Values::default();
        let mut long_step = None;
        for item in text.split(',') {
            // `*/60` minutes is every hour, as it says; `*/90` is every hour as well.
            let step = item.split_once('/').and_then(|(_, step)| parse_number(step).ok());
            long_step = long_step.or(step.filter(|&step| step > self.cycle()));
            values = values.with(self.parse_item(item).map_err(|mistake| InvalidCron::Field {
                field: self,
                given: cut(text),
                mistake,
            })?);
        }
        Ok(FieldSpec {
            values,
            begins_with_star: text.starts_with('*'),
            long_step,
        })
    }

    /// Reads `*`, `a`, `a-b`, and each of them with a step. A single value with a step goes on to the field's end.
    fn parse_item(self, item: &str) -> Result<Values, FieldMistake> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.parse_step(step)?)),
            None => (item, None),
        };
        let (min, max) = self.bounds();
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (min, max),
            Some((from, to)) => {
                let (first, last) = (self.parse_value(from)?, self.parse_value(to)?);
                if first > last && !self.wraps() {
                    return Err(FieldMistake::Descending { range: cut(range) });
                }
                // From the last value it goes on with the first: 5, 6, 7 (Sunday), 8 (Monday).
                (first, if first > last { last + self.cycle() } else { last })
            }
            None => {
                let value = self.parse_value(range)?;
                (value, if step.is_some() { max } else { value })
            }
        };
        let values = (first..=last).step_by(step.unwrap_or(1));
        Ok(match self {
            Self::DayOfWeek => Values::of(values.map(|day| day % 7)),
            Self::Month => Values::of(values.map(|month| (month - 1) % 12 + 1)),
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth => Values::of(values),
        })
    }

    fn parse_value(self, text: &str) -> Result<u32, FieldMistake> {
        let (names, first) = self.names();
        if let Some(place) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            // A field has at most 12 names.
            return Ok(first + u32::try_from(place).unwrap_or(0));
        }
        let (min, max) = self.bounds();
        let value = parse_number(text)?;
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(FieldMistake::OutOfRange { value: cut(text) })
        }
    }

    fn parse_step(self, text: &str) -> Result<usize, FieldMistake> {
        match parse_number(text)? {
            0 => Err(FieldMistake::StepZero),
            step => Ok(usize::try_from(step).unwrap_or(usize::MAX)),
        }
    }

    /// Whether its ranges may go on from the last value to the first.
    const fn wraps(self) -> bool {
        matches!(self, Self::Month | Self::DayOfWeek)
    }

    /// How many values there are before the first one comes again.
    const fn cycle(self) -> u32 {
        match self {
            Self::Second | Self::Minute => 60,
            Self::Hour => 24,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 7,
        }
    }
}

/// Reads digits. A number beyond all fields is as good as the greatest one: it is out of range.
fn parse_number(text: &str) -> Result<u32, FieldMistake> {
    if text.is_empty() {
        return Err(FieldMistake::Missing);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.parse().unwrap_or(u32::MAX));
    }
    // `L`, `15W`, `FRIL`: the last of the month, the nearest working day.
    let before = text.trim_end_matches(['L', 'l', 'W', 'w']);
    let has_letter = before.len() < text.len()
        && (before.bytes().all(|byte| byte.is_ascii_digit())
            || DAYS.iter().any(|day| day.eq_ignore_ascii_case(before)));
    let sign = text
        .chars()
        .find(|sign| matches!(sign, '?' | '#'))
        .or_else(|| text.chars().next_back().filter(|_| has_letter));
    Err(match sign {
        Some(sign) => FieldMistake::Foreign { sign },
        None => FieldMistake::NotAValue { part: cut(text) },
    })
}

/// A text cut to a readable length, for a message.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What one field says.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSpec {
    /// The values that match; Sunday is 0.
    pub(super) values: Values,
    /// Whether its text begins with `*`, which Vixie's rules ask for.
    pub(super) begins_with_star: bool,
    /// A step in it that is longer than the field.
    pub(super) long_step: Option<u32>,
}

/// A set of values of one field: bit n is value n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Values(u64);

impl Values {
    /// The set of these values, each below 64.
    pub(super) fn of(values: impl IntoIterator<Item = u32>) -> Self {
        Self(values.into_iter().fold(0, |bits, value| bits | 1 << value))
    }

    /// What is in one of the two.
    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many there are.
    pub(super) const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether `value`, which is below 64, is in it.
    pub(super) const fn contains(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    /// The values, the least first.
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = u32> {
        (0..64).filter(move |&value| self.contains(value))
    }

    /// The least and the greatest one.
    pub(super) fn ends(self) -> Option<(u32, u32)> {
        Some((self.iter().next()?, self.iter().next_back()?))
    }
}
