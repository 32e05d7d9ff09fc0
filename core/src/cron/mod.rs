//! Cron expressions, by the rules of Vixie's cron as maintained by Debian.
//!
//! An expression is five fields (minute, hour, day-of-month, month, day-of-week), six with the second first, or a
//! macro. Where implementations differ, these rules apply:
//!
//! - A field consists of `*`, values, ranges (`a-b`), steps (`*/n`, `a-b/n`, and `a/n`, which continues to the field's
//!   end) and lists of them. Months and days of the week have names of three letters, in any case. Sunday is 0 and 7.
//!   Their ranges may wrap around: `sat-sun`, `nov-feb`. Other ranges ascend.
//! - A step that is longer than its field is accepted and matches the first value alone, as in Vixie's cron: `*/90`
//!   minutes runs every hour. [`CronExpression::warnings`] reports it.
//! - If neither the text of day-of-month nor that of day-of-week begins with `*`, a day that matches one of them
//!   matches; otherwise it must match both. So `0 12 13 * FRI` is every 13th and every Friday, and `0 12 */2 * MON` is
//!   every Monday with an odd day of the month.
//! - The macros are `@yearly` and `@annually`, `@monthly`, `@weekly`, `@daily` and `@midnight`, and `@hourly`, in any
//!   case. `@reboot` has no time and is rejected.
//! - `?`, `L`, `W`, `#` and a field for the year, which other kinds of cron have, are rejected.
//! - Six fields follow the same rules as five, including those of the two day fields and of clock changes.
//!
//! Clock changes. An expression whose minute or hour begins with `*` follows real time: it runs whenever the zone's
//! clocks show a matching time, so not in a skipped hour, and in both passes of a repeated hour. All other expressions
//! name times of the day: a skipped time runs at the first moment after the gap, several skipped times of one gap run
//! there once, and a repeated time runs in its first pass only. These rules hold for gaps of any length.
//!
//! All moments are whole seconds, from 1970 to the end of 2100.

mod calendar;
pub(super) mod clock_change;
mod describe;
mod field;
mod field_syntax;
mod invalid;
pub mod preview;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};
use jiff::tz::TimeZone;

use self::calendar::{Calendar, Fields};
use self::clock_change::{first_change, first_moment_of, local_at, offset_at};
pub use self::field::CronField;
use self::field_syntax::{FieldSpec, cut};
pub use self::invalid::{FieldMistake, InvalidCron};
use super::values::time_zone::TimeZoneName;

/// A parsed cron expression that matches at least once in a leap year cycle. Cheap to clone.
#[derive(Clone)]
pub struct CronExpression(Arc<Parsed>);

struct Parsed {
    text: Box<str>,
    fields: Fields,
    calendar: Calendar,
}

impl CronExpression {
    /// Maximum length, in characters.
    pub const LENGTH_MAX: usize = 500;

    /// Parses an expression by the rules of [the module](self).
    ///
    /// # Errors
    ///
    /// A field is invalid, or the days and months never meet, as in `0 0 31 2 *`.
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        let text = text.trim();
        let length = text.chars().count();
        if length > Self::LENGTH_MAX {
            return Err(InvalidCron::TooLong {
                length,
                max: Self::LENGTH_MAX,
            });
        }
        let fields = read_fields(if text.starts_with('@') {
            expand_macro(text)?
        } else {
            text
        })?;
        Ok(Self(Arc::new(Parsed {
            text: text.into(),
            calendar: Calendar::new(&fields),
            fields,
        })))
    }

    /// The text of the expression, without surrounding whitespace.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The first matching moment after `after` in this zone; `None` if the zone's calendar has none until the end of
    /// 2100.
    pub fn next_after(&self, zone: TimeZoneName, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Far outside the calendar's years chrono can't represent a zone's offset.
        if after.year() > 2101 {
            return None;
        }
        let after = after.trunc_subsecs(0).max(DateTime::UNIX_EPOCH - TimeDelta::days(2));
        if self.0.fields.follows_real_time() {
            self.next_in_real_time(zone.rules(), after)
        } else {
            self.next_named_time(zone.rules(), after)
        }
    }

    /// The last matching moment after `after`, and not after `until`, in this zone.
    ///
    /// Takes a few dozen searches of [`Self::next_after`], however often the expression matches in that time.
    pub fn last_within(&self, zone: TimeZoneName, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = |after| self.next_after(zone, after).filter(|&next| next <= until);
        // The search begins near the end, where a frequent expression matches at once.
        let mut width = TimeDelta::seconds(1);
        let mut last = loop {
            let start = until.checked_sub_signed(width).unwrap_or(after).max(after);
            if let Some(found) = next(start) {
                break found;
            }
            if start <= after {
                return None;
            }
            width = width * 2;
        };
        // The expression matches at `last`, and not after `none_after`.
        let mut none_after = until.trunc_subsecs(0);
        while last < none_after {
            let middle = last + TimeDelta::seconds((none_after - last).num_seconds() / 2);
            match next(middle) {
                Some(found) => last = found,
                None => none_after = middle,
            }
        }
        Some(last)
    }

    /// For an expression that follows real time: its first match before the next clock change, or else after it.
    fn next_in_real_time(&self, zone: &TimeZone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let second = TimeDelta::seconds(1);
        let mut from = after + second;
        loop {
            let offset = offset_at(zone, from);
            let local = self.0.calendar.next_after(from.naive_utc() + offset - second)?;
            let at = (local - offset).and_utc();
            match first_change(zone, from, at) {
                None => return Some(at),
                Some(change) => from = change,
            }
        }
    }

    /// For an expression that names times of the day: its local times in order are its moments in order.
    fn next_named_time(&self, zone: &TimeZone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut local = local_at(zone, after);
        loop {
            local = self.0.calendar.next_after(local)?;
            let Some(at) = first_moment_of(zone, local) else {
                continue;
            };
            if at > after {
                return Some(at);
            }
            // The clocks were set back between the two: the rest of the repeated hour is skipped as well.
            if let Some(change) = first_change(zone, at, after) {
                let repeated_until = change.naive_utc() + offset_at(zone, at) - TimeDelta::seconds(1);
                local = local.max(repeated_until);
            }
        }
    }
}

impl PartialEq for CronExpression {
    /// Compares the texts.
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for CronExpression {}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The five fields that a macro stands for.
fn expand_macro(text: &str) -> Result<&'static str, InvalidCron> {
    match text.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        "@reboot" => Err(InvalidCron::Reboot),
        _ => Err(InvalidCron::UnknownMacro { given: cut(text) }),
    }
}

fn read_fields(text: &str) -> Result<Fields, InvalidCron> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (second, [minute, hour, day_of_month, month, day_of_week]) = match *words.as_slice() {
        [minute, hour, day_of_month, month, day_of_week] => ("0", [minute, hour, day_of_month, month, day_of_week]),
        [second, minute, hour, day_of_month, month, day_of_week] => {
            (second, [minute, hour, day_of_month, month, day_of_week])
        }
        _ => {
            return Err(InvalidCron::FieldCount {
                given: cut(text),
                count: words.len(),
            });
        }
    };
    let fields = Fields {
        second: CronField::Second.parse(second)?,
        minute: CronField::Minute.parse(minute)?,
        hour: CronField::Hour.parse(hour)?,
        day_of_month: CronField::DayOfMonth.parse(day_of_month)?,
        month: CronField::Month.parse(month)?,
        day_of_week: CronField::DayOfWeek.parse(day_of_week)?,
    };
    match missing_days(&fields) {
        None => Ok(fields),
        Some(longest) => Err(InvalidCron::NeverComes {
            days: cut(day_of_month),
            months: cut(month),
            longest,
        }),
    }
}

/// The length of the longest selected month, if none of the days occurs in it. Every day of the week falls on every
/// date of the calendar, the 29th of February within 28 years (40 around 2100): only days of the month can be missing.
fn missing_days(fields: &Fields) -> Option<u32> {
    let FieldSpec { values: days, .. } = fields.day_of_month;
    let longest = fields.month.values.iter().map(longest_month).max()?;
    let (first, _) = days.ends()?;
    (first > longest && fields.wants_both_days()).then_some(longest)
}

/// Maximum number of days of this month of the year.
const fn longest_month(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
