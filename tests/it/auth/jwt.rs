//! Authentication by signed tokens.

use std::fs;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::tokens::{
    ED25519_PUBLIC, P256_PUBLIC, RSA_PUBLIC, Signer, base64url, ed25519_jwk, now, p256_jwk, rsa_jwk, token, token_with,
};

const SECRET: &str = "a secret that is thirty-two bytes long or more";

fn config(key: &str) -> String {
    format!("[api.jwt]\nissuer = \"https://id.example\"\naudience = \"jobs\"\nleeway = \"00:00:05\"\n{key}\n")
}

fn by_secret() -> String {
    config(&format!("secret = \"{SECRET}\""))
}

fn by_public_key(pem: &str) -> String {
    config(&format!("public_key = \"\"\"\n{pem}\"\"\""))
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example",
        "aud": "jobs",
        "sub": "ann",
        "exp": now() + 300,
        "scope": "tickerq:read"
    })
}

/// Valid claims, one of them changed.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

async fn is_let_in(client: &Client, token: &str) -> bool {
    let response = client.with_token(token).get("/jobs").await;
    match response.status {
        StatusCode::OK => true,
        StatusCode::UNAUTHORIZED => {
            let challenge = response.header("www-authenticate").expect("a challenge");
            assert!(
                challenge.starts_with("Bearer realm=\"tickerq\", error=\"invalid_token\", error_description=\""),
                "{challenge}"
            );
            false
        }
        status => panic!("{status}: {}", response.text),
    }
}

#[tokio::test]
async fn every_kind_of_key_accepts_its_own_tokens_only() {
    let signers = [Signer::Hs256(SECRET), Signer::Rs256, Signer::Es256, Signer::EdDsa];
    let configs = [
        by_secret(),
        by_public_key(RSA_PUBLIC),
        by_public_key(P256_PUBLIC),
        by_public_key(ED25519_PUBLIC),
    ];
    for (own, config) in configs.iter().enumerate() {
        let (_site, server) = Server::with_config(config);
        let client = server.client();
        for (other, signer) in signers.iter().enumerate() {
            let token = token(&claims(), *signer);
            assert_eq!(is_let_in(&client, &token).await, own == other, "{other} at {own}");
            // The second response comes from the cache and is the same.
            assert_eq!(is_let_in(&client, &token).await, own == other, "{other} at {own}");
        }
    }
}

#[tokio::test]
async fn a_token_can_not_choose_how_it_is_checked() {
    let (_site, server) = Server::with_config(&by_public_key(RSA_PUBLIC));
    let client = server.client();
    // The public key as a shared secret.
    for secret in [RSA_PUBLIC, RSA_PUBLIC.trim()] {
        let confused = token(&claims(), Signer::Hs256(secret));
        assert!(!is_let_in(&client, &confused).await);
    }
    let head = base64url(json!({"alg": "none", "typ": "JWT"}).to_string().as_bytes());
    let body = base64url(claims().to_string().as_bytes());
    for unsigned in [format!("{head}.{body}."), format!("{head}.{body}.e30")] {
        assert!(!is_let_in(&client, &unsigned).await, "{unsigned}");
    }
    let own_key = token_with(
        &json!({"alg": "EdDSA", "jwk": ed25519_jwk("mine")}),
        &claims(),
        Signer::EdDsa,
    );
    assert!(!is_let_in(&client, &own_key).await, "a key in the token is not trusted");
    assert!(is_let_in(&client, &token(&claims(), Signer::Rs256)).await);
}

#[tokio::test]
async fn every_claim_is_checked_and_the_response_names_the_invalid_one() {
    let (_site, server) = Server::with_config(&by_secret());
    let client = server.client();
    for (claims, expected) in [
        (with("exp", json!(now() - 60)), "the token has expired"),
        (with("nbf", json!(now() + 60)), "the token is not valid yet"),
        (
            with("iss", json!("https://evil.example")),
            "the token's issuer is not trusted",
        ),
        (with("aud", json!("mail")), "the token has another audience"),
        (with("aud", json!(["mail", "news"])), "the token has another audience"),
        (
            with("exp", Value::Null),
            "the token lacks one of the required claims exp, iss and aud",
        ),
        (with("sub", Value::Null), "the token has no sub, client_id or azp claim"),
    ] {
        let response = client
            .with_token(&token(&claims, Signer::Hs256(SECRET)))
            .get("/jobs")
            .await;
        let problem = response.problem(401);
        assert_eq!(problem["detail"], expected, "{claims}");
        assert!(
            response
                .header("www-authenticate")
                .is_some_and(|challenge| challenge.contains(expected)),
            "{response:?}"
        );
    }
    let (_site, server) = Server::with_config(&by_secret());
    let client = server.client();
    for claims in [
        with("exp", json!(now() - 2)),
        with("nbf", json!(now() + 2)),
        with("aud", json!(["mail", "jobs"])),
    ] {
        assert!(
            is_let_in(&client, &token(&claims, Signer::Hs256(SECRET))).await,
            "{claims}"
        );
    }
}

#[tokio::test]
async fn an_accepted_token_is_rejected_after_its_expiry() {
    let config = "[api.jwt]\nleeway = \"00:00:00\"\nsecret = \"a secret that is thirty-two bytes long or more\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let short = json!({"sub": "ann", "exp": now() + 2, "scope": "tickerq:read"});
    let token = token(&short, Signer::Hs256(SECRET));
    assert!(is_let_in(&client, &token).await);
    crate::harness::eventually("the token is refused", || async {
        (!is_let_in(&client, &token).await).then_some(())
    })
    .await;
    assert!(now() >= short["exp"].as_u64().expect("a time"));
}

#[tokio::test]
async fn scopes_are_a_text_or_a_list_under_either_name() {
    let (_site, server) = Server::with_config(&by_secret());
    let client = server.client();
    for (name, value, may) in [
        ("scope", json!("tickerq:read tickerq:write"), true),
        ("scope", json!(["tickerq:read", "tickerq:write"]), true),
        ("scope", json!(["tickerq:read tickerq:write"]), true),
        ("scp", json!("tickerq:write"), true),
        ("scp", json!(["tickerq:write", "openid"]), true),
        ("scope", json!("tickerq:read"), false),
        ("scope", json!("tickerq:writer xtickerq:write"), false),
        ("scope", json!(["tickerq", "write"]), false),
        ("roles", json!(["tickerq:write"]), false),
    ] {
        let mut claims = with("scope", Value::Null);
        claims.as_object_mut().expect("claims").remove("scope");
        claims[name] = value;
        let caller = client.with_token(&token(&claims, Signer::Hs256(SECRET)));
        let response = caller.post("/jobs", json!({"type": "A"})).await;
        let expected = if may {
            StatusCode::CREATED
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(response.status, expected, "{claims}: {}", response.text);
    }
    let elsewhere = format!("{}scope_claim = \"/realm_access/roles\"\n", by_secret());
    let (_site, server) = Server::with_config(&elsewhere);
    let caller = with("realm_access", json!({"roles": ["tickerq:read"]}));
    assert!(is_let_in(&server.client(), &token(&caller, Signer::Hs256(SECRET))).await);
    let response = server
        .client()
        .with_token(&token(&claims(), Signer::Hs256(SECRET)))
        .get("/jobs")
        .await;
    response.problem(403);
}

#[tokio::test]
async fn keys_and_tokens_live_side_by_side() {
    let both = format!(
        "[[api.keys]]\nname = \"program\"\nkey = \"tq_program.key.for-tests\"\nscopes = [\"tickerq:read\"]\n{}",
        by_secret()
    );
    let (_site, server) = Server::with_config(&both);
    let client = server.client();
    assert!(
        is_let_in(&client, "tq_program.key.for-tests").await,
        "a key may look like a token"
    );
    assert!(is_let_in(&client, &token(&claims(), Signer::Hs256(SECRET))).await);
    assert!(!is_let_in(&client, "tq_other.key.for-tests").await);
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_a_token_names_a_new_one() {
    let site = Site::new(Storage::Sqlite, &config("jwks_file = \"keys.json\""));
    let file = site.path().join("keys.json");
    let write = |keys: Value| fs::write(&file, json!({ "keys": keys }).to_string()).expect("the keys are written");
    write(json!([rsa_jwk("old"), p256_jwk("also")]));
    let server = site.start();
    let client = server.client();
    let named = |id: Option<&str>, algorithm: &str, signer| {
        let mut header = json!({"alg": algorithm});
        if let Some(id) = id {
            header["kid"] = json!(id);
        }
        token_with(&header, &claims(), signer)
    };
    assert!(is_let_in(&client, &named(Some("old"), "RS256", Signer::Rs256)).await);
    assert!(is_let_in(&client, &named(Some("also"), "ES256", Signer::Es256)).await);
    assert!(
        is_let_in(&client, &named(None, "ES256", Signer::Es256)).await,
        "any key of its kind"
    );
    assert!(!is_let_in(&client, &named(Some("old"), "ES256", Signer::Es256)).await);
    assert!(!is_let_in(&client, &named(Some("also"), "RS256", Signer::Rs256)).await);

    write(json!([ed25519_jwk("new")]));
    let (old, new) = (
        named(Some("old"), "RS256", Signer::Rs256),
        named(Some("new"), "EdDSA", Signer::EdDsa),
    );
    // Requests with an accepted token check the file every ten seconds. Rejected ones would be throttled.
    crate::harness::eventually("the removed key is rejected", || async {
        (!is_let_in(&client, &old).await).then_some(())
    })
    .await;
    assert!(is_let_in(&client, &new).await);
    // An accepted token is cached for a minute; an unknown one is not.
    let unseen = with("sub", json!("eve"));
    assert!(
        !is_let_in(&client, &token(&unseen, Signer::Es256)).await,
        "its key is gone"
    );
}

#[test]
fn keys_that_can_not_be_used_stop_the_start() {
    let private = include_str!("keys/rsa.pem");
    let short = include_str!("keys/rsa-1024.pub.pem");
    let p384 = include_str!("keys/p384.pub.pem");
    for (key, expected) in [
        (
            "jwks_file = \"missing.json\"".to_owned(),
            "api.jwt.jwks_file: missing.json: can't be read",
        ),
        ("jwks_file = \"tickerq.toml\"".to_owned(), "is not a JSON Web Key Set"),
        (
            "jwks_file = \"empty.json\"".to_owned(),
            "has no key that this server can use",
        ),
        (
            format!("public_key = \"\"\"\n{short}\"\"\""),
            "api.jwt.public_key: is an RSA key of 1024 bits",
        ),
        (
            format!("public_key = \"\"\"\n{p384}\"\"\""),
            "api.jwt.public_key: is not an RSA, P-256 or Ed25519 public key",
        ),
        (
            format!("public_key = \"\"\"\n{private}\"\"\""),
            "api.jwt.public_key: is not a public key as PEM",
        ),
        ("secret = \"too short\"".to_owned(), "api.jwt.secret: has 9 bytes"),
    ] {
        let site = Site::new(Storage::Sqlite, &config(&key));
        fs::write(site.path().join("empty.json"), "{\"keys\": []}").expect("a file");
        for words in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let output = site.command(words).output().expect("the binary runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{words:?} {stderr}");
            assert!(
                stderr.contains(expected),
                "{words:?}\n  printed  {stderr}\n  expected {expected}"
            );
            assert!(!stderr.contains("too short"), "{stderr}");
        }
    }
}

#[tokio::test]
async fn the_subject_of_tokens_makes_as_many_requests_as_it_may() {
    let limited = format!("{}rate_limit = \"2/h\"\n", by_secret());
    let (_site, server) = Server::with_config(&limited);
    let client = server.client();
    let of = |subject: &str, until: u64| {
        let mut claims = with("sub", json!(subject));
        claims["exp"] = json!(now() + until);
        client.with_token(&token(&claims, Signer::Hs256(SECRET)))
    };
    // Another token of the same subject shares its limit.
    assert_eq!(of("ann", 100).get("/jobs").await.status, StatusCode::OK);
    assert_eq!(of("ann", 200).get("/jobs").await.status, StatusCode::OK);
    of("ann", 300).get("/jobs").await.problem(429);
    assert_eq!(of("bob", 100).get("/jobs").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_caller_reads_its_scopes_limit_and_expiry_and_the_server() {
    let config = format!(
        "[[api.keys]]\nname = \"program\"\nkey = \"tq_program.key.for-tests\"\nscopes = [\"tickerq:write\"]\nrate_limit = \"100/m\"\n{}",
        by_secret()
    );
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let of_key = client.with_token("tq_program.key.for-tests");
    let me = of_key.get("/me").await.json();
    assert_eq!(
        me,
        json!({
            "name": "program",
            "kind": "key",
            "scopes": ["tickerq:write"],
            "rateLimit": { "requests": 100, "per": "00:01:00" },
            "expiresAt": null,
        })
    );
    let mut claims = with("sub", json!("ann"));
    claims["exp"] = json!(now() + 300);
    claims["scope"] = json!("tickerq:read");
    let of_token = client.with_token(&token(&claims, Signer::Hs256(SECRET)));
    let query = "{ me { name kind scopes rateLimit { requests } expiresAt }
        server { version database features paths { rest graphql hub } limits { batchJobs } } }";
    let found = of_token.graphql(&json!({ "query": query })).await["data"].clone();
    assert_eq!(
        (&found["me"]["name"], &found["me"]["kind"], &found["me"]["scopes"]),
        (&json!("ann"), &json!("TOKEN"), &json!(["tickerq:read"])),
        "{found}"
    );
    let expires_at = found["me"]["expiresAt"].as_str().expect("a time");
    let expires_at: chrono::DateTime<chrono::Utc> = expires_at.parse().expect("a time");
    assert_eq!(json!(expires_at.timestamp()), claims["exp"]);
    // No scope is required, but a caller is.
    let info = of_key.get("/server").await.json();
    assert_eq!(
        (&info["database"], &info["paths"]["rest"]),
        (&json!("sqlite"), &json!("/api/tickerq")),
        "{info}"
    );
    let features: Vec<String> = serde_json::from_value(info["features"].clone()).expect("features");
    assert!(
        features.contains(&"authentication".to_owned()) && features.is_sorted(),
        "{info}"
    );
    for part in ["version", "features"] {
        assert_eq!(found["server"][part], info[part]);
    }
    assert_eq!(found["server"]["paths"]["hub"], info["paths"]["hub"]);
    assert_eq!(found["server"]["limits"]["batchJobs"], info["limits"]["batchJobs"]);
    for path in ["/me", "/server"] {
        assert_eq!(client.get(path).await.status, 401, "{path}");
    }
}
