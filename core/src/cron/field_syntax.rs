//! The syntax of one field of a cron expression, and its values.

use super::field::CronField;
use super::invalid::{FieldMistake, InvalidCron};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl CronField {
    /// The least and the greatest allowed value.
    pub(super) const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// All values of the field.
    pub(super) fn all_values(self) -> Values {
        let (min, max) = match self {
            Self::DayOfWeek => (0, 6),
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth | Self::Month => self.bounds(),
        };
        Values::of(min..=max)
    }

    /// The names of the field's values and the value of the first name.
    const fn names(self) -> (&'static [&'static str], u32) {
        match self {
            Self::Month => (&MONTHS, 1),
            Self::DayOfWeek => (&DAYS, 0),
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth => (&[], 0),
        }
    }

    /// Parses the text of this field.
    pub(super) fn parse(self, text: &str) -> Result<FieldSpec, InvalidCron> {
        let mut values = Values::default();
        let mut long_step = None;
        for item in text.split(',') {
            // `*/60` minutes matches once an hour, as intended; so does `*/90`, which gets a warning.
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

    /// Parses `*`, `a`, `a-b`, and each of them with a step. A single value with a step continues to the end of the
    /// field.
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
                // A descending range wraps around: 5, 6, 7 (Sunday), 8 (Monday).
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

    /// True if ranges may wrap around from the last value to the first.
    const fn wraps(self) -> bool {
        matches!(self, Self::Month | Self::DayOfWeek)
    }

    /// Number of values until the first one repeats.
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

/// Parses digits. A number beyond all fields is replaced by the greatest one, which is out of range as well.
fn parse_number(text: &str) -> Result<u32, FieldMistake> {
    if text.is_empty() {
        return Err(FieldMistake::Missing);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.parse().unwrap_or(u32::MAX));
    }
    // `L`, `15W`, `FRIL`: Quartz syntax for the last day of the month and the nearest working day.
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

/// A parsed field.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSpec {
    /// The values that match; Sunday is 0.
    pub(super) values: Values,
    /// True if the text begins with `*`, which matters for the day fields and for clock changes.
    pub(super) begins_with_star: bool,
    /// A step that is longer than the field.
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

    /// The union of two sets.
    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Number of values.
    pub(super) const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// True if the set contains `value`, which is below 64.
    pub(super) const fn contains(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    /// The values in ascending order.
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = u32> {
        (0..64).filter(move |&value| self.contains(value))
    }

    /// The least and the greatest value.
    pub(super) fn ends(self) -> Option<(u32, u32)> {
        Some((self.iter().next()?, self.iter().next_back()?))
    }
}
