//! Puts together WebSocket messages that come in parts.

use actix_http::ws::Item;
use actix_web_actors::ws::{CloseReason, Message};
use bytes::{Bytes, BytesMut};

/// What a client has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A text.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
}

/// What a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The end of a message, which is here now.
    Said(Said),
    /// A part of a message, a ping or a pong: nothing to answer but pings.
    Sign,
    /// The client asks for an answer, with these bytes in it.
    Ping(Bytes),
    /// The client closes the connection: with this it is answered, its own code (RFC 6455, section 5.5.1).
    Close(Option<CloseReason>),
    /// The parts of a message are larger together than a message may be.
    TooLarge,
}

/// Keeps the parts of one message until the last has come.
#[derive(Debug)]
pub(crate) struct Fragments {
    begun: Option<(bool, BytesMut)>,
    bytes_max: usize,
}

impl Fragments {
    /// Nothing yet. A message may have so many bytes; what exceeds them in one part is refused by the codec already.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { begun: None, bytes_max }
    }

    /// Takes a frame. The codec has seen to it that parts come in their order.
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
    fn a_message_in_parts_is_whole_at_its_last_part_and_may_not_be_larger_than_one_in_one_part() {
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
