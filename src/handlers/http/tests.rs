//! Tests with real requests over real sockets.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::sample_job::context;
use crate::webhooks::egress_policy::EgressPolicy;

/// Timeout of every step.
const SOON: Duration = Duration::from_secs(20);

fn options(url: impl Into<String>) -> HttpHandlerOptions {
    HttpHandlerOptions {
        url: url.into(),
        secret: None,
        headers: Vec::new(),
        permanent_statuses: None,
    }
}

fn handler(url: impl Into<String>) -> HttpHandler {
    HttpHandler::new(
        options(url),
        HandlerLimits::default(),
        HttpClient::new(EgressPolicy::PRIVATE_ALLOWED).unwrap(),
    )
    .unwrap()
}

/// Reads a request with its complete body.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let length = stream.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "the request ends early");
        request.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let expected = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            })
            .expect("a content length");
        if body.len() >= expected.parse::<usize>().unwrap() {
            return text.into_owned();
        }
    }
}

/// An endpoint that responds to one request with these bytes and closes the connection.
async fn endpoint(response: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let response = response.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        // The client may close the connection first.
        let _ = stream.write_all(&response).await;
        request
    });
    (address, serving)
}

/// The outcome of a job whose endpoint responds with these bytes.
async fn outcome_of(response: impl Into<Vec<u8>>) -> (SocketAddr, Result<Option<String>, Failure>) {
    let (address, _serving) = endpoint(response).await;
    let outcome = timeout(SOON, handler(format!("http://{address}/email")).run(context("{}")))
        .await
        .expect("it ends");
    (address, outcome.map(|json| json.map(|json| json.as_str().to_owned())))
}

fn with_body(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn the_job_is_posted_with_its_parameters_unchanged() {
    let (address, serving) = endpoint(with_body("200 OK", "", "")).await;
    let mut options = options(format!("http://{address}/email?to=x"));
    options.secret = Some("a shared secret".to_owned());
    options.headers = vec![("Authorization".to_owned(), "Bearer abc".to_owned())];
    let handler = HttpHandler::new(
        options,
        HandlerLimits::default(),
        HttpClient::new(EgressPolicy::PRIVATE_ALLOWED).unwrap(),
    )
    .unwrap();
    let context = context(r#"{"z": 1.10,  "a": 123456789012345678901234567890}"#);
    let id = context.job.id;
    assert_eq!(handler.run(context).await, Ok(None));

    let request = serving.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let expected = format!(
        r#"{{"jobId":"{id}","type":"InvoiceJob","name":"Rechnung № 7","queue":"billing","attempt":2,"parameters":{{"z": 1.10,  "a": 123456789012345678901234567890}},"priority":"high","createdAt":"2023-11-14T22:13:20.123Z","retryCount":1,"maxRetries":3}}"#
    );
    assert_eq!(body, expected);
    assert!(head.starts_with("POST /email?to=x HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    for line in [
        "content-type: application/json".to_owned(),
        format!("user-agent: tickerq/{}", env!("CARGO_PKG_VERSION")),
        format!("x-tickerq-job-id: {id}"),
        "x-tickerq-attempt: 2".to_owned(),
        "authorization: bearer abc".to_owned(),
        format!("x-tickerq-signature: {}", sign("a shared secret", expected.as_bytes())),
    ] {
        assert!(head.lines().any(|given| given == line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (address, serving) = endpoint(with_body("204 No Content", "", "")).await;
    assert_eq!(
        handler(format!("http://{address}/")).run(context("null")).await,
        Ok(None)
    );
    assert!(!serving.await.unwrap().to_ascii_lowercase().contains("signature"));
}

#[tokio::test]
async fn a_body_is_the_result_as_json_or_as_a_string() {
    let json = with_body("200 OK", "Content-Type: application/json\r\n", r#"{"sent": 1.0}"#);
    assert_eq!(outcome_of(json).await.1, Ok(Some(r#"{"sent": 1.0}"#.to_owned())));
    let text = with_body("201 Created", "Content-Type: text/plain\r\n", "sent");
    assert_eq!(outcome_of(text).await.1, Ok(Some(r#""sent""#.to_owned())));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n";
    assert_eq!(outcome_of(chunked).await.1, Ok(Some("[1,2]".to_owned())));
    assert_eq!(outcome_of("HTTP/1.1 204 No Content\r\n\r\n").await.1, Ok(None));
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_permanently_with_and_without_content_length() {
    let too_large = Err(HandlerLimits::default().result_too_large());
    let announced = with_body("200 OK", "", &"x".repeat(1024 * 1024 + 1));
    assert_eq!(outcome_of(announced).await.1, too_large);
    let unannounced = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1024 * 1024 + 1));
    assert_eq!(outcome_of(unannounced).await.1, too_large);
    let fits = format!("HTTP/1.1 200 OK\r\n\r\n\"{}\"", "x".repeat(1024 * 1024 - 2));
    assert!(outcome_of(fits).await.1.is_ok());
}

#[tokio::test]
async fn a_permanent_status_fails_with_the_start_of_the_body_as_the_detail() {
    let (address, outcome) = outcome_of(with_body("404 Not Found", "Retry-After: 9\r\n", "no such route")).await;
    assert_eq!(
        outcome,
        Err(
            Failure::permanent(format!("http://{address}/email responded with 404 Not Found"))
                .with_detail("no such route")
        )
    );
    let (_, outcome) = outcome_of(with_body("422 Unprocessable Entity", "", &"x".repeat(1_000_000))).await;
    assert_eq!(outcome.unwrap_err().detail.map(|detail| detail.len()), Some(4096));
}

#[tokio::test]
async fn a_server_error_is_retried_by_the_policy() {
    let (address, outcome) = outcome_of(with_body("500 Internal Server Error", "", "")).await;
    assert_eq!(
        outcome,
        Err(Failure::new(format!(
            "http://{address}/email responded with 500 Internal Server Error"
        )))
    );
    let (address, outcome) = outcome_of("HTTP/1.1 599 Whatever\r\nContent-Length: 50\r\n\r\nbroken off").await;
    assert_eq!(
        outcome,
        Err(Failure::new(format!("http://{address}/email responded with 599")).with_detail("broken off"))
    );
}

#[tokio::test]
async fn retry_after_is_respected_in_both_forms() {
    let wait = async |headers: &str| {
        let (_, outcome) = outcome_of(with_body("429 Too Many Requests", headers, "")).await;
        outcome.unwrap_err().retry
    };
    let not_before = |seconds| RetryAdvice::NotBefore(TimeSpan::from_secs(seconds));
    assert_eq!(wait("Retry-After: 120\r\n").await, not_before(120));
    let dated = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n";
    assert_eq!(wait(dated).await, not_before(30));
    assert_eq!(wait("Retry-After: soon\r\n").await, RetryAdvice::ByPolicy);
    // The sample's attempt started at 22:14:20, and this took less than a minute.
    let undated = wait("Retry-After: Tue, 14 Nov 2023 22:24:20 GMT\r\n").await;
    assert!(
        matches!(undated, RetryAdvice::NotBefore(wait) if wait > TimeSpan::from_secs(540) && wait <= TimeSpan::from_secs(600)),
        "{undated:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_host_is_reported() {
    let moved = with_body(
        "301 Moved Permanently",
        "Location: https://elsewhere.example/secret?x=1\r\n",
        "",
    );
    let (address, outcome) = outcome_of(moved).await;
    assert_eq!(
        outcome,
        Err(Failure::permanent(format!(
            "http://{address}/email responded with 301 Moved Permanently, a redirect to elsewhere.example; redirects are not followed"
        )))
    );
    let (_, outcome) = outcome_of(with_body("302 Found", "Location: /login\r\n", "")).await;
    assert!(outcome.unwrap_err().error.contains("a redirect to 127.0.0.1;"));
    let (_, outcome) = outcome_of(with_body("304 Not Modified", "", "")).await;
    assert!(outcome.unwrap_err().error.contains("a redirect without a Location;"));
}

#[tokio::test]
async fn an_unreachable_endpoint_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(
        handler(format!("http://{address}/email")).run(context("{}")).await,
        Err(Failure::new(format!(
            "could not connect to {address}: connection refused"
        )))
    );
}

#[tokio::test]
async fn an_incomplete_or_invalid_response_is_retried() {
    let (address, outcome) = outcome_of("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"sent\":").await;
    let failure = outcome.unwrap_err();
    assert!(
        failure
            .error
            .starts_with(&format!("http://{address}/email sent an incomplete response: ")),
        "{}",
        failure.error
    );
    assert_eq!(failure.retry, RetryAdvice::ByPolicy);
    for nonsense in [
        "",
        "HTTP/1.1 200",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "\0\x01\x02\x03\r\n\r\n",
    ] {
        let (address, outcome) = outcome_of(nonsense).await;
        let failure = outcome.unwrap_err();
        assert!(
            failure
                .error
                .starts_with(&format!("http://{address}/email sent no response: ")),
            "{}",
            failure.error
        );
        assert_eq!(failure.retry, RetryAdvice::ByPolicy, "{nonsense}");
    }
}

#[tokio::test]
async fn an_endpoint_without_tls_is_retried_with_the_reason() {
    let client = HttpClient::new(EgressPolicy::PRIVATE_ALLOWED).unwrap();
    if client.certificate_error().is_some() {
        let refused = HttpHandler::new(options("https://127.0.0.1/"), HandlerLimits::default(), client);
        assert!(matches!(refused, Err(InvalidHttpHandler::NoCertificates { .. })));
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // Open until the client has read the response.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let failure = handler(format!("https://{address}/"))
        .run(context("{}"))
        .await
        .unwrap_err();
    assert!(
        failure.error.starts_with(&format!("could not connect to {address}: ")),
        "{}",
        failure.error
    );
    assert_eq!(failure.retry, RetryAdvice::ByPolicy);
    serving.await.unwrap();
}

/// An endpoint that responds with these bytes and then stalls. It signals the request, and ends when the client closes
/// the connection.
async fn hanging_endpoint(response: &'static str) -> (SocketAddr, oneshot::Receiver<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (requested, was_requested) = oneshot::channel();
    let hung_up = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(response.as_bytes()).await.unwrap();
        requested.send(()).unwrap();
        // Either the end of the stream or a reset.
        let _ = stream.read(&mut [0]).await;
    });
    (address, was_requested, hung_up)
}

#[tokio::test]
async fn a_dropped_future_aborts_the_request() {
    for response in ["", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"] {
        let (address, was_requested, hung_up) = hanging_endpoint(response).await;
        let handler = handler(format!("http://{address}/"));
        let running = tokio::spawn(async move { handler.run(context("{}")).await });
        was_requested.await.unwrap();
        running.abort();
        timeout(SOON, hung_up).await.expect("the client hangs up").unwrap();
    }
}

#[tokio::test]
async fn a_cancelled_job_aborts_its_request() {
    let (address, was_requested, hung_up) = hanging_endpoint("").await;
    let handler = handler(format!("http://{address}/"));
    let context = context("{}");
    let cancellation = context.cancellation.clone();
    let running = tokio::spawn(async move { handler.run(context).await });
    was_requested.await.unwrap();
    cancellation.cancel();
    let failure = timeout(SOON, running).await.unwrap().unwrap().unwrap_err();
    assert_eq!(&*failure.error, "the request was aborted: the job was cancelled");
    timeout(SOON, hung_up).await.expect("the client hangs up").unwrap();
}

#[tokio::test]
async fn a_job_cancelled_before_its_start_sends_no_request() {
    let context = context("{}");
    context.cancellation.cancel();
    let failure = handler("http://127.0.0.1:1/").run(context).await.unwrap_err();
    assert_eq!(&*failure.error, "the job was cancelled before its endpoint was called");
}

#[tokio::test]
async fn a_slow_response_is_awaited() {
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_request(&mut stream).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            stream
                .write_all(with_body("200 OK", "", "[true]").as_bytes())
                .await
                .unwrap();
            request
        });
        let outcome = handler(format!("http://{address}/slow")).run(context("{}")).await;
        assert_eq!(outcome, Ok(Some(Json::from_valid("[true]"))));
        assert!(serving.await.unwrap().starts_with("POST /slow "));
    }
}

#[tokio::test]
async fn queries_are_not_included_in_errors() {
    let (address, _serving) = endpoint(with_body("503 Service Unavailable", "", "")).await;
    let failure = handler(format!("http://{address}/email?token=s3cret#x"))
        .run(context("{}"))
        .await
        .unwrap_err();
    assert_eq!(
        &*failure.error,
        format!("http://{address}/email responded with 503 Service Unavailable")
    );
}
