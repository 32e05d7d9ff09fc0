//! Server-sent events: one streamed response in which each message is an event.

use actix::Addr;
use actix_web::HttpResponse;
use bytes::{Bytes, BytesMut};
use futures_util::stream;

use super::http_connection::{End, Fetch, Fetched, HttpConnection};

/// Sent immediately to show that the stream is open. Old clients accept only lines that end with CR LF, and of those
/// only `data: …` and comments.
const OPENING: Bytes = Bytes::from_static(b":\r\n");

/// The response that streams messages to a client until its connection ends.
pub(super) fn stream(address: Addr<HttpConnection>) -> HttpResponse {
    let opened = stream::once(std::future::ready(Ok::<_, actix_web::Error>(OPENING)));
    let messages = stream::unfold(Open(address), |open| async move {
        match open.0.send(Fetch).await {
            Ok(Fetched::Messages(messages)) => Some((Ok(events(&messages)), open)),
            Ok(Fetched::Superseded | Fetched::Over) | Err(_) => None,
        }
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-cache, no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(futures_util::StreamExt::chain(opened, messages)))
}

/// Ends the connection when the response is dropped.
struct Open(Addr<HttpConnection>);

impl Drop for Open {
    fn drop(&mut self) {
        // If the mailbox is full, the connection ends by its timeout.
        drop(self.0.try_send(End));
    }
}

fn events(messages: &[Bytes]) -> Bytes {
    let mut events = BytesMut::with_capacity(messages.iter().map(|message| message.len() + 10).sum());
    for message in messages {
        events.extend_from_slice(b"data: ");
        events.extend_from_slice(message);
        events.extend_from_slice(b"\r\n\r\n");
    }
    events.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_an_event_with_line_ends_of_old_clients() {
        let messages = [Bytes::from_static(b"{}\x1e"), Bytes::from_static(b"{\"type\":6}\x1e")];
        assert_eq!(events(&messages), "data: {}\x1e\r\n\r\ndata: {\"type\":6}\x1e\r\n\r\n");
    }
}
