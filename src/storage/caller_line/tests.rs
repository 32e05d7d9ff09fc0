//! Tests of the order of reads.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::CallerLine;
use super::line::{Entered, Full, Line};
use crate::domain::access::caller::{Caller, CallerKind, Scopes};
use crate::domain::access::caller_key::CallerKey;

fn key(name: &str) -> CallerKey {
    CallerKey::of(&Caller::new(name, CallerKind::Key, Scopes::all(), Default::default()))
}

fn has_turn(entered: &mut Entered) -> bool {
    entered.turn.try_recv().is_ok()
}

#[test]
fn one_caller_leaves_a_place_to_others_and_waits_in_its_share_of_the_queue() {
    let mut line = Line::new(2, 8);
    let mut first = line.enter(key("a")).expect("a place");
    assert!(has_turn(&mut first));
    let mut waiting: Vec<Entered> = (0..2).map(|_| line.enter(key("a")).expect("a place")).collect();
    assert!(!waiting.iter_mut().any(has_turn));
    assert_eq!(line.enter(key("a")).expect_err("a share"), Full::OfCaller);
    let mut other = line.enter(key("b")).expect("a place");
    assert!(has_turn(&mut other), "at once");
    line.leave(first.id, &first.key);
    assert!(has_turn(&mut waiting[0]));
    assert!(!has_turn(&mut waiting[1]));
}

#[test]
fn callers_take_turns() {
    let mut line = Line::new(1, 40);
    let busy = line.enter(key("a")).expect("a place");
    let mut of_a: Vec<Entered> = (0..5).map(|_| line.enter(key("a")).expect("a place")).collect();
    let mut of_b = line.enter(key("b")).expect("a place");
    line.leave(busy.id, &busy.key);
    assert!(has_turn(&mut of_b), "it has had no turn yet");
    assert!(!of_a.iter_mut().any(has_turn));
}

#[tokio::test]
async fn a_dropped_entry_or_place_leaves_the_queue() {
    let line = CallerLine::new(1, 1);
    let wait = Duration::from_millis(10);
    let running = line.enter(key("a")).expect("a place").turn(wait).await;
    let running = running.expect("the only read");
    assert!(line.enter(key("b")).expect("a place").turn(wait).await.is_none());
    drop(line.enter(key("b")).expect("its place is free again"));
    let next = line.enter(key("b")).expect("and again").turn(Duration::from_secs(60));
    let mut next = std::pin::pin!(next);
    assert!(next.as_mut().now_or_never().is_none());
    drop(running);
    assert!(next.now_or_never().expect("at once").is_some());
}

proptest! {
    #[test]
    fn no_place_is_lost_and_no_limit_exceeded(
        running_max in 1_usize..5,
        waiting_max in 0_usize..10,
        steps in proptest::collection::vec((0_u8..4, 0_usize..16, proptest::bool::ANY), 1..200),
    ) {
        let mut line = Line::new(running_max, waiting_max);
        let mut waiting: Vec<Entered> = Vec::new();
        let mut running: Vec<Entered> = Vec::new();
        for (caller, index, enters) in steps {
            if enters {
                waiting.extend(line.enter(key(&caller.to_string())));
            } else {
                let from = if index % 2 == 0 { &mut running } else { &mut waiting };
                if !from.is_empty() {
                    let left = from.swap_remove(index % from.len());
                    line.leave(left.id, &left.key);
                }
            }
            running.extend(waiting.extract_if(.., has_turn));
            prop_assert!(running.len() <= running_max);
            prop_assert!(waiting.len() <= waiting_max);
            for entered in &running {
                let own = running.iter().filter(|other| other.key == entered.key).count();
                prop_assert!(own <= (running_max - 1).max(1));
            }
        }
        for left in waiting.drain(..).chain(running.drain(..)).collect::<Vec<_>>() {
            line.leave(left.id, &left.key);
        }
        let mut last = line.enter(key("last")).expect("a place");
        prop_assert!(has_turn(&mut last));
        let is_second_possible = waiting_max > 0 || running_max > 2;
        prop_assert_eq!(line.enter(key("last")).is_ok(), is_second_possible);
    }

    #[test]
    fn the_order_is_that_of_a_scan_of_all_waiting_reads(
        running_max in 1_usize..6,
        waiting_max in 0_usize..40,
        steps in proptest::collection::vec((0_u8..5, 0_usize..64, 0_u8..5), 1..300),
    ) {
        let mut line = Line::new(running_max, waiting_max);
        let mut scanned = Scanned::new(running_max, waiting_max);
        let mut entered: Vec<(Entered, bool, u64)> = Vec::new();
        for (caller, index, step) in steps {
            if step < 3 {
                let key = key(&caller.to_string());
                match (line.enter(key.clone()), scanned.enter(key)) {
                    (Ok(new), Ok(id)) => entered.push((new, false, id)),
                    (Err(new), Err(full)) => prop_assert_eq!(new, full),
                    (new, expected) => panic!("{new:?} instead of {expected:?}"),
                }
            } else if !entered.is_empty() {
                let (left, _, id) = entered.swap_remove(index % entered.len());
                line.leave(left.id, &left.key);
                scanned.leave(id);
            }
            for (new, is_running, id) in &mut entered {
                *is_running |= has_turn(new);
                prop_assert_eq!(*is_running, scanned.running.contains_key(id));
            }
        }
    }
}

/// The same order, by a scan of all waiting reads.
struct Scanned {
    running_max: usize,
    waiting_max: usize,
    running: HashMap<u64, CallerKey>,
    waiting: Vec<(u64, CallerKey)>,
    last_turn: HashMap<CallerKey, u64>,
    turns: u64,
    next_id: u64,
}

impl Scanned {
    fn new(running_max: usize, waiting_max: usize) -> Self {
        Self {
            running_max,
            waiting_max,
            running: HashMap::new(),
            waiting: Vec::new(),
            last_turn: HashMap::new(),
            turns: 0,
            next_id: 0,
        }
    }

    fn enter(&mut self, key: CallerKey) -> Result<u64, Full> {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push((id, key.clone()));
        self.begin();
        if self.waiting.last().is_some_and(|(last, _)| *last == id) {
            let own = self.waiting.iter().filter(|(_, waiting)| *waiting == key).count();
            let full = if self.waiting.len() > self.waiting_max {
                Some(Full::OfAll)
            } else {
                (own > self.waiting_max.div_ceil(4)).then_some(Full::OfCaller)
            };
            if let Some(full) = full {
                self.waiting.pop();
                return Err(full);
            }
        }
        Ok(id)
    }

    fn leave(&mut self, id: u64) {
        let key = match self.waiting.iter().position(|(waiting, _)| *waiting == id) {
            Some(index) => self.waiting.remove(index).1,
            None => self.running.remove(&id).expect("it runs"),
        };
        let is_gone = |other: &CallerKey| *other != key;
        if self.running.values().all(is_gone) && self.waiting.iter().all(|(_, other)| is_gone(other)) {
            self.last_turn.remove(&key);
        }
        self.begin();
    }

    fn begin(&mut self) {
        let share = (self.running_max - 1).max(1);
        while self.running.len() < self.running_max {
            let running = |key: &CallerKey| self.running.values().filter(|other| *other == key).count();
            let candidates = self.waiting.iter().enumerate();
            let candidates = candidates.filter(|(_, (_, key))| running(key) < share);
            let next = candidates.min_by_key(|(index, (_, key))| (self.last_turn.get(key).copied(), *index));
            let Some((index, _)) = next else { return };
            let (id, key) = self.waiting.remove(index);
            self.turns += 1;
            self.last_turn.insert(key.clone(), self.turns);
            self.running.insert(id, key);
        }
    }
}
