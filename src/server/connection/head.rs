//! Heads of requests: their validity, what follows them, and the parts that are hidden from the HTTP library.

use actix_web::http::Method;
use bytes::BytesMut;

use super::body::Body;
use super::refusal::{METHOD, Refusal};
use super::target;

/// Maximum number of headers.
const HEADERS_MAX: usize = 96;
/// Maximum length of a header's name.
const NAME_BYTES_MAX: usize = 1_024;
const NO_HOST: Refusal = Refusal::Malformed("HTTP/1.1 needs a Host header");
/// Replaces `100-continue`, so that the library does not request a body before a route needs it.
pub(super) const EXPECTS: &[u8; 12] = b"100_continue";

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its length.
    pub bytes: usize,
    /// Its continuation.
    pub kind: Kind,
    /// The connection ends with this request.
    pub is_last: bool,
}

/// Continuation after a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The next request.
    NoBody,
    /// A body.
    Body(Body),
    /// Another protocol.
    Upgrade,
}

/// Progress of the search for the end of a head, so that each byte is examined a bounded number of times, in whatever
/// parts it arrives.
#[derive(Default)]
pub(super) struct Search {
    searched: usize,
    /// Length at which an incomplete head is parsed, so that invalid input is rejected early.
    read_at: usize,
}

impl Search {
    /// `true` if the new bytes may complete the head, or are enough to check its validity.
    pub(super) fn is_worth_reading(&mut self, input: &[u8]) -> bool {
        if input.len() == self.searched {
            return false;
        }
        // An empty line is the end, with or without CR.
        let from = self.searched.saturating_sub(2);
        let rest = input.get(from..).unwrap_or_default();
        let is_end =
            |at: usize| rest[at] == b'\n' && (rest[at + 1..].starts_with(b"\n") || rest[at + 1..].starts_with(b"\r\n"));
        let has_end = (0..rest.len()).any(is_end);
        self.searched = input.len();
        let is_long = input.len() >= self.read_at;
        if has_end || is_long {
            self.read_at = input.len() * 2;
        }
        has_end || is_long
    }
}

/// Headers that determine the framing.
#[derive(Default)]
struct Framing {
    length: Option<u64>,
    is_chunked: bool,
    hosts: usize,
    is_close: bool,
    is_keep_alive: bool,
    /// Positions of the options that request an upgrade.
    options: Vec<usize>,
    /// Positions of the values that name WebSocket.
    websocket: Vec<(usize, usize)>,
    /// Positions of the expectations.
    expectations: Vec<usize>,
}

/// A parsed head.
enum Parsed {
    Whole {
        bytes: usize,
        method: Method,
        is_1_1: bool,
        framing: Framing,
    },
    /// A head with a target in absolute form, and its rewritten form.
    Absolute {
        bytes: usize,
        rewritten: Vec<u8>,
    },
    Partial,
}

/// Parses the head at the beginning of the input; `None` if it is incomplete. Parts that the library must not act on
/// are overwritten.
pub(super) fn read(input: &mut BytesMut) -> Result<Option<Head>, Refusal> {
    let mut parsed = parse(input)?;
    if let Parsed::Absolute { bytes, rewritten } = parsed {
        let rest = input.split_off(bytes);
        input.clear();
        input.extend_from_slice(&rewritten);
        input.unsplit(rest);
        parsed = parse(input)?;
    }
    let Parsed::Whole {
        bytes,
        method,
        is_1_1,
        framing,
    } = parsed
    else {
        return Ok(None);
    };
    let Framing {
        length,
        is_chunked,
        hosts,
        is_close,
        is_keep_alive,
        options,
        websocket,
        expectations,
    } = framing;
    if is_1_1 && hosts == 0 {
        return Err(NO_HOST);
    }
    if is_chunked && length.is_some() {
        return Err(Refusal::Malformed(
            "Content-Length and Transfer-Encoding exclude each other",
        ));
    }
    if !is_1_1 && is_chunked {
        return Err(Refusal::Malformed("HTTP/1.0 has no Transfer-Encoding"));
    }
    if !is_1_1 && method == Method::POST && length.is_none() {
        return Err(Refusal::Malformed("an HTTP/1.0 POST needs a Content-Length"));
    }
    let body = match length {
        _ if is_chunked => Some(Body::chunked()),
        None | Some(0) => None,
        Some(length) => Some(Body::of_length(length)),
    };
    if is_1_1 {
        for at in expectations {
            write_over(input, at, EXPECTS);
        }
    }
    let is_upgrade = is_1_1 && method == Method::GET && body.is_none() && !websocket.is_empty();
    if !is_upgrade {
        // The library would treat everything that follows as the body and close the connection after it.
        for at in options {
            write_over(input, at, b"ignored");
        }
        for (start, end) in &websocket {
            write_over(input, *start, &b"         "[..end - start]);
        }
    }
    let kind = match body {
        _ if is_upgrade => Kind::Upgrade,
        Some(body) => Kind::Body(body),
        None if method == Method::CONNECT => Kind::Upgrade,
        None => Kind::NoBody,
    };
    Ok(Some(Head {
        bytes,
        kind,
        is_last: is_close || !(is_1_1 || is_keep_alive),
    }))
}

/// The path of a parsed head.
pub(super) fn path(head: &[u8]) -> Option<&str> {
    let target = head.split(|byte| *byte == b' ').nth(1)?;
    let path = target.split(|byte| *byte == b'?').next()?;
    std::str::from_utf8(path).ok()
}

fn parse(input: &[u8]) -> Result<Parsed, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let bytes = match request.parse(input) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(Parsed::Partial),
        Err(error) => {
            return Err(match error {
                httparse::Error::TooManyHeaders => Refusal::TooLarge,
                httparse::Error::HeaderName => {
                    Refusal::Malformed("a header's name has a character that is not allowed")
                }
                httparse::Error::HeaderValue => {
                    Refusal::Malformed("a header's value has a character that is not allowed")
                }
                httparse::Error::NewLine => Refusal::Malformed("a line does not end with CR LF"),
                httparse::Error::Token => Refusal::Malformed("the method is not a token"),
                httparse::Error::Version => Refusal::Malformed("the version is neither HTTP/1.1 nor HTTP/1.0"),
                httparse::Error::Status => Refusal::Malformed("malformed request line"),
            });
        }
    };
    let method = request.method.unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes())
        .ok()
        .filter(|method| method.as_str() != METHOD);
    let method = method.ok_or(Refusal::Malformed("unknown method"))?;
    let absolute = target::check(&method, request.path.unwrap_or_default())?;
    let mut framing = Framing::default();
    for header in request.headers.iter() {
        if header.name.len() > NAME_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        framing.add(header, input)?;
    }
    let is_1_1 = request.version == Some(1);
    if let Some(absolute) = absolute {
        // The host of the target replaces that of the header, of which exactly one is required.
        if is_1_1 && framing.hosts == 0 {
            return Err(NO_HOST);
        }
        let rewritten = absolute.rewrite(&request);
        return Ok(Parsed::Absolute { bytes, rewritten });
    }
    Ok(Parsed::Whole {
        bytes,
        method,
        is_1_1,
        framing,
    })
}

impl Framing {
    fn add(&mut self, header: &httparse::Header<'_>, input: &[u8]) -> Result<(), Refusal> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = header.value;
        let start = offset(input, value);
        if is("content-length") {
            let length = std::str::from_utf8(value).ok().map(str::trim);
            let length = length.filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
            let length: Option<u64> = length.and_then(|length| length.parse().ok());
            if length.is_none() || self.length.is_some() {
                return Err(Refusal::Malformed("Content-Length must be one number"));
            }
            self.length = length;
        } else if is("transfer-encoding") {
            if self.is_chunked || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Malformed("Transfer-Encoding must be chunked"));
            }
            self.is_chunked = true;
        } else if is("host") {
            self.hosts += 1;
            if self.hosts > 1 {
                return Err(Refusal::Malformed("there must be one Host header"));
            }
            target::check_host(value)?;
        } else if is("connection") {
            for option in value.split(|byte| *byte == b',') {
                let option = option.trim_ascii();
                self.is_close |= option.eq_ignore_ascii_case(b"close");
                self.is_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                if option.eq_ignore_ascii_case(b"upgrade") {
                    self.options.push(offset(input, option));
                }
            }
        } else if is("upgrade") {
            if value.trim_ascii().eq_ignore_ascii_case(b"websocket") {
                self.websocket.push((start, start + value.len()));
            }
        } else if is("expect") {
            let places = value.windows(EXPECTS.len()).enumerate();
            let expected = places.filter(|(_, part)| part.eq_ignore_ascii_case(b"100-continue"));
            self.expectations.extend(expected.map(|(place, _)| start + place));
        }
        Ok(())
    }
}

/// Offset of a part of the input.
fn offset(input: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(input.as_ptr() as usize)
}

fn write_over(input: &mut BytesMut, at: usize, bytes: &[u8]) {
    if let Some(place) = input.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> (Result<Option<Head>, Refusal>, String) {
        let mut input = BytesMut::from(text);
        let head = read(&mut input);
        (head, String::from_utf8_lossy(&input).into_owned())
    }

    fn follows(text: &str) -> (Kind, bool) {
        let head = head(text).0.expect("a request").expect("a complete head");
        assert_eq!(head.bytes, text.find("\r\n\r\n").expect("an end") + 4);
        (head.kind, head.is_last)
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_read_a_few_times() {
        for end in ["\r\n\r\n", "\n\n", "\n\r\n", "\r\n\n"] {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}{end}", "x".repeat(50_000));
            let mut search = Search::default();
            let (mut reads, mut searches) = (0, 0);
            let mut is_read_at_its_end = false;
            for length in 1..=text.len() {
                searches += length - search.searched.saturating_sub(2).min(length);
                let is_read = search.is_worth_reading(&text.as_bytes()[..length]);
                reads += usize::from(is_read);
                is_read_at_its_end = is_read;
            }
            assert!(is_read_at_its_end, "{end:?}");
            assert!(reads < 25 && searches < 4 * text.len(), "{reads} {searches}");
            assert!(Search::default().is_worth_reading(text.as_bytes()), "{end:?}");
            let mut halves = Search::default();
            halves.is_worth_reading(&text.as_bytes()[..text.len() - 1]);
            assert!(halves.is_worth_reading(text.as_bytes()), "{end:?}");
            assert!(!halves.is_worth_reading(text.as_bytes()), "no new bytes");
        }
    }

    #[test]
    fn the_head_determines_what_follows_a_request() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", (Kind::NoBody, false)),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
                (Kind::NoBody, true),
            ),
            ("GET / HTTP/1.0\r\n\r\n", (Kind::NoBody, true)),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                (Kind::NoBody, false),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
                (Kind::Body(Body::of_length(5)), false),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                (Kind::NoBody, false),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
                (Kind::Body(Body::chunked()), false),
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n\r\n",
                (Kind::Upgrade, false),
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
                (Kind::NoBody, false),
            ),
            ("GET / HTTP/1.0\r\nUpgrade: websocket\r\n\r\n", (Kind::NoBody, true)),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n",
                (Kind::Body(Body::of_length(5)), false),
            ),
            (
                "DELETE / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
                (Kind::NoBody, false),
            ),
        ] {
            assert_eq!(follows(text), expected, "{text}");
        }
        assert_eq!(head("GET / HTTP/1.1\r\nHost: a\r\n").0, Ok(None));
    }

    #[test]
    fn parts_that_the_library_must_not_act_on_are_overwritten() {
        let (_, text) = head("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nUpgrade: websocket\r\n\r\nbody");
        assert_eq!(
            text,
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100_continue\r\nUpgrade:          \r\n\r\nbody"
        );
        let (_, text) = head("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: x, Upgrade\r\n\r\n");
        assert_eq!(
            text,
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: x, ignored\r\n\r\n"
        );
    }

    #[test]
    fn the_host_of_an_absolute_target_replaces_that_of_the_header() {
        let (found, text) = head(
            "POST http://evil.example:80/a?b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
        );
        assert_eq!(
            text,
            "POST /a?b HTTP/1.1\r\nhost: evil.example:80\r\nContent-Length: 2\r\nExpect: 100_continue\r\n\r\n{}"
        );
        let found = found.expect("a request").expect("a complete head");
        assert_eq!(found.bytes, text.len() - 2);
        assert_eq!(found.kind, Kind::Body(Body::of_length(2)));
        assert_eq!(path(text.as_bytes()), Some("/a"));
        let (found, text) = head("GET http://a HTTP/1.0\r\n\r\n");
        assert!(found.is_ok());
        assert_eq!(text, "GET / HTTP/1.0\r\nhost: a\r\n\r\n");
        assert_eq!(head("GET http://a/ HTTP/1.1\r\n\r\n").0, Err(NO_HOST));
    }

    #[test]
    fn a_malformed_request_is_rejected_with_the_reason() {
        for wrong in [
            "nonsense\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nA B: c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n:authority: a\r\n\r\n",
            "GET / HTTP/1.1\r\n:authority: a\r\n\r\n",
            "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n",
            "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "! / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        ] {
            assert!(matches!(head(wrong).0, Err(Refusal::Malformed(_))), "{wrong:?}");
        }
        let many = "A: b\r\n".repeat(HEADERS_MAX);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        assert_eq!(head(&many).0, Err(Refusal::TooLarge));
    }
}
