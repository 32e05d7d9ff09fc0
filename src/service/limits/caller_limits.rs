//! What one caller may use up of what all callers share: names of new queues, and unique keys.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::access::caller::{Caller, CallerKind};
use crate::domain::access::ip_network::client_prefix;
use crate::domain::queue::rate_limit::{RateLimit, TokenBucket};
use crate::runtime::actor::clock::Clock;
use crate::service::error::ServiceError;

/// How many callers are remembered. Beyond it those are forgotten that have used nothing lately, then all.
const CALLERS_MAX: usize = 10_000;

/// What is limited by caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// Queues that a job names first.
    NewQueues,
    /// Jobs with a unique key.
    UniqueKeys,
}

/// A caller: callers that are not known by name count by their address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallerKey {
    kind: CallerKind,
    name: Arc<str>,
    address: Option<IpAddr>,
}

struct Buckets {
    new_queues: TokenBucket,
    unique_keys: TokenBucket,
}

/// How much each caller may use. See the module.
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

    /// Counts what a request of the caller uses, or refuses it whole. The program that embeds the server has no limits.
    pub(crate) fn take(&self, caller: &Caller, shared: Shared, count: usize) -> Result<(), ServiceError> {
        if count == 0 || caller.kind() == CallerKind::Local {
            return Ok(());
        }
        let key = CallerKey {
            kind: caller.kind(),
            name: Arc::clone(caller.name()),
            address: caller
                .address
                .filter(|_| caller.kind() == CallerKind::Anonymous)
                .map(client_prefix),
        };
        let now = self.clock.now();
        // The table stays whole when a thread panics that holds it.
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
        let (bucket, limit, setting, what) = match shared {
            Shared::NewQueues => (
                &mut buckets.new_queues,
                self.new_queues,
                "new_queues_per_caller",
                "new queues",
            ),
            Shared::UniqueKeys => (
                &mut buckets.unique_keys,
                self.unique_keys,
                "unique_keys_per_caller",
                "jobs with a unique key",
            ),
        };
        let available = bucket.available(now);
        let Some(wanted) = u32::try_from(count).ok().filter(|wanted| *wanted <= available) else {
            return Err(ServiceError::CallerLimit {
                what,
                setting,
                limit,
                wanted: count,
                available,
                retry_after: bucket.time_to_next().to_std().unwrap_or_default(),
            });
        };
        bucket.take(wanted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

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
    fn each_caller_has_its_own_share_and_a_request_is_whole() {
        let limits = limits();
        assert!(limits.take(&key("a"), Shared::NewQueues, 2).is_ok());
        let refused = limits.take(&key("a"), Shared::NewQueues, 2).expect_err("one too many");
        let text = refused.to_string();
        assert!(
            text.contains("3/h") && text.contains("[jobs] new_queues_per_caller"),
            "{text}"
        );
        assert!(
            limits.take(&key("a"), Shared::NewQueues, 1).is_ok(),
            "what was refused is not counted"
        );
        assert!(limits.take(&key("a"), Shared::NewQueues, 1).is_err());
        assert!(limits.take(&key("a"), Shared::UniqueKeys, 5).is_ok());
        assert!(limits.take(&key("b"), Shared::NewQueues, 3).is_ok());
        assert!(limits.take(&Caller::local(), Shared::NewQueues, 1_000).is_ok());
    }

    #[test]
    fn callers_without_a_name_count_by_their_address() {
        let limits = limits();
        let at = |last| Caller::anonymous().at(Some(Ipv4Addr::new(192, 0, 2, last).into()));
        assert!(limits.take(&at(1), Shared::NewQueues, 3).is_ok());
        assert!(limits.take(&at(1), Shared::NewQueues, 1).is_err());
        assert!(limits.take(&at(2), Shared::NewQueues, 3).is_ok());
    }

    #[test]
    fn no_number_of_callers_fills_the_memory() {
        let limits = limits();
        for number in 0..2 * CALLERS_MAX {
            let caller = Caller::new(number.to_string(), CallerKind::Token, Scopes::all(), Arc::default());
            assert!(limits.take(&caller, Shared::UniqueKeys, 1).is_ok());
        }
        let used = limits.used.lock().expect("the table");
        assert!(used.len() <= CALLERS_MAX);
    }
}
