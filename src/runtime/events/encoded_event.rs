//! An event with many subscribers: shared by all of them, and encoded once per format.

use std::any::TypeId;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;

use crate::domain::events::event::Event;

/// An encoding of events, such as WebSocket messages. See [`Published::form`].
pub trait Form: 'static {
    /// The encoded event.
    fn write(event: &Event) -> Bytes;
}

/// An event that is shared by its subscribers.
pub struct Published {
    event: Event,
    forms: RwLock<Vec<(TypeId, Bytes)>>,
}

impl Published {
    /// Publishes an event.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            forms: RwLock::default(),
        }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in this encoding, which is computed once for all subscribers.
    pub fn form<F: Form>(&self) -> Bytes {
        let kind = TypeId::of::<F>();
        let find = |forms: &[(TypeId, Bytes)]| {
            let found = forms.iter().find(|(of, _)| *of == kind);
            found.map(|(_, written)| written.clone())
        };
        // A panic while writing leaves the list valid.
        if let Some(written) = find(&self.forms.read().unwrap_or_else(PoisonError::into_inner)) {
            return written;
        }
        let mut forms = self.forms.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = find(&forms) {
            return written;
        }
        let written = F::write(&self.event);
        forms.push((kind, written.clone()));
        written
    }
}
