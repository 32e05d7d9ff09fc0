//! Cache of verified tokens: verifying a signature costs more than the rest of a request.
//!
//! A token is found by its SHA-256, for at most a minute, until it expires, and while its set of keys is current.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use super::auth_throttle::AcceptedAddresses;
use crate::domain::access::caller::Caller;

/// Maximum number of cached tokens. The least recently used one is evicted: it is verified again, which is only slower.
const TOKENS_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// Lifetime of an entry, in nanoseconds.
const LIFETIME: u64 = 60_000_000_000;

/// The cache. See the module.
pub(super) struct TokenCache(Mutex<LruCache<[u8; 32], Arc<CachedToken>>>);

/// A verified token.
pub(super) struct CachedToken {
    pub(super) caller: Caller,
    /// Addresses from which the token was accepted.
    pub(super) accepted_from: AcceptedAddresses,
    until: u64,
    keys: u64,
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(TOKENS_MAX)))
    }

    /// The token with this digest, if it is cached, has not expired and was verified with this set of keys.
    pub(super) fn find(&self, digest: &[u8; 32], keys: u64, now: u64) -> Option<Arc<CachedToken>> {
        // The map stays consistent when a holder of the lock panics.
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tokens.get(digest);
        found
            .filter(|token| now < token.until && token.keys == keys)
            .map(Arc::clone)
    }

    /// Stores a token that was verified with this set of keys.
    pub(super) fn insert(
        &self,
        digest: [u8; 32],
        caller: Caller,
        valid_for: Duration,
        keys: u64,
        now: u64,
    ) -> Arc<CachedToken> {
        let valid_for = u64::try_from(valid_for.as_nanos()).unwrap_or(u64::MAX);
        let token = Arc::new(CachedToken {
            caller,
            accepted_from: AcceptedAddresses::default(),
            until: now.saturating_add(valid_for.min(LIFETIME)),
            keys,
        });
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tokens.peek_lru().is_some_and(|(_, token)| token.until <= now) {
            tokens.pop_lru();
        }
        tokens.put(digest, Arc::clone(&token));
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u32) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        digest
    }

    #[test]
    fn a_token_is_cached_until_it_expires_and_for_at_most_a_minute() {
        let tokens = TokenCache::new();
        tokens.insert(digest(1), Caller::local(), Duration::from_secs(5), 7, 0);
        tokens.insert(digest(2), Caller::local(), Duration::from_secs(3_600), 7, 0);
        assert!(tokens.find(&digest(1), 7, 4_999_999_999).is_some());
        assert!(tokens.find(&digest(1), 7, 5_000_000_000).is_none());
        assert!(tokens.find(&digest(2), 7, LIFETIME - 1).is_some());
        assert!(tokens.find(&digest(2), 7, LIFETIME).is_none());
        assert!(tokens.find(&digest(3), 7, 0).is_none());
        assert!(tokens.find(&digest(2), 8, 0).is_none(), "the keys have changed since");
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_the_tokens_in_use() {
        let tokens = TokenCache::new();
        let in_use = digest(u32::MAX);
        tokens.insert(in_use, Caller::local(), Duration::from_secs(60), 0, 0);
        for number in 0..20_000 {
            tokens.insert(digest(number), Caller::local(), Duration::from_secs(60), 0, 0);
            assert!(tokens.find(&digest(number), 0, 0).is_some());
            assert!(tokens.find(&in_use, 0, 0).is_some());
        }
        assert_eq!(tokens.0.lock().expect("the map").len(), TOKENS_MAX.get());
        tokens.insert(digest(0), Caller::local(), Duration::from_secs(60), 0, LIFETIME);
        assert_eq!(tokens.0.lock().expect("the map").len(), 1, "expired tokens are removed");
    }
}
