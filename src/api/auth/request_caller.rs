//! The caller's name in a request, for the access log.

use std::cell::RefCell;
use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};

use crate::domain::access::caller::Caller;

/// Name of a request's caller, for the access log; authentication stores it in the request.
#[derive(Debug, Default)]
pub(crate) struct RequestCaller(RefCell<Option<Arc<str>>>);

impl RequestCaller {
    /// Stores the caller's name, if the request is logged.
    pub(super) fn record(request: &HttpRequest, caller: &Caller) {
        if let Some(recorded) = request.extensions().get::<Self>() {
            *recorded.0.borrow_mut() = Some(Arc::clone(caller.name()));
        }
    }

    /// The name, if the caller is authenticated.
    pub(crate) fn get(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }
}
