//! Tokens whose signature was found right a moment ago: to check one costs more than all the rest of a request.
//!
//! A token is known by its SHA-256, for at most a minute, never beyond its own end, and never beyond the set of keys that
//! it was checked with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::auth_throttle::SeenAt;
use crate::domain::access::caller::Caller;

/// How many are remembered.
const TOKENS_MAX: usize = 4_096;
/// For how long, in nanoseconds.
const REMEMBERED: u64 = 60_000_000_000;

/// See the module.
pub(super) struct KnownTokens(Mutex<HashMap<[u8; 32], Arc<KnownToken>>>);

/// A token that was found right.
pub(super) struct KnownToken {
    pub(super) caller: Caller,
    pub(super) seen: SeenAt,
    until: u64,
    keys: u64,
}

impl KnownTokens {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// The token with this digest, if it is known, has not ended and was checked with this set of keys.
    pub(super) fn find(&self, digest: &[u8; 32], keys: u64, now: u64) -> Option<Arc<KnownToken>> {
        // A panic while the lock is held leaves the map whole.
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tokens.get(digest);
        found
            .filter(|token| now < token.until && token.keys == keys)
            .map(Arc::clone)
    }

    /// Remembers a token that was checked with this set of keys.
    pub(super) fn insert(
        &self,
        digest: [u8; 32],
        caller: Caller,
        valid_for: Duration,
        keys: u64,
        now: u64,
    ) -> Arc<KnownToken> {
        let valid_for = u64::try_from(valid_for.as_nanos()).unwrap_or(u64::MAX);
        let token = Arc::new(KnownToken {
            caller,
            seen: SeenAt::default(),
            until: now.saturating_add(valid_for.min(REMEMBERED)),
            keys,
        });
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, token| now < token.until);
            // All are in use: they are checked once more, which is slower and not wrong.
            if tokens.len() >= TOKENS_MAX {
                tokens.clear();
            }
        }
        tokens.insert(digest, Arc::clone(&token));
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
    fn a_token_is_known_until_it_ends_and_for_at_most_a_minute() {
        let tokens = KnownTokens::new();
        tokens.insert(digest(1), Caller::local(), Duration::from_secs(5), 7, 0);
        tokens.insert(digest(2), Caller::local(), Duration::from_secs(3_600), 7, 0);
        assert!(tokens.find(&digest(1), 7, 4_999_999_999).is_some());
        assert!(tokens.find(&digest(1), 7, 5_000_000_000).is_none());
        assert!(tokens.find(&digest(2), 7, REMEMBERED - 1).is_some());
        assert!(tokens.find(&digest(2), 7, REMEMBERED).is_none());
        assert!(tokens.find(&digest(3), 7, 0).is_none());
        assert!(tokens.find(&digest(2), 8, 0).is_none(), "the keys have changed since");
    }

    #[test]
    fn no_number_of_tokens_fills_the_memory() {
        let tokens = KnownTokens::new();
        for number in 0..20_000 {
            tokens.insert(digest(number), Caller::local(), Duration::from_secs(60), 0, 0);
            assert!(tokens.find(&digest(number), 0, 0).is_some());
        }
        assert!(tokens.0.lock().expect("the map").len() <= TOKENS_MAX);
    }
}
