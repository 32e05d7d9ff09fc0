//! Durations: written in .NET's format, parsed in three notations.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

const TICKS_PER_SECOND: i64 = 10_000_000;
const TICKS_PER_MINUTE: i64 = 60 * TICKS_PER_SECOND;
const TICKS_PER_HOUR: i64 = 60 * TICKS_PER_MINUTE;
const TICKS_PER_DAY: i64 = 24 * TICKS_PER_HOUR;

/// A duration in ticks of 100 nanoseconds, .NET's `TimeSpan`: `[-][d.]hh:mm:ss[.fffffff]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeSpan {
    ticks: i64,
}

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{given}' is not a duration ({reason}); write [-][d.]hh:mm:ss[.fffffff], such as 00:05:00 or 1.12:00:00, \
     ISO 8601, such as PT5M, or numbers with units, such as 5m, 1h30m, 7d or 500ms"
)]
pub struct InvalidTimeSpan {
    /// The invalid text, cut to a readable length.
    pub given: String,
    /// The violated rule.
    pub reason: &'static str,
}

impl TimeSpan {
    /// Zero.
    pub const ZERO: Self = Self { ticks: 0 };
    /// The maximum delay, timeout or interval of a job: ten years.
    pub const LONGEST: Self = Self::from_secs(3_653 * 86_400);

    /// Whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self {
            ticks: seconds.saturating_mul(TICKS_PER_SECOND),
        }
    }

    /// Whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self {
            ticks: millis.saturating_mul(TICKS_PER_SECOND / 1000),
        }
    }

    /// Whole microseconds, as storage keeps durations.
    pub const fn from_micros(micros: i64) -> Self {
        Self {
            ticks: micros.saturating_mul(10),
        }
    }

    /// The duration of a `TimeDelta`, to the microsecond.
    pub fn from_delta(delta: TimeDelta) -> Self {
        Self::from_micros(delta.num_microseconds().unwrap_or(i64::MAX / 10))
    }

    /// The time between two moments; zero if a clock change has reversed them.
    pub fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self::from_delta((to - from).max(TimeDelta::zero()))
    }

    /// Whole microseconds.
    pub const fn as_micros(self) -> i64 {
        self.ticks / 10
    }

    /// True if it is negative.
    pub const fn is_negative(self) -> bool {
        self.ticks < 0
    }

    /// For arithmetic with points in time.
    pub const fn to_delta(self) -> TimeDelta {
        TimeDelta::microseconds(self.as_micros())
    }

    /// For timers; negative durations become zero.
    pub fn to_std(self) -> Duration {
        Duration::from_micros(u64::try_from(self.as_micros()).unwrap_or(0))
    }

    /// Parses .NET's constant format, an ISO 8601 duration of weeks, days, hours, minutes and seconds, or numbers with
    /// the units `w`, `d`, `h`, `m`, `s` and `ms`.
    ///
    /// `24:00:00` is rejected: .NET reads it as 24 days, other programs as a day.
    pub fn parse(text: &str) -> Result<Self, InvalidTimeSpan> {
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let parsed = if body.starts_with(['P', 'p']) {
            parse_iso(body)
        } else if !body.contains(':') && body.starts_with(|first: char| first.is_ascii_digit()) {
            parse_units(body)
        } else {
            parse_dotnet(body)
        };
        match parsed {
            Ok(ticks) => Ok(Self {
                ticks: if negative { -ticks } else { ticks },
            }),
            Err(reason) => Err(InvalidTimeSpan {
                given: text.chars().take(64).collect(),
                reason,
            }),
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.ticks.unsigned_abs();
        let part = |unit: i64, modulus: u64| total / unit.unsigned_abs() % modulus;
        if self.ticks < 0 {
            f.write_str("-")?;
        }
        let days = total / TICKS_PER_DAY.unsigned_abs();
        if days > 0 {
            write!(f, "{days}.")?;
        }
        let (hours, minutes, seconds) = (
            part(TICKS_PER_HOUR, 24),
            part(TICKS_PER_MINUTE, 60),
            part(TICKS_PER_SECOND, 60),
        );
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}")?;
        let fraction = part(1, TICKS_PER_SECOND.unsigned_abs());
        if fraction > 0 {
            write!(f, ".{fraction:07}")
        } else {
            Ok(())
        }
    }
}

const TOO_LONG: &str = "it is too long";

fn parse_dotnet(body: &str) -> Result<i64, &'static str> {
    let mut parts = body.split(':');
    let (Some(first), Some(minutes), Some(seconds), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("it needs hours, minutes and seconds");
    };
    let (days, hours) = match first.split_once('.') {
        Some((days, hours)) => (digits(days, 1, 8)?, hours),
        None => (0, first),
    };
    let (seconds, fraction) = match seconds.split_once('.') {
        Some((seconds, fraction)) => (seconds, parse_fraction(fraction)?),
        None => (seconds, 0),
    };
    let hours = digits(hours, 1, 2)?;
    let minutes = digits(minutes, 2, 2)?;
    let seconds = digits(seconds, 2, 2)?;
    if hours > 23 {
        return Err("hours are 00 to 23; write a day and more as d.hh:mm:ss, such as 1.00:00:00");
    }
    if minutes > 59 || seconds > 59 {
        return Err("minutes and seconds are 00 to 59");
    }
    let whole = days.checked_mul(TICKS_PER_DAY).ok_or(TOO_LONG)?;
    let rest = hours * TICKS_PER_HOUR + minutes * TICKS_PER_MINUTE + seconds * TICKS_PER_SECOND + fraction;
    whole.checked_add(rest).ok_or(TOO_LONG)
}

/// `P[nW][nD][T[nH][nM][nS]]`; the seconds may have decimals. Years and months have no fixed length and are rejected.
fn parse_iso(body: &str) -> Result<i64, &'static str> {
    let mut rest = &body[1..];
    let mut ticks = 0_i64;
    let mut in_time = false;
    let mut any = false;
    // Units must be in this order, each at most once.
    let mut next_unit = 0;
    while let Some(first) = rest.chars().next() {
        if first.eq_ignore_ascii_case(&'T') {
            if in_time {
                return Err("it has a second T");
            }
            in_time = true;
            rest = &rest[1..];
            if rest.is_empty() {
                return Err("nothing follows the T");
            }
            continue;
        }
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or("a number without a unit")?;
        let (number, tail) = rest.split_at(end);
        let unit = tail
            .chars()
            .next()
            .ok_or("a number without a unit")?
            .to_ascii_uppercase();
        let (order, length) = match (in_time, unit) {
            (false, 'W') => (1, 7 * TICKS_PER_DAY),
            (false, 'D') => (2, TICKS_PER_DAY),
            (true, 'H') => (3, TICKS_PER_HOUR),
            (true, 'M') => (4, TICKS_PER_MINUTE),
            (true, 'S') => (5, TICKS_PER_SECOND),
            (false, 'Y' | 'M') => return Err("years and months have no fixed length"),
            _ => return Err("allowed units are W and D, and after a T: H, M and S"),
        };
        if order <= next_unit {
            return Err("its units are out of order");
        }
        next_unit = order;
        any = true;
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if unit == 'S' => (whole, parse_fraction(fraction)?),
            Some(_) => return Err("only seconds may have decimals"),
            None => (number, 0),
        };
        let amount = digits(whole, 1, 12)?.checked_mul(length).ok_or(TOO_LONG)?;
        ticks = ticks
            .checked_add(amount)
            .and_then(|sum| sum.checked_add(fraction))
            .ok_or(TOO_LONG)?;
        rest = &tail[unit.len_utf8()..];
    }
    if any { Ok(ticks) } else { Err("it has no units") }
}

/// `[nw][nd][nh][nm][ns][nms]`; the numbers may have decimals.
fn parse_units(body: &str) -> Result<i64, &'static str> {
    const UNITS: [(&str, i64); 6] = [
        ("w", 7 * TICKS_PER_DAY),
        ("d", TICKS_PER_DAY),
        ("h", TICKS_PER_HOUR),
        ("m", TICKS_PER_MINUTE),
        ("s", TICKS_PER_SECOND),
        ("ms", TICKS_PER_SECOND / 1000),
    ];
    let mut rest = body;
    let mut ticks = 0_i64;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or("a number without a unit")?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let index = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or("allowed units are w, d, h, m, s and ms")?;
        if index < next_unit {
            return Err("its units are out of order");
        }
        next_unit = index + 1;
        let length = UNITS[index].1;
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, parse_fraction(fraction)?),
            None => (number, 0),
        };
        // The fraction is in ten-millionths, the number of ticks in a second.
        let fraction = i128::from(fraction) * i128::from(length) / i128::from(TICKS_PER_SECOND);
        let amount = digits(whole, 1, 12)?.checked_mul(length).ok_or(TOO_LONG)?;
        ticks = i64::try_from(fraction)
            .ok()
            .and_then(|fraction| amount.checked_add(fraction))
            .and_then(|sum| ticks.checked_add(sum))
            .ok_or(TOO_LONG)?;
        rest = tail;
    }
    Ok(ticks)
}

/// The decimals of a number in ten-millionths, which are ticks for seconds; at most seven.
fn parse_fraction(text: &str) -> Result<i64, &'static str> {
    let value = digits(text, 1, 7).map_err(|_| "a number has at most seven decimals, all digits")?;
    let missing = u32::try_from(7 - text.len()).unwrap_or(0);
    Ok(value * 10_i64.pow(missing))
}

fn digits(text: &str, least: usize, most: usize) -> Result<i64, &'static str> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it must have digits between its separators");
    }
    if text.len() < least {
        return Err("minutes and seconds have two digits");
    }
    if text.len() > most {
        return Err("a part has too many digits");
    }
    text.parse().map_err(|_| TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn micros(text: &str) -> i64 {
        TimeSpan::parse(text)
            .unwrap_or_else(|error| panic!("{error}"))
            .as_micros()
    }

    #[test]
    fn all_three_notations_are_parsed() {
        assert_eq!(micros("00:00:30"), 30_000_000);
        assert_eq!(micros("1.02:03:04.5"), ((26 * 60 + 3) * 60 + 4) * 1_000_000 + 500_000);
        assert_eq!(micros("-00:00:01"), -1_000_000);
        assert_eq!(micros("PT5M"), 300_000_000);
        assert_eq!(micros("P1DT2H3M4.25S"), ((26 * 60 + 3) * 60 + 4) * 1_000_000 + 250_000);
        assert_eq!(micros("P2W"), 14 * 86_400 * 1_000_000);
        assert_eq!(micros("5m"), 300_000_000);
        assert_eq!(micros("30s"), 30_000_000);
        assert_eq!(micros("1h30m"), 5_400_000_000);
        assert_eq!(micros("7d"), 7 * 86_400 * 1_000_000);
        assert_eq!(micros("2w1d"), 15 * 86_400 * 1_000_000);
        assert_eq!(micros("500ms"), 500_000);
        assert_eq!(micros("1s500ms"), 1_500_000);
        assert_eq!(micros("1.5s"), 1_500_000);
        assert_eq!(micros("0.5d"), 43_200_000_000);
        assert_eq!(micros("90m"), 5_400_000_000);
        assert_eq!(micros("-5m"), -300_000_000);
        assert_eq!(micros("0s"), 0);
    }

    #[test]
    fn ambiguous_texts_are_rejected() {
        for text in [
            "",
            "5",
            "5:00",
            "24:00:00",
            "00:60:00",
            "00:00:60",
            "1:2:3",
            "00:00:00.12345678",
            "00:00:00.",
            "P",
            "PT",
            "P1M",
            "P1Y",
            "PT1H1H",
            "PT1S1M",
            "P1H",
            "PT1.5M",
            "abc",
            "00:00:aa",
            "1.2.03:04:05",
            "99999999.00:00:00x",
            "P999999999999D",
            "--00:00:01",
            "PT-5M",
            "00:00:00:00",
            "P1Ä",
            "5M",
            "7D",
            "5min",
            "5 m",
            "m",
            "30m1h",
            "5m5m",
            "1h30",
            "1..5s",
            "1.s",
            ".5s",
            "5µs",
            "999999999999w",
            "1h-30m",
        ] {
            let error = TimeSpan::parse(text).expect_err(text).to_string();
            for form in ["00:05:00", "PT5M", "1h30m"] {
                assert!(error.contains(form), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn formatted_durations_round_trip(ticks in any::<i32>(), scale in 1_i64..100_000) {
            let span = TimeSpan { ticks: i64::from(ticks) * scale };
            prop_assert_eq!(TimeSpan::parse(&span.to_string()), Ok(span));
        }

        #[test]
        fn no_text_causes_a_panic(text in "\\PC{0,30}") {
            drop(TimeSpan::parse(&text));
        }

        #[test]
        fn no_text_of_the_duration_alphabet_causes_a_panic(text in "[-0-9.:PTWDHMSwdhms]{0,20}") {
            drop(TimeSpan::parse(&text));
        }
    }
}
