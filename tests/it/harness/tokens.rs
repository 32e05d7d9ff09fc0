//! Signs tokens like an external issuer, independently of the server's code.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::{hmac, rand, signature};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

pub const RSA_PUBLIC: &str = include_str!("../auth/keys/rsa.pub.pem");
pub const P256_PUBLIC: &str = include_str!("../auth/keys/p256.pub.pem");
pub const ED25519_PUBLIC: &str = include_str!("../auth/keys/ed25519.pub.pem");

/// Signing key of a token.
#[derive(Clone, Copy)]
pub enum Signer<'a> {
    Hs256(&'a str),
    Rs256,
    Es256,
    EdDsa,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    since.as_secs()
}

/// Base64 for URLs, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    bits.chunks(6)
        .map(|six| {
            let digit = six.iter().fold(0, |digit, bit| digit << 1 | bit) << (6 - six.len());
            char::from(ALPHABET[usize::from(digit)])
        })
        .collect()
}

/// A token with this header and these claims.
pub fn token_with(header: &Value, claims: &Value, signer: Signer<'_>) -> String {
    let message = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.to_string().as_bytes())
    );
    format!("{message}.{}", base64url(&sign(message.as_bytes(), signer)))
}

/// A token with these claims.
pub fn token(claims: &Value, signer: Signer<'_>) -> String {
    let algorithm = match signer {
        Signer::Hs256(_) => "HS256",
        Signer::Rs256 => "RS256",
        Signer::Es256 => "ES256",
        Signer::EdDsa => "EdDSA",
    };
    token_with(&json!({"alg": algorithm, "typ": "JWT"}), claims, signer)
}

fn sign(message: &[u8], signer: Signer<'_>) -> Vec<u8> {
    let random = rand::SystemRandom::new();
    let pkcs8 = |pem: &str| PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("a private key");
    match signer {
        Signer::Hs256(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::sign(&key, message).as_ref().to_vec()
        }
        Signer::Rs256 => {
            let der = pkcs8(include_str!("../auth/keys/rsa.pem"));
            let key = signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("a key");
            let mut signed = vec![0; key.public().modulus_len()];
            key.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signed)
                .expect("a signature");
            signed
        }
        Signer::Es256 => {
            let der = pkcs8(include_str!("../auth/keys/p256.pem"));
            let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            let key = signature::EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der(), &random).expect("a key");
            key.sign(&random, message).expect("a signature").as_ref().to_vec()
        }
        Signer::EdDsa => {
            let der = pkcs8(include_str!("../auth/keys/ed25519.pem"));
            let key = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).expect("a key");
            key.sign(message).as_ref().to_vec()
        }
    }
}

/// The public half of the Ed25519 key as a JSON Web Key.
pub fn ed25519_jwk(id: &str) -> Value {
    let der = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("../auth/keys/ed25519.pem")).expect("a private key");
    let key = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).expect("a key");
    let public = signature::KeyPair::public_key(&key).as_ref().to_vec();
    json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": base64url(&public)})
}

/// The public half of the P-256 key as a JSON Web Key.
pub fn p256_jwk(id: &str) -> Value {
    let der = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("../auth/keys/p256.pem")).expect("a private key");
    let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = signature::EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der(), &rand::SystemRandom::new())
        .expect("a key");
    let point = signature::KeyPair::public_key(&key).as_ref().to_vec();
    let (x, y) = point[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id, "x": base64url(x), "y": base64url(y)})
}

/// The public half of the RSA key as a JSON Web Key.
pub fn rsa_jwk(id: &str) -> Value {
    let der = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("../auth/keys/rsa.pem")).expect("a private key");
    let key = signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("a key");
    let public = signature::RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
    json!({"kty": "RSA", "kid": id, "n": base64url(&public.n), "e": base64url(&public.e)})
}
