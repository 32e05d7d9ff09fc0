//! Automatic persisted queries: a client sends the text of a query once, and its hash from then on.
//!
//! The store is bounded in number and in bytes. The least recently used query is evicted first, and a client that sends
//! its hash again is requested to send the text again.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Error;
use lru::LruCache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::api::graphql::errors;

/// Maximum size of all stored queries, in bytes.
const BYTES_MAX: usize = 8 << 20;
/// Message by which clients recognize this error.
const NOT_FOUND: &str = "PersistedQueryNotFound";
const NOT_SUPPORTED: &str = "PersistedQueryNotSupported";

type Hash = [u8; 32];

/// The member `persistedQuery` of a request's extensions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PersistedQuery {
    version: u32,
    sha256_hash: String,
}

/// Queries that clients have stored.
#[derive(Clone)]
pub(crate) struct PersistedQueries(Option<Arc<Mutex<Store>>>);

struct Store {
    queries: LruCache<Hash, Arc<str>>,
    bytes: usize,
}

impl PersistedQueries {
    /// An empty store for at most `max` queries; 0 disables persisted queries.
    pub(crate) fn new(max: usize) -> Self {
        let store = |max| Store {
            queries: LruCache::new(max),
            bytes: 0,
        };
        Self(NonZeroUsize::new(max).map(|max| Arc::new(Mutex::new(store(max)))))
    }

    /// The text of the requested query, given the text in the request, if any.
    pub(crate) fn resolve(&self, requested: &PersistedQuery, sent: Option<String>) -> Result<String, Error> {
        let Some(store) = &self.0 else {
            return Err(named(NOT_SUPPORTED, "PERSISTED_QUERY_NOT_SUPPORTED"));
        };
        let invalid = |detail: &str| errors::invalid("extensions.persistedQuery", detail);
        if requested.version != 1 {
            return Err(invalid(&format!(
                "version {} is not supported; allowed is 1",
                requested.version
            )));
        }
        let hash = hash_of(&requested.sha256_hash)
            .ok_or_else(|| invalid("sha256Hash is not a SHA-256 hash; allowed are 64 hexadecimal digits"))?;
        // The store stays consistent when a holder of the lock panics.
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            None => match store.queries.get(&hash) {
                Some(query) => Ok(query.to_string()),
                None => Err(named(NOT_FOUND, "PERSISTED_QUERY_NOT_FOUND")),
            },
            Some(query) => {
                let actual: Hash = Sha256::digest(&query).into();
                if actual != hash {
                    return Err(invalid("provided sha does not match query"));
                }
                store.insert(hash, &query);
                Ok(query)
            }
        }
    }
}

impl Store {
    fn insert(&mut self, hash: Hash, query: &str) {
        if query.len() > BYTES_MAX || self.queries.contains(&hash) {
            return;
        }
        self.bytes += query.len();
        if let Some((_, out)) = self.queries.push(hash, Arc::from(query)) {
            self.bytes -= out.len();
        }
        while self.bytes > BYTES_MAX
            && let Some((_, out)) = self.queries.pop_lru()
        {
            self.bytes -= out.len();
        }
    }
}

/// An error that clients recognize by its message.
fn named(message: &str, code: &str) -> Error {
    Error {
        message: message.to_owned(),
        source: None,
        extensions: Some(errors::extensions(code, false)),
    }
}

fn hash_of(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(query: &str) -> PersistedQuery {
        let hash: Hash = Sha256::digest(query).into();
        PersistedQuery {
            version: 1,
            sha256_hash: hash.iter().map(|byte| format!("{byte:02X}")).collect(),
        }
    }

    #[test]
    fn a_query_that_was_sent_once_is_found_by_its_hash() {
        let queries = PersistedQueries::new(2);
        let find = |query: &str| queries.resolve(&requested(query), None).map_err(|error| error.message);
        let send = |query: &str| queries.resolve(&requested(query), Some(query.to_owned()));
        assert_eq!(find("{ a }"), Err(NOT_FOUND.to_owned()));
        assert!(send("{ a }").is_ok());
        assert_eq!(find("{ a }"), Ok("{ a }".to_owned()));
        assert!(send("{ b }").is_ok());
        assert_eq!(find("{ a }"), Ok("{ a }".to_owned()));
        assert!(send("{ c }").is_ok());
        assert_eq!(
            find("{ b }"),
            Err(NOT_FOUND.to_owned()),
            "it is the least recently used"
        );
        assert_eq!(find("{ a }"), Ok("{ a }".to_owned()));
        let other = queries.resolve(&requested("{ a }"), Some("{ d }".to_owned()));
        assert_eq!(
            other.expect_err("another text").message,
            "provided sha does not match query"
        );
    }

    #[test]
    fn a_hash_is_64_hexadecimal_digits() {
        let zeros = "0".repeat(62);
        assert_eq!(hash_of(&format!("aB{zeros}")).map(|hash| hash[0]), Some(0xab));
        for wrong in ["+1", "-1", " 1", "0x", "1", "123", "é"] {
            assert_eq!(hash_of(&format!("{wrong}{zeros}")), None, "{wrong}");
        }
    }

    #[test]
    fn the_store_is_bounded_in_bytes() {
        let queries = PersistedQueries::new(100);
        let large = |number: u32| format!("{{ a{number} }} #{}", "x".repeat(BYTES_MAX / 3));
        for number in 0..5 {
            let query = large(number);
            assert!(queries.resolve(&requested(&query), Some(query.clone())).is_ok());
        }
        let known = (0..5).filter(|number| queries.resolve(&requested(&large(*number)), None).is_ok());
        assert_eq!(known.collect::<Vec<u32>>(), [3, 4]);
    }

    #[test]
    fn a_disabled_store_reports_that_it_is_not_supported() {
        let refused = PersistedQueries::new(0).resolve(&requested("{ a }"), None);
        assert_eq!(refused.expect_err("none").message, NOT_SUPPORTED);
    }
}
