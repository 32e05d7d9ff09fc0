//! A period that sums are asked for, and its days or hours, by the clocks of a time zone.

use chrono::{DateTime, FixedOffset, NaiveDate, Offset, SecondsFormat, TimeDelta, Utc};

use super::rollup::{SLOTS_PER_HOUR, Slot, SlotSpan};
use crate::cron::clock_change::{first_moment_of, local_at, offset_at};
use crate::values::time_zone::TimeZoneName;

/// How many days a period has that nobody has named, today among them.
pub const DAYS_BY_DEFAULT: i64 = 7;
/// How many days a period may have.
pub const DAYS_MAX: i64 = 400;
/// How many days a period may have that is shown by hours.
pub const DAYS_BY_HOUR_MAX: i64 = 14;

/// Where a period begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// With this day.
    Date(NaiveDate),
    /// At this time.
    Time(DateTime<Utc>),
}

/// What the parts of a period are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Hours.
    Hour,
    /// Days.
    Day,
}

/// The text names no granularity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a granularity; allowed are hour and day")]
pub struct InvalidGranularity {
    /// What was given, cut to a readable length.
    pub given: String,
}

impl Granularity {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Result<Self, InvalidGranularity> {
        [Self::Hour, Self::Day]
            .into_iter()
            .find(|granularity| granularity.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidGranularity {
                given: text.chars().take(64).collect(),
            })
    }
}

/// A period as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeriodRequest {
    /// Where it begins; six days before the day on which it ends unless that is said.
    pub from: Option<Bound>,
    /// Where it ends, that day or time included; now unless that is said.
    pub to: Option<Bound>,
    /// By whose clocks days begin.
    pub time_zone: TimeZoneName,
    /// What its parts are; days by default.
    pub granularity: Option<Granularity>,
}

/// Why there is no such period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    /// It ends before it begins.
    #[error("from is later than to; nothing can lie between them")]
    Backwards,
    /// It is too long.
    #[error("from is more than {DAYS_MAX} days before to")]
    TooLong,
    /// It has too many hours.
    #[error("a period is shown by hours up to {DAYS_BY_HOUR_MAX} days; ask for a shorter one, or for days")]
    TooManyHours,
    /// It lies where no calendar reaches.
    #[error("it lies outside of the years 1 to 9999")]
    OutOfRange,
}

/// A period of whole quarters of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// What it consists of.
    pub span: SlotSpan,
    /// What its parts are.
    pub granularity: Granularity,
    /// By whose clocks days begin.
    pub time_zone: TimeZoneName,
}

/// A day or an hour of a period; the first and the last one may be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// When the whole day or hour begins.
    pub start: DateTime<Utc>,
    /// What of it lies in the period.
    pub span: SlotSpan,
}

impl PeriodRequest {
    /// The period that is meant now: extended to whole quarters of an hour, of which sums are kept.
    pub fn resolve(&self, now: DateTime<Utc>) -> Result<Period, InvalidPeriod> {
        let Self {
            from,
            to,
            time_zone,
            granularity,
        } = *self;
        let day_start = |date| start_of(time_zone, date).ok_or(InvalidPeriod::OutOfRange);
        // The end of a day is the start of the next one, that of any other time just after it.
        let end = match to {
            Some(Bound::Date(date)) => day_start(date.succ_opt().ok_or(InvalidPeriod::OutOfRange)?)?,
            Some(Bound::Time(time)) => time + TimeDelta::microseconds(1),
            None => now + TimeDelta::microseconds(1),
        };
        let start = match from {
            Some(Bound::Date(date)) => day_start(date)?,
            Some(Bound::Time(time)) => time,
            None => {
                let last = local_at(time_zone.rules(), end - TimeDelta::microseconds(1)).date();
                let first = last.checked_sub_signed(TimeDelta::days(DAYS_BY_DEFAULT - 1));
                day_start(first.ok_or(InvalidPeriod::OutOfRange)?)?
            }
        };
        if start >= end {
            return Err(InvalidPeriod::Backwards);
        }
        let length = end - start;
        // A day may have an hour more.
        if length > TimeDelta::days(DAYS_MAX) + TimeDelta::hours(1) {
            return Err(InvalidPeriod::TooLong);
        }
        let is_too_long_for_hours = length > TimeDelta::days(DAYS_BY_HOUR_MAX) + TimeDelta::hours(1);
        let granularity = match granularity {
            Some(Granularity::Hour) if is_too_long_for_hours => return Err(InvalidPeriod::TooManyHours),
            Some(granularity) => granularity,
            None => Granularity::Day,
        };
        Ok(Period {
            span: SlotSpan {
                from: Slot::of(start),
                to: Slot::not_before(end),
            },
            granularity,
            time_zone,
        })
    }
}

impl Period {
    /// When it begins.
    pub fn start(&self) -> DateTime<Utc> {
        self.span.from.start()
    }

    /// When it ends.
    pub fn end(&self) -> DateTime<Utc> {
        self.span.to.start()
    }

    /// Its last second, which is how its end is shown.
    pub fn last_second(&self) -> DateTime<Utc> {
        self.end() - TimeDelta::seconds(1)
    }

    /// The period for which steps of time and reasons are known: see [`SlotSpan::as_kept`].
    #[must_use]
    pub fn as_kept(self, now: DateTime<Utc>) -> Self {
        Self {
            span: self.span.as_kept(now),
            ..self
        }
    }

    /// Its days or hours up to now, in their order. Together they are all of it that is not to come.
    pub fn parts(&self, now: DateTime<Utc>) -> Vec<Part> {
        let Self {
            span,
            granularity,
            time_zone,
        } = *self;
        let end = span.to.min(Slot(Slot::of(now).0 + 1));
        let mut parts = Vec::new();
        let mut from = span.from;
        while from < end {
            let start = match granularity {
                Granularity::Day => start_of(time_zone, local_at(time_zone.rules(), from.start()).date()),
                Granularity::Hour => Some(start_of_hour(time_zone, from)),
            };
            let next = match granularity {
                Granularity::Day => {
                    let date = local_at(time_zone.rules(), from.start()).date();
                    date.succ_opt().and_then(|date| start_of(time_zone, date))
                }
                Granularity::Hour => start.map(|start| start + TimeDelta::hours(1)),
            };
            // A day always ends after it has begun; where clocks are turned oddly, at least a slot is taken.
            let to = next.map_or(end, Slot::not_before).max(Slot(from.0 + 1)).min(end);
            parts.push(Part {
                start: start.unwrap_or(from.start()),
                span: SlotSpan { from, to },
            });
            from = to;
        }
        parts
    }

    /// How many days it has had up to now, with decimals, at least one: what a number a day is reckoned with.
    pub fn days_until(&self, now: DateTime<Utc>) -> f64 {
        let end = self.end().min(now);
        ((end - self.start()).as_seconds_f64() / 86_400.0).max(1.0)
    }

    /// How a part of it is shown: `2024-01-31`, or `2024-01-31T13:00:00+01:00`.
    pub fn name(&self, part: Part) -> String {
        let zone = self.time_zone.rules();
        match self.granularity {
            Granularity::Day => local_at(zone, part.start).date().to_string(),
            Granularity::Hour => {
                let ahead = i32::try_from(offset_at(zone, part.start).num_seconds()).unwrap_or_default();
                let offset = FixedOffset::east_opt(ahead).unwrap_or(Utc.fix());
                part.start
                    .with_timezone(&offset)
                    .to_rfc3339_opts(SecondsFormat::Secs, true)
            }
        }
    }
}

/// When a day begins by a zone's clocks.
fn start_of(zone: TimeZoneName, date: NaiveDate) -> Option<DateTime<Utc>> {
    first_moment_of(zone.rules(), date.and_time(chrono::NaiveTime::MIN))
}

/// When the clock hour begins that a slot is in: where clocks differ from UTC by half an hour or a quarter, those of UTC
/// do not.
fn start_of_hour(zone: TimeZoneName, slot: Slot) -> DateTime<Utc> {
    let ahead = offset_at(zone.rules(), slot.start());
    let local = Slot::of(slot.start() + ahead);
    Slot(slot.0 - local.0.rem_euclid(SLOTS_PER_HOUR)).start()
}

#[cfg(test)]
mod tests;
