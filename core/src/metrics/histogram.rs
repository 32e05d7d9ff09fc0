//! How long things take, counted in fixed steps: what percentiles are read from.
//!
//! The first step is everything below a millisecond; from there on each step is 1.41 times the one before, so that a
//! percentile is at most that much off, from a millisecond to a month.

use crate::values::time_span::TimeSpan;

/// How many steps there are.
pub const BUCKETS: usize = 65;

/// What is measured of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// How long an attempt ran that completed or failed.
    Run = 0,
    /// How long a job waited from its due time until a worker took it.
    Wait = 1,
}

impl Measure {
    /// The number in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The measure with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        [Self::Run, Self::Wait]
            .into_iter()
            .find(|measure| measure.code() == code)
    }
}

/// The step that a number of microseconds falls in.
pub fn bucket_of(micros: u64) -> u8 {
    let Some(octave) = (micros / 1_000).checked_ilog2() else {
        return 0;
    };
    let is_upper_half = micros >> octave >= 1_414;
    let bucket = 1 + 2 * octave + u32::from(is_upper_half);
    // What takes longer than a month counts as a month.
    u8::try_from(bucket).map_or(BUCKETS as u8 - 1, |bucket| bucket.min(BUCKETS as u8 - 1))
}

/// Where a step begins, in microseconds.
pub fn bucket_start(bucket: u8) -> u64 {
    match bucket.checked_sub(1) {
        None => 0,
        Some(half_octaves) => (if half_octaves % 2 == 0 { 1_000 } else { 1_414 }) << (half_octaves / 2),
    }
}

/// How often each step was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Histogram {
    /// Counts a step so many times more. There is none beyond the last.
    pub fn add(&mut self, bucket: u8, count: u64) {
        if let Some(counted) = self.counts.get_mut(usize::from(bucket)) {
            *counted += count;
        }
    }

    /// How many measurements there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The time that this share of all measurements does not exceed, from 0 to 1; `None` without measurements. Within a
    /// step they are taken to lie evenly.
    pub fn percentile(&self, share: f64) -> Option<TimeSpan> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = (share * total as f64).ceil().clamp(1.0, total as f64);
        let mut below = 0.0;
        for (bucket, count) in (0_u8..).zip(self.counts) {
            let count = count as f64;
            if below + count >= rank {
                let (start, end) = (bucket_start(bucket) as f64, bucket_start(bucket + 1) as f64);
                let micros = start + (end - start) * (rank - below) / count;
                return Some(TimeSpan::from_delta(chrono::TimeDelta::microseconds(micros as i64)));
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{BUCKETS, Histogram, bucket_of, bucket_start};

    #[test]
    fn each_step_begins_where_the_one_before_ends() {
        for bucket in 1..u8::try_from(BUCKETS).expect("few") {
            assert_eq!(bucket_of(bucket_start(bucket)), bucket);
            assert_eq!(bucket_of(bucket_start(bucket) - 1), bucket - 1);
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(usize::from(bucket_of(u64::MAX)), BUCKETS - 1);
    }

    #[test]
    fn without_measurements_there_is_no_percentile() {
        assert_eq!(Histogram::default().percentile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_percentile_is_at_most_a_step_off(mut micros in proptest::collection::vec(1_000_u64..5_000_000_000, 1..200), share in 0.01_f64..1.0) {
            let mut histogram = Histogram::default();
            for micros in &micros {
                histogram.add(bucket_of(*micros), 1);
            }
            micros.sort_unstable();
            let rank = (share * micros.len() as f64).ceil() as usize;
            let exact = micros[rank.max(1) - 1] as f64;
            let told = histogram.percentile(share).expect("measured").to_delta().num_microseconds().expect("short") as f64;
            prop_assert!(told <= exact * 1.4151 && told >= exact / 1.4151, "{told} for {exact}");
        }
    }
}
