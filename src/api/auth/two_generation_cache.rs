//! A cache with bounded memory.
//!
//! Entries live in two generations. When the young one is full or old, it becomes the old one, and the old one is
//! dropped. A used entry moves to the young one. An entry lives for at least one generation's time after its last use,
//! unless more keys than a generation holds are added in that time.

use std::collections::HashMap;
use std::hash::Hash;

/// The cache. See the module.
#[derive(Debug)]
pub(super) struct TwoGenerationCache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    entries_max: usize,
    lifetime: u64,
    born_at: u64,
}

impl<K: Eq + Hash + Clone, V> TwoGenerationCache<K, V> {
    /// An empty cache of at most twice `entries_max` entries, each of which lives for at least `lifetime` nanoseconds.
    pub(super) fn new(entries_max: usize, lifetime: u64) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            entries_max,
            lifetime,
            born_at: 0,
        }
    }

    /// The entry of a key, if it is cached.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// True if the cache is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// The entry of a key, created if there is none.
    pub(super) fn entry(&mut self, key: &K, now: u64, make: impl FnOnce() -> V) -> &mut V {
        self.age(now);
        let is_new = !self.young.contains_key(key);
        if is_new && self.young.len() >= self.entries_max {
            self.next_generation(now);
        }
        let Self { young, old, .. } = self;
        young
            .entry(key.clone())
            .or_insert_with(|| old.remove(key).unwrap_or_else(make))
    }

    /// Drops expired generations.
    pub(super) fn age(&mut self, now: u64) {
        let passed = now.saturating_sub(self.born_at);
        if passed >= self.lifetime.saturating_mul(2) {
            self.young.clear();
            self.old.clear();
            self.born_at = now;
        } else if passed >= self.lifetime {
            self.next_generation(now);
        }
    }

    fn next_generation(&mut self, now: u64) {
        self.old = std::mem::take(&mut self.young);
        self.born_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn an_entry_lives_for_its_lifetime() {
        let mut map = TwoGenerationCache::new(10, 100);
        *map.entry(&"a", 0, || 0) += 1;
        *map.entry(&"a", 99, || 0) += 1;
        assert_eq!(map.get(&"a"), Some(&2));
        *map.entry(&"a", 150, || 0) += 1;
        assert_eq!(map.get(&"a"), Some(&3), "it moved to the younger generation");
        map.age(500);
        assert!(map.is_empty());
    }

    proptest! {
        #[test]
        fn the_cache_has_at_most_two_generations(keys in proptest::collection::vec((0_u32..1_000, 0_u64..30), 0..500)) {
            let mut map = TwoGenerationCache::new(20, 1_000);
            let mut now = 0;
            for (key, step) in keys {
                now += step;
                map.entry(&key, now, || ());
                prop_assert!(map.young.len() + map.old.len() <= 40);
                prop_assert!(map.get(&key).is_some());
            }
        }
    }
}
