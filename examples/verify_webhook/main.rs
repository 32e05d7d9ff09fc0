//! A webhook receiver in Rust: verifies deliveries with `hmac` and `sha2`, then reads them.
//!
//! ```sh
//! TICKERQ_SECRET=webhook-secret-key cargo run --example verify_webhook
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example reads its environment and prints deliveries"
)]

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Verifies that `signature` is by this secret over the exact bytes of `body`, in constant time.
fn verify(secret: &str, body: &[u8], signature: &str) -> bool {
    let Some(hex) = signature.strip_prefix("sha256=").filter(|hex| hex.len() == 64) else {
        return false;
    };
    let digits: Option<Vec<u8>> = (0..32)
        .map(|index| u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok())
        .collect();
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    digits.is_some_and(|digits| mac.chain_update(body).verify_slice(&digits).is_ok())
}

async fn receive(request: HttpRequest, body: web::Bytes, secret: web::Data<String>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if !verify(&secret, &body, header("x-tickerq-signature").unwrap_or_default()) {
        return HttpResponse::Unauthorized().finish();
    }
    let payload: serde_json::Value = match serde_json::from_slice(&body) {
        Ok(payload) => payload,
        Err(_) => return HttpResponse::BadRequest().finish(),
    };
    println!(
        "{} {} {}",
        header("webhook-id").unwrap_or_default(),
        payload["event"],
        payload["data"]["jobId"]
    );
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
