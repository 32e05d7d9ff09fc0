//! Server-sent events: one answer that lasts, in which each message is an event.

use actix::Addr;
use actix_web::HttpResponse;
use bytes::{Bytes, BytesMut};
use futures_util::stream;

use super::http_connection::{End, Fetch, Fetched, HttpConnection};

/// Sent at once, so that the client sees that the stream is open. Clients of old read only lines that end with CR LF, and
/// of those only `data: …` and comments.
const OPENING: Bytes = Bytes::from_static(b":\r\n");

/// The answer that tells what there is for a client until its connection ends.
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

/// Tells the connection when nobody reads the stream any more.
struct Open(Addr<HttpConnection>);

impl Drop for Open {
    fn drop(&mut self) {
        // If the mailbox is full, the connection finds out when it looks at the time.
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
    fn every_message_is_an_event_whose_lines_end_as_old_clients_want_it() {
        let messages = [Bytes::from_static(b"{}\x1e"), Bytes::from_static(b"{\"type\":6}\x1e")];
        assert_eq!(events(&messages), "data: {}\x1e\r\n\r\ndata: {\"type\":6}\x1e\r\n\r\n");
    }
}
