//! Receives webhooks and verifies their signatures: `cargo run --example webhook SECRET`.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::io;

use tickerq_client::verify_webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> io::Result<()> {
    let secret = std::env::args().nth(1).unwrap_or_default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    loop {
        let (connection, _) = listener.accept().await?;
        // One request per connection; a broken one must not end the program.
        receive(connection, &secret).await.ok();
    }
}

/// Reads one HTTP request; a real program has a web framework for it.
async fn receive(mut connection: TcpStream, secret: &str) -> io::Result<()> {
    let mut request = Vec::new();
    let (head, body) = loop {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        let length: usize = header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        let start = head.len() + 4;
        if request.len() >= start + length {
            let signature = header("x-tickerq-signature").unwrap_or_default();
            // The bytes as received: JSON that was parsed and serialized again may differ.
            break (signature, request[start..start + length].to_vec());
        }
    };
    let is_genuine = verify_webhook(&body, &head, secret);
    let status = if is_genuine { "200 OK" } else { "401 Unauthorized" };
    let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    connection.write_all(response.as_bytes()).await?;
    if is_genuine {
        println!("{}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
