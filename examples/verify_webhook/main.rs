//! A webhook receiver in Rust: verifies deliveries with `base64`, `hmac` and `sha2`, then reads them.
//!
//! ```sh
//! TICKERQ_SECRET=webhook-secret-key cargo run --example verify_webhook
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example reads its environment and prints deliveries"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The key of a secret: its text, or the decoded bytes after `whsec_`.
fn key_of(secret: &str) -> Option<Vec<u8>> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(secret.as_bytes().to_vec()),
    }
}

/// Verifies that one of the signatures is by this secret over the exact bytes of `body`, at most five minutes ago. Compares
/// in constant time.
fn verify(secret: &str, body: &[u8], id: &str, time: &str, signatures: &str) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let is_recent = time.parse::<u64>().is_ok_and(|time| now.abs_diff(time) <= 300);
    let mac = key_of(secret).and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok());
    let Some(mac) = mac.filter(|_| is_recent) else {
        return false;
    };
    let mac = mac.chain_update(format!("{id}.{time}.")).chain_update(body);
    let mut codes = signatures
        .split(' ')
        .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    codes.any(|code| mac.clone().verify_slice(&code).is_ok())
}

async fn receive(request: HttpRequest, body: web::Bytes, secret: web::Data<String>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let [id, time, signatures] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| header(name).unwrap_or_default());
    if !verify(&secret, &body, id, time, signatures) {
        return HttpResponse::Unauthorized().finish();
    }
    let payload: serde_json::Value = match serde_json::from_slice(&body) {
        Ok(payload) => payload,
        Err(_) => return HttpResponse::BadRequest().finish(),
    };
    println!("{id} {} {}", payload["event"], payload["data"]["jobId"]);
    HttpResponse::NoContent().finish()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = web::Data::new(std::env::var("TICKERQ_SECRET")?);
    let port = std::env::args().nth(1).map_or(Ok(8080), |port| port.parse())?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(secret.clone())
            .default_service(web::post().to(receive))
    })
    .workers(1)
    .bind(("127.0.0.1", port))?;
    println!("listening");
    Ok(server.run().await?)
}
