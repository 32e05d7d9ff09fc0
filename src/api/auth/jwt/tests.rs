//! Valid and invalid tokens, and their claims.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use ring::{hmac, rand, signature};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::*;

const SECRET: &str = "a secret that is thirty-two bytes long or more";

fn options(key: JwtKeySource) -> JwtOptions {
    JwtOptions {
        issuer: Some("https://id.example".to_owned()),
        audience: vec!["jobs".to_owned(), "other".to_owned()],
        key,
        scope_claim: None,
        leeway: Duration::from_secs(5),
        rate: None,
    }
}

fn verifier(options: &JwtOptions) -> JwtVerifier {
    JwtVerifier::new(options, 0).expect("a key")
}

fn by_secret() -> JwtVerifier {
    verifier(&options(JwtKeySource::Secret(SECRET.to_owned())))
}

fn right_claims() -> Value {
    json!({
        "iss": "https://id.example",
        "aud": "jobs",
        "sub": "ann",
        "exp": get_current_timestamp() + 60,
        "scope": "tickerq:read tickerq:write"
    })
}

/// The valid claims with one changed; `null` removes it.
fn with(name: &str, value: Value) -> Value {
    let mut claims = right_claims();
    let members = claims.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

/// Base64 for URLs.
fn encoded(bytes: &[u8]) -> String {
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

/// A token of these parts, signed by `sign`.
fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!(
        "{}.{}",
        encoded(header.to_string().as_bytes()),
        encoded(claims.to_string().as_bytes())
    );
    let signature = sign(message.as_bytes());
    format!("{message}.{}", encoded(&signature))
}

fn by_hmac(secret: &str, message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, message).as_ref().to_vec()
}

/// A token signed with the secret.
fn signed(claims: &Value) -> String {
    token(&json!({"alg": "HS256", "typ": "JWT"}), claims, |message| {
        by_hmac(SECRET, message)
    })
}

fn pkcs8(pem: &str) -> PrivatePkcs8KeyDer<'static> {
    PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("a private key")
}

#[test]
fn a_token_that_is_right_names_its_caller_and_its_scopes() {
    let claims = by_secret().verify(&signed(&right_claims()), 0).expect("a right token");
    assert_eq!(&*claims.name, "ann");
    assert_eq!(claims.scopes, ["tickerq:read", "tickerq:write"]);
    assert!((60..=66).contains(&claims.valid_for.as_secs()), "{claims:?}");
}

#[test]
fn every_claim_is_checked() {
    let now = get_current_timestamp();
    for (claims, expected) in [
        (with("exp", json!(now - 60)), "the token has expired"),
        (with("exp", Value::Null), "lacks one of the required claims"),
        (with("exp", json!("tomorrow")), "lacks one of the required claims"),
        (with("nbf", json!(now + 60)), "the token is not valid yet"),
        (with("nbf", json!("later")), "has a time that is not a number"),
        (with("iss", json!("https://evil.example")), "issuer is not trusted"),
        (with("iss", Value::Null), "lacks one of the required claims"),
        (with("iss", json!(7)), "lacks one of the required claims"),
        (with("aud", json!("another")), "has another audience"),
        (with("aud", json!(["another", "third"])), "has another audience"),
        (with("aud", json!([])), "has another audience"),
        (with("aud", Value::Null), "lacks one of the required claims"),
        (with("sub", Value::Null), "has no sub, client_id or azp"),
        (with("sub", json!("")), "has no sub, client_id or azp"),
        (with("sub", json!(["ann"])), "the token is malformed"),
        (with("sub", json!("a\nb")), "is not a valid name"),
        (with("sub", json!("a".repeat(201))), "is not a valid name"),
    ] {
        let refused = by_secret()
            .verify(&signed(&claims), 0)
            .expect_err("the token was accepted");
        assert!(
            refused.contains(expected),
            "{claims}\n  actual   {refused}\n  expected {expected}"
        );
    }
    for claims in [
        with("exp", json!(now - 3)),
        with("exp", json!(now as f64 + 59.5)),
        with("nbf", json!(now + 3)),
        with("aud", json!(["another", "other"])),
        with("client_id", json!("a program")),
    ] {
        assert!(by_secret().verify(&signed(&claims), 0).is_ok(), "{claims}");
    }
}

#[test]
fn a_program_without_a_subject_is_named_by_its_client_id() {
    let mut claims = with("sub", Value::Null);
    claims["client_id"] = json!("billing");
    let claims = by_secret().verify(&signed(&claims), 0).expect("a right token");
    assert_eq!(&*claims.name, "billing");
}

#[test]
fn a_token_with_an_audience_is_rejected_without_a_configured_audience() {
    let nobody = JwtOptions {
        issuer: None,
        audience: Vec::new(),
        ..options(JwtKeySource::Secret(SECRET.to_owned()))
    };
    let verifier = verifier(&nobody);
    assert!(verifier.verify(&signed(&with("aud", Value::Null)), 0).is_ok());
    let refused = verifier
        .verify(&signed(&right_claims()), 0)
        .expect_err("it has an audience");
    assert!(refused.contains("has another audience"), "{refused}");
}

#[test]
fn the_key_determines_the_algorithm_and_the_token_does_not() {
    let rsa_public = include_str!("../../../../tests/it/auth/keys/rsa.pub.pem");
    let by_rsa = verifier(&options(JwtKeySource::PublicKey(rsa_public.to_owned())));
    // The public key, which is not secret, must not be accepted as the secret of HS256.
    for secret in [rsa_public, rsa_public.trim()] {
        let confused = token(&json!({"alg": "HS256"}), &right_claims(), |message| {
            by_hmac(secret, message)
        });
        assert!(by_rsa.verify(&confused, 0).is_err());
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": ""}),
        json!({}),
        json!({"alg": "HS512"}),
        json!({"alg": "RS256"}),
        json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
    ] {
        let forged = token(&header, &right_claims(), |message| by_hmac(SECRET, message));
        assert!(by_secret().verify(&forged, 0).is_err(), "{header}");
    }
    let unsigned = token(&json!({"alg": "none"}), &right_claims(), |_| Vec::new());
    assert!(by_secret().verify(&unsigned, 0).is_err());
    let unsigned = token(&json!({"alg": "HS256"}), &right_claims(), |_| Vec::new());
    assert!(by_secret().verify(&unsigned, 0).is_err());
}

/// Signs a message.
type Sign<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn every_kind_of_key_checks_its_signatures() {
    let random = rand::SystemRandom::new();
    let rsa = signature::RsaKeyPair::from_pkcs8(
        pkcs8(include_str!("../../../../tests/it/auth/keys/rsa.pem")).secret_pkcs8_der(),
    )
    .expect("a key");
    let p256 = signature::EcdsaKeyPair::from_pkcs8(
        &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        pkcs8(include_str!("../../../../tests/it/auth/keys/p256.pem")).secret_pkcs8_der(),
        &random,
    )
    .expect("a key");
    let ed25519 = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(
        pkcs8(include_str!("../../../../tests/it/auth/keys/ed25519.pem")).secret_pkcs8_der(),
    )
    .expect("a key");
    let by_rsa = |message: &[u8]| {
        let mut signature = vec![0; rsa.public().modulus_len()];
        rsa.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature)
            .expect("a signature");
        signature
    };
    let by_p256 = |message: &[u8]| p256.sign(&random, message).expect("a signature").as_ref().to_vec();
    let by_ed25519 = |message: &[u8]| ed25519.sign(message).as_ref().to_vec();
    let sign: [(&str, &str, Sign<'_>); 3] = [
        (
            "RS256",
            include_str!("../../../../tests/it/auth/keys/rsa.pub.pem"),
            &by_rsa,
        ),
        (
            "ES256",
            include_str!("../../../../tests/it/auth/keys/p256.pub.pem"),
            &by_p256,
        ),
        (
            "EdDSA",
            include_str!("../../../../tests/it/auth/keys/ed25519.pub.pem"),
            &by_ed25519,
        ),
    ];
    for (own, pem, _) in &sign {
        let verifier = verifier(&options(JwtKeySource::PublicKey((*pem).to_owned())));
        for (algorithm, _, sign) in &sign {
            let token = token(&json!({"alg": algorithm}), &right_claims(), sign);
            assert_eq!(
                verifier.verify(&token, 0).is_ok(),
                own == algorithm,
                "{algorithm} by {own}"
            );
            // One bit of the claims is flipped.
            let (head, rest) = token.split_once('.').expect("three parts");
            let forged = format!("{head}.{}", rest.replacen("ey", "fy", 1));
            assert!(verifier.verify(&forged, 0).is_err());
        }
    }
}

#[test]
fn scopes_are_found_wherever_issuers_put_them() {
    let by_default = by_secret();
    let configured = |claim: &str| {
        verifier(&JwtOptions {
            scope_claim: Some(claim.to_owned()),
            ..options(JwtKeySource::Secret(SECRET.to_owned()))
        })
    };
    let both = ["a", "b"];
    for (claims, verifier, expected) in [
        (json!({"scope": "a b"}), &by_default, &both[..]),
        (json!({"scope": ["a", "b"]}), &by_default, &both),
        (json!({"scp": "a b"}), &by_default, &both),
        (json!({"scp": ["a", "b"]}), &by_default, &both),
        (json!({"scope": "a", "scp": "b"}), &by_default, &both[..1]),
        (json!({"roles": "a b"}), &by_default, &[]),
        (json!({"scope": {"a": true}}), &by_default, &[]),
        (json!({}), &by_default, &[]),
        (json!({"scope": "x", "roles": ["a", "b"]}), &configured("roles"), &both),
        (
            json!({"realm_access": {"roles": ["a", "b"]}}),
            &configured("/realm_access/roles"),
            &both,
        ),
        (
            json!({"https://x.example/scopes": "a b"}),
            &configured("https://x.example/scopes"),
            &both,
        ),
        (json!({"scope": "a b"}), &configured("roles"), &[]),
    ] {
        assert_eq!(verifier.scopes(&claims), expected, "{claims}");
    }
}

proptest! {
    #[test]
    fn nothing_that_was_not_signed_is_accepted(bytes in proptest::collection::vec(any::<u8>(), 0..120), place in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let verifier = by_secret();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert!(verifier.verify(&text, 0).is_err());
        let part = encoded(&bytes);
        let token = [part.as_str(); 3].join(".");
        prop_assert!(verifier.verify(&token, 0).is_err());
        let right = signed(&right_claims());
        let mut changed = right.clone().into_bytes();
        let place = place.index(changed.len());
        changed[place] ^= 1 << bit;
        // Base64 leaves bits of its last digit unused: only another text for the same bytes could pass, and none does.
        prop_assert!(verifier.verify(&String::from_utf8_lossy(&changed), 0).is_err());
    }

    #[test]
    fn base64_of_the_tests_is_base64(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
        let text = encoded(&bytes);
        prop_assert_eq!(text.len(), (bytes.len() * 4).div_ceil(3));
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }
}
