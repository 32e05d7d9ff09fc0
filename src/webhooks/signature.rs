//! The signature that tells a receiver who sent a request: `X-TickerQ-Signature: sha256=<hex>`.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that holds it.
pub const SIGNATURE_HEADER: &str = "X-TickerQ-Signature";

/// Signs the exact bytes of a body: `sha256=` and the HMAC-SHA256 in lower-case hex, keyed by the secret's UTF-8 bytes.
///
/// A receiver computes the same over the bytes that it got, before it parses them, and compares in constant time.
pub fn sign(secret: &str, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(body);
    let code = mac.finalize().into_bytes();
    let mut text = String::with_capacity("sha256=".len() + 2 * code.len());
    text.push_str("sha256=");
    for byte in code {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(
            sign("webhook-secret-key", br#"{"a":1}"#),
            "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1"
        );
    }

    #[test]
    fn keys_longer_than_a_block_and_empty_bodies_are_signed() {
        // Computed with another implementation.
        assert_eq!(
            sign(&"k".repeat(131), b""),
            "sha256=c68b7ace04e8bf0b01c1ed872ac04ac02cb9acb6a6d01fae07f52ff2d6c9bcee"
        );
    }
}
