//! An event that is told to many: shared by all of them, and written once in each form.

use std::any::TypeId;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;

use crate::domain::events::event::Event;

/// A way of writing an event, such as a WebSocket message. See [`Published::form`].
pub trait Form: 'static {
    /// The event, written.
    fn write(event: &Event) -> Bytes;
}

/// An event that is shared by all who are told of it.
pub struct Published {
    event: Event,
    forms: RwLock<Vec<(TypeId, Bytes)>>,
}

impl Published {
    /// An event that is told now.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            forms: RwLock::default(),
        }
    }

    /// What has happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in this form: written once, however many are told.
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
