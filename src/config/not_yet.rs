//! Settings that later versions will have. Writing one stops the start: to ignore it in silence would leave somebody
//! believing that the server asks for a key, or calls a webhook.

use std::net::SocketAddr;

use super::section::Section;

/// Refuses whole sections.
pub(super) fn refuse_sections(root: &mut Section<'_>) {
    for key in ["webhooks", "metrics", "telemetry", "sync"] {
        refuse(root, key, key);
    }
}

/// Refuses what needs authentication.
pub(super) fn refuse_authentication(api: &mut Section<'_>) {
    refuse(api, "keys", "API keys");
    refuse(api, "jwt", "JWT authentication");
    api.optional_if("require_authentication", |required: &bool| {
        refuse_if(
            *required,
            "this version has no authentication yet; set it to false or leave it out",
        )
    });
    api.optional_if("authentication_scheme", |scheme: &String| {
        refuse_if(
            scheme != "Bearer",
            "this version has no authentication yet; the only scheme will be \"Bearer\"",
        )
    });
    api.optional_if("required_scopes", |scopes: &Vec<String>| {
        refuse_if(
            !scopes.is_empty(),
            "this version has no authentication yet; leave it empty",
        )
    });
}

/// Refuses cross-origin requests.
pub(super) fn refuse_cors(server: &mut Section<'_>) {
    server.optional_if("cors_origins", |origins: &Vec<String>| {
        refuse_if(!origins.is_empty(), "this version has no CORS yet; leave it empty")
    });
}

/// Refuses an address that other machines can reach as long as nothing can ask them who they are.
pub(super) fn refuse_open_address(address: &SocketAddr) -> Result<(), String> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "{address} can be reached from other machines, and this version has no authentication yet; listen on \
         127.0.0.1:{port} or [::1]:{port}, and let a reverse proxy that authenticates callers pass them on",
        port = address.port()
    ))
}

fn refuse(section: &mut Section<'_>, key: &'static str, what: &str) {
    if let Some(entry) = section.entry_of_later_version(key) {
        section.error(
            &entry.source,
            key,
            format_args!("this version has no {what} yet; remove it"),
        );
    }
}

fn refuse_if(refused: bool, message: &str) -> Result<(), String> {
    if refused { Err(message.to_owned()) } else { Ok(()) }
}
