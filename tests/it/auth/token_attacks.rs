//! Tokens and headers that no server may accept, and that none may fail on.

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::{Server, Site, Storage};
use crate::harness::tokens::{P256_PUBLIC, RSA_PUBLIC, Signer, base64url, now, p256_jwk, rsa_jwk, token, token_with};

const PROXY: &str = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";
const LIMITS: &str = "issuer = \"https://id.example\"\naudience = \"jobs\"\nleeway = \"00:00:00\"\n";

fn claims() -> Value {
    json!({
        "iss": "https://id.example",
        "aud": "jobs",
        "sub": "ann",
        "exp": now() + 300,
        "scope": "tickerq:read"
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// The three parts of a token, with its own or another signature.
fn of_parts(header: &Value, claims: &str, signature: &str) -> String {
    let (header, claims) = (base64url(header.to_string().as_bytes()), base64url(claims.as_bytes()));
    format!("{header}.{claims}.{signature}")
}

/// Invalid tokens.
fn bad_tokens() -> Vec<(&'static str, String)> {
    let good = token(&claims(), Signer::Rs256);
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("{good}")
    };
    let text = claims().to_string();
    let signed = |header: Value| token_with(&header, &claims(), Signer::Rs256);
    let mut tokens = vec![
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{good}.{signature}")),
        ("one part", head.to_owned()),
        ("dots", "...".to_owned()),
        ("the signature of another token", {
            let other = token(&with("sub", json!("bob")), Signer::Rs256);
            format!("{head}.{body}.{}", other.rsplit('.').next().expect("a signature"))
        }),
        (
            "a signature that is cut",
            format!("{head}.{body}.{}", &signature[..signature.len() - 4]),
        ),
        (
            "zeros as a signature",
            format!("{head}.{body}.{}", "A".repeat(signature.len())),
        ),
        ("padding", format!("{head}.{body}.{signature}==")),
        ("claims that were changed", {
            let changed = base64url(with("scope", json!("tickerq:admin")).to_string().as_bytes());
            format!("{head}.{changed}.{signature}")
        }),
        (
            "claims that are no JSON",
            of_parts(&json!({ "alg": "RS256" }), "{", signature),
        ),
        (
            "claims that are a list",
            of_parts(&json!({ "alg": "RS256" }), "[]", signature),
        ),
        (
            "a header that is no JSON",
            format!("{}.{body}.{signature}", base64url(b"{\"alg\"")),
        ),
        (
            "an unknown critical extension",
            signed(json!({ "alg": "RS256", "crit": ["x"], "x": 1 })),
        ),
        (
            "an empty critical extension",
            signed(json!({ "alg": "RS256", "crit": [] })),
        ),
        (
            "an encoding that is not base64",
            signed(json!({ "alg": "RS256", "b64": false, "crit": ["b64"] })),
        ),
        ("HS256 with the public key", token(&claims(), Signer::Hs256(RSA_PUBLIC))),
        (
            "HS256 with the other public key",
            token(&claims(), Signer::Hs256(P256_PUBLIC)),
        ),
        ("HS256 without a secret", token(&claims(), Signer::Hs256(""))),
        ("an algorithm that the key is not for", token(&claims(), Signer::EdDsa)),
        (
            "RS256 in name, HMAC in fact",
            token_with(&json!({ "alg": "RS256" }), &claims(), Signer::Hs256(RSA_PUBLIC)),
        ),
        ("RS512 in name, RS256 in fact", signed(json!({ "alg": "RS512" }))),
        ("PS256 in name, RS256 in fact", signed(json!({ "alg": "PS256" }))),
        ("no algorithm", signed(json!({ "typ": "JWT" }))),
        ("an algorithm that is a number", signed(json!({ "alg": 256 }))),
        (
            "an encrypted token",
            signed(json!({ "alg": "RSA-OAEP", "enc": "A256GCM" })),
        ),
        (
            "a signature of zeros for ECDSA",
            of_parts(&json!({ "alg": "ES256" }), &text, &base64url(&[0; 64])),
        ),
        ("expired", token(&with("exp", json!(now() - 10)), Signer::Rs256)),
        ("expired long ago", token(&with("exp", json!(-1)), Signer::Rs256)),
        (
            "an expiry that is a text",
            token(&with("exp", json!("9999999999")), Signer::Rs256),
        ),
        ("no expiry", token(&with("exp", Value::Null), Signer::Rs256)),
        ("not valid yet", token(&with("nbf", json!(now() + 600)), Signer::Rs256)),
        ("another audience", token(&with("aud", json!("mail")), Signer::Rs256)),
        ("no audience", token(&with("aud", Value::Null), Signer::Rs256)),
        (
            "an audience that begins as ours",
            token(&with("aud", json!("jobs2")), Signer::Rs256),
        ),
        (
            "another issuer",
            token(&with("iss", json!("https://id.example.evil")), Signer::Rs256),
        ),
        (
            "an issuer with a slash",
            token(&with("iss", json!("https://id.example/")), Signer::Rs256),
        ),
        ("no issuer", token(&with("iss", Value::Null), Signer::Rs256)),
        ("no subject", token(&with("sub", json!("")), Signer::Rs256)),
        (
            "a subject that is an object",
            token(&with("sub", json!({ "name": "ann" })), Signer::Rs256),
        ),
        (
            "a subject with a line break",
            token(&with("sub", json!("ann\nbob")), Signer::Rs256),
        ),
    ];
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256 ", "rs256"] {
        let header = json!({ "alg": algorithm, "typ": "JWT" });
        tokens.push(("an algorithm of no key", of_parts(&header, &text, "")));
        tokens.push(("an algorithm of no key, signed", of_parts(&header, &text, signature)));
    }
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "https://evil.example/keys",
        "\u{0}",
        "",
        "RSA-1",
    ] {
        tokens.push((
            "a key by a name that leads elsewhere",
            token_with(&json!({ "alg": "HS256", "kid": kid }), &claims(), Signer::Hs256("")),
        ));
    }
    for (name, value) in [
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/cert")),
        ("jwk", rsa_jwk("mine")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({ "alg": "EdDSA" });
        header[name] = value;
        tokens.push((
            "a key that comes with the token",
            token_with(&header, &claims(), Signer::EdDsa),
        ));
    }
    tokens
}

/// Sends a request from its own address: ten invalid tokens throttle an address.
async fn send(client: &Client, token: &str, index: usize) -> ApiResponse {
    let address = format!("2001:db8:{index:x}::1");
    let request = client
        .with_token(token)
        .request(Method::GET, "/jobs")
        .header("x-forwarded-for", address);
    client.send(request).await
}

fn check_refused(response: &ApiResponse, what: &str, bad: &str) {
    let status = response.status;
    assert!(
        matches!(status, StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST),
        "{what}: {status} {} {bad}",
        response.text
    );
    // A rejection contains only the reason.
    assert!(
        bad.len() < 12 || !response.text.contains(bad),
        "{what}: {}",
        response.text
    );
}

#[tokio::test]
async fn no_forged_or_broken_token_is_accepted() {
    let jwks = json!({ "keys": [rsa_jwk("rsa-1"), p256_jwk("p256-1")] });
    let with_file = Site::new(
        Storage::Sqlite,
        &format!("{PROXY}[api.jwt]\n{LIMITS}jwks_file = \"keys.json\"\n"),
    );
    std::fs::write(with_file.path().join("keys.json"), jwks.to_string()).expect("the keys are written");
    let with_pem = Site::new(
        Storage::Sqlite,
        &format!("{PROXY}[api.jwt]\n{LIMITS}public_key = \"\"\"\n{RSA_PUBLIC}\"\"\"\n"),
    );
    for site in [&with_file, &with_pem] {
        let server = site.start();
        let client = server.client();
        for (index, (what, bad)) in bad_tokens().iter().enumerate() {
            check_refused(&send(&client, bad, index).await, what, bad);
        }
        let good = send(&client, &token(&claims(), Signer::Rs256), 0).await;
        assert_eq!(good.status, 200, "{}", good.text);
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}

#[tokio::test]
async fn several_or_too_long_credentials_are_rejected_as_malformed() {
    let (_site, server) = Server::with_config(&format!("[api.jwt]\n{LIMITS}public_key = \"\"\"\n{RSA_PUBLIC}\"\"\"\n"));
    let client = server.client();
    let good = format!("Bearer {}", token(&claims(), Signer::Rs256));
    let send = |values: Vec<String>| {
        let mut request = client.request(Method::GET, "/jobs");
        for value in values {
            request = request.header(AUTHORIZATION, value);
        }
        let client = client.clone();
        async move { client.send(request).await }
    };
    assert_eq!(send(vec![good.clone()]).await.status, 200);
    for values in [
        vec![good.clone(), good.clone()],
        vec![good.clone(), "Basic YTpi".to_owned()],
        vec!["Basic YTpi".to_owned(), good.clone()],
        vec![format!("{good}, {good}")],
        vec![format!("{good} {good}")],
        vec![format!("Bearer {}", "a".repeat(8_193))],
    ] {
        let excerpt = format!("{:.60}", values.join(" | "));
        let response = send(values).await;
        assert!(
            matches!(response.status.as_u16(), 400 | 401),
            "{excerpt}: {} {}",
            response.status,
            response.text
        );
    }
    // A header of this size is rejected by the HTTP parser.
    let huge = send(vec![format!("Bearer {}", "a".repeat(200_000))]).await;
    assert!(matches!(huge.status.as_u16(), 400 | 413 | 431), "{}", huge.status);
    assert_eq!(send(vec![good]).await.status, 200);
}
