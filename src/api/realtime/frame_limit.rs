//! Refuses a WebSocket frame by the length that its header declares.
//!
//! The codec compares a frame with its limit when the whole frame has come: a client that declares a frame without end
//! would have it kept in memory for as long as it sends. Here the header of each frame is read as it comes by (RFC 6455,
//! section 5.2). In place of one that is too long the codec is given the smallest frame that it refuses itself, and nothing
//! more: what is done about it stays in one place.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

/// A stream of frames, none of which is longer than a limit.
pub(in crate::api) struct FrameLimit<S> {
    stream: S,
    bytes_max: usize,
    at: At,
}

/// Where in the stream of frames it is.
enum At {
    /// In a header, of which this much has come.
    Header(BytesMut),
    /// In what a frame holds, so many bytes before its end.
    Inside(u64),
    /// After a frame that is too long.
    End,
}

impl<S> FrameLimit<S> {
    /// The frames of a client, of which none may have more than so many bytes.
    pub(in crate::api) fn new(stream: S, bytes_max: usize) -> Self {
        Self {
            stream,
            bytes_max,
            at: At::Header(BytesMut::new()),
        }
    }

    /// What the codec is given for a chunk. A header is held back until all of it is there. Clients say little and in small
    /// frames, so a copy is no matter.
    fn pass(&mut self, mut chunk: &[u8]) -> Bytes {
        let mut passed = BytesMut::with_capacity(chunk.len());
        while let Some((first, rest)) = chunk.split_first() {
            match &mut self.at {
                At::Inside(left) => {
                    let here = chunk.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    let (part, rest) = chunk.split_at(here);
                    passed.extend_from_slice(part);
                    chunk = rest;
                    *left -= here as u64;
                    if *left == 0 {
                        self.at = At::Header(BytesMut::new());
                    }
                }
                At::Header(header) => {
                    header.extend_from_slice(&[*first]);
                    chunk = rest;
                    let Some(length) = declared_length(header) else {
                        continue;
                    };
                    if length > self.bytes_max as u64 {
                        put_too_long(header, self.bytes_max, &mut passed);
                        self.at = At::End;
                        break;
                    }
                    passed.extend_from_slice(header);
                    self.at = match length {
                        0 => At::Header(BytesMut::new()),
                        length => At::Inside(length),
                    };
                }
                At::End => break,
            }
        }
        passed.freeze()
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for FrameLimit<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if matches!(self.at, At::End) {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.stream)
            .poll_next(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map(|chunk| self.pass(&chunk))))
    }
}

/// The length that a header declares, once all of it is there, its mask as well.
fn declared_length(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let (length, length_end) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(header.get(2..10)?.try_into().ok()?), 10),
        length => (u64::from(length), 2),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    (header.len() >= length_end + mask).then_some(length)
}

/// A frame of the same kind with one byte more than may be.
fn put_too_long(header: &[u8], bytes_max: usize, to: &mut BytesMut) {
    let (first, second) = (header[0], header[1]);
    let length = bytes_max.saturating_add(1);
    to.extend_from_slice(&[first, second & 0x80 | 127]);
    to.extend_from_slice(&(length as u64).to_be_bytes());
    if second & 0x80 != 0 {
        to.extend_from_slice(&[0; 4]);
    }
    to.resize(to.len() + length, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame of a client, its mask all zeros.
    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x82];
        match length {
            0..=125 => frame.push(0x80 | length as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.resize(frame.len() + length, 7);
        frame
    }

    proptest! {
        #[test]
        fn frames_that_are_short_enough_go_by_as_they_are(
            lengths in prop::collection::vec(prop_oneof![0_usize..200, 65_000_usize..66_000], 1..6),
            cut in 1_usize..5_000,
        ) {
            let sent: Vec<u8> = lengths.iter().flat_map(|length| frame(*length)).collect();
            let mut limit = FrameLimit::new((), 70_000);
            let passed: Vec<u8> = sent.chunks(cut).flat_map(|chunk| limit.pass(chunk)).collect();
            prop_assert!(passed == sent);
        }

        #[test]
        fn of_a_frame_that_is_too_long_nothing_is_kept(length in 1_001_u64..=u64::MAX / 2, cut in 1_usize..20) {
            let mut sent = frame(10);
            let before = sent.len();
            sent.extend_from_slice(&[0x82, 0xff]);
            sent.extend_from_slice(&length.to_be_bytes());
            sent.extend_from_slice(&[1, 2, 3, 4]);
            sent.resize(sent.len() + 5_000, 7);
            let mut limit = FrameLimit::new((), 1_000);
            let passed: Vec<u8> = sent.chunks(cut).flat_map(|chunk| limit.pass(chunk)).collect();
            prop_assert_eq!(&passed[..before], &sent[..before]);
            prop_assert_eq!(declared_length(&passed[before..before + 14]), Some(1_001));
            prop_assert_eq!(passed.len(), before + 14 + 1_001);
        }
    }
}
