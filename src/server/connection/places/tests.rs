//! Tests of places and eviction.

use std::task::Waker;

use proptest::prelude::*;

use super::*;

fn places(connections: usize, per_address: usize) -> Places {
    let limits = PlaceLimits {
        connections,
        per_address,
    };
    let trusted = vec![IpNetwork::parse("10.0.0.0/8").expect("a range")];
    Places::new(limits, trusted, vec!["/healthz".to_owned()], HttpConnections::default())
}

fn from(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

fn is_evicted(place: &Place) -> bool {
    place.is_evicted(&Context::from_waker(Waker::noop()))
}

/// Makes a connection idle for this long.
fn waited(place: &Place) {
    place.state.idle_since.store(1, Ordering::Relaxed);
}

/// Places whose clock is an hour old, so that connections can have been idle.
fn old(places: Places) -> Places {
    let mut book = Arc::into_inner(places.0).expect("no other copy");
    book.start -= Duration::from_secs(3_600);
    Places(Arc::new(book))
}

#[test]
fn a_new_connection_replaces_the_longest_idle_one() {
    let places = old(places(3, 3));
    let mut open: Vec<Place> = (1..=3).filter_map(|last| places.enter(from(last))).collect();
    waited(&open[1]);
    let new = places.enter(from(4)).expect("a place");
    assert!(!new.is_reserve());
    assert_eq!(open.iter().map(is_evicted).collect::<Vec<_>>(), [false, true, false]);
    // The others have just connected or have a request.
    open[0].busy();
    let next = places.enter(from(5)).expect("a place");
    assert!(next.is_reserve() && next.is_health("/healthz") && !next.is_health("/healthz/x"));
    drop(open.remove(0));
    assert!(!next.is_reserve(), "a place has become free");
    drop((open, new, next));
    let inner = places.0.lock();
    assert!(inner.open.is_empty() && inner.by_address.is_empty() && inner.of_address.is_empty() && inner.leaving == 0);
}

#[test]
fn searches_for_one_address_prevent_no_place_for_others() {
    let each = SCAN_FREELY_MAX + 1;
    let places = old(places(2 * each, each));
    let mut open: Vec<Place> = Vec::new();
    for last in [1, 2] {
        open.extend((0..each).filter_map(|_| places.enter(from(last))));
    }
    // All connections of the second address are idle, none of the first.
    open[..each].iter().for_each(Place::busy);
    open[each..].iter().for_each(waited);
    assert!(places.enter(from(1)).expect("a place").is_reserve());
    for _ in 0..3 {
        assert!(!places.enter(from(2)).expect("a place").is_reserve());
        assert!(!places.enter(from(3)).expect("a place").is_reserve());
        assert!(places.enter(from(1)).expect("a place").is_reserve());
    }
    drop(open);
    let inner = places.0.lock();
    assert!(inner.of_address.is_empty() && inner.found.keys().all(Option::is_none));
}

#[test]
fn an_address_has_a_share_and_a_proxy_has_that_of_its_clients() {
    let places = places(100, 2);
    let of_one: Vec<Place> = (0..3).filter_map(|_| places.enter(from(1))).collect();
    let reserve: Vec<bool> = of_one.iter().map(Place::is_reserve).collect();
    assert_eq!(reserve, [false, false, true]);
    assert!(!places.enter(from(2)).expect("a place").is_reserve());
    let proxy = Some(IpAddr::from([10, 0, 0, 1]));
    let of_proxy: Vec<Place> = (0..5).filter_map(|_| places.enter(proxy)).collect();
    assert!(!of_proxy.iter().any(Place::is_reserve));
    let counted: Vec<_> = of_proxy.iter().map(|place| place.proxied(from(3))).collect();
    let accepted = counted.iter().filter(|counted| counted.is_ok()).count();
    assert_eq!(accepted, 2);
    drop(counted);
    assert!(matches!(of_proxy[0].proxied(from(3)), Ok(Some(_))));
    assert!(matches!(of_one[0].proxied(from(3)), Ok(None)), "it is no proxy");
}

#[test]
fn many_idle_connections_are_evicted_one_by_one_the_longest_idle_first() {
    let count = SCAN_FREELY_MAX + 500;
    let places = old(places(count, count));
    let open: Vec<Place> = (0..count)
        .filter_map(|last| places.enter(from((last % 100) as u8)))
        .collect();
    for (number, place) in open.iter().enumerate() {
        place
            .state
            .idle_since
            .store(1 + (number as u64 * 7) % 997, Ordering::Relaxed);
    }
    let mut evicted_before = 0;
    let new: Vec<Place> = (0..FOUND_MAX).filter_map(|_| places.enter(from(200))).collect();
    assert!(!new.iter().any(Place::is_reserve));
    let mut longest: Vec<(u64, bool)> = Vec::new();
    for place in &open {
        let is_evicted = is_evicted(place);
        evicted_before += usize::from(is_evicted);
        longest.push((place.state.idle_since.load(Ordering::Relaxed), is_evicted));
    }
    longest.sort_unstable();
    assert_eq!(evicted_before, FOUND_MAX);
    let kept_from = longest
        .iter()
        .filter(|(_, evicted)| !evicted)
        .map(|(since, _)| *since)
        .min();
    let evicted_to = longest
        .iter()
        .filter(|(_, evicted)| *evicted)
        .map(|(since, _)| *since)
        .max();
    assert!(evicted_to <= kept_from, "{evicted_to:?} {kept_from:?}");
}

#[test]
fn the_reserve_is_for_the_newest() {
    let places = places(1, 1);
    let first = places.enter(from(1)).expect("a place");
    let waiting: Vec<Place> = (0..RESERVE).filter_map(|_| places.enter(from(1))).collect();
    assert_eq!(waiting.len(), RESERVE);
    let newest = places.enter(from(1)).expect("a place");
    assert!(is_evicted(&waiting[0]) && !is_evicted(&waiting[1]) && !is_evicted(&newest));
    assert!(!is_evicted(&first));
    // Evicted connections are still open files.
    let more: Vec<Place> = (0..2 * RESERVE).filter_map(|_| places.enter(from(1))).collect();
    assert_eq!(more.len(), RESERVE - 1);
}

proptest! {
    #[test]
    fn counts_are_those_of_what_is_open(steps in prop::collection::vec((0_u8..4, 0_usize..12), 1..80)) {
        let places = old(places(6, 3));
        let mut open: Vec<Place> = Vec::new();
        for (kind, which) in steps {
            match kind {
                0 | 1 => open.extend(places.enter(from((which % 4) as u8))),
                2 if which < open.len() => drop(open.swap_remove(which)),
                _ => {
                    if let Some(place) = open.get(which) {
                        waited(place);
                        place.is_reserve();
                    }
                }
            }
            let inner = places.0.lock();
            prop_assert!(inner.open.len() - inner.reserve.len() <= 6);
            prop_assert!(inner.reserve.len() <= RESERVE);
            prop_assert!(inner.by_address.values().all(|count| (1..=3).contains(count)));
            let evicted = open.iter().filter(|place| place.state.is_evicted.load(Ordering::Relaxed)).count();
            prop_assert_eq!(inner.leaving, evicted);
            prop_assert_eq!(inner.open.len() + evicted, open.len());
            let regular = inner.by_address.values().sum::<usize>();
            prop_assert_eq!(regular, inner.open.len() - inner.reserve.len());
        }
        drop(open);
        let inner = places.0.lock();
        prop_assert!(inner.open.is_empty() && inner.by_address.is_empty() && inner.reserve.is_empty());
    }
}
