//! Histograms of durations with fixed buckets, from which percentiles are computed.
//!
//! The first bucket is everything below a millisecond; each further bucket is 1.41 times as long as the previous one,
//! so that a percentile is off by at most that factor, from a millisecond to a month.

use crate::values::time_span::TimeSpan;

/// Number of buckets.
pub const BUCKETS: usize = 65;

/// A measured duration of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Duration of an attempt that completed or failed.
    Run = 0,
    /// Time from a job's due time to its start.
    Wait = 1,
}

impl Measure {
    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The measure with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        [Self::Run, Self::Wait]
            .into_iter()
            .find(|measure| measure.code() == code)
    }
}

/// The bucket of a duration in microseconds.
pub fn bucket_of(micros: u64) -> u8 {
    let Some(octave) = (micros / 1_000).checked_ilog2() else {
        return 0;
    };
    let is_upper_half = micros >> octave >= 1_414;
    let bucket = 1 + 2 * octave + u32::from(is_upper_half);
    // Durations of more than a month count as a month.
    u8::try_from(bucket).map_or(BUCKETS as u8 - 1, |bucket| bucket.min(BUCKETS as u8 - 1))
}

/// Start of a bucket, in microseconds.
pub fn bucket_start(bucket: u8) -> u64 {
    match bucket.checked_sub(1) {
        None => 0,
        Some(half_octaves) => (if half_octaves % 2 == 0 { 1_000 } else { 1_414 }) << (half_octaves / 2),
    }
}

/// Counts by bucket.
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
    /// Adds `count` to a bucket. Buckets beyond the last one are ignored.
    pub fn add(&mut self, bucket: u8, count: u64) {
        if let Some(counted) = self.counts.get_mut(usize::from(bucket)) {
            *counted += count;
        }
    }

    /// Number of measurements.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The buckets from the first to the last one with measurements: each with its number, and whether it is the last
    /// possible one.
    pub fn measured(&self) -> impl Iterator<Item = (u8, u64, bool)> + '_ {
        let is_measured = |count: &u64| *count > 0;
        let first = self.counts.iter().position(is_measured).unwrap_or(BUCKETS);
        let end = self.counts.iter().rposition(is_measured).map_or(0, |last| last + 1);
        (0_u8..)
            .zip(self.counts)
            .take(end)
            .skip(first)
            .map(|(bucket, count)| (bucket, count, usize::from(bucket) + 1 == BUCKETS))
    }

    /// The duration that the fraction `share` (0 to 1) of the measurements does not exceed; `None` without
    /// measurements. Interpolates linearly within a bucket.
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

    /// The percentiles of reports; zero without measurements.
    pub fn percentiles(&self) -> Percentiles {
        let percentile = |share| self.percentile(share).unwrap_or(TimeSpan::ZERO);
        Percentiles {
            p50: percentile(0.5),
            p95: percentile(0.95),
            p99: percentile(0.99),
        }
    }
}

/// Percentiles of a distribution of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Median.
    pub p50: TimeSpan,
    /// 95th percentile.
    pub p95: TimeSpan,
    /// 99th percentile.
    pub p99: TimeSpan,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{BUCKETS, Histogram, bucket_of, bucket_start};

    #[test]
    fn each_bucket_begins_where_the_previous_one_ends() {
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
        fn a_percentile_is_off_by_at_most_a_bucket(mut micros in proptest::collection::vec(1_000_u64..5_000_000_000, 1..200), share in 0.01_f64..1.0) {
            let mut histogram = Histogram::default();
            for micros in &micros {
                histogram.add(bucket_of(*micros), 1);
            }
            micros.sort_unstable();
            let rank = (share * micros.len() as f64).ceil() as usize;
            let exact = micros[rank.max(1) - 1] as f64;
            let found = histogram.percentile(share).expect("measured").to_delta().num_microseconds().expect("short") as f64;
            prop_assert!(found <= exact * 1.4151 && found >= exact / 1.4151, "{found} for {exact}");
        }
    }
}
