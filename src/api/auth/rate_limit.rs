//! Rate limits of callers.

use std::hash::RandomState;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::domain::access::allowance::{Allowance, RateExceeded};
use crate::domain::values::rate::{Quota, Rate};

/// Maximum number of token subjects whose requests are counted; the least recent one is evicted.
const SUBJECTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Nanoseconds since the process started counting.
pub(super) fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// A bucket that threads share.
#[derive(Debug, Default)]
pub(super) struct Meter {
    full_at: AtomicU64,
}

impl Meter {
    /// Counts one request. Returns the quota; an error if it exceeds the limit.
    pub(super) fn count(&self, rate: Rate, now: u64) -> Result<Quota, Quota> {
        let counted = self
            .full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| rate.count(full_at, now));
        match counted {
            // Another thread may have counted since: this is the quota of this request.
            Ok(before) => Ok(rate.quota(rate.count(before, now).unwrap_or(before), now)),
            Err(full_at) => Err(rate.quota(full_at, now)),
        }
    }

    fn is_full(&self, now: u64) -> bool {
        self.full_at.load(Ordering::Relaxed) <= now
    }

    /// Counts several requests together; the error is the time until they are possible.
    fn count_many(&self, many: u32, rate: Rate, now: u64) -> Result<(), Duration> {
        let counted = self
            .full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                rate.count_many(many, full_at, now)
            });
        counted.map(drop).map_err(|full_at| {
            let used = full_at.saturating_sub(now).saturating_add(rate.time_of(many));
            Duration::from_nanos(used.saturating_sub(rate.window()))
        })
    }
}

/// Buckets of the subjects of tokens. The hasher is keyed: issuers choose the subjects.
#[derive(Debug)]
pub(super) struct SubjectMeters(Mutex<LruCache<Arc<str>, Arc<Meter>, RandomState>>);

impl SubjectMeters {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::with_hasher(SUBJECTS_MAX, RandomState::new())))
    }

    /// The bucket of a subject.
    pub(super) fn of(&self, subject: &Arc<str>, now: u64) -> Arc<Meter> {
        // The map stays consistent when a holder of the lock panics.
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A bucket that is full again equals a new one, unless a request is about to count on it.
        let is_unused = |meter: &Arc<Meter>| Arc::strong_count(meter) == 1 && meter.is_full(now);
        while subjects.peek_lru().is_some_and(|(_, meter)| is_unused(meter)) {
            subjects.pop_lru();
        }
        Arc::clone(subjects.get_or_insert(Arc::clone(subject), Arc::default))
    }
}

/// Rate limit of one caller. Clones share the counts.
#[derive(Clone, Debug)]
pub(crate) struct CallerRate {
    rate: Rate,
    meter: Arc<Meter>,
}

impl CallerRate {
    pub(super) const fn new(rate: Rate, meter: Arc<Meter>) -> Self {
        Self { rate, meter }
    }

    /// The current quota.
    pub(crate) fn quota(&self) -> Quota {
        self.rate.quota(self.meter.full_at.load(Ordering::Relaxed), now())
    }
}

impl Allowance for CallerRate {
    fn charge(&self, requests: u32) -> Result<(), RateExceeded> {
        let Rate { capacity, per } = self.rate;
        self.meter
            .count_many(requests, self.rate, now())
            .map_err(|retry_after| RateExceeded::Now {
                requests,
                capacity,
                per,
                retry_after,
            })
    }

    fn rate(&self) -> Rate {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::caller::Caller;

    const SECOND: u64 = 1_000_000_000;

    fn ten_a_minute() -> Rate {
        Rate {
            capacity: 10,
            per: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_average_rate() {
        let meter = Meter::default();
        let rate = ten_a_minute();
        for left in (0..10).rev() {
            assert_eq!(meter.count(rate, SECOND).map(|quota| quota.remaining), Ok(left));
        }
        let quota = meter.count(rate, SECOND).expect_err("one too many");
        assert_eq!(quota.remaining, 0);
        assert_eq!(quota.next_in, Duration::from_secs(6));
        assert_eq!(quota.full_in, Duration::from_secs(60));
        assert!(meter.count(rate, SECOND + 6 * SECOND - 1).is_err());
        assert!(meter.count(rate, SECOND + 6 * SECOND).is_ok());
        assert!(meter.count(rate, SECOND + 6 * SECOND).is_err());
        assert_eq!(meter.count(rate, 1_000 * SECOND).map(|quota| quota.remaining), Ok(9));
    }

    #[test]
    fn rejected_requests_are_not_counted() {
        let meter = Meter::default();
        let rate = ten_a_minute();
        for _ in 0..10 {
            assert!(meter.count(rate, 0).is_ok());
        }
        for _ in 0..1_000 {
            assert!(meter.count(rate, 0).is_err());
        }
        assert!(meter.count(rate, 6 * SECOND).is_ok());
    }

    #[test]
    fn subjects_are_bounded_and_forgotten_when_their_buckets_are_full() {
        let subjects = SubjectMeters::new();
        let rate = ten_a_minute();
        let of = |name: &str, now| subjects.of(&Arc::from(name), now);
        let held = of("a", 0);
        assert!(Arc::ptr_eq(&held, &of("a", 0)), "a bucket in use is kept");
        assert!(held.count(rate, 0).is_ok());
        drop(held);
        assert_eq!(of("a", 0).count(rate, 0).map(|quota| quota.remaining), Ok(8));
        of("b", 60 * SECOND);
        let count = || subjects.0.lock().expect("the subjects").len();
        assert_eq!(count(), 1, "the bucket of a is full again");
        for number in 0..30_000 {
            assert!(of(&number.to_string(), 60 * SECOND).count(rate, 60 * SECOND).is_ok());
        }
        assert_eq!(count(), SUBJECTS_MAX.get());
    }

    #[test]
    fn several_requests_count_together_or_not_at_all() {
        let meter = Meter::default();
        let rate = ten_a_minute();
        assert_eq!(meter.count_many(7, rate, 0), Ok(()));
        assert_eq!(meter.count_many(4, rate, 0), Err(Duration::from_secs(6)));
        assert_eq!(meter.count_many(3, rate, 0), Ok(()));
        assert!(meter.count(rate, 0).is_err());
        assert!(meter.count_many(11, rate, 1_000 * SECOND).is_err());
        assert_eq!(meter.count_many(10, rate, 1_000 * SECOND), Ok(()));
    }

    fn of_request(capacity: u32, meter: &Arc<Meter>, is_counted: bool) -> Caller {
        let rate = Rate {
            capacity,
            per: Duration::from_secs(3_600),
        };
        Caller::local().limited(Arc::new(CallerRate::new(rate, Arc::clone(meter))), is_counted)
    }

    #[test]
    fn one_read_costs_no_more_than_the_caller_may_make_at_once() {
        let meter = Arc::default();
        let caller = of_request(3, &meter, false);
        assert_eq!(caller.charge(1), Ok(()), "the request itself");
        assert_eq!(caller.charge_cost(10), Ok(()));
        match of_request(3, &meter, true).charge_cost(10) {
            Err(RateExceeded::Now {
                requests: 2,
                capacity: 3,
                retry_after,
                ..
            }) => assert!(retry_after > Duration::from_secs(2_300)),
            other => panic!("all are used: {other:?}"),
        }
        assert_eq!(Caller::local().charge_cost(10), Ok(()), "without a limit");
    }

    #[test]
    fn a_request_that_costs_more_than_the_whole_limit_has_no_retry_after() {
        let meter = Arc::default();
        let too_much = |requests| Err(RateExceeded::Always { requests, capacity: 20 });
        assert_eq!(of_request(20, &meter, true).charge(20), too_much(21));
        assert_eq!(of_request(20, &meter, false).charge(21), too_much(21));
        let in_parts = of_request(20, &meter, true);
        assert_eq!(in_parts.charge(1), Ok(()));
        assert_eq!(in_parts.charge_cost(10), Ok(()));
        assert_eq!(
            in_parts.charge_cost(11),
            too_much(21),
            "together with what it has cost before"
        );
    }

    #[test]
    fn long_operations_may_be_charged_more_than_one_request() {
        let meter = Arc::default();
        let caller = of_request(20, &meter, true).lasting();
        for _ in 0..2 {
            assert_eq!(caller.charge_cost(10), Ok(()));
        }
        assert!(matches!(caller.charge_cost(10), Err(RateExceeded::Now { .. })));
    }
}
