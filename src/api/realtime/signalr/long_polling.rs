//! Long polling: a poll completes when there are messages.

use std::time::Duration;

use actix::Addr;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, rt};
use bytes::BytesMut;

use super::http_connection::{Fetch, Fetched, HttpConnection};

/// Time after which a poll has an empty response, before the timeout of clients, which is 100 s.
const POLL_TIME: Duration = Duration::from_secs(90);

/// Response to the first poll: empty and immediate. The client sends its handshake after it.
pub(super) fn first_response() -> HttpResponse {
    of(StatusCode::OK).finish()
}

/// Response to a further poll.
pub(super) async fn poll(address: &Addr<HttpConnection>) -> HttpResponse {
    match rt::time::timeout(POLL_TIME, address.send(Fetch)).await {
        Ok(Ok(Fetched::Messages(messages))) => {
            let mut body = BytesMut::new();
            for message in messages {
                body.extend_from_slice(&message);
            }
            of(StatusCode::OK)
                .content_type("application/octet-stream")
                .body(body.freeze())
        }
        // The end of polling.
        Ok(Ok(Fetched::Superseded | Fetched::Over) | Err(_)) => of(StatusCode::NO_CONTENT).finish(),
        Err(_) => of(StatusCode::OK).finish(),
    }
}

fn of(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header(("Cache-Control", "no-store"));
    response
}
