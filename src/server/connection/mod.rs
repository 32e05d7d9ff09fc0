//! One HTTP/1 connection below the HTTP library: determines which bytes are passed on, and when.
//!
//! The library decodes a pipelined request while the previous response is in progress, and then sends that response
//! by the properties of the new request: its method and its `Connection` header. It sends `100 Continue` before the
//! request is authorized, treats `Upgrade: websocket` of any request as an endless body, and logs malformed requests
//! as errors. Therefore heads are parsed here first ([`head`]). A request is passed on after the response to the
//! previous one; none follows the last one. In place of a malformed or late head, a placeholder request is passed on
//! ([`REFUSED`](refusal::REFUSED)): its response keeps its position behind earlier ones and has the form of all other errors
//! (`refused_request.rs`).
//!
//! ```text
//!   Head ──a request──► Body ──its end──► Head
//!     │                  └──too slow──► Late: the response is 408
//!     ├──the last request, a refusal──► Closing: input is discarded
//!     └──an upgrade──► Tunnel: input is passed on unchanged
//! ```
//!
//! Slow clients can't hold a connection without limit: heads, bodies and the reception of responses have a timeout,
//! the latter two also a minimum rate ([`Pace`](pace::Pace)); only streams and WebSockets supervise their clients themselves. The
//! number of connections is bounded, in total and per address ([`Places`]).

mod body;
mod head;
mod io;
mod pace;
mod places;
mod refusal;
mod refused_request;
mod shared;
mod state;
mod target;

pub(super) use self::places::{PlaceLimits, Places, RESERVE};
pub(super) use self::refused_request::respond_to_refused;
pub(super) use self::shared::mark_responded;
pub(super) use self::state::Connection;
