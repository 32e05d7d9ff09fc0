//! Adaptive sampling of traces.

use tokio::time::Instant;

use crate::domain::values::trace_context::SamplingRatio;
use crate::service::traces::Traces;

/// Adaptive sampling: limits the number of traced jobs per second.
pub(super) struct AdaptiveSampler {
    per_second_max: u64,
    /// Attempts started since the last adjustment.
    started: u64,
    /// Reports dropped until the last adjustment.
    dropped: u64,
    adjusted_at: Instant,
    /// The current sampling ratio.
    ratio: f64,
}

impl AdaptiveSampler {
    pub(super) fn new(per_second_max: u64) -> Self {
        Self {
            per_second_max,
            started: 0,
            dropped: 0,
            adjusted_at: Instant::now(),
            ratio: 1.0,
        }
    }

    /// Counts a started attempt.
    pub(super) fn count_started(&mut self) {
        self.started += 1;
    }

    /// True if the number of started attempts has reached the limit of a second: then the ratio is adjusted at once.
    pub(super) fn is_limit_reached(&self) -> bool {
        self.started >= self.per_second_max
    }

    /// Adjusts the sampling ratio.
    pub(super) fn adjust(&mut self, traces: &Traces) {
        let took = self.adjusted_at.elapsed().as_secs_f64().max(0.001);
        self.adjusted_at = Instant::now();
        let dropped = traces.dropped();
        // An attempt has three reports: created, started and ended.
        let started = std::mem::take(&mut self.started) + (dropped - self.dropped) / 3;
        self.dropped = dropped;
        let ratio = next_ratio(self.ratio, started as f64 / took, self.per_second_max as f64);
        if (ratio - self.ratio).abs() > f64::EPSILON {
            self.ratio = ratio;
            traces.set_sampling_ratio(SamplingRatio::of(ratio));
        }
    }
}

/// The next sampling ratio, when `ratio` has resulted in `per_second` traces.
fn next_ratio(ratio: f64, per_second: f64, max: f64) -> f64 {
    if per_second > max {
        ratio * max / per_second
    } else if per_second < max * 0.8 {
        // A moderate increase: at most one and a half times the limit.
        (ratio * 1.5).min(1.0)
    } else {
        ratio
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sampling_ratio_converges_to_the_limit_under_any_load(load in 1.0..1e6_f64, max in 1.0..1e5_f64) {
            let mut ratio = 1.0;
            for _ in 0..60 {
                ratio = next_ratio(ratio, load * ratio, max);
                prop_assert!((0.0..=1.0).contains(&ratio));
            }
            prop_assert!(load * ratio <= max * 1.2, "{} of {load}", load * ratio);
            prop_assert!(ratio >= 1.0 || load * ratio >= max * 0.5, "{} of {load}", load * ratio);
        }
    }
}
