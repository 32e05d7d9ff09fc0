//! Assembles WebSocket messages from fragments.

use actix_http::ws::Item;
use actix_web_actors::ws::{CloseReason, Message};
use bytes::{Bytes, BytesMut};

/// A complete message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Assembled {
    /// A text.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
}

/// Result of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The last frame of a message, with the complete message.
    Message(Assembled),
    /// A fragment or a pong, without a response.
    Ignored,
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
    incomplete: Option<(bool, BytesMut)>,
    bytes_max: usize,
}

impl Fragments {
    /// No fragments. A message has at most `bytes_max` bytes; the codec rejects larger single frames.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            incomplete: None,
            bytes_max,
        }
    }

    /// Adds a frame. The codec ensures the order of fragments.
    pub(crate) fn take(&mut self, message: Message) -> Frame {
        match message {
            Message::Text(text) => Frame::Message(Assembled::Text(text.into_bytes())),
            Message::Binary(bytes) => Frame::Message(Assembled::Binary(bytes)),
            Message::Continuation(Item::FirstText(part)) => self.start(true, &part),
            Message::Continuation(Item::FirstBinary(part)) => self.start(false, &part),
            Message::Continuation(Item::Continue(part)) => self.append(&part, false),
            Message::Continuation(Item::Last(part)) => self.append(&part, true),
            Message::Ping(bytes) => Frame::Ping(bytes),
            Message::Pong(_) | Message::Nop => Frame::Ignored,
            Message::Close(reason) => Frame::Close(reason.map(|reason| CloseReason::from(reason.code))),
        }
    }

    fn start(&mut self, is_text: bool, part: &[u8]) -> Frame {
        self.incomplete = Some((is_text, BytesMut::from(part)));
        Frame::Ignored
    }

    fn append(&mut self, part: &[u8], is_last: bool) -> Frame {
        let Some((is_text, mut message)) = self.incomplete.take() else {
            return Frame::Ignored;
        };
        if message.len() + part.len() > self.bytes_max {
            return Frame::TooLarge;
        }
        message.extend_from_slice(part);
        if !is_last {
            self.incomplete = Some((is_text, message));
            return Frame::Ignored;
        }
        let message = message.freeze();
        Frame::Message(if is_text {
            Assembled::Text(message)
        } else {
            Assembled::Binary(message)
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
        assert_eq!(fragments.take(part(Item::FirstText(Bytes::from("ab")))), Frame::Ignored);
        assert_eq!(fragments.take(Message::Ping(Bytes::new())), Frame::Ping(Bytes::new()));
        assert_eq!(fragments.take(part(Item::Continue(Bytes::from("cd")))), Frame::Ignored);
        let complete = fragments.take(part(Item::Last(Bytes::from("ef"))));
        assert_eq!(complete, Frame::Message(Assembled::Text(Bytes::from("abcdef"))));
        assert_eq!(
            fragments.take(part(Item::FirstBinary(Bytes::from("abcd")))),
            Frame::Ignored
        );
        assert_eq!(
            fragments.take(part(Item::Continue(Bytes::from("efg")))),
            Frame::TooLarge
        );
    }
}
