//! Framing of request bodies (RFC 9112, sections 6 and 7.1).

/// Maximum size of a chunk extension and of the trailer section.
const EXTRA_BYTES_MAX: usize = 16 * 1024;

/// A request body, possibly received in part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    length: Length,
    is_last: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Length {
    /// Number of remaining bytes.
    Known(u64),
    Chunked {
        at: Chunk,
        /// Size of extensions and trailers since the data of the last chunk.
        extra: usize,
    },
}

/// Position within a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// Before the first digit of a size.
    SizeBegin,
    /// In the digits of a size.
    Size(u64),
    /// After the digits of a size.
    Extension(u64),
    /// At the LF after a size.
    SizeLf(u64),
    /// In the data, with this number of bytes left.
    Data(u64),
    DataCr,
    DataLf,
    /// At the beginning of a trailer or of the final empty line.
    LineBegin,
    Trailer,
    TrailerLf,
    LastLf,
    End,
}

/// Number of input bytes that belong to a body, and what follows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub bytes: usize,
    pub then: Then,
}

/// Continuation after a part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// More of it.
    More,
    /// The end of the body.
    End {
        /// No request follows.
        is_last: bool,
    },
    /// The body is malformed.
    Broken,
}

impl Body {
    /// A body of this length.
    pub(super) const fn of_length(length: u64) -> Self {
        Self {
            length: Length::Known(length),
            is_last: false,
        }
    }

    /// A chunked body.
    pub(super) const fn chunked() -> Self {
        Self {
            length: Length::Chunked {
                at: Chunk::SizeBegin,
                extra: 0,
            },
            is_last: false,
        }
    }

    /// Sets whether the request is the last of its connection.
    pub(super) fn before(self, is_last: bool) -> Self {
        Self { is_last, ..self }
    }

    /// `true` if it is known to end within this number of bytes.
    pub(super) fn is_known_within(&self, bytes: usize) -> bool {
        match self.length {
            Length::Known(left) => left <= bytes as u64,
            Length::Chunked { .. } => false,
        }
    }

    /// Consumes the part of the input that belongs to the body.
    pub(super) fn take(&mut self, input: &[u8]) -> Taken {
        let is_last = self.is_last;
        match &mut self.length {
            Length::Known(left) => {
                let bytes = within(*left, input.len());
                *left -= bytes as u64;
                let then = if *left == 0 { Then::End { is_last } } else { Then::More };
                Taken { bytes, then }
            }
            Length::Chunked { at, extra } => {
                let mut bytes = 0;
                while let Some(rest) = input.get(bytes..).filter(|rest| !rest.is_empty()) {
                    let Some((taken, next)) = step(*at, rest) else {
                        let then = Then::Broken;
                        return Taken { bytes, then };
                    };
                    if matches!(next, Chunk::Data(_)) {
                        *extra = 0;
                    } else if matches!(next, Chunk::Extension(_) | Chunk::Trailer) {
                        *extra += taken;
                    }
                    if *extra > EXTRA_BYTES_MAX {
                        let then = Then::Broken;
                        return Taken { bytes, then };
                    }
                    bytes += taken;
                    *at = next;
                    if next == Chunk::End {
                        let then = Then::End { is_last };
                        return Taken { bytes, then };
                    }
                }
                let then = Then::More;
                Taken { bytes, then }
            }
        }
    }
}

/// Consumes at least one byte. Returns the number of bytes and the new position; `None` if the body is malformed.
fn step(at: Chunk, input: &[u8]) -> Option<(usize, Chunk)> {
    let first = *input.first()?;
    let next = match (at, first) {
        (Chunk::SizeBegin, digit) => Chunk::Size(digit_of(digit)?),
        (Chunk::Size(size) | Chunk::Extension(size), b'\r') => Chunk::SizeLf(size),
        (Chunk::Size(size), b';' | b' ' | b'\t') => Chunk::Extension(size),
        (Chunk::Size(size), digit) => Chunk::Size(size.checked_mul(16)?.checked_add(digit_of(digit)?)?),
        (Chunk::SizeLf(0), b'\n') => Chunk::LineBegin,
        (Chunk::SizeLf(size), b'\n') => Chunk::Data(size),
        (Chunk::Data(left), _) => {
            let bytes = within(left, input.len());
            return Some(match left - bytes as u64 {
                0 => (bytes, Chunk::DataCr),
                left => (bytes, Chunk::Data(left)),
            });
        }
        (Chunk::DataCr, b'\r') => Chunk::DataLf,
        (Chunk::DataLf, b'\n') => Chunk::SizeBegin,
        (Chunk::LineBegin, b'\r') => Chunk::LastLf,
        (Chunk::Trailer, b'\r') => Chunk::TrailerLf,
        (Chunk::TrailerLf, b'\n') => Chunk::LineBegin,
        (Chunk::LastLf, b'\n') => Chunk::End,
        // A bare LF ends no line.
        (Chunk::Extension(size), byte) if byte != b'\n' => Chunk::Extension(size),
        (Chunk::LineBegin | Chunk::Trailer, byte) if byte != b'\n' => Chunk::Trailer,
        _ => return None,
    };
    Some((1, next))
}

fn digit_of(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

fn within(left: u64, here: usize) -> usize {
    here.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_broken_chunk_is_found() {
        for wrong in [
            "x\r\n",
            "\r\n",
            "5\n",
            "5\r\nhello\n",
            "5\r\nhello!",
            "fffffffffffffffff\r\n",
            "5;a\nb",
            "0\r\n\n",
            "0\r\nA: b\n",
            "-5\r\n",
            "0x5\r\n",
        ] {
            assert_eq!(Body::chunked().take(wrong.as_bytes()).then, Then::Broken, "{wrong:?}");
        }
        let endless = format!("5;{}", "x".repeat(20_000));
        assert_eq!(Body::chunked().take(endless.as_bytes()).then, Then::Broken);
    }

    proptest! {
        #[test]
        fn a_chunked_body_ends_at_its_end_in_any_parts(
            parts in prop::collection::vec("\\PC{1,30}", 0..5),
            extension in prop_oneof![Just(""), Just(";a=b"), Just(" ; x")],
            trailer in prop_oneof![Just(""), Just("A: b\r\n"), Just("A: b\r\nC:\r\n")],
            after in "[a-z]{0,10}",
            size in 1_usize..40,
            is_last in any::<bool>(),
        ) {
            let mut body = String::new();
            for part in &parts {
                body.push_str(&format!("{:X}{extension}\r\n{part}\r\n", part.len()));
            }
            body.push_str(&format!("0\r\n{trailer}\r\n"));
            let input = format!("{body}{after}");
            let mut framing = Body::chunked().before(is_last);
            let mut taken = 0;
            for piece in input.as_bytes().chunks(size) {
                let Taken { bytes, then } = framing.take(piece);
                taken += bytes;
                if then != Then::More {
                    prop_assert_eq!(then, Then::End { is_last });
                    break;
                }
            }
            prop_assert_eq!(taken, body.len());
        }
    }
}
