//! Values of ordered fields: numbers, times, durations and priorities, with comparisons and ranges.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::condition::Interval;
use super::invalid::{InvalidFilter, shortened};
use super::scanner::{Operator, Written};
use crate::job::priority::Priority;
use crate::values::time_span::TimeSpan;
use crate::values::timestamp::truncate_to_micros;

/// A value of an ordered field: a point, or a span such as a day.
#[derive(Clone, Copy)]
pub(super) struct Span<T> {
    first: T,
    last: T,
}

impl<T: Copy> Span<T> {
    const fn point(value: T) -> Self {
        Self {
            first: value,
            last: value,
        }
    }
}

/// A type of ordered values.
pub(super) trait Ordered: Copy + Ord {
    fn parse(text: &str, now: DateTime<Utc>) -> Result<Span<Self>, String>;
    /// The value after this one.
    fn next(self) -> Option<Self>;
    /// The value before this one.
    fn previous(self) -> Option<Self>;
}

/// Parses a value with its comparison, or a range `a..b` whose bounds may be missing.
pub(super) fn interval<T: Ordered>(
    operator: Option<Operator>,
    written: &Written,
    now: DateTime<Utc>,
) -> Result<Interval<T>, InvalidFilter> {
    let Written {
        text,
        is_quoted: _,
        has_star,
        position,
    } = written;
    let invalid = |offset: usize, detail: String| InvalidFilter::new(position + offset, detail);
    if *has_star {
        let detail = "'*' is not allowed in a value with an order; a range is written a..b";
        return Err(invalid(text.chars().count(), detail.to_owned()));
    }
    let range = text.split_once("..");
    let interval = match (operator, range) {
        (Some(_), Some((start, _))) => {
            let detail = "a comparison of a range is not allowed; write one of the two";
            return Err(invalid(start.chars().count(), detail.to_owned()));
        }
        (None, Some((start, end))) if !(start.is_empty() && end.is_empty()) => {
            let place = start.chars().count() + 2;
            let bound = |text: &str, offset| -> Result<Option<Span<T>>, InvalidFilter> {
                let given = Some(text).filter(|text| !text.is_empty());
                let parsed = given.map(|text| T::parse(text, now)).transpose();
                parsed.map_err(|detail| invalid(offset, detail))
            };
            Interval {
                from: bound(start, 0)?.map(|span| span.first),
                to: bound(end, place)?.map(|span| span.last),
            }
        }
        (None, Some(_)) => return Err(invalid(0, "a range needs a bound: a.., ..b or a..b".to_owned())),
        (operator, None) => {
            let value = T::parse(text, now).map_err(|detail| invalid(0, detail))?;
            compared(operator, value).ok_or_else(|| invalid(0, "no value can match this comparison".to_owned()))?
        }
    };
    if interval.is_empty() {
        return Err(invalid(
            0,
            "the range is empty; expected its start at or before its end".to_owned(),
        ));
    }
    Ok(interval)
}

fn compared<T: Ordered>(operator: Option<Operator>, Span { first, last }: Span<T>) -> Option<Interval<T>> {
    let (from, to) = match operator {
        None | Some(Operator::Is | Operator::Contains) => (Some(first), Some(last)),
        Some(Operator::Above) => (Some(last.next()?), None),
        Some(Operator::From) => (Some(first), None),
        Some(Operator::Below) => (None, Some(first.previous()?)),
        Some(Operator::To) => (None, Some(last)),
    };
    Some(Interval { from, to })
}

impl Ordered for u32 {
    fn parse(text: &str, _: DateTime<Utc>) -> Result<Span<Self>, String> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        number.map(Span::point).ok_or_else(|| {
            let given = shortened(text);
            format!("'{given}' is not a number; allowed are 0 to {}", Self::MAX)
        })
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Ordered for TimeSpan {
    fn parse(text: &str, _: DateTime<Utc>) -> Result<Span<Self>, String> {
        let span = Self::parse(text).map_err(|error| error.to_string())?;
        if span.is_negative() {
            return Err("a duration is not negative".to_owned());
        }
        // The resolution of stored times.
        Ok(Span::point(Self::from_micros(span.as_micros())))
    }

    fn next(self) -> Option<Self> {
        self.as_micros().checked_add(1).map(Self::from_micros)
    }

    fn previous(self) -> Option<Self> {
        let before = self.as_micros().checked_sub(1)?;
        (before >= 0).then(|| Self::from_micros(before))
    }
}

impl Ordered for Priority {
    fn parse(text: &str, _: DateTime<Utc>) -> Result<Span<Self>, String> {
        Self::parse(text).map(Span::point).map_err(|error| error.to_string())
    }

    fn next(self) -> Option<Self> {
        Self::from_code(i64::from(self.code()) + 1).ok()
    }

    fn previous(self) -> Option<Self> {
        Self::from_code(i64::from(self.code()) - 1).ok()
    }
}

impl Ordered for DateTime<Utc> {
    /// Parses a time (RFC 3339), a date, or a duration before or after now: `-1h`, `+30m`.
    fn parse(text: &str, now: DateTime<Utc>) -> Result<Span<Self>, String> {
        if text == "now" {
            return Ok(Span::point(truncate_to_micros(now)));
        }
        let relative = text.strip_prefix('+').or_else(|| text.starts_with('-').then_some(text));
        if let Some(span) = relative {
            let span = TimeSpan::parse(span).map_err(|error| error.to_string())?;
            let time = now.checked_add_signed(span.to_delta());
            let time = time.ok_or_else(|| "the time is out of range".to_owned())?;
            return Ok(Span::point(truncate_to_micros(time)));
        }
        if text.len() == 10
            && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        {
            let last = NaiveTime::MIN.overflowing_sub_signed(TimeDelta::microseconds(1)).0;
            return Ok(Span {
                first: date.and_time(NaiveTime::MIN).and_utc(),
                last: date.and_time(last).and_utc(),
            });
        }
        let time = DateTime::parse_from_rfc3339(text);
        time.map(|time| Span::point(truncate_to_micros(time.to_utc()))).map_err(|_| {
            let given = shortened(text);
            format!(
                "'{given}' is not a time; allowed are a date such as 2026-01-31, a time such as 2026-01-31T12:00:00Z \
                 (RFC 3339), now, and durations before or after now such as -1h and +30m"
            )
        })
    }

    fn next(self) -> Option<Self> {
        self.checked_add_signed(TimeDelta::microseconds(1))
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub_signed(TimeDelta::microseconds(1))
    }
}
