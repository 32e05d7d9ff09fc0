//! The opening handshake of a WebSocket (RFC 6455, section 4.2.1).

use actix_web::HttpRequest;
use actix_web::http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use actix_web::http::{Method, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::api::problem::{PartError, Problem};

/// Version of the protocol.
const VERSION: &str = "13";
/// Length of a key, in decoded bytes.
const KEY_BYTES: usize = 16;

/// True if a request upgrades to another protocol. HTTP/1.0 has no upgrades (RFC 9110, section 7.8).
fn is_upgrade(request: &HttpRequest) -> bool {
    request.version() >= Version::HTTP_11 && request.headers().contains_key(UPGRADE)
}

/// True if a request opens a WebSocket, at an address that also serves HTTP.
pub(crate) fn wants_websocket(request: &HttpRequest) -> bool {
    let mut protocols = request
        .headers()
        .get_all(UPGRADE)
        .filter_map(|value| value.to_str().ok());
    let is_websocket = |protocol: &str| protocol.trim().eq_ignore_ascii_case("websocket");
    is_upgrade(request) && protocols.any(|protocols| protocols.split(',').any(is_websocket))
}

/// Checks that a request opens a WebSocket.
pub(crate) fn check(request: &HttpRequest) -> Result<(), Problem> {
    if *request.method() != Method::GET {
        return Err(Problem::method_not_allowed(request.method(), "GET"));
    }
    if !is_upgrade(request) {
        return Err(Problem::upgrade_required(
            "this address requires a WebSocket: connect with ws:// or wss://",
        ));
    }
    let header = |name: &HeaderName, detail: &str| Problem::of_part(PartError::header(name.as_str(), detail));
    if !only(request, &UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Err(header(&UPGRADE, "Upgrade must be websocket"));
    }
    let mut options = request
        .headers()
        .get_all(CONNECTION)
        .filter_map(|value| value.to_str().ok());
    if !options.any(|options| {
        options
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    }) {
        return Err(header(&CONNECTION, "Connection must have the option Upgrade"));
    }
    if only(request, &SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(Problem::upgrade_required("Sec-WebSocket-Version must be 13"));
    }
    let key = only(request, &SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != KEY_BYTES) {
        return Err(header(
            &SEC_WEBSOCKET_KEY,
            "Sec-WebSocket-Key must be 16 bytes in base64",
        ));
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return Err(header(&TRANSFER_ENCODING, "a WebSocket handshake has no body"));
    }
    if only(request, &CONTENT_LENGTH).is_some_and(|length| length != "0") {
        return Err(header(&CONTENT_LENGTH, "a WebSocket handshake has no body"));
    }
    Ok(())
}

/// The value of a header that occurs once.
fn only<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    let mut values = request.headers().get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.to_str().ok()?.trim()),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    /// Status of the response to a handshake with other values of this header; `None` if it is accepted.
    fn refusal(name: &str, values: &[&str]) -> Option<u16> {
        let right = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut request = TestRequest::get();
        for (header, value) in right.iter().filter(|(header, _)| *header != name) {
            request = request.insert_header((*header, *value));
        }
        for value in values {
            request = request.append_header((name, *value));
        }
        let request = request.to_http_request();
        let refused = check(&request).err()?;
        Some(refused.response(&request).status().as_u16())
    }

    #[test]
    fn a_handshake_is_accepted_or_rejected_by_each_of_its_headers() {
        for (name, values, expected) in [
            ("x", &[][..], None),
            ("upgrade", &["WebSocket"], None),
            ("connection", &["keep-alive, Upgrade"], None),
            ("connection", &["keep-alive", "upgrade"], None),
            ("content-length", &["0"], None),
            ("upgrade", &[], Some(426)),
            ("upgrade", &["websocket, foo"], Some(400)),
            ("upgrade", &["websocketfoo"], Some(400)),
            ("upgrade", &["websocket", "websocket"], Some(400)),
            ("upgrade", &["h2c"], Some(400)),
            ("connection", &[], Some(400)),
            ("connection", &["keep-alive"], Some(400)),
            ("sec-websocket-version", &[], Some(426)),
            ("sec-websocket-version", &["8"], Some(426)),
            ("sec-websocket-version", &["7"], Some(426)),
            ("sec-websocket-version", &["13", "13"], Some(426)),
            ("sec-websocket-key", &[], Some(400)),
            ("sec-websocket-key", &["c2hvcnQ="], Some(400)),
            ("sec-websocket-key", &["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], Some(400)),
            ("sec-websocket-key", &["this is not base64 text"], Some(400)),
            ("content-length", &["5"], Some(400)),
            ("transfer-encoding", &["chunked"], Some(400)),
        ] {
            assert_eq!(refusal(name, values), expected, "{name}: {values:?}");
        }
    }

    #[test]
    fn http_1_0_has_no_upgrades() {
        let request = TestRequest::get()
            .version(Version::HTTP_10)
            .insert_header((UPGRADE, "websocket"))
            .to_http_request();
        assert!(!is_upgrade(&request));
        let refused = check(&request).expect_err("refused").response(&request);
        assert_eq!(refused.status(), 426);
        assert_eq!(
            refused
                .headers()
                .get("sec-websocket-version")
                .map(|value| value.as_bytes()),
            Some(&b"13"[..])
        );
    }
}
