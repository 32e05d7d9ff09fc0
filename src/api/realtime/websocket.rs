//! The WebSocket API: `{base}/ws`. A connection is an actor; it says what it wants to hear of, and is told.
//!
//! ```text
//! → {"action": "subscribe", "topics": ["job-status"], "filter": {"queue": "mail"}}
//! ← {"type": "subscribed", "timestamp": "…", "data": {"topics": ["job-status"]}}
//! ← {"type": "job-status-changed", "timestamp": "…", "data": {"jobId": "…", "status": "completed", …}}
//! ```
//!
//! What can't be understood is answered by a message of type `error`; the connection stays. A client that reads too slowly
//! gets a message of type `lagged` that says how many events it has missed. Nothing is sent that was not asked for.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, StreamHandler, WrapFuture};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder};
use actix_http_item::Item;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use chrono::{DateTime, Utc};
use futures_util::Stream;
