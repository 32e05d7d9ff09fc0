//! Accepted and rejected requests, and their responses.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, ORIGIN};
use actix_web::test::TestRequest;
use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};

use super::*;
use crate::domain::access::caller::{CallerKind, Scope, Scopes};

const KEY: &str = "tq_a-key-for-these-tests-only";

fn key(name: &str, text: &str, scopes: &[&str], rate: Option<Rate>) -> ApiKey {
    ApiKey {
        name: name.to_owned(),
        digest: Sha256::digest(text).into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        rate,
    }
}

fn authenticator(keys: Vec<ApiKey>) -> Authenticator {
    Authenticator::new(AuthOptions {
        is_required: true,
        keys,
        ..AuthOptions::default()
    })
    .expect("an authenticator")
}

fn reader() -> Authenticator {
    authenticator(vec![key("reader", KEY, &["tickerq:read"], None)])
}

fn request(token: &str, from: &str) -> HttpRequest {
    TestRequest::get()
        .insert_header((AUTHORIZATION, format!("Bearer {token}")))
        .peer_addr(format!("{from}:4711").parse().expect("an address"))
        .to_http_request()
}

#[test]
fn a_key_determines_the_caller_its_address_and_its_scopes() {
    let caller = reader().authenticate(&request(KEY, "192.0.2.1")).expect("accepted");
    assert_eq!(&**caller.name(), "reader");
    assert_eq!(caller.kind(), CallerKind::Key);
    assert_eq!(caller.address, Some("192.0.2.1".parse().expect("an address")));
    assert!(caller.may(Scope::Read));
    assert!(!caller.may(Scope::Write) && !caller.may(Scope::Admin));
}

#[test]
fn missing_and_wrong_credentials_are_rejected() {
    let authenticator = reader();
    let nothing = TestRequest::get().to_http_request();
    assert_eq!(
        authenticator.authenticate(&nothing).expect_err("rejected"),
        AuthFailure::Missing
    );
    for token in [
        "tq_another-key",
        "tq_a-key-for-these-tests-onl",
        "tq_a-key-for-these-tests-only2",
        "a.b.c",
    ] {
        let rejected = authenticator
            .authenticate(&request(token, "192.0.2.1"))
            .expect_err("rejected");
        assert_eq!(rejected, AuthFailure::Invalid("invalid API key"), "{token}");
    }
}

#[test]
fn a_scope_without_a_name_is_granted_to_every_caller() {
    let authenticator = Authenticator::new(AuthOptions {
        is_required: true,
        granted: Scopes::none().with(Scope::Read).with(Scope::Write),
        keys: vec![key("any", KEY, &["tickerq:admin"], None)],
        ..AuthOptions::default()
    })
    .expect("an authenticator");
    let caller = authenticator
        .authenticate(&request(KEY, "192.0.2.1"))
        .expect("accepted");
    assert!(Scope::ALL.into_iter().all(|scope| caller.may(scope)));
}

#[test]
fn a_token_in_the_query_opens_streams_and_nothing_else() {
    let authenticator = reader();
    let uri = format!("/hub?access_token={KEY}");
    let in_query = TestRequest::with_uri(&uri).to_http_request();
    assert!(authenticator.authenticate_stream(&in_query).is_ok());
    assert_eq!(
        authenticator.authenticate(&in_query).expect_err("rejected"),
        AuthFailure::Missing
    );
    let twice = TestRequest::with_uri(&uri)
        .insert_header((AUTHORIZATION, format!("Bearer {KEY}")))
        .to_http_request();
    for rejected in [
        authenticator.authenticate_stream(&twice),
        authenticator.authenticate(&twice),
    ] {
        assert!(matches!(rejected, Err(AuthFailure::Malformed(_))));
    }
    let foreign = TestRequest::with_uri(&uri)
        .insert_header((ORIGIN, "https://evil.example"))
        .to_http_request();
    assert_eq!(
        authenticator.authenticate_stream(&foreign).expect_err("rejected"),
        AuthFailure::ForeignOrigin
    );
}

#[test]
fn without_authentication_every_caller_is_accepted_but_foreign_pages() {
    let authenticator = Authenticator::new(AuthOptions::default()).expect("an authenticator");
    let any_caller = TestRequest::get()
        .insert_header((AUTHORIZATION, "Bearer whatever"))
        .to_http_request();
    let caller = authenticator.authenticate(&any_caller).expect("accepted");
    assert_eq!(caller.kind(), CallerKind::Anonymous);
    assert!(Scope::ALL.into_iter().all(|scope| caller.may(scope)));
    let foreign = |method: Method| {
        TestRequest::default()
            .method(method)
            .insert_header((ORIGIN, "https://evil.example"))
            .to_http_request()
    };
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        assert_eq!(
            authenticator.authenticate(&foreign(method)).expect_err("rejected"),
            AuthFailure::ForeignOrigin
        );
    }
    let from_link = |dest| {
        TestRequest::get()
            .insert_header(("sec-fetch-site", "cross-site"))
            .insert_header(("sec-fetch-mode", "navigate"))
            .insert_header(("sec-fetch-dest", dest))
            .to_http_request()
    };
    assert!(authenticator.authenticate(&from_link("document")).is_err());
    assert!(authenticator.authenticate_document(&from_link("document")).is_ok());
    assert!(authenticator.authenticate_document(&from_link("iframe")).is_err());
}

#[test]
fn an_address_that_guesses_waits_but_a_key_that_was_accepted_there_still_works() {
    let keys = vec![
        key("known here", KEY, &["tickerq:read"], None),
        key("new here", "tq_another-key-for-tests", &["tickerq:read"], None),
    ];
    let authenticator = authenticator(keys);
    assert!(authenticator.authenticate(&request(KEY, "192.0.2.1")).is_ok());
    for guess in 0..10 {
        let rejected = authenticator.authenticate(&request(&format!("guess-number-{guess}"), "192.0.2.1"));
        assert!(matches!(rejected, Err(AuthFailure::Invalid(_))));
    }
    for token in ["guess-number-11", "tq_another-key-for-tests", "a.signed.token"] {
        let rejected = authenticator
            .authenticate(&request(token, "192.0.2.1"))
            .expect_err("throttled");
        let AuthFailure::Throttled { retry_after } = rejected else {
            panic!("{rejected:?} for {token}");
        };
        assert!(retry_after <= Duration::from_secs(6) && !retry_after.is_zero());
    }
    assert!(
        authenticator.authenticate(&request(KEY, "192.0.2.1")).is_ok(),
        "it was accepted from here before"
    );
    assert!(
        authenticator
            .authenticate(&request("tq_another-key-for-tests", "192.0.2.2"))
            .is_ok()
    );
}

#[test]
fn a_key_is_rate_limited() {
    let rate = Rate {
        capacity: 3,
        per: Duration::from_secs(3_600),
    };
    let authenticator = authenticator(vec![
        key("slow", KEY, &["tickerq:read"], Some(rate)),
        key("free", "tq_another-key-for-tests", &["tickerq:read"], None),
    ]);
    for left in [2, 1, 0] {
        let request = request(KEY, "192.0.2.1");
        assert!(authenticator.authenticate(&request).is_ok());
        let quota = request.extensions().get::<CallerRate>().map(CallerRate::quota);
        let quota = quota.expect("the quota");
        assert_eq!(quota.remaining, left);
    }
    let request_too_many = request(KEY, "192.0.2.9");
    let rejected = authenticator.authenticate(&request_too_many).expect_err("too many");
    assert!(matches!(rejected, AuthFailure::TooMany { .. }));
    assert!(
        rejected
            .retry_after()
            .is_some_and(|wait| wait > Duration::from_secs(1_000))
    );
    assert!(request_too_many.extensions().get::<CallerRate>().is_some());
    assert!(
        authenticator.authenticate_stream(&request(KEY, "192.0.2.1")).is_ok(),
        "streams are not counted"
    );
    let free = request("tq_another-key-for-tests", "192.0.2.1");
    assert!(authenticator.authenticate(&free).is_ok());
    assert!(free.extensions().get::<CallerRate>().is_none());
}

#[test]
fn error_texts_are_valid_in_headers() {
    let failures = [
        AuthFailure::Missing,
        AuthFailure::Malformed("the token after Bearer is missing"),
        AuthFailure::Invalid("the token has expired"),
    ];
    let challenges: Vec<String> = failures.iter().filter_map(AuthFailure::challenge).collect();
    assert_eq!(
        challenges,
        [
            "Bearer realm=\"tickerq\"",
            "Bearer realm=\"tickerq\", error=\"invalid_request\", error_description=\"the token after Bearer is missing\"",
            "Bearer realm=\"tickerq\", error=\"invalid_token\", error_description=\"the token has expired\"",
        ]
    );
    assert_eq!(
        insufficient_scope("tickerq:write"),
        "Bearer realm=\"tickerq\", error=\"insufficient_scope\", scope=\"tickerq:write\""
    );
}
