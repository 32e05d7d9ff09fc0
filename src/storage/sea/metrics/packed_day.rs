//! The rollups of a day in few bytes: what a row of `rollup_days` holds of a queue and a type, or of all of them.
//!
//! A day of one type has up to 96 quarters of an hour and hundreds of histogram buckets. As rows they would be most of the
//! cost of a report; packed they are a row. Numbers are written in groups of seven bits, the lowest first.

use std::collections::BTreeMap;

use crate::domain::metrics::histogram::{BUCKETS, Measure};
use crate::domain::metrics::rollup::{HOURS_PER_DAY, RollupCounts, TIME_BUCKETS_PER_HOUR};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::corrupt;

/// Number of quarters of an hour in a day.
pub(super) const QUARTERS_PER_DAY: i64 = HOURS_PER_DAY * TIME_BUCKETS_PER_HOUR;

/// Added to a quarter whose value is a number of created jobs. Days that were packed before these were counted have none.
const CREATED: u64 = QUARTERS_PER_DAY.unsigned_abs();

pub(super) fn unreadable() -> RepositoryError {
    corrupt("rollup_days has a row that is no packed day")
}

/// The rollups of a day. Hours and quarters are counted from its start; after compaction all hours are the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PackedDay {
    pub(super) quarters: BTreeMap<u64, RollupCounts>,
    /// Created jobs by quarter.
    pub(super) created: BTreeMap<u64, u64>,
    /// By hour, and measure and bucket as one number.
    pub(super) steps: BTreeMap<(u64, u64), u64>,
    pub(super) reasons: BTreeMap<(u64, String), u64>,
}

/// A step of a histogram as one number.
pub(super) fn step_of(measure: Measure, bucket: u8) -> u64 {
    let measure = u64::from(measure.code().unsigned_abs());
    measure * BUCKETS as u64 + u64::from(bucket)
}

/// The step of a number.
pub(super) fn step_from(number: u64) -> Option<(Measure, u8)> {
    let measure = i16::try_from(number / BUCKETS as u64).ok()?;
    let bucket = u8::try_from(number % BUCKETS as u64).ok()?;
    Some((Measure::from_code(measure)?, bucket))
}

impl PackedDay {
    /// Adds those of the same day.
    pub(super) fn add(&mut self, other: Self) {
        let Self {
            quarters,
            created,
            steps,
            reasons,
        } = other;
        for (quarter, count) in created {
            *self.created.entry(quarter).or_default() += count;
        }
        for (quarter, counts) in quarters {
            *self.quarters.entry(quarter).or_default() += counts;
        }
        for (step, count) in steps {
            *self.steps.entry(step).or_default() += count;
        }
        for (reason, count) in reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// Moves all hours to the first one.
    pub(super) fn without_hours(self) -> Self {
        let mut day = Self {
            quarters: self.quarters,
            created: self.created,
            ..Self::default()
        };
        for ((_, step), count) in self.steps {
            *day.steps.entry((0, step)).or_default() += count;
        }
        for ((_, reason), count) in self.reasons {
            *day.reasons.entry((0, reason)).or_default() += count;
        }
        day
    }

    /// The sum of the quarters.
    pub(super) fn sums(&self) -> RollupCounts {
        let mut sums = RollupCounts::default();
        for counts in self.quarters.values() {
            sums += *counts;
        }
        sums
    }

    pub(super) fn pack_quarters(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.quarters.len() * 10);
        for (quarter, counts) in &self.quarters {
            write(&mut packed, *quarter);
            pack_counts(&mut packed, *counts);
        }
        for (quarter, count) in &self.created {
            write(&mut packed, *quarter + CREATED);
            write(&mut packed, *count);
        }
        packed
    }

    /// The sums and the steps.
    pub(super) fn pack_summary(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(16 + self.steps.len() * 4);
        pack_counts(&mut packed, self.sums());
        for ((hour, step), count) in &self.steps {
            for number in [*hour, *step, *count] {
                write(&mut packed, number);
            }
        }
        packed
    }

    pub(super) fn pack_reasons(&self) -> Vec<u8> {
        let mut packed = Vec::new();
        for ((hour, reason), count) in &self.reasons {
            write(&mut packed, *hour);
            write(&mut packed, reason.len() as u64);
            packed.extend_from_slice(reason.as_bytes());
            write(&mut packed, *count);
        }
        packed
    }
}

/// Appends the packed day of a type to those of other types.
pub(super) fn pack_type(packed: &mut Vec<u8>, job_type: &str, summary: &[u8], reasons: &[u8]) {
    for part in [job_type.as_bytes(), summary, reasons] {
        write(packed, part.len() as u64);
        packed.extend_from_slice(part);
    }
}

/// Calls `add` with the name, the summary and the reasons of each type; `None` if it does or the bytes are no types.
pub(super) fn unpack_types(mut packed: &[u8], mut add: impl FnMut(&str, &[u8], &[u8]) -> Option<()>) -> Option<()> {
    while !packed.is_empty() {
        let job_type = read_part(&mut packed)?;
        let summary = read_part(&mut packed)?;
        add(std::str::from_utf8(job_type).ok()?, summary, read_part(&mut packed)?)?;
    }
    Some(())
}

/// Bytes after their length.
fn read_part<'a>(packed: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read(packed)?).ok()?;
    let (part, rest) = packed.split_at_checked(length)?;
    *packed = rest;
    Some(part)
}

/// A quarter of an hour, or a part of it.
pub(super) enum Quarter {
    Counts(RollupCounts),
    Created(u64),
}

/// Calls `add` with each quarter; `None` if the bytes are no quarters.
pub(super) fn unpack_quarters(packed: &[u8], mut add: impl FnMut(u64, RollupCounts)) -> Option<()> {
    unpack_all_quarters(packed, |quarter, part| {
        if let Quarter::Counts(counts) = part {
            add(quarter, counts);
        }
    })
}

/// As [`unpack_quarters`], with the created jobs.
pub(super) fn unpack_all_quarters(mut packed: &[u8], mut add: impl FnMut(u64, Quarter)) -> Option<()> {
    while !packed.is_empty() {
        let quarter = read(&mut packed)?;
        match quarter.checked_sub(CREATED) {
            Some(quarter) => add(quarter, Quarter::Created(read(&mut packed)?)),
            None => add(quarter, Quarter::Counts(unpack_counts(&mut packed)?)),
        }
    }
    Some(())
}

/// Calls `add` with the hour, the step and the count of each step.
pub(super) fn unpack_steps(mut packed: &[u8], mut add: impl FnMut(u64, u64, u64)) -> Option<()> {
    while !packed.is_empty() {
        add(read(&mut packed)?, read(&mut packed)?, read(&mut packed)?);
    }
    Some(())
}

/// Calls `add` with the hour, the text and the count of each reason.
pub(super) fn unpack_reasons(mut packed: &[u8], mut add: impl FnMut(u64, &str, u64)) -> Option<()> {
    while !packed.is_empty() {
        let hour = read(&mut packed)?;
        let reason = read_part(&mut packed)?;
        add(hour, std::str::from_utf8(reason).ok()?, read(&mut packed)?);
    }
    Some(())
}

/// The counts that differ from 0, after a byte of which each bit stands for one of them.
fn pack_counts(packed: &mut Vec<u8>, counts: RollupCounts) {
    let numbers = counts.numbers();
    let present = numbers
        .iter()
        .zip(0..)
        .fold(0_u8, |present, (number, bit)| present | (u8::from(*number > 0) << bit));
    packed.push(present);
    for number in numbers.into_iter().filter(|number| *number > 0) {
        write(packed, number);
    }
}

pub(super) fn unpack_counts(packed: &mut &[u8]) -> Option<RollupCounts> {
    let (present, rest) = packed.split_first()?;
    *packed = rest;
    let mut numbers = [0; 8];
    for (bit, number) in numbers.iter_mut().enumerate() {
        if present & (1 << bit) != 0 {
            *number = read(packed)?;
        }
    }
    Some(RollupCounts::from_numbers(numbers))
}

pub(super) fn write(packed: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        packed.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    packed.push((number & 0x7f) as u8);
}

pub(super) fn read(packed: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = packed.split_first()?;
        *packed = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts() -> impl Strategy<Value = RollupCounts> {
        proptest::array::uniform8(prop_oneof![
            Just(0),
            0..300_u64,
            any::<u64>().prop_map(|number| number >> 3)
        ])
        .prop_map(RollupCounts::from_numbers)
    }

    fn day() -> impl Strategy<Value = PackedDay> {
        use proptest::collection::btree_map;
        (
            btree_map(0..96_u64, counts(), 0..8),
            btree_map(0..96_u64, 1..1_000_000_u64, 0..8),
            btree_map((0..24_u64, 0..130_u64), 1..1_000_000_u64, 0..20),
            btree_map((0..24_u64, ".{0,12}"), 1..1_000_000_u64, 0..8),
        )
            .prop_map(|(quarters, created, steps, reasons)| PackedDay {
                quarters,
                created,
                steps,
                reasons,
            })
    }

    proptest! {
        #[test]
        fn a_packed_day_is_unpacked_as_it_was(day in day()) {
            let mut found = PackedDay::default();
            unpack_all_quarters(&day.pack_quarters(), |quarter, part| match part {
                Quarter::Counts(counts) => drop(found.quarters.insert(quarter, counts)),
                Quarter::Created(count) => drop(found.created.insert(quarter, count)),
            })
                .expect("quarters");
            let summary = day.pack_summary();
            let mut steps = summary.as_slice();
            prop_assert_eq!(unpack_counts(&mut steps), Some(day.sums()));
            unpack_steps(steps, |hour, step, count| {
                found.steps.insert((hour, step), count);
            })
                .expect("steps");
            unpack_reasons(&day.pack_reasons(), |hour, reason, count| {
                found.reasons.insert((hour, reason.to_owned()), count);
            })
            .expect("reasons");
            prop_assert_eq!(found, day);
        }

        #[test]
        fn other_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpack_quarters(&bytes, |_, _| {});
            let _ = unpack_steps(&bytes, |_, _, _| {});
            let _ = unpack_reasons(&bytes, |_, _, _| {});
            let _ = unpack_types(&bytes, |_, _, _| Some(()));
        }
    }

    #[test]
    fn packed_types_are_unpacked_in_order() {
        let mut packed = Vec::new();
        pack_type(&mut packed, "MailJob", &[1, 2], &[]);
        pack_type(&mut packed, "ReportJob", &[], &[3]);
        let mut found = Vec::new();
        let unpacked = unpack_types(&packed, |name, summary, reasons| {
            found.push((name.to_owned(), summary.to_vec(), reasons.to_vec()));
            Some(())
        });
        assert_eq!(unpacked, Some(()));
        let expected = [("MailJob", vec![1, 2], vec![]), ("ReportJob", vec![], vec![3])];
        assert_eq!(
            found,
            expected.map(|(name, summary, reasons)| (name.to_owned(), summary, reasons))
        );
        assert_eq!(unpack_types(&packed[..4], |_, _, _| Some(())), None);
    }

    #[test]
    fn each_step_has_a_number() {
        for measure in [Measure::Run, Measure::Wait] {
            for bucket in 0..BUCKETS as u8 {
                assert_eq!(step_from(step_of(measure, bucket)), Some((measure, bucket)));
            }
        }
        assert_eq!(step_from(2 * BUCKETS as u64), None);
    }
}
