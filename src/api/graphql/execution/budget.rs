//! Memory and time budget of one request while its response is built.
//!
//! async-graphql builds the complete response as a tree of values before the first byte is sent, and each alias of a
//! field holds its value again. Every value is therefore charged where the library completes it ([`ChargeResponses`]), so
//! that no resolver can omit it. A request whose budget is exhausted is stopped there: the field never resolves, and
//! [`Budget::watch`] drops the request when it is no longer polled.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::parser::types::OperationType;
use async_graphql::{Context, Error, Result, ServerResult, Value};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;

use crate::api::graphql::errors;
use crate::api::memory::{LeaseBudget, MemoryBudget, Reservation, counted_bytes};
use crate::api::problem::{Problem, ProblemKind};

/// Overhead of an object's member beside its name and its text, in bytes: its slots in a map and in the map's index.
const MEMBER_BYTES: usize = 128;
/// Overhead of a list item beside its text, in bytes.
const ITEM_BYTES: usize = 96;
/// Overhead of an error beside its message, in bytes: its path and its extensions.
const ERROR_BYTES: usize = 1_024;
/// Step in which the server's memory is reserved, in bytes.
const STEP_BYTES: usize = 16 << 10;
/// Maximum number of bytes read from storage for a response, as a multiple of its maximum size: values that are read
/// are not always selected.
const READ_FACTOR: usize = 4;
/// Decoding a row takes memory for another copy of it.
const DECODE_FACTOR: usize = 2;
/// Number of values, and of bytes of JSON, between two reads of the clock.
const VALUES_PER_CLOCK_READ: u32 = 64;
const BYTES_PER_CLOCK_READ: usize = 64 << 10;

/// Reason why a request was stopped while its response was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Its response exceeds the maximum size.
    TooLarge,
    /// The memory for responses is exhausted.
    OutOfMemory,
    /// Its timeout has elapsed.
    TimedOut,
}

/// Budget of one request, of one batch, or of each message of a subscription.
pub(crate) struct Budget {
    memory: MemoryBudget,
    max: usize,
    timeout: Duration,
    state: Mutex<State>,
}

struct State {
    /// Bytes of the batch's complete responses.
    complete: usize,
    /// Bytes of the values of the response that is being built.
    values: usize,
    /// Bytes read from storage for it.
    read: usize,
    reservation: Reservation,
    deadline: Option<Instant>,
    charges: u32,
    stopped: Option<Stopped>,
}

impl Budget {
    /// Budget of a request whose response has at most `max` bytes.
    pub(crate) fn new(memory: &MemoryBudget, max: usize, timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            memory: memory.clone(),
            max,
            timeout,
            state: Mutex::new(State {
                complete: 0,
                values: 0,
                read: 0,
                reservation: memory.empty_reservation(),
                deadline: None,
                charges: 0,
                stopped: None,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state stays consistent when a resolver panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the timeout of a request or a batch, and returns its deadline.
    pub(crate) fn start(&self) -> Instant {
        *self
            .state()
            .deadline
            .get_or_insert_with(|| Instant::now() + self.timeout)
    }

    /// Starts an operation before the deadline, if there is memory for its response: a mutation is refused before it
    /// changes anything.
    pub(crate) fn begin(&self, kind: OperationType, request_bytes: usize) -> std::result::Result<Instant, Stopped> {
        let deadline = self.start();
        if Instant::now() >= deadline {
            return Err(Stopped::TimedOut);
        }
        let admitted = match kind {
            OperationType::Mutation => self.memory.admit_change(request_bytes),
            OperationType::Query | OperationType::Subscription => self.memory.admit(),
        };
        admitted.map_err(|_| Stopped::OutOfMemory)?;
        let mut state = self.state();
        // Values of an operation of the batch that was dropped.
        state.values = 0;
        state.read = 0;
        state.reservation.shrink_to(0);
        state.stopped = None;
        Ok(deadline)
    }

    /// The reason why the request is stopped, if it is.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.state().stopped
    }

    /// Charges values of this size in bytes. True if the request continues.
    pub(crate) fn charge(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.values = state.values.saturating_add(bytes);
        state.charges = state.charges.wrapping_add(1);
        self.check(&mut state)
    }

    fn check(&self, state: &mut State) -> bool {
        if state.stopped.is_some() {
            return false;
        }
        let deadline = *state.deadline.get_or_insert_with(|| Instant::now() + self.timeout);
        let needed = state.values.saturating_add(state.read);
        let missing = needed.saturating_sub(state.reservation.bytes());
        state.stopped = if state.complete.saturating_add(state.values) > self.max
            || state.read > self.max.saturating_mul(READ_FACTOR)
        {
            Some(Stopped::TooLarge)
        } else if missing > 0 && !state.reservation.grow(missing.max(STEP_BYTES)) {
            Some(Stopped::OutOfMemory)
        } else if state.charges.is_multiple_of(VALUES_PER_CLOCK_READ) && Instant::now() > deadline {
            Some(Stopped::TimedOut)
        } else {
            None
        };
        state.stopped.is_none()
    }

    /// Charges bytes that were read from storage and may be selected only in part. True if the request continues.
    pub(crate) fn charge_read(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.read = state.read.saturating_add(bytes);
        self.check(&mut state)
    }

    /// Reserves memory for texts of this size, in bytes, before they are read for the response. The reservation is
    /// released after the read; then the texts are charged as values.
    pub(crate) fn room_for(&self, bytes: u64) -> Option<Reservation> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut state = self.state();
        if state.stopped.is_some() {
            return None;
        }
        if state.complete.saturating_add(state.values).saturating_add(bytes) > self.max {
            state.stopped = Some(Stopped::TooLarge);
            return None;
        }
        let room = self
            .memory
            .reserve(bytes.saturating_mul(DECODE_FACTOR).min(self.memory.size()));
        if room.is_none() {
            state.stopped = Some(Stopped::OutOfMemory);
        }
        room
    }

    /// Memory budget for leased jobs whose parameters occur `times` times in the response. Half of the remaining memory
    /// is for the other fields of the jobs.
    pub(crate) fn for_lease(&self, times: usize) -> LeaseBudget {
        let state = self.state();
        let left = self.max.saturating_sub(state.complete).saturating_sub(state.values);
        LeaseBudget::new(self.memory.clone(), left / 2 / times.max(1))
    }

    /// Polls a request until it is complete or stopped.
    pub(crate) async fn watch<F: Future>(&self, work: F) -> std::result::Result<F::Output, Stopped> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let polled = work.as_mut().poll(cx);
            match self.stopped() {
                Some(stopped) => Poll::Ready(Err(stopped)),
                None => polled.map(Ok),
            }
        })
        .await
    }

    /// Serializes a response as JSON.
    pub(crate) fn write(&self, response: &impl Serialize) -> std::result::Result<Bytes, Stopped> {
        let (max, values, deadline) = {
            let state = self.state();
            (self.max.saturating_sub(state.complete), state.values, state.deadline)
        };
        let mut writer = Writer {
            // The charge of a value exceeds the size of its JSON in most cases.
            bytes: Vec::with_capacity(values.min(max) / 2),
            reservation: self.memory.empty_reservation(),
            max,
            deadline,
            next_look: BYTES_PER_CLOCK_READ,
            stopped: None,
        };
        let written = serde_json::to_writer(&mut writer, response);
        let Writer {
            bytes,
            mut reservation,
            stopped,
            ..
        } = writer;
        match (written, stopped) {
            (_, Some(stopped)) => Err(stopped),
            // Stored JSON was valid when it was stored.
            (Err(_), None) => Ok(Bytes::new()),
            (Ok(()), None) => {
                reservation.shrink_to(bytes.capacity());
                Ok(counted_bytes(bytes, reservation))
            }
        }
    }

    /// Completes an operation of a batch whose response has this size in bytes; the rest of the budget is for the next
    /// one.
    pub(crate) fn complete(&self, bytes: usize) {
        let mut state = self.state();
        state.complete = state.complete.saturating_add(bytes);
        state.values = 0;
        state.read = 0;
        state.reservation.shrink_to(0);
    }

    /// Resets the budget for the next message of a subscription.
    pub(crate) fn renew(&self) {
        let mut state = self.state();
        state.complete = 0;
        state.values = 0;
        state.read = 0;
        state.reservation.shrink_to(0);
        state.deadline = None;
        state.stopped = None;
    }

    /// Reserves memory for a copy of bytes that are already counted.
    pub(crate) fn reserve_copy(&self, bytes: usize) -> Reservation {
        self.memory.reserve_anyway(bytes)
    }

    /// Error of a response that exceeds the maximum size.
    pub(crate) fn too_large(&self, kind: OperationType) -> Error {
        let max = self.max;
        let effect = match kind {
            OperationType::Mutation => "; its changes may have taken effect",
            OperationType::Query | OperationType::Subscription => "",
        };
        let mut extensions = errors::extensions("too-large", false);
        extensions.set("allowed", max);
        extensions.set("setting", "graphql.max_response");
        Error {
            message: format!(
                "the response exceeds graphql.max_response ({max} bytes){effect}; request fewer jobs or fields"
            ),
            source: None,
            extensions: Some(extensions),
        }
    }
}

/// Growing JSON text.
struct Writer {
    bytes: Vec<u8>,
    reservation: Reservation,
    max: usize,
    deadline: Option<Instant>,
    next_look: usize,
    stopped: Option<Stopped>,
}

impl Writer {
    fn check(&mut self, more: usize) -> Option<Stopped> {
        let length = self.bytes.len().saturating_add(more);
        if length > self.max {
            return Some(Stopped::TooLarge);
        }
        let missing = length
            .max(self.bytes.capacity())
            .saturating_sub(self.reservation.bytes());
        if missing > 0 && !self.reservation.grow(missing.max(STEP_BYTES)) {
            return Some(Stopped::OutOfMemory);
        }
        if length >= self.next_look {
            self.next_look = length.saturating_add(BYTES_PER_CLOCK_READ);
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Some(Stopped::TimedOut);
            }
        }
        None
    }
}

impl io::Write for Writer {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.stopped = self.check(part.len());
        if self.stopped.is_some() {
            return Err(io::Error::other("stopped"));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The budget of the request.
pub(crate) fn budget<'a>(ctx: &Context<'a>) -> Result<&'a Arc<Budget>> {
    ctx.data::<Arc<Budget>>()
}

/// Reserves memory for a page from storage of this size in bytes, before it is read.
pub(crate) fn room_for_page(ctx: &Context<'_>, bytes: u64) -> Result<Reservation> {
    budget(ctx)?.room_for(bytes).ok_or_else(stopped_here)
}

/// Error of the field at which the request was stopped. The response contains the error of the request instead.
pub(crate) fn stopped_here() -> Error {
    errors::of_problem(&Problem::new(ProblemKind::Busy, "the request was stopped"))
}

/// Size of a value beside the name that refers to it. Nested values were charged when they were created.
fn size_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Enum(_) => 0,
        Value::String(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
        Value::List(items) => items.len() * ITEM_BYTES,
        Value::Object(members) => members.keys().map(|key| key.len() + MEMBER_BYTES).sum(),
    }
}

/// Size of an object whose values were not charged.
pub(crate) fn size_of_object(members: &Value) -> usize {
    let values = match members {
        Value::Object(members) => members.values().map(size_of).sum(),
        Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_)
        | Value::List(_) => 0,
    };
    size_of(members) + values
}

/// Charges each value of a response when it is complete.
pub(crate) struct ChargeResponses;

impl ExtensionFactory for ChargeResponses {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for ChargeResponses {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(budget) = ctx.data_opt::<Arc<Budget>>() else {
            return next.run(ctx, info).await;
        };
        if budget.stopped().is_some() {
            return pending().await;
        }
        let resolved = next.run(ctx, info).await;
        let bytes = match &resolved {
            Ok(Some(value)) => size_of(value),
            Ok(None) => 0,
            Err(error) => error.message.len() + ERROR_BYTES,
        };
        if budget.charge(bytes) {
            resolved
        } else {
            pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1_000;

    fn budget(memory: &MemoryBudget) -> Arc<Budget> {
        Budget::new(memory, MAX, Duration::from_secs(60))
    }

    #[test]
    fn a_batch_shares_one_budget_and_each_message_of_a_subscription_has_its_own() {
        let memory = MemoryBudget::new("a.setting", 1 << 20);
        let budget = budget(&memory);
        assert!(budget.charge(MAX));
        budget.complete(MAX - 10);
        assert!(budget.charge(10));
        assert!(!budget.charge(1));
        assert_eq!(budget.stopped(), Some(Stopped::TooLarge));
        budget.renew();
        assert_eq!(budget.stopped(), None);
        assert!(budget.room_for(MAX as u64).is_some());
        assert!(budget.room_for(MAX as u64 + 1).is_none());
    }

    #[test]
    fn json_that_is_longer_than_its_values_is_rejected() {
        let memory = MemoryBudget::new("a.setting", 1 << 20);
        let budget = budget(&memory);
        assert_eq!(budget.write(&"x".repeat(MAX - 2)).map(|json| json.len()), Ok(MAX));
        // Each of these is six bytes in JSON.
        assert_eq!(budget.write(&"\u{1}".repeat(MAX / 4)), Err(Stopped::TooLarge));
    }

    #[test]
    fn requests_share_the_memory_of_the_server() {
        let memory = MemoryBudget::new("a.setting", STEP_BYTES * 2);
        let [one, two, three] = [&memory; 3].map(budget);
        assert!(one.charge(1) && two.charge(1));
        assert!(!three.charge(1));
        assert_eq!(three.stopped(), Some(Stopped::OutOfMemory));
        assert_eq!(three.begin(OperationType::Query, 0), Err(Stopped::OutOfMemory));
        drop(one);
        assert!(three.begin(OperationType::Query, 0).is_ok());
        assert!(three.charge(1));
    }

    #[test]
    fn the_timeout_elapses_while_values_and_json_are_built() {
        let memory = MemoryBudget::new("a.setting", 1 << 30);
        let budget = Budget::new(&memory, 1 << 20, Duration::from_millis(50));
        budget.begin(OperationType::Query, 0).expect("memory");
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(budget.begin(OperationType::Query, 0), Err(Stopped::TimedOut));
        assert_eq!(budget.write(&"x".repeat(BYTES_PER_CLOCK_READ)), Err(Stopped::TimedOut));
        while budget.charge(0) {}
        assert_eq!(budget.stopped(), Some(Stopped::TimedOut));
    }
}
