//! Assembles WebSocket messages from fragments.

use actix_http::ws::Item;
use actix_web_actors::ws::{CloseReason, Message};
use bytes::{Bytes, BytesMut};

/// A complete message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A text.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
}

/// Result of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The last frame of a message, with the complete message.
    Said(Said),
    /// A fragment or a pong, without a response.
    Sign,
    /// A ping, with the payload of its pong.
    Ping(Bytes),
    /// The client closes the connection; the response has its code (RFC 6455, section 5.5.1).
    Close(Option<CloseReason>),
    /// The fragments exceed the maximum size of a message.
    TooLarge,
}

/// Fragments of an incomplete message.
#[derive(Debug)]
pub(crate) struct Fragments {
    begun: Option<(bool, BytesMut)>,
    bytes_max: usize,
}

impl Fragments {
    /// No fragments. A message has at most `bytes_max` bytes; the codec rejects larger single frames.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { begun: None, bytes_max }
    }

    /// Adds a frame. The codec ensures the order of fragments.
    pub(crate) fn take(&mut self, message: Message) -> Frame {
        match message {
            Message::Text(text) => Frame::Said(Said::Text(text.into_bytes())),
            Message::Binary(bytes) => Frame::Said(Said::Binary(bytes)),
            Message::Continuation(Item::FirstText(part)) => self.begin(true, &part),
            Message::Continuation(Item::FirstBinary(part)) => self.begin(false, &part),
            Message::Continuation(Item::Continue(part)) => self.append(&part, false),
            Message::Continuation(Item::Last(part)) => self.append(&part, true),
            Message::Ping(bytes) => Frame::Ping(bytes),
            Message::Pong(_) | Message::Nop => Frame::Sign,
            Message::Close(reason) => Frame::Close(reason.map(|reason| CloseReason::from(reason.code))),
        }
    }

    fn begin(&mut self, is_text: bool, part: &[u8]) -> Frame {
        self.begun = Some((is_text, BytesMut::from(part)));
        Frame::Sign
    }

    fn append(&mut self, part: &[u8], is_last: bool) -> Frame {
        let Some((is_text, mut message)) = self.begun.take() else {
            return Frame::Sign;
        };
        if message.len() + part.len() > self.bytes_max {
            return Frame::TooLarge;
        }
        message.extend_from_slice(part);
        if !is_last {
            self.begun = Some((is_text, message));
            return Frame::Sign;
        }
        let message = message.freeze();
        Frame::Said(if is_text {
            Said::Text(message)
        } else {
            Said::Binary(message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(item: Item) -> Message {
        Message::Continuation(item)
    }

    #[test]
    fn a_fragmented_message_is_complete_at_its_last_frame_and_bounded_like_a_single_one() {
        let mut fragments = Fragments::new(6);
        assert_eq!(fragments.take(part(Item::FirstText(Bytes::from("ab")))), Frame::Sign);
        assert_eq!(fragments.take(Message::Ping(Bytes::new())), Frame::Ping(Bytes::new()));
        assert_eq!(fragments.take(part(Item::Continue(Bytes::from("cd")))), Frame::Sign);
        let whole = fragments.take(part(Item::Last(Bytes::from("ef"))));
        assert_eq!(whole, Frame::Said(Said::Text(Bytes::from("abcdef"))));
        assert_eq!(
            fragments.take(part(Item::FirstBinary(Bytes::from("abcd")))),
            Frame::Sign
        );
        assert_eq!(
            fragments.take(part(Item::Continue(Bytes::from("efg")))),
            Frame::TooLarge
        );
    }
}
