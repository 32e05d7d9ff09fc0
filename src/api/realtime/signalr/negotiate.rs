//! `POST {hub}/negotiate`: returns the token that opens a connection, and the available transports.

use std::rc::Rc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::connection_registry::{ConnectionToken, random_text};
use super::hub_server::{HubServer, response};
use crate::api::realtime::admission::query_parameter;

/// Newest supported version of the negotiation.
const VERSION_MAX: u64 = 1;

/// A transport and its formats.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AvailableTransport {
    transport: &'static str,
    transfer_formats: &'static [&'static str],
}

/// In the order in which clients try them.
const TRANSPORTS: [AvailableTransport; 3] = [
    AvailableTransport {
        transport: "WebSockets",
        transfer_formats: &["Text", "Binary"],
    },
    AvailableTransport {
        transport: "ServerSentEvents",
        transfer_formats: &["Text"],
    },
    AvailableTransport {
        transport: "LongPolling",
        transfer_formats: &["Text", "Binary"],
    },
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Negotiation<'a> {
    negotiate_version: u64,
    connection_id: &'a str,
    /// Omitted in version 0, where the id was the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_token: Option<&'a str>,
    available_transports: &'static [AvailableTransport],
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
}

/// Handles a negotiation. The body is empty and is not read.
pub(super) async fn negotiate(server: Rc<HubServer>, request: HttpRequest, _: Payload) -> HttpResponse {
    let result = (|| {
        let caller = server.admission.admit(&request)?.caller;
        let version = match query_parameter(&request, "negotiateVersion") {
            None => 0,
            Some(text) => match text.parse::<u64>() {
                Ok(version) => version.min(VERSION_MAX),
                Err(_) => {
                    let error = "The client requested an invalid protocol version.";
                    return Ok(json(&Refused { error }));
                }
            },
        };
        // Checked here, where clients show the reason; a negotiation does not count as a connection.
        server.check_room(&caller)?;
        let token = ConnectionToken::random();
        let id = random_text();
        let negotiation = Negotiation {
            negotiate_version: version,
            connection_id: if version == 0 { token.reveal() } else { &id },
            connection_token: (version > 0).then(|| token.reveal()),
            available_transports: &TRANSPORTS,
        };
        let response = json(&negotiation);
        server.registry.negotiated(token, &caller);
        Ok(response)
    })();
    response(result, &request)
}

fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("Cache-Control", "no-store"))
        // Strings and lists of strings always serialize as JSON.
        .body(serde_json::to_vec(body).unwrap_or_default())
}
