//! Verification of webhooks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tickerq_core::webhooks::signature::sign;

/// Verifies the `X-TickerQ-Signature` of a body (its exact bytes, as received), in constant time.
pub fn verify_webhook(body: &[u8], signature: &str, secret: &str) -> bool {
    sign(secret, body).as_bytes().ct_eq(signature.trim().as_bytes()).into()
}

/// Verifies the signature of Standard Webhooks and that the timestamp is within `tolerance` of the current time.
/// `headers` returns a header by its lower-case name.
pub fn verify_standard_webhook<'a>(
    body: &[u8],
    headers: impl Fn(&str) -> Option<&'a str>,
    secret: &str,
    tolerance: Duration,
    now: DateTime<Utc>,
) -> bool {
    let (Some(id), Some(timestamp), Some(signatures)) = (
        headers("webhook-id"),
        headers("webhook-timestamp"),
        headers("webhook-signature"),
    ) else {
        return false;
    };
    let Ok(sent) = timestamp.parse::<i64>() else {
        return false;
    };
    if now.timestamp().abs_diff(sent) > tolerance.as_secs() {
        return false;
    }
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => match base64_decode(encoded) {
            Some(key) => key,
            None => return false,
        },
        None => secret.as_bytes().to_vec(),
    };
    #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let code = mac.finalize().into_bytes();
    signatures
        .split(' ')
        .filter_map(|signature| base64_decode(signature.strip_prefix("v1,")?))
        .any(|given| given.ct_eq(&code[..]).into())
}

/// Reads Base64 (RFC 4648, section 4).
fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').bytes().map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for digit in digits {
        held = (held << 6) | u32::from(digit?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_right_signature_is_accepted_and_no_other() {
        let good = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1";
        assert!(verify_webhook(br#"{"a":1}"#, good, "webhook-secret-key"));
        assert!(!verify_webhook(br#"{"a":1} "#, good, "webhook-secret-key"));
        assert!(!verify_webhook(br#"{"a":1}"#, good, "x"));
        assert!(!verify_webhook(br#"{"a":1}"#, "", "x"));
    }

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn a_standard_webhook_is_accepted_in_its_time() {
        let headers = |name: &str| match name {
            "webhook-id" => Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
            "webhook-timestamp" => Some("1614265330"),
            "webhook-signature" => Some("v1,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            _ => None,
        };
        let verify = |body: &[u8], seconds: i64| {
            let now = DateTime::from_timestamp(seconds, 0).expect("a time");
            verify_standard_webhook(body, headers, SECRET, Duration::from_secs(300), now)
        };
        assert!(verify(br#"{"test": 2432232314}"#, 1_614_265_330));
        assert!(!verify(br#"{"test": 2432232314}"#, 1_614_265_730));
        assert!(!verify(br#"{"test": 0}"#, 1_614_265_330));
        let none = |_: &str| None;
        assert!(!verify_standard_webhook(
            b"",
            none,
            SECRET,
            Duration::from_secs(300),
            DateTime::UNIX_EPOCH
        ));
    }
}
