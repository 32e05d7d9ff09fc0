//! Limits of shared resources per caller: names of new queues, and unique keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::access::caller::{Caller, CallerKind};
use crate::domain::access::caller_key::CallerKey;
use crate::domain::queue::rate_limit::{RateLimit, TokenBucket};
use crate::runtime::actor::clock::Clock;
use crate::service::error::ServiceError;

/// Maximum number of callers in memory. Beyond it callers without recent usage are removed, then all.
const CALLERS_MAX: usize = 10_000;

/// Resources that are limited per caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedResource {
    /// Queues that a job uses first.
    NewQueues,
    /// Jobs with a unique key.
    UniqueKeys,
}

struct Buckets {
    new_queues: TokenBucket,
    unique_keys: TokenBucket,
}

/// Usage by caller; see the module documentation.
pub(crate) struct CallerLimits {
    new_queues: RateLimit,
    unique_keys: RateLimit,
    clock: Clock,
    used: Mutex<HashMap<CallerKey, Buckets>>,
}

impl CallerLimits {
    pub(crate) fn new(new_queues: RateLimit, unique_keys: RateLimit, clock: Clock) -> Self {
        Self {
            new_queues,
            unique_keys,
            clock,
            used: Mutex::default(),
        }
    }

    /// Charges the usage of a request, or rejects it completely. The embedding program has no limits.
    pub(crate) fn take(&self, caller: &Caller, shared: SharedResource, count: usize) -> Result<(), ServiceError> {
        if count == 0 || caller.kind() == CallerKind::Local {
            return Ok(());
        }
        let (limit, setting, what) = match shared {
            SharedResource::NewQueues => (self.new_queues, "new_queues_per_caller", "new queues"),
            SharedResource::UniqueKeys => (self.unique_keys, "unique_keys_per_caller", "jobs with a unique key"),
        };
        let max = limit.jobs.get();
        let Some(requested) = u32::try_from(count).ok().filter(|requested| *requested <= max) else {
            return Err(ServiceError::OverCallerLimit {
                what,
                setting,
                max,
                requested: count,
            });
        };
        self.with(caller, shared, |bucket, now| {
            let available = bucket.available(now);
            if requested > available {
                return Err(ServiceError::CallerLimit {
                    what,
                    setting,
                    limit,
                    requested: count,
                    available,
                    retry_after: bucket.time_to(requested).to_std().unwrap_or_default(),
                });
            }
            bucket.take(requested);
            Ok(())
        })
    }

    /// Returns the usage of rejected or unused resources.
    pub(super) fn release(&self, caller: &Caller, shared: SharedResource, count: usize) {
        if count > 0 && caller.kind() != CallerKind::Local {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.with(caller, shared, |bucket, _| bucket.return_tokens(count));
        }
    }

    fn with<T>(
        &self,
        caller: &Caller,
        shared: SharedResource,
        use_bucket: impl FnOnce(&mut TokenBucket, DateTime<Utc>) -> T,
    ) -> T {
        let key = CallerKey::of(caller);
        let now = self.clock.now();
        // The table stays consistent if a thread panics while holding the lock.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= CALLERS_MAX && !used.contains_key(&key) {
            used.retain(|_, buckets| {
                buckets.new_queues.available(now) < self.new_queues.jobs.get()
                    || buckets.unique_keys.available(now) < self.unique_keys.jobs.get()
            });
            if used.len() >= CALLERS_MAX {
                used.clear();
            }
        }
        let buckets = used.entry(key).or_insert_with(|| Buckets {
            new_queues: TokenBucket::new(self.new_queues, now),
            unique_keys: TokenBucket::new(self.unique_keys, now),
        });
        let bucket = match shared {
            SharedResource::NewQueues => &mut buckets.new_queues,
            SharedResource::UniqueKeys => &mut buckets.unique_keys,
        };
        use_bucket(bucket, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::*;
    use crate::domain::access::caller::Scopes;

    fn limits() -> CallerLimits {
        let rate = |text| RateLimit::parse(text).expect("a rate");
        CallerLimits::new(rate("3/h"), rate("5/h"), Clock::system())
    }

    fn key(name: &'static str) -> Caller {
        Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default())
    }

    #[test]
    fn each_caller_has_its_own_limit_and_a_request_is_atomic() {
        let limits = limits();
        assert!(limits.take(&key("a"), SharedResource::NewQueues, 2).is_ok());
        let refused = limits
            .take(&key("a"), SharedResource::NewQueues, 2)
            .expect_err("one too many");
        let text = refused.to_string();
        assert!(
            text.contains("3 new queues per hour") && text.contains("[jobs] new_queues_per_caller"),
            "{text}"
        );
        assert!(
            limits.take(&key("a"), SharedResource::NewQueues, 1).is_ok(),
            "a rejected request is not counted"
        );
        assert!(limits.take(&key("a"), SharedResource::NewQueues, 1).is_err());
        assert!(limits.take(&key("a"), SharedResource::UniqueKeys, 5).is_ok());
        assert!(limits.take(&key("b"), SharedResource::NewQueues, 3).is_ok());
        assert!(limits.take(&Caller::local(), SharedResource::NewQueues, 1_000).is_ok());
    }

    #[test]
    fn only_requests_that_can_fit_get_a_retry_delay_until_they_fit_completely() {
        let limits = limits();
        let refused = limits.take(&key("a"), SharedResource::NewQueues, 4);
        assert!(
            matches!(
                refused,
                Err(ServiceError::OverCallerLimit {
                    max: 3,
                    requested: 4,
                    ..
                })
            ),
            "{refused:?}"
        );
        assert!(
            limits.take(&key("a"), SharedResource::NewQueues, 3).is_ok(),
            "nothing was counted"
        );
        match limits.take(&key("a"), SharedResource::NewQueues, 2) {
            Err(ServiceError::CallerLimit { retry_after, .. }) => {
                assert!((2_390..=2_400).contains(&retry_after.as_secs()), "{retry_after:?}");
            }
            other => panic!("{other:?}"),
        }
        limits.release(&key("a"), SharedResource::NewQueues, 2);
        assert!(limits.take(&key("a"), SharedResource::NewQueues, 2).is_ok());
    }

    #[test]
    fn anonymous_callers_are_counted_by_address() {
        let limits = limits();
        let at = |last| Caller::anonymous().at(Some(Ipv4Addr::new(192, 0, 2, last).into()));
        assert!(limits.take(&at(1), SharedResource::NewQueues, 3).is_ok());
        assert!(limits.take(&at(1), SharedResource::NewQueues, 1).is_err());
        assert!(limits.take(&at(2), SharedResource::NewQueues, 3).is_ok());
    }

    #[test]
    fn the_number_of_callers_in_memory_is_limited() {
        let limits = limits();
        for number in 0..2 * CALLERS_MAX {
            let caller = Caller::new(number.to_string(), CallerKind::Token, Scopes::all(), Arc::default());
            assert!(limits.take(&caller, SharedResource::UniqueKeys, 1).is_ok());
        }
        let used = limits.used.lock().expect("the table");
        assert!(used.len() <= CALLERS_MAX);
    }
}
