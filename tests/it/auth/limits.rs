//! Throttling of failed logins, and rate limits of keys.

use reqwest::{Method, StatusCode};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::server::Server;

const KEYS: &str = r#"
[[api.keys]]
name = "known"
key = "tq_known-key-for-tests"
scopes = ["tickerq:read"]
[[api.keys]]
name = "late"
key = "tq_late-key-for-tests"
scopes = ["tickerq:read", "tickerq:admin"]
"#;

fn seconds(response: &ApiResponse) -> u64 {
    let text = response.header("retry-after").expect("a Retry-After");
    text.parse().expect("whole seconds")
}

async fn from(client: &Client, key: &str, forwarded: &str) -> ApiResponse {
    let request = client
        .request(Method::GET, "/queues")
        .bearer_auth(key)
        .header("x-forwarded-for", forwarded);
    client.send(request).await
}

#[tokio::test]
async fn failed_logins_are_throttled_and_known_callers_are_not() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let known = client.with_token("tq_known-key-for-tests");
    assert_eq!(known.get("/jobs").await.status, StatusCode::OK);
    for guess in 0..10 {
        client
            .with_token(&format!("guess-{guess}"))
            .get("/jobs")
            .await
            .problem(401);
    }
    let braked = client.with_token("guess-11").get("/jobs").await;
    let problem = braked.problem(429);
    assert_eq!(problem["type"], "urn:tickerq:problem:too-many-requests");
    assert!((1..=6).contains(&seconds(&braked)), "{braked:?}");
    assert_eq!(braked.header("www-authenticate"), None);
    // A correct guess is not confirmed while the address is throttled.
    client
        .with_token("tq_late-key-for-tests")
        .get("/jobs")
        .await
        .problem(429);
    assert_eq!(known.get("/jobs").await.status, StatusCode::OK);
    // A request without credentials is no failed login.
    client.get("/jobs").await.problem(401);
    let health = client.send(client.at_root(Method::GET, "/healthz")).await;
    assert_eq!(health.status, StatusCode::OK);
    eventually("the address is no longer throttled", || async {
        let known = client.with_token("tq_late-key-for-tests").get("/jobs").await;
        (known.status == StatusCode::OK).then_some(())
    })
    .await;
    let log = server.log();
    assert!(
        log.contains("authentication failed, throttling the client's address"),
        "{log}"
    );
    assert!(
        log.matches("authentication failed").count() <= 12,
        "throttled requests do not fill the log: {log}"
    );
}

#[tokio::test]
async fn behind_a_trusted_proxy_clients_are_throttled_individually() {
    let config = format!("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{KEYS}");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    for guess in 0..10 {
        from(&client, &format!("guess-{guess}"), "198.51.100.7")
            .await
            .problem(401);
    }
    from(&client, "guess-11", "198.51.100.7").await.problem(429);
    // A client's own entry is to the left of the proxy's.
    from(&client, "guess-12", "192.0.2.1, 198.51.100.7").await.problem(429);
    let other = from(&client, "tq_late-key-for-tests", "198.51.100.8").await;
    assert_eq!(other.status, StatusCode::OK);

    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    for guess in 0..10 {
        from(&client, &format!("guess-{guess}"), &format!("198.51.100.{guess}"))
            .await
            .problem(401);
    }
    let unbelieved = from(&client, "guess-11", "198.51.100.99").await;
    assert_eq!(
        unbelieved.status,
        StatusCode::TOO_MANY_REQUESTS,
        "headers of untrusted proxies are ignored"
    );
}

#[tokio::test]
async fn a_key_makes_as_many_requests_as_it_may() {
    let config = format!(
        "{KEYS}[[api.keys]]\nname = \"slow\"\nkey = \"tq_slow-key-for-tests\"\nscopes = [\"tickerq:read\"]\nrate_limit = \
         \"3/h\"\n"
    );
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let slow = client.with_token("tq_slow-key-for-tests");
    for left in [2, 1, 0] {
        let response = slow.get("/jobs").await;
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(response.header("ratelimit-policy"), Some("\"default\";q=3;w=3600"));
        let limit = response.header("ratelimit").expect("a RateLimit");
        assert!(limit.starts_with(&format!("\"default\";r={left};t=")), "{limit}");
    }
    let refused = slow.get("/jobs").await;
    let problem = refused.problem(429);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.starts_with("rate limit of 3 requests in 3600 s exceeded")),
        "{problem}"
    );
    assert!((1_100..=1_200).contains(&seconds(&refused)), "{}", seconds(&refused));
    assert!(
        refused
            .header("ratelimit")
            .is_some_and(|limit| limit.starts_with("\"default\";r=0;t=")),
        "{refused:?}"
    );
    // Limits are per key, and a key without one is unlimited.
    let other = client.with_token("tq_known-key-for-tests").get("/jobs").await;
    assert_eq!(other.status, StatusCode::OK);
    assert_eq!(other.header("ratelimit"), None);
}

#[tokio::test]
async fn two_keys_of_one_name_are_one_caller_while_a_key_is_replaced() {
    let key = |key: &str, rate: &str| {
        format!("[[api.keys]]\nname = \"ci\"\nkey = \"{key}\"\nscopes = [\"tickerq:read\"]\nrate_limit = \"{rate}\"\n")
    };
    let config = key("tq_old-key-for-tests", "3/h") + &key("tq_new-key-for-tests", "3/h");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let (old, new) = (
        client.with_token("tq_old-key-for-tests"),
        client.with_token("tq_new-key-for-tests"),
    );
    for caller in [&old, &new, &old] {
        assert_eq!(caller.get("/jobs").await.status, StatusCode::OK);
    }
    // A second key of the same caller shares the limit.
    for caller in [&old, &new] {
        caller.get("/jobs").await.problem(429);
    }
}

#[tokio::test]
async fn stale_credentials_of_a_probe_are_not_a_failed_login() {
    let (_site, server) = Server::with_config(KEYS);
    let stale = server.client().with_token("tq_a-key-that-was-removed");
    let probe = async |client: &Client, path: &str| client.send(client.at_root(Method::GET, path)).await;
    for path in ["/healthz", "/readyz"].repeat(15) {
        assert_eq!(probe(&stale, path).await.status, StatusCode::OK, "{path}");
    }
    // Logins from the same address are not throttled.
    let reader = server.client().with_token("tq_known-key-for-tests");
    assert_eq!(reader.get("/jobs").await.status, StatusCode::OK);
    assert!(!server.log().contains("refused"), "{}", server.log());
    stale.get("/jobs").await.problem(401);
    // Nor are health probes from a throttled address.
    eventually("logins have to wait", async || {
        (stale.get("/jobs").await.status == StatusCode::TOO_MANY_REQUESTS).then_some(())
    })
    .await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(probe(&stale, path).await.status, StatusCode::OK, "{path}");
    }
}
