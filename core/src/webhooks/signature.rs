//! Signatures of deliveries, which authenticate the sender: `X-TickerQ-Signature: sha256=<hex>`, and those of Standard
//! Webhooks, which also cover the time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::endpoint::SigningSecret;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-TickerQ-Signature";
/// The header with the signature by the endpoint's previous secret, while that one is valid.
pub const PREVIOUS_SIGNATURE_HEADER: &str = "X-TickerQ-Signature-Previous";

/// Signs the exact bytes of a body: `sha256=` and the HMAC-SHA256 in lower-case hex, keyed by the secret's UTF-8 bytes.
///
/// A receiver computes the signature over the received bytes before it parses them, and compares in constant time.
pub fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac(secret.as_bytes(), &[body])))
}

/// Signs a message by Standard Webhooks: `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64, keyed by
/// [`SigningSecret::key`].
pub fn sign_message(secret: &SigningSecret, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    let code = hmac(&secret.key(), &[format!("{id}.{timestamp_seconds}.").as_bytes(), body]);
    format!("v1,{}", STANDARD.encode(code))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::{sign, sign_message};
    use crate::webhooks::endpoint::SigningSecret;

    #[test]
    fn the_example_of_standard_webhooks_matches() {
        // From that project's own tests.
        let secret = SigningSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            sign_message(&secret, id, 1_614_265_330, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_of_words_is_used_as_the_key() {
        let of = |secret: SigningSecret| sign_message(&secret, "msg_1", 1, b"{}");
        let text = || SigningSecret::new("webhook-secret-key");
        assert_ne!(of(text()), of(SigningSecret::new("webhook-secret-kez")));
        assert_eq!(of(SigningSecret::of_key(b"webhook-secret-key")), of(text()));
    }

    #[test]
    fn the_published_check_value_matches() {
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
